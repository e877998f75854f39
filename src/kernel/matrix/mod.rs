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
