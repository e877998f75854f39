//! How a metric is built, of two samples of rows: from the first the curvature, from the second how far to trust it.

use super::squares::sum_of_squares;
use super::{Columns, Inverse, Metric, MetricRoom, Sample, Vectors, Workers};
use crate::error::{Result, try_filled};
use crate::kernel::{SquareMatrix, Tier, norm};
use crate::rng::Stream;
use crate::scalar::Scalar;

/// What a metric is built for.
#[derive(Debug, Clone, Copy)]
pub struct Geometry<'g, T> {
    /// Who computes.
    pub workers: Workers<'g>,
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
    /// The damping of the metric before; 0 if there was none.
    pub last_damping: f64,
    /// What the test vectors of a sketch are drawn from.
    pub signs: Stream,
}

impl<T> Geometry<'_, T> {
    /// What the unknown `curvature` of one row may add to a batch. Nothing where a batch is all rows: it has no noise, and then
    /// a row counts for a step what so many copies of it do as its weight says.
    fn of_row(&self, curvature: f64) -> f64 {
        if self.batch_size >= self.n_rows {
            0.0
        } else {
            curvature / (UNKNOWN * self.batch_size.max(1) as f64)
        }
    }
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
/// Times that the damping is raised at most: then it is all there is of the metric.
const MOST_RAISES: usize = 16;
/// By what it is raised, and by what that of the metric before may fall.
const RAISE: f64 = 4.0;
const RELIEF: f64 = 16.0;
/// What more damping has to bring down by, if it is to be better than less.
const IMPROVEMENT: f64 = 0.9;

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
    /// [`Error::OutOfMemory`](crate::error::Error::OutOfMemory), and [`Error::Interrupted`](crate::error::Error::Interrupted).
    pub fn plain(second: &Sample<T>, geometry: Geometry<'_, T>) -> Result<Option<Self>> {
        let Some((inverse, factors)) = Curvature::Ignored.inverse(&[], geometry)? else { return Ok(None) };
        let mut metric = Self::restored(geometry.columns.copied()?, inverse, [0.0; 3])?;
        let largest_leverage = metric.look_at(second, &factors, geometry)?;
        if metric.excess(largest_leverage, geometry) > 1.0 {
            metric.leverage = largest_leverage;
        }
        Ok((metric.smoothness.is_finite() && largest_leverage.is_finite()).then_some(metric))
    }

    /// The curvature of every column on its own.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`](crate::error::Error::OutOfMemory), and [`Error::Interrupted`](crate::error::Error::Interrupted).
    pub fn diagonal(
        first: &Sample<T>,
        second: &Sample<T>,
        geometry: Geometry<'_, T>,
    ) -> Result<Option<Self>> {
        let diagonal = first.hessian_diagonal()?;
        let largest = diagonal.iter().fold(0.0, |a: f64, &b| a.max(b));
        Self::trusted(Curvature::Diagonal(diagonal), LEAST_DAMPING * largest, second, geometry)
    }

    /// All of the curvature.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`](crate::error::Error::OutOfMemory), and [`Error::Interrupted`](crate::error::Error::Interrupted).
    pub fn newton(first: &Sample<T>, second: &Sample<T>, geometry: Geometry<'_, T>) -> Result<Option<Self>> {
        let n = geometry.columns.n() + 1;
        let hessian = first.hessian(geometry.workers, n)?;
        let largest = largest_eigenvalue(&hessian, geometry.workers.tier)?;
        Self::trusted(Curvature::Full(hessian), LEAST_DAMPING * largest, second, geometry)
    }

    /// The largest `rank` eigenvalues of the curvature; fewer if the sample has not so much rank, and all of the curvature
    /// if there are no more.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`](crate::error::Error::OutOfMemory), and [`Error::Interrupted`](crate::error::Error::Interrupted).
    pub fn nystrom(
        rank: usize,
        first: &Sample<T>,
        second: &Sample<T>,
        geometry: Geometry<'_, T>,
    ) -> Result<Option<Self>> {
        let Geometry { workers, columns, fits_intercept, signs, .. } = geometry;
        let n = columns.n() + usize::from(fits_intercept);
        if rank >= n {
            return Self::newton(first, second, geometry);
        }
        let mut rank = rank;
        let sketch = loop {
            if rank == 0 {
                return Self::diagonal(first, second, geometry);
            }
            match Sketch::of(rank, first, n, signs, workers)? {
                Some(sketch) => break sketch,
                None => rank /= 2,
            }
        };
        let known = second.squares_along(workers, &sketch.basis)?;
        let unknown = second.rows.chunks_exact(second.width).zip(known).zip(&second.curvatures);
        let unknown =
            unknown.map(|((x, known), h)| h * (sum_of_squares(workers.tier, x) - known)).fold(0.0, f64::max);
        let damping = sketch.smallest.max(geometry.of_row(unknown)).max(LEAST_DAMPING * sketch.largest);
        Self::trusted(Curvature::LowRank(sketch.factors), damping, second, geometry)
    }

    /// The metric of this curvature, with so much damping or more that no row of the second sample can move the parameters too
    /// far. Where no damping is enough, since the outlying row is along the only direction there is, the smoothness of that row
    /// stands for that of single rows. None if numbers leave their range.
    fn trusted(
        curvature: Curvature<T>,
        mut damping: f64,
        second: &Sample<T>,
        geometry: Geometry<'_, T>,
    ) -> Result<Option<Self>> {
        let Geometry { penalty, largest_squares, n_rows, columns, .. } = geometry;
        // What a single row of a rare or outlying column can add to a batch, if the sample may lack it; times the mean
        // curvature, or nearly separable classes crawl.
        let has_all = second.n_rows() == n_rows;
        let floor = if has_all { 0.0 } else { geometry.of_row(second.mean_curvature()) };
        damping = damping.max(geometry.last_damping / RELIEF).max(f64::MIN_POSITIVE.sqrt());
        let (mut best, mut least_excess) = (None, f64::INFINITY);
        for _ in 0..MOST_RAISES {
            let mut base = try_filled("the metric", second.width, damping)?;
            for (j, base) in base.iter_mut().enumerate().take(columns.n()) {
                *base += penalty[j] + floor * largest_squares[j];
            }
            if let Some((inverse, factors)) = curvature.inverse(&base, geometry)? {
                let mut metric = Self::restored(columns.copied()?, inverse, [0.0, 0.0, damping])?;
                let largest_leverage = metric.look_at(second, &factors, geometry)?;
                if !metric.smoothness.is_finite() || !largest_leverage.is_finite() {
                    return Ok(None);
                }
                let excess = metric.excess(largest_leverage, geometry);
                if excess <= 1.0 {
                    return Ok(Some(metric));
                }
                if best.is_none() || excess < IMPROVEMENT * least_excess {
                    least_excess = excess;
                    metric.leverage = largest_leverage;
                    best = Some(metric);
                }
            }
            damping *= RAISE;
        }
        Ok(best)
    }

    /// How often the row of the largest leverage has what a row may have.
    fn excess(&self, largest_leverage: f64, geometry: Geometry<'_, T>) -> f64 {
        let (n, b) = (geometry.n_rows as f64, geometry.batch_size.clamp(1, geometry.n_rows) as f64);
        let leverage = largest_leverage * (n - b) / n;
        let allowed = LARGEST_LEVERAGE * b * self.expected_smoothness(geometry.n_rows, geometry.batch_size);
        if leverage <= allowed { 0.0 } else { leverage / allowed }
    }

    /// Measures the smoothness of the second sample, and its leverages. Returns the largest. `factors` are those of a low rank,
    /// or W of a full `P^-1 = W^T W`.
    fn look_at(
        &mut self,
        second: &Sample<T>,
        factors: &Vectors<T>,
        geometry: Geometry<'_, T>,
    ) -> Result<f64> {
        let Geometry { workers, penalty, columns, .. } = geometry;
        let n = columns.n() + 1;
        let mut v = Vectors::zeros(1, second.width)?;
        v.values[..n].iter_mut().enumerate().for_each(|(j, v)| *v = T::from_f64(spread(j)));
        for _ in 0..N_ITERATIONS {
            let product = second.hessian_times(workers, &v)?;
            for j in 0..second.width {
                let of_penalty = penalty.get(j).copied().unwrap_or(0.0) * v.values[j].to_f64();
                self.room.from[j] = T::from_f64(product.values[j].to_f64() + of_penalty);
            }
            self.inverse.solve(workers.tier, &mut self.room);
            let (before, after) = (norm(workers.tier, &v.values), norm(workers.tier, &self.room.to));
            let last = std::mem::replace(&mut self.smoothness, after / before);
            if after == 0.0 || !after.is_finite() {
                break;
            }
            v.values.iter_mut().zip(&self.room.to).for_each(|(v, &to)| *v = T::from_f64(to.to_f64() / after));
            if (self.smoothness - last).abs() <= TOLERANCE * self.smoothness {
                break;
            }
        }
        let mut leverages = second.squares_along(workers, factors)?;
        if let Inverse::LowRank { diagonal, .. } = &self.inverse {
            let of_diagonal = second.weighted_squares(workers.tier, diagonal);
            leverages.iter_mut().zip(of_diagonal).for_each(|(leverage, all)| *leverage = all - *leverage);
        }
        leverages.iter_mut().zip(&second.curvatures).for_each(|(leverage, h)| *leverage *= h);
        leverages.sort_by(f64::total_cmp);
        let at = QUANTILE * (leverages.len() - 1) as f64;
        let (below, above) = (leverages[at.floor() as usize], leverages[at.ceil() as usize]);
        self.leverage = below + (above - below) * at.fract();
        Ok(leverages.last().copied().unwrap_or(0.0))
    }
}

impl<T: Scalar> Curvature<T> {
    /// The inverse of the curvature and a diagonal, and its factors as [`Metric::look_at`] wants them; None if there is none.
    fn inverse(&self, base: &[f64], geometry: Geometry<'_, T>) -> Result<Option<(Inverse<T>, Vectors<T>)>> {
        let Geometry { workers: Workers { tier, interrupted, .. }, columns, .. } = geometry;
        let n = columns.n() + 1;
        let width = n.next_multiple_of(T::LANES);
        let mut diagonal = try_filled("the metric", width, T::ZERO)?;
        match self {
            Self::Ignored => {
                diagonal[..n].fill(T::ONE);
                let none = Vectors::zeros(0, width)?;
                Ok(Some((Inverse::LowRank { diagonal, factors: none.copied()? }, none)))
            }
            Self::Diagonal(hessian) => {
                for j in 0..n {
                    diagonal[j] = T::from_f64(1.0 / (base[j] + hessian[j]));
                }
                let none = Vectors::zeros(0, width)?;
                Ok(Some((Inverse::LowRank { diagonal, factors: none.copied()? }, none)))
            }
            Self::Full(hessian) => {
                let mut matrix = SquareMatrix::zeros(n)?;
                for i in 0..n {
                    let row = matrix.row_mut(i);
                    row.iter_mut().zip(hessian.row(i)).for_each(|(to, from)| *to = from.to_f64());
                    row[i] += base[i];
                }
                let Some(factor) = matrix.inverse_factor(tier, interrupted)? else { return Ok(None) };
                let inverse = vectors_of(&factor.gram_of_lower(tier, interrupted)?, width)?;
                Ok(Some((Inverse::Full(inverse), vectors_of(&factor, width)?)))
            }
            Self::LowRank(factors) => {
                let mut scaled = factors.copied()?;
                for j in 0..n {
                    diagonal[j] = T::from_f64(1.0 / base[j]);
                }
                for i in 0..scaled.n() {
                    scaled.row_mut(i).iter_mut().zip(&diagonal).for_each(|(to, &d)| *to *= d);
                }
                let mut gram = factors.products_with(&scaled, tier)?;
                (0..gram.n()).for_each(|i| gram.row_mut(i)[i] += 1.0);
                let Some(factor) = gram.inverse_factor(tier, interrupted)? else { return Ok(None) };
                let factors = scaled.combined_by(&factor, tier)?;
                Ok(Some((Inverse::LowRank { diagonal, factors: factors.copied()? }, factors)))
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
    fn of(
        rank: usize,
        sample: &Sample<T>,
        n: usize,
        signs: Stream,
        workers: Workers<'_>,
    ) -> Result<Option<Self>> {
        let Workers { tier, interrupted, .. } = workers;
        let mut test = Vectors::zeros(rank, sample.width)?;
        for i in 0..rank {
            for (j, to) in test.row_mut(i)[..n].iter_mut().enumerate() {
                let at = i * n + j;
                let is_negative = signs.word((at / 32) as u64) >> (at % 32) & 1 == 1;
                *to = if is_negative { -T::ONE } else { T::ONE };
            }
        }
        let mut product = sample.hessian_times(workers, &test)?;
        let shift = 10.0 * T::EPSILON * norm(tier, &product.values) / norm(tier, &test.values);
        for (product, &test) in product.values.iter_mut().zip(&test.values) {
            *product = T::from_f64(product.to_f64() + shift * test.to_f64());
        }
        let least = LEAST_OF_VECTOR * T::EPSILON;
        let products = test.products_with(&product, tier)?;
        let Some(factor) = independent(products, least, workers)? else { return Ok(None) };
        let factors = product.combined_by(&factor, tier)?;
        let gram = factors.products_with(&factors, tier)?;
        let largest = (0..rank).map(|i| gram.row(i)[i]).sum::<f64>();
        let Some(factor) = independent(gram, least, workers)? else { return Ok(None) };
        let inverse = factor.gram_of_lower(tier, interrupted)?;
        let trace = (0..rank).map(|i| inverse.row(i)[i]).sum::<f64>();
        let basis = factors.combined_by(&factor, tier)?;
        Ok(Some(Self { factors, basis, smallest: 1.0 / trace, largest }))
    }
}

/// The inverse factor of the products of vectors with each other. None if one of them has less than this part of its square
/// beside those before it.
fn independent(products: SquareMatrix, least: f64, by: Workers<'_>) -> Result<Option<SquareMatrix>> {
    let n = products.n();
    let mut squares = try_filled("the metric", n, 0.0)?;
    squares.iter_mut().enumerate().for_each(|(i, square)| *square = products.row(i)[i]);
    let factor = products.inverse_factor(by.tier, by.interrupted)?;
    Ok(factor.filter(|factor| (0..n).all(|i| factor.row(i)[i].powi(-2) >= least * squares[i])))
}

/// The largest eigenvalue of a symmetric matrix given by its rows, by power iterations.
fn largest_eigenvalue<T: Scalar>(rows: &Vectors<T>, tier: Tier) -> Result<f64> {
    let inverse = Inverse::Full(rows.copied()?);
    let mut room = MetricRoom::of(&inverse)?;
    room.from[..rows.n()].iter_mut().enumerate().for_each(|(j, v)| *v = T::from_f64(spread(j)));
    let mut eigenvalue = 0.0;
    for _ in 0..N_ITERATIONS {
        inverse.solve(tier, &mut room);
        let after = norm(tier, &room.to);
        eigenvalue = after / norm(tier, &room.from);
        if after == 0.0 || !after.is_finite() {
            break;
        }
        let MetricRoom { from, to, .. } = &mut room;
        from.iter_mut().zip(to).for_each(|(from, to)| *from = T::from_f64(to.to_f64() / after));
    }
    Ok(eigenvalue)
}

/// Entry j of a vector that is unlikely to be orthogonal to any: spread over [1, 2) by the golden ratio.
fn spread(j: usize) -> f64 {
    1.0 + (j as f64 * 0.618_033_988_749_894_9).fract()
}

/// The rows of a matrix.
fn vectors_of<T: Scalar>(matrix: &SquareMatrix, width: usize) -> Result<Vectors<T>> {
    let mut rows = Vectors::zeros(matrix.n(), width)?;
    for i in 0..matrix.n() {
        rows.row_mut(i).iter_mut().zip(matrix.row(i)).for_each(|(to, &from)| *to = T::from_f64(from));
    }
    Ok(rows)
}
