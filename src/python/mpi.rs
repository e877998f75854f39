//! Messages by MPI, through the function and the handles that mpi4py supplies: of MPI nothing is needed to build this
//! library, and whichever one mpi4py has loaded is the one that is called.

use std::ffi::{c_int, c_void};
use std::mem::transmute;
use std::sync::Arc;

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use super::error::{caught, detached, to_python};
use crate::error::{Error, Result};
use crate::ranks::{self, Exchange};

/// `MPI_Sendrecv`, whose handles are of the type `H`.
type SendReceive<H> = unsafe extern "C" fn(
    *const c_void,
    c_int,
    H,
    c_int,
    c_int,
    *mut c_void,
    c_int,
    H,
    c_int,
    c_int,
    H,
    *mut Status,
) -> c_int;

/// Room for an `MPI_Status`, of which the largest known has 40 bytes. Nobody reads it.
type Status = [u64; 32];

/// The function and its handles, of the communicator and of `MPI_BYTE`: numbers in MPICH and its relatives, pointers in
/// Open MPI and in the ABI of MPI 5.
#[derive(Clone, Copy)]
enum Function {
    OfNumbers(SendReceive<c_int>, [c_int; 2]),
    OfPointers(SendReceive<usize>, [usize; 2]),
}

/// Between messages of ours no other is under way on the communicator, which is our own.
const TAG: c_int = 0;

struct Mpi {
    function: Function,
    rank: usize,
    size: usize,
}

impl Exchange for Mpi {
    fn rank(&self) -> usize {
        self.rank
    }

    fn size(&self) -> usize {
        self.size
    }

    fn send_receive(&self, sent: (&[u8], usize), received: (&mut [u8], usize)) -> Result<()> {
        let ((bytes, to), (room, from)) = (sent, received);
        let count = |n: usize| {
            let too_large = |_| Error::TooLarge { what: "a message between processes", size: n.to_string() };
            c_int::try_from(n).map_err(too_large)
        };
        let (n_sent, n_room, to, from) = (count(bytes.len())?, count(room.len())?, count(to)?, count(from)?);
        let (start, end) = (bytes.as_ptr().cast(), room.as_mut_ptr().cast());
        let status: *mut Status = &mut [0; 32];
        let code = match self.function {
            // SAFETY: the address is that of `MPI_Sendrecv` of the library that the handles are of, and they are numbers as
            // `int` is: `Ranks::new` was told so by mpi4py. Both buffers are as long as said, and MPI keeps none.
            Function::OfNumbers(call, [comm, byte]) => unsafe {
                call(start, n_sent, byte, to, TAG, end, n_room, byte, from, TAG, comm, status)
            },
            // SAFETY: the same with handles that are pointers.
            Function::OfPointers(call, [comm, byte]) => unsafe {
                call(start, n_sent, byte, to, TAG, end, n_room, byte, from, TAG, comm, status)
            },
        };
        let reason = || format!("MPI_Sendrecv has returned the error {code}");
        if code == 0 { Ok(()) } else { Err(Error::Exchange { reason: reason() }) }
    }
}

/// The processes of a run, by MPI.
#[pyclass(frozen, module = "mbgd_rs._core")]
pub(super) struct Ranks {
    pub(super) ranks: Arc<ranks::Ranks>,
}

#[pymethods]
impl Ranks {
    /// `function` is the address of `MPI_Sendrecv`; `handles` are a communicator, which nobody else uses, and `MPI_BYTE`, of
    /// so many bytes each.
    #[new]
    fn new(function: usize, handles: [u64; 2], width: usize, rank: usize, size: usize) -> PyResult<Self> {
        caught(|| {
            if function == 0 || rank >= size {
                return Err(PyValueError::new_err("there must be a function, and rank must be < size"));
            }
            let function = match width {
                // SAFETY: mpi4py says that this is the address of `MPI_Sendrecv`, and that its handles have 4 bytes.
                4 => Function::OfNumbers(
                    unsafe { transmute::<usize, SendReceive<c_int>>(function) },
                    handles.map(|handle| handle as u32 as c_int),
                ),
                // SAFETY: the same with 8 bytes, those of a pointer.
                8 => Function::OfPointers(
                    unsafe { transmute::<usize, SendReceive<usize>>(function) },
                    handles.map(|handle| handle as usize),
                ),
                _ => {
                    return Err(PyValueError::new_err(format!(
                        "handles must have 4 or 8 bytes, got {width}"
                    )));
                }
            };
            let ranks = ranks::Ranks::new(Box::new(Mpi { function, rank, size })).map_err(to_python)?;
            Ok(Self { ranks: Arc::new(ranks) })
        })
    }

    /// Which of some numbers are not the same on all ranks.
    fn compare(&self, py: Python<'_>, numbers: Vec<u64>) -> PyResult<Vec<bool>> {
        caught(|| detached(py, || self.ranks.compare(&numbers)))
    }

    /// Messages that this rank has sent, and their bytes.
    fn sent(&self) -> PyResult<(u64, u64)> {
        caught(|| Ok(self.ranks.sent()))
    }

    /// What all ranks say, in their order.
    fn gather<'py>(&self, py: Python<'py>, own: &[u8]) -> PyResult<Vec<Bound<'py, PyBytes>>> {
        caught(|| {
            let said = detached(py, || self.ranks.gather_all(own))?;
            Ok(said.iter().map(|bytes| PyBytes::new(py, bytes)).collect())
        })
    }

    /// Seconds of each of some sums of so many float32 over all ranks, which call this together.
    fn seconds_of_sums(&self, py: Python<'_>, n_entries: usize, n_times: usize) -> PyResult<Vec<f64>> {
        caught(|| detached(py, || self.ranks.seconds_of_sums(n_entries, n_times)))
    }

    /// Tells the others that this rank cannot go on, if they do not know.
    fn fail(&self, py: Python<'_>, cause: &str) -> PyResult<()> {
        caught(|| {
            detached(py, || {
                self.ranks.fail(cause);
                Ok(())
            })
        })
    }
}
