//! SIMD: the only room with `unsafe` in it.
//!
//! A kernel is a struct holding its arguments that implements [`Kernel`], written once over
//! [`Lanes`]. [`Tier::run`] compiles it for every instruction set this crate knows and picks one at run
//! time, so one binary runs everywhere. All tiers give the same bits: see [`lanes`].

use std::sync::OnceLock;

use crate::error::{Error, Result};
use crate::scalar::Scalar;

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod lanes;
pub mod math;
#[cfg(target_arch = "aarch64")]
mod neon;
mod scalar;

pub use lanes::Lanes;

/// Work that can be done with any vector type: arguments in the fields, the loop in [`Kernel::run`].
pub trait Kernel<T: Scalar> {
    /// What the work gives back.
    type Output;
    /// Does the work. Implementations are `#[inline(always)]`, so that the loop is compiled inside the
    /// function that has the instruction set enabled.
    fn run<L: Lanes<Elem = T>>(self) -> Self::Output;
}
