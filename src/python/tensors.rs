//! The bytes of a safetensors file: arrays and a text in, and what is where out.

use std::collections::HashMap;
use std::fmt::Display;

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};

use super::error::{caught, to_python};
use crate::error::try_reserved;

/// Name, type, shape and bytes of a tensor: little-endian, in C order.
type Tensor<'py> = (String, String, Vec<usize>, Bound<'py, PyBytes>);

/// Name, type and shape of a tensor, and where its bytes begin and end in the file.
type Found = (String, String, Vec<usize>, usize, usize);

/// The types that NumPy knows, too.
const DTYPES: [Dtype; 12] = [
    Dtype::BOOL,
    Dtype::U8,
    Dtype::I8,
    Dtype::I16,
    Dtype::U16,
    Dtype::F16,
    Dtype::I32,
    Dtype::U32,
    Dtype::F32,
    Dtype::F64,
    Dtype::I64,
    Dtype::U64,
];

/// The bytes of a file with these tensors, and a text under a key. One key alone: the crate keeps several in no order,
/// and the bytes would differ from time to time.
#[pyfunction]
pub(super) fn pack_tensors<'py>(
    py: Python<'py>,
    text: (String, String),
    tensors: Vec<Tensor<'py>>,
) -> PyResult<Bound<'py, PyBytes>> {
    caught(|| {
        let mut views = try_reserved("a model file", tensors.len()).map_err(to_python)?;
        let mut n_bytes = text.1.len();
        for (name, dtype, shape, bytes) in &tensors {
            let known = DTYPES.iter().find(|known| known.to_string() == *dtype);
            let dtype = *known.ok_or_else(|| refused(format!("type {dtype:?} of {name:?}")))?;
            n_bytes += bytes.as_bytes().len();
            views.push((name, TensorView::new(dtype, shape.clone(), bytes.as_bytes()).map_err(refused)?));
        }
        // The crate aborts where there is no memory for its buffer: asked for here first, it is an error.
        drop(try_reserved::<u8>("a model file", n_bytes).map_err(to_python)?);
        let file = safetensors::serialize(views, Some([text].into_iter().collect())).map_err(refused)?;
        PyBytes::new_with(py, file.len(), |buffer| {
            buffer.copy_from_slice(&file);
            Ok(())
        })
    })
}

/// The texts of a file by their keys, and its tensors, one after the other: they cover all of the file behind the
/// header, without gaps and overlaps. Nothing is copied, so that no size in a header asks for memory.
#[pyfunction]
pub(super) fn unpack_tensors(file: &[u8]) -> PyResult<(HashMap<String, String>, Vec<Found>)> {
    caught(|| {
        let (header, metadata) = SafeTensors::read_metadata(file).map_err(refused)?;
        let first = header + size_of::<u64>();
        let texts = metadata.metadata().iter().flatten().map(|(key, text)| (key.clone(), text.clone()));
        let mut found = Vec::new();
        for name in metadata.offset_keys() {
            let Some(tensor) = metadata.info(&name) else { continue };
            let (start, stop) = tensor.data_offsets;
            found.push((name, tensor.dtype.to_string(), tensor.shape.clone(), first + start, first + stop));
        }
        Ok((texts.collect(), found))
    })
}

fn refused(reason: impl Display) -> PyErr {
    PyValueError::new_err(format!("not a safetensors file of NumPy's types: {reason}"))
}
