//! `RankMean`: the mean of vectors over all processes of a run.

use super::sum::TreeSum;
use crate::error::{Error, Result};
use crate::kernel::{ScaleAdd, Tier};
use crate::ranks::{Gathered, Numbers, Ranks};
use crate::scalar::Scalar;

/// Vectors of all ranks, one after the other, of which each has its own, and then the means. They are added up in the order of
/// the ranks, as [`TreeSum`] adds leaves, so that all ranks have the same bits.
#[derive(Debug)]
pub struct RankMean<T> {
    tier: Tier,
    vectors: Vec<T>,
    n_taken: usize,
    incoming: Vec<T>,
    gathered: Gathered,
    tree: TreeSum<T>,
}

impl<T: Scalar> RankMean<T> {
    /// Of nothing so far.
    pub fn new(tier: Tier) -> Self {
        Self {
            tier,
            vectors: Vec::new(),
            n_taken: 0,
            incoming: Vec::new(),
            gathered: Gathered::default(),
            tree: TreeSum::new(tier),
        }
    }

    /// Forgets all vectors.
    pub fn begin(&mut self) {
        self.vectors.clear();
        self.n_taken = 0;
    }

    /// Appends a vector of this rank.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`].
    pub fn append(&mut self, vector: &[T]) -> Result<()> {
        let out_of_memory =
            |_| Error::OutOfMemory { what: "an average over ranks", bytes: size_of_val(vector) };
        self.vectors.try_reserve(vector.len()).map_err(out_of_memory)?;
        self.vectors.extend_from_slice(vector);
        Ok(())
    }

    /// Makes means of the vectors, and sums of the numbers. All ranks call this together.
    ///
    /// # Errors
    /// As [`Ranks::sum`].
    pub fn exchange(&mut self, ranks: &Ranks, numbers: &mut Numbers) -> Result<()> {
        let (size, len) = (ranks.size(), self.vectors.len());
        if size.is_power_of_two() {
            ranks.sum(self.tier, size, (numbers, &mut self.vectors), &mut self.incoming)?;
        } else {
            self.gathered.begin();
            self.gathered.append(numbers, &self.vectors);
            ranks.gather(&mut self.gathered)?;
            self.tree.reserve(len, size)?;
            self.tree.reset();
            for rank in 0..size {
                self.tree.push_written(|sum| {
                    let [first, second, third] = self.gathered.read(rank, 0, &mut sum.gradient);
                    (sum.loss, sum.of_rows) = (first, [second, third]);
                });
            }
            let sum = self.tree.finish();
            *numbers = [sum.loss, sum.of_rows[0], sum.of_rows[1]];
            self.vectors.copy_from_slice(&sum.gradient);
        }
        let scale = T::from_f64(1.0 / size as f64);
        self.tier.run(ScaleAdd { y: &mut self.vectors, scale, x: &[], factor: T::ZERO });
        Ok(())
    }

    /// Copies the mean of the next of the vectors, in the order in which they were appended.
    pub fn take(&mut self, vector: &mut [T]) {
        vector.copy_from_slice(&self.vectors[self.n_taken..][..vector.len()]);
        self.n_taken += vector.len();
    }
}
