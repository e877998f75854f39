//! Lines of the svmlight format, as arrays.

use numpy::PyArray1;
use pyo3::prelude::*;

use super::error::{caught, detached};
use super::signal::Signals;
use crate::data::SvmlightLines;
use crate::error::Error;

/// Of each line where it begins, its label and how many entries it has; and of each entry its column and its value.
type LinesArrays<'py> = (
    Bound<'py, PyArray1<i64>>,
    Bound<'py, PyArray1<f64>>,
    Bound<'py, PyArray1<i64>>,
    Bound<'py, PyArray1<i64>>,
    Bound<'py, PyArray1<f64>>,
);
/// The first line that is not of the format: its number, what it must have, and what it has.
type Malformed = (usize, &'static str, String);

/// What whole lines say, or which of them is not of the format.
#[pyfunction]
pub(super) fn svmlight_lines<'py>(
    py: Python<'py>,
    text: &[u8],
) -> PyResult<(Option<LinesArrays<'py>>, Option<Malformed>)> {
    caught(|| {
        let signals = Signals::new();
        let read = detached(py, || match SvmlightLines::read(text, &|| signals.interrupted()) {
            Err(Error::InvalidEntry { condition, row, value, .. }) => Ok(Err((row, condition, value))),
            read => read.map(Ok),
        });
        Ok(match signals.or(read)? {
            Ok(SvmlightLines { begins, labels, counts, columns, values }) => {
                let integers = [begins, counts, columns].map(|list| PyArray1::from_vec(py, list));
                let [begins, counts, columns] = integers;
                let [labels, values] = [labels, values].map(|list| PyArray1::from_vec(py, list));
                (Some((begins, labels, counts, columns, values)), None)
            }
            Err(malformed) => (None, Some(malformed)),
        })
    })
}
