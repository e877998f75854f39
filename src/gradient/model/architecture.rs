//! `Architecture`: what a model is, before it is known for which data.

use super::{LinearModel, Model};
use crate::error::{Error, Result};
use crate::gradient::Layout;
use crate::options::Options;
use crate::scalar::Scalar;

/// The kinds of models.
#[derive(Debug, Clone, PartialEq, Default)]
pub enum Architecture {
    /// See [`LinearModel`].
    #[default]
    Linear,
}

impl Architecture {
    /// The architecture these options are of; None if they are of something else.
    ///
    /// # Errors
    /// If a size is out of its range.
    pub fn from_options(options: &dyn Options) -> Result<Option<Self>> {
        match options.name().as_str() {
            "Linear" => Ok(Some(Self::Linear)),
            _ => Ok(None),
        }
    }

    /// The model for rows of `n_columns` and `n_outputs` scores, whose intercepts move or stay where they start.
    ///
    /// # Errors
    /// If the parameters would not fit the address space.
    pub fn model<T: Scalar>(&self, n_columns: usize, n_outputs: usize, fit_intercept: bool) -> Result<Model> {
        match self {
            Self::Linear => {
                let layout = Layout::new::<T>(n_columns, n_outputs)?;
                Ok(Model::Linear(LinearModel { layout, fit_intercept }))
            }
        }
    }

    /// What users call it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Linear => "linear",
        }
    }

    /// That a loss can be had with it.
    pub(crate) fn check_loss(&self, loss: &str, has_intercept_slope: bool) -> Result<()> {
        match self {
            Self::Linear => Ok(()),
            #[allow(unreachable_patterns)]
            _ if has_intercept_slope => {
                let name = self.name();
                Err(Error::Incompatible(format!("model must be 'linear' for loss {loss:?}, got {name:?}")))
            }
            #[allow(unreachable_patterns)]
            _ => Ok(()),
        }
    }
}
