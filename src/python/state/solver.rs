//! What a solver remembers, as a dict: metric, slopes, and what the safeguard has seen.

use numpy::Element;
use pyo3::IntoPyObjectExt;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use super::codecs::{COUNT, EPOCH, Flag, Number, Numbers, Optional, Vector, read_array};
use super::{Border, Codec, Place, Reader, VERSION, Writer};
use crate::error::{try_filled, try_reserved};
use crate::gradient::{Baseline, ControlVariate};
use crate::python::array::to_array;
use crate::python::error::to_python;
use crate::scalar::Scalar;
use crate::train::{Safeguard, Solver, Standardisation};
use crate::update::metric::{Columns, Inverse, Metric, Vectors};

/// The fields of a solver.
fn fields_of_solver<'py, T: Scalar + Element>(
    border: &mut impl Border<'py>,
    solver: &mut Solver<T>,
) -> PyResult<()> {
    let Solver { first_epoch, standardisation, metric, n_builds, prepared, variate, safeguard, .. } = solver;
    let Standardisation { columns, penalty, largest_squares } = standardisation;
    let Safeguard {
        share,
        first_loss,
        best_loss,
        refuge,
        older_refuge,
        last,
        last_loss,
        losses,
        is_lost,
        n_backtracks,
    } = safeguard;
    border.field("first_epoch", first_epoch, EPOCH)?;
    border.field("n_builds", n_builds, COUNT)?;
    border.field("prepared", prepared, Optional(Counts))?;
    border.field("centre", &mut columns.centre, Finite)?;
    border.field("inverse_scale", &mut columns.inverse_scale, Finite)?;
    border.field("penalty", penalty, Numbers)?;
    border.field("largest_squares", largest_squares, Numbers)?;
    border.field("metric", metric, Optional(Inverses { columns: &*columns }))?;
    border.field("variate", variate, Optional(Variate))?;
    border.field("share", share, Number)?;
    border.field("first_loss", first_loss, Number)?;
    border.field("best_loss", best_loss, Number)?;
    border.field("refuge", refuge, Vector)?;
    border.field("older_refuge", older_refuge, Vector)?;
    border.field("last", last, Vector)?;
    border.field("last_loss", last_loss, Optional(Number))?;
    border.field("losses", losses, Finite)?;
    border.field("is_lost", is_lost, Flag)?;
    border.field("n_backtracks", n_backtracks, COUNT)
}

/// A solver as a dict.
pub(super) struct Solved;

impl<T: Scalar + Element> Codec<Box<Solver<T>>> for Solved {
    fn write<'py>(&self, place: &Place<'py>, value: &mut Box<Solver<T>>) -> PyResult<Bound<'py, PyAny>> {
        let mut writer = Writer { place: place.here(), dict: PyDict::new(place.py) };
        fields_of_solver(&mut writer, value)?;
        Ok(writer.dict.into_any())
    }

    fn read(&self, place: &Place<'_>, saved: &Bound<'_, PyAny>) -> PyResult<Box<Solver<T>>> {
        let place = Place { py: saved.py(), ..place.here() };
        let mut reader = Reader::new(place, saved, VERSION)?;
        let mut solver = Box::new(Solver::unbegun());
        fields_of_solver(&mut reader, &mut solver)?;
        let d = solver.standardisation.columns.n();
        for (name, n) in [
            ("inverse_scale", solver.standardisation.columns.inverse_scale.len()),
            ("penalty", solver.standardisation.penalty.len()),
            ("largest_squares", solver.standardisation.largest_squares.len()),
        ] {
            if n != d {
                return Err(reader.place.at(name).refused_value(&format!("{d} numbers"), &n.to_string()));
            }
        }
        reader.finish()?;
        Ok(solver)
    }
}

/// Two counts.
struct Counts;

impl Codec<(u64, u64)> for Counts {
    fn write<'py>(&self, place: &Place<'py>, value: &mut (u64, u64)) -> PyResult<Bound<'py, PyAny>> {
        value.into_bound_py_any(place.py)
    }

    fn read(&self, place: &Place<'_>, saved: &Bound<'_, PyAny>) -> PyResult<(u64, u64)> {
        saved.extract().map_err(|_| place.refused("a pair of counts", saved))
    }
}

/// Finite numbers: how many there are is checked against others, and by the run that goes on.
struct Finite;

impl<T: Scalar + Element> Codec<Vec<T>> for Finite {
    fn write<'py>(&self, place: &Place<'py>, value: &mut Vec<T>) -> PyResult<Bound<'py, PyAny>> {
        Ok(to_array(place.py, value)?.into_any())
    }

    fn read(&self, place: &Place<'_>, saved: &Bound<'_, PyAny>) -> PyResult<Vec<T>> {
        let numbers = read_array::<T>(place, saved)?;
        match numbers.iter().find(|number| !number.is_finite()) {
            None => Ok(numbers),
            Some(number) => Err(place.refused_value("finite", &number.to_f64().to_string())),
        }
    }
}

/// A metric: its numbers, the diagonal of its inverse, if it is one, and factors or rows, without the padding.
struct Inverses<'c, T> {
    columns: &'c Columns<T>,
}

impl<T: Scalar + Element> Codec<Metric<T>> for Inverses<'_, T> {
    fn write<'py>(&self, place: &Place<'py>, value: &mut Metric<T>) -> PyResult<Bound<'py, PyAny>> {
        let n = self.columns.n() + 1;
        let numbers = (value.smoothness, value.leverage, value.damping);
        let (diagonal, vectors) = match &value.inverse {
            Inverse::LowRank { diagonal, factors } => (Some(to_array(place.py, &diagonal[..n])?), factors),
            Inverse::Full(rows) => (None, rows),
        };
        let mut flat = try_reserved("the state", vectors.n() * n).map_err(to_python)?;
        (0..vectors.n()).for_each(|i| flat.extend_from_slice(&vectors.row(i)[..n]));
        (numbers, diagonal, to_array(place.py, &flat)?).into_bound_py_any(place.py)
    }

    fn read(&self, place: &Place<'_>, saved: &Bound<'_, PyAny>) -> PyResult<Metric<T>> {
        let refused = || place.refused("a metric as it was saved", saved);
        type Parts<'py> = ((f64, f64, f64), Option<Bound<'py, PyAny>>, Bound<'py, PyAny>);
        let ((smoothness, leverage, damping), diagonal, vectors): Parts<'_> =
            saved.extract().map_err(|_| refused())?;
        let numbers = [smoothness, leverage, damping];
        if numbers.iter().any(|number| !(number.is_finite() && *number >= 0.0)) {
            return Err(refused());
        }
        let n = self.columns.n() + 1;
        let width = n.next_multiple_of(T::LANES);
        let flat: Vec<T> = Finite.read(&place.at(2), &vectors)?;
        let n_vectors = flat.len() / n;
        if n_vectors * n != flat.len() || (diagonal.is_none() && n_vectors != n) {
            return Err(place
                .at(2)
                .refused_value(&format!("vectors of {n} numbers"), &flat.len().to_string()));
        }
        let mut vectors = Vectors::zeros(n_vectors, width).map_err(to_python)?;
        for (i, row) in flat.chunks_exact(n).enumerate() {
            vectors.row_mut(i)[..n].copy_from_slice(row);
        }
        let inverse = match diagonal {
            None => Inverse::Full(vectors),
            Some(diagonal) => {
                let read: Vec<T> = Finite.read(&place.at(1), &diagonal)?;
                if read.len() != n {
                    let got = read.len().to_string();
                    return Err(place.at(1).refused_value(&format!("{n} numbers"), &got));
                }
                let mut diagonal = try_filled("the metric", width, T::ZERO).map_err(to_python)?;
                diagonal[..n].copy_from_slice(&read);
                Inverse::LowRank { diagonal, factors: vectors }
            }
        };
        let columns = self.columns.copied().map_err(to_python)?;
        Metric::restored(columns, inverse, numbers).map_err(to_python)
    }
}

/// What gradients are corrected by: a table of slopes or a snapshot, the mean gradient, and whether it is used.
struct Variate;

impl<T: Scalar + Element> Codec<ControlVariate<T>> for Variate {
    fn write<'py>(&self, place: &Place<'py>, value: &mut ControlVariate<T>) -> PyResult<Bound<'py, PyAny>> {
        let (kind, slopes) = match &mut value.baseline {
            Baseline::Table(table) => ("table", to_array(place.py, table)?.into_any()),
            Baseline::Snapshot(params) => ("snapshot", Vector.write(place, params)?),
        };
        let mean = Vector.write(place, &mut value.mean)?;
        (kind, slopes, mean, value.uses_mean).into_bound_py_any(place.py)
    }

    fn read(&self, place: &Place<'_>, saved: &Bound<'_, PyAny>) -> PyResult<ControlVariate<T>> {
        let refused = || place.refused("slopes as they were saved", saved);
        type Parts<'py> = (String, Bound<'py, PyAny>, Bound<'py, PyAny>, bool);
        let (kind, slopes, mean, uses_mean): Parts<'_> = saved.extract().map_err(|_| refused())?;
        let baseline = match kind.as_str() {
            "table" => {
                let table = read_array::<T>(&place.at(1), &slopes)?;
                match table.iter().find(|slope| !slope.is_finite()) {
                    Some(slope) => {
                        return Err(place.at(1).refused_value("finite", &slope.to_f64().to_string()));
                    }
                    None => Baseline::Table(table),
                }
            }
            "snapshot" => Baseline::Snapshot(Vector.read(&place.at(1), &slopes)?),
            _ => return Err(refused()),
        };
        let mean: Vec<f64> = Vector.read(&place.at(2), &mean)?;
        ControlVariate::restored(baseline, mean, uses_mean).map_err(to_python)
    }
}
