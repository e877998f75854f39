//! How wrong a score is: one loss a file, each with its formula, slope and source.
//!
//! A loss is a pure function of a score z and a target y. It is written once over [`Lanes`]; the loops over
//! rows and outputs, shared by all losses, are here.

mod hinge;
mod log_loss;
mod softmax;
mod squared_error;

pub use hinge::Hinge;
pub use log_loss::LogLoss;
pub use softmax::Softmax;
pub(crate) use softmax::exponentials;
pub use squared_error::SquaredError;

use crate::data::TargetKind;
use crate::error::{Error, Result};
use crate::kernel::{Kernel, Lanes, Tier};
use crate::options::Options;
use crate::scalar::Scalar;

/// A loss of one score and one target.
pub trait Pointwise: Copy {
    /// What scikit-learn calls it.
    const NAME: &'static str;
    /// Whether targets are classes, -1 and +1 here.
    const IS_CLASSIFICATION: bool;

    /// The loss with the parameters it has, if any.
    ///
    /// # Errors
    /// If a parameter is out of its range.
    fn from_options(options: &dyn Options) -> Result<Self>;
    /// The loss at score `z` for target `y`.
    fn value<L: Lanes>(self, z: L, y: L) -> L;
    /// Its derivative with respect to the score.
    fn slope<L: Lanes>(self, z: L, y: L) -> L;
    /// A bound on its second derivative with respect to the score, if there is one.
    fn curvature(self) -> Option<f64> {
        None
    }
}

/// Makes the enum of all losses: a new one is a line of the list below.
macro_rules! losses {
    ($($(#[$doc:meta])* $loss:ident,)*) => {
        /// The losses by name.
        #[derive(Debug, Clone, Copy, PartialEq)]
        pub enum Loss {
            $($(#[$doc])* $loss($loss),)*
        }

        impl Loss {
            /// All names, as in scikit-learn.
            pub const NAMES: &'static [&'static str] = &[$($loss::NAME),*];

            /// The loss of that name, its parameters read from `options`.
            ///
            /// # Errors
            /// If there is none, or a parameter is out of its range.
            pub fn from_options(name: &str, options: &dyn Options) -> Result<Self> {
                match name {
                    $($loss::NAME => $loss::from_options(options).map(Loss::$loss),)*
                    _ => Err(Error::UnknownName { argument: "loss", value: name.into(), known: Self::NAMES }),
                }
            }

            /// The name of the loss.
            pub fn name(self) -> &'static str {
                match self {
                    $(Loss::$loss(_) => $loss::NAME,)*
                }
            }

            /// Whether the targets are classes.
            pub fn is_classification(self) -> bool {
                match self {
                    $(Loss::$loss(_) => $loss::IS_CLASSIFICATION,)*
                }
            }

            /// A bound on the second derivative with respect to the scores of a row, if there is one.
            pub fn curvature(self, kind: TargetKind) -> Option<f64> {
                match (self, kind) {
                    (Loss::LogLoss(_), TargetKind::Class { .. }) => Some(Softmax::<f64>::CURVATURE),
                    $((Loss::$loss(loss), _) => loss.curvature(),)*
                }
            }

            /// Turns the scores of a tile into weighted slopes and returns the sum of the weighted losses.
            pub(crate) fn slopes<T: Scalar>(self, tier: Tier, kind: TargetKind, tile: TileOf<'_, T>) -> f64 {
                match (self, kind) {
                    (Loss::LogLoss(_), TargetKind::Class { .. }) => tier.run(Softmax { tile }).to_f64(),
                    $((Loss::$loss(loss), _) => pointwise(tier, loss, kind, tile),)*
                }
            }
        }
    };
}

losses! {
    /// For regression.
    SquaredError,
    /// For two classes; [`Softmax`] for more.
    LogLoss,
    /// With more than two classes, one against the rest for each.
    Hinge,
}

/// Scores, targets and weights of the rows of a tile. All rows of these little matrices are padded to the
/// same length, a multiple of the logical lanes; the weights of the padding are zero.
#[derive(Debug)]
pub(crate) struct TileOf<'a, T> {
    /// Scores of a row, k.
    pub n_outputs: usize,
    /// One row per output: scores on entry, weighted slopes on return.
    pub scores: &'a mut [T],
    /// One row per target.
    pub targets: &'a [T],
    /// One row.
    pub weights: &'a [T],
}

fn pointwise<T: Scalar, F: Pointwise>(tier: Tier, loss: F, kind: TargetKind, tile: TileOf<'_, T>) -> f64 {
    match kind {
        TargetKind::Real | TargetKind::Binary => tier.run(EachOutput { loss, tile }),
        TargetKind::Class { .. } => tier.run(OneVsRest { loss, tile }),
    }
    .to_f64()
}

/// Every output has targets of its own; the losses add up.
struct EachOutput<'a, T, F> {
    loss: F,
    tile: TileOf<'a, T>,
}

impl<T: Scalar, F: Pointwise> Kernel<T> for EachOutput<'_, T, F> {
    type Output = T;

    #[inline(always)]
    fn run<L: Lanes<Elem = T>>(self) -> T {
        let TileOf { n_outputs, scores, targets, weights } = self.tile;
        let stride = weights.len();
        let mut total = L::splat(T::ZERO);
        for c in 0..n_outputs {
            let z = scores[c * stride..][..stride].chunks_exact_mut(T::LANES);
            let y = targets[c * stride..][..stride].chunks_exact(T::LANES);
            for ((z, y), s) in z.zip(y).zip(weights.chunks_exact(T::LANES)) {
                total = one(self.loss, z, L::load(y), L::load(s), total);
            }
        }
        total.sum()
    }
}

/// Output c says "class c" (+1) or "another" (-1); the losses add up.
struct OneVsRest<'a, T, F> {
    loss: F,
    tile: TileOf<'a, T>,
}

impl<T: Scalar, F: Pointwise> Kernel<T> for OneVsRest<'_, T, F> {
    type Output = T;

    #[inline(always)]
    fn run<L: Lanes<Elem = T>>(self) -> T {
        let TileOf { scores, targets, weights, .. } = self.tile;
        let mut total = L::splat(T::ZERO);
        for (class, z) in scores.chunks_exact_mut(weights.len()).enumerate() {
            let class = L::splat(T::from_f64(class as f64));
            let lanes = z.chunks_exact_mut(T::LANES).zip(targets.chunks_exact(T::LANES));
            for ((z, y), s) in lanes.zip(weights.chunks_exact(T::LANES)) {
                let is_class = L::load(y).eq(class);
                let sign = L::select(is_class, L::splat(T::ONE), L::splat(-T::ONE));
                total = one(self.loss, z, sign, L::load(s), total);
            }
        }
        total.sum()
    }
}

/// Replaces one vector of scores by weighted slopes and adds the weighted losses to `total`.
#[inline(always)]
fn one<L: Lanes, F: Pointwise>(loss: F, z: &mut [L::Elem], y: L, s: L, total: L) -> L {
    let score = L::load(z);
    loss.slope(score, y).mul(s).store(z);
    loss.value(score, y).mul_add(s, total)
}
