//! Losses: one per file, each with its formula, slope and source.
//!
//! A loss is a pure function of a score z and a target y. It is written once over [`Lanes`]; the loops over
//! rows and outputs, shared by all losses, are in `tile.rs`.

mod absolute_error;
mod crammer_singer;
mod epsilon_insensitive;
mod focal;
mod gamma;
mod hinge;
mod huber;
mod log_cosh;
mod log_loss;
mod modified_huber;
mod one_class;
mod perceptron;
mod poisson;
mod prediction;
mod quantile;
mod smooth_hinge;
mod softmax;
mod squared_epsilon_insensitive;
mod squared_error;
mod squared_hinge;
mod tile;
mod tweedie;

pub use absolute_error::AbsoluteError;
pub use crammer_singer::CrammerSinger;
pub use epsilon_insensitive::EpsilonInsensitive;
pub use focal::Focal;
pub use gamma::Gamma;
pub use hinge::Hinge;
pub use huber::Huber;
pub use log_cosh::LogCosh;
pub use log_loss::{LogLoss, MultiClass};
pub use modified_huber::ModifiedHuber;
pub use one_class::OneClass;
pub use perceptron::Perceptron;
pub use poisson::Poisson;
pub use quantile::Quantile;
pub use smooth_hinge::SmoothHinge;
pub use softmax::Softmax;
use softmax::exponentials;
pub use squared_epsilon_insensitive::SquaredEpsilonInsensitive;
pub use squared_error::SquaredError;
pub use squared_hinge::SquaredHinge;
pub(crate) use tile::{EachOutput, TileOf, value_at};
pub use tweedie::Tweedie;

use crate::data::{Domain, TargetKind, Unit};
use crate::error::{Error, Result};
use crate::kernel::{Kernel, Lanes, Tier};
use crate::options::Options;
use crate::scalar::Scalar;
use crammer_singer::CrammerSingerOfClasses;
use prediction::SoftmaxOfClasses;
use tile::pointwise;

/// A loss of one score and one target.
pub trait Pointwise: Copy {
    /// The name of the loss in scikit-learn.
    const NAME: &'static str;
    /// Whether targets are classes, -1 and +1 here.
    const IS_CLASSIFICATION: bool;
    /// Whether [`Pointwise::probability`] is defined.
    const HAS_PROBABILITY: bool = false;
    /// Whether the slope jumps somewhere.
    const HAS_KINK: bool = false;

    /// The loss with its parameters, if it has any.
    ///
    /// # Errors
    /// If a parameter is out of its range.
    fn from_options(options: &dyn Options) -> Result<Self>;
    /// The loss at score `z` for target `y`.
    fn value<L: Lanes>(self, z: L, y: L) -> L;
    /// A multiple of the loss, from scores and targets times `scale`, that of a [`Unit`]: a loss that squares
    /// leaves the range of the numbers less soon so. By default the loss itself.
    #[inline(always)]
    fn scaled_value<L: Lanes>(self, z: L, y: L, _scale: L) -> L {
        self.value(z, y)
    }
    /// By what a sum of [scaled values](Pointwise::scaled_value) is multiplied to be one of values.
    #[inline(always)]
    fn of_scaled(self, _unit: Unit) -> f64 {
        1.0
    }
    /// Its derivative with respect to the score.
    fn slope<L: Lanes>(self, z: L, y: L) -> L;

    /// The largest second derivative with respect to the score, over all scores and targets; none if it has
    /// no bound or the loss is not smooth.
    fn curvature(self) -> Option<f64> {
        None
    }
    /// The targets of a regression for which the loss is defined.
    fn domain(self) -> Domain {
        Domain::Real
    }
    /// What the objective has per unit of every intercept, beside the mean of the losses.
    fn intercept_slope(self) -> f64 {
        0.0
    }
    /// The prediction for a score: the mean of the targets, for a loss that has a link.
    #[inline(always)]
    fn inverse_link<L: Lanes>(self, z: L) -> L {
        z
    }
    /// The probability of +1 at score `z`; that of -1 is the one at `-z`.
    #[inline(always)]
    fn probability<L: Lanes>(self, z: L) -> L {
        z
    }

    /// The loss and its slope at one score `z` for one target `y`.
    fn at(self, z: f64, y: f64) -> (f64, f64) {
        Tier::SCALAR.run(At { loss: self, z, y })
    }
}

/// Code that is compiled for each loss.
pub(crate) trait VisitPointwise {
    /// What it returns.
    type Output;
    /// Runs for `loss`.
    fn visit<F: Pointwise>(self, loss: F) -> Self::Output;
}

struct At<F> {
    loss: F,
    z: f64,
    y: f64,
}

impl<F: Pointwise> Kernel<f64> for At<F> {
    type Output = (f64, f64);

    #[inline(always)]
    fn run<L: Lanes<Elem = f64>>(self) -> (f64, f64) {
        let (z, y) = (L::splat(self.z), L::splat(self.y));
        let mut results = [[0.0; f64::LANES]; 2];
        self.loss.value(z, y).store(&mut results[0]);
        self.loss.slope(z, y).store(&mut results[1]);
        (results[0][0], results[1][0])
    }
}

/// Generates the enum of all losses: a new loss is one line in the list below.
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
            /// If no loss has that name, or a parameter is out of its range.
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

            /// The loss and its slope at one score `z` for one target `y`, of two classes -1 or +1.
            pub fn at(self, z: f64, y: f64) -> (f64, f64) {
                match self {
                    $(Loss::$loss(loss) => loss.at(z, y),)*
                }
            }

            /// The largest second derivative with respect to the scores of a row, that is the largest
            /// eigenvalue of the Hessian, for targets of that kind; none if it has no bound or the loss is
            /// not smooth.
            pub fn curvature(self, kind: TargetKind) -> Option<f64> {
                match self {
                    _ if self.is_softmax(kind) => Some(Softmax::<f64>::CURVATURE),
                    $(Loss::$loss(loss) => loss.curvature(),)*
                }
            }

            /// The targets of a regression for which the loss is defined.
            pub fn domain(self) -> Domain {
                match self {
                    $(Loss::$loss(loss) => loss.domain(),)*
                }
            }

            /// What the objective has per unit of every intercept, beside the mean of the losses.
            pub fn intercept_slope(self) -> f64 {
                match self {
                    $(Loss::$loss(loss) => loss.intercept_slope(),)*
                }
            }

            /// Whether the slope jumps somewhere: then noise that dies away at the optimum is not to be had.
            pub fn has_kink(self) -> bool {
                match self {
                    $(Loss::$loss(_) => $loss::HAS_KINK,)*
                }
            }

            /// Whether probabilities of the classes follow from the scores.
            pub fn has_probabilities(self) -> bool {
                match self {
                    $(Loss::$loss(_) => $loss::HAS_PROBABILITY,)*
                }
            }

            /// Turns scores, padded to whole vectors, into means of the targets.
            pub(crate) fn means<T: Scalar>(self, tier: Tier, scores: &mut [T]) {
                match self {
                    $(Loss::$loss(loss) => prediction::means(tier, loss, scores),)*
                }
            }

            /// Turns scores, one padded row of `stride` for each output, into probabilities; for two classes
            /// a second row follows, which receives the probabilities of +1.
            pub(crate) fn probabilities<T: Scalar>(
                self,
                tier: Tier,
                kind: TargetKind,
                scores: &mut [T],
                stride: usize,
            ) {
                match self {
                    _ if self.is_softmax(kind) => tier.run(SoftmaxOfClasses { scores, stride }),
                    $(Loss::$loss(loss) => prediction::probabilities(tier, loss, kind, scores, stride),)*
                }
            }

            /// Hands the loss on as its own type, to code that is compiled for each: None if all outputs are handled at
            /// once.
            pub(crate) fn visit<V: VisitPointwise>(self, kind: TargetKind, visitor: V) -> Option<V::Output> {
                match (self, kind) {
                    _ if self.is_softmax(kind) => None,
                    (Loss::CrammerSinger(_), TargetKind::Class { .. }) => None,
                    $((Loss::$loss(loss), _) => Some(visitor.visit(loss)),)*
                }
            }

            /// Turns the scores of a tile into weighted slopes and returns the sum of the weighted losses.
            // Part of every step's fixed cost, and therefore inlined at every call site.
            #[inline(always)]
            pub(crate) fn slopes<T: Scalar>(self, tier: Tier, kind: TargetKind, tile: TileOf<'_, T>) -> f64 {
                match (self, kind) {
                    _ if self.is_softmax(kind) => tier.run(Softmax { tile }).to_f64(),
                    (Loss::CrammerSinger(_), TargetKind::Class { .. }) => {
                        tier.run(CrammerSingerOfClasses { tile }).to_f64()
                    }
                    $((Loss::$loss(loss), _) => pointwise(tier, loss, kind, tile),)*
                }
            }
        }
    };
}

losses! {
    /// For regression: the mean.
    SquaredError,
    /// For regression: the median.
    AbsoluteError,
    /// For regression with outliers.
    Huber,
    /// For regression within a tolerance.
    EpsilonInsensitive,
    /// For regression within a tolerance, smooth.
    SquaredEpsilonInsensitive,
    /// For a quantile of the targets.
    Quantile,
    /// For regression with outliers, smooth everywhere.
    LogCosh,
    /// For counts.
    Poisson,
    /// For positive targets.
    Gamma,
    /// For targets whose variance is a power of their mean.
    Tweedie,
    /// For rows of one class, among which there may be outliers.
    OneClass,
    /// For two classes; [`Softmax`] for more.
    LogLoss,
    /// The support vector machine. With more than two classes, here and below, one against the rest for each.
    Hinge,
    /// The smooth support vector machine.
    SquaredHinge,
    /// The squared hinge, linear for margins below -1.
    ModifiedHuber,
    /// The hinge without a margin.
    Perceptron,
    /// The hinge with a rounded corner.
    SmoothHinge,
    /// For classes where most rows are easy.
    Focal,
    /// The hinge of all classes at once.
    CrammerSinger,
}

impl Loss {
    /// Whether all classes are handled at once, by the softmax of the scores.
    pub(super) fn is_softmax(self, kind: TargetKind) -> bool {
        let is_multinomial = matches!(self, Loss::LogLoss(LogLoss { multi_class: MultiClass::Multinomial }));
        is_multinomial && matches!(kind, TargetKind::Class { .. })
    }
}

/// `slope`, or NaN where `z` is NaN: comparisons alone would not propagate it.
#[inline(always)]
fn unless_nan<L: Lanes>(z: L, slope: L) -> L {
    L::select(z.eq(z), slope, z)
}

/// A vector with `x` in every lane.
#[inline(always)]
fn constant<L: Lanes>(x: f64) -> L {
    L::splat(L::Elem::from_f64(x))
}
