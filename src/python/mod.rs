//! The binding to Python: thin functions that borrow NumPy arrays, release the interpreter and call the core.
//!
//! What users see is built on them in `python/mbgd_rs`.

mod advice;
mod array;
mod batches;
mod checkpoint;
mod choice;
mod draws;
mod error;
mod fit;
mod gradients;
mod history;
mod landscape;
mod memory;
mod minibatches;
mod mpi;
mod noise;
mod objective;
mod optimizer;
mod prediction;
mod raw_numbers;
mod rows;
mod sampling;
mod selection;
mod signal;
mod state;
mod svmlight;
mod symbol;
mod tensors;

use pyo3::prelude::*;

use self::error::caught;
use crate::kernel::Tier;

/// Name of the SIMD tier in use.
#[pyfunction]
fn simd_tier() -> PyResult<&'static str> {
    caught(|| Ok(Tier::current().map_err(error::to_python)?.name()))
}

/// Names of all SIMD tiers of this processor, the fastest last.
#[pyfunction]
fn simd_tiers() -> PyResult<Vec<&'static str>> {
    caught(|| Ok(Tier::available().into_iter().map(Tier::name).collect()))
}

/// Threads this process may use, by its affinity and its control group.
#[pyfunction]
fn available_threads() -> PyResult<usize> {
    caught(|| Ok(std::thread::available_parallelism().map_or(1, |n| n.get())))
}

#[pymodule]
mod _core {
    use numpy::{PyArray1, PyArrayMethods};
    use pyo3::prelude::*;

    #[pymodule_export]
    use super::advice::{
        batch_size_advice, optimal_batch_size, path_measures, safe_rate, sampled_loss, step_cost, tuned_steps,
    };
    #[pymodule_export]
    use super::batches::Batches;
    #[pymodule_export]
    use super::choice::{batch_size_at, check, check_loss, check_preconditioner, learning_rate_at};
    #[pymodule_export]
    use super::draws::start_numbers;
    #[pymodule_export]
    use super::fit::fit;
    #[pymodule_export]
    use super::gradients::{gradient_angles, gradient_bias, gradient_bias_of_rows, gradient_noise};
    #[pymodule_export]
    use super::landscape::{Landscape, probability_interval};
    #[pymodule_export]
    use super::minibatches::Minibatches;
    #[pymodule_export]
    use super::mpi::Ranks;
    #[pymodule_export]
    use super::noise::smoothed_noise;
    #[pymodule_export]
    use super::objective::{gradient, value};
    #[pymodule_export]
    use super::optimizer::{end_epoch, init_optimizer, step_optimizer};
    #[pymodule_export]
    use super::prediction::predict;
    #[pymodule_export]
    use super::raw_numbers::{cast, encoded};
    #[pymodule_export]
    use super::rows::find_not_finite;
    #[pymodule_export]
    use super::sampling::check_shuffle;
    #[pymodule_export]
    use super::selection::split;
    /// Loads NumPy's C interface and asks for what the borrows of arrays are written down in. Done when they are
    /// first wanted, Ctrl-C could make it fail, and that would be a panic.
    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        PyArray1::<f64>::zeros(module.py(), 0, false).try_readonly()?;
        Ok(())
    }

    #[pymodule_export]
    use super::state::check_state;
    #[pymodule_export]
    use super::svmlight::svmlight_lines;
    #[pymodule_export]
    use super::tensors::{pack_tensors, unpack_tensors};
    #[pymodule_export]
    use super::{available_threads, simd_tier, simd_tiers};
    #[pymodule_export]
    #[expect(non_upper_case_globals, reason = "Python's name")]
    const __version__: &str = env!("CARGO_PKG_VERSION");
}
