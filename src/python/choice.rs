//! The package's dataclasses as the core's values. The core's constructors do the checking, so that a
//! dataclass can ask for it when it is made and nothing is said twice.

use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyFloat, PyInt};

use super::error::to_python;
use crate::error::{Error, Result};
use crate::gradient::{Loss, Penalty};
use crate::options::Options;
use crate::update::{Average, Clip, Optimizer, Schedule};

/// Checks a penalty, an optimizer, an average or a schedule.
#[pyfunction]
pub(super) fn check(choice: &Bound<'_, PyAny>) -> PyResult<()> {
    let options = Attributes(choice.clone());
    if Penalty::from_options(&options).map_err(to_python)?.is_some()
        || Optimizer::from_options(&options).map_err(to_python)?.is_some()
        || Average::from_options(&options).map_err(to_python)?.is_some()
    {
        return Ok(());
    }
    schedule(choice).map(drop)
}

/// Checks a loss.
#[pyfunction]
pub(super) fn check_loss(name: &str, choice: &Bound<'_, PyAny>) -> PyResult<()> {
    loss(name, choice).map(drop)
}

/// The learning rate of step `t`, counted from 0.
#[pyfunction]
pub(super) fn learning_rate_at(learning_rate: &Bound<'_, PyAny>, t: u64) -> PyResult<f64> {
    Ok(schedule(learning_rate)?.at(t))
}

pub(super) fn loss(name: &str, choice: &Bound<'_, PyAny>) -> PyResult<Loss> {
    Loss::from_options(name, &Attributes(choice.clone())).map_err(to_python)
}

pub(super) fn penalty(choice: &Bound<'_, PyAny>) -> PyResult<Penalty> {
    if choice.is_none() {
        return Ok(Penalty::none());
    }
    let penalty = Penalty::from_options(&Attributes(choice.clone())).map_err(to_python)?;
    penalty.ok_or_else(|| wrong_type("penalty", "a penalty", choice))
}

pub(super) fn optimizer(choice: &Bound<'_, PyAny>) -> PyResult<Optimizer> {
    let optimizer = Optimizer::from_options(&Attributes(choice.clone())).map_err(to_python)?;
    optimizer.ok_or_else(|| wrong_type("optimizer", "an optimizer", choice))
}

/// At most one of two limits.
pub(super) fn clip(norm: Option<f64>, value: Option<f64>) -> PyResult<Option<Clip>> {
    let clip = match (norm, value) {
        (Some(_), Some(_)) => Err(Error::Incompatible(
            "clip_norm and clip_value exclude each other: a gradient has one limit".into(),
        )),
        (norm, None) => norm.map(Clip::by_norm).transpose(),
        (None, value) => value.map(Clip::by_value).transpose(),
    };
    clip.map_err(to_python)
}

pub(super) fn average(choice: &Bound<'_, PyAny>) -> PyResult<Option<Average>> {
    if choice.is_none() {
        return Ok(None);
    }
    let average = Average::from_options(&Attributes(choice.clone())).map_err(to_python)?;
    average.ok_or_else(|| wrong_type("average", "an average", choice)).map(Some)
}

/// A number or a schedule.
fn schedule(choice: &Bound<'_, PyAny>) -> PyResult<Schedule> {
    Schedule::from_options(&Attributes(choice.clone())).map_err(to_python)
}

/// A Python object whose attributes are the options.
struct Attributes<'py>(Bound<'py, PyAny>);

impl<'py> Attributes<'py> {
    fn value(&self, name: &'static str) -> Result<Bound<'py, PyAny>> {
        let missing = |_| Error::WrongType {
            argument: name,
            expected: "an attribute",
            got: format!("none in {}", repr(&self.0)),
        };
        self.0.getattr(name).map_err(missing)
    }

    fn converted<V>(
        &self,
        name: &'static str,
        expected: &'static str,
        convert: impl FnOnce(&Bound<'py, PyAny>) -> Option<V>,
    ) -> Result<V> {
        let value = self.value(name)?;
        convert(&value).ok_or_else(|| Error::WrongType { argument: name, expected, got: repr(&value) })
    }
}

impl Options for Attributes<'_> {
    fn name(&self) -> String {
        self.0.get_type().name().map(|name| name.to_string()).unwrap_or_default()
    }
    fn written(&self) -> String {
        repr(&self.0)
    }
    fn as_number(&self) -> Option<f64> {
        as_number(&self.0)
    }
    fn number(&self, name: &'static str) -> Result<f64> {
        self.converted(name, "a number", as_number)
    }
    fn integer(&self, name: &'static str) -> Result<i64> {
        let convert = |value: &Bound<'_, PyAny>| match value.is_instance_of::<PyBool>() {
            true => None,
            false => value.extract().ok(),
        };
        self.converted(name, "an integer", convert)
    }
    fn flag(&self, name: &'static str) -> Result<bool> {
        self.converted(name, "a bool", |value| value.extract().ok())
    }
    fn pair(&self, name: &'static str) -> Result<(f64, f64)> {
        self.converted(name, "a pair of numbers", |value| value.extract().ok())
    }
    fn numbers(&self, name: &'static str) -> Result<Vec<f64>> {
        self.converted(name, "a sequence of numbers", |value| value.extract().ok())
    }
    fn text(&self, name: &'static str) -> Result<String> {
        self.converted(name, "a string", |value| value.extract().ok())
    }
    fn is_none(&self, name: &'static str) -> Result<bool> {
        Ok(self.value(name)?.is_none())
    }
    fn child(&self, name: &'static str) -> Result<Box<dyn Options + '_>> {
        Ok(Box::new(Attributes(self.value(name)?)))
    }
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

fn wrong_type(argument: &str, expected: &str, got: &Bound<'_, PyAny>) -> PyErr {
    PyTypeError::new_err(format!("{argument} must be {expected}, got {}", repr(got)))
}

fn repr(value: &Bound<'_, PyAny>) -> String {
    value.repr().map_or_else(|_| "an object without a repr".into(), |repr| repr.to_string())
}
