//! Memory of NumPy arrays that is read while Python runs on.

use std::slice;

use numpy::{PyReadonlyArray1, PyUntypedArrayMethods};
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
