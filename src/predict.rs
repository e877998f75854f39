//! Predictions of a trained model: scores, means and probabilities.

use crate::data::{Offsets, Rows, TargetKind, Tile, TileRows};
use crate::error::{Error, Result, try_filled};
use crate::gradient::model::{ModelScratch, ParamsOfPass};
use crate::gradient::{Loss, Model};
use crate::kernel::{Prefetch, Tier};
use crate::pool;
use crate::scalar::Scalar;

/// What is predicted from the scores.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Link {
    /// The scores themselves: k per row.
    Identity,
    /// For a regression: the means of the targets, which the inverse link of the loss gives.
    Mean(Loss),
    /// The probability of each class or label, for a loss that has probabilities and targets of that kind.
    /// One score gives the two probabilities of two classes.
    Probability(Loss, TargetKind),
}

impl Link {
    /// Whether one score gives the probabilities of two classes.
    fn is_of_two_classes(self) -> bool {
        matches!(self, Link::Probability(_, TargetKind::Binary))
    }

    /// Number of predictions for the `n_outputs` scores of a row.
    pub fn n_columns(self, n_outputs: usize) -> usize {
        if self.is_of_two_classes() { 2 } else { n_outputs }
    }
}

/// Rows handled at a time: few enough to stay in cache, enough to be worth a task.
const TILE: usize = 64;

/// Predictions for all rows, row-major: k columns, or 2 for the probabilities of two classes.
///
/// # Errors
/// If the rows do not have the model's number of columns or there are offsets of others, the loss has no probabilities,
/// an allocation failed, or the work was interrupted.
pub fn predict<T: Scalar>(
    (rows, offsets): (Rows<'_, T>, Offsets<'_, T>),
    model: &Model,
    params: &[T],
    link: Link,
    tier: Tier,
    n_threads: usize,
    interrupted: &dyn Fn() -> bool,
) -> Result<Vec<T>> {
    let layout = model.layout();
    let (n_rows, k) = (rows.n_rows(), layout.n_outputs());
    if let Link::Probability(loss, _) = link
        && !loss.has_probabilities()
    {
        return Err(Error::Incompatible(format!(
            "predict_proba needs loss 'log_loss', 'modified_huber' or 'focal', got a model of loss '{}'",
            loss.name()
        )));
    }
    let n_out = link.n_columns(k);
    if rows.n_columns() != layout.n_columns() || (link.is_of_two_classes() && k != 1) {
        return Err(Error::Shape {
            argument: "X",
            expected: format!("{} columns, as the data of the fit", layout.n_columns()),
            got: format!("{}", rows.n_columns()),
        });
    }
    offsets.check(n_rows, k)?;
    let rows = model.merging(rows)?;
    let size = n_rows.checked_mul(n_out);
    let size =
        size.ok_or_else(|| Error::TooLarge { what: "predictions", size: format!("{n_rows} x {n_out}") })?;
    let mut out = try_filled("predictions", size, T::ZERO)?;
    let n_tasks = out.len().div_ceil(TILE * n_out);
    let scratch = || {
        let scores = try_filled("scores", k.max(2).saturating_mul(TILE), T::ZERO)?;
        Ok((scores, ModelScratch::new(model)?))
    };
    let at = ParamsOfPass { params, prepared: &[], is_for_gradient: false, masks: None };
    let work =
        |(scores, scratch): &mut (Vec<T>, ModelScratch<T>), i: usize, out: &mut [T], _: &dyn Fn() -> bool| {
            let n = out.len() / n_out;
            let stride = n.next_multiple_of(T::LANES);
            let numbers: [usize; TILE] = std::array::from_fn(|j| i * TILE + j);
            let tile = Tile { rows: &numbers[..n], ahead: &[], prefetch: Prefetch::NONE };
            let tile_rows = TileRows::Stored(&rows, tile);
            model.forward(tier, &tile_rows, at, &mut scores[..k * stride], scratch);
            offsets.add_to(tile.rows, stride, &mut scores[..k * stride]);
            let scores = &mut scores[..n_out * stride];
            match link {
                Link::Identity => {}
                Link::Mean(loss) => loss.means(tier, scores),
                Link::Probability(loss, kind) => loss.probabilities(tier, kind, scores, stride),
            }
            for (c, scores) in scores.chunks_exact(stride).enumerate() {
                out.chunks_exact_mut(n_out).zip(scores).for_each(|(out, &p)| out[c] = p);
            }
            Ok(())
        };
    let n_threads = n_threads.min(n_tasks.div_ceil(16));
    pool::each_chunk(n_threads, &mut out, TILE * n_out, interrupted, scratch, work)?;
    Ok(out)
}
