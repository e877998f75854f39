//! What a model says about rows.

use numpy::{Element, PyArray1, PyArrayMethods, PyReadonlyArray2};
use pyo3::prelude::*;

use super::choice;
use super::error::{caught, detached, to_python};
use super::objective::{by_dtype, kind_of, offset_of, offsets, packed};
use super::rows::{ArraysOfX, Scan};
use super::signal::Signals;
use crate::kernel::Tier;
use crate::predict::{Link, predict as predictions};
use crate::scalar::Scalar;

/// What a model says about all rows, shape (n, k), with offsets of shape (n, k) added to the scores. The link is what is wanted, "scores", "means" or
/// "probabilities", the loss and, as in an objective, the number of classes.
#[pyfunction]
pub(super) fn predict<'py>(
    py: Python<'py>,
    x: Bound<'py, PyAny>,
    offset: Option<Bound<'py, PyAny>>,
    params: Bound<'py, PyAny>,
    model: (Bound<'py, PyAny>, usize),
    link: (String, Bound<'py, PyAny>, usize),
    n_threads: usize,
) -> PyResult<Bound<'py, PyAny>> {
    caught(|| {
        let ((architecture, n_outputs), (wanted, loss, n_classes)) = (model, link);
        let loss = choice::loss(&loss.getattr("name")?.extract::<String>()?, &loss)?;
        let link = match wanted.as_str() {
            "probabilities" => Link::Probability(loss, kind_of(n_classes, n_outputs)),
            "means" => Link::Mean(loss),
            _ => Link::Identity,
        };
        by_dtype!(
            x,
            predict_typed(py, &x, offset.as_ref(), &params, (&architecture, n_outputs), link, n_threads)
        )
    })
}

fn predict_typed<'py, T: Scalar + Element>(
    py: Python<'py>,
    x: &Bound<'py, PyAny>,
    offset: Option<&Bound<'py, PyAny>>,
    params: &Bound<'py, PyAny>,
    (architecture, n_outputs): (&Bound<'py, PyAny>, usize),
    link: Link,
    n_threads: usize,
) -> PyResult<Bound<'py, PyAny>> {
    let x = ArraysOfX::<T>::of(x)?;
    let tier = Tier::current().map_err(to_python)?;
    let (n_rows, n_columns) = x.shape();
    let model = choice::model(architecture)?.model::<T>(n_columns, n_outputs, true).map_err(to_python)?;
    let params: Vec<T> = packed(model.layout(), "params", params)?;
    let slices = x.slices()?;
    let offset: Option<PyReadonlyArray2<'_, T>> = offset.map(|offset| offset.extract()).transpose()?;
    let offset = offset_of(offset.as_ref())?;
    let signals = Signals::new();
    let interrupted = || signals.interrupted();
    let out = detached(py, || {
        let rows = slices.rows(tier, Scan::First, &interrupted)?;
        let offsets = offsets(tier, offset, n_rows)?;
        predictions((rows, offsets), &model, &params, link, tier, n_threads, &interrupted)
    });
    let out = signals.or(out)?;
    Ok(PyArray1::from_vec(py, out).reshape([n_rows, link.n_columns(n_outputs)])?.into_any())
}
