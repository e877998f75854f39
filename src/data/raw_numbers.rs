//! Numbers of any type, as the caller has them: labels encoded as targets, others cast to the type of X.

use crate::error::{Result, try_filled};
use crate::kernel::{Kernel, Lanes, Tier};
use crate::scalar::Scalar;

/// Labels that are looked at to guess the classes, and between two looks whether the guess still holds.
const CHUNK: usize = 1 << 12;
/// Whole labels from a range up to this are encoded by a table.
const LARGEST_TABLE: usize = 1 << 16;

/// A number that can be cast to the type `T`.
pub trait RawNumber<T>: Copy + PartialOrd + Send + Sync {
    /// Rounded to the nearest; infinite where it is too large.
    fn cast(self) -> T;
    /// The absolute value, as a double.
    fn magnitude(self) -> f64;
    /// How far this is above `low`, if that is a whole number; None if not.
    fn offset_from(self, low: Self) -> Option<usize>;
}

macro_rules! impl_integer {
    ($($t:ty, $unsigned:ty;)*) => {$(
        impl_integer!($t, $unsigned, f32);
        impl_integer!($t, $unsigned, f64);
    )*};
    ($t:ty, $unsigned:ty, $scalar:ty) => {
        impl RawNumber<$scalar> for $t {
            #[inline(always)]
            fn cast(self) -> $scalar {
                self as $scalar
            }
            #[inline(always)]
            fn magnitude(self) -> f64 {
                (self as f64).abs()
            }
            #[inline(always)]
            fn offset_from(self, low: Self) -> Option<usize> {
                // A difference of signed numbers may wrap around; read as unsigned it is right.
                usize::try_from(self.wrapping_sub(low) as $unsigned).ok()
            }
        }
    };
}

macro_rules! impl_float {
    ($($t:ty, $scalar:ty;)*) => {$(
        impl RawNumber<$scalar> for $t {
            #[inline(always)]
            fn cast(self) -> $scalar {
                self as $scalar
            }
            #[inline(always)]
            fn magnitude(self) -> f64 {
                f64::from(self).abs()
            }
            #[inline(always)]
            fn offset_from(self, low: Self) -> Option<usize> {
                let offset = (self - low) as usize;
                (low + offset as $t == self).then_some(offset)
            }
        }
    )*};
}

impl_integer! { i8, u8; i16, u16; i32, u32; i64, u64; u8, u8; u16, u16; u32, u32; u64, u64; }
impl_float! { f32, f32; f32, f64; f64, f32; f64, f64; }

/// Writes labels as targets: -1 and 1 if there are two classes, else the place of each among the classes, which are
/// sorted. Returns a row of each class, or None if this is not for such labels: of one class, not finite, or neither
/// of two classes nor whole and close together.
///
/// # Errors
/// [`Error::OutOfMemory`](crate::error::Error::OutOfMemory).
///
/// # Panics
/// If there are not as many targets as labels.
pub fn encode_labels<T: Scalar, V: RawNumber<T>>(
    tier: Tier,
    labels: &[V],
    targets: &mut [T],
) -> Result<Option<Vec<usize>>> {
    assert_eq!(labels.len(), targets.len());
    // Of two classes both are mostly among the first labels: one pass is enough then.
    for seen in [&labels[..labels.len().min(CHUNK)], labels] {
        let Some([low, high]) = range(seen) else { return Ok(None) };
        if encode_two(tier, labels, [labels[low], labels[high]], targets) {
            return Ok(Some(vec![low, high]));
        }
    }
    encode_several(labels, targets)
}

/// Rows of the smallest and of the largest label, if they differ and are finite.
fn range<T, V: RawNumber<T>>(labels: &[V]) -> Option<[usize; 2]> {
    let (mut low, mut high) = (0, 0);
    for (row, label) in labels.iter().enumerate() {
        if *label < labels[low] {
            low = row;
        }
        if *label > labels[high] {
            high = row;
        }
    }
    let is_finite = |row: usize| labels[row].magnitude() < f64::INFINITY;
    (!labels.is_empty() && is_finite(low) && is_finite(high)).then_some([low, high])
}

/// Writes -1 and 1 for two labels; false if there is another, NaN among them.
fn encode_two<T: Scalar, V: RawNumber<T>>(
    tier: Tier,
    labels: &[V],
    [low, high]: [V; 2],
    targets: &mut [T],
) -> bool {
    struct EncodeTwo<'a, V, T> {
        labels: &'a [V],
        low: V,
        high: V,
        targets: &'a mut [T],
    }

    impl<T: Scalar, V: RawNumber<T>> Kernel<T> for EncodeTwo<'_, V, T> {
        type Output = bool;

        #[inline(always)]
        fn run<L: Lanes<Elem = T>>(self) -> bool {
            let Self { labels, low, high, targets } = self;
            let mut are_known = true;
            for (target, &label) in targets.iter_mut().zip(labels) {
                let is_high = label == high;
                are_known &= is_high | (label == low);
                *target = if is_high { T::ONE } else { -T::ONE };
            }
            are_known
        }
    }

    let mut chunks = targets.chunks_mut(CHUNK).zip(labels.chunks(CHUNK));
    low < high && chunks.all(|(targets, labels)| tier.run(EncodeTwo { labels, low, high, targets }))
}

/// Writes the places of whole labels of a small range; None if they are not such.
fn encode_several<T: Scalar, V: RawNumber<T>>(labels: &[V], targets: &mut [T]) -> Result<Option<Vec<usize>>> {
    const NONE: usize = usize::MAX;
    let Some([low, high]) = range(labels).map(|rows| rows.map(|row| labels[row])) else { return Ok(None) };
    let Some(largest) = high.offset_from(low).filter(|&offset| offset < LARGEST_TABLE) else {
        return Ok(None);
    };
    let mut row_of = try_filled("classes", largest + 1, NONE)?;
    for (row, label) in labels.iter().enumerate() {
        let Some(of_label) = label.offset_from(low).and_then(|offset| row_of.get_mut(offset)) else {
            return Ok(None);
        };
        if *of_label == NONE {
            *of_label = row;
        }
    }
    let mut place_of = try_filled("classes", largest + 1, T::ZERO)?;
    let mut rows = Vec::new();
    for (place, &row) in place_of.iter_mut().zip(&row_of).filter(|&(_, &row)| row != NONE) {
        *place = T::from_f64(rows.len() as f64);
        rows.push(row);
    }
    for (target, label) in targets.iter_mut().zip(labels) {
        let Some(offset) = label.offset_from(low) else { return Ok(None) };
        *target = place_of[offset];
    }
    Ok((rows.len() > 1).then_some(rows))
}

/// Casts numbers. Returns the first that is finite as it was given and no longer, and the largest magnitude of what
/// was given, NaN if not all of that is finite.
///
/// # Panics
/// If there is not as much room as there are numbers.
pub fn cast_numbers<T: Scalar, V: RawNumber<T>>(
    tier: Tier,
    given: &[V],
    cast: &mut [T],
) -> (Option<usize>, f64) {
    struct Cast<'a, V, T> {
        given: &'a [V],
        cast: &'a mut [T],
    }

    impl<T: Scalar, V: RawNumber<T>> Kernel<T> for Cast<'_, V, T> {
        /// The largest magnitude, and whether all numbers are finite, as given and as cast.
        type Output = (f64, bool);

        #[inline(always)]
        fn run<L: Lanes<Elem = T>>(self) -> (f64, bool) {
            let (mut largest, mut are_finite) = ([0.0_f64; 8], true);
            let (groups, rest) = self.given.as_chunks::<8>();
            let (cast_groups, cast_rest) = self.cast.as_chunks_mut::<8>();
            for (cast, given) in cast_groups.iter_mut().zip(groups) {
                for ((cast, &value), largest) in cast.iter_mut().zip(given).zip(&mut largest) {
                    let magnitude = value.magnitude();
                    *largest = if magnitude > *largest { magnitude } else { *largest };
                    *cast = value.cast();
                    are_finite &= cast.is_finite();
                }
            }
            for ((cast, &value), largest) in cast_rest.iter_mut().zip(rest).zip(&mut largest) {
                *largest = f64::max(value.magnitude(), *largest);
                *cast = value.cast();
                are_finite &= cast.is_finite();
            }
            (largest.iter().fold(0.0, |all, &one| f64::max(all, one)), are_finite)
        }
    }

    assert_eq!(given.len(), cast.len());
    let (mut lost, mut largest) = (None, 0.0_f64);
    for (i, (cast, given)) in cast.chunks_mut(CHUNK).zip(given.chunks(CHUNK)).enumerate() {
        let (of_chunk, are_finite) = tier.run(Cast { given, cast: &mut *cast });
        largest = if of_chunk > largest { of_chunk } else { largest };
        if !are_finite {
            let is_lost = |(cast, value): (&T, &V)| !cast.is_finite() && value.magnitude().is_finite();
            let first = cast.iter().zip(given).position(is_lost).map(|at| i * CHUNK + at);
            lost = lost.or(first);
            largest =
                if given.iter().all(|value| value.magnitude().is_finite()) { largest } else { f64::NAN };
        }
        if largest.is_nan() && lost.is_some() {
            break;
        }
    }
    (lost, largest)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoded<V: RawNumber<f32>>(labels: &[V]) -> Option<(Vec<usize>, Vec<f32>)> {
        let mut targets = vec![0.0; labels.len()];
        let rows = encode_labels(Tier::best(), labels, &mut targets).unwrap();
        rows.map(|rows| (rows, targets))
    }

    #[test]
    fn two_classes_are_signs_and_more_are_places() {
        assert_eq!(encoded(&[7_i64, -1, 7]), Some((vec![1, 0], vec![1.0, -1.0, 1.0])));
        assert_eq!(encoded(&[0.5, 0.25, 0.5]), Some((vec![1, 0], vec![1.0, -1.0, 1.0])));
        assert_eq!(encoded(&[3_u8, 1, 9, 3]), Some((vec![1, 0, 2], vec![1.0, 0.0, 2.0, 1.0])));
        assert_eq!(encoded(&[i8::MIN, 0, i8::MAX]), Some((vec![0, 1, 2], vec![0.0, 1.0, 2.0])));
        assert_eq!(encoded(&[2.0, 0.0, 1.0, -0.0]), Some((vec![1, 2, 0], vec![2.0, 0.0, 1.0, 0.0])));
    }

    #[test]
    fn a_class_that_comes_late_is_found() {
        let mut labels = vec![1_i32; CHUNK + 5];
        labels[CHUNK + 1] = 0;
        let (rows, targets) = encoded(&labels).unwrap();
        assert_eq!(rows, [CHUNK + 1, 0]);
        assert_eq!(targets.iter().position(|&y| y == -1.0), Some(CHUNK + 1));
        labels[CHUNK + 2] = 2;
        assert_eq!(encoded(&labels).unwrap().0, [CHUNK + 1, 0, CHUNK + 2]);
    }

    #[test]
    fn other_labels_are_left_to_others() {
        assert_eq!(encoded::<f64>(&[]), None);
        assert_eq!(encoded(&[1_u64, 1]), None);
        assert_eq!(encoded(&[f64::NAN, 1.0, 0.0]), None);
        assert_eq!(encoded(&[1.0, 0.0, f64::NAN]), None);
        assert_eq!(encoded(&[0.0, 1.0, 2.0, f64::NAN]), None);
        assert_eq!(encoded(&[0.0, f64::INFINITY]), None);
        assert_eq!(encoded(&[0.0, 0.5, 1.0]), None);
        assert_eq!(encoded(&[i64::MIN, 0, i64::MAX]), None);
        assert_eq!(encoded(&[-0.0, 0.0]), None);
    }

    #[test]
    fn numbers_that_do_not_fit_are_told_from_those_that_were_infinite() {
        let given = [f64::INFINITY, 1e300, f64::NAN, -2.0];
        let mut targets = [0.0_f32; 4];
        let (lost, largest) = cast_numbers(Tier::best(), &given, &mut targets);
        assert!(lost == Some(1) && largest.is_nan());
        assert_eq!(targets[3], -2.0);
        assert_eq!(cast_numbers(Tier::best(), &[i64::MAX], &mut [0.0_f32]), (None, i64::MAX as f64));
    }
}
