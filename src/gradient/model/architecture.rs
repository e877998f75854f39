//! `Architecture`: what a model is, before it is known for which data.

use std::sync::Arc;

use super::{FactorizationMachine, LinearModel, Mlp, Model};
use crate::error::{Error, Result};
use crate::gradient::Layout;
use crate::kernel::Activation;
use crate::options::Options;
use crate::scalar::Scalar;

/// The kinds of models.
#[derive(Debug, Clone, PartialEq, Default)]
pub enum Architecture {
    /// See [`LinearModel`].
    #[default]
    Linear,
    /// See [`Mlp`].
    Mlp {
        /// The units of each hidden layer, and what their scores go through.
        hidden: Vec<(usize, Activation)>,
        /// The share of hidden units that a training step leaves out.
        dropout: f64,
    },
    /// See [`FactorizationMachine`].
    FactorizationMachine {
        /// Factors of a column.
        rank: usize,
    },
}

impl Architecture {
    /// The architecture these options are of; None if they are of something else.
    ///
    /// # Errors
    /// If a size is out of its range.
    pub fn from_options(options: &dyn Options) -> Result<Option<Self>> {
        match options.name().as_str() {
            "Linear" => Ok(Some(Self::Linear)),
            "MLP" => {
                let sizes = options.numbers("hidden")?;
                let names = match options.is_text("activation")? {
                    true => vec![options.text("activation")?; sizes.len()],
                    false => options.texts("activation")?,
                };
                if names.len() != sizes.len() {
                    return Err(Error::Shape {
                        argument: "activation",
                        expected: format!("one name for each of {} hidden layers", sizes.len()),
                        got: names.len().to_string(),
                    });
                }
                let activation = |name: &String| {
                    Activation::from_name(name).ok_or_else(|| Error::UnknownName {
                        argument: "activation",
                        value: name.clone(),
                        known: Activation::NAMES,
                    })
                };
                let hidden = sizes.iter().zip(&names).map(|(&n, name)| Ok((n as usize, activation(name)?)));
                let dropout = options.number("dropout")?;
                Ok(Some(Self::Mlp { hidden: hidden.collect::<Result<_>>()?, dropout }))
            }
            "FactorizationMachine" => {
                let rank = options.integer("rank")?;
                let rank = usize::try_from(rank).ok().filter(|&rank| rank >= 1).ok_or_else(|| {
                    Error::OutOfRange { argument: "rank", condition: ">= 1", value: rank.to_string() }
                })?;
                Ok(Some(Self::FactorizationMachine { rank }))
            }
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
            Self::Mlp { hidden, dropout } => {
                let mlp = Mlp::new::<T>((n_columns, n_outputs), hidden, *dropout, fit_intercept)?;
                Ok(Model::Mlp(Arc::new(mlp)))
            }
            Self::FactorizationMachine { rank } => {
                let machine = FactorizationMachine::new::<T>((n_columns, n_outputs), *rank, fit_intercept)?;
                Ok(Model::FactorizationMachine(machine))
            }
        }
    }
}
