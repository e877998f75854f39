//! Random words: Philox4x32-10, a bijection of 128-bit counters keyed by 64 bits.
//!
//! J. K. Salmon, M. A. Moraes, R. O. Dror, D. E. Shaw, "Parallel random numbers: as easy as 1, 2, 3",
//! SC '11, <https://doi.org/10.1145/2063384.2063405>.
//!
//! A counter-based generator has no state to carry: word `i` of a stream is computed from its address
//! `(seed, epoch, stream, i)` alone.

/// The stream of the permutation of an epoch.
pub const ORDER: u32 = 0;
/// The stream of the draws with replacement. Attempt `a` after rejections reads `REPLACEMENT + 256 * a`.
pub const REPLACEMENT: u32 = 2;
/// The stream of the permutations within windows of blocks. The window that begins at position p reads words of 64
/// bits from `2 p` on: more than it needs before the next window's begin.
pub const WINDOW: u32 = 16;
/// The stream of the weighted draws with replacement.
pub const WEIGHTED_DRAWS: u32 = 18;
/// The stream of the waiting times that order weighted rows drawn without replacement.
pub const WEIGHTED_TIMES: u32 = 19;
/// The stream of the offset at which strata are dealt to batches.
pub const STRATA_OFFSET: u32 = 20;
/// The stream of the permutation of the batches that strata are dealt to.
pub const STRATA_BATCHES: u32 = 21;

/// The stream of the keys that select the validation rows: row `i` uses the first two words of block `i`.
pub const SPLIT: u32 = 7;
/// The stream of an optimizer's noise. Array `a` of several reads `NOISE + 256 * a`.
pub const NOISE: u32 = 3;
/// The stream of the draws that resample measurements; fit `i` reads it at epoch `i`.
pub const BOOTSTRAP: u32 = 33;

/// The stream of the random signs of a bootstrap: resample `r` takes the place of the epoch, and bit `j % 32`
/// of word `j / 32` is the sign of deviation `j`.
pub const SIGNS: u32 = 32;

/// The stream of the rows that a metric is built of; build `i` reads it at epoch `i`.
pub const SAMPLE: u32 = 34;
/// The stream of the signs that a sketch of the curvature is made with; build `i` reads it at epoch `i`.
pub const SKETCH: u32 = 35;

/// The stream of the numbers that weights begin with; number i is made of word i of 64 bits.
pub const START: u32 = 36;
/// The stream of the units that a training step leaves out of a network.
pub const DROPOUT: u32 = 37;
/// The stream of the permutations of shards; the one that begins with row f reads it from word 2 f of 64 bits on.
pub const SHARD: u32 = 38;

const ROUNDS: usize = 10;
const MULTIPLIERS: [u64; 2] = [0xD251_1F53, 0xCD9E_8D57];
const KEY_STEPS: [u32; 2] = [0x9E37_79B9, 0xBB67_AE85];
/// Blocks computed by one loop, which the compiler turns into vectors of any width: enough to keep the widest busy,
/// and not many more than a batch of a few rows needs.
const CHUNK: usize = 16;

/// One block of Philox4x32-10.
#[inline]
pub fn block(key: [u32; 2], counter: [u32; 4]) -> [u32; 4] {
    let [mut x0, mut x1, mut x2, mut x3] = counter;
    for keys in round_keys(key) {
        let p0 = MULTIPLIERS[0] * u64::from(x0);
        let p1 = MULTIPLIERS[1] * u64::from(x2);
        (x0, x1, x2, x3) =
            ((p1 >> 32) as u32 ^ x1 ^ keys[0], p1 as u32, (p0 >> 32) as u32 ^ x3 ^ keys[1], p0 as u32);
    }
    [x0, x1, x2, x3]
}

#[inline(always)]
fn round_keys(mut key: [u32; 2]) -> [[u32; 2]; ROUNDS] {
    std::array::from_fn(|_| {
        let now = key;
        key = [key[0].wrapping_add(KEY_STEPS[0]), key[1].wrapping_add(KEY_STEPS[1])];
        now
    })
}

/// A sequence of 2^64 random words, addressed by their index.
///
/// ```
/// use mbgd_rs::rng::{ORDER, Stream};
///
/// let stream = Stream::new(0, 0, ORDER);
/// let mut words = [0; 5];
/// stream.words64(2, &mut words);
/// assert_eq!(words[0], u64::from(stream.word(4)) << 32 | u64::from(stream.word(5)));
/// assert_eq!(words[4], stream.word64(6));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stream {
    key: [u32; 2],
    epoch: u32,
    number: u32,
}

impl Stream {
    /// Stream `number` of an epoch.
    pub fn new(seed: u64, epoch: u32, number: u32) -> Self {
        Self { key: [seed as u32, (seed >> 32) as u32], epoch, number }
    }

    /// Words `4 * index` to `4 * index + 3`.
    #[inline]
    pub fn block(&self, index: u64) -> [u32; 4] {
        block(self.key, [index as u32, (index >> 32) as u32, self.epoch, self.number])
    }

    /// Word `index`: lane `index % 4` of block `index / 4`.
    #[inline]
    pub fn word(&self, index: u64) -> u32 {
        self.block(index / 4)[(index % 4) as usize]
    }

    /// Word `index` of 64 bits: word `2 * index` above word `2 * index + 1`.
    #[inline]
    pub fn word64(&self, index: u64) -> u64 {
        let [a, b, c, d] = self.block(index / 2).map(u64::from);
        if index.is_multiple_of(2) { a << 32 | b } else { c << 32 | d }
    }

    /// Two independent standard normal numbers from block `index`, by Box and Muller's transform of two
    /// uniform numbers of 53 bits.
    ///
    /// Source: G. E. P. Box, M. E. Muller, A note on the generation of random normal deviates, 1958.
    pub fn normals(&self, index: u64) -> [f64; 2] {
        let [a, b, c, d] = self.block(index);
        let bits = |high: u32, low: u32| ((u64::from(high) << 32 | u64::from(low)) >> 11) as f64;
        let unit = (1.0_f64 / 2.0).powi(53);
        let radius = (-2.0 * ((bits(a, b) + 1.0) * unit).ln()).sqrt(); // the argument of ln is in (0, 1]
        let (sin, cos) = (std::f64::consts::TAU * (bits(c, d) * unit)).sin_cos();
        [radius * cos, radius * sin]
    }

    /// Words of 64 bits from `first` on, several times faster than one by one.
    ///
    /// Inlined into its caller, so that it is compiled for the instruction set the caller is compiled for: 1.3 ns a
    /// word with AVX-512, 1.7 with AVX2, 3.1 with SSE2.
    #[inline(always)]
    pub fn words64(&self, first: u64, out: &mut [u64]) {
        let mut index = first / 2;
        let mut n_before = (first % 2) as usize;
        let mut rest = out;
        while !rest.is_empty() {
            let words = self.chunk(index);
            let words = &words.as_flattened()[n_before..];
            let (next, after) = rest.split_at_mut(rest.len().min(words.len()));
            next.copy_from_slice(&words[..next.len()]);
            rest = after;
            n_before = 0;
            index = index.wrapping_add(CHUNK as u64);
        }
    }

    /// The words of the blocks from `first` on, two of 64 bits a block.
    ///
    /// A lane is 64 bits wide, as the products are, and only its low half counts: a widening multiplication of vectors
    /// ignores the high half, so it need not be cleared between rounds. One loop over lanes with all rounds inside
    /// is what the compiler makes vectors of on every tier; of arrays of 2, 4 or 8 lanes it makes scalar code with AVX2.
    #[inline(always)]
    fn chunk(&self, first: u64) -> [[u64; 2]; CHUNK] {
        let low = |x: u64| x & 0xFFFF_FFFF;
        let keys = round_keys(self.key);
        let [mut upper, mut lower] = [[0; CHUNK]; 2];
        for ((upper, lower), lane) in upper.iter_mut().zip(&mut lower).zip(0..) {
            let index = first.wrapping_add(lane);
            let [mut x0, mut x1, mut x2, mut x3] =
                [index, index >> 32, u64::from(self.epoch), u64::from(self.number)];
            for keys in keys {
                let p0 = MULTIPLIERS[0] * low(x0);
                let p1 = MULTIPLIERS[1] * low(x2);
                x0 = (p1 >> 32) ^ x1 ^ u64::from(keys[0]);
                x2 = (p0 >> 32) ^ x3 ^ u64::from(keys[1]);
                (x1, x3) = (p1, p0);
            }
            *upper = x0 << 32 | low(x1);
            *lower = x2 << 32 | low(x3);
        }
        std::array::from_fn(|lane| [upper[lane], lower[lane]])
    }
}
