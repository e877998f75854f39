//! `InPlace`: steps that move the rows of a table where they lie, by all workers.
//!
//! A table with a row for each column of the data is large, a batch of sparse rows has a thousandth of it, and every row
//! of the table is a line of memory or two. What such a step costs is to bring these lines in, of the parameters and of the
//! optimizer's state, and anything that touches them once more. So it has two halves. In the first each worker computes
//! the scores and slopes of some rows of the batch, and puts their entries into buckets of neighbouring columns. In the
//! second each has the buckets of some columns: what the entries make of the gradient, and the move, bucket by bucket, while
//! the lines of the next are fetched. Nobody gathers the rows of the table beforehand, and no gradient is written to memory.
//!
//! The bits are those of a step by [`Evaluator::sum`] and [`Evaluator::finish`] on a batch that is one leaf: an entry
//! of the gradient is one chain of fused multiply-adds in the order of the rows, whoever adds it up.

mod columns;
mod rows;

use std::ops::Range;
use std::sync::{Mutex, PoisonError, RwLock};

use self::columns::ColumnsPart;
use self::rows::RowsPart;
use super::Evaluator;
use super::pass::Pass;
use super::work::{Work, exclusive};
use crate::data::Rows;
use crate::error::{Error, Result};
use crate::kernel::{ScaleAdd, Shards, Tier, first_not_finite};
use crate::scalar::Scalar;

/// Entries of a bucket, about: all there is of its columns is to stay in the first-level cache.
const ENTRIES_OF_BUCKET: usize = 64;
/// Entries of a batch for each worker, at least, to be worth a meeting.
const ENTRIES_OF_WORKER: usize = 512;

/// Moves some entries: those from a number on, against a gradient, with their part of each of the optimizer's slots.
pub type MoveEntries<T> = Box<dyn Fn(usize, &mut [T], &[T], &mut [&mut [T]]) + Send + Sync>;

/// What the halves of a step share.
#[derive(Debug, Clone, Copy, Default)]
struct TableShape {
    n_buckets: usize,
    /// Column j is in bucket `j >> shift`.
    shift: u32,
    /// Entries of a row of the table, with padding and without.
    stride: usize,
    width: usize,
}

/// Room for steps in place, and what the workers do of the one at hand.
#[derive(Debug)]
pub(super) struct InPlace<T> {
    shape: TableShape,
    rows_of_part: usize,
    of_rows: Vec<RwLock<RowsPart<T>>>,
    of_columns: Vec<Mutex<ColumnsPart<T>>>,
    /// What is moved; none in the first half.
    moving: Option<Moving<T>>,
}

/// The table and the slots, by shards of columns.
struct Moving<T> {
    params: Shards<T>,
    slots: Vec<Shards<T>>,
    /// The buckets of each shard.
    buckets: Vec<Range<usize>>,
    n_parts_of_rows: usize,
    tier: Tier,
    /// What the gradient is multiplied by.
    scale: T,
    move_entries: MoveEntries<T>,
}

impl<T> std::fmt::Debug for Moving<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Moving").field("buckets", &self.buckets).finish_non_exhaustive()
    }
}

impl<T: Scalar> InPlace<T> {
    /// No room yet.
    pub(super) fn new() -> Self {
        let (of_rows, of_columns) = (Vec::new(), Vec::new());
        Self { shape: TableShape::default(), rows_of_part: 0, of_rows, of_columns, moving: None }
    }

    /// Does one part of the half at hand.
    pub(super) fn part(&self, pass: &Pass<'_, T>, part: usize) {
        let Some(moving) = &self.moving else {
            let mut rows = self.of_rows[part].write().unwrap_or_else(PoisonError::into_inner);
            let start = pass.positions.start + part * self.rows_of_part;
            return rows.collect(pass, self.shape, start..pass.positions.end.min(start + self.rows_of_part));
        };
        let of_rows: Vec<_> = self.of_rows[..moving.n_parts_of_rows]
            .iter()
            .map(|part| part.read().unwrap_or_else(PoisonError::into_inner))
            .collect();
        let mut columns = self.of_columns[part].lock().unwrap_or_else(PoisonError::into_inner);
        columns.step(self.shape, part, &of_rows, moving);
    }

    /// Cuts the buckets into as many runs of about as many entries. Returns them, and the most entries of a bucket.
    fn cut(&mut self, n_parts_of_rows: usize, n_shards: usize) -> (Vec<Range<usize>>, usize) {
        let parts: Vec<&RowsPart<T>> =
            self.of_rows[..n_parts_of_rows].iter_mut().map(|part| &*get_mut(part)).collect();
        let n_entries: usize = parts.iter().map(|part| part.buckets.n_entries()).sum();
        let (mut shards, mut start, mut n, mut largest) = (Vec::with_capacity(n_shards), 0, 0, 0);
        for bucket in 0..self.shape.n_buckets {
            let in_bucket = parts.iter().map(|part| part.buckets.bucket(bucket).len()).sum();
            largest = largest.max(in_bucket);
            n += in_bucket;
            if n * n_shards >= n_entries * (shards.len() + 1) && shards.len() + 1 < n_shards {
                shards.push(start..bucket + 1);
                start = bucket + 1;
            }
        }
        shards.push(start..self.shape.n_buckets);
        (shards, largest)
    }
}

fn get_mut<T>(lock: &mut RwLock<T>) -> &mut T {
    lock.get_mut().unwrap_or_else(PoisonError::into_inner)
}

impl<T: Scalar> Evaluator<'_, '_, T> {
    /// Makes a step on the rows at `positions` of the order, without a penalty: moves the parameters, and the slots of the
    /// optimizer with them. Returns the objective before the step; or none, and then nothing has moved: if a number would
    /// become non-finite, or the batch is no single leaf.
    ///
    /// # Errors
    /// If an allocation failed.
    pub fn step_in_place(
        &mut self,
        positions: Range<usize>,
        slots: &mut [Vec<T>],
        move_entries: MoveEntries<T>,
    ) -> Result<Option<f64>> {
        let (n_rows, n_workers) = (positions.len(), self.team.n_workers());
        let is_shared = n_workers > 1 && self.parallelism.begin(n_rows, self.team.job().work_of(n_rows));
        let Work { pass, in_place, is_in_place, .. } = self.team.job();
        let Rows::Csr(csr) = pass.problem.data.rows else { return Ok(None) };
        let layout = pass.model.layout();
        let n_entries = (csr.entries_of_row() + 1) * n_rows;
        let wanted = (n_entries / ENTRIES_OF_BUCKET).max(1);
        let shift = (layout.n_columns() / wanted).max(1).ilog2();
        in_place.shape = TableShape {
            n_buckets: ((layout.n_columns() - 1) >> shift) + 1,
            shift,
            stride: layout.stride(),
            width: layout.row_len(),
        };
        let n_shards = if is_shared { n_workers.min(n_entries / ENTRIES_OF_WORKER).max(1) } else { 1 };
        in_place.rows_of_part = n_rows.div_ceil(n_shards).next_multiple_of(pass.rows_of_tile);
        let n_parts = n_rows.div_ceil(in_place.rows_of_part);
        in_place.make_room(pass, n_parts, n_shards)?;
        pass.positions = positions;
        *is_in_place = true;
        self.team.run(n_parts);
        let moved = self.second_half(n_rows, (n_parts, n_shards), slots, move_entries);
        self.team.job().is_in_place = false;
        self.parallelism.end(self.team.was_helped());
        moved
    }

    fn second_half(
        &mut self,
        n_rows: usize,
        (n_parts, n_shards): (usize, usize),
        slots: &mut [Vec<T>],
        move_entries: MoveEntries<T>,
    ) -> Result<Option<f64>> {
        let Work { pass, in_place, .. } = self.team.job();
        let (mut loss, mut n_entries) = (0.0, 0);
        let layout = pass.model.layout();
        let mut gradient = vec![T::ZERO; layout.len() - layout.n_coef()];
        for part in &mut in_place.of_rows[..n_parts] {
            let part = get_mut(part);
            std::mem::replace(&mut part.collected, Ok(()))?;
            n_entries += part.buckets.n_entries();
            loss = part.losses.iter().fold(loss, |sum, loss| sum + loss);
            for slopes in part.slopes.chunks_exact(layout.n_outputs()) {
                gradient.iter_mut().zip(slopes).for_each(|(g, r)| *g += *r);
            }
        }
        let loss = loss / n_rows.max(1) as f64;
        if !loss.is_finite() || pass.rows_of_leaf_with(n_rows, n_entries) < n_rows {
            return Ok(None);
        }
        let (shards, largest) = in_place.cut(n_parts, n_shards);
        for (shard, columns) in shards.iter().zip(&mut in_place.of_columns) {
            let parts = in_place.of_rows[..n_parts].iter_mut();
            let n_entries = parts.map(|part| get_mut(part).buckets.n_entries_of(shard.clone())).sum();
            exclusive(columns).make_room(in_place.shape, slots.len(), n_entries, largest)?;
        }
        let TableShape { shift, stride, .. } = in_place.shape;
        let ends: Vec<_> =
            shards.iter().map(|shard| layout.n_columns().min(shard.end << shift) * stride).collect();
        let scale = T::from_f64(1.0 / n_rows.max(1) as f64);
        let n_shards = shards.len();
        in_place.moving = Some(Moving {
            params: Shards::cut(std::mem::take(&mut pass.params), ends.clone()),
            slots: slots.iter_mut().map(|slot| Shards::cut(std::mem::take(slot), ends.clone())).collect(),
            buckets: shards,
            n_parts_of_rows: n_parts,
            tier: pass.tier,
            scale,
            move_entries,
        });
        self.team.run(n_shards);
        let Work { pass, in_place, .. } = self.team.job();
        let Some(moving) = in_place.moving.take() else { return Ok(None) };
        pass.params = moving.params.into_inner();
        slots.iter_mut().zip(moving.slots).for_each(|(slot, shards)| *slot = shards.into_inner());
        let shards = &mut in_place.of_columns[..n_shards];
        let mut is_finite = shards.iter_mut().all(|columns| exclusive(columns).is_finite);
        if is_finite {
            // The intercepts.
            match pass.problem.fits_intercept() {
                true => pass.tier.run(ScaleAdd { y: &mut gradient, scale, x: &[], factor: T::ZERO }),
                false => gradient.fill(T::ZERO),
            }
            let first = layout.n_coef();
            let before = pass.params[first..].to_vec();
            let slots_before: Vec<_> = slots.iter().map(|slot| slot[first..].to_vec()).collect();
            let mut of_intercepts: Vec<_> = slots.iter_mut().map(|slot| &mut slot[first..]).collect();
            (moving.move_entries)(first, &mut pass.params[first..], &gradient, &mut of_intercepts);
            is_finite = first_not_finite(pass.tier, &pass.params[first..]).is_none();
            if !is_finite {
                pass.params[first..].copy_from_slice(&before);
                slots.iter_mut().zip(slots_before).for_each(|(slot, s)| slot[first..].copy_from_slice(&s));
            }
        }
        if !is_finite {
            let mut start = 0;
            for (columns, end) in in_place.of_columns.iter_mut().zip(ends) {
                let params = &mut pass.params[start..end];
                let slots = slots.iter_mut().map(|slot| &mut slot[start..end]);
                exclusive(columns).undo(in_place.shape, pass.tier, params, slots);
                start = end;
            }
        }
        Ok(is_finite.then_some(loss))
    }
}

impl<T: Scalar> InPlace<T> {
    fn make_room(&mut self, pass: &Pass<'_, T>, n_parts: usize, n_shards: usize) -> Result<()> {
        while self.of_rows.len() < n_parts {
            self.of_rows.push(RwLock::new(RowsPart::new(pass.problem)?));
        }
        while self.of_columns.len() < n_shards {
            self.of_columns.push(Mutex::new(ColumnsPart::default()));
        }
        Ok(())
    }
}

/// Room for so many, whatever is there.
fn room<V: Clone>(buffer: &mut Vec<V>, len: usize, value: V) -> Result<()> {
    if buffer.len() < len {
        reserve(buffer, len)?;
        buffer.resize(len, value);
    }
    Ok(())
}

/// An empty buffer for so many.
fn reserve<V>(buffer: &mut Vec<V>, len: usize) -> Result<()> {
    let bytes = len.saturating_mul(size_of::<V>());
    buffer.clear();
    buffer.try_reserve(len).map_err(|_| Error::OutOfMemory { what: "a step in place", bytes })
}
