//! How often gradient descent leaves a shallow minimum: the same walk many times, with new batches each time.

use crate::data::Order;
use crate::error::{Error, Result, checked, try_filled, try_reserved};
use crate::landscape::{Landscape, Position};
use crate::pool;
use crate::shuffle::{Batches, BatchesConfig, Workspace};

/// Steps between two polls: less than a millisecond.
const STEPS_BETWEEN_POLLS: usize = 1 << 14;

/// Gradient descent on batches of the terms of a landscape, `w -= learning_rate g`.
#[derive(Debug, Clone)]
pub struct Descent<'a> {
    landscape: &'a Landscape,
    start: Position,
    batches: BatchesConfig,
    learning_rate: f64,
    n_epochs: u64,
}

/// How many runs escaped and how many diverged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Escapes {
    /// Runs that were in the deep valley after a step; they end there.
    pub n_escaped: u64,
    /// Runs that became non-finite before that.
    pub n_diverged: u64,
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Stayed,
    Escaped,
    Diverged,
}

/// Buffers kept from run to run, so that only the first run allocates.
#[derive(Default)]
struct WalkBuffers {
    order: Order,
    workspace: Workspace,
}

impl<'a> Descent<'a> {
    /// A walk from a finite `start`, at a rate that is finite and > 0, over batches of all terms.
    ///
    /// # Errors
    /// If an argument is out of its range.
    pub fn new(
        landscape: &'a Landscape,
        start: Position,
        batches: BatchesConfig,
        learning_rate: f64,
        n_epochs: u64,
    ) -> Result<Self> {
        if let Some(column) = start.iter().position(|w| !w.is_finite()) {
            return Err(Error::NotFinite { argument: "start", row: 0, column, value: start[column] });
        }
        let is_rate = |rate: f64| rate.is_finite() && rate > 0.0;
        checked("learning_rate", "finite and > 0", learning_rate, is_rate)?;
        Batches::new(batches.clone())?;
        Ok(Self { landscape, start, batches, learning_rate, n_epochs })
    }

    /// The path of run 0: its start and its position after every step, as long as it is finite.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`], [`Error::Interrupted`].
    pub fn path(&self, interrupted: &dyn Fn() -> bool) -> Result<Vec<Position>> {
        let n_steps = Batches::new(self.batches.clone())?.n_steps() as u64;
        let n_points = n_steps.saturating_mul(self.n_epochs).saturating_add(1);
        let mut path = try_reserved("a path", usize::try_from(n_points).unwrap_or(usize::MAX))?;
        path.push(self.start);
        let after_step = |w| {
            path.push(w);
            None
        };
        self.run(0, &mut WalkBuffers::default(), interrupted, after_step)?;
        Ok(path)
    }

    /// Runs 0 to `n_runs` - 1; run r draws its batches with seed + r. The outcomes do not depend on
    /// `n_threads`.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`], [`Error::Interrupted`].
    pub fn escapes(
        &self,
        n_runs: usize,
        n_threads: usize,
        interrupted: &dyn Fn() -> bool,
    ) -> Result<Escapes> {
        let mut outcomes = try_filled("the ends of the runs", n_runs, Outcome::Stayed)?;
        let n_threads = n_threads.min(n_runs);
        let one = |buffers: &mut WalkBuffers, run, outcome: &mut [Outcome], ends: &dyn Fn() -> bool| {
            let after_step = |w| self.landscape.has_escaped(w).then_some(Outcome::Escaped);
            outcome[0] = self.run(run as u64, buffers, ends, after_step)?;
            Ok(())
        };
        pool::each_chunk(n_threads, &mut outcomes, 1, interrupted, || Ok(WalkBuffers::default()), one)?;
        let count = |end| outcomes.iter().filter(|&&outcome| outcome == end).count() as u64;
        Ok(Escapes { n_escaped: count(Outcome::Escaped), n_diverged: count(Outcome::Diverged) })
    }

    /// One run, until `after_step` returns its outcome.
    fn run(
        &self,
        run: u64,
        buffers: &mut WalkBuffers,
        interrupted: &dyn Fn() -> bool,
        mut after_step: impl FnMut(Position) -> Option<Outcome>,
    ) -> Result<Outcome> {
        let seed = self.batches.seed.wrapping_add(run);
        let batches = Batches::new(BatchesConfig { seed, ..self.batches.clone() })?;
        let Self { landscape, learning_rate, .. } = *self;
        let (terms, mut w, mut n_unpolled) = (landscape.terms(), self.start, 0);
        for epoch in 0..self.n_epochs {
            let order = std::mem::take(&mut buffers.order);
            buffers.order = batches.order(epoch, order, &mut buffers.workspace, interrupted)?;
            for step in 0..batches.n_steps() {
                let slopes = batches.positions(step).map(|position| terms[buffers.order.row(position)]);
                let [u, v] = landscape.batch_gradient(w, slopes);
                w = [w[0] - learning_rate * u, w[1] - learning_rate * v];
                if !(w[0].is_finite() && w[1].is_finite()) {
                    return Ok(Outcome::Diverged);
                }
                if let Some(end) = after_step(w) {
                    return Ok(end);
                }
            }
            n_unpolled += batches.n_steps();
            if n_unpolled >= STEPS_BETWEEN_POLLS {
                n_unpolled = 0;
                if interrupted() {
                    return Err(Error::Interrupted);
                }
            }
        }
        Ok(Outcome::Stayed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::landscape::{BentDoubleWell, DoubleWell};

    fn landscape() -> Landscape {
        Landscape::on_line(DoubleWell::new(0.25, 0.1).unwrap(), 2.0, 64).unwrap()
    }

    fn descent(landscape: &Landscape, batch_size: usize, learning_rate: f64) -> Descent<'_> {
        let batches = BatchesConfig::new(landscape.terms().len(), batch_size);
        Descent::new(landscape, landscape.rests()[0], batches, learning_rate, 20).unwrap()
    }

    #[test]
    fn the_number_of_threads_does_not_matter() {
        let landscape = landscape();
        let descent = descent(&landscape, 1, 0.06);
        let expected = descent.escapes(300, 1, &|| false).unwrap();
        assert!(expected.n_escaped > 20 && expected.n_escaped < 280, "{expected:?}");
        for n_threads in [2, 3, 8, 1000] {
            assert_eq!(descent.escapes(300, n_threads, &|| false).unwrap(), expected);
        }
    }

    #[test]
    fn without_noise_nobody_escapes() {
        let well = DoubleWell::new(0.25, 0.1).unwrap();
        let bent = BentDoubleWell::new(well, 0.5, 2.0).unwrap();
        for landscape in [landscape(), Landscape::in_plane(bent, 3.0, 64).unwrap()] {
            let found = descent(&landscape, 64, 0.3).escapes(50, 2, &|| false).unwrap();
            assert_eq!(found, Escapes { n_escaped: 0, n_diverged: 0 });
        }
    }

    #[test]
    fn what_diverges_is_counted_apart() {
        let landscape = landscape();
        let found = descent(&landscape, 1, 50.0).escapes(20, 2, &|| false).unwrap();
        assert!(found.n_diverged > 10 && found.n_escaped + found.n_diverged <= 20, "{found:?}");
        let path = descent(&landscape, 1, 50.0).path(&|| false).unwrap();
        assert!(path.len() < 20 && path.iter().flatten().all(|w| w.is_finite()));
    }

    #[test]
    fn the_path_is_that_of_the_first_run() {
        let landscape = landscape();
        let descent = descent(&landscape, 1, 0.05);
        let path = descent.path(&|| false).unwrap();
        assert_eq!(path.len(), 20 * 64 + 1);
        let has_escaped = path.iter().any(|&w| landscape.has_escaped(w));
        assert_eq!(descent.escapes(1, 1, &|| false).unwrap().n_escaped, u64::from(has_escaped));
    }

    #[test]
    fn it_can_be_interrupted_and_refuses_what_cannot_be() {
        let landscape = landscape();
        for n_threads in [1, 2] {
            let error = descent(&landscape, 1, 0.05).escapes(1000, n_threads, &|| true).unwrap_err();
            assert_eq!(error, Error::Interrupted);
        }
        let at =
            |start, rate, b| Descent::new(&landscape, start, BatchesConfig::new(64, b), rate, 1).map(drop);
        assert_eq!(
            at([0.0; 2], 0.0, 1).unwrap_err().to_string(),
            "learning_rate must be finite and > 0, got 0"
        );
        assert!(at([f64::NAN, 0.0], 0.1, 1).is_err() && at([0.0; 2], 0.1, 0).is_err());
    }
}
