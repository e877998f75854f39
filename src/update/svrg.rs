//! SVRG: gradient descent on gradients whose noise dies away, by slopes at a snapshot of the parameters.

use super::metric::Preconditioner;
use super::saga::plain_step;
use super::{EffectiveStepSize, StepContext, Update, VarianceReduction};
use crate::error::{Error, Result};
use crate::options::Options;
use crate::scalar::Scalar;

/// As [`Saga`](super::Saga) with r' the slopes at a snapshot of the parameters, which is taken every few epochs by a pass
/// over all rows: no table, and the slopes of a batch are computed twice.
///
/// Source: R. Johnson, T. Zhang, Accelerating stochastic gradient descent using predictive variance reduction, NIPS 2013.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Svrg {
    preconditioner: Option<Preconditioner>,
    snapshot_every: u64,
}

impl Update for Svrg {
    const NAME: &'static str = "SVRG";

    fn from_options(options: &dyn Options) -> Result<Self> {
        let preconditioner = Preconditioner::from_option(options, "preconditioner")?;
        let every = options.integer("snapshot_every")?;
        let snapshot_every = u64::try_from(every).ok().filter(|&every| every >= 1);
        let (argument, condition) = ("snapshot_every", ">= 1");
        let refused = || Error::OutOfRange { argument, condition, value: every.to_string() };
        Ok(Self { preconditioner, snapshot_every: snapshot_every.ok_or_else(refused)? })
    }

    fn n_vectors(&self) -> usize {
        0
    }

    fn has_uniform_step_size(&self) -> bool {
        true
    }

    fn finds_rate(&self) -> bool {
        true
    }

    fn preconditioner(&self) -> Option<Preconditioner> {
        self.preconditioner
    }

    fn variance_reduction(&self) -> Option<VarianceReduction> {
        Some(VarianceReduction::Svrg { every: self.snapshot_every })
    }

    fn step<'r, T: Scalar>(&self, step: StepContext<'_, 'r, T>) -> EffectiveStepSize<'r, T> {
        plain_step(step)
    }
}
