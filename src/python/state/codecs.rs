//! How single values of a state look in a dict, and what is asked of them when they are given back.

use numpy::{Element, PyReadonlyArray1};
use pyo3::IntoPyObjectExt;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};

use super::{Codec, Place, Reader, VERSION, Writer, fields_of_rule};
use crate::error::try_copied;
use crate::python::array::{entries, to_array, unpacked};
use crate::python::error::to_python;
use crate::scalar::Scalar;
use crate::train::{AdaptiveBatchSize, AutoRate, EarlyStoppingState, Fingerprint, Mode, Monitor};
use crate::update::schedule::PlateauState;

/// A count, up to a largest one.
pub(super) struct Count {
    largest: u64,
    condition: &'static str,
}

/// Steps or rows: more cannot be counted in a lifetime, and this leaves room to go on counting.
pub(super) const COUNT: Count = Count { largest: LARGEST_COUNT, condition: "an integer from 0 to 2^52" };
const LARGEST_COUNT: u64 = 1 << 52;

/// Epochs, which random numbers have 32 bits for.
pub(super) const EPOCH: Count = Count { largest: (1 << 32) - 1, condition: "an integer from 0 to 2^32 - 1" };

impl<V: Copy + TryFrom<u64>> Codec<V> for Count
where
    for<'py> V: IntoPyObject<'py>,
{
    fn write<'py>(&self, place: &Place<'py>, value: &mut V) -> PyResult<Bound<'py, PyAny>> {
        value.into_bound_py_any(place.py)
    }

    fn read(&self, place: &Place<'_>, saved: &Bound<'_, PyAny>) -> PyResult<V> {
        let count = saved.extract().ok().filter(|&count: &u64| count <= self.largest);
        let count = count.and_then(|count| V::try_from(count).ok());
        count.ok_or_else(|| place.refused(self.condition, saved))
    }
}

/// A finite number.
pub(super) struct Number;

impl Codec<f64> for Number {
    fn write<'py>(&self, place: &Place<'py>, value: &mut f64) -> PyResult<Bound<'py, PyAny>> {
        value.into_bound_py_any(place.py)
    }

    fn read(&self, place: &Place<'_>, saved: &Bound<'_, PyAny>) -> PyResult<f64> {
        let number = saved.extract().ok().filter(|number: &f64| number.is_finite());
        number.ok_or_else(|| place.refused("a finite number", saved))
    }
}

/// The numbers that an optimizer remembers beside its vectors: sums, largest values and products, none below zero.
pub(super) struct Numbers;

impl Codec<Vec<f64>> for Numbers {
    fn write<'py>(&self, place: &Place<'py>, value: &mut Vec<f64>) -> PyResult<Bound<'py, PyAny>> {
        Ok(to_array(place.py, value)?.into_any())
    }

    fn read(&self, place: &Place<'_>, saved: &Bound<'_, PyAny>) -> PyResult<Vec<f64>> {
        let numbers = read_array::<f64>(place, saved)?;
        match numbers.iter().find(|number| !(number.is_finite() && **number >= 0.0)) {
            None => Ok(numbers),
            Some(number) => Err(place.refused_value("finite and >= 0", &number.to_string())),
        }
    }
}

/// A vector as long as the parameters, coefficients (k, d) and intercepts (k) one after the other; finite.
pub(super) struct Vector;

impl<T: Scalar + Element> Codec<Vec<T>> for Vector {
    fn write<'py>(&self, place: &Place<'py>, value: &mut Vec<T>) -> PyResult<Bound<'py, PyAny>> {
        Ok(unpacked(place.py, place.layout, value)?.into_any())
    }

    fn read(&self, place: &Place<'_>, saved: &Bound<'_, PyAny>) -> PyResult<Vec<T>> {
        let vector = read_array::<T>(place, saved)?;
        let (n, n_intercepts) = (place.layout.n_weights(), place.layout.n_intercepts());
        if vector.len() != n + n_intercepts {
            let condition = format!("a vector of {n} coefficients and {n_intercepts} intercepts");
            return Err(place.refused_value(&condition, &format!("{} numbers", vector.len())));
        }
        if let Some(i) = vector.iter().position(|w| !w.is_finite()) {
            let got = format!("{} at entry {i}", vector[i].to_f64());
            return Err(place.refused_value("finite", &got));
        }
        place.layout.pack("resume", &vector[..n], &vector[n..]).map_err(to_python)
    }
}

/// A list of such.
pub(super) struct Vectors;

impl<T: Scalar + Element> Codec<Vec<Vec<T>>> for Vectors {
    fn write<'py>(&self, place: &Place<'py>, value: &mut Vec<Vec<T>>) -> PyResult<Bound<'py, PyAny>> {
        let list = PyList::empty(place.py);
        for vector in value {
            list.append(Vector.write(place, vector)?)?;
        }
        Ok(list.into_any())
    }

    fn read(&self, place: &Place<'_>, saved: &Bound<'_, PyAny>) -> PyResult<Vec<Vec<T>>> {
        let list: Vec<Bound<'_, PyAny>> =
            saved.extract().map_err(|_| place.refused("a list of arrays", saved))?;
        list.iter().enumerate().map(|(i, vector)| Vector.read(&place.at(i), vector)).collect()
    }
}

/// A value, or None.
pub(super) struct Optional<F>(pub(super) F);

impl<V, F: Codec<V>> Codec<Option<V>> for Optional<F> {
    fn write<'py>(&self, place: &Place<'py>, value: &mut Option<V>) -> PyResult<Bound<'py, PyAny>> {
        match value {
            Some(value) => self.0.write(place, value),
            None => Ok(place.py.None().into_bound(place.py)),
        }
    }

    fn read(&self, place: &Place<'_>, saved: &Bound<'_, PyAny>) -> PyResult<Option<V>> {
        if saved.is_none() { Ok(None) } else { self.0.read(place, saved).map(Some) }
    }
}

/// How far a rate has fallen on plateaus: its factor, the loss to be improved on, and two counts.
pub(super) struct Plateau;

impl Codec<PlateauState> for Plateau {
    fn write<'py>(&self, place: &Place<'py>, value: &mut PlateauState) -> PyResult<Bound<'py, PyAny>> {
        value.to_numbers().into_bound_py_any(place.py)
    }

    fn read(&self, place: &Place<'_>, saved: &Bound<'_, PyAny>) -> PyResult<PlateauState> {
        let numbers: Option<[f64; 4]> = saved.extract().ok();
        let is_count = |n: f64| n >= 0.0 && n <= LARGEST_COUNT as f64 && n.fract() == 0.0;
        let is_one = |&[factor, best, n_bad, n_cooling]: &[f64; 4]| {
            (0.0..=1.0).contains(&factor)
                && best > f64::NEG_INFINITY
                && is_count(n_bad)
                && is_count(n_cooling)
        };
        let condition = "a factor from 0 to 1, a loss and two counts";
        let numbers = numbers.filter(is_one).ok_or_else(|| place.refused(condition, saved))?;
        Ok(PlateauState::from_numbers(numbers))
    }
}

/// What is monitored, or which way is better.
pub(super) struct Name;

impl Codec<Monitor> for Name {
    fn write<'py>(&self, place: &Place<'py>, value: &mut Monitor) -> PyResult<Bound<'py, PyAny>> {
        value.name().into_bound_py_any(place.py)
    }

    fn read(&self, place: &Place<'_>, saved: &Bound<'_, PyAny>) -> PyResult<Monitor> {
        let name: String = saved.extract().map_err(|_| place.refused("a name", saved))?;
        Ok(Monitor::from_name(&name))
    }
}

impl Codec<Mode> for Name {
    fn write<'py>(&self, place: &Place<'py>, value: &mut Mode) -> PyResult<Bound<'py, PyAny>> {
        value.name().into_bound_py_any(place.py)
    }

    fn read(&self, place: &Place<'_>, saved: &Bound<'_, PyAny>) -> PyResult<Mode> {
        let mode = saved.extract().ok().and_then(|name: String| Mode::from_name(&name).ok());
        mode.ok_or_else(|| place.refused("\"min\" or \"max\"", saved))
    }
}

/// What rules of early stopping remember: a list of dicts.
pub(super) struct Rules;

impl<T: Scalar + Element> Codec<Vec<EarlyStoppingState<T>>> for Rules {
    fn write<'py>(
        &self,
        place: &Place<'py>,
        value: &mut Vec<EarlyStoppingState<T>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let list = PyList::empty(place.py);
        for (i, seen) in value.iter_mut().enumerate() {
            let mut writer = Writer { place: place.at(i), dict: PyDict::new(place.py) };
            fields_of_rule(&mut writer, seen)?;
            list.append(writer.dict)?;
        }
        Ok(list.into_any())
    }

    fn read(&self, place: &Place<'_>, saved: &Bound<'_, PyAny>) -> PyResult<Vec<EarlyStoppingState<T>>> {
        let list: Vec<Bound<'_, PyAny>> =
            saved.extract().map_err(|_| place.refused("a list of dicts", saved))?;
        let read = |(i, saved): (usize, &Bound<'_, PyAny>)| {
            let place = Place { py: saved.py(), ..place.at(i) };
            let mut reader = Reader::new(place, saved, VERSION)?;
            let mut seen = EarlyStoppingState::new(Monitor::Loss, Mode::default());
            fields_of_rule(&mut reader, &mut seen)?;
            reader.finish()?;
            Ok(seen)
        };
        list.iter().enumerate().map(read).collect()
    }
}

/// Steps, by column.
pub(super) struct Steps;

impl Codec<Vec<u32>> for Steps {
    fn write<'py>(&self, place: &Place<'py>, value: &mut Vec<u32>) -> PyResult<Bound<'py, PyAny>> {
        Ok(to_array(place.py, value)?.into_any())
    }

    fn read(&self, place: &Place<'_>, saved: &Bound<'_, PyAny>) -> PyResult<Vec<u32>> {
        read_array::<u32>(place, saved)
    }
}

/// What an automatic learning rate remembers: its method, numbers and vectors.
pub(super) struct Rate;

impl<T: Scalar + Element> Codec<AutoRate<T>> for Rate {
    fn write<'py>(&self, place: &Place<'py>, value: &mut AutoRate<T>) -> PyResult<Bound<'py, PyAny>> {
        let (method, numbers, vectors) = value.saved();
        let list = PyList::empty(place.py);
        for vector in vectors {
            list.append(unpacked(place.py, place.layout, vector)?)?;
        }
        (method, to_array(place.py, &numbers)?, list).into_bound_py_any(place.py)
    }

    fn read(&self, place: &Place<'_>, saved: &Bound<'_, PyAny>) -> PyResult<AutoRate<T>> {
        let refused = || place.refused("a learning rate as it was saved", saved);
        let (method, numbers, vectors): (String, Bound<'_, PyAny>, Bound<'_, PyAny>) =
            saved.extract().map_err(|_| refused())?;
        let numbers = read_array::<f64>(&place.at(1), &numbers)?;
        let vectors: Vec<Vec<T>> = Vectors.read(&place.at(2), &vectors)?;
        AutoRate::restored(&method, &numbers, vectors).map_err(|_| refused())
    }
}

/// The size of batches that grow by their noise, and what was seen of it: probes, and two sums over them.
pub(super) struct Growth;

impl Codec<AdaptiveBatchSize> for Growth {
    fn write<'py>(&self, place: &Place<'py>, value: &mut AdaptiveBatchSize) -> PyResult<Bound<'py, PyAny>> {
        let AdaptiveBatchSize { batch_size, n_probes, trace, squared_norm } = *value;
        (batch_size, n_probes, trace, squared_norm).into_bound_py_any(place.py)
    }

    fn read(&self, place: &Place<'_>, saved: &Bound<'_, PyAny>) -> PyResult<AdaptiveBatchSize> {
        let read: Option<(usize, u64, f64, f64)> = saved.extract().ok();
        let is_one = |&(batch_size, n_probes, trace, squared_norm): &(usize, u64, f64, f64)| {
            let counts = [batch_size as u64, n_probes];
            let sums = [trace, squared_norm];
            batch_size > 0 && counts.iter().all(|&n| n <= LARGEST_COUNT) && sums.iter().all(|s| s.is_finite())
        };
        let condition = "a batch size of at least 1, a count and two finite numbers";
        let read = read.filter(is_one).ok_or_else(|| place.refused(condition, saved))?;
        let (batch_size, n_probes, trace, squared_norm) = read;
        Ok(AdaptiveBatchSize { batch_size, n_probes, trace, squared_norm })
    }
}

/// What a fingerprint of the objective is made of: two values, of which NaN is one that is not there.
pub(super) struct Values;

impl Codec<Fingerprint> for Values {
    fn write<'py>(&self, place: &Place<'py>, value: &mut Fingerprint) -> PyResult<Bound<'py, PyAny>> {
        (value.objective, value.validation_loss).into_bound_py_any(place.py)
    }

    fn read(&self, place: &Place<'_>, saved: &Bound<'_, PyAny>) -> PyResult<Fingerprint> {
        let (objective, validation_loss) =
            saved.extract().map_err(|_| place.refused("a pair of numbers", saved))?;
        Ok(Fingerprint { objective, validation_loss })
    }
}

/// True or false.
pub(super) struct Flag;

impl Codec<bool> for Flag {
    fn write<'py>(&self, place: &Place<'py>, value: &mut bool) -> PyResult<Bound<'py, PyAny>> {
        value.into_bound_py_any(place.py)
    }

    fn read(&self, place: &Place<'_>, saved: &Bound<'_, PyAny>) -> PyResult<bool> {
        saved.extract().map_err(|_| place.refused("True or False", saved))
    }
}

/// A copy of an array of one dimension.
pub(super) fn read_array<E: Element + Copy>(place: &Place<'_>, saved: &Bound<'_, PyAny>) -> PyResult<Vec<E>> {
    let condition = format!("an array of one dimension and type {}", std::any::type_name::<E>());
    let array: PyReadonlyArray1<'_, E> = saved.extract().map_err(|_| place.refused(&condition, saved))?;
    try_copied("the state", entries(&place.name, &array)?).map_err(to_python)
}
