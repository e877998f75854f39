//! How a metric is built, of two samples of rows: from the first the curvature, from the second how far to trust it.

use super::{Columns, Inverse, Metric, Room, Sample, Vectors};
use crate::error::{Result, try_filled};
use crate::kernel::{SquareMatrix, Tier};
use crate::rng::Stream;
use crate::scalar::Scalar;

/// What a metric is built for.
#[derive(Debug, Clone, Copy)]
pub struct Geometry<'g, T> {
    /// Instructions to compute with.
    pub tier: Tier,
    /// The change of variables that was made with the rows of the samples.
    pub columns: &'g Columns<T>,
    /// What the penalty adds to the curvature, in standardised columns.
    pub penalty: &'g [f64],
    /// The largest entries, in standardised columns, squared.
    pub largest_squares: &'g [f64],
    /// Whether the intercept is a parameter: if not, it has no curvature, and steps must leave it alone.
    pub fits_intercept: bool,
    /// Rows of the data.
    pub n_rows: usize,
    /// Rows of a batch.
    pub batch_size: usize,
    /// What the test vectors of a sketch are drawn from.
    pub signs: Stream,
}

/// The curvature of one row may stay unknown by so much, in batches.
const UNKNOWN: f64 = 16.0;
/// The damping relative to the largest eigenvalue, at least.
const LEAST_DAMPING: f64 = 1e-6;
/// The leverage of a row, at most, in batches times the expected smoothness: with half the rate this allows, a step along
/// that row overshoots by nothing.
const LARGEST_LEVERAGE: f64 = 2.0;
/// What a vector of a sketch adds to those before it, at least, in units of the rounding of its type: with less, the
/// sample has not so much rank, and rounding would decide what the sketch is.
const LEAST_OF_VECTOR: f64 = 1e3;
/// Which leverage stands for that of a single row.
const QUANTILE: f64 = 0.99;
/// Power iterations, and the relative change at which they end.
const N_ITERATIONS: usize = 15;
const TOLERANCE: f64 = 0.01;
/// Times that the damping is raised at most.
const MOST_RAISES: usize = 60;

/// The curvature of the first sample.
enum Curvature<T> {
    /// Not asked for: steps are along the gradient.
    Ignored,
    Diagonal(Vec<f64>),
    /// `F^T F`, by the rows of F.
    LowRank(Vectors<T>),
    Full(Vectors<T>),
}

impl<T: Scalar> Metric<T> {
    /// No metric: steps along the gradient, whose expected smoothness is all there is to know.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`](crate::error::Error::OutOfMemory).
    pub fn plain(second: &Sample<T>, geometry: Geometry<'_, T>) -> Result<Option<Self>> {
        let Some(inverse) = Curvature::Ignored.inverse(&[], geometry)? else { return Ok(None) };
        let mut metric = Self::restored(geometry.columns.clone(), inverse, [0.0; 3])?;
        let largest_leverage = metric.look_at(second, geometry)?;
        Ok((metric.smoothness.is_finite() && largest_leverage.is_finite()).then_some(metric))
    }

    /// The curvature of every column on its own.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`](crate::error::Error::OutOfMemory).
    pub fn diagonal(first: &Sample<T>, second: &Sample<T>, geometry: Geometry<'_, T>) -> Result<Option<Self>> {
        let diagonal = first.hessian_diagonal()?;
        let largest = diagonal.iter().fold(0.0, |a: f64, &b| a.max(b));
        Self::trusted(Curvature::Diagonal(diagonal), LEAST_DAMPING * largest, second, geometry)
    }

    /// All of the curvature.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`](crate::error::Error::OutOfMemory).
    pub fn newton(first: &Sample<T>, second: &Sample<T>, geometry: Geometry<'_, T>) -> Result<Option<Self>> {
        let n = geometry.columns.n() + 1;
        let hessian = first.hessian(geometry.tier, n)?;
        let largest = largest_eigenvalue(&hessian, geometry.tier)?;
        Self::trusted(Curvature::Full(hessian), LEAST_DAMPING * largest, second, geometry)
    }

    /// The largest `rank` eigenvalues of the curvature; fewer if the sample has not so much rank, and all of the curvature
    /// if there are no more.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`](crate::error::Error::OutOfMemory).
    pub fn nystrom(
        rank: usize,
        first: &Sample<T>,
        second: &Sample<T>,
        geometry: Geometry<'_, T>,
    ) -> Result<Option<Self>> {
        let Geometry { tier, columns, fits_intercept, batch_size, signs, .. } = geometry;
        let n = columns.n() + usize::from(fits_intercept);
        if rank >= n {
            return Self::newton(first, second, geometry);
        }
        let mut rank = rank;
        let sketch = loop {
            if rank == 0 {
                return Self::diagonal(first, second, geometry);
            }
            match Sketch::of(rank, first, n, signs, tier)? {
                Some(sketch) => break sketch,
                None => rank /= 2,
            }
        };
        let known = second.by_row(tier, &sketch.basis, |x, along| {
            let squares = |x: T| x.to_f64() * x.to_f64();
            x.iter().map(|&x| squares(x)).sum::<f64>() - along.map(squares).sum::<f64>()
        })?;
        let unknown = known.iter().fold(0.0, |a: f64, &b| a.max(b));
        let damping = sketch.smallest.max(unknown / (UNKNOWN * batch_size as f64)).max(LEAST_DAMPING * sketch.largest);
        Self::trusted(Curvature::LowRank(sketch.factors), damping, second, geometry)
    }

    /// The metric of this curvature, with so much damping or more that no row of the second sample can move the parameters too
    /// far. None if numbers leave their range.
    fn trusted(
        curvature: Curvature<T>,
        mut damping: f64,
        second: &Sample<T>,
        geometry: Geometry<'_, T>,
    ) -> Result<Option<Self>> {
        let Geometry { penalty, largest_squares, n_rows, batch_size, columns, .. } = geometry;
        let (n, b) = (n_rows as f64, batch_size.clamp(1, n_rows) as f64);
        // What a single row of a rare or outlying column can add to a batch; times the mean curvature, or nearly separable
        // classes crawl.
        let floor = second.mean_curvature() / (UNKNOWN * b);
        damping = damping.max(f64::MIN_POSITIVE.sqrt());
        for _ in 0..MOST_RAISES {
            let mut base = try_filled("the metric", second.width, damping)?;
            for (j, base) in base.iter_mut().enumerate().take(columns.n()) {
                *base += penalty[j] + floor * largest_squares[j];
            }
            if let Some(inverse) = curvature.inverse(&base, geometry)? {
                let mut metric = Self::restored(columns.clone(), inverse, [0.0, 0.0, damping])?;
                let largest_leverage = metric.look_at(second, geometry)?;
                if !metric.smoothness.is_finite() || !largest_leverage.is_finite() {
                    return Ok(None);
                }
                let smoothness = metric.expected_smoothness(n_rows, batch_size);
                if largest_leverage * (n - b) / n <= LARGEST_LEVERAGE * b * smoothness {
                    return Ok(Some(metric));
                }
            }
            damping *= 2.0;
        }
        Ok(None)
    }

    /// Measures the smoothness of the second sample, and its leverages. Returns the largest.
    fn look_at(&mut self, second: &Sample<T>, geometry: Geometry<'_, T>) -> Result<f64> {
        let Geometry { tier, penalty, columns, .. } = geometry;
        let n = columns.n() + 1;
        let mut v = Vectors::zeros(1, second.width)?;
        v.values[..n].iter_mut().enumerate().for_each(|(j, v)| *v = T::from_f64(spread(j)));
        for _ in 0..N_ITERATIONS {
            let product = second.hessian_times(tier, &v)?;
            for j in 0..second.width {
                let of_penalty = penalty.get(j).copied().unwrap_or(0.0) * v.values[j].to_f64();
                self.room.from[j] = T::from_f64(product.values[j].to_f64() + of_penalty);
            }
            self.inverse.solve(tier, &mut self.room);
            let (before, after) = (norm(&v.values), norm(&self.room.to));
            let last = std::mem::replace(&mut self.smoothness, after / before);
            if after == 0.0 || !after.is_finite() {
                break;
            }
            v.values.iter_mut().zip(&self.room.to).for_each(|(v, &to)| *v = T::from_f64(to.to_f64() / after));
            if (self.smoothness - last).abs() <= TOLERANCE * self.smoothness {
                break;
            }
        }
        let mut leverages = match &self.inverse {
            Inverse::Full(rows) => second.by_row(tier, rows, |x, along| {
                along.zip(x).map(|(product, x)| product.to_f64() * x.to_f64()).sum()
            })?,
            Inverse::LowRank { diagonal, factors } => second.by_row(tier, factors, |x, along| {
                let of_diagonal = x.iter().zip(diagonal).map(|(x, d)| x.to_f64() * x.to_f64() * d.to_f64());
                of_diagonal.sum::<f64>() - along.map(|a| a.to_f64() * a.to_f64()).sum::<f64>()
            })?,
        };
        leverages.sort_by(f64::total_cmp);
        let at = QUANTILE * (leverages.len() - 1) as f64;
        let (below, above) = (leverages[at.floor() as usize], leverages[at.ceil() as usize]);
        self.leverage = below + (above - below) * at.fract();
        Ok(leverages.last().copied().unwrap_or(0.0))
    }
}

impl<T: Scalar> Curvature<T> {
    /// The inverse of the curvature and a diagonal; None if there is none.
    fn inverse(&self, base: &[f64], geometry: Geometry<'_, T>) -> Result<Option<Inverse<T>>> {
        let Geometry { tier, columns, .. } = geometry;
        let n = columns.n() + 1;
        let width = n.next_multiple_of(T::LANES);
        let mut diagonal = try_filled("the metric", width, T::ZERO)?;
        match self {
            Self::Ignored => {
                diagonal[..n].fill(T::ONE);
                Ok(Some(Inverse::LowRank { diagonal, factors: Vectors::zeros(0, width)? }))
            }
            Self::Diagonal(hessian) => {
                for j in 0..n {
                    diagonal[j] = T::from_f64(1.0 / (base[j] + hessian[j]));
                }
                Ok(Some(Inverse::LowRank { diagonal, factors: Vectors::zeros(0, width)? }))
            }
            Self::Full(hessian) => {
                let mut matrix = SquareMatrix::zeros(n)?;
                for i in 0..n {
                    let row = matrix.row_mut(i);
                    row.iter_mut().zip(hessian.row(i)).for_each(|(to, from)| *to = from.to_f64());
                    row[i] += base[i];
                }
                let Some(factor) = matrix.inverse_factor(tier)? else { return Ok(None) };
                let inverse = factor.gram_of_lower(tier)?;
                let mut rows = Vectors::zeros(n, width)?;
                for i in 0..n {
                    rows.row_mut(i).iter_mut().zip(inverse.row(i)).for_each(|(to, &from)| *to = T::from_f64(from));
                }
                Ok(Some(Inverse::Full(rows)))
            }
            Self::LowRank(factors) => {
                let mut scaled = factors.clone();
                for j in 0..n {
                    diagonal[j] = T::from_f64(1.0 / base[j]);
                }
                for i in 0..scaled.n() {
                    scaled.row_mut(i).iter_mut().zip(&diagonal).for_each(|(to, &d)| *to *= d);
                }
                let mut gram = grams(factors, &scaled, tier)?;
                (0..gram.n()).for_each(|i| gram.row_mut(i)[i] += 1.0);
                let Some(factor) = gram.inverse_factor(tier)? else { return Ok(None) };
                let factors = combined(&factor, &scaled, tier)?;
                Ok(Some(Inverse::LowRank { diagonal, factors }))
            }
        }
    }
}

/// A sketch of the curvature of a sample: `H ~ F^T F`.
struct Sketch<T> {
    factors: Vectors<T>,
    /// An orthonormal basis of what the rows of F span.
    basis: Vectors<T>,
    /// The smallest and the largest eigenvalue of `F F^T`, about.
    smallest: f64,
    largest: f64,
}

impl<T: Scalar> Sketch<T> {
    /// Of this rank, on the first `n` entries. None if the sample has not so much rank.
    fn of(rank: usize, sample: &Sample<T>, n: usize, signs: Stream, tier: Tier) -> Result<Option<Self>> {
        let mut test = Vectors::zeros(rank, sample.width)?;
        for i in 0..rank {
            for (j, to) in test.row_mut(i)[..n].iter_mut().enumerate() {
                let at = i * n + j;
                let is_negative = signs.word((at / 32) as u64) >> (at % 32) & 1 == 1;
                *to = if is_negative { -T::ONE } else { T::ONE };
            }
        }
        let mut product = sample.hessian_times(tier, &test)?;
        let shift = 10.0 * T::EPSILON * norm(&product.values) / norm(&test.values);
        for (product, &test) in product.values.iter_mut().zip(&test.values) {
            *product = T::from_f64(product.to_f64() + shift * test.to_f64());
        }
        let least = LEAST_OF_VECTOR * T::EPSILON;
        let Some(factor) = independent(grams(&test, &product, tier)?, least, tier)? else { return Ok(None) };
        let factors = combined(&factor, &product, tier)?;
        let gram = grams(&factors, &factors, tier)?;
        let largest = (0..rank).map(|i| gram.row(i)[i]).sum::<f64>();
        let Some(factor) = independent(gram, least, tier)? else { return Ok(None) };
        let inverse = factor.gram_of_lower(tier)?;
        let trace = (0..rank).map(|i| inverse.row(i)[i]).sum::<f64>();
        let basis = combined(&factor, &factors, tier)?;
        Ok(Some(Self { factors, basis, smallest: 1.0 / trace, largest }))
    }
}

/// The inverse factor of the products of vectors with each other. None if one of them has less than this part of its square
/// beside those before it.
fn independent(products: SquareMatrix, least: f64, tier: Tier) -> Result<Option<SquareMatrix>> {
    let n = products.n();
    let mut squares = try_filled("the metric", n, 0.0)?;
    squares.iter_mut().enumerate().for_each(|(i, square)| *square = products.row(i)[i]);
    let factor = products.inverse_factor(tier)?;
    Ok(factor.filter(|factor| (0..n).all(|i| factor.row(i)[i].powi(-2) >= least * squares[i])))
}

/// The products of all vectors of one with all of the other.
fn grams<T: Scalar>(one: &Vectors<T>, other: &Vectors<T>, tier: Tier) -> Result<SquareMatrix> {
    let n = one.n();
    let mut matrix = SquareMatrix::zeros(n)?;
    let sample = Sample { rows: one.values.clone(), width: one.width, curvatures: try_filled("the metric", n, 1.0)? };
    let mut i = 0;
    sample.by_row(tier, other, |_, along| {
        matrix.row_mut(i).iter_mut().zip(along).for_each(|(to, product)| *to = product.to_f64());
        i += 1;
        0.0
    })?;
    Ok(matrix)
}

/// The rows of the matrix times the vectors.
fn combined<T: Scalar>(matrix: &SquareMatrix, vectors: &Vectors<T>, tier: Tier) -> Result<Vectors<T>> {
    let n = matrix.n();
    let mut sums = Vectors::zeros(n, vectors.width)?;
    let mut room = super::sample::Room::new(n)?;
    room.combine(tier, |c, i| T::from_f64(matrix.row(c)[i]), vectors, &mut sums);
    Ok(sums)
}

/// The largest eigenvalue of a symmetric matrix given by its rows, by power iterations.
fn largest_eigenvalue<T: Scalar>(rows: &Vectors<T>, tier: Tier) -> Result<f64> {
    let inverse = Inverse::Full(rows.clone());
    let mut room = Room::of(&inverse)?;
    room.from[..rows.n()].iter_mut().enumerate().for_each(|(j, v)| *v = T::from_f64(spread(j)));
    let mut eigenvalue = 0.0;
    for _ in 0..N_ITERATIONS {
        inverse.solve(tier, &mut room);
        let after = norm(&room.to);
        eigenvalue = after / norm(&room.from);
        if after == 0.0 || !after.is_finite() {
            break;
        }
        let Room { from, to, .. } = &mut room;
        from.iter_mut().zip(to).for_each(|(from, to)| *from = T::from_f64(to.to_f64() / after));
    }
    Ok(eigenvalue)
}

/// Entry j of a vector that is unlikely to be orthogonal to any: spread over [1, 2) by the golden ratio.
fn spread(j: usize) -> f64 {
    1.0 + (j as f64 * 0.618_033_988_749_894_9).fract()
}

fn norm<T: Scalar>(v: &[T]) -> f64 {
    v.iter().map(|v| v.to_f64() * v.to_f64()).sum::<f64>().sqrt()
}
