//! The orders of the epochs, each made while the one before trains if a thread is to spare for it.

use std::ops::ControlFlow;
use std::panic::resume_unwind;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use crate::error::Result;
use crate::shuffle::{Batches, Order, Workspace};

/// Rows whose order takes much longer to make than a thread to start.
const ROWS_WORTH_A_THREAD: usize = 1 << 15;

/// Where orders come from. Buffers are kept: after the second epoch none is allocated.
#[derive(Debug)]
pub(super) struct Orders {
    batches: Batches,
    n_threads: usize,
    workspace: Workspace,
    is_worth_a_thread: bool,
    /// The epoch and the order made ahead for it.
    ahead: Option<(u64, Order)>,
    /// A buffer to make the next order in.
    spent: Order,
}

impl Orders {
    /// Orders for `batches`, made by so many threads where all wait for them.
    pub(super) fn new(batches: Batches, n_threads: usize) -> Self {
        let is_worth_a_thread = batches.reorders() && batches.n_rows() >= ROWS_WORTH_A_THREAD;
        Self {
            batches,
            n_threads,
            workspace: Workspace::default(),
            is_worth_a_thread,
            ahead: None,
            spent: Order::Sequential,
        }
    }

    /// The order of an epoch, in exchange for one that is no longer needed.
    pub(super) fn exchange(
        &mut self,
        epoch: u64,
        old: Order,
        interrupted: &dyn Fn() -> bool,
    ) -> Result<Order> {
        match self.ahead.take() {
            Some((ready, order)) if ready == epoch => {
                self.spent = old;
                Ok(order)
            }
            _ => {
                self.workspace.share(self.n_threads);
                self.batches.of_epoch(epoch).order(epoch, old, &mut self.workspace, interrupted)
            }
        }
    }

    /// Trains an epoch, and meanwhile makes the order of `next_epoch` on a thread that training does not use,
    /// if that is worth it. The order is given up if training ends.
    pub(super) fn while_making<B>(
        &mut self,
        next_epoch: u64,
        train: impl FnOnce() -> Result<ControlFlow<B>>,
    ) -> Result<ControlFlow<B>> {
        if !self.is_worth_a_thread {
            return train();
        }
        let is_given_up = AtomicBool::new(false);
        let (batches, workspace) = (&self.batches, &mut self.workspace);
        workspace.share(1);
        let spent = std::mem::take(&mut self.spent);
        thread::scope(|scope| {
            let interrupted = || is_given_up.load(Ordering::Relaxed);
            let make = move || batches.of_epoch(next_epoch).order(next_epoch, spent, workspace, &interrupted);
            let maker = thread::Builder::new().name("mbgd-order".into()).spawn_scoped(scope, make);
            let trained = train();
            if !matches!(trained, Ok(ControlFlow::Continue(()))) {
                is_given_up.store(true, Ordering::Relaxed);
            }
            // Without a thread, or with an error, the order is made when it is needed, and the error met then.
            if let Ok(maker) = maker {
                let order = maker.join().unwrap_or_else(|panic| resume_unwind(panic));
                self.ahead = order.ok().map(|order| (next_epoch, order));
            }
            trained
        })
    }
}
