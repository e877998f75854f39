//! What a trained model says about rows.

use crate::data::{Rows, Tile};
use crate::error::{Error, Result, try_filled};
use crate::gradient::Layout;
use crate::gradient::loss::exponentials;
use crate::kernel::{Kernel, Lanes, Tier, math};
use crate::pool;
use crate::scalar::Scalar;

/// How scores are turned into what is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Link {
    /// The scores themselves: k per row.
    Identity,
    /// Probabilities of two classes from one score: `sigmoid(-z)` and `sigmoid(z)`.
    Logistic,
    /// Probabilities of k classes from k scores: `exp(z_c) / sum exp(z)`.
    Softmax,
}

/// Rows handled at a time: each pair of matrix and parameters is in cache, each task worth a thread.
const TILE: usize = 64;

/// Predictions for all rows, row-major: k columns, or 2 for [`Link::Logistic`].
///
/// # Errors
/// If the parameters are another model's or a buffer cannot be had.
pub fn predict<T: Scalar>(
    rows: Rows<'_, T>,
    layout: Layout,
    params: &[T],
    link: Link,
    tier: Tier,
    n_threads: usize,
) -> Result<Vec<T>> {
    let (n_rows, k) = (rows.n_rows(), layout.n_outputs());
    if rows.n_columns() != layout.n_columns() || (link == Link::Logistic && k != 1) {
        return Err(Error::Shape {
            argument: "X",
            expected: format!("{} columns, as the data of the fit", layout.n_columns()),
            got: format!("{}", rows.n_columns()),
        });
    }
    let n_out = if link == Link::Logistic { 2 } else { k };
    let size = n_rows.checked_mul(n_out);
    let size =
        size.ok_or_else(|| Error::TooLarge { what: "predictions", size: format!("{n_rows} x {n_out}") })?;
    let mut out = try_filled("predictions", size, T::ZERO)?;
    let n_tasks = out.len().div_ceil(TILE * n_out);
    let scratch = || vec![T::ZERO; k.max(2) * TILE];
    let work = |scores: &mut Vec<T>, i: usize, out: &mut [T]| {
        let n = out.len() / n_out;
        let stride = n.next_multiple_of(T::LANES);
        let tile: [usize; TILE] = std::array::from_fn(|j| i * TILE + j);
        let tile = Tile { rows: &tile[..n], ahead: &[] };
        rows.scores(tier, tile, layout.linear(params), &mut scores[..k * stride]);
        let scores = &mut scores[..n_out * stride];
        match link {
            Link::Identity => {}
            Link::Logistic => tier.run(Logistic { scores }),
            Link::Softmax => tier.run(Softmax { scores, stride }),
        }
        for (c, scores) in scores.chunks_exact(stride).enumerate() {
            out.chunks_exact_mut(n_out).zip(scores).for_each(|(out, &p)| out[c] = p);
        }
    };
    pool::each_chunk(n_threads.min(n_tasks.div_ceil(16)), &mut out, TILE * n_out, scratch, work);
    Ok(out)
}

/// The scores in the first half become both probabilities.
struct Logistic<'a, T> {
    scores: &'a mut [T],
}

impl<T: Scalar> Kernel<T> for Logistic<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes<Elem = T>>(self) {
        let (first, second) = self.scores.split_at_mut(self.scores.len() / 2);
        for (z, p) in first.chunks_exact_mut(T::LANES).zip(second.chunks_exact_mut(T::LANES)) {
            let score = L::load(z);
            math::sigmoid(score).store(p);
            math::sigmoid(score.neg()).store(z);
        }
    }
}

/// Scores, one padded row per class, become probabilities.
struct Softmax<'a, T> {
    scores: &'a mut [T],
    stride: usize,
}

impl<T: Scalar> Kernel<T> for Softmax<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes<Elem = T>>(self) {
        let Self { scores, stride } = self;
        let n_classes = scores.len() / stride;
        for i in (0..stride).step_by(T::LANES) {
            let (_, sum) = exponentials::<L>(&mut scores[i..], n_classes, stride);
            for c in 0..n_classes {
                let p = L::load(&scores[c * stride + i..]).div(sum);
                p.store(&mut scores[c * stride + i..]);
            }
        }
    }
}
