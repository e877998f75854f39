//! Memory that outlives a call: of NumPy arrays that are read while Python runs on, and of ours that becomes arrays.

use std::{ptr, slice};

use numpy::npyffi::{self, NpyTypes, PY_ARRAY_API, npy_intp};
use numpy::{PyArrayDescr, PyArrayDescrMethods, PyReadonlyArray1, PyUntypedArrayMethods};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

/// The bytes of an array, which is kept alive.
///
/// That nobody writes to them meanwhile cannot be checked and is left to the documentation, as with
/// [`entries`](super::array::entries).
#[derive(Debug)]
pub(super) struct Memory {
    /// Valid for reads of `len` bytes while `_owner` lives: Python frees and moves nothing of an array somebody
    /// refers to.
    start: *const u8,
    len: usize,
    _owner: Py<PyAny>,
}

// SAFETY: the bytes are only read, and they stay where they are in whatever thread; `Py` is `Send` itself.
unsafe impl Send for Memory {}
// SAFETY: as above; there is no access but by shared reference.
unsafe impl Sync for Memory {}

impl Memory {
    /// The bytes of a contiguous array of bytes.
    pub(super) fn of(array: &Bound<'_, PyAny>) -> PyResult<Self> {
        let bytes: PyReadonlyArray1<'_, u8> = array.extract()?;
        if !bytes.is_c_contiguous() {
            return Err(PyValueError::new_err("arrays must be in C order"));
        }
        let bytes = bytes.as_slice()?;
        Ok(Self { start: bytes.as_ptr(), len: bytes.len(), _owner: array.clone().unbind() })
    }

    pub(super) fn bytes(&self) -> &[u8] {
        // SAFETY: `start` and `len` are those of a slice of an array that `_owner` keeps alive.
        unsafe { slice::from_raw_parts(self.start, self.len) }
    }
}

/// Bytes that an array shows, freed with it.
#[pyclass(frozen, module = "mbgd_rs._core")]
struct Owner {
    _bytes: Vec<u8>,
}

/// Bytes as an array in C order of any type without Python objects; its own, and not copied.
///
/// Views and shapes made of an array of bytes, by calling NumPy as Python does, take as long as to gather 30 rows.
pub(super) fn to_owned_array<'py>(
    py: Python<'py>,
    mut bytes: Vec<u8>,
    dtype: &Bound<'py, PyArrayDescr>,
    shape: &mut [npy_intp],
) -> PyResult<Bound<'py, PyAny>> {
    let n_bytes =
        shape.iter().try_fold(dtype.itemsize(), |n, &length| n.checked_mul(length.try_into().ok()?));
    let n_dimensions = i32::try_from(shape.len())?;
    if n_bytes != Some(bytes.len()) || dtype.has_object() {
        return Err(PyValueError::new_err(format!(
            "{} bytes are no {dtype} of shape {shape:?}",
            bytes.len()
        )));
    }
    // Of no bytes NumPy has its own: ours would lie at no place, and a wrongly aligned one.
    let start = if bytes.is_empty() { ptr::null_mut() } else { bytes.as_mut_ptr() };
    let owner = Bound::new(py, Owner { _bytes: bytes })?;
    let descr = dtype.clone().into_dtype_ptr();
    // SAFETY: `shape` has `n_dimensions` lengths, and the bytes are as many as they say, without references among
    // them. To move the vector has not moved its bytes; nobody but the array sees them until its base object, the
    // owner, is freed with it. The array is ours alone, so that its base and its flags may still be set; `descr` and
    // the owner are references given away.
    unsafe {
        let kind = npyffi::get_type_object(py, NpyTypes::PyArray_Type);
        let (lengths, strides) = (shape.as_mut_ptr(), ptr::null_mut());
        let flags = npyffi::NPY_ARRAY_CARRAY;
        let made = PY_ARRAY_API.PyArray_NewFromDescr(
            py,
            kind,
            descr,
            n_dimensions,
            lengths,
            strides,
            start.cast(),
            flags,
            ptr::null_mut(),
        );
        let array = Bound::from_owned_ptr_or_err(py, made)?;
        if !start.is_null() {
            if PY_ARRAY_API.PyArray_SetBaseObject(py, made.cast(), owner.into_ptr()) < 0 {
                return Err(PyErr::fetch(py));
            }
            PY_ARRAY_API.PyArray_UpdateFlags(py, made.cast(), npyffi::NPY_ARRAY_ALIGNED);
        }
        Ok(array)
    }
}
