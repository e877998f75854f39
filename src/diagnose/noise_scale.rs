//! The gradient noise scale, from the gradients of all rows.

use super::draws::{Point, unit_for};
use super::noise::LEVEL;
use super::{normal_quantile, student_quantile};
use crate::error::{Result, try_filled, try_reserved};
use crate::gradient::RowGradients;
use crate::scalar::Scalar;

/// How often a gradient whose expectation is zero is taken for a nonzero one.
const ERROR_RATE: f64 = 0.05;

/// The noise scale `B = tr(Sigma) / |G|^2`: the batch size at which noise and gradient are equally large.
///
/// The value is that of these rows, which is what training on them encounters; it is not an estimate. The
/// interval, and the decision whether there is a value at all, treat the rows as a sample: n other rows of
/// the same source have another gradient, and near an optimum its direction is arbitrary.
///
/// Source: S. McCandlish, J. Kaplan, D. Amodei et al., An empirical model of large-batch training, 2018,
/// section 2.2 and appendix A.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct NoiseScale {
    /// B; NaN if the gradient cannot be told from zero.
    pub value: f64,
    /// 95 % interval of B for n rows of the same source.
    pub interval: (f64, f64),
    /// Why there is no value; empty if there is one.
    pub reason: &'static str,
}

/// Statistics of the gradients of all rows, in a [unit](Self::unit) near their size.
#[derive(Debug)]
pub(super) struct GradientMoments {
    n_rows: f64,
    n_params: f64,
    unit: f64,
    trace: f64,
    squared_norm: f64,
    /// `tr(Sigma^2)`; it cannot be computed from norms alone.
    squared_trace: f64,
    /// Variances over the rows i of `|g_i - g|^2` and of `(g_i - g) . G`, and the covariance.
    variance_of_square: f64,
    variance_along: f64,
    covariance: f64,
}

impl GradientMoments {
    /// Computes them from all rows. `full` is the gradient over all of them, without the non-smooth part of
    /// the penalty.
    pub(super) fn of<T: Scalar>(point: &Point<'_, T>, full: &[T]) -> Result<Self> {
        let Point { problem, params, tier, interrupted, .. } = point;
        let layout = problem.layout();
        // The gradient including the penalty, and that of the loss alone.
        let mut total = try_reserved("gradients", full.len())?;
        total.extend_from_slice(full);
        let (coef, w) = (&mut total[..layout.n_coef()], &params[..layout.n_coef()]);
        let mut of_loss = try_filled("gradients", full.len(), T::ZERO)?;
        problem.penalty().add_to(*tier, layout, &mut of_loss[..layout.n_coef()], T::ZERO, w);
        let slope = T::from_f64(problem.intercept_slope());
        of_loss[layout.n_coef()..][..layout.n_outputs()].fill(slope);
        of_loss.iter_mut().zip(full).for_each(|(g, &full)| *g = full - *g);
        problem.penalty().add_subgradient(layout, coef, w);
        let (total_length, total) = normalized(total);
        let (loss_length, of_loss) = normalized(of_loss);

        let directions = [&of_loss[..], &total[..]];
        let RowGradients { norms, along } =
            RowGradients::of(problem, params, &directions, *tier, *interrupted)?;
        let unit = unit_for(norms.iter().copied().fold(total_length, f64::max));
        let in_unit = |length: f64| length / unit;
        let (loss_length, total_length) = (in_unit(loss_length), in_unit(total_length));
        let n = norms.len() as f64;
        let square = |i: usize| {
            let (norm, along) = (in_unit(norms[i]), in_unit(along[0][i]));
            norm * norm - 2.0 * along * loss_length + loss_length * loss_length
        };
        let of_rows = || 0..norms.len();
        let mean_along = along[1].iter().map(|&a| in_unit(a)).sum::<f64>() / n;
        let trace = (of_rows().map(square).sum::<f64>() / n).max(0.0);
        let (mut variance_of_square, mut variance_along, mut covariance) = (0.0, 0.0, 0.0);
        for i in of_rows() {
            let (q, h) = (square(i) - trace, (in_unit(along[1][i]) - mean_along) * total_length);
            variance_of_square += q * q / n;
            variance_along += h * h / n;
            covariance += q * h / n;
        }
        let n_params = layout.n_entries() as f64;
        let squared_norm = total_length * total_length;
        let squared_trace = 0.0;
        Ok(Self {
            n_rows: n,
            n_params,
            unit,
            trace,
            squared_norm,
            squared_trace,
            variance_of_square,
            variance_along,
            covariance,
        })
    }

    /// Sets `tr(Sigma^2)`, in units; zero if it is not known.
    pub(super) fn set_squared_trace(&mut self, estimate: f64) {
        let largest = self.trace * self.trace; // all noise is in one direction
        let least = largest / self.n_params.min(self.n_rows);
        self.squared_trace = if estimate == 0.0 { largest } else { estimate.clamp(least, largest) };
    }

    /// The unit of everything else.
    pub(super) fn unit(&self) -> f64 {
        self.unit
    }

    /// `tr(Sigma)` in squared units.
    pub(super) fn trace(&self) -> f64 {
        self.trace
    }

    /// `|G|^2` in squared units.
    pub(super) fn squared_norm(&self) -> f64 {
        self.squared_norm
    }

    /// The variance of `|g_B - g|^2` over its squared mean, for b draws with replacement: of the b^2 products
    /// of two rows' deviations that it consists of, b are squares of one.
    pub(super) fn relative_variance_of_square(&self, batch_size: usize) -> f64 {
        let b = batch_size as f64;
        let of_products = 2.0 * (1.0 - 1.0 / b) * self.squared_trace;
        (self.variance_of_square / b + of_products) / (self.trace * self.trace)
    }

    /// The noise scale, if there is one.
    pub(super) fn noise_scale(&self) -> NoiseScale {
        let Self { n_rows: n, trace, squared_norm, .. } = *self;
        let none = |reason| NoiseScale { value: f64::NAN, interval: (f64::NAN, f64::NAN), reason };
        if n == 1.0 {
            return none("one row has no variance");
        }
        if squared_norm == 0.0 {
            return none("the gradient over all rows is zero");
        }
        if trace == 0.0 {
            return NoiseScale { value: 0.0, interval: (0.0, 0.0), reason: "" };
        }
        if self.normal_score_of_norm() < normal_quantile(1.0 - ERROR_RATE) {
            return none(
                "the gradient over all rows cannot be told from zero: \
                 as many rows of the same source could have one as large if its expectation were zero",
            );
        }
        // From the part of log B that is linear in the rows' weights, and the part of |G|^2 that is quadratic
        // in them.
        let linear = self.variance_of_square / (trace * trace)
            - 4.0 * self.covariance / (trace * squared_norm)
            + 4.0 * self.variance_along / (squared_norm * squared_norm);
        let quadratic = 2.0 * self.squared_trace / (n * squared_norm * squared_norm);
        let error = ((linear.max(0.0) + quadratic) / n).sqrt();
        let width = (student_quantile(0.5 + LEVEL / 2.0, n - 1.0) * error).exp();
        let value = trace / squared_norm;
        NoiseScale { value, interval: (value / width, value * width), reason: "" }
    }

    /// How unlikely `|G|^2` is if G is the mean of n gradients of expectation zero, as a standard normal
    /// score.
    ///
    /// In that case it is `tr(Sigma) / n` on average; in general the rest, `|G|^2 - tr(Sigma) / n`, estimates
    /// the squared gradient of the source. With `r = tr(Sigma)^2 / tr(Sigma^2)` directions of noise, the
    /// quotient `n |G|^2 / tr(Sigma)` has approximately an F distribution with r and r (n - 1) degrees of
    /// freedom (Satterthwaite), and its cube root approximately a normal one (E. Paulson, 1942).
    fn normal_score_of_norm(&self) -> f64 {
        let n_directions = self.trace * self.trace / self.squared_trace;
        let f = (self.n_rows - 1.0) * self.squared_norm / self.trace;
        let (a, b) = (2.0 / (9.0 * n_directions), 2.0 / (9.0 * n_directions * (self.n_rows - 1.0)));
        let root = f.cbrt();
        ((1.0 - b) * root - (1.0 - a)) / (b * root * root + a).sqrt()
    }
}

/// The length of a vector, and the vector of length 1; zeros stay zeros.
fn normalized<T: Scalar>(mut v: Vec<T>) -> (f64, Vec<T>) {
    let unit = unit_for(v.iter().fold(0.0, |largest: f64, v| largest.max(v.to_f64().abs())));
    let length = v.iter().map(|v| (v.to_f64() / unit).powi(2)).sum::<f64>().sqrt();
    if length > 0.0 {
        v.iter_mut().for_each(|v| *v = T::from_f64(v.to_f64() / unit / length));
    }
    (length * unit, v)
}
