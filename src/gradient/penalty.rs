//! What large coefficients cost: the elastic-net family.
//!
//! `alpha * (l1_ratio * |w|_1 + (1 - l1_ratio) / 2 * |w|^2)`, the strengths as in scikit-learn; intercepts
//! are free. The smooth part adds to the gradient, the l1 part acts through its proximal map after the
//! update and so gives exact zeros.
//!
//! Source: H. Zou, T. Hastie, Regularization and variable selection via the elastic net, J. R. Stat. Soc. B
//! 67 (2005).

use crate::error::{Result, checked};
use crate::options::Options;
use crate::rate::Rate;
use crate::scalar::Scalar;

/// An elastic net; l2 and l1 are its two ends, and no penalty has `alpha = 0`.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Penalty {
    alpha: f64,
    l1_ratio: f64,
}

impl Penalty {
    /// Coefficients are free.
    pub fn none() -> Self {
        Self::default()
    }

    /// Strength `alpha`, finite and >= 0; `l1_ratio` in [0, 1] is the share of the l1 part.
    pub fn elastic_net(alpha: f64, l1_ratio: f64) -> Result<Self> {
        checked("alpha", "finite and >= 0", alpha, |alpha| alpha.is_finite() && alpha >= 0.0)?;
        checked("l1_ratio", "between 0 and 1", l1_ratio, |ratio| (0.0..=1.0).contains(&ratio))?;
        Ok(Self { alpha, l1_ratio })
    }

    /// The penalty these options are of; None if they are of something else.
    ///
    /// # Errors
    /// If a strength is out of its range.
    pub fn from_options(options: &dyn Options) -> Result<Option<Self>> {
        let l1_ratio = match options.name().as_str() {
            "L2" => 0.0,
            "L1" => 1.0,
            "ElasticNet" => options.number("l1_ratio")?,
            _ => return Ok(None),
        };
        Self::elastic_net(options.number("alpha")?, l1_ratio).map(Some)
    }

    /// Strength of the absolute values, `alpha * l1_ratio`.
    pub fn l1(&self) -> f64 {
        self.alpha * self.l1_ratio
    }

    /// Strength of half the squares, `alpha * (1 - l1_ratio)`.
    pub fn l2(&self) -> f64 {
        self.alpha * (1.0 - self.l1_ratio)
    }

    /// The penalty of coefficients `w`, summed in double.
    pub fn value<T: Scalar>(&self, w: &[T]) -> f64 {
        if self.alpha == 0.0 {
            return 0.0;
        }
        let (mut abs, mut squares) = ([0.0_f64; 8], [0.0_f64; 8]);
        // The padded layout is a multiple of 8 long. Eight sums, added in a fixed order.
        for w in w.chunks(8) {
            for ((abs, squares), w) in abs.iter_mut().zip(&mut squares).zip(w) {
                let w = w.to_f64();
                *abs += w.abs();
                *squares += w * w;
            }
        }
        self.l1() * abs.iter().sum::<f64>() + 0.5 * self.l2() * squares.iter().sum::<f64>()
    }

    /// Shrinks coefficients by the proximal map of the l1 part: `sign(w) max(|w| - l1 * rate, 0)`.
    pub fn prox<T: Scalar>(&self, w: &mut [T], rate: Rate<'_, T>) {
        let l1 = T::from_f64(self.l1());
        match rate {
            Rate::Same(rate) => w.iter_mut().for_each(|w| *w = shrunk(*w, l1 * rate)),
            Rate::Each(rates) => w.iter_mut().zip(rates).for_each(|(w, &rate)| *w = shrunk(*w, l1 * rate)),
        }
    }
}

#[inline(always)]
fn shrunk<T: Scalar>(w: T, by: T) -> T {
    // In this order a NaN stays one and is found, instead of becoming a zero.
    if w.abs() <= by {
        T::ZERO
    } else if w > T::ZERO {
        w - by
    } else {
        w + by
    }
}
