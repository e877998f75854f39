//! The batches of an epoch: which rows a step sees.

use std::ops::Range;
use std::sync::Arc;

use super::permutation::permutation;
use super::workspace::{RowBuffers, resize};
use super::{BatchSizes, NormTest, Shuffle, Workspace, replacement};
use crate::data::{Order, RowNumber};
use crate::error::{Error, Result, try_filled};
use crate::rng::{ORDER, Stream};

/// The arguments of [`Batches`], not yet checked.
#[derive(Debug, Clone, PartialEq)]
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
/// the number of positions - the number of rows, unless rows are drawn by weights - and `b` the batch size.
///
/// ```
/// use mbgd_rs::shuffle::{Batches, BatchesConfig, Shuffle};
///
/// let config = BatchesConfig { shuffle: Shuffle::Sequential, ..BatchesConfig::new(10, 4) };
/// let batches = Batches::new(config.clone())?;
/// assert_eq!(batches.n_steps(), 3);
/// assert_eq!(batches.batch(0, 2, &|| false)?, [8, 9]);
///
/// let whole_ones = Batches::new(BatchesConfig { drop_last: true, ..config })?;
/// assert_eq!(whole_ones.n_steps(), 2);
/// # Ok::<(), mbgd_rs::error::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Batches {
    config: BatchesConfig,
    n_positions: usize,
    n_steps: usize,
    /// Where the batch size depends on the epoch.
    sizes: Option<Arc<BatchSizes>>,
}

impl Batches {
    /// Checks the arguments.
    ///
    /// # Errors
    /// [`Error::OutOfRange`] if there are no rows, if batches are empty or if `drop_last` would leave none;
    /// [`Error::Shape`] if weights or strata are not of so many rows; [`Error::Incompatible`] if `replacement`
    /// is asked for without a full shuffle.
    pub fn new(config: BatchesConfig) -> Result<Self> {
        let BatchesConfig { n_rows, batch_size, ref shuffle, replacement, drop_last, .. } = config;
        let refuse = |argument, condition, value: usize| {
            Err(Error::OutOfRange { argument, condition, value: value.to_string() })
        };
        if n_rows == 0 {
            return refuse("n_rows", ">= 1", n_rows);
        }
        if batch_size == 0 {
            return refuse("batch_size", ">= 1", batch_size);
        }
        let (argument, n_known, n_positions) = match shuffle {
            Shuffle::Weighted(weighted) => ("weights", weighted.n_rows(), weighted.n_samples()),
            Shuffle::Stratified(stratified) => ("groups", stratified.n_rows(), n_rows),
            _ => ("", n_rows, n_rows),
        };
        if let Shuffle::Block(block) = shuffle
            && let Some(n_of_blocks) = block.n_rows().filter(|&n| n != n_rows)
        {
            let expected = format!("blocks of {n_rows} rows together");
            return Err(Error::Shape { argument: "shuffle", expected, got: n_of_blocks.to_string() });
        }
        if n_known != n_rows {
            let expected = format!("{n_rows} entries, one per row");
            return Err(Error::Shape { argument, expected, got: n_known.to_string() });
        }
        if drop_last && batch_size > n_positions {
            return refuse("batch_size", "<= the number of rows when drop_last is set", batch_size);
        }
        if replacement && *shuffle != Shuffle::Full {
            let name = shuffle.name();
            return Err(Error::Incompatible(format!(
                "replacement needs shuffle=\"full\", got shuffle={name}"
            )));
        }
        Ok(Self { config, n_positions, n_steps: 0, sizes: None }.resized(batch_size))
    }

    /// The same batches with a size that depends on the epoch; a size of more rows than there are means all.
    /// [`Batches::of_epoch`] then gives the batches of an epoch.
    pub fn with_sizes(mut self, sizes: BatchSizes) -> Self {
        self.sizes = Some(Arc::new(sizes));
        self.of_epoch(0)
    }

    /// The batches as they are in an epoch.
    pub fn of_epoch(&self, epoch: u64) -> Self {
        let batch_size = self.sizes.as_ref().map_or(self.batch_size(), |sizes| sizes.at(epoch));
        self.clone().resized(batch_size)
    }

    /// The same batches with so many rows, or all.
    pub fn resized(mut self, batch_size: usize) -> Self {
        let batch_size = batch_size.min(self.n_positions);
        let n_whole = self.n_positions / batch_size;
        self.n_steps = if self.config.drop_last { n_whole } else { self.n_positions.div_ceil(batch_size) };
        self.config.batch_size = batch_size;
        self
    }

    /// Rows of the largest batch of all epochs up to this one.
    pub fn largest_batch(&self, last_epoch: u64) -> usize {
        self.sizes.as_ref().map_or(self.batch_size(), |sizes| sizes.largest(last_epoch).min(self.n_positions))
    }

    /// Rows of the data.
    pub fn n_rows(&self) -> usize {
        self.config.n_rows
    }

    /// Seed and epoch of what a training step leaves out of a network.
    ///
    /// # Errors
    /// As [`Batches::order`].
    pub fn dropout_key(&self, epoch: u64) -> Result<(u64, u32)> {
        Ok((self.config.seed, checked_epoch(epoch)?))
    }

    /// The seed of all orders and draws.
    pub fn seed(&self) -> u64 {
        self.config.seed
    }

    /// Positions of an epoch, dropped ones included.
    pub fn n_positions(&self) -> usize {
        self.n_positions
    }

    /// Rows of every batch but perhaps the last, never more than [`Batches::n_positions`].
    pub fn batch_size(&self) -> usize {
        self.config.batch_size
    }

    /// How the rows of an epoch are ordered.
    pub fn shuffle(&self) -> &Shuffle {
        &self.config.shuffle
    }

    /// Whether every epoch has an order of its own.
    pub fn reorders(&self) -> bool {
        !matches!(self.config.shuffle, Shuffle::Once | Shuffle::Sequential)
    }

    /// The importance weight of each row, where weighted draws are not to change the objective.
    pub fn importance_weights(&self) -> Option<&[f64]> {
        match &self.config.shuffle {
            Shuffle::Weighted(weighted) => weighted.importance_weights(),
            _ => None,
        }
    }

    /// Whether an epoch may leave out rows, for they would not fill a batch.
    pub fn drops_rows(&self) -> bool {
        self.config.drop_last
    }

    /// Whether rows are drawn, so that an epoch may have one more than once, or not at all.
    pub fn draws(&self) -> bool {
        self.config.replacement || matches!(self.config.shuffle, Shuffle::Weighted(_))
    }

    /// Whether the batch size depends on the epoch.
    pub fn has_sizes(&self) -> bool {
        self.sizes.is_some()
    }

    /// The test by which the batch size grows, if it does so.
    pub fn norm_test(&self) -> Option<NormTest> {
        match self.sizes.as_deref() {
            Some(BatchSizes::NormTest(test)) => Some(*test),
            _ => None,
        }
    }

    /// Steps of an epoch.
    pub fn n_steps(&self) -> usize {
        self.n_steps
    }

    /// Steps of an epoch whose positions are all before `end`, if there is one: as many from the first on.
    pub fn n_batches_within(&self, end: Option<usize>) -> usize {
        match end {
            Some(end) if end < self.n_positions => (end / self.batch_size()).min(self.n_steps),
            _ => self.n_steps,
        }
    }

    /// The positions of a step in the order of its epoch; empty from [`Batches::n_steps`] on.
    pub fn positions(&self, step: usize) -> Range<usize> {
        if step >= self.n_steps() {
            return self.n_positions()..self.n_positions();
        }
        let start = step * self.batch_size();
        start..start + self.batch_size().min(self.n_positions() - start)
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
        let epoch = checked_epoch(epoch)?;
        self.part(epoch, 0..self.n_positions, reuse, workspace, interrupted)
    }

    /// The rows at these positions of an epoch: all there are, unless the order [is made in
    /// parts](Self::is_made_in_parts).
    fn part(
        &self,
        epoch: u32,
        positions: Range<usize>,
        reuse: Order,
        workspace: &mut Workspace,
        interrupted: &dyn Fn() -> bool,
    ) -> Result<Order> {
        let Workspace { narrow, wide } = workspace;
        if self.config.shuffle == Shuffle::Sequential {
            Ok(Order::Sequential)
        } else if Order::is_narrow(self.n_rows()) {
            let mut rows = if let Order::Listed(rows) = reuse { rows } else { Vec::new() };
            self.list(epoch, positions, &mut rows, narrow, interrupted)?;
            Ok(Order::Listed(rows))
        } else {
            let mut rows = if let Order::ListedWide(rows) = reuse { rows } else { Vec::new() };
            self.list(epoch, positions, &mut rows, wide, interrupted)?;
            Ok(Order::ListedWide(rows))
        }
    }

    /// Makes `rows` those at these positions.
    fn list<R: RowNumber>(
        &self,
        epoch: u32,
        positions: Range<usize>,
        rows: &mut Vec<R>,
        buffers: &mut RowBuffers<R>,
        interrupted: &dyn Fn() -> bool,
    ) -> Result<()> {
        let BatchesConfig { n_rows, batch_size, ref shuffle, replacement, seed, .. } = self.config;
        resize("the order of an epoch", rows, positions.len())?;
        match shuffle {
            Shuffle::Sequential => {
                rows.iter_mut().zip(positions).for_each(|(row, position)| *row = R::of(position));
                Ok(())
            }
            Shuffle::Full if replacement => {
                replacement::draw((seed, epoch), n_rows, positions.start, rows, interrupted)
            }
            Shuffle::Full => permutation(Stream::new(seed, epoch, ORDER), rows, interrupted),
            Shuffle::Once => permutation(Stream::new(seed, 0, ORDER), rows, interrupted),
            Shuffle::Block(block) => {
                block.order((seed, epoch), n_rows, positions, rows, buffers, interrupted)
            }
            Shuffle::Weighted(weighted) => {
                weighted.order(seed, epoch, positions.start, rows, buffers, interrupted)
            }
            Shuffle::Stratified(stratified) => {
                stratified.order(seed, epoch, batch_size, rows, buffers, interrupted)
            }
            Shuffle::Sharded(sharded) => sharded.order((seed, epoch), batch_size, rows, buffers, interrupted),
        }
    }

    /// Whether a part of an order can be made without the rest.
    fn is_made_in_parts(&self) -> bool {
        self.config.replacement || matches!(self.config.shuffle, Shuffle::Block(_) | Shuffle::Weighted(_))
    }

    /// The rows of one step. Draws with replacement, weighted or not, are made for this step alone, of blocks
    /// the windows the step is in; anything else makes the order of the whole epoch.
    ///
    /// # Errors
    /// As [`Batches::order`], and [`Error::OutOfRange`] for a step the epoch does not have.
    pub fn batch(&self, epoch: u64, step: usize, interrupted: &dyn Fn() -> bool) -> Result<Vec<usize>> {
        let sized = self.of_epoch(epoch);
        if step >= sized.n_steps() {
            let condition = "less than the number of steps of an epoch";
            return Err(Error::OutOfRange { argument: "step", condition, value: step.to_string() });
        }
        let positions = sized.positions(step);
        sized.rows(epoch, positions, interrupted)
    }

    /// The rows at some positions of an epoch; of blocks only the windows they are in are made.
    ///
    /// # Errors
    /// As [`Batches::order`], and [`Error::OutOfRange`] for positions the epoch does not have.
    pub fn rows(
        &self,
        epoch: u64,
        positions: Range<usize>,
        interrupted: &dyn Fn() -> bool,
    ) -> Result<Vec<usize>> {
        if positions.start > positions.end || positions.end > self.n_positions {
            let condition = "positions of an epoch, in order";
            return Err(Error::OutOfRange {
                argument: "positions",
                condition,
                value: format!("{positions:?}"),
            });
        }
        let mut rows = try_filled("a batch of rows", positions.len(), 0)?;
        let (made, start) = match self.is_made_in_parts() {
            true => (positions, 0),
            false => (0..self.n_positions, positions.start),
        };
        let workspace = &mut Workspace::default();
        let order = self.part(checked_epoch(epoch)?, made, Order::default(), workspace, interrupted)?;
        order.copy_to(start, &mut rows);
        Ok(rows)
    }

    /// The blocks of rows in their order of an epoch, of which so many in a row make a window; None where the rows are
    /// not shuffled in blocks.
    ///
    /// # Errors
    /// As [`Batches::order`].
    pub fn blocks(&self, epoch: u64, interrupted: &dyn Fn() -> bool) -> Result<Option<Vec<usize>>> {
        let Shuffle::Block(block) = &self.config.shuffle else { return Ok(None) };
        let key = (self.config.seed, checked_epoch(epoch)?);
        block.blocks(key, self.config.n_rows, interrupted).map(Some)
    }
}

pub(super) fn checked_epoch(epoch: u64) -> Result<u32> {
    u32::try_from(epoch).map_err(|_| Error::OutOfRange {
        argument: "epoch",
        condition: "less than 2^32",
        value: epoch.to_string(),
    })
}
