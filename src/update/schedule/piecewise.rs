//! A piecewise constant rate, from a table.

use super::{Rates, increasing_steps};
use crate::error::{Error, Result};
use crate::options::Options;

/// `values[i]`, i the number of boundaries <= t; without boundaries `values[t]`, the last one being kept from
/// then on.
#[derive(Debug, Clone, PartialEq)]
pub struct Piecewise {
    boundaries: Option<Vec<u64>>,
    values: Vec<f64>,
}

impl Piecewise {
    /// Steps, >= 1 and increasing, and one rate more, finite and >= 0; or no steps and one rate for each.
    pub fn new(boundaries: Option<&[f64]>, values: Vec<f64>) -> Result<Self> {
        if let Some(i) = values.iter().position(|rate| !(rate.is_finite() && *rate >= 0.0)) {
            let value = format!("{} at entry {i}", values[i]);
            return Err(Error::OutOfRange { argument: "values", condition: "finite and >= 0", value });
        }
        let boundaries = boundaries.map(|steps| increasing_steps("boundaries", steps)).transpose()?;
        let is_long_enough = match &boundaries {
            Some(boundaries) => values.len() == boundaries.len() + 1,
            None => !values.is_empty(),
        };
        if !is_long_enough {
            let expected = match &boundaries {
                Some(boundaries) => format!("{} entries, one more than boundaries", boundaries.len() + 1),
                None => "at least one entry".into(),
            };
            return Err(Error::Shape { argument: "values", expected, got: values.len().to_string() });
        }
        Ok(Self { boundaries, values })
    }
}

impl Rates for Piecewise {
    const NAME: &'static str = "Piecewise";

    fn from_options(options: &dyn Options) -> Result<Self> {
        let given = if options.is_none("boundaries")? { None } else { Some(options.numbers("boundaries")?) };
        Self::new(given.as_deref(), options.numbers("values")?)
    }

    fn at(&self, t: u64) -> f64 {
        let i = match &self.boundaries {
            Some(boundaries) => boundaries.partition_point(|&boundary| boundary <= t),
            None => usize::try_from(t).unwrap_or(usize::MAX).min(self.values.len() - 1),
        };
        self.values[i]
    }
}
