//! Batches of gathered rows, prefetched by a thread.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use numpy::PyArray1;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyList, PyTuple};

use super::batches::Batches;
use super::error::{caught, detached, to_python};
use super::memory::Memory;
use crate::error::{Result, try_filled};
use crate::gather::{Compressed, gathered_rows};
use crate::prefetcher::{Next, Prefetcher};
use crate::shuffle::{self, Order, Workspace};

/// Small batches are made ahead until there are so many bytes of them: waking a thread for each would take longer
/// than to gather it.
const BYTES_AHEAD: usize = 1 << 18;
/// Between two polls for signals while waiting for a batch.
const PATIENCE: Duration = Duration::from_millis(40);

/// The batches of several epochs: an iterator over lists of arrays.
#[pyclass(frozen, module = "mbgd_rs._core")]
pub(super) struct Minibatches {
    plan: Arc<Plan>,
    /// Types and shapes of rows, for every array that comes out of the sources.
    forms: Vec<Form>,
    /// Batches given out, or left out.
    n_taken: AtomicU64,
    running: Mutex<Running>,
}

enum Running {
    NotYet,
    Now(Arc<Prefetcher<Result<Batch>>>),
    Closed,
}

/// What is gathered, in which order.
struct Plan {
    batches: shuffle::Batches,
    sources: Vec<Source>,
    epochs: u64,
    n_threads: usize,
    with_rows: bool,
}

/// An array, or the three of a sparse matrix.
enum Source {
    Dense { values: Memory, width: usize },
    Sparse { indptr: Memory, indices: Memory, index_width: usize, data: Memory, data_width: usize },
}

/// How the bytes of an array are to be read.
struct Form {
    dtype: Py<PyAny>,
    /// The shape after the first axis, if there is more than that.
    shape: Option<Py<PyTuple>>,
}

struct Batch {
    arrays: Vec<Vec<u8>>,
    rows: Option<Vec<usize>>,
    n_rows: usize,
}

/// An array to be gathered: its bytes, those of a row, and how they are to be read.
#[derive(FromPyObject)]
struct DenseSource<'py> {
    values: Bound<'py, PyAny>,
    width: usize,
    dtype: Bound<'py, PyAny>,
    shape: Bound<'py, PyTuple>,
}

/// A sparse matrix to be gathered: the bytes of its three arrays.
#[derive(FromPyObject)]
struct SparseSource<'py> {
    indptr: Bound<'py, PyAny>,
    indices: Bound<'py, PyAny>,
    index_width: usize,
    index_dtype: Bound<'py, PyAny>,
    data: Bound<'py, PyAny>,
    data_width: usize,
    data_dtype: Bound<'py, PyAny>,
}

#[pymethods]
impl Minibatches {
    /// The batches of so many epochs but the `first` ones.
    #[new]
    #[pyo3(signature = (batches, sources, epochs, n_threads, with_rows, first=0))]
    fn new(
        batches: PyRef<'_, Batches>,
        sources: &Bound<'_, PyList>,
        epochs: u64,
        n_threads: usize,
        with_rows: bool,
        first: u64,
    ) -> PyResult<Self> {
        caught(|| {
            let mut forms = Vec::new();
            let mut form = |dtype: Bound<'_, PyAny>, shape: Option<Bound<'_, PyTuple>>| {
                forms.push(Form { dtype: dtype.unbind(), shape: shape.map(Bound::unbind) });
            };
            let mut memories = Vec::new();
            for source in sources {
                memories.push(if let Ok(dense) = source.extract::<DenseSource<'_>>() {
                    let values = Memory::of(&dense.values)?;
                    form(dense.dtype, Some(dense.shape).filter(|shape| !shape.is_empty()));
                    Source::Dense { values, width: dense.width }
                } else {
                    let sparse: SparseSource<'_> = source.extract()?;
                    form(sparse.index_dtype.clone(), None);
                    form(sparse.index_dtype, None);
                    form(sparse.data_dtype, None);
                    Source::Sparse {
                        indptr: Memory::of(&sparse.indptr)?,
                        indices: Memory::of(&sparse.indices)?,
                        index_width: sparse.index_width,
                        data: Memory::of(&sparse.data)?,
                        data_width: sparse.data_width,
                    }
                });
            }
            let batches = batches.batches.clone();
            let plan = Arc::new(Plan { batches, sources: memories, epochs, n_threads, with_rows });
            Ok(Self { plan, forms, n_taken: AtomicU64::new(first), running: Mutex::new(Running::NotYet) })
        })
    }

    fn __iter__(this: PyRef<'_, Self>) -> PyRef<'_, Self> {
        this
    }

    /// The arrays of the next batch, and its rows if they are wanted.
    fn __next__<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyList>>> {
        caught(|| {
            let Some(prefetcher) = self.running()? else { return Ok(None) };
            let mut next = match prefetcher.next(Duration::ZERO) {
                Next::NotYet => detached(py, || Ok(prefetcher.next(PATIENCE)))?,
                next => next,
            };
            while matches!(next, Next::NotYet) {
                py.check_signals()?;
                next = detached(py, || Ok(prefetcher.next(PATIENCE)))?;
            }
            match next {
                Next::Made(Ok(batch)) => {
                    self.n_taken.fetch_add(1, Ordering::Relaxed);
                    self.arrays(py, batch).map(Some)
                }
                Next::Made(Err(error)) => {
                    self.close(py)?;
                    Err(to_python(error))
                }
                _ => {
                    self.close(py)?;
                    Ok(None)
                }
            }
        })
    }

    /// Ends the iteration and the thread behind it.
    fn close(&self, py: Python<'_>) -> PyResult<()> {
        caught(|| {
            let running = std::mem::replace(&mut *self.lock(), Running::Closed);
            detached(py, || {
                drop(running);
                Ok(())
            })
        })
    }
}

impl Minibatches {
    fn lock(&self) -> std::sync::MutexGuard<'_, Running> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The batches that are being made, by a thread of this process: a forked child goes on with one of its own.
    fn running(&self) -> PyResult<Option<Arc<Prefetcher<Result<Batch>>>>> {
        let mut running = self.lock();
        match &*running {
            Running::Closed => return Ok(None),
            Running::Now(prefetcher) if prefetcher.is_of_this_process() => {
                return Ok(Some(Arc::clone(prefetcher)));
            }
            _ => {}
        }
        let n_ahead = (BYTES_AHEAD / self.plan.bytes_of_batch().max(1)).clamp(1, 64);
        let mut maker = Maker::new(Arc::clone(&self.plan), self.n_taken.load(Ordering::Relaxed));
        let prefetcher = Prefetcher::new(n_ahead, move |is_abandoned| {
            maker.next(&|| is_abandoned.load(Ordering::Relaxed)).transpose()
        });
        let prefetcher = Arc::new(prefetcher.map_err(to_python)?);
        *running = Running::Now(Arc::clone(&prefetcher));
        Ok(Some(prefetcher))
    }

    fn arrays<'py>(&self, py: Python<'py>, batch: Batch) -> PyResult<Bound<'py, PyList>> {
        let arrays = PyList::empty(py);
        for (bytes, form) in batch.arrays.into_iter().zip(&self.forms) {
            let mut array = PyArray1::from_vec(py, bytes).into_any();
            array = array.call_method1(intern!(py, "view"), (&form.dtype,))?;
            if let Some(shape) = &form.shape {
                let n_rows = PyTuple::new(py, [batch.n_rows])?;
                let shape = n_rows.as_sequence().concat(shape.bind(py).as_sequence())?;
                array = array.call_method1(intern!(py, "reshape"), (shape,))?;
            }
            arrays.append(array)?;
        }
        if let Some(rows) = batch.rows {
            arrays.append(PyArray1::from_vec(py, rows))?;
        }
        Ok(arrays)
    }
}

impl Plan {
    fn bytes_of_batch(&self) -> usize {
        let bytes_of_row = self.sources.iter().map(|source| match source {
            Source::Dense { width, .. } => *width,
            Source::Sparse { .. } => source.compressed().map_or(0, |x| x.bytes_of_row()),
        });
        bytes_of_row.sum::<usize>().saturating_mul(self.batches.largest_batch(self.epochs))
    }

    fn gathered(&self, rows: Vec<usize>, interrupted: &dyn Fn() -> bool) -> Result<Batch> {
        let mut arrays = Vec::with_capacity(self.sources.len());
        for source in &self.sources {
            match source {
                Source::Dense { values, width } => {
                    arrays.push(gathered_rows(values.bytes(), *width, &rows, self.n_threads, interrupted)?);
                }
                Source::Sparse { .. } => {
                    if let Some(x) = source.compressed() {
                        arrays.extend(x.gathered(&rows)?);
                    }
                }
            }
        }
        let n_rows = rows.len();
        Ok(Batch { arrays, n_rows, rows: self.with_rows.then_some(rows) })
    }
}

impl Source {
    fn compressed(&self) -> Option<Compressed<'_>> {
        match self {
            Source::Dense { .. } => None,
            Source::Sparse { indptr, indices, index_width, data, data_width } => Some(Compressed {
                indptr: indptr.bytes(),
                indices: indices.bytes(),
                index_width: *index_width,
                data: data.bytes(),
                data_width: *data_width,
            }),
        }
    }
}

/// Where the making of batches is.
struct Maker {
    plan: Arc<Plan>,
    /// The batches of the epoch.
    batches: shuffle::Batches,
    epoch: u64,
    step: usize,
    order: Order,
    has_order: bool,
    workspace: Workspace,
}

impl Maker {
    /// Begins after `n_done` batches.
    fn new(plan: Arc<Plan>, mut n_done: u64) -> Self {
        let (mut epoch, mut batches) = (0, plan.batches.of_epoch(0));
        while n_done >= batches.n_steps() as u64 {
            n_done -= batches.n_steps() as u64;
            epoch += 1;
            batches = plan.batches.of_epoch(epoch);
        }
        let (order, workspace) = (Order::default(), Workspace::default());
        Self { plan, batches, epoch, step: n_done as usize, order, has_order: false, workspace }
    }

    fn next(&mut self, interrupted: &dyn Fn() -> bool) -> Result<Option<Batch>> {
        if self.step == self.batches.n_steps() {
            self.epoch += 1;
            self.step = 0;
            self.batches = self.plan.batches.of_epoch(self.epoch);
            self.has_order &= !self.batches.reorders();
        }
        if self.epoch >= self.plan.epochs {
            return Ok(None);
        }
        if !self.has_order {
            let old = std::mem::take(&mut self.order);
            self.order = self.batches.order(self.epoch, old, &mut self.workspace, interrupted)?;
            self.has_order = true;
        }
        let positions = self.batches.positions(self.step);
        let mut rows = try_filled("the rows of a batch", positions.len(), 0)?;
        self.order.copy_to(positions.start, &mut rows);
        self.step += 1;
        self.plan.gathered(rows, interrupted).map(Some)
    }
}
