//! The random numbers with which weights begin.

use numpy::PyArray1;
use pyo3::prelude::*;

use super::error::{caught, detached};
use crate::error::try_filled;
use crate::rng::{START, Stream};

/// `n` numbers uniform in [-1, 1), `2 (word >> 11) 2^-53 - 1` of word i of 64 bits of the stream; or normal ones, two of
/// each block.
#[pyfunction]
pub(super) fn start_numbers(
    py: Python<'_>,
    seed: u64,
    n: usize,
    is_normal: bool,
) -> PyResult<Bound<'_, PyArray1<f64>>> {
    caught(|| {
        let numbers = detached(py, || {
            let stream = Stream::new(seed, 0, START);
            let mut numbers = try_filled("the first weights", n, 0.0)?;
            if is_normal {
                for (i, pair) in numbers.chunks_mut(2).enumerate() {
                    pair.copy_from_slice(&stream.normals(i as u64)[..pair.len()]);
                }
                return Ok(numbers);
            }
            let mut words = [0; 1024];
            for (i, some) in numbers.chunks_mut(words.len()).enumerate() {
                stream.words64((i * words.len()) as u64, &mut words[..some.len()]);
                for (number, word) in some.iter_mut().zip(words) {
                    *number = 2.0 * ((word >> 11) as f64 * 0.5_f64.powi(53)) - 1.0;
                }
            }
            Ok(numbers)
        });
        Ok(PyArray1::from_vec(py, numbers?))
    })
}
