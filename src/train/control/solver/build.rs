//! How the metric of a solver is built: of which kind, of which rows.

use super::Solver;
use super::drift::is_wide;
use super::geometry::Standardisation;
use super::samples::{draw, gather};
use crate::error::{Error, Result};
use crate::gradient::{Evaluator, Penalty, Problem};
use crate::rng::{SKETCH, Stream};
use crate::scalar::Scalar;
use crate::train::Config;
use crate::update::Preconditioner;
use crate::update::metric::{Geometry, Metric, Workers};

/// Rows of each of the two samples that a metric is built of. Twice as many make it no better on any of the data tried.
const ROWS_OF_SAMPLE: usize = 1000;
/// Rows of those for a sketch, which cost its rank each; and for every eigenvalue.
const FEWEST_ROWS_OF_SKETCH: usize = 512;
const ROWS_FOR_EIGENVALUE: usize = 4;
/// A sample has at most so many entries, and at least so many rows.
const ENTRIES_OF_SAMPLE: usize = 1 << 23;
const FEWEST_ROWS: usize = 16;
/// The rank of a sketch at first, and how often it doubles: to 128. With 256 the sketches of 10,000 x 784 take longer than the
/// epochs they save, with 64 there are half as many epochs more.
const FIRST_RANK: usize = 16;
const MOST_DOUBLINGS: u64 = 3;
/// A proximal map in the metric costs the square of its rank.
const LARGEST_RANK_WITH_PROX: usize = 16;
/// A sketch has at most so many ranks for every row of a batch, and entries in all.
const RANKS_OF_BATCH: usize = 4;
const ENTRIES_OF_SKETCH: usize = 1 << 18;
/// Below this rank a diagonal is as good.
const LEAST_RANK: usize = 8;
/// All of the curvature is learned of at most so many columns for every row of a batch.
const COLUMNS_OF_BATCH: usize = 2;

impl<T: Scalar> Solver<T> {
    /// Builds the metric at the evaluator's parameters.
    pub(super) fn build(
        &mut self,
        problem: &Problem<'_, T>,
        config: &Config,
        evaluator: &mut Evaluator<'_, '_, T>,
    ) -> Result<()> {
        let batch_size =
            config.batches.batch_size().saturating_mul(config.accumulate.get()).min(problem.n_rows());
        let wanted = self.wanted(problem, config, batch_size);
        let rank = match wanted {
            Some(Preconditioner::Nystrom { rank }) => rank.unwrap_or(FIRST_RANK),
            _ => 0,
        };
        let n_rows_wanted = match rank > 0 {
            true => FEWEST_ROWS_OF_SKETCH.max(ROWS_FOR_EIGENVALUE * rank),
            false => ROWS_OF_SAMPLE,
        };
        let most_rows = (ENTRIES_OF_SAMPLE / (problem.layout().n_columns() + 1)).max(FEWEST_ROWS);
        let n_wanted = n_rows_wanted.min(most_rows);
        let (first, second) = draw(problem, config.batches.seed(), self.n_builds, n_wanted)?;
        let Standardisation { columns, penalty, largest_squares, .. } = &self.standardisation;
        let are_apart = matches!(wanted, None | Some(Preconditioner::Diagonal | Preconditioner::Auto));
        let first = gather(problem, evaluator.params(), (columns, are_apart), &first, config.tier)?;
        let second = match second {
            Some(second) => &gather(problem, evaluator.params(), (columns, are_apart), &second, config.tier)?,
            None => &first,
        };
        let last_damping = self.metric.as_ref().map_or(0.0, |metric| metric.damping);
        let signs = Stream::new(config.batches.seed(), self.n_builds as u32, SKETCH);
        let interrupted = evaluator.interrupted();
        let (workers, n_rows) =
            (Workers { tier: config.tier, n_threads: config.n_threads, interrupted }, problem.n_rows());
        let geometry = Geometry {
            workers,
            columns,
            penalty,
            largest_squares,
            fits_intercept: problem.fits_intercept(),
            n_rows,
            batch_size,
            last_damping,
            signs,
        };
        let built = match wanted {
            None => Metric::plain(second, geometry)?,
            Some(Preconditioner::Newton) => Metric::newton(&first, second, geometry)?,
            Some(Preconditioner::Nystrom { .. }) => Metric::nystrom(rank, &first, second, geometry)?,
            Some(Preconditioner::Diagonal | Preconditioner::Auto) => {
                Metric::diagonal(&first, second, geometry)?
            }
        };
        evaluator.poll(2 * n_wanted)?;
        self.n_builds += 1;
        match built {
            Some(metric) => {
                self.metric = Some(metric);
                self.proximal = None;
            }
            None if self.metric.is_some() => {} // numbers have left their range: the last metric is as good
            None => {
                return Err(Error::Incompatible(format!(
                    "{} found no step size: the curvature of the loss on these rows leaves the range of the numbers",
                    config.optimizer.rule.name(),
                )));
            }
        }
        Ok(())
    }

    /// The preconditioner of the next metric.
    fn wanted(&self, problem: &Problem<'_, T>, config: &Config, batch_size: usize) -> Option<Preconditioner> {
        let d = problem.layout().n_columns();
        let most = (RANKS_OF_BATCH * batch_size).min(ENTRIES_OF_SKETCH / (d + 1)).min(d + 1);
        let has_prox = problem.penalty().has_prox();
        // Of as many columns as there are a sketch would be the full metric, which has no proximal map.
        let n = d + usize::from(problem.fits_intercept());
        let most = if has_prox { most.min(LARGEST_RANK_WITH_PROX).min(n - 1) } else { most };
        let rank = FIRST_RANK << self.n_builds.min(MOST_DOUBLINGS);
        match config.optimizer.rule.preconditioner()? {
            Preconditioner::Auto if has_prox && matches!(problem.penalty(), Penalty::Group(_)) => {
                Some(Preconditioner::Diagonal)
            }
            Preconditioner::Auto if is_wide(problem) => Some(Preconditioner::Diagonal),
            Preconditioner::Auto if !has_prox && d <= COLUMNS_OF_BATCH * batch_size => {
                Some(Preconditioner::Newton)
            }
            Preconditioner::Auto if most < LEAST_RANK.min(n - 1).max(1) => Some(Preconditioner::Diagonal),
            Preconditioner::Auto | Preconditioner::Nystrom { rank: None } => {
                Some(Preconditioner::Nystrom { rank: Some(rank.min(most).max(1)) })
            }
            Preconditioner::Nystrom { .. } if has_prox && n == 1 => Some(Preconditioner::Diagonal),
            Preconditioner::Nystrom { rank: Some(rank) } if has_prox => {
                Some(Preconditioner::Nystrom { rank: Some(rank.min(n - 1)) })
            }
            given => Some(given),
        }
    }
}
