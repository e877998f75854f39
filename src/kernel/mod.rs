//! SIMD: the room with the `unsafe` code.
//!
//! A kernel is a struct holding its arguments that implements [`Kernel`], written once over
//! [`Lanes`]. [`Tier::run`] compiles it for every instruction set this crate knows and picks one at run
//! time, so one binary runs everywhere. All tiers give the same bits: see [`Lanes`].
//!
//! ```
//! use mbgd_rs::kernel::{Kernel, Lanes, Tier};
//! use mbgd_rs::scalar::Scalar;
//!
//! /// sum_i a_i * b_i
//! struct Dot<'a, T>(&'a [T], &'a [T]);
//!
//! impl<T: Scalar> Kernel<T> for Dot<'_, T> {
//!     type Output = T;
//!     #[inline(always)]
//!     fn run<L: Lanes<Elem = T>>(self) -> T {
//!         let (a, a_rest) = (self.0.chunks_exact(T::LANES), self.0.chunks_exact(T::LANES).remainder());
//!         let (b, b_rest) = (self.1.chunks_exact(T::LANES), self.1.chunks_exact(T::LANES).remainder());
//!         let mut sum = L::splat(T::ZERO);
//!         for (a, b) in a.zip(b) {
//!             sum = L::load(a).mul_add(L::load(b), sum);
//!         }
//!         L::load_partial(a_rest).mul_add(L::load_partial(b_rest), sum).sum()
//!     }
//! }
//!
//! let x: Vec<f32> = (0..100).map(|i| i as f32).collect();
//! for tier in Tier::available() {
//!     assert_eq!(tier.run(Dot(&x, &x)), 328_350.0);
//! }
//! ```

mod activation;
#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod bytes;
mod coefficients;
pub mod factorization_machine;
mod gather;
mod huge_pages;
mod lanes;
pub mod math;
pub mod matrix;
pub mod moments;
#[cfg(target_arch = "aarch64")]
mod neon;
pub mod noise;
pub mod outputs;
mod prefetch;
pub mod rows;
mod scalar;
mod shards;
pub mod sparse;
pub mod sparse_matrix;
mod square_matrix;
pub mod table;
mod tier;
mod vector;
#[cfg(target_arch = "x86_64")]
mod x86;

pub use activation::{Activate, Activation};
pub use bytes::{bytes_of, bytes_of_mut};
pub use gather::gather;
pub use huge_pages::advise_huge_pages;
pub use lanes::Lanes;
pub use prefetch::{Prefetch, prefetch, prefetch_ends, prefetch_one};
pub use shards::Shards;
pub use square_matrix::SquareMatrix;
pub use tier::{Tier, Tiers};
pub use vector::{Add, Multiply, ScaleAdd, ScaleAddEach, distance, first_not_finite, norm};

use crate::scalar::Scalar;

/// Work that can be done with any vector type: arguments in the fields, the loop in [`Kernel::run`].
pub trait Kernel<T: Scalar> {
    /// The result of the loop.
    type Output;
    /// Runs the loop.
    ///
    /// Implementations are `#[inline(always)]`, and so is every function between them and the operations of
    /// `L`: only inside the function that has the instruction set enabled do these become single instructions
    /// instead of calls. For the same reason, do not call them in closures.
    fn run<L: Lanes<Elem = T>>(self) -> Self::Output;
}
