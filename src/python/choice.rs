//! The package's dataclasses as the core's values. The core's constructors do the checking, so that a
//! dataclass can ask for it when it is made and nothing is said twice.

use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyFloat, PyInt};

use super::error::to_python;
use crate::gradient::Penalty;
use crate::update::schedule::{Constant, Cosine, InverseScaling, Warmup};
use crate::update::{Adam, Clip, Optimizer, Rule, Schedule, Sgd};

/// Checks a penalty, an optimizer or a schedule.
#[pyfunction]
pub(super) fn check(choice: &Bound<'_, PyAny>) -> PyResult<()> {
    match class_name(choice)?.as_str() {
        "L1" | "L2" | "ElasticNet" => penalty(choice).map(drop),
        "SGD" | "Adam" => optimizer(choice).map(drop),
        _ => schedule(choice).map(drop),
    }
}

/// The learning rate of step `t`, counted from 0.
#[pyfunction]
pub(super) fn learning_rate_at(learning_rate: &Bound<'_, PyAny>, t: u64) -> PyResult<f64> {
    Ok(schedule(learning_rate)?.at(t))
}

pub(super) fn penalty(choice: &Bound<'_, PyAny>) -> PyResult<Penalty> {
    if choice.is_none() {
        return Ok(Penalty::none());
    }
    let l1_ratio = match class_name(choice)?.as_str() {
        "L2" => 0.0,
        "L1" => 1.0,
        "ElasticNet" => number(choice, "l1_ratio")?,
        _ => return Err(wrong_type("penalty", "a penalty", choice)),
    };
    Penalty::elastic_net(number(choice, "alpha")?, l1_ratio).map_err(to_python)
}

pub(super) fn optimizer(choice: &Bound<'_, PyAny>) -> PyResult<Optimizer> {
    let rule = match class_name(choice)?.as_str() {
        "SGD" => {
            let nesterov = choice.getattr("nesterov")?;
            let nesterov = nesterov.extract().map_err(|_| wrong_type("nesterov", "a bool", &nesterov))?;
            Rule::Sgd(Sgd::new(number(choice, "momentum")?, nesterov).map_err(to_python)?)
        }
        "Adam" => {
            let betas = choice.getattr("betas")?;
            let (beta1, beta2) =
                betas.extract().map_err(|_| wrong_type("betas", "a pair of numbers", &betas))?;
            Rule::Adam(Adam::new(beta1, beta2, number(choice, "eps")?).map_err(to_python)?)
        }
        _ => return Err(wrong_type("optimizer", "an optimizer", choice)),
    };
    Ok(Optimizer { rule, learning_rate: schedule(&choice.getattr("learning_rate")?)? })
}

pub(super) fn clip(limit: Option<f64>) -> PyResult<Option<Clip>> {
    limit.map(Clip::by_norm).transpose().map_err(to_python)
}

fn schedule(choice: &Bound<'_, PyAny>) -> PyResult<Schedule> {
    if let Some(rate) = as_number(choice) {
        return Ok(Schedule::Constant(Constant::new(rate).map_err(to_python)?));
    }
    let rate = || number(choice, "learning_rate");
    let schedule = match class_name(choice)?.as_str() {
        "Constant" => Constant::new(rate()?).map(Schedule::Constant),
        "InverseScaling" => {
            InverseScaling::new(rate()?, number(choice, "power_t")?).map(Schedule::InverseScaling)
        }
        "Cosine" => {
            Cosine::new(rate()?, steps(choice)?, number(choice, "final_learning_rate")?).map(Schedule::Cosine)
        }
        "Warmup" => {
            Warmup::new(schedule(&choice.getattr("schedule")?)?, steps(choice)?).map(Schedule::Warmup)
        }
        _ => return Err(wrong_type("learning_rate", "a number or a schedule", choice)),
    };
    schedule.map_err(to_python)
}

/// The attribute `n_steps`; negative ones are left to be refused as 0 is.
fn steps(choice: &Bound<'_, PyAny>) -> PyResult<u64> {
    let value = choice.getattr("n_steps")?;
    if value.is_instance_of::<PyBool>() {
        return Err(wrong_type("n_steps", "an integer", &value));
    }
    let n_steps: i64 = value.extract().map_err(|_| wrong_type("n_steps", "an integer", &value))?;
    u64::try_from(n_steps).map_err(|_| {
        to_python(crate::error::Error::OutOfRange {
            argument: "n_steps",
            condition: ">= 1",
            value: n_steps.to_string(),
        })
    })
}

fn number(choice: &Bound<'_, PyAny>, name: &'static str) -> PyResult<f64> {
    let value = choice.getattr(name)?;
    as_number(&value).ok_or_else(|| wrong_type(name, "a number", &value))
}

/// Python's and NumPy's integers and floats, but not a bool.
fn as_number(value: &Bound<'_, PyAny>) -> Option<f64> {
    let is_number = value.is_instance_of::<PyFloat>() || value.is_instance_of::<PyInt>();
    let is_numpy = || value.hasattr("dtype").unwrap_or(false) && value.hasattr("__float__").unwrap_or(false);
    if value.is_instance_of::<PyBool>() || !(is_number || is_numpy()) {
        return None;
    }
    value.extract().ok()
}

fn class_name(choice: &Bound<'_, PyAny>) -> PyResult<String> {
    Ok(choice.get_type().name()?.to_string())
}

fn wrong_type(argument: &str, expected: &str, got: &Bound<'_, PyAny>) -> PyErr {
    let got = got.repr().map_or_else(|_| "an object without a repr".into(), |repr| repr.to_string());
    PyTypeError::new_err(format!("{argument} must be {expected}, got {got}"))
}
