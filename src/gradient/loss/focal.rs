//! Focal loss: log loss that gives little weight to rows already classified well.

use super::{Pointwise, constant};
use crate::error::{Result, checked};
use crate::kernel::{Lanes, math};
use crate::options::Options;

/// With `p = 1 / (1 + exp(-y z))` for y in {-1, +1}, the value the model assigns to the right class, and
/// q = 1 - p: `-q^gamma log p`, slope `-y q^gamma (q - gamma p log p)`; smooth, but not convex for gamma > 0.
/// `gamma` = 0 is the log loss.
///
/// It is not a proper scoring rule: at its minimum, p is not the probability of the class. The odds there
/// follow from the slopes, `P(+1) / P(-1) = slope(-z) / slope(z)`, and probabilities are predicted from them.
///
/// Source: T.-Y. Lin et al., Focal loss for dense object detection, ICCV (2017); N. Charoenphakdee et al., On
/// focal loss for class-posterior probability estimation, CVPR (2021).
///
/// ```
/// use mbgd_rs::gradient::loss::{Focal, Pointwise};
///
/// let (value, slope) = Focal::new(2.0)?.at(0.0, 1.0);
/// let ln_2 = std::f64::consts::LN_2;
/// assert!((value - ln_2 / 4.0).abs() < 1e-15);
/// assert!((slope + (0.5 + ln_2) / 4.0).abs() < 1e-15);
/// # Ok::<(), mbgd_rs::error::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Focal {
    gamma: f64,
}

impl Focal {
    /// The loss with the exponent `gamma`.
    ///
    /// # Errors
    /// If `gamma` is not in [0, 1000].
    pub fn new(gamma: f64) -> Result<Self> {
        Ok(Self { gamma: checked("gamma", "in [0, 1000]", gamma, |g| (0.0..=1000.0).contains(&g))? })
    }

    /// Minus the derivative of the loss with respect to the margin.
    #[inline(always)]
    fn pull<L: Lanes>(self, margin: L) -> L {
        let gamma = constant::<L>(self.gamma);
        let (p, q) = (math::sigmoid(margin), math::sigmoid(margin.neg()));
        let weight = math::exp(gamma.neg().mul(math::softplus(margin)));
        weight.mul(gamma.mul(p).mul_add(math::softplus(margin.neg()), q))
    }
}

impl Pointwise for Focal {
    const NAME: &'static str = "focal";
    const IS_CLASSIFICATION: bool = true;
    const HAS_PROBABILITY: bool = true;

    fn from_options(options: &dyn Options) -> Result<Self> {
        Self::new(options.number("gamma")?)
    }

    /// The largest of q^g p (g l (g p - q) + (1 + 2g) q), l = -log p, over a grid of margins a hundredth
    /// apart, increased by a thousandth to cover the margins between.
    fn curvature(self) -> Option<f64> {
        let g = self.gamma;
        let at = |margin: f64| {
            let q = 1.0 / (1.0 + margin.exp());
            let (p, l) = (1.0 - q, (-margin).exp().ln_1p());
            q.powf(g) * p * (g * l * (g * p - q) + (1.0 + 2.0 * g) * q)
        };
        Some((-2000..=2000).map(|i| at(f64::from(i) / 100.0)).fold(0.0, f64::max) * 1.001)
    }

    #[inline(always)]
    fn value<L: Lanes>(self, z: L, y: L) -> L {
        let margin = y.mul(z);
        let gamma = constant::<L>(self.gamma);
        math::exp(gamma.neg().mul(math::softplus(margin))).mul(math::softplus(margin.neg()))
    }

    #[inline(always)]
    fn slope<L: Lanes>(self, z: L, y: L) -> L {
        y.neg().mul(self.pull(y.mul(z)))
    }

    #[inline(always)]
    fn probability<L: Lanes>(self, z: L) -> L {
        let (of_first, of_second) = (self.pull(z), self.pull(z.neg()));
        of_second.div(of_first.add(of_second))
    }
}
