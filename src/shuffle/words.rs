//! Random words in bulk, by the widest vectors there are.

use crate::error::Result;
use crate::kernel::{Kernel, Lanes, Tier};
use crate::rng::Stream;
use crate::scalar::Scalar;

/// Writes the words of 64 bits from `first` on.
///
/// # Errors
/// As [`Tier::current`].
pub(super) fn fill_words(stream: Stream, first: u64, words: &mut [u64]) -> Result<()> {
    Tier::current()?.run::<f32, _>(WordsFrom { stream, first, words });
    Ok(())
}

struct WordsFrom<'a> {
    stream: Stream,
    first: u64,
    words: &'a mut [u64],
}

impl<T: Scalar> Kernel<T> for WordsFrom<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes<Elem = T>>(self) {
        self.stream.words64(self.first, self.words);
    }
}
