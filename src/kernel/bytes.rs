//! Numbers as the bytes that other processes are sent.

use std::slice;

use crate::scalar::Scalar;

/// The bytes of numbers, as they lie in memory.
pub fn bytes_of<T: Scalar>(x: &[T]) -> &[u8] {
    // SAFETY: `Scalar` is sealed: `T` is `f32` or `f64`, which have no padding; the length is that of the slice in bytes.
    unsafe { slice::from_raw_parts(x.as_ptr().cast(), size_of_val(x)) }
}

/// The bytes of numbers, to be written to.
pub fn bytes_of_mut<T: Scalar>(x: &mut [T]) -> &mut [u8] {
    // SAFETY: as above; whatever the bytes become, they are a number, if only NaN; and the slice is borrowed alone.
    unsafe { slice::from_raw_parts_mut(x.as_mut_ptr().cast(), size_of_val(x)) }
}
