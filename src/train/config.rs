//! How to train: everything but the data, checked before it can run.

use std::num::{NonZeroU64, NonZeroUsize};
use std::sync::Arc;

use crate::error::{Error, Result};
use crate::kernel::Tier;
use crate::shuffle::{Batches, Shuffle};
use crate::update::{Average, Clip, Optimizer, Rule, Schedule};

/// The arguments of a fit. Every part has checked itself when it was made.
#[derive(Debug, Clone)]
pub struct Config {
    /// Which rows each step sees.
    pub batches: Batches,
    /// How the parameters move.
    pub optimizer: Optimizer,
    /// Batches whose gradients make one step together.
    pub accumulate: NonZeroUsize,
    /// What of the parameters is averaged to be the model, if anything.
    pub average: Option<Average>,
    /// The longest gradient allowed, if any.
    pub clip: Option<Clip>,
    /// Passes over the data.
    pub n_epochs: u64,
    /// What is written down meanwhile.
    pub record: Record,
    /// Threads to use at most; the result does not depend on it.
    pub n_threads: usize,
    /// Instructions to use; the result does not depend on it.
    pub tier: Tier,
    /// Of several processes: after how many steps, each made by every process on its own share of the batches, parameters and
    /// what the optimizer remembers are averaged. If none, all make every step together. One process makes the
    /// same steps either way.
    pub sync_every: Option<NonZeroUsize>,
    /// Of sparse rows: a step moves the columns of its batch alone, and others catch up when they are needed, if there are more
    /// than so many columns for every entry of a batch. [`COLUMNS_FOR_ENTRY`] is fast; the last bits depend on it.
    ///
    /// [`COLUMNS_FOR_ENTRY`]: super::COLUMNS_FOR_ENTRY
    pub columns_for_entry: usize,
    /// The positions of the epoch begun whose rows the problem has, if these are not all rows.
    pub window: Option<Window>,
}

/// A part of an epoch, of whose rows a problem is: what is larger than memory is trained on part by part. A run ends where
/// a step would want rows from behind it, and goes on from there with the next part, as any run that is resumed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Window {
    /// The first position.
    pub first: usize,
    /// The row of the problem that each position has, from the first on.
    pub rows: Arc<[u32]>,
}

impl Window {
    /// The position after the last.
    pub(super) fn end(&self) -> usize {
        self.first + self.rows.len()
    }
}

impl Config {
    /// That the parts fit together.
    pub(super) fn check(&self) -> Result<()> {
        if self.average.is_some() && self.optimizer.averages() {
            let message =
                "average must be None with a schedule-free optimizer: its model is an average already";
            return Err(Error::Incompatible(message.into()));
        }
        self.check_local_steps()?;
        let shuffle = self.batches.shuffle();
        let is_made_for_a_size = matches!(shuffle, Shuffle::Stratified(_) | Shuffle::Sharded(_));
        if self.batches.norm_test().is_some() && is_made_for_a_size {
            return Err(Error::Incompatible(format!(
                "batch_size must not be a NormTest with shuffle={}, whose orders are made for batches of a size \
                 known before",
                shuffle.name()
            )));
        }
        Ok(())
    }

    /// That nothing looks at the steps that processes make on their own.
    fn check_local_steps(&self) -> Result<()> {
        let Some(every) = self.sync_every else { return Ok(()) };
        let Record { steps, path, noise, .. } = self.record;
        let rule = &self.optimizer.rule;
        let recorded = [("step", steps), ("path", path), ("noise", noise)].into_iter().find(|(_, is)| *is);
        let (argument, got) = if rule.variance_reduction().is_some() {
            ("optimizer must not reduce the variance of gradients", rule.name())
        } else if matches!(rule, Rule::Ftrl(_)) {
            // Its parameters follow from its sums, and their mean not from the mean of these.
            ("optimizer must remember no sums that its parameters follow from", rule.name())
        } else if rule.preconditioner().is_some() {
            ("preconditioner must be None", "one")
        } else if matches!(self.optimizer.learning_rate, Schedule::Auto(_)) {
            ("learning_rate must be a number, a schedule or a function of the step", "'auto'")
        } else if self.batches.norm_test().is_some() {
            ("batch_size must be known before", "a NormTest")
        } else if let Some((name, _)) = recorded {
            ("record must be of epochs", name)
        } else if self.window.is_some() {
            ("X must be in memory", "a part of the rows")
        } else {
            return Ok(());
        };
        Err(Error::Incompatible(format!(
            "{argument} with sync_every={every}, where every process makes steps of its own, got {got}"
        )))
    }
}

/// What is written down besides the loss of every epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Record {
    /// Loss, learning rate, gradient norm and time of every step.
    pub steps: bool,
    /// The objective over all rows, after every epoch, or after every step if those are recorded.
    pub full_loss: bool,
    /// The parameters after every step.
    pub path: bool,
    /// What the batch of every eighth step says about the noise of its gradient.
    pub noise: bool,
    /// Of which steps the callback is told, if of any.
    pub told: Option<StepsTold>,
}

/// Steps that the callback is told of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StepsTold {
    /// Every so many, counted over the whole run.
    pub every: NonZeroU64,
    /// Whether it is told the parameters, too: to copy them takes as long as there are many.
    pub with_params: bool,
}

impl Record {
    /// Whether the callback is told of step t, counted from 0.
    #[inline(always)]
    pub(super) fn tells(&self, t: u64) -> bool {
        self.told.is_some_and(|told| (t + 1).is_multiple_of(told.every.get()))
    }

    /// Whether it is told of one of the `n_made` steps up to t.
    pub(super) fn tells_of(&self, t: u64, n_made: u64) -> bool {
        self.told.is_some_and(|told| (t + 1) % told.every.get() < n_made)
    }

    /// Whether somebody wants to know what step t was like.
    #[inline(always)]
    pub(super) fn wants_step(&self, t: u64) -> bool {
        self.steps || self.tells(t)
    }
}
