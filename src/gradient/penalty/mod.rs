//! Penalties on large coefficients: one a file.
//!
//! The strengths are scikit-learn's; intercepts are free. The smooth part of a penalty adds to the gradient,
//! the other part acts through its proximal map after the update and so gives exact zeros.

mod elastic_net;
mod group;
mod weighted;

pub use elastic_net::ElasticNet;
pub use group::Group;
pub use weighted::WeightedElasticNet;

use std::sync::Arc;

use super::Layout;
use crate::error::{Error, Result, checked, try_filled};
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
    /// Coefficients are free.
    pub fn none() -> Self {
        Self::ElasticNet(ElasticNet::default())
    }

    /// Strength `alpha`, finite and >= 0; `l1_ratio` in [0, 1] is the share of the l1 part.
    pub fn elastic_net(alpha: f64, l1_ratio: f64) -> Result<Self> {
        ElasticNet::new(alpha, l1_ratio).map(Self::ElasticNet)
    }

    /// The penalty these options are of; None if they are of something else.
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
        let alpha = match options.numbers("alpha") {
            Ok(alphas) if is_group => return Group::new(alphas, l1_ratio).map(Self::Group).map(Some),
            Ok(alphas) => return WeightedElasticNet::new(alphas, l1_ratio).map(Self::Weighted).map(Some),
            Err(error @ Error::OutOfMemory { .. }) => return Err(error),
            Err(_) => options.number("alpha")?,
        };
        if is_group {
            return Group::new(vec![alpha], l1_ratio).map(Self::Group).map(Some);
        }
        Self::elastic_net(alpha, l1_ratio).map(Some)
    }

    /// Strength of the absolute values, if it is the same for all coefficients and no group, else 0.
    pub fn l1(&self) -> f64 {
        self.uniform().map_or(0.0, |(l1, _)| l1)
    }

    /// Strength of half the squares, if it is the same for all coefficients and there are no groups, else 0.
    pub fn l2(&self) -> f64 {
        self.uniform().map_or(0.0, |(_, l2)| l2)
    }

    /// The strengths l1 and l2 of `l1 |w|_1 + l2/2 |w|^2`, if this is all there is to the penalty.
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

    /// The strength of half the squares of the coefficients of each column; of several outputs the largest.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`].
    pub fn l2_by_column(&self, layout: Layout) -> Result<Vec<f64>> {
        let mut strengths = try_filled("the strengths of a penalty", layout.n_columns(), self.l2())?;
        match self {
            Penalty::ElasticNet(_) => {}
            Penalty::Weighted(penalty) => penalty.largest_l2_by_column(layout, &mut strengths),
            Penalty::Group(penalty) => penalty.l2_by_column(&mut strengths),
        }
        Ok(strengths)
    }

    /// Writes the strengths of the absolute values of the coefficients of output c, by column; none of a group, whose columns
    /// are not apart.
    pub fn l1_of_output(&self, layout: Layout, c: usize, to: &mut [f64]) {
        to.fill(self.l1());
        if let Penalty::Weighted(penalty) = self {
            penalty.l1_of_output(layout, c, to);
        }
    }

    /// That there are as many strengths as coefficients.
    pub(super) fn check(&self, layout: Layout) -> Result<()> {
        match self {
            Penalty::ElasticNet(_) => Ok(()),
            Penalty::Weighted(penalty) => penalty.check(layout),
            Penalty::Group(penalty) => penalty.check(layout),
        }
    }

    /// Whether [`Penalty::prox`] does something.
    pub fn has_prox(&self) -> bool {
        match self {
            Penalty::ElasticNet(penalty) => penalty.l1() > 0.0,
            Penalty::Weighted(penalty) => penalty.has_prox(),
            Penalty::Group(penalty) => penalty.has_prox(),
        }
    }

    /// That the proximal map is exact for the effective step sizes of an optimizer, which are the same for all parameters or
    /// not.
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

    /// Makes `few` the penalty of some columns alone: column i of its coefficients is column `columns[i]` here, and
    /// all else is as of a model with these columns. Memory is needed only where there are more of them than ever
    /// before.
    ///
    /// ```
    /// use mbgd_rs::gradient::penalty::{Group, Penalty};
    /// use mbgd_rs::gradient::Layout;
    ///
    /// let penalty = Penalty::Group(Group::new(vec![1.0, 2.0, 4.0], 1.0)?);
    /// let mut few = Penalty::none();
    /// penalty.restrict(Layout::new::<f64>(3, 1)?, &[2, 0], &mut few)?;
    /// assert_eq!(few, Penalty::Group(Group::new(vec![4.0, 1.0], 1.0)?));
    /// # Ok::<(), mbgd_rs::error::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::OutOfMemory`].
    pub fn restrict(&self, layout: Layout, columns: &[usize], few: &mut Self) -> Result<()> {
        match (self, few) {
            (Penalty::ElasticNet(penalty), few) => *few = Penalty::ElasticNet(*penalty),
            (Penalty::Weighted(penalty), Penalty::Weighted(few)) => penalty.restrict(layout, columns, few)?,
            (Penalty::Group(penalty), Penalty::Group(few)) => penalty.restrict(columns, few)?,
            (Penalty::Weighted(_), few) => {
                *few = Penalty::Weighted(WeightedElasticNet::new(Vec::new(), 0.0)?);
                self.restrict(layout, columns, few)?;
            }
            (Penalty::Group(_), few) => {
                *few = Penalty::Group(Group::new(Vec::new(), 0.0)?);
                self.restrict(layout, columns, few)?;
            }
        }
        Ok(())
    }

    /// The penalty of the coefficients of one column: what a column costs that a step leaves alone.
    pub fn value_of_column<T: Scalar>(&self, layout: Layout, w: &[T], column: usize) -> f64 {
        match self {
            Penalty::ElasticNet(penalty) => {
                layout.of_column(column).map(|at| penalty.value_in_kernel(std::slice::from_ref(&w[at]))).sum()
            }
            Penalty::Weighted(penalty) => penalty.value_of_column(layout, w, column),
            Penalty::Group(penalty) => penalty.value_of_column(layout, w, column),
        }
    }

    /// The penalty of coefficients `w`, summed in double.
    pub fn value<T: Scalar>(&self, tier: Tier, layout: Layout, w: &[T]) -> f64 {
        match self {
            Penalty::ElasticNet(penalty) => penalty.value(tier, w),
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

    /// The proximal map of the other part, by the effective step sizes of the update.
    ///
    /// A penalty that [`Penalty::check_step_sizes`] refuses leaves the coefficients alone.
    pub fn prox<T: Scalar>(
        &self,
        tier: Tier,
        layout: Layout,
        w: &mut [T],
        step_size: EffectiveStepSize<'_, T>,
    ) {
        match self {
            Penalty::ElasticNet(penalty) => penalty.prox(tier, w, step_size),
            Penalty::Weighted(penalty) => penalty.prox(layout, w, step_size),
            Penalty::Group(penalty) => penalty.prox(layout, w, step_size),
        }
    }

    /// Adds a subgradient of the other part at coefficients `w`: the one that is zero where it may be.
    pub fn add_subgradient<T: Scalar>(&self, layout: Layout, grad: &mut [T], w: &[T]) {
        match self {
            Penalty::ElasticNet(penalty) => penalty.add_subgradient(grad, w),
            Penalty::Weighted(penalty) => penalty.add_subgradient(layout, grad, w),
            Penalty::Group(penalty) => penalty.add_subgradient(layout, grad, w),
        }
    }
}

/// An empty vector with room for `n` strengths, in the memory of those before.
fn reserved(alphas: &mut Arc<Vec<f64>>, n: usize) -> Result<&mut Vec<f64>> {
    let alphas = Arc::make_mut(alphas);
    alphas.clear();
    let bytes = n.saturating_mul(size_of::<f64>());
    alphas.try_reserve(n).map_err(|_| Error::OutOfMemory { what: "the strengths of a penalty", bytes })?;
    Ok(alphas)
}

fn checked_ratio(l1_ratio: f64) -> Result<f64> {
    checked("l1_ratio", "between 0 and 1", l1_ratio, |ratio| (0.0..=1.0).contains(&ratio))
}

/// Strengths, all finite and >= 0.
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
    // In this order a NaN stays one and is found, instead of becoming a zero.
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::step_size::EffectiveStepSize;

    const COLUMNS: usize = 21;

    /// The three forms, with a strength for all, for each column and for each coefficient.
    fn penalties(n_outputs: usize, l1_ratio: f64) -> Vec<Penalty> {
        let alphas = |n: usize| (0..n).map(|i| (i * 7 % 5) as f64 / 3.0).collect::<Vec<_>>();
        let of_coefficients = alphas(n_outputs * COLUMNS);
        vec![
            Penalty::elastic_net(0.3, l1_ratio).unwrap(),
            Penalty::Weighted(WeightedElasticNet::new(alphas(COLUMNS), l1_ratio).unwrap()),
            Penalty::Weighted(WeightedElasticNet::new(of_coefficients, l1_ratio).unwrap()),
            Penalty::Group(Group::new(alphas(COLUMNS), l1_ratio).unwrap()),
            Penalty::Group(Group::new(vec![0.3], l1_ratio).unwrap()),
        ]
    }

    /// Coefficients of some columns, as a step on these has them.
    fn gathered(layout: Layout, w: &[f64], few: Layout, columns: &[usize]) -> Vec<f64> {
        let mut gathered = vec![0.0; few.n_coef()];
        for c in 0..layout.n_outputs() {
            for (i, &column) in columns.iter().enumerate() {
                gathered[c * few.stride() + i] = w[c * layout.stride() + column];
            }
        }
        gathered
    }

    proptest! {
        /// A step on some columns does to them what a step on all does.
        #[test]
        fn a_restricted_penalty_is_that_of_its_columns(
            w in proptest::collection::vec(-2.0..2.0_f64, 3 * COLUMNS),
            columns in proptest::sample::subsequence((0..COLUMNS).collect::<Vec<_>>(), 0..=COLUMNS).prop_shuffle(),
            n_outputs in 1..=3_usize,
            l1_ratio in prop_oneof![Just(0.0), Just(0.4), Just(1.0)],
        ) {
            let layout = Layout::new::<f64>(COLUMNS, n_outputs).unwrap();
            let few = Layout::new::<f64>(columns.len(), n_outputs).unwrap();
            let packed = layout.pack("w", &w[..n_outputs * COLUMNS], &vec![0.0; n_outputs]).unwrap();
            let w = &packed[..layout.n_coef()];
            let own = gathered(layout, w, few, &columns);
            let tier = Tier::current().unwrap();
            let mut restricted = Penalty::none();
            for penalty in penalties(n_outputs, l1_ratio) {
                penalty.restrict(layout, &columns, &mut restricted).unwrap();

                let by_column: f64 = columns.iter().map(|&j| penalty.value_of_column(layout, w, j)).sum();
                prop_assert!((restricted.value(tier, few, &own) - by_column).abs() < 1e-12 * (1.0 + by_column));
                let all: f64 = (0..COLUMNS).map(|j| penalty.value_of_column(layout, w, j)).sum();
                prop_assert!((penalty.value(tier, layout, w) - all).abs() < 1e-12 * (1.0 + all));

                let (mut g, mut own_g) = (vec![0.25; layout.n_coef()], vec![0.25; few.n_coef()]);
                penalty.add_to(tier, layout, &mut g, 0.5, w);
                restricted.add_to(tier, few, &mut own_g, 0.5, &own);
                penalty.add_subgradient(layout, &mut g, w);
                restricted.add_subgradient(few, &mut own_g, &own);
                let (mut moved, mut own_moved) = (w.to_vec(), own.clone());
                penalty.prox(tier, layout, &mut moved, EffectiveStepSize::Uniform(0.7));
                restricted.prox(tier, few, &mut own_moved, EffectiveStepSize::Uniform(0.7));
                let step_sizes: Vec<f64> = (0..layout.n_coef()).map(|i| (i % 9) as f64 / 8.0).collect();
                let own_step_sizes = gathered(layout, &step_sizes, few, &columns);
                penalty.prox(tier, layout, &mut moved, EffectiveStepSize::PerParameter(&step_sizes));
                restricted.prox(tier, few, &mut own_moved, EffectiveStepSize::PerParameter(&own_step_sizes));
                for c in 0..n_outputs {
                    for (i, &column) in columns.iter().enumerate() {
                        let (at, i) = (c * layout.stride() + column, c * few.stride() + i);
                        prop_assert_eq!(g[at].to_bits(), own_g[i].to_bits());
                        prop_assert_eq!(moved[at].to_bits(), own_moved[i].to_bits());
                    }
                }
            }
        }
    }

    #[test]
    fn restricting_to_fewer_columns_needs_no_memory() {
        let layout = Layout::new::<f64>(COLUMNS, 1).unwrap();
        let penalty = Penalty::Group(Group::new(vec![1.0; COLUMNS], 1.0).unwrap());
        let mut few = Penalty::none();
        let place = |few: &Penalty| if let Penalty::Group(group) = few { Some(group.place()) } else { None };
        penalty.restrict(layout, &[0, 5, 9], &mut few).unwrap();
        let before = place(&few);
        penalty.restrict(layout, &[3, 1], &mut few).unwrap();
        assert!(before.is_some() && place(&few) == before);
    }
}
