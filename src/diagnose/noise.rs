//! The variance of batch gradients, by batch size.

use super::draws::{Dependence, Deviation, Draws, Gradients, Point, Sampling, dot};
use super::line::{Line, Observed, weighted_line};
use super::noise_scale::{GradientMoments, NoiseScale};
use super::normal_quantile;
use crate::error::{Result, try_reserved};
use crate::scalar::Scalar;
use crate::shuffle::Shuffle;

/// Confidence of all intervals.
pub(super) const LEVEL: f64 = 0.95;
/// The largest standard error of a log variance that the line uses: with a larger one, its distribution is
/// not close to normal.
const MOST_ERROR: f64 = 0.5;
/// The smallest standard error: if all rows are equally far from the mean, the variance of batches of one row
/// is exact.
const LEAST_ERROR: f64 = 1e-6;
/// The largest default batch size.
const LARGEST_BATCH: usize = 4096;
/// Multiply-adds that the default batch sizes may cost, and the largest size that is included at any cost.
const WORK: usize = 1 << 32;
const LEAST_LARGEST_BATCH: usize = 64;

/// The variance of batch gradients and what follows from it.
///
/// With the gradients of rows `g_i`, their mean and covariance `Sigma = 1/n sum_i (g_i - g)(g_i - g)^T`,
/// batches of b rows have
///
/// ```text
/// E |g_B - g|^2 = tr(Sigma) / b                        drawn with replacement
///               = tr(Sigma) / b  (n - b) / (n - 1)     without
/// ```
///
/// The penalty is the same for every batch: it is part of the gradient, but not of the variance.
#[derive(Debug, Clone, PartialEq)]
pub struct NoiseByBatchSize {
    /// Rows of a batch.
    pub batch_sizes: Vec<usize>,
    /// `(n - b) / (n - 1)` for each of them.
    pub finite_population: Vec<f64>,
    /// Variances of batches drawn without replacement.
    pub without_replacement: Variances,
    /// Variances of batches drawn with replacement.
    pub with_replacement: Variances,
    /// `tr(Sigma)`, of all rows.
    pub trace: f64,
    /// `|G|^2` of the gradient over all rows, with the penalty's part.
    pub squared_norm: f64,
    /// `tr(Sigma) / |G|^2`.
    pub scale: NoiseScale,
}

/// Measured variances by batch size, and the line through them.
#[derive(Debug, Clone, PartialEq)]
pub struct Variances {
    /// The mean over the draws of `|g_B - g|^2`.
    pub variance: Vec<f64>,
    /// 95 % confidence intervals of its expectation.
    pub interval: Vec<(f64, f64)>,
    /// The line of the log of the variance, divided by the finite-population factor, against log b: a slope
    /// of -1 is expected.
    pub line: Line,
}

/// Powers of two up to half of the rows, as far as `n_draws` draws take no longer than about a second.
pub fn default_batch_sizes<T: Scalar>(point: &Point<'_, T>, n_draws: usize) -> Vec<usize> {
    // A factor of 4: there are two ways of drawing, and all smaller sizes together have as many rows as the
    // largest.
    let work_of_largest = point.problem.layout().len().saturating_mul(n_draws.max(1)).saturating_mul(4);
    let affordable = (WORK / work_of_largest).clamp(LEAST_LARGEST_BATCH, LARGEST_BATCH);
    let largest = (point.problem.n_rows() / 2).min(affordable).max(1);
    (0..=largest.ilog2()).map(|power| 1 << power).collect()
}

/// Measures the variance of batches of each size from `n_draws` draws, with and without replacement.
///
/// # Errors
/// If a size is not in [1, n], a gradient is not finite, an allocation failed, or the work was interrupted.
pub fn noise<T: Scalar>(
    point: &Point<'_, T>,
    batch_sizes: &[usize],
    n_draws: usize,
    seed: u64,
) -> Result<NoiseByBatchSize> {
    let n_rows = point.problem.n_rows();
    let draws_of = |replacement| {
        let sampling = Sampling { shuffle: Shuffle::Full, replacement, seed };
        let draws = batch_sizes.iter().map(|&b| sampling.of_size(n_rows, b, 0));
        draws.collect::<Result<Vec<Draws>>>()
    };
    let (without, with) = (draws_of(false)?, draws_of(true)?);
    let n = n_rows as f64;
    let finite = |b: usize| if b == n_rows { 0.0 } else { (n - b as f64) / (n - 1.0) };
    let finite_population: Vec<f64> = batch_sizes.iter().map(|&b| finite(b)).collect();
    point.with_gradients(|gradients| {
        let full = gradients.of_all()?;
        let mut moments = GradientMoments::of(point, full)?;
        let deviation = Deviation::from_full(full, moments.unit())?;
        let (with, squared_trace) = squares_of(gradients, with, &deviation, n_draws)?;
        let (without, _) = squares_of(gradients, without, &deviation, n_draws)?;
        moments.set_squared_trace(squared_trace);
        let square = moments.unit() * moments.unit();
        let variances = |means: &[f64], factors: &dyn Fn(usize) -> f64| {
            variances_of(batch_sizes, means, factors, &moments, n_draws, square)
        };
        Ok(NoiseByBatchSize {
            batch_sizes: batch_sizes.to_vec(),
            without_replacement: variances(&without, &|i| finite_population[i]),
            with_replacement: variances(&with, &|_| 1.0),
            finite_population: finite_population.clone(),
            trace: moments.trace() * square,
            squared_norm: moments.squared_norm() * square,
            scale: moments.noise_scale(),
        })
    })
}

/// The mean squared deviation for each size, and an estimate of `tr(Sigma^2)`: if draws are independent the
/// squared product of two deviations is `tr(Sigma^2) / b^2` on average. Zero if there were no pairs of draws.
fn squares_of<T: Scalar>(
    gradients: &mut Gradients<'_, '_, T>,
    all_draws: Vec<Draws>,
    deviation: &Deviation<T>,
    n_draws: usize,
) -> Result<(Vec<f64>, f64)> {
    let mut pair = [deviation.zeros()?, deviation.zeros()?];
    let mut means = try_reserved("variances", all_draws.len())?;
    let (mut next_epoch, mut products, mut n_products) = (0, 0.0, 0.0);
    for mut draws in all_draws {
        // Each size has its own epochs; otherwise small batches would be parts of large ones.
        draws.epoch = next_epoch;
        let (b, mut sum) = (draws.batch_size() as f64, 0.0);
        gradients.of_draws(&mut draws, (n_draws, 1, Dependence::Weak), |draw, g| {
            let own = &mut pair[draw % 2];
            deviation.write(g, own);
            sum += dot(own, own);
            if draw % 2 == 1 {
                products += (dot(&pair[0], &pair[1]) * b).powi(2);
                n_products += 1.0;
            }
            Ok(())
        })?;
        next_epoch = draws.epoch;
        means.push(sum / n_draws as f64);
    }
    Ok((means, if n_products == 0.0 { 0.0 } else { products / n_products }))
}

/// Turns mean squares into variances with intervals. The widths follow from the rows alone: estimated from
/// its own draws, a variance that came out too small would also seem too certain, and would pull the line.
fn variances_of(
    batch_sizes: &[usize],
    means: &[f64],
    factor: &dyn Fn(usize) -> f64,
    moments: &GradientMoments,
    n_draws: usize,
    square: f64,
) -> Variances {
    let z = normal_quantile(0.5 + LEVEL / 2.0);
    let mut variance = Vec::new();
    let mut interval = Vec::new();
    let mut observed = Vec::new();
    for (i, (&b, &mean)) in batch_sizes.iter().zip(means).enumerate() {
        let error = (moments.relative_variance_of_square(b) / n_draws as f64).sqrt().max(LEAST_ERROR);
        variance.push(mean * square);
        // A batch of all rows has no variance, with certainty.
        let width = if factor(i) == 0.0 { 1.0 } else { (z * error).exp() };
        interval.push((mean / width * square, mean * width * square));
        if factor(i) > 0.0 && mean > 0.0 && error <= MOST_ERROR {
            // The logarithm of a mean is low on average, by half the relative variance of the mean.
            let y = (mean / factor(i)).ln() + error * error / 2.0;
            observed.push(Observed { x: (b as f64).ln(), y, error });
        }
    }
    Variances { variance, interval, line: weighted_line(&observed, LEVEL) }
}
