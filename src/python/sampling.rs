//! The package's sampling strategies as the core's shuffles.

use std::sync::Arc;

use numpy::PyReadonlyArray1;
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyBool;

use super::choice::Attributes;
use super::error::{caught, detached, to_python};
use crate::error::{Error, try_copied};
use crate::options::Options;
use crate::shuffle::{Block, ShardedOrder, Shuffle, Stratified, WeightedSampling};

/// Checks a way of sampling.
#[pyfunction]
pub(super) fn check_shuffle(choice: &Bound<'_, PyAny>) -> PyResult<()> {
    caught(|| shuffle_from(choice).map(drop))
}

/// A name, False, or an object of `mbgd_rs.sampling` of which the strata are known.
pub(super) fn shuffle_from(choice: &Bound<'_, PyAny>) -> PyResult<Shuffle> {
    let expected = "shuffle must be \"full\", \"once\", \"block\", \"stratified\", False or an object of \
                    mbgd_rs.sampling, got";
    if let Ok(choice) = choice.cast::<PyBool>() {
        if !choice.is_true() {
            return Ok(Shuffle::Sequential);
        }
        return Err(PyValueError::new_err(format!("{expected} True")));
    }
    if let Ok(name) = choice.extract::<String>() {
        return Shuffle::from_name(&name).map_err(to_python);
    }
    let options = Attributes(choice.clone());
    match options.name().as_str() {
        "Block" => {
            let count = |name| {
                options.integer(name).and_then(|value| {
                    let value = value.to_string();
                    value.parse().map_err(|_| Error::OutOfRange { argument: name, condition: ">= 1", value })
                })
            };
            let block = match choice.getattr("rows")?.extract::<Vec<usize>>() {
                Ok(lengths) => count("window").and_then(|window| Block::of_lengths(&lengths, window)),
                Err(_) => count("rows").and_then(|rows| Block::new(rows, count("window")?)),
            };
            Ok(Shuffle::Block(block.map_err(to_python)?))
        }
        "Sharded" => {
            let sharded = options.integer("shards").and_then(ShardedOrder::new).map_err(to_python)?;
            Ok(Shuffle::Sharded(sharded))
        }
        "Weighted" => weighted(choice, &options).map(|weighted| Shuffle::Weighted(Arc::new(weighted))),
        "Strata" => {
            let strata: PyReadonlyArray1<'_, u32> = choice.getattr("numbers")?.extract()?;
            let strata = try_copied("groups", strata.as_slice()?).map_err(to_python)?;
            let stratified = detached(choice.py(), || Stratified::new(strata))?;
            Ok(Shuffle::Stratified(Arc::new(stratified)))
        }
        _ => Err(PyTypeError::new_err(format!("{expected} {}", options.written()))),
    }
}

fn weighted(choice: &Bound<'_, PyAny>, options: &Attributes<'_>) -> PyResult<WeightedSampling> {
    let weights: PyReadonlyArray1<'_, f64> = choice.getattr("weights")?.extract()?;
    let weights = weights.as_slice()?;
    let flag = |name| options.flag(name).map_err(to_python);
    let (replacement, correct_bias) = (flag("replacement")?, flag("correct_bias")?);
    let n_samples = match options.is_none("n_samples").map_err(to_python)? {
        true => None,
        false => Some(options.integer("n_samples").map_err(to_python)?),
    };
    let n_samples = n_samples
        .map(|n| usize::try_from(n).map_err(|_| n))
        .transpose()
        .map_err(|n| PyValueError::new_err(format!("n_samples must be >= 1, got {n}")))?;
    detached(choice.py(), || WeightedSampling::new(weights, replacement, n_samples, correct_bias))
}
