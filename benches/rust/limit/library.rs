//! The library's fit, measured by itself.

use std::num::NonZeroUsize;
use std::ops::ControlFlow;
use std::time::Duration;

use mbgd_rs::gradient::Problem;
use mbgd_rs::kernel::Tier;
use mbgd_rs::scalar::Scalar;
use mbgd_rs::shuffle::{Batches, BatchesConfig, Shuffle};
use mbgd_rs::train::{COLUMNS_FOR_ENTRY, Config, Record, State, fit};
use mbgd_rs::update::schedule::Constant;
use mbgd_rs::update::{Optimizer, Rule, Schedule};

pub struct Run<'a, T> {
    pub problem: &'a Problem<'a, T>,
    pub rule: Rule,
    pub rate: f64,
    pub batch_size: usize,
    pub is_shuffled: bool,
    pub n_threads: usize,
}

impl<T: Scalar> Run<'_, T> {
    /// The times of so many epochs: two more are made. The first finds the caches cold, and the last makes no order for
    /// the next.
    pub fn epochs(&self, n_epochs: usize) -> Vec<Duration> {
        let n_params = self.problem.layout().len();
        let shuffle = if self.is_shuffled { Shuffle::Full } else { Shuffle::Sequential };
        let n_rows = self.problem.n_rows();
        let batches = BatchesConfig { shuffle, ..BatchesConfig::new(n_rows, self.batch_size) };
        let rate = Schedule::Constant(Constant::new(self.rate).expect("positive"));
        let config = Config {
            batches: Batches::new(batches).expect("valid"),
            optimizer: Optimizer { rule: self.rule, learning_rate: rate },
            accumulate: NonZeroUsize::MIN,
            average: None,
            clip: None,
            n_epochs: n_epochs as u64 + 2,
            record: Record::default(),
            n_threads: self.n_threads,
            tier: Tier::best(),
            sync_every: None,
            columns_for_entry: COLUMNS_FOR_ENTRY,
            window: None,
        };
        let memory = config.optimizer.init(n_params).expect("memory");
        let state = State::new(vec![T::ZERO; n_params], memory);
        let run = fit(self.problem, &config, state, &|| false, &mut |_| ControlFlow::Continue(()));
        let ends = run.expect("a fit").history.epoch_elapsed;
        ends.windows(2).take(n_epochs).map(|ends| Duration::from_secs_f64(ends[1] - ends[0])).collect()
    }
}
