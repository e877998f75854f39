//! Penalties on large coefficients: one per file.
//!
//! The strengths are defined as in scikit-learn; intercepts are not penalised. The smooth part of a penalty
//! adds to the gradient, the other part acts through its proximal map after the update, which gives exact
//! zeros.

mod elastic_net;
mod group;
mod weighted;

pub use elastic_net::ElasticNet;
pub use group::Group;
pub use weighted::WeightedElasticNet;

use super::Layout;
use crate::error::{Error, Result, checked};
use crate::kernel::Tier;
use crate::options::Options;
use crate::scalar::Scalar;
use crate::step_size::EffectiveStepSize;

/// The penalties.
#[derive(Debug, Clone, PartialEq)]
pub enum Penalty {
    /// The same for all coefficients; see [`ElasticNet`].
    ElasticNet(ElasticNet),
    /// A strength for each coefficient; see [`WeightedElasticNet`].
    Weighted(WeightedElasticNet),
    /// The coefficients of a column together; see [`Group`].
    Group(Group),
}

impl Default for Penalty {
    fn default() -> Self {
        Self::none()
    }
}

impl Penalty {
    /// No penalty.
    pub fn none() -> Self {
        Self::ElasticNet(ElasticNet::default())
    }

    /// Strength `alpha`, finite and >= 0; `l1_ratio` in [0, 1] is the share of the l1 part.
    pub fn elastic_net(alpha: f64, l1_ratio: f64) -> Result<Self> {
        ElasticNet::new(alpha, l1_ratio).map(Self::ElasticNet)
    }

    /// The penalty that `options` describe; None if they describe something else.
    ///
    /// # Errors
    /// If a strength is out of its range.
    pub fn from_options(options: &dyn Options) -> Result<Option<Self>> {
        let (l1_ratio, is_group) = match options.name().as_str() {
            "L2" => (0.0, false),
            "L1" => (1.0, false),
            "ElasticNet" => (options.number("l1_ratio")?, false),
            "GroupL1" => (1.0, true),
            "GroupElasticNet" => (options.number("l1_ratio")?, true),
            _ => return Ok(None),
        };
        let alpha = match options.number("alpha") {
            Ok(alpha) => alpha,
            Err(no_number) => {
                let alphas = options.numbers("alpha").map_err(|_| no_number)?;
                return Ok(Some(if is_group {
                    Self::Group(Group::new(alphas, l1_ratio)?)
                } else {
                    Self::Weighted(WeightedElasticNet::new(alphas, l1_ratio)?)
                }));
            }
        };
        if is_group {
            return Group::new(vec![alpha], l1_ratio).map(Self::Group).map(Some);
        }
        Self::elastic_net(alpha, l1_ratio).map(Some)
    }

    /// Strength of the absolute values, if it is the same for all coefficients and there are no groups,
    /// else 0.
    pub fn l1(&self) -> f64 {
        self.uniform().map_or(0.0, |(l1, _)| l1)
    }

    /// Strength of half the squares, if it is the same for all coefficients and there are no groups, else 0.
    pub fn l2(&self) -> f64 {
        self.uniform().map_or(0.0, |(_, l2)| l2)
    }

    /// The strengths l1 and l2 of `l1 |w|_1 + l2/2 |w|^2`, if the penalty has this form.
    pub fn uniform(&self) -> Option<(f64, f64)> {
        match self {
            Penalty::ElasticNet(penalty) => Some((penalty.l1(), penalty.l2())),
            Penalty::Weighted(_) | Penalty::Group(_) => None,
        }
    }

    /// The largest strength of half the squares of all coefficients: what the penalty adds to the curvature.
    pub fn largest_l2(&self) -> f64 {
        match self {
            Penalty::ElasticNet(penalty) => penalty.l2(),
            Penalty::Weighted(penalty) => penalty.largest_l2(),
            Penalty::Group(penalty) => penalty.largest_l2(),
        }
    }

    /// Checks that the number of strengths fits the coefficients.
    pub(super) fn check(&self, layout: Layout) -> Result<()> {
        match self {
            Penalty::ElasticNet(_) => Ok(()),
            Penalty::Weighted(penalty) => penalty.check(layout),
            Penalty::Group(penalty) => penalty.check(layout),
        }
    }

    /// Whether [`Penalty::prox`] has an effect.
    pub fn has_prox(&self) -> bool {
        match self {
            Penalty::ElasticNet(penalty) => penalty.l1() > 0.0,
            Penalty::Weighted(penalty) => penalty.has_prox(),
            Penalty::Group(penalty) => penalty.has_prox(),
        }
    }

    /// Checks that the proximal map is exact for the effective step sizes of an optimizer. `are_uniform` says
    /// whether these are the same for all parameters.
    ///
    /// # Errors
    /// [`Error::Incompatible`].
    pub fn check_step_sizes(&self, are_uniform: bool, optimizer: &str) -> Result<()> {
        match self {
            Penalty::Group(penalty) if penalty.has_prox() && !are_uniform => {
                Err(Error::Incompatible(format!(
                    "penalty {:?} needs an optimizer whose rate is the same for all coefficients, got {optimizer}",
                    penalty.name()
                )))
            }
            _ => Ok(()),
        }
    }

    /// The penalty of coefficients `w`, summed in double.
    pub fn value<T: Scalar>(&self, layout: Layout, w: &[T]) -> f64 {
        match self {
            Penalty::ElasticNet(penalty) => penalty.value(w),
            Penalty::Weighted(penalty) => penalty.value(layout, w),
            Penalty::Group(penalty) => penalty.value(layout, w),
        }
    }

    /// `scale grad` plus the gradient of the smooth part at coefficients `w`, in place.
    pub fn add_to<T: Scalar>(&self, tier: Tier, layout: Layout, grad: &mut [T], scale: T, w: &[T]) {
        match self {
            Penalty::ElasticNet(penalty) => penalty.add_to(tier, grad, scale, w),
            Penalty::Weighted(penalty) => penalty.add_to(tier, layout, grad, scale, w),
            Penalty::Group(penalty) => penalty.add_to(tier, layout, grad, scale, w),
        }
    }

    /// The proximal map of the other part, with the effective step sizes of the update.
    ///
    /// A penalty that [`Penalty::check_step_sizes`] refuses does not change the coefficients.
    pub fn prox<T: Scalar>(&self, layout: Layout, w: &mut [T], step_size: EffectiveStepSize<'_, T>) {
        match self {
            Penalty::ElasticNet(penalty) => penalty.prox(w, step_size),
            Penalty::Weighted(penalty) => penalty.prox(layout, w, step_size),
            Penalty::Group(penalty) => penalty.prox(layout, w, step_size),
        }
    }

    /// Adds a subgradient of the other part at coefficients `w`: the one that is zero where `w` is zero.
    pub fn add_subgradient<T: Scalar>(&self, layout: Layout, grad: &mut [T], w: &[T]) {
        match self {
            Penalty::ElasticNet(penalty) => penalty.add_subgradient(grad, w),
            Penalty::Weighted(penalty) => penalty.add_subgradient(layout, grad, w),
            Penalty::Group(penalty) => penalty.add_subgradient(layout, grad, w),
        }
    }
}

fn checked_ratio(l1_ratio: f64) -> Result<f64> {
    checked("l1_ratio", "between 0 and 1", l1_ratio, |ratio| (0.0..=1.0).contains(&ratio))
}

/// Checks that all strengths are finite and >= 0.
fn checked_alphas(alphas: &[f64]) -> Result<()> {
    match alphas.iter().position(|alpha| !(alpha.is_finite() && *alpha >= 0.0)) {
        None => Ok(()),
        Some(i) => Err(Error::OutOfRange {
            argument: "alpha",
            condition: "finite and >= 0",
            value: if alphas.len() == 1 {
                alphas[i].to_string()
            } else {
                format!("{} at entry {i}", alphas[i])
            },
        }),
    }
}

/// The proximal map of `by |w|`.
#[inline(always)]
fn shrunk<T: Scalar>(w: T, by: T) -> T {
    // With the branches in this order, NaN propagates and is detected, instead of becoming zero.
    if w.abs() <= by {
        T::ZERO
    } else if w > T::ZERO {
        w - by
    } else {
        w + by
    }
}

/// The sign of w, and 0 for 0.
fn sign<T: Scalar>(w: T) -> T {
    if w > T::ZERO {
        T::ONE
    } else if w < T::ZERO {
        -T::ONE
    } else {
        w
    }
}
