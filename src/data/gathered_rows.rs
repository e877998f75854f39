//! `GatheredRows`: some rows of a dataset of which each process has its own, told to all.

use super::{Csr, Dataset, Dense, Indices, Offsets, Rows, Sharding, Targets, Weights};
use crate::error::{Result, try_reserved};
use crate::kernel::{Tier, bytes_of, bytes_of_mut};
use crate::scalar::Scalar;

/// Copies of rows, with targets, weights and offsets.
#[derive(Debug)]
pub struct GatheredRows<T> {
    n_rows: usize,
    /// Of dense rows all values; of sparse ones the stored.
    values: Vec<T>,
    columns: Vec<i64>,
    pointers: Vec<i64>,
    targets: Vec<T>,
    weights: Weights<T>,
    offsets: Vec<T>,
}

/// What a process says of its rows.
struct Said<'b> {
    bytes: &'b [u8],
}

impl Said<'_> {
    fn number(&mut self) -> i64 {
        let (number, rest) = self.bytes.split_at(8);
        self.bytes = rest;
        i64::from_le_bytes([0, 1, 2, 3, 4, 5, 6, 7].map(|i| number[i]))
    }

    fn entries<T: Scalar>(&mut self, n: usize, to: &mut Vec<T>) {
        let first = to.len();
        to.resize(first + n, T::ZERO);
        let (bytes, rest) = self.bytes.split_at(n * size_of::<T>());
        bytes_of_mut(&mut to[first..]).copy_from_slice(bytes);
        self.bytes = rest;
    }
}

impl<T: Scalar> GatheredRows<T> {
    /// These rows of the dataset, of whichever process they are; all processes ask for the same ones.
    ///
    /// # Errors
    /// As [`Ranks::gather_all`](crate::ranks::Ranks::gather_all).
    pub(crate) fn of(data: &Dataset<'_, T>, among: Sharding<'_>, rows: &[usize]) -> Result<Self> {
        let own_rows = among.shards.own_rows();
        let mut own = Vec::new();
        for &row in rows.iter().filter(|row| own_rows.contains(row)) {
            write(data, data.stored_row(row - own_rows.start), &mut own);
        }
        let said = match among.ranks {
            Some(ranks) => ranks.gather_all(&own)?,
            None => vec![own],
        };
        let n_bytes: usize = said.iter().map(Vec::len).sum();
        let mut said: Vec<_> = said.iter().map(|bytes| Said { bytes }).collect();
        let (size, layout) = (said.len(), among.shards);
        let owner_of = |row: usize| {
            let has = |rank: &usize| {
                let of_rank = layout.of_rank(*rank, size);
                of_rank.is_some_and(|of_rank| of_rank.own_rows().contains(&row))
            };
            (0..size).find(has).unwrap_or(0)
        };
        let (per_row, n_outputs) = (data.targets.per_row(), data.offsets.per_row());
        let reserved = |n: usize| try_reserved("a sample of rows", n);
        let mut weights = reserved(rows.len())?;
        let mut gathered = Self {
            n_rows: rows.len(),
            values: reserved(n_bytes / size_of::<T>())?,
            columns: Vec::new(),
            pointers: vec![0],
            targets: reserved(rows.len().saturating_mul(per_row))?,
            weights: Weights::equal(),
            offsets: reserved(rows.len().saturating_mul(n_outputs))?,
        };
        for &row in rows {
            let said = &mut said[owner_of(row)];
            let n_entries = said.number() as usize;
            if matches!(data.rows, Rows::Csr(_)) {
                gathered.columns.extend((0..n_entries).map(|_| said.number()));
            }
            said.entries(n_entries, &mut gathered.values);
            gathered.pointers.push(gathered.values.len() as i64);
            said.entries(per_row, &mut gathered.targets);
            said.entries(1, &mut weights);
            said.entries(n_outputs, &mut gathered.offsets);
        }
        if !data.weights.are_equal() {
            gathered.weights = Weights::of_scaled(weights);
        }
        Ok(gathered)
    }

    /// The rows as a dataset like the one that they are of.
    ///
    /// # Errors
    /// If an entry is not finite.
    pub(crate) fn dataset<'g>(&'g self, like: &Dataset<'_, T>, tier: Tier) -> Result<Dataset<'g, T>> {
        let (n_rows, d) = (self.n_rows, like.rows.n_columns());
        let rows = match &like.rows {
            Rows::Dense(_) => Rows::Dense(Dense::new(tier, &self.values, n_rows, d)?),
            Rows::Csr(csr) => {
                let (columns, pointers) = (Indices::Wide(&self.columns), Indices::Wide(&self.pointers));
                let made = Csr::new(tier, &self.values, columns, pointers, n_rows, d)?;
                Rows::Csr(made.of_rows_with(csr.entries_of_row()).merging_as(csr))
            }
        };
        let targets = Targets::new(&self.targets, n_rows, like.targets.per_row(), like.targets.kind())?;
        let mut dataset = Dataset::new(rows, targets.in_unit_of(like.targets), self.weights.clone());
        if !like.offsets.are_none() {
            dataset.offsets = Offsets::new(tier, &self.offsets, n_rows, like.offsets.per_row())?;
        }
        Ok(dataset)
    }
}

/// Appends a stored row.
fn write<T: Scalar>(data: &Dataset<'_, T>, row: usize, to: &mut Vec<u8>) {
    match &data.rows {
        Rows::Dense(x) => {
            let d = x.n_columns();
            to.extend_from_slice(&(d as i64).to_le_bytes());
            to.extend_from_slice(bytes_of(&x.values()[row * d..][..d]));
        }
        Rows::Csr(x) => {
            to.extend_from_slice(&(x.entries_of(row).count() as i64).to_le_bytes());
            x.entries_of(row).for_each(|(column, _)| to.extend_from_slice(&(column as i64).to_le_bytes()));
            x.entries_of(row).for_each(|(_, value)| to.extend_from_slice(bytes_of(&[value])));
        }
    }
    let per_row = data.targets.per_row();
    to.extend_from_slice(bytes_of(&data.targets.values()[row * per_row..][..per_row]));
    to.extend_from_slice(bytes_of(&[T::from_f64(data.weights.of(row))]));
    to.extend_from_slice(bytes_of(data.offsets.of(row)));
}
