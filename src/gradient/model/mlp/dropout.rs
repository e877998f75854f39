//! `Masks`: which hidden units a training step leaves out, for which row.
//!
//! Unit u of hidden layer l of the row at position p of an epoch is left out if word `p U + o_l + u` of the stream
//! [`DROPOUT`] is below `dropout 2^32`; each layer has its units rounded up to whole blocks of words, `o_l` is the sum of
//! those of the layers before, and U of all. So masks depend neither on threads nor on batches, and a resumed run has
//! the same. The units that are kept are divided by `1 - dropout`, and evaluations leave none out.
//!
//! Source: N. Srivastava and others, Dropout: a simple way to prevent neural networks from overfitting, J. Mach. Learn.
//! Res. 15 (2014).

use crate::kernel::{Kernel, Lanes, Tier};
use crate::rng::{DROPOUT, Stream};
use crate::scalar::Scalar;

/// Words of a block of random numbers.
pub(super) const WORDS_OF_BLOCK: usize = 4;
/// Pairs of words that are drawn at once.
const PAIRS: usize = 32;

/// The masks of the rows of a tile, in an epoch.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Masks {
    stream: Stream,
    /// The position of the first row of the tile.
    position: usize,
}

impl Masks {
    /// Of the rows from `position` on, in an epoch of a run with this seed.
    pub(crate) fn new((seed, epoch): (u64, u32), position: usize) -> Self {
        Self { stream: Stream::new(seed, epoch, DROPOUT), position }
    }

    /// Leaves out units of a layer: of `(U, o_l, h_l)` words and units, in rows of activations and, where they are wanted,
    /// derivatives, `stride` apart.
    pub(super) fn apply<T: Scalar>(
        &self,
        tier: Tier,
        dropout: f64,
        (words_of_row, first, n_units): (usize, usize, usize),
        (outputs, derivatives, stride): (&mut [T], &mut [T], usize),
    ) {
        let first_pair = (self.position as u64 * words_of_row as u64 + first as u64) / 2;
        tier.run(LeaveOut {
            stream: self.stream,
            threshold: (dropout * 2.0_f64.powi(32)).floor() as u64,
            scale: T::from_f64(1.0 / (1.0 - dropout)),
            first_pair,
            pairs_of_row: words_of_row as u64 / 2,
            n_units,
            outputs,
            derivatives,
            stride,
        });
    }
}

struct LeaveOut<'a, T> {
    stream: Stream,
    threshold: u64,
    scale: T,
    first_pair: u64,
    pairs_of_row: u64,
    n_units: usize,
    outputs: &'a mut [T],
    derivatives: &'a mut [T],
    stride: usize,
}

impl<T: Scalar> Kernel<T> for LeaveOut<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes<Elem = T>>(self) {
        let mut pairs = [0; PAIRS];
        let mut factors = [T::ZERO; 2 * PAIRS];
        for (row, outputs) in self.outputs.chunks_exact_mut(self.stride).enumerate() {
            let first_pair = self.first_pair + row as u64 * self.pairs_of_row;
            for from in (0..self.n_units).step_by(2 * PAIRS) {
                let n = (self.n_units - from).min(2 * PAIRS);
                let pairs = &mut pairs[..n.div_ceil(2)];
                self.stream.words64(first_pair + from as u64 / 2, pairs);
                let factor = |word: u64| if word < self.threshold { T::ZERO } else { self.scale };
                for (factors, pair) in factors.chunks_exact_mut(2).zip(&*pairs) {
                    factors[0] = factor(pair >> 32);
                    factors[1] = factor(pair & 0xFFFF_FFFF);
                }
                outputs[from..][..n].iter_mut().zip(&factors).for_each(|(a, &factor)| *a *= factor);
                if !self.derivatives.is_empty() {
                    let derivatives = &mut self.derivatives[row * self.stride + from..][..n];
                    derivatives.iter_mut().zip(&factors).for_each(|(d, &factor)| *d *= factor);
                }
            }
        }
    }
}
