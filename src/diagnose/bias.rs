//! Bias of batch gradients: whether their expectation is the gradient over all rows.

use super::draws::{Dependence, Deviation, Draws, Gradients, Point, Sampling, dot};
use crate::error::{Error, Result, try_filled, try_reserved};
use crate::gradient::RowGradients;
use crate::rng::{SIGNS, Stream};
use crate::scalar::Scalar;

/// The fraction of the norms given by chance alone that is below [`Bias::chance_limit`].
const LEVEL: f64 = 0.95;
/// The error that a gradient may have because sums are rounded, in units of the type's epsilon and of the
/// root mean square of the gradients of rows: 64 terms of a leaf, added one after the other, each rounded in
/// the same direction.
const ROUNDINGS: f64 = 16.0;

/// How far the mean of batch gradients is from the gradient over all rows, and how far it would be by chance.
///
/// With the deviations `e_j = g_j - G` of m batches, the norm is `|mean_j e_j|`. If they are zero on average,
/// their signs may be replaced by random ones: the norms of `mean_j +-e_j` are what chance gives, and the
/// p-value is the fraction of resamples, the data themselves included, whose norm is at least as large. It is
/// exact if every deviation is as likely as its opposite, and otherwise approximate for many draws.
///
/// Sources: C. F. J. Wu, Jackknife, bootstrap and other resampling methods in regression analysis, Annals of
/// Statistics 14, 1986; B. Phipson, G. K. Smyth, Permutation p-values should never be zero, 2010.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bias {
    /// Rows of a batch; for batches of several sizes, their mean, rounded.
    pub batch_size: usize,
    /// `|mean_j g_j - G|`.
    pub norm: f64,
    /// The root mean square of that norm under no bias, `sqrt(sum_j |e_j|^2) / m`.
    pub chance_norm: f64,
    /// The 95 % quantile of the norm under no bias.
    pub chance_limit: f64,
    /// The probability that chance alone gives a norm as large.
    pub p_value: f64,
}

/// The number of draws, and how often their signs are resampled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Effort {
    /// Batches of each size.
    pub n_draws: usize,
    /// Resamples.
    pub n_resamples: usize,
}

/// The bias of batches drawn by `sampling`, for each size.
///
/// # Errors
/// If a size is not in [1, n], a gradient is not finite, an allocation failed, or the work was interrupted.
pub fn bias<T: Scalar>(
    point: &Point<'_, T>,
    sampling: &Sampling,
    batch_sizes: &[usize],
    effort: Effort,
) -> Result<Vec<Bias>> {
    let mut next_epoch = 0;
    let mut all_draws = try_reserved("draws", batch_sizes.len())?;
    for &batch_size in batch_sizes {
        all_draws.push(sampling.of_size(point.problem.n_rows(), batch_size, 0)?);
    }
    point.with_gradients(|gradients| {
        let deviation = full(point, gradients)?;
        gradients.set_importance_weights(all_draws.first().and_then(Draws::importance_weights))?;
        let mut found = try_reserved("biases", batch_sizes.len())?;
        for mut draws in all_draws {
            draws.epoch = next_epoch; // each size has its own epochs
            let mut deviations = Deviations::new(&deviation.0, effort.n_draws)?;
            gradients.of_draws(&mut draws, (effort.n_draws, 1, Dependence::Negligible), |_, g| {
                deviations.push(&deviation.0, g)
            })?;
            next_epoch = draws.epoch;
            let bias = deviations.test(sampling.seed, effort.n_resamples, deviation.1, point)?;
            found.push(Bias { batch_size: draws.batch_size(), ..bias });
        }
        Ok(found)
    })
}

/// The bias of batches given by their rows, such as those of a user's own sampler.
///
/// # Errors
/// If there is no batch, a batch is empty, or a row does not exist; otherwise as [`bias`].
pub fn bias_of_rows<T: Scalar>(
    point: &Point<'_, T>,
    batches: Vec<Vec<usize>>,
    n_resamples: usize,
    seed: u64,
) -> Result<Bias> {
    let refused = |condition, value| Err(Error::OutOfRange { argument: "rows", condition, value });
    if batches.is_empty() {
        return refused("at least one batch", "none".into());
    }
    if let Some(batch) = batches.iter().position(Vec::is_empty) {
        return refused("batches of at least one row", format!("none in batch {batch}"));
    }
    let n_rows = point.problem.n_rows();
    if let Some(row) = batches.iter().flatten().find(|&&row| row >= n_rows) {
        return refused("less than the number of rows of X", row.to_string());
    }
    let batch_size = batches.iter().map(Vec::len).sum::<usize>() as f64 / batches.len() as f64;
    point.with_gradients(|gradients| {
        let deviation = full(point, gradients)?;
        let mut deviations = Deviations::new(&deviation.0, batches.len())?;
        for rows in batches {
            deviations.push(&deviation.0, gradients.of(rows)?)?;
        }
        let bias = deviations.test(seed, n_resamples, deviation.1, point)?;
        Ok(Bias { batch_size: batch_size.round() as usize, ..bias })
    })
}

/// Deviations from the gradient over all rows, and how large rounding alone may make them.
fn full<T: Scalar>(
    point: &Point<'_, T>,
    gradients: &mut Gradients<'_, '_, T>,
) -> Result<(Deviation<T>, f64)> {
    let Point { problem, params, tier, interrupted, .. } = point;
    let rows = RowGradients::of(problem, params, &[], *tier, *interrupted)?;
    let deviation = Deviation::from_full(gradients.of_all()?, rows.largest())?;
    let squares = rows.norms.iter().map(|norm| (norm / deviation.unit()).powi(2));
    let root_mean_square = (squares.sum::<f64>() / rows.norms.len() as f64).sqrt();
    Ok((deviation, ROUNDINGS * T::EPSILON * root_mean_square))
}

/// The deviations of many batches, one after the other.
struct Deviations {
    len: usize,
    unit: f64,
    all: Vec<f64>,
}

impl Deviations {
    fn new<T: Scalar>(deviation: &Deviation<T>, n_draws: usize) -> Result<Self> {
        let len = deviation.zeros()?.len();
        let size = || format!("{n_draws} x {len}");
        let n = n_draws
            .checked_mul(len)
            .ok_or_else(|| Error::TooLarge { what: "the deviations of gradients", size: size() })?;
        Ok(Self { len, unit: deviation.unit(), all: try_reserved("deviations of gradients", n)? })
    }

    fn push<T: Scalar>(&mut self, deviation: &Deviation<T>, g: &[T]) -> Result<()> {
        let first = self.all.len();
        self.all.resize(first + self.len, 0.0);
        deviation.write(g, &mut self.all[first..]);
        Ok(())
    }

    fn test<T: Scalar>(
        &self,
        seed: u64,
        n_resamples: usize,
        rounding: f64,
        point: &Point<'_, T>,
    ) -> Result<Bias> {
        let m = self.all.len() / self.len;
        let mut sums = SquaredSums::of(self, point)?;
        let mut signs = try_filled("signs", m, 1.0)?;
        let observed = sums.with(&signs);
        let mut resampled: Vec<f64> = try_reserved("resamples", n_resamples + 1)?;
        resampled.push(observed);
        for resample in 0..n_resamples {
            point.poll()?;
            draw_signs(seed, resample as u32, &mut signs);
            resampled.push(sums.with(&signs));
        }
        // Resamples that differ from the data only by rounding, as when all signs are equal, count as equal.
        let n_as_large = resampled.iter().filter(|&&t| t >= observed * (1.0 - 1e-12)).count();
        resampled.sort_unstable_by(f64::total_cmp);
        let limit = resampled[(LEVEL * n_resamples as f64).floor() as usize];
        let norm_of = |squared_sum: f64| squared_sum.max(0.0).sqrt() / m as f64;
        let trace = dot(&self.all, &self.all);
        let is_rounding = norm_of(observed) <= rounding;
        Ok(Bias {
            batch_size: 0,
            norm: norm_of(observed) * self.unit,
            chance_norm: norm_of(trace) * self.unit,
            chance_limit: norm_of(limit) * self.unit,
            p_value: if is_rounding { 1.0 } else { n_as_large as f64 / (n_resamples + 1) as f64 },
        })
    }
}

/// `|sum_j signs_j e_j|^2` for many choices of the signs.
enum SquaredSums<'a> {
    /// From the deviations, with a buffer for their sum: used where they are short.
    OfVectors(&'a [f64], Vec<f64>),
    /// From the products of all pairs: row j holds the products of deviation j with deviations 0 to j.
    OfProducts(Vec<Vec<f64>>),
}

impl<'a> SquaredSums<'a> {
    fn of<T: Scalar>(deviations: &'a Deviations, point: &Point<'_, T>) -> Result<Self> {
        let Deviations { len, ref all, .. } = *deviations;
        let m = all.len() / len;
        if len <= m / 2 {
            return Ok(Self::OfVectors(all, try_filled("a sum of deviations", len, 0.0)?));
        }
        let mut products = try_reserved("products of deviations", m)?;
        for (j, a) in all.chunks_exact(len).enumerate() {
            point.poll()?;
            let mut row = try_reserved("products of deviations", j + 1)?;
            row.extend(all.chunks_exact(len).take(j + 1).map(|b| dot(a, b)));
            products.push(row);
        }
        Ok(Self::OfProducts(products))
    }

    fn with(&mut self, signs: &[f64]) -> f64 {
        match self {
            Self::OfVectors(all, sum) => {
                sum.fill(0.0);
                for (deviation, sign) in all.chunks_exact(sum.len()).zip(signs) {
                    sum.iter_mut().zip(deviation).for_each(|(sum, e)| *sum += sign * e);
                }
                dot(sum, sum)
            }
            Self::OfProducts(products) => {
                let row = |(j, row): (usize, &Vec<f64>)| {
                    let (own, others) = row.split_last().expect("row j has j + 1 products");
                    own + 2.0 * signs[j] * dot(others, &signs[..j])
                };
                products.iter().enumerate().map(row).sum()
            }
        }
    }
}

fn draw_signs(seed: u64, resample: u32, signs: &mut [f64]) {
    let stream = Stream::new(seed, resample, SIGNS);
    for (word, signs) in (0..).zip(signs.chunks_mut(32)) {
        let bits = stream.word(word);
        signs
            .iter_mut()
            .enumerate()
            .for_each(|(j, sign)| *sign = if bits >> j & 1 == 0 { 1.0 } else { -1.0 });
    }
}
