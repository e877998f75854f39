//! The fixed-shape sum: equal bits for every number of threads.
//!
//! The rows of a batch are cut into leaves of [`LEAF_ROWS`]. Leaves are added in pairs, the sums of pairs in
//! pairs, and so on; an odd last one moves up. [`TreeSum`] walks that tree with one buffer per level, like
//! carries in a binary counter. A subtree of 2^j leaves that begins at a multiple of 2^j is the same
//! whichever thread computes it, so [parts](n_leaves_of_part) of a batch can be given to threads freely.

use crate::error::{Error, Result, try_filled_apart};
use crate::kernel::{Add, Tier};
use crate::scalar::Scalar;

/// Rows of a leaf. Constant, because the bits of a result depend on it.
pub const LEAF_ROWS: usize = 64;

/// Entries of a gradient of which a worker has one part only.
const MANY_PARAMS: usize = 1 << 18;

/// What a set of rows adds to the gradient and to the loss. On lines of its own, as all that a worker writes while others
/// work.
#[derive(Debug, Clone, Default)]
#[repr(align(128))]
pub struct Partial<T> {
    /// Sum of weighted slopes times rows, in the layout of the parameters.
    pub gradient: Vec<T>,
    /// Sum of weighted losses.
    pub loss: f64,
    /// Sums over rows that a noise probe needs, see [`BatchNoise`](super::BatchNoise): of squared norms, or
    /// of products with a direction and their squares.
    pub of_rows: [f64; 2],
}

impl<T: Scalar> Partial<T> {
    fn zeroed(n_params: usize) -> Result<Self> {
        let gradient = try_filled_apart("partial gradients", n_params, T::ZERO)?;
        Ok(Self { gradient, loss: 0.0, of_rows: [0.0; 2] })
    }

    fn resize(&mut self, n_params: usize) -> Result<()> {
        let n_more = n_params.saturating_sub(self.gradient.len());
        let bytes = n_more.saturating_mul(size_of::<T>());
        let reserved = self.gradient.try_reserve(n_more);
        reserved.map_err(|_| Error::OutOfMemory { what: "partial gradients", bytes })?;
        self.gradient.resize(n_params, T::ZERO);
        Ok(())
    }

    fn clear(&mut self) {
        self.gradient.fill(T::ZERO);
        self.clear_numbers();
    }

    fn clear_numbers(&mut self) {
        self.loss = 0.0;
        self.of_rows = [0.0; 2];
    }

    fn add(&mut self, tier: Tier, other: &Self) {
        tier.run(Add { y: &mut self.gradient, x: &other.gradient });
        self.add_numbers(other);
    }

    /// Adds all but the gradient.
    pub(super) fn add_numbers(&mut self, other: &Self) {
        self.loss += other.loss;
        self.of_rows[0] += other.of_rows[0];
        self.of_rows[1] += other.of_rows[1];
    }
}

/// Adds leaves, or equal subtrees of leaves, as they come.
#[derive(Debug)]
#[repr(align(128))]
pub struct TreeSum<T> {
    tier: Tier,
    /// Finished subtrees, larger ones first, then the one being filled.
    levels: Vec<Partial<T>>,
    n_finished: usize,
    n_pushed: usize,
}

impl<T: Scalar> TreeSum<T> {
    /// An empty sum without buffers; [`TreeSum::reserve`] allocates them.
    pub fn new(tier: Tier) -> Self {
        Self { tier, levels: Vec::new(), n_finished: 0, n_pushed: 0 }
    }

    /// Makes room for a tree of `n_leaves` over gradients of `n_params`, unless there is room already. What
    /// was added is discarded if `n_params` changes.
    #[inline]
    pub fn reserve(&mut self, n_params: usize, n_leaves: usize) -> Result<()> {
        let depth = n_leaves.max(1).ilog2() as usize + 2;
        match self.levels.first() {
            Some(level) if self.levels.len() >= depth && level.gradient.len() == n_params => Ok(()),
            _ => self.grow(n_params, depth),
        }
    }

    #[cold]
    fn grow(&mut self, n_params: usize, depth: usize) -> Result<()> {
        for level in &mut self.levels {
            level.resize(n_params)?;
        }
        while self.levels.len() < depth {
            self.levels.push(Partial::zeroed(n_params)?);
        }
        Ok(())
    }

    /// Discards everything added.
    #[inline]
    pub fn reset(&mut self) {
        self.n_finished = 0;
        self.n_pushed = 0;
    }

    /// Adds one leaf, which `fill` computes into a zeroed partial.
    #[inline]
    pub fn push(&mut self, fill: impl FnOnce(&mut Partial<T>)) {
        self.levels[self.n_finished].gradient.fill(T::ZERO);
        self.push_written(fill);
    }

    /// Adds one leaf, whose gradient `fill` writes over whatever is there.
    #[inline]
    pub fn push_written(&mut self, fill: impl FnOnce(&mut Partial<T>)) {
        let leaf = &mut self.levels[self.n_finished];
        leaf.clear_numbers();
        fill(leaf);
        self.carry();
    }

    /// Adds a subtree computed elsewhere. The first of a pair is taken, in exchange for a buffer; the second is added where it
    /// lies, so that whoever has computed it finds its buffer again.
    pub fn push_sum(&mut self, other: &mut TreeSum<T>) {
        let sum = other.finish();
        if self.n_pushed.is_multiple_of(2) {
            std::mem::swap(&mut self.levels[self.n_finished], sum);
            self.n_finished += 1;
        } else {
            self.levels[self.n_finished - 1].add(self.tier, sum);
        }
        self.n_pushed += 1;
        self.merge_pairs_of_pairs();
    }

    #[inline]
    fn carry(&mut self) {
        self.n_finished += 1;
        self.n_pushed += 1;
        if self.n_pushed.is_multiple_of(2) {
            self.merge_last_two();
        }
        self.merge_pairs_of_pairs();
    }

    /// Adds the sums of pairs that have one to be added to.
    #[inline]
    fn merge_pairs_of_pairs(&mut self) {
        for _ in 1..self.n_pushed.trailing_zeros() {
            self.merge_last_two();
        }
    }

    /// The sum of all that was pushed since the last reset; zero leaves give zero.
    #[inline]
    pub fn finish(&mut self) -> &mut Partial<T> {
        if self.n_pushed == 0 {
            self.levels[0].clear();
        }
        while self.n_finished > 1 {
            self.merge_last_two();
        }
        &mut self.levels[0]
    }

    fn merge_last_two(&mut self) {
        let (left, right) = self.levels.split_at_mut(self.n_finished - 1);
        left[self.n_finished - 2].add(self.tier, &right[0]);
        self.n_finished -= 1;
    }
}

/// Which sum of `n` parts is added to which, in order, so that all end in the first: the tree of [`TreeSum`].
pub fn merges(n: usize) -> Vec<(usize, usize)> {
    let (mut merges, mut finished) = (Vec::new(), Vec::new());
    let mut merge = |finished: &mut Vec<usize>| {
        if let (Some(right), Some(&left)) = (finished.pop(), finished.last()) {
            merges.push((left, right));
        }
    };
    for part in 0..n {
        finished.push(part);
        for _ in 0..(part + 1).trailing_zeros() {
            merge(&mut finished);
        }
    }
    while finished.len() > 1 {
        merge(&mut finished);
    }
    merges
}

/// Leaves of one part when `n_leaves` are to be shared by `n_workers`: a power of two, so that a part is a
/// subtree. A small step has one part per worker, so that rows are fetched in long runs; a large one has
/// about four, so that no worker waits long for the last part, unless gradients are so wide that the sums of four parts,
/// one for each level of their trees, take too much memory.
pub fn n_leaves_of_part(n_leaves: usize, n_workers: usize, n_params: usize) -> usize {
    let is_one = n_leaves <= 16 * n_workers || n_params >= MANY_PARAMS;
    let parts_of_worker = if is_one { 1 } else { 4 };
    n_leaves.div_ceil(parts_of_worker * n_workers).next_power_of_two()
}
