//! The batches of an epoch: which rows a step sees.

use std::ops::Range;

use super::permutation::{Workspace, permute};
use super::replacement;
use crate::data::Order;
use crate::error::{Error, Result, try_filled};

/// How the rows of an epoch are ordered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Shuffle {
    /// A new permutation every epoch.
    #[default]
    Full,
    /// The permutation of epoch 0, every epoch.
    Once,
    /// The rows as they come.
    Sequential,
}

impl Shuffle {
    /// The shuffle named `"full"` or `"once"`. [`Shuffle::Sequential`] has no name: it is Python's `False`.
    ///
    /// # Errors
    /// [`Error::UnknownName`].
    pub fn from_name(name: &str) -> Result<Self> {
        const KNOWN: &[&str] = &["\"full\"", "\"once\"", "False"];
        match name {
            "full" => Ok(Self::Full),
            "once" => Ok(Self::Once),
            _ => Err(Error::UnknownName { argument: "shuffle", value: name.to_owned(), known: KNOWN }),
        }
    }

    /// The argument as the user writes it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Full => "\"full\"",
            Self::Once => "\"once\"",
            Self::Sequential => "False",
        }
    }
}

/// The arguments of [`Batches`], not yet checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BatchesConfig {
    /// Rows of the data; at least 1.
    pub n_rows: usize,
    /// Rows of a batch; at least 1, and more than `n_rows` means all of them.
    pub batch_size: usize,
    /// How the rows are ordered.
    pub shuffle: Shuffle,
    /// Whether every position draws any of the rows, instead of every row having one position.
    pub replacement: bool,
    /// Whether a last batch of fewer than `batch_size` rows is left out.
    pub drop_last: bool,
    /// Seed of all orders and draws.
    pub seed: u64,
}

impl BatchesConfig {
    /// A full shuffle without replacement that keeps the last batch, with seed 0.
    pub fn new(n_rows: usize, batch_size: usize) -> Self {
        Self { n_rows, batch_size, shuffle: Shuffle::Full, replacement: false, drop_last: false, seed: 0 }
    }
}

/// The division of every epoch into batches.
///
/// Step `s` of an epoch has the positions `s * b..min((s + 1) * b, n)` of the epoch's order, where `n` is
/// the number of rows and `b` the batch size.
///
/// ```
/// use mbgd_rs::shuffle::{Batches, BatchesConfig, Shuffle};
///
/// let config = BatchesConfig { shuffle: Shuffle::Sequential, ..BatchesConfig::new(10, 4) };
/// let batches = Batches::new(config)?;
/// assert_eq!(batches.n_steps(), 3);
/// assert_eq!(batches.batch(0, 2)?, [8, 9]);
///
/// let whole_ones = Batches::new(BatchesConfig { drop_last: true, ..config })?;
/// assert_eq!(whole_ones.n_steps(), 2);
/// # Ok::<(), mbgd_rs::error::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Batches {
    config: BatchesConfig,
    n_steps: usize,
}

impl Batches {
    /// Checks the arguments.
    ///
    /// # Errors
    /// [`Error::OutOfRange`] if there are no rows, if batches are empty or if `drop_last` would leave none;
    /// [`Error::Incompatible`] if `replacement` is asked for without a full shuffle.
    pub fn new(config: BatchesConfig) -> Result<Self> {
        let BatchesConfig { n_rows, batch_size, shuffle, replacement, drop_last, .. } = config;
        let refuse = |argument, condition, value: usize| {
            Err(Error::OutOfRange { argument, condition, value: value.to_string() })
        };
        if n_rows == 0 {
            return refuse("n_rows", ">= 1", n_rows);
        }
        if batch_size == 0 {
            return refuse("batch_size", ">= 1", batch_size);
        }
        if drop_last && batch_size > n_rows {
            return refuse("batch_size", "<= the number of rows when drop_last is set", batch_size);
        }
        if replacement && shuffle != Shuffle::Full {
            let name = shuffle.name();
            return Err(Error::Incompatible(format!(
                "replacement needs shuffle=\"full\", got shuffle={name}"
            )));
        }
        let batch_size = batch_size.min(n_rows);
        let n_steps = if drop_last { n_rows / batch_size } else { n_rows.div_ceil(batch_size) };
        Ok(Self { config: BatchesConfig { batch_size, ..config }, n_steps })
    }

    /// Rows of the data.
    pub fn n_rows(&self) -> usize {
        self.config.n_rows
    }

    /// Rows of every batch but perhaps the last, never more than [`Batches::n_rows`].
    pub fn batch_size(&self) -> usize {
        self.config.batch_size
    }

    /// How the rows of an epoch are ordered.
    pub fn shuffle(&self) -> Shuffle {
        self.config.shuffle
    }

    /// Whether rows are drawn with replacement.
    pub fn replacement(&self) -> bool {
        self.config.replacement
    }

    /// Steps of an epoch.
    pub fn n_steps(&self) -> usize {
        self.n_steps
    }

    /// The positions of a step in the order of its epoch; empty from [`Batches::n_steps`] on.
    pub fn positions(&self, step: usize) -> Range<usize> {
        if step >= self.n_steps() {
            return self.n_rows()..self.n_rows();
        }
        let start = step * self.batch_size();
        start..start + self.batch_size().min(self.n_rows() - start)
    }

    /// The order of an epoch, made in the buffers of an order no longer needed.
    ///
    /// After the first epoch nothing is allocated.
    ///
    /// # Errors
    /// [`Error::OutOfRange`] for an epoch of 2^32 or more, [`Error::OutOfMemory`], and
    /// [`Error::Interrupted`] within milliseconds after `interrupted` returns true.
    pub fn order(
        &self,
        epoch: u64,
        reuse: Order,
        workspace: &mut Workspace,
        interrupted: &dyn Fn() -> bool,
    ) -> Result<Order> {
        let BatchesConfig { n_rows, shuffle, replacement, seed, .. } = self.config;
        let epoch = checked_epoch(epoch)?;
        let mut rows = match reuse {
            Order::Listed(rows) => rows,
            Order::Sequential => Vec::new(),
        };
        match shuffle {
            Shuffle::Sequential => return Ok(Order::Sequential),
            Shuffle::Full if replacement => {
                replacement::draw_all(seed, epoch, n_rows, &mut rows, interrupted)?
            }
            Shuffle::Full => permute(seed, epoch, n_rows, &mut rows, workspace, interrupted)?,
            Shuffle::Once => permute(seed, 0, n_rows, &mut rows, workspace, interrupted)?,
        }
        Ok(Order::Listed(rows))
    }

    /// The rows of one step. Without replacement this makes the order of the whole epoch.
    ///
    /// # Errors
    /// As [`Batches::order`], and [`Error::OutOfRange`] for a step the epoch does not have.
    pub fn batch(&self, epoch: u64, step: usize) -> Result<Vec<usize>> {
        if step >= self.n_steps() {
            let condition = "less than the number of steps of an epoch";
            return Err(Error::OutOfRange { argument: "step", condition, value: step.to_string() });
        }
        let positions = self.positions(step);
        let mut rows = try_filled("a batch of rows", positions.len(), 0)?;
        if self.config.replacement {
            let BatchesConfig { n_rows, seed, .. } = self.config;
            replacement::draw(seed, checked_epoch(epoch)?, n_rows, positions.start, &mut rows);
        } else {
            let order = self.order(epoch, Order::default(), &mut Workspace::default(), &|| false)?;
            order.copy_to(positions.start, &mut rows);
        }
        Ok(rows)
    }
}

fn checked_epoch(epoch: u64) -> Result<u32> {
    u32::try_from(epoch).map_err(|_| Error::OutOfRange {
        argument: "epoch",
        condition: "less than 2^32",
        value: epoch.to_string(),
    })
}
