//! The objective as the package gives it: its arrays, borrowed, and what it says of a point.

use numpy::{Element, PyReadonlyArray1, PyReadonlyArray2, PyUntypedArrayMethods};
use pyo3::prelude::*;

use super::array::{entries, unpacked};
use super::choice;
use super::error::{caught, detached, to_python};
use super::rows::{ArraysOfX, Scan};
use super::signal::Signals;
use crate::data::{Offsets, Rows, TargetKind, Targets, Weights};
use crate::error::{Result, try_copied};
use crate::gradient::model::Architecture;
use crate::gradient::{Layout, Problem, value_and_gradient};
use crate::kernel::Tier;
use crate::scalar::Scalar;

/// What is to be minimised, as arrays and the package's objects.
#[derive(FromPyObject)]
pub(super) struct Objective<'py> {
    #[pyo3(attribute("X"))]
    pub(super) x: Bound<'py, PyAny>,
    y: Bound<'py, PyAny>,
    sample_weight: Option<Bound<'py, PyAny>>,
    offset: Option<Bound<'py, PyAny>>,
    /// 0: real targets; 2: two classes or, in each column of y, a label that is there or not; more: so many
    /// classes.
    n_classes: usize,
    loss: Bound<'py, PyAny>,
    loss_name: String,
    penalty: Bound<'py, PyAny>,
    fit_intercept: bool,
    model: Bound<'py, PyAny>,
    part: Option<Part>,
}

/// What is known of all rows, where these are a part of them.
#[derive(FromPyObject)]
struct Part {
    /// The largest sample weight, and the mean of all in units of that.
    weight_scale: Option<(f64, f64)>,
    /// Stored entries of a sparse row, on average and rounded down.
    entries_of_row: Option<usize>,
    /// Whether all entries of X are known to be finite.
    is_scanned: bool,
    /// The largest magnitude of a number to be learned, where that is not of these rows alone.
    largest_target: Option<f64>,
    /// Whether the others are at other processes.
    is_of_rank: bool,
}

impl Objective<'_> {
    /// Whether other processes have rows of their own.
    pub(super) fn is_of_rank(&self) -> bool {
        self.part.as_ref().is_some_and(|part| part.is_of_rank)
    }

    /// Whether the model is linear.
    pub(super) fn is_linear(&self) -> PyResult<bool> {
        Ok(choice::model(&self.model)? == Architecture::Linear)
    }
}

/// Calls a function generic over the type of the data with that of an array.
macro_rules! by_dtype {
    ($x:expr, $function:ident ( $($argument:expr),* )) => {
        if $crate::python::rows::is_single(&$x)? { $function::<f32>($($argument),*) } else { $function::<f64>($($argument),*) }
    };
}

pub(super) use by_dtype;

/// The objective on `rows`, or all, and its gradient, flat.
#[pyfunction]
#[pyo3(name = "gradient")]
pub(super) fn gradient<'py>(
    py: Python<'py>,
    objective: Objective<'py>,
    params: Bound<'py, PyAny>,
    rows: Option<PyReadonlyArray1<'py, usize>>,
    n_threads: usize,
) -> PyResult<(f64, Bound<'py, PyAny>)> {
    caught(|| by_dtype!(objective.x, gradient_typed(py, &objective, &params, rows, n_threads)))
}

fn gradient_typed<'py, T: Scalar + Element>(
    py: Python<'py>,
    given: &Objective<'py>,
    params: &Bound<'py, PyAny>,
    rows: Option<PyReadonlyArray1<'py, usize>>,
    n_threads: usize,
) -> PyResult<(f64, Bound<'py, PyAny>)> {
    let arrays = Arrays::<T>::of(given)?;
    let (problem, tier) = arrays.problem(py, given)?;
    let layout = problem.layout();
    let params = packed(layout, "params", params)?;
    let copied = |rows| try_copied("rows", entries("rows", rows)?).map_err(to_python);
    let rows = rows.as_ref().map(copied).transpose()?;
    let signals = Signals::new();
    let interrupted = || signals.interrupted();
    let work = || value_and_gradient(&problem, params, rows, tier, n_threads, &interrupted);
    let computed = detached(py, work);
    let (value, gradient) = signals.or(computed)?;
    Ok((value, unpacked(py, layout, &gradient)?.into_any()))
}

/// The objective on all rows.
#[pyfunction]
pub(super) fn value(
    py: Python<'_>,
    objective: Objective<'_>,
    params: Bound<'_, PyAny>,
    n_threads: usize,
) -> PyResult<f64> {
    caught(|| by_dtype!(objective.x, value_typed(py, &objective, &params, n_threads)))
}

fn value_typed<T: Scalar + Element>(
    py: Python<'_>,
    given: &Objective<'_>,
    params: &Bound<'_, PyAny>,
    n_threads: usize,
) -> PyResult<f64> {
    let arrays = Arrays::<T>::of(given)?;
    let (problem, tier) = arrays.problem(py, given)?;
    let params = packed(problem.layout(), "params", params)?;
    let signals = Signals::new();
    let interrupted = || signals.interrupted();
    let computed = detached(py, || crate::gradient::value(&problem, params, tier, n_threads, &interrupted));
    signals.or(computed)
}

/// The arrays of an objective, borrowed from NumPy.
pub(super) struct Arrays<'py, T: Scalar + Element> {
    x: ArraysOfX<'py, T>,
    y: PyReadonlyArray2<'py, T>,
    pub(super) sample_weight: Option<PyReadonlyArray1<'py, T>>,
    offset: Option<PyReadonlyArray2<'py, T>>,
}

impl<'py, T: Scalar + Element> Arrays<'py, T> {
    pub(super) fn of(objective: &Objective<'py>) -> PyResult<Self> {
        let (sample_weight, offset) = (objective.sample_weight.as_ref(), objective.offset.as_ref());
        Ok(Self {
            x: ArraysOfX::of(&objective.x)?,
            y: objective.y.extract()?,
            sample_weight: sample_weight.map(|s| s.extract()).transpose()?,
            offset: offset.map(|offset| offset.extract()).transpose()?,
        })
    }

    pub(super) fn problem(
        &self,
        py: Python<'_>,
        objective: &Objective<'_>,
    ) -> PyResult<(Problem<'_, T>, Tier)> {
        self.problem_with(py, objective, Scan::First)
    }

    pub(super) fn problem_with(
        &self,
        py: Python<'_>,
        objective: &Objective<'_>,
        scan: Scan,
    ) -> PyResult<(Problem<'_, T>, Tier)> {
        let (x, y) = (self.x.slices()?, entries("y", &self.y)?);
        let weights = self.sample_weight.as_ref().map(|s| entries("sample_weight", s)).transpose()?;
        let offset = offset_of(self.offset.as_ref())?;
        let ((n_rows, _), per_row) = (self.x.shape(), self.y.shape()[1]);
        let kind = kind_of(objective.n_classes, per_row);
        let loss = choice::loss(&objective.loss_name, &objective.loss)?;
        let penalty = choice::penalty(&objective.penalty)?;
        let tier = Tier::current().map_err(to_python)?;
        let (architecture, fit_intercept) = (choice::model(&objective.model)?, objective.fit_intercept);
        let part = objective.part.as_ref();
        let scan = if part.is_some_and(|part| part.is_scanned) { Scan::Done } else { scan };
        let signals = Signals::new();
        let problem = detached(py, || {
            let rows = x.rows(tier, scan, &|| signals.interrupted())?;
            let rows = match (rows, part.and_then(|part| part.entries_of_row)) {
                (Rows::Csr(csr), Some(entries)) => Rows::Csr(csr.of_rows_with(entries)),
                (rows, _) => rows,
            };
            let targets = Targets::new(y, n_rows, per_row, kind)?;
            let targets = match part.and_then(|part| part.largest_target) {
                Some(largest) => targets.of_part(largest),
                None => targets,
            };
            let weights = match (weights, part.and_then(|part| part.weight_scale)) {
                (None, _) => Weights::equal(),
                (Some(s), None) => Weights::new(s, n_rows)?,
                (Some(s), Some(scale)) => Weights::of_part(s, n_rows, scale)?,
            };
            let model = (&architecture, fit_intercept);
            let problem = Problem::of(rows, targets, weights, loss, penalty, model)?;
            problem.with_offsets(offsets(tier, offset, n_rows)?)
        });
        Ok((signals.or(problem)?, tier))
    }
}

/// The entries of offsets, and how many a row has.
pub(super) fn offset_of<'s, T: Scalar + Element>(
    offset: Option<&'s PyReadonlyArray2<'_, T>>,
) -> PyResult<Option<(&'s [T], usize)>> {
    offset.map(|offset| Ok((entries("offset", offset)?, offset.shape()[1]))).transpose()
}

/// The same as offsets of rows; none if there are none.
pub(super) fn offsets<T: Scalar>(
    tier: Tier,
    given: Option<(&[T], usize)>,
    n_rows: usize,
) -> Result<Offsets<'_, T>> {
    given.map_or(Ok(Offsets::none()), |(values, per_row)| Offsets::new(tier, values, n_rows, per_row))
}

/// What targets mean, by the number of classes and that of scores or targets per row.
pub(super) fn kind_of(n_classes: usize, n_columns: usize) -> TargetKind {
    match n_classes {
        0 => TargetKind::Real,
        1 | 2 if n_columns > 1 => TargetKind::Labels,
        1 | 2 => TargetKind::Binary,
        n_classes => TargetKind::Class { n_classes },
    }
}

/// Coefficients (k, d) and intercepts (k), one after the other, in the core's layout.
pub(super) fn packed<T: Scalar + Element>(
    layout: Layout,
    name: &'static str,
    flat: &Bound<'_, PyAny>,
) -> PyResult<Vec<T>> {
    let flat: PyReadonlyArray1<'_, T> = flat.extract()?;
    let flat = entries(name, &flat)?;
    let n_coef = flat.len().saturating_sub(layout.n_intercepts());
    layout.pack(name, &flat[..n_coef], &flat[n_coef..]).map_err(to_python)
}
