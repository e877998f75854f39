//! Smoothness constants of the objective, which bound the step size.

use super::{AtStep, Layout, Loss, Penalty, Problem, n_workers_worth, with_evaluator};
use crate::data::{Dataset, Order, TargetKind, Targets};
use crate::error::{Result, try_collected, try_filled, try_reserved};
use crate::gradient::loss::SquaredError;
use crate::kernel::Tier;
use crate::scalar::Scalar;

/// Lipschitz constants of the gradient, of the objective over all rows and of its worst row.
///
/// With c the bound on the curvature of the loss and (x, 1) a row, with an intercept:
///
/// ```text
/// L     = c lambda_max(1/n sum_i s_i (x_i, 1)(x_i, 1)^T) + l2
/// L_max = c max_i s_i (|x_i|^2 + 1) + l2
/// ```
///
/// Source: R. M. Gower et al., SGD: general analysis and improved rates, ICML 2019.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Smoothness {
    /// L, of the mean over all rows.
    pub full: f64,
    /// L_max, of the row where it is largest.
    pub row: f64,
}

/// Rows that L is estimated from, evenly spread: as many as the power iterations together can afford.
const N_SAMPLED: usize = 2048;
/// The maximum number of power iterations, and the relative change of L at which they end.
const N_ITERATIONS: usize = 32;
const TOLERANCE: f64 = 1e-4;

impl Smoothness {
    /// The constants of `problem`. If the curvature of the loss has no bound, a curvature of 1 is assumed.
    ///
    /// L_max is exact. L comes from power iterations on at most 2048 rows: a lower bound on the L of those
    /// rows. `importance_weights` multiply the gradient of row i when it is drawn; L_max includes them, L
    /// does not.
    ///
    /// # Errors
    /// If the model is not linear, an allocation failed, or the work was interrupted.
    pub fn of<T: Scalar>(
        problem: &Problem<'_, T>,
        importance_weights: Option<&[f64]>,
        tier: Tier,
        n_threads: usize,
        interrupted: &(dyn Fn() -> bool + Sync),
    ) -> Result<Self> {
        problem.needs_linear("a bound on the smoothness")?;
        let (Dataset { rows, weights, .. }, penalty) = (&problem.data, problem.penalty());
        let curvature = problem.curvature().unwrap_or(1.0);
        let one = f64::from(u8::from(problem.fits_intercept()));
        let (mut largest, mut row_norm) = (0.0_f64, 0.0_f64);
        let n_own = problem.data.sharding.map_or(problem.n_rows(), |of| of.shards.own_rows().len());
        for position in 0..n_own {
            let row = problem.data.stored_row(position);
            let norm = weights.of(row) * (rows.squared_norm(row) + one);
            largest = largest.max(norm);
            row_norm = row_norm.max(norm * importance_weights.map_or(1.0, |factors| factors[position]));
        }
        if let Some(among) = problem.data.among() {
            let mut of_all = [largest, row_norm];
            among.largest(&mut of_all)?;
            [largest, row_norm] = of_all;
        }
        // If products overflow, the eigenvalue is unknown; `largest` bounds the trace, which bounds the
        // largest eigenvalue.
        let eigenvalue = largest_eigenvalue(problem, largest, tier, n_threads, interrupted)?;
        let eigenvalue = if eigenvalue.is_finite() { eigenvalue.min(largest) } else { largest };
        let l2 = penalty.largest_l2();
        Ok(Self { full: curvature * eigenvalue + l2, row: curvature * row_norm + l2 })
    }

    /// The expected smoothness of batches of b of n rows:
    /// `n (b - 1) / (b (n - 1)) L + (n - b) / (b (n - 1)) L_max`, or, where rows are drawn with replacement,
    /// `(b - 1) / b L + 1 / b L_max`.
    pub fn of_batches(&self, n_rows: usize, batch_size: usize, replacement: bool) -> f64 {
        let (n, b) = (n_rows as f64, batch_size.min(n_rows) as f64);
        let share_of_row = if replacement { 1.0 / b } else { (n - b) / (b * (n - 1.0).max(1.0)) };
        self.full + share_of_row * (self.row - self.full)
    }
}

/// The largest eigenvalue of `1/n sum_i s_i (x_i, 1)(x_i, 1)^T`: the gradient of half the squared scores at v
/// is that matrix times v, so the batch gradient itself makes the products.
fn largest_eigenvalue<T: Scalar>(
    problem: &Problem<'_, T>,
    largest: f64,
    tier: Tier,
    n_threads: usize,
    interrupted: &(dyn Fn() -> bool + Sync),
) -> Result<f64> {
    let n_rows = problem.n_rows();
    let sampled = Order::spread(n_rows, N_SAMPLED)?;
    if problem.data.among().is_some() {
        let rows = try_collected("rows", (0..n_rows.min(N_SAMPLED)).map(|i| sampled.row(i)))?;
        return problem.on_rows(&rows, tier, |problem, _| {
            eigenvalue_of(problem, Order::Sequential, (largest, rows.len()), tier, n_threads, interrupted)
        });
    }
    eigenvalue_of(problem, sampled, (largest, n_rows.min(N_SAMPLED)), tier, n_threads, interrupted)
}

/// The same of so many rows at the beginning of an order.
fn eigenvalue_of<T: Scalar>(
    problem: &Problem<'_, T>,
    order: Order,
    (largest, n_sampled): (f64, usize),
    tier: Tier,
    n_threads: usize,
    interrupted: &(dyn Fn() -> bool + Sync),
) -> Result<f64> {
    let Dataset { rows, weights, row_subset, .. } = &problem.data;
    let n_stored = rows.n_rows();
    let zeros = try_filled("targets", n_stored, T::ZERO)?;
    let mut quadratic = Problem::new(
        *rows,
        Targets::new(&zeros, n_stored, 1, TargetKind::Real)?,
        weights.clone(),
        Loss::SquaredError(SquaredError),
        Penalty::none(),
        problem.fits_intercept(),
    )?;
    quadratic.data.row_subset.clone_from(row_subset);
    if largest == 0.0 {
        return Ok(0.0);
    }
    // Scores of vectors this short are at most 1, so that neither products nor entries overflow without need.
    let longest = if T::EPSILON > 1e-10 { 1e30 } else { 1e300 };
    let length = (1.0 / largest.sqrt()).min(longest);
    let start = start(quadratic.layout(), problem.fits_intercept(), length)?;
    let n_workers = n_workers_worth(&quadratic, n_sampled, false, n_threads);
    with_evaluator(&quadratic, start, (tier, n_workers), interrupted, |mut evaluator| {
        *evaluator.order() = order;
        let mut eigenvalue = 0.0;
        for _ in 0..N_ITERATIONS {
            evaluator.gradient(0..n_sampled)?;
            let AtStep { params: v, gradient: product, .. } = evaluator.at_step();
            let last = eigenvalue;
            eigenvalue = norm(product) / norm(v);
            if !eigenvalue.is_normal() || (eigenvalue - last).abs() <= TOLERANCE * eigenvalue {
                break;
            }
            let scale = length / norm(product);
            v.iter_mut().zip(product.iter()).for_each(|(v, &p)| *v = T::from_f64(p.to_f64() * scale));
        }
        Ok(eigenvalue)
    })
}

/// A start vector that is unlikely to be orthogonal to the leading eigenvector: its entries are spread over
/// [1, 2) by the golden ratio.
fn start<T: Scalar>(layout: Layout, has_intercept: bool, length: f64) -> Result<Vec<T>> {
    let spread = |j: usize| 1.0 + (j as f64 * 0.618_033_988_749_894_9).fract();
    let n_columns = layout.n_columns();
    let last = if has_intercept { spread(n_columns) } else { 0.0 };
    let norm = ((0..n_columns).map(spread).map(|v| v * v).sum::<f64>() + last * last).sqrt();
    let scaled = |v: f64| T::from_f64(v * length / norm);
    let mut coef = try_reserved("a vector", n_columns)?;
    coef.extend((0..n_columns).map(|j| scaled(spread(j))));
    layout.pack("a vector", &coef, &[scaled(last)])
}

fn norm<T: Scalar>(v: &[T]) -> f64 {
    v.iter().map(|v| v.to_f64() * v.to_f64()).sum::<f64>().sqrt()
}
