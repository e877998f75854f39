//! Angles between the gradients of pairs of batches.

use super::binomial_interval;
use super::draws::{Dependence, Draws, Point, Sampling, dot, unit_for};
use crate::error::{Result, try_filled, try_reserved};
use crate::scalar::Scalar;

/// Confidence of the interval.
const LEVEL: f64 = 0.95;

/// The angles between the gradients of pairs of batches at the same point.
#[derive(Debug, Clone, PartialEq)]
pub struct Angles {
    /// Rows of a batch.
    pub batch_size: usize,
    /// The cosine of each pair; NaN where a gradient is zero and has no angle.
    pub cosines: Vec<f64>,
    /// The fraction of the defined cosines that are below zero; NaN if none is defined.
    pub negative_fraction: f64,
    /// Clopper and Pearson's 95 % confidence interval for the probability of a negative cosine.
    pub negative_interval: (f64, f64),
}

/// The angles of `n_pairs` pairs of each size. The two batches of a pair are from one epoch, so that they
/// have no row in common unless drawn with replacement. If an epoch has only one batch, they are from two
/// epochs.
///
/// # Errors
/// If a size is not in [1, n], a gradient is not finite, an allocation failed, or the work was interrupted.
pub fn angles<T: Scalar>(
    point: &Point<'_, T>,
    sampling: &Sampling,
    batch_sizes: &[usize],
    n_pairs: usize,
) -> Result<Vec<Angles>> {
    let (layout, penalty) = (point.problem.layout(), point.problem.penalty());
    let mut all_draws = try_reserved("draws", batch_sizes.len())?;
    for &batch_size in batch_sizes {
        all_draws.push(sampling.of_size(point.problem.n_rows(), batch_size, 0)?);
    }
    point.with_gradients(|gradients| {
        gradients.set_importance_weights(all_draws.first().and_then(Draws::importance_weights))?;
        let mut next_epoch = 0;
        let mut found = try_reserved("angles", batch_sizes.len())?;
        let mut pair = [0, 1].map(|_| Vec::new());
        for side in &mut pair {
            *side = try_filled("gradients", layout.len(), 0.0)?;
        }
        for mut draws in all_draws {
            draws.epoch = next_epoch; // each size has its own epochs
            let mut cosines = try_reserved("angles", n_pairs)?;
            gradients.of_draws(&mut draws, (2 * n_pairs, 2, Dependence::Weak), |draw, g| {
                penalty.add_subgradient(layout, &mut g[..layout.n_coef()], &point.params[..layout.n_coef()]);
                write_direction(g, &mut pair[draw % 2]);
                if draw % 2 == 1 {
                    cosines.push(cosine(&pair[0], &pair[1]));
                }
                Ok(())
            })?;
            next_epoch = draws.epoch;
            found.push(Angles::from_cosines(draws.batch_size(), cosines));
        }
        Ok(found)
    })
}

impl Angles {
    fn from_cosines(batch_size: usize, cosines: Vec<f64>) -> Self {
        let n = cosines.iter().filter(|cosine| !cosine.is_nan()).count() as u64;
        let n_negative = cosines.iter().filter(|&&cosine| cosine < 0.0).count() as u64;
        Self {
            batch_size,
            cosines,
            negative_fraction: n_negative as f64 / n as f64,
            negative_interval: binomial_interval(n_negative, n, LEVEL),
        }
    }
}

/// Writes the gradient in units of its own size, so that no square overflows or underflows.
fn write_direction<T: Scalar>(g: &[T], out: &mut [f64]) {
    let scale = 1.0 / unit_for(g.iter().fold(0.0, |largest: f64, g| largest.max(g.to_f64().abs())));
    out.iter_mut().zip(g).for_each(|(out, g)| *out = g.to_f64() * scale);
}

fn cosine(a: &[f64], b: &[f64]) -> f64 {
    (dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()).clamp(-1.0, 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zeros_have_no_angle_and_size_does_not_matter() {
        let mut pair = [vec![0.0; 2], vec![0.0; 2]];
        let mut of = |a: [f64; 2], b: [f64; 2]| {
            write_direction(&a, &mut pair[0]);
            write_direction(&b, &mut pair[1]);
            cosine(&pair[0], &pair[1])
        };
        assert!(of([0.0, 0.0], [1.0, 0.0]).is_nan());
        assert_eq!(of([1e200, 0.0], [-1e-200, 0.0]), -1.0);
        assert!((of([3e300, 4e300], [4.0, 3.0]) - 0.96).abs() < 1e-15);
        let angles = Angles::from_cosines(1, vec![f64::NAN, -0.5, 0.5, 0.0]);
        assert!((angles.negative_fraction - 1.0 / 3.0).abs() < 1e-15);
        assert!(Angles::from_cosines(1, vec![f64::NAN]).negative_fraction.is_nan());
    }
}
