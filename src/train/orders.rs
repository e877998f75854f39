//! `OrderBuffers`: double-buffered permutations: the order of the next epoch is made while this one trains.

use std::panic::resume_unwind;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};

use crate::error::Result;
use crate::shuffle::{Batches, Order, Workspace};

/// Rows whose order takes much longer to make than a thread to start.
const ROWS_WORTH_A_THREAD: usize = 1 << 15;

/// Where orders come from. Buffers are kept: after the second epoch none is allocated.
#[derive(Debug)]
pub(super) struct OrderBuffers {
    batches: Batches,
    n_threads: usize,
    workspace: Workspace,
    is_worth_a_thread: bool,
    /// Whether an order was taken.
    has_begun: bool,
    /// The order that is being made ahead.
    ahead: Option<Ahead>,
    /// The buffer to make the next order in.
    back: Order,
}

/// An order under way in a thread of its own.
#[derive(Debug)]
struct Ahead {
    epoch: u64,
    is_cancelled: Arc<AtomicBool>,
    maker: JoinHandle<(Result<Order>, Workspace)>,
}

impl OrderBuffers {
    /// Orders for `batches`, made by so many threads where all wait for them.
    pub(super) fn new(batches: Batches, n_threads: usize) -> Self {
        let is_worth_a_thread = batches.reorders() && batches.n_rows() >= ROWS_WORTH_A_THREAD;
        let (workspace, back) = (Workspace::default(), Order::Sequential);
        Self { batches, n_threads, workspace, is_worth_a_thread, has_begun: false, ahead: None, back }
    }

    /// The order of an epoch, in exchange for that of the epoch before.
    pub(super) fn take(&mut self, epoch: u64, old: Order, interrupted: &dyn Fn() -> bool) -> Result<Order> {
        if self.has_begun && !self.batches.reorders() {
            return Ok(old);
        }
        let made = self.ahead.take().filter(|ahead| ahead.epoch == epoch).map(|ahead| self.join(ahead));
        let order = match made {
            Some(Ok(order)) => {
                self.back = old;
                order
            }
            // Without a thread, or with an error, the order is made now, and the error met now.
            _ => {
                self.workspace.share(self.n_threads);
                self.batches.of_epoch(epoch).order(epoch, old, &mut self.workspace, interrupted)?
            }
        };
        self.has_begun = true;
        Ok(order)
    }

    /// Begins to make the order of an epoch, on a thread that training does not use, if that is worth it.
    pub(super) fn prefetch(&mut self, epoch: u64) {
        if !self.is_worth_a_thread {
            return;
        }
        let is_cancelled = Arc::new(AtomicBool::new(false));
        let flag = Arc::clone(&is_cancelled);
        let (batches, back) = (self.batches.of_epoch(epoch), std::mem::take(&mut self.back));
        let mut workspace = std::mem::take(&mut self.workspace);
        workspace.share(1);
        let make = move || {
            let order = batches.order(epoch, back, &mut workspace, &|| flag.load(Ordering::Relaxed));
            (order, workspace)
        };
        let maker = thread::Builder::new().name("mbgd-order".into()).spawn(make);
        self.ahead = maker.ok().map(|maker| Ahead { epoch, is_cancelled, maker });
    }

    fn join(&mut self, ahead: Ahead) -> Result<Order> {
        let (order, workspace) = ahead.maker.join().unwrap_or_else(|panic| resume_unwind(panic));
        self.workspace = workspace;
        order
    }
}

/// No thread outlives a run.
impl Drop for OrderBuffers {
    fn drop(&mut self) {
        if let Some(ahead) = self.ahead.take() {
            ahead.is_cancelled.store(true, Ordering::Relaxed);
            let _ = ahead.maker.join();
        }
    }
}
