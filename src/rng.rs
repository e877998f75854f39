//! Random words: Philox4x32-10, a bijection of 128-bit counters keyed by 64 bits.
//!
//! J. K. Salmon, M. A. Moraes, R. O. Dror, D. E. Shaw, "Parallel random numbers: as easy as 1, 2, 3",
//! SC '11, <https://doi.org/10.1145/2063384.2063405>.
//!
//! A counter-based generator has no state to carry: word `i` of a stream is computed from its address
//! `(seed, epoch, stream, i)` alone.

/// The stream of the high halves of the sort keys of an epoch.
pub const ORDER: u32 = 0;
/// The stream of the low halves of the sort keys, needed only where high halves are equal.
pub const TIES: u32 = 1;
/// The stream of the draws with replacement. Attempt `a` after rejections reads `REPLACEMENT + 256 * a`.
pub const REPLACEMENT: u32 = 2;
/// The streams of the high and of the low halves of the sort keys within windows of blocks.
pub const WINDOW: [u32; 2] = [16, 17];
/// The stream of the weighted draws with replacement.
pub const WEIGHTED_DRAWS: u32 = 18;
/// The stream of the waiting times that order weighted rows drawn without replacement.
pub const WEIGHTED_TIMES: u32 = 19;
/// The stream of the offset at which strata are dealt to batches.
pub const STRATA_OFFSET: u32 = 20;
/// The streams of the sort keys that order the batches strata are dealt to.
pub const STRATA_BATCHES: [u32; 2] = [21, 22];

/// The stream of the keys that select the validation rows: row `i` uses the first two words of block `i`.
pub const SPLIT: u32 = 7;
/// The stream of an optimizer's noise. Array `a` of several reads `NOISE + 256 * a`.
pub const NOISE: u32 = 3;
/// The stream of the draws that resample measurements; fit `i` reads it at epoch `i`.
pub const BOOTSTRAP: u32 = 33;

/// The stream of the random signs of a bootstrap: resample `r` takes the place of the epoch, and bit `j % 32`
/// of word `j / 32` is the sign of deviation `j`.
pub const SIGNS: u32 = 32;

const ROUNDS: usize = 10;
const MULTIPLIERS: [u64; 2] = [0xD251_1F53, 0xCD9E_8D57];
const KEY_STEPS: [u32; 2] = [0x9E37_79B9, 0xBB67_AE85];
/// Blocks computed side by side: one 128-bit vector holds a product of each. Where vectors have 128 bits, the
/// compiler splits wider groups into scalar code; elsewhere two blocks overlap well enough.
const WIDTH: usize = 2;
/// Blocks computed before they are stored as words.
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
/// stream.words(2, &mut words);
/// assert_eq!(words[0], stream.word(2));
/// assert_eq!(words[4], stream.word(6));
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

    /// Words `first..first + out.len()`, several times faster than one by one.
    ///
    /// Inlined into its caller, so that it is compiled for the instruction set the caller is compiled for.
    #[inline(always)]
    pub fn words(&self, first: u64, out: &mut [u32]) {
        let before_next_block = (first.wrapping_neg() % 4) as usize;
        let (head, rest) = out.split_at_mut(before_next_block.min(out.len()));
        let (blocks, tail) = rest.as_chunks_mut();
        if !head.is_empty() {
            let lane = (first % 4) as usize;
            head.copy_from_slice(&self.block(first / 4)[lane..lane + head.len()]);
        }
        let first_block = first.div_ceil(4);
        self.blocks(first_block, blocks);
        if !tail.is_empty() {
            tail.copy_from_slice(&self.block(first_block + blocks.len() as u64)[..tail.len()]);
        }
    }

    /// Blocks `first..first + out.len()`.
    #[inline(always)]
    pub fn blocks(&self, first: u64, out: &mut [[u32; 4]]) {
        let mut index = first;
        let mut pairs = [[0; 2]; CHUNK];
        for chunk in out.chunks_mut(CHUNK) {
            for group in pairs.as_chunks_mut().0 {
                *group = self.group(index);
                index = index.wrapping_add(WIDTH as u64);
            }
            for (block, [a, b]) in chunk.iter_mut().zip(pairs) {
                *block = [a as u32, (a >> 32) as u32, b as u32, (b >> 32) as u32];
            }
        }
    }

    /// [`WIDTH`] blocks, one per vector lane, each as its first two and its last two words.
    ///
    /// The lanes are 64 bits wide, as the products are, and only their low halves count: a widening
    /// multiplication of vectors ignores the high halves, so they need not be cleared between rounds.
    #[inline(always)]
    fn group(&self, index: u64) -> [[u64; 2]; WIDTH] {
        let low = |x: u64| x & 0xFFFF_FFFF;
        let mut x0: [u64; WIDTH] = std::array::from_fn(|lane| index.wrapping_add(lane as u64));
        let mut x1 = x0.map(|index| index >> 32);
        let mut x2 = [u64::from(self.epoch); WIDTH];
        let mut x3 = [u64::from(self.number); WIDTH];
        for keys in round_keys(self.key) {
            let p0 = x0.map(|x| MULTIPLIERS[0] * low(x));
            let p1 = x2.map(|x| MULTIPLIERS[1] * low(x));
            x0 = std::array::from_fn(|lane| (p1[lane] >> 32) ^ x1[lane] ^ u64::from(keys[0]));
            x2 = std::array::from_fn(|lane| (p0[lane] >> 32) ^ x3[lane] ^ u64::from(keys[1]));
            (x1, x3) = (p1, p0);
        }
        std::array::from_fn(|lane| [low(x0[lane]) | x1[lane] << 32, low(x2[lane]) | x3[lane] << 32])
    }
}
