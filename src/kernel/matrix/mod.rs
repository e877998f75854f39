//! Dense products of matrices, for models whose layers have many outputs.
//!
//! Every entry of a result is one chain of fused multiply-adds in a fixed order, begun from what is there or from a
//! bias: one operand is broadcast, number by number, and the lanes lie along the output. So its bits depend neither on
//! the instruction set, nor on how many accumulators the registers hold, nor on how the loops are split into blocks,
//! nor on the other rows of the tile.

mod accumulate;
mod product;
mod row_list;
mod transpose;

pub use accumulate::AccumulateProduct;
pub use product::Product;
pub use row_list::RowList;
pub use transpose::Transpose;

use crate::scalar::Scalar;

/// From so many registers on blocks have several vectors.
const MANY_REGISTERS: usize = 32;

/// The distance between the beginnings of consecutive rows of n numbers at which the kernels are fastest: whole vectors,
/// and one more where many rows would otherwise share few lines of the cache. 64 rows of 256 `f32`, one after the other,
/// do not fit into the first-level cache together, and an accumulated product with them takes 15 % more time.
///
/// ```
/// use mbgd_rs::kernel::matrix::stride;
/// assert_eq!([stride::<f32>(100), stride::<f32>(128), stride::<f32>(256)], [112, 128, 272]);
/// ```
pub fn stride<T: Scalar>(n: usize) -> usize {
    let padded = n.next_multiple_of(T::LANES);
    if padded.is_multiple_of(16 * T::LANES) { padded + T::LANES } else { padded }
}

/// Whether an array has so many rows, so far from each other.
fn has_rows<T>(values: &[T], n_rows: usize, stride: usize, n_columns: usize) -> bool {
    let Some(last) = n_rows.checked_sub(1) else { return true };
    last.checked_mul(stride)
        .and_then(|last| last.checked_add(n_columns))
        .is_some_and(|end| end <= values.len())
}
