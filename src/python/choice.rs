//! The package's dataclasses as the core's values.
//!
//! The core's constructors do the checking, so that a dataclass can ask for it when it is made and nothing is
//! said twice.

use std::sync::Arc;

use pyo3::exceptions::{PyAttributeError, PyTypeError};
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyFloat, PyInt, PyString, PyType};

use super::error::{caught, to_python};
use crate::error::{Error, Foreign, Result};
use crate::gradient::model::Architecture;
use crate::gradient::{Loss, Penalty};
use crate::options::{Options, StepFunction};
use crate::shuffle::BatchSizes;
use crate::train::StopRule;
use crate::update::{Average, Clip, Optimizer, Preconditioner, Schedule};

/// Checks a penalty, an optimizer, an average, batch sizes, a rule of stopping or a schedule.
#[pyfunction]
pub(super) fn check(choice: &Bound<'_, PyAny>) -> PyResult<()> {
    caught(|| {
        let options = Attributes(choice.clone());
        if Penalty::from_options(&options).map_err(to_python)?.is_some()
            || Optimizer::from_options(&options).map_err(to_python)?.is_some()
            || Average::from_options(&options).map_err(to_python)?.is_some()
            || BatchSizes::from_options(&options).map_err(to_python)?.is_some()
            || StopRule::from_options(&options).map_err(to_python)?.is_some()
        {
            return Ok(());
        }
        schedule(choice).map(drop)
    })
}

/// Checks a preconditioner.
#[pyfunction]
pub(super) fn check_preconditioner(choice: &Bound<'_, PyAny>) -> PyResult<()> {
    caught(|| {
        Preconditioner::from_options(&Attributes(choice.clone()), "preconditioner")
            .map(drop)
            .map_err(to_python)
    })
}

/// Checks a loss.
#[pyfunction]
pub(super) fn check_loss(name: &str, choice: &Bound<'_, PyAny>) -> PyResult<()> {
    caught(|| loss(name, choice).map(drop))
}

/// Rows of a batch in an epoch, counted from 0.
#[pyfunction]
pub(super) fn batch_size_at(sizes: &Bound<'_, PyAny>, epoch: u64) -> PyResult<usize> {
    caught(|| {
        let known = batch_sizes(sizes)?;
        known.map(|known| known.at(epoch)).ok_or_else(|| wrong_type("batch_size", "an object", sizes))
    })
}

/// The learning rate of step `t`, counted from 0.
#[pyfunction]
pub(super) fn learning_rate_at(learning_rate: &Bound<'_, PyAny>, t: u64) -> PyResult<f64> {
    caught(|| {
        let schedule = schedule(learning_rate)?;
        let tabulated = schedule.tabulate(t..t.saturating_add(1)).map_err(to_python)?;
        Ok(tabulated.unwrap_or(schedule).at(t))
    })
}

pub(super) fn loss(name: &str, choice: &Bound<'_, PyAny>) -> PyResult<Loss> {
    Loss::from_options(name, &Attributes(choice.clone())).map_err(to_python)
}

pub(super) fn model(choice: &Bound<'_, PyAny>) -> PyResult<Architecture> {
    let architecture = Architecture::from_options(&Attributes(choice.clone())).map_err(to_python)?;
    architecture.ok_or_else(|| wrong_type("model", "a model", choice))
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

pub(super) fn batch_sizes(choice: &Bound<'_, PyAny>) -> PyResult<Option<BatchSizes>> {
    BatchSizes::from_options(&Attributes(choice.clone())).map_err(to_python)
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

pub(super) fn stop_rule(choice: &Bound<'_, PyAny>) -> PyResult<StopRule> {
    let rule = StopRule::from_options(&Attributes(choice.clone())).map_err(to_python)?;
    rule.ok_or_else(|| wrong_type("stop", "a rule of mbgd_rs.stopping", choice))
}

/// A number or a schedule.
fn schedule(choice: &Bound<'_, PyAny>) -> PyResult<Schedule> {
    Schedule::from_options(&Attributes(choice.clone())).map_err(to_python)
}

/// A Python object whose attributes are the options.
pub(super) struct Attributes<'py>(pub(super) Bound<'py, PyAny>);

impl<'py> Attributes<'py> {
    fn value(&self, name: &'static str) -> Result<Bound<'py, PyAny>> {
        self.0.getattr(name).map_err(|error| match error.is_instance_of::<PyAttributeError>(self.0.py()) {
            true => Error::WrongType {
                argument: name,
                expected: "an attribute",
                got: format!("none in {}", repr(&self.0)),
            },
            false => foreign(error), // Ctrl-C, say
        })
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
        // Extracted, not formatted: `str` looks for signals, and an exception of theirs would be lost.
        self.0.get_type().name().and_then(|name| name.extract()).unwrap_or_default()
    }
    fn written(&self) -> String {
        repr(&self.0)
    }
    fn as_number(&self) -> Option<f64> {
        as_number(&self.0)
    }
    fn as_function(&self) -> Option<StepFunction> {
        if !self.0.is_callable() || self.0.is_instance_of::<PyType>() {
            return None;
        }
        let function = self.0.clone().unbind();
        Some(Arc::new(move |t| {
            Python::attach(|py| {
                let rate = function.bind(py).call1((t,)).map_err(foreign)?;
                as_number(&rate).ok_or_else(|| Error::WrongType {
                    argument: "learning_rate",
                    expected: "a function whose values are numbers",
                    got: format!("{} at step {t}", repr(&rate)),
                })
            })
        }))
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
        let (value, mut all) = (self.value(name)?, Vec::new());
        if push_numbers(name, &value, &mut all, true)? {
            return Ok(all);
        }
        Err(Error::WrongType { argument: name, expected: "a sequence of numbers", got: repr(&value) })
    }
    fn is_text(&self, name: &'static str) -> Result<bool> {
        Ok(self.value(name)?.is_instance_of::<PyString>())
    }
    fn text(&self, name: &'static str) -> Result<String> {
        self.converted(name, "a string", |value| value.extract().ok())
    }
    fn texts(&self, name: &'static str) -> Result<Vec<String>> {
        self.converted(name, "strings", |value| value.extract().ok())
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

/// Appends the numbers of a sequence or, if `has_rows`, of a sequence of such. Returns whether it is one.
fn push_numbers(
    name: &'static str,
    value: &Bound<'_, PyAny>,
    to: &mut Vec<f64>,
    has_rows: bool,
) -> Result<bool> {
    let (Ok(n), Ok(items), false) = (value.len(), value.try_iter(), value.is_instance_of::<PyString>())
    else {
        return Ok(false);
    };
    let bytes = n.saturating_mul(size_of::<f64>());
    to.try_reserve(n).map_err(|_| Error::OutOfMemory { what: name, bytes })?;
    for item in items {
        let Ok(item) = item else { return Ok(false) };
        match item.extract() {
            Ok(number) => to.push(number),
            Err(_) if has_rows && push_numbers(name, &item, to, false)? => {}
            Err(_) => return Ok(false),
        }
    }
    Ok(true)
}

/// An exception, on its way through the core.
fn foreign(error: PyErr) -> Error {
    Error::Foreign(Foreign(Arc::new(error)))
}

/// The exception for a choice of no known kind, unless a signal is why it was not understood.
fn wrong_type(argument: &str, expected: &str, got: &Bound<'_, PyAny>) -> PyErr {
    if let Err(raised) = got.py().check_signals() {
        return raised;
    }
    PyTypeError::new_err(format!("{argument} must be {expected}, got {}", repr(got)))
}

/// Characters of a value in a message.
const LONGEST: usize = 1000;

fn repr(value: &Bound<'_, PyAny>) -> String {
    // Not by `PyObject_Repr`: that looks for signals first, and what their handler raises would be lost here.
    let text = value
        .get_type()
        .getattr("__repr__")
        .and_then(|repr| Ok(repr.call1((value,))?.cast_into::<PyString>()?));
    let text = text.as_ref().ok().and_then(|text| text.to_str().ok()).unwrap_or("an object without a repr");
    match text.char_indices().nth(LONGEST) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}...", &text[..end]),
    }
}
