//! The state of a run as a dict: one description, by which it is saved, checked and read.
//!
//! `fields` and `fields_of_rule` say once what there is: a `Writer` goes through them to save a state, a
//! `Reader` to check and read one.

mod codecs;
mod solver;

use numpy::Element;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use self::codecs::{
    COUNT, EPOCH, Growth, Name, Number, Numbers, Optional, Plateau, Rate, Rules, Steps, Values, Vector,
    Vectors,
};
use self::solver::Solved;
use super::error::{caught, to_python};
use super::rows::precision;
use crate::gradient::Layout;
use crate::scalar::Scalar;
use crate::train::{BestCheckpoint, Config, Control, EarlyStoppingState, FLUSH_INTERVAL, State};
use crate::update::OptimizerState;

/// The format of the dict: one more whenever a field is added or means something else. A dict without a version is
/// older than the first.
const VERSION: u64 = 2;

/// What is saved.
pub(super) struct SavedState<T> {
    pub(super) state: State<T>,
    /// Seconds of training, of all calls together.
    pub(super) seconds: f64,
}

/// The fields of a state, each with its name and its codec.
fn fields<'py, T: Scalar + Element>(
    border: &mut impl Border<'py>,
    saved: &mut SavedState<T>,
) -> PyResult<()> {
    let SavedState { state, seconds } = saved;
    let State {
        params,
        optimizer,
        average,
        epoch,
        step,
        n_seen,
        loss_sum,
        stopping,
        last_update_steps,
        control: Control { auto_rate, batch_size, solver },
        fingerprint,
    } = state;
    let mut averaged = (average.n > 0).then(|| std::mem::take(&mut average.params));
    border.field("params", params, Vector)?;
    border.field("memory", &mut optimizer.slots, Vectors)?;
    border.field("scalars", &mut optimizer.scalars, Numbers)?;
    border.field("plateau", &mut optimizer.plateau, Plateau)?;
    border.field("average", &mut averaged, Optional(Vector))?;
    border.field("n_averaged", &mut average.n, COUNT)?;
    border.field("n_steps", &mut optimizer.n_steps, COUNT)?;
    border.field("epoch", epoch, EPOCH)?;
    border.field("step", step, COUNT)?;
    border.field("n_seen", n_seen, COUNT)?;
    border.field("loss_sum", loss_sum, Number)?;
    border.field("stopping", stopping, Rules)?;
    border.field_since(1, "touched", last_update_steps, Steps)?;
    border.field("auto_rate", auto_rate, Optional(Rate))?;
    border.field_since(1, "growth", batch_size, Optional(Growth))?;
    border.field_since(2, "solver", solver, Optional(Solved))?;
    border.field_since(1, "fingerprint", fingerprint, Optional(Values))?;
    border.field("seconds", seconds, Number)?;
    if averaged.is_some() != (average.n > 0) {
        return Err(border.contradiction("n_averaged", "more than 0 if, and only if, there is an average"));
    }
    average.params = averaged.unwrap_or_default();
    if (*step == 0) != (*n_seen == 0) {
        return Err(border.contradiction("n_seen", "more than 0 if, and only if, step is"));
    }
    Ok(())
}

/// What a rule of early stopping remembers.
fn fields_of_rule<'py, T: Scalar + Element>(
    border: &mut impl Border<'py>,
    seen: &mut EarlyStoppingState<T>,
) -> PyResult<()> {
    let EarlyStoppingState { monitor, mode, best, n_waited, checkpoint } = seen;
    let (mut epoch, mut params) = checkpoint.take().map(|best| (best.epoch, best.params)).unzip();
    border.field("monitor", monitor, Name)?;
    border.field("mode", mode, Name)?;
    border.field("best", best, Optional(Number))?;
    border.field("n_waited", n_waited, COUNT)?;
    border.field("epoch", &mut epoch, Optional(EPOCH))?;
    border.field("params", &mut params, Optional(Vector))?;
    if epoch.is_some() != params.is_some() {
        return Err(border.contradiction("params", "there if, and only if, epoch is"));
    }
    *checkpoint = epoch.zip(params).map(|(epoch, params)| BestCheckpoint { epoch, params });
    Ok(())
}

/// One of the two directions.
trait Border<'py> {
    /// Saves a value, or puts the one that was saved in its place.
    fn field<V>(&mut self, name: &'static str, value: &mut V, codec: impl Codec<V>) -> PyResult<()>;

    /// A field that states before this version may lack; the value is left as it is then.
    fn field_since<V>(
        &mut self,
        version: u64,
        name: &'static str,
        value: &mut V,
        codec: impl Codec<V>,
    ) -> PyResult<()>;

    /// That a field does not go with the others.
    fn contradiction(&self, name: &'static str, condition: &str) -> PyErr;
}

/// How a value looks in a dict.
trait Codec<V> {
    fn write<'py>(&self, place: &Place<'py>, value: &mut V) -> PyResult<Bound<'py, PyAny>>;
    fn read(&self, place: &Place<'_>, saved: &Bound<'_, PyAny>) -> PyResult<V>;
}

/// Where a value is.
struct Place<'py> {
    py: Python<'py>,
    layout: Layout,
    name: String,
}

impl Place<'_> {
    fn at(&self, index: impl std::fmt::Debug) -> Self {
        Self { name: format!("{}[{index:?}]", self.name), ..*self }
    }

    fn here(&self) -> Self {
        Self { name: self.name.clone(), ..*self }
    }

    fn refused(&self, condition: &str, got: &Bound<'_, PyAny>) -> PyErr {
        let got = got.repr().and_then(|text| text.extract::<String>());
        self.refused_value(condition, &got.unwrap_or_else(|_| "something else".into()))
    }

    fn refused_value(&self, condition: &str, got: &str) -> PyErr {
        PyValueError::new_err(format!("{} must be {condition}, got {got}", self.name))
    }
}

struct Writer<'py> {
    place: Place<'py>,
    dict: Bound<'py, PyDict>,
}

impl<'py> Border<'py> for Writer<'py> {
    fn field<V>(&mut self, name: &'static str, value: &mut V, codec: impl Codec<V>) -> PyResult<()> {
        self.dict.set_item(name, codec.write(&self.place.at(name), value)?)
    }

    fn field_since<V>(
        &mut self,
        _version: u64,
        name: &'static str,
        value: &mut V,
        codec: impl Codec<V>,
    ) -> PyResult<()> {
        self.field(name, value, codec)
    }

    fn contradiction(&self, name: &'static str, condition: &str) -> PyErr {
        self.place.at(name).refused_value(condition, "a state that is not so")
    }
}

struct Reader<'a, 'py> {
    place: Place<'py>,
    dict: &'a Bound<'py, PyDict>,
    version: u64,
    /// Fields that were asked for.
    known: Vec<&'static str>,
}

impl<'py> Border<'py> for Reader<'_, 'py> {
    fn field<V>(&mut self, name: &'static str, value: &mut V, codec: impl Codec<V>) -> PyResult<()> {
        self.field_since(0, name, value, codec)
    }

    fn field_since<V>(
        &mut self,
        version: u64,
        name: &'static str,
        value: &mut V,
        codec: impl Codec<V>,
    ) -> PyResult<()> {
        self.known.push(name);
        match self.dict.get_item(name)? {
            Some(saved) => *value = codec.read(&self.place.at(name), &saved)?,
            None if self.version < version => {}
            None => {
                return Err(PyValueError::new_err(format!("{} must have {name:?}", self.place.name)));
            }
        }
        Ok(())
    }

    fn contradiction(&self, name: &'static str, condition: &str) -> PyErr {
        let got = self.dict.get_item(name).ok().flatten().map(|got| got.repr().map(|text| text.to_string()));
        let got = got.and_then(Result::ok).unwrap_or_default();
        self.place.at(name).refused_value(condition, &got)
    }
}

impl<'a, 'py> Reader<'a, 'py> {
    fn new(place: Place<'py>, saved: &'a Bound<'py, PyAny>, version: u64) -> PyResult<Self> {
        let dict = saved.cast().map_err(|_| place.refused("a dict", saved))?;
        Ok(Self { place, dict, version, known: Vec::new() })
    }

    /// That there is nothing but what was asked for.
    fn finish(self) -> PyResult<()> {
        for name in self.dict.keys() {
            let is_known = name.extract::<String>().is_ok_and(|name| self.known.contains(&name.as_str()));
            if !is_known {
                let known = self.known.join(", ");
                return Err(self.place.refused(&format!("a dict with no more than {known}"), &name));
            }
        }
        Ok(())
    }
}

impl<T: Scalar + Element> SavedState<T> {
    /// A state as a dict. What is taken apart on the way is put together again.
    pub(super) fn write<'py>(&mut self, py: Python<'py>, layout: Layout) -> PyResult<Bound<'py, PyDict>> {
        let mut writer = Writer { place: Place { py, layout, name: "state".into() }, dict: PyDict::new(py) };
        writer.dict.set_item("version", VERSION)?;
        fields(&mut writer, self)?;
        Ok(writer.dict)
    }

    /// A state from a dict, each field checked on its own.
    pub(super) fn read(layout: Layout, saved: &Bound<'_, PyAny>) -> PyResult<Self> {
        let place = Place { py: saved.py(), layout, name: "resume.state".into() };
        let mut reader = Reader::new(place, saved, 0)?;
        reader.known.push("version");
        if let Some(version) = reader.dict.get_item("version")? {
            let condition =
                format!("an integer from 1 to {VERSION}, the formats known to this version of mbgd_rs");
            let is_known = |version: &u64| (1..=VERSION).contains(version);
            let known = version.extract().ok().filter(is_known);
            reader.version = known.ok_or_else(|| reader.place.at("version").refused(&condition, &version))?;
        }
        let optimizer = OptimizerState::new(0, Vec::new(), Vec::new());
        let mut read = SavedState { state: State::new(Vec::new(), optimizer), seconds: 0.0 };
        fields(&mut reader, &mut read)?;
        reader.finish()?;
        Ok(read)
    }
}

impl<T> SavedState<T> {
    /// That the run has got where it says it is in its epoch, by the batches of `config`. A step behind the end of the
    /// epoch is refused by [`train::fit`](crate::train::fit).
    pub(super) fn check_place(&self, config: &Config) -> PyResult<()> {
        let State { ref control, epoch, step, n_seen, .. } = self.state;
        let refused = |field: &str, condition: String| {
            Err(PyValueError::new_err(format!(
                "resume.state[{field:?}] must be {condition} at step {step} of an epoch"
            )))
        };
        let batches = match (control.batch_size, config.batches.norm_test()) {
            (Some(growth), Some(_)) if growth.batch_size > config.batches.n_positions() => {
                return refused(
                    "growth",
                    format!("of batches of at most {} rows", config.batches.n_positions()),
                );
            }
            (Some(growth), Some(_)) => config.batches.clone().resized(growth.batch_size),
            _ => config.batches.of_epoch(epoch),
        };
        if step == 0 || step > batches.n_steps() {
            return Ok(());
        }
        let n_rows = batches.positions(step - 1).end as u64;
        if n_seen != n_rows {
            return refused("n_seen", format!("{n_rows}"));
        }
        let n_updates = step.div_ceil(config.accumulate.get());
        if self.state.optimizer.n_steps < n_updates as u64 {
            return refused("n_steps", format!("at least {n_updates}"));
        }
        let most = (n_updates % FLUSH_INTERVAL) as u32;
        if self.state.last_update_steps.iter().any(|&last| last > most) {
            return refused("touched", format!("at most {most} everywhere"));
        }
        Ok(())
    }
}

/// Checks a state on its own, before it is known what it is to go on with.
#[pyfunction]
pub(super) fn check_state(state: &Bound<'_, PyAny>) -> PyResult<()> {
    caught(|| {
        let place = |layout| Place { py: state.py(), layout, name: "resume.state".into() };
        let any = Layout::new::<f64>(1, 1).map_err(to_python)?;
        let dict: &Bound<'_, PyDict> = state.cast().map_err(|_| place(any).refused("a dict", state))?;
        let Some(params) = dict.get_item("params")? else {
            return Err(PyValueError::new_err("resume.state must have \"params\""));
        };
        let refused = || place(any).at("params").refused("an array of float32 or float64", &params);
        let n = params.len().ok().filter(|&n| n >= 2).ok_or_else(refused)?;
        // Whatever the shape of the coefficients, all vectors are as long as these.
        match precision(&params).ok_or_else(refused)? {
            true => {
                let layout = Layout::new::<f32>(n - 1, 1).map_err(to_python)?;
                SavedState::<f32>::read(layout, state).map(drop)
            }
            false => {
                let layout = Layout::new::<f64>(n - 1, 1).map_err(to_python)?;
                SavedState::<f64>::read(layout, state).map(drop)
            }
        }
    })
}
