//! The second half of a step in place: the gradient and the move of some columns, bucket by bucket.

use std::ops::Deref;

use super::rows::RowsPart;
use super::{Moving, TableShape, reserve, room};
use crate::error::Result;
use crate::kernel::factorization_machine::BucketAccumulate;
use crate::kernel::table::{PackRows, UnpackRows};
use crate::kernel::{ScaleAdd, Tier, first_not_finite, prefetch_ends};
use crate::scalar::Scalar;

/// Slots that an optimizer has, at most.
const MOST_SLOTS: usize = 8;

/// The columns of a bucket, numbered in the order in which its entries come.
#[derive(Debug, Default)]
struct Numbered {
    /// Counted from the first of the shard.
    columns: Vec<u32>,
    /// The number of the column of each entry.
    places: Vec<u32>,
}

/// Room for the columns of a shard.
#[derive(Debug, Default)]
#[repr(align(128))]
pub(super) struct ColumnsPart<T> {
    /// By column of a bucket, its number, if that number has this column.
    places: Vec<u32>,
    /// The bucket at hand, and the next.
    numbered: [Numbered; 2],
    /// The rows of the table of a bucket, without padding.
    packed: Vec<T>,
    /// Padded rows, and the same without padding.
    gradient: Vec<T>,
    packed_gradient: Vec<T>,
    packed_slots: Vec<Vec<T>>,
    /// What was moved, and from where.
    moved: Vec<u32>,
    before: Vec<T>,
    slots_before: Vec<Vec<T>>,
    /// Whether all parameters have stayed finite.
    pub(super) is_finite: bool,
}

impl<T: Scalar> ColumnsPart<T> {
    /// Makes room for a shard with so many entries, at most `largest` of them in a bucket.
    pub(super) fn make_room(
        &mut self,
        shape: TableShape,
        n_slots: usize,
        n_entries: usize,
        largest: usize,
    ) -> Result<()> {
        let TableShape { shift, stride, width, .. } = shape;
        room(&mut self.places, 1 << shift, 0)?;
        for numbered in &mut self.numbered {
            reserve(&mut numbered.columns, largest)?;
            reserve(&mut numbered.places, largest)?;
        }
        let packed = largest * width + stride;
        room(&mut self.packed, packed, T::ZERO)?;
        room(&mut self.packed_gradient, packed, T::ZERO)?;
        room(&mut self.gradient, largest * stride, T::ZERO)?;
        self.packed_slots.resize(n_slots, Vec::new());
        self.slots_before.resize(n_slots, Vec::new());
        for (slot, before) in self.packed_slots.iter_mut().zip(&mut self.slots_before) {
            room(slot, packed, T::ZERO)?;
            room(before, n_entries * width + stride, T::ZERO)?;
        }
        reserve(&mut self.moved, n_entries)?;
        room(&mut self.before, n_entries * width + stride, T::ZERO)
    }

    /// Moves the columns of a shard.
    pub(super) fn step(
        &mut self,
        shape: TableShape,
        shard: usize,
        rows: &[impl Deref<Target = RowsPart<T>>],
        moving: &Moving<T>,
    ) {
        let params = moving.params.lend(shard);
        let mut slots: Vec<&mut [T]> = moving.slots.iter().map(|slot| slot.lend(shard)).collect();
        let buckets = moving.buckets[shard].clone();
        let first = (buckets.start << shape.shift) as u32;
        self.is_finite = true;
        self.moved.clear();
        if buckets.is_empty() {
            return;
        }
        let mut packed_slots = std::mem::take(&mut self.packed_slots);
        self.number(shape, (buckets.start, first), rows, (params, &slots));
        for bucket in buckets.clone() {
            self.numbered.swap(0, 1);
            if bucket + 1 < buckets.end {
                self.number(shape, (bucket + 1, first), rows, (params, &slots));
            }
            self.is_finite = self.is_finite
                && self.move_bucket(shape, bucket, rows, moving, (params, &mut slots), &mut packed_slots);
        }
        self.packed_slots = packed_slots;
    }

    /// Numbers the columns of a bucket, and prefetches what belongs to them.
    fn number(
        &mut self,
        shape: TableShape,
        (bucket, first): (usize, u32),
        rows: &[impl Deref<Target = RowsPart<T>>],
        (params, slots): (&[T], &[&mut [T]]),
    ) {
        let Numbered { columns, places } = &mut self.numbered[1];
        columns.clear();
        places.clear();
        let (mask, TableShape { stride, width, .. }) = ((1 << shape.shift) - 1, shape);
        for part in rows {
            for entry in part.buckets.bucket(bucket) {
                let column = entry.column - first;
                let place = &mut self.places[entry.column as usize & mask];
                if columns.get(*place as usize) != Some(&column) {
                    *place = columns.len() as u32;
                    columns.push(column);
                    let row = column as usize * stride;
                    prefetch_ends::<true, T>(&params[row..][..width]);
                    slots.iter().for_each(|slot| prefetch_ends::<true, T>(&slot[row..][..width]));
                }
                places.push(*place);
            }
        }
    }

    /// Moves the columns of the bucket at hand. Returns whether they are finite; if they are not, they stay as they are.
    fn move_bucket(
        &mut self,
        shape: TableShape,
        bucket: usize,
        rows: &[impl Deref<Target = RowsPart<T>>],
        moving: &Moving<T>,
        (params, slots): (&mut [T], &mut [&mut [T]]),
        packed_slots: &mut [Vec<T>],
    ) -> bool {
        let Self { numbered: [Numbered { columns, places }, _], packed, gradient, packed_gradient, .. } =
            self;
        let (TableShape { stride, width, .. }, tier) = (shape, moving.tier);
        let n = columns.len();
        if n == 0 {
            return true;
        }
        let pack = |from: &[T], to: &mut Vec<T>| {
            let rows = columns.iter().map(|&column| column as usize);
            tier.run(PackRows { from, stride, width, rows, to });
        };
        pack(params, packed);
        slots.iter().zip(&mut *packed_slots).for_each(|(slot, packed)| pack(slot, packed));
        let gradient = &mut gradient[..n * stride];
        gradient.fill(T::ZERO);
        let mut places = &places[..];
        for part in rows {
            let entries = part.buckets.bucket(bucket);
            let (here, after) = places.split_at(entries.len());
            places = after;
            let pulls = &part.pulls[..];
            tier.run(BucketAccumulate { entries, places: here, packed, width, stride, pulls, gradient });
        }
        let (at, len) = (self.moved.len() * width, n * width);
        tier.run(PackRows { from: gradient, stride, width, rows: 0..n, to: packed_gradient });
        let y = &mut packed_gradient[..len];
        tier.run(ScaleAdd { y, scale: moving.scale, x: &[], factor: T::ZERO });
        self.before[at..at + len].copy_from_slice(&packed[..len]);
        for (before, packed) in self.slots_before.iter_mut().zip(&*packed_slots) {
            before[at..at + len].copy_from_slice(&packed[..len]);
        }
        let mut of_slots: [&mut [T]; MOST_SLOTS] = Default::default();
        of_slots.iter_mut().zip(&mut *packed_slots).for_each(|(to, slot)| *to = &mut slot[..len]);
        let of_slots = &mut of_slots[..slots.len()];
        (moving.move_entries)(0, &mut packed[..len], &packed_gradient[..len], of_slots);
        if first_not_finite(tier, &packed[..len]).is_some() {
            return false;
        }
        tier.run(UnpackRows { from: packed, stride, width, rows: columns, to: params });
        for (slot, packed) in slots.iter_mut().zip(&*packed_slots) {
            tier.run(UnpackRows { from: packed, stride, width, rows: columns, to: slot });
        }
        self.moved.extend_from_slice(columns);
        true
    }

    /// Puts back what was moved.
    pub(super) fn undo<'s>(
        &mut self,
        shape: TableShape,
        tier: Tier,
        params: &mut [T],
        slots: impl Iterator<Item = &'s mut [T]>,
    ) {
        let TableShape { stride, width, .. } = shape;
        let rows = &self.moved[..];
        tier.run(UnpackRows { from: &self.before, stride, width, rows, to: params });
        for (slot, from) in slots.zip(&self.slots_before) {
            tier.run(UnpackRows { from, stride, width, rows, to: slot });
        }
    }
}
