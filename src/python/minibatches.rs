//! Batches of gathered rows, prefetched by a thread.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use numpy::npyffi::npy_intp;
use numpy::{PyArrayDescr, PyArrayDescrMethods};
use pyo3::prelude::*;
use pyo3::types::{PyList, PyTuple};

use super::batches::Batches;
use super::error::{caught, detached, to_python};
use super::memory::{Memory, to_owned_array};
use crate::error::{Result, try_filled, try_reserved};
use crate::gather::{Compressed, gathered_rows};
use crate::prefetcher::{Next, Prefetcher};
use crate::shuffle::{self, Order, Workspace};

/// Small batches are made ahead until there are so many bytes of them: waking a thread for each would take longer
/// than to gather it.
const BYTES_AHEAD: usize = 1 << 18;
/// They change hands in groups of so many bytes, and of so many batches: locks are taken once for a group, and while
/// the last rows of a batch are copied the first ones of the next are on their way into the cache.
const BYTES_OF_GROUP: usize = 1 << 16;
const MOST_OF_GROUP: usize = 16;
/// Rows of the next group that are prefetched with the last of this one.
const N_BEYOND: usize = 16;
/// Of an array, in every version of NumPy.
const MOST_DIMENSIONS: usize = 65;
/// Between two polls for signals while waiting for a batch.
const PATIENCE: Duration = Duration::from_millis(40);

/// The batches of several epochs: an iterator over tuples of arrays, or over single ones.
#[pyclass(frozen, module = "mbgd_rs._core")]
pub(super) struct Minibatches {
    plan: Arc<Plan>,
    /// Types and shapes of rows, for every array that comes out of the sources.
    forms: Vec<Form>,
    is_bare: bool,
    /// Batches given out, or left out.
    n_taken: AtomicU64,
    running: Mutex<Running>,
}

enum Running {
    NotYet,
    /// The group at hand, and what makes the next ones.
    Now(VecDeque<Result<Batch>>, Arc<Prefetcher<Group>>),
    Closed,
}

/// Batches that are made and handed over together; what ends them, too.
type Group = Vec<Result<Batch>>;

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
    dtype: Py<PyArrayDescr>,
    /// The shape of a row; None of what a sparse matrix consists of, whose lengths follow from the bytes.
    shape: Option<Vec<npy_intp>>,
}

struct Batch {
    arrays: Vec<Vec<u8>>,
    n_rows: usize,
}

/// An array to be gathered: its bytes, those of a row, and how they are to be read.
#[derive(FromPyObject)]
struct DenseSource<'py> {
    values: Bound<'py, PyAny>,
    width: usize,
    dtype: Bound<'py, PyArrayDescr>,
    shape: Vec<npy_intp>,
}

/// A sparse matrix to be gathered: the bytes of its three arrays.
#[derive(FromPyObject)]
struct SparseSource<'py> {
    indptr: Bound<'py, PyAny>,
    indices: Bound<'py, PyAny>,
    index_width: usize,
    index_dtype: Bound<'py, PyArrayDescr>,
    data: Bound<'py, PyAny>,
    data_width: usize,
    data_dtype: Bound<'py, PyArrayDescr>,
}

#[pymethods]
impl Minibatches {
    /// The batches of so many epochs but the `first` ones, each a tuple of arrays, or `bare`, the only one.
    #[new]
    #[pyo3(signature = (batches, sources, epochs, n_threads, with_rows, first=0, bare=false))]
    #[expect(clippy::too_many_arguments, reason = "Python's keyword arguments")]
    fn new(
        py: Python<'_>,
        batches: PyRef<'_, Batches>,
        sources: &Bound<'_, PyList>,
        epochs: u64,
        n_threads: usize,
        with_rows: bool,
        first: u64,
        bare: bool,
    ) -> PyResult<Self> {
        caught(|| {
            let mut forms = Vec::new();
            let mut form = |dtype: Bound<'_, PyArrayDescr>, shape: Option<Vec<npy_intp>>| {
                forms.push(Form { dtype: dtype.unbind(), shape });
            };
            let mut memories = Vec::new();
            for source in sources {
                memories.push(if let Ok(dense) = source.extract::<DenseSource<'_>>() {
                    let values = Memory::of(&dense.values)?;
                    form(dense.dtype, Some(dense.shape));
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
            if with_rows {
                form(numpy::dtype::<isize>(py), Some(Vec::new()));
            }
            let batches = batches.batches.clone();
            let plan = Arc::new(Plan { batches, sources: memories, epochs, n_threads, with_rows });
            let (n_taken, running) = (AtomicU64::new(first), Mutex::new(Running::NotYet));
            Ok(Self { plan, forms, is_bare: bare, n_taken, running })
        })
    }

    fn __iter__(this: PyRef<'_, Self>) -> PyRef<'_, Self> {
        this
    }

    /// The arrays of the next batch, and its rows if they are wanted.
    fn __next__<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        caught(|| match self.next_batch(py)? {
            Some(Ok(batch)) => self.arrays(py, batch).map(Some),
            Some(Err(error)) => self.close(py).and(Err(to_python(error))),
            None => self.close(py).map(|()| None),
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

    /// The next batch of the group at hand, or the first of the next one.
    fn next_batch(&self, py: Python<'_>) -> PyResult<Option<Result<Batch>>> {
        loop {
            if let Running::Now(group, _) = &mut *self.lock()
                && let Some(batch) = group.pop_front()
            {
                self.n_taken.fetch_add(1, Ordering::Relaxed);
                return Ok(Some(batch));
            }
            let Some(prefetcher) = self.prefetcher()? else { return Ok(None) };
            let mut next = match prefetcher.next(Duration::ZERO) {
                Next::NotYet => detached(py, || Ok(prefetcher.next(PATIENCE)))?,
                next => next,
            };
            while matches!(next, Next::NotYet) {
                py.check_signals()?;
                next = detached(py, || Ok(prefetcher.next(PATIENCE)))?;
            }
            let Next::Made(made) = next else { return Ok(None) };
            if let Running::Now(group, _) = &mut *self.lock() {
                group.extend(made);
            }
        }
    }

    /// What makes groups of batches, by a thread of this process: a forked child goes on with one of its own.
    fn prefetcher(&self) -> PyResult<Option<Arc<Prefetcher<Group>>>> {
        let mut running = self.lock();
        match &*running {
            Running::Closed => return Ok(None),
            Running::Now(_, prefetcher) if prefetcher.is_of_this_process() => {
                return Ok(Some(Arc::clone(prefetcher)));
            }
            _ => {}
        }
        let bytes_of_batch = self.plan.bytes_of_batch().max(1);
        let n_together = (BYTES_OF_GROUP / bytes_of_batch).clamp(1, MOST_OF_GROUP);
        let n_ahead = (BYTES_AHEAD / bytes_of_batch).clamp(1, 64).div_ceil(n_together);
        let mut maker = Maker::new(Arc::clone(&self.plan), self.n_taken.load(Ordering::Relaxed));
        let prefetcher = Prefetcher::new(n_ahead, move |is_abandoned| {
            maker.group(n_together, &|| is_abandoned.load(Ordering::Relaxed))
        });
        let prefetcher = Arc::new(prefetcher.map_err(to_python)?);
        *running = Running::Now(VecDeque::new(), Arc::clone(&prefetcher));
        Ok(Some(prefetcher))
    }

    fn arrays<'py>(&self, py: Python<'py>, batch: Batch) -> PyResult<Bound<'py, PyAny>> {
        let n_rows = batch.n_rows as npy_intp;
        let mut arrays =
            batch.arrays.into_iter().zip(&self.forms).map(|(bytes, form)| form.array(py, bytes, n_rows));
        if self.is_bare
            && let Some(array) = arrays.next()
        {
            return array;
        }
        Ok(PyTuple::new(py, arrays.collect::<PyResult<Vec<_>>>()?)?.into_any())
    }
}

impl Form {
    fn array<'py>(&self, py: Python<'py>, bytes: Vec<u8>, n_rows: npy_intp) -> PyResult<Bound<'py, PyAny>> {
        let dtype = self.dtype.bind(py);
        let Some(shape) = &self.shape else {
            let mut length = [(bytes.len() / dtype.itemsize().max(1)) as npy_intp];
            return to_owned_array(py, bytes, dtype, &mut length);
        };
        let mut lengths = [n_rows; MOST_DIMENSIONS];
        lengths[1..=shape.len()].copy_from_slice(shape);
        to_owned_array(py, bytes, dtype, &mut lengths[..=shape.len()])
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

    /// The batch of the first `n` rows. Those behind come next.
    fn gathered(&self, rows: &[usize], n: usize, interrupted: &dyn Fn() -> bool) -> Result<Batch> {
        let mut arrays = Vec::with_capacity(self.sources.len() + usize::from(self.with_rows));
        for source in &self.sources {
            match source {
                Source::Dense { values, width } => {
                    arrays.push(gathered_rows(values.bytes(), *width, rows, n, self.n_threads, interrupted)?);
                }
                Source::Sparse { .. } => {
                    if let Some(x) = source.compressed() {
                        arrays.extend(x.gathered(&rows[..n])?);
                    }
                }
            }
        }
        if self.with_rows {
            let mut bytes = try_reserved("the rows of a batch", size_of_val(&rows[..n]))?;
            bytes.extend(rows[..n].iter().flat_map(|row| row.to_ne_bytes()));
            arrays.push(bytes);
        }
        Ok(Batch { arrays, n_rows: n })
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
        let step = n_done as usize;
        Self { plan, batches, epoch, step, order, has_order: false, workspace }
    }

    /// The next batches of an epoch, at most so many, up to an error; None if there are no more epochs.
    fn group(&mut self, most: usize, interrupted: &dyn Fn() -> bool) -> Option<Group> {
        let mut group = Vec::with_capacity(most);
        let made = self.extend(&mut group, most, interrupted);
        if let Err(error) = made {
            group.push(Err(error));
        }
        Some(group).filter(|group| !group.is_empty())
    }

    fn extend(&mut self, group: &mut Group, most: usize, interrupted: &dyn Fn() -> bool) -> Result<()> {
        if self.step == self.batches.n_steps() {
            self.epoch += 1;
            self.step = 0;
            self.batches = self.plan.batches.of_epoch(self.epoch);
            self.has_order &= !self.batches.reorders();
        }
        if self.epoch >= self.plan.epochs {
            return Ok(());
        }
        if !self.has_order {
            let old = std::mem::take(&mut self.order);
            self.order = self.batches.order(self.epoch, old, &mut self.workspace, interrupted)?;
            self.has_order = true;
        }
        let steps = self.step..self.batches.n_steps().min(self.step.saturating_add(most));
        let (first, last) = (self.batches.positions(steps.start), self.batches.positions(steps.end - 1));
        let n_rows =
            (last.end - first.start).saturating_add(N_BEYOND).min(self.batches.n_positions() - first.start);
        let mut rows = try_filled("the rows of a batch", n_rows, 0)?;
        self.order.copy_to(first.start, &mut rows);
        for step in steps {
            let positions = self.batches.positions(step);
            let rows = &rows[positions.start - first.start..];
            group.push(Ok(self.plan.gathered(rows, positions.len(), interrupted)?));
            self.step += 1;
        }
        Ok(())
    }
}
