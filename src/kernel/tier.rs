//! Instruction sets, detected at run time.

use std::any::type_name;
use std::sync::OnceLock;

use super::coefficients::Coefficients;
#[cfg(target_arch = "aarch64")]
use super::neon;
use super::{Kernel, Lanes, scalar};
#[cfg(target_arch = "x86_64")]
use super::{avx2, avx512};
use crate::error::{Error, Result};
use crate::scalar::Scalar;

/// The environment variable that overrides the choice of [`Tier::current`].
const VARIABLE: &str = "MBGD_RS_SIMD";
/// Names of all tiers on all machines.
const NAMES: &[&str] = &["scalar", "avx2", "avx512", "neon"];

/// An instruction set the processor at hand has been found to have. Tiers are ordered by their width.
///
/// Values come only from the functions below, which query the processor: that is what makes [`Tier::run`]
/// safe.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tier(InstructionSet);

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum InstructionSet {
    Scalar,
    #[cfg(target_arch = "x86_64")]
    Avx2,
    #[cfg(target_arch = "x86_64")]
    Avx512,
    #[cfg(target_arch = "aarch64")]
    Neon,
}

impl Tier {
    /// Plain Rust, everywhere available: the specification the other tiers are tested against.
    pub const SCALAR: Self = Self(InstructionSet::Scalar);

    /// All tiers of this processor, the fastest last.
    pub fn available() -> Vec<Self> {
        let mut tiers = vec![Self::SCALAR];
        #[cfg(target_arch = "x86_64")]
        {
            use std::arch::is_x86_feature_detected as has;
            let avx2 = has!("avx2") && has!("fma");
            if avx2 {
                tiers.push(Self(InstructionSet::Avx2));
            }
            if avx2 && has!("avx512f") && has!("avx512bw") && has!("avx512dq") && has!("avx512vl") {
                tiers.push(Self(InstructionSet::Avx512));
            }
        }
        #[cfg(target_arch = "aarch64")]
        if std::arch::is_aarch64_feature_detected!("neon") {
            tiers.push(Self(InstructionSet::Neon));
        }
        tiers
    }

    /// The fastest tier of this processor.
    pub fn best() -> Self {
        Self::available().pop().unwrap_or(Self::SCALAR)
    }

    /// The tier of that name: `scalar`, `avx2`, `avx512` or `neon`.
    ///
    /// # Errors
    /// [`Error::UnknownName`] if there is no such tier, [`Error::Incompatible`] if this processor lacks it.
    ///
    /// ```
    /// use mbgd_rs::kernel::Tier;
    /// assert_eq!(Tier::from_name("scalar").unwrap(), Tier::SCALAR);
    /// assert!(Tier::from_name("avx3").is_err());
    /// ```
    pub fn from_name(name: &str) -> Result<Self> {
        if !NAMES.contains(&name) {
            return Err(Error::UnknownName { argument: VARIABLE, value: name.to_owned(), known: NAMES });
        }
        let available = Self::available();
        available.iter().copied().find(|tier| tier.name() == name).ok_or_else(|| {
            let names: Vec<_> = available.iter().map(|tier| tier.name()).collect();
            Error::Incompatible(format!(
                "{VARIABLE}={name} is not possible on this processor, which has: {}",
                names.join(", ")
            ))
        })
    }

    /// The tier to compute with: the one named by the environment variable `MBGD_RS_SIMD`, or else the
    /// best. The environment is read at the first call only.
    ///
    /// # Errors
    /// As [`Tier::from_name`].
    pub fn current() -> Result<Self> {
        static CURRENT: OnceLock<Result<Tier>> = OnceLock::new();
        let choose = || match std::env::var_os(VARIABLE) {
            Some(name) if !name.is_empty() => Self::from_name(&name.to_string_lossy()),
            _ => Ok(Self::best()),
        };
        CURRENT.get_or_init(choose).clone()
    }

    /// The name [`Tier::from_name`] understands.
    pub fn name(self) -> &'static str {
        match self.0 {
            InstructionSet::Scalar => "scalar",
            #[cfg(target_arch = "x86_64")]
            InstructionSet::Avx2 => "avx2",
            #[cfg(target_arch = "x86_64")]
            InstructionSet::Avx512 => "avx512",
            #[cfg(target_arch = "aarch64")]
            InstructionSet::Neon => "neon",
        }
    }

    /// Runs `kernel` with this instruction set.
    #[inline]
    pub fn run<T: Scalar, K: Kernel<T>>(self, kernel: K) -> K::Output {
        if self == Self::SCALAR { T::run_scalar(kernel) } else { T::run_vectorised(self, kernel) }
    }

    /// Runs `kernel` with this instruction set, which is not [`Tier::SCALAR`]: for kernels that are there for speed
    /// only. Of those for every loss, the code without SIMD would be half of the library.
    ///
    /// # Panics
    /// On the scalar tier.
    #[inline]
    pub(crate) fn run_vectorised<T: Scalar, K: Kernel<T>>(self, kernel: K) -> K::Output {
        T::run_vectorised(self, kernel)
    }
}

/// The types with a vector on every tier. A supertrait of [`Scalar`], through which [`Tier::run`] finds the
/// vector type; the vector types themselves have no public name, so that none can be used where the processor
/// lacks its instructions.
pub trait Tiers: Coefficients {
    #[doc(hidden)]
    fn run_scalar<K: Kernel<Self>>(kernel: K) -> K::Output
    where
        Self: Scalar;

    #[doc(hidden)]
    fn run_vectorised<K: Kernel<Self>>(tier: Tier, kernel: K) -> K::Output
    where
        Self: Scalar;
}

macro_rules! impl_tiers {
    ($t:ty, $vector:ident) => {
        impl Tiers for $t {
            #[inline]
            fn run_scalar<K: Kernel<Self>>(kernel: K) -> K::Output {
                run_scalar::<Self, scalar::$vector, K>(kernel)
            }

            #[inline]
            fn run_vectorised<K: Kernel<Self>>(tier: Tier, kernel: K) -> K::Output {
                match tier.0 {
                    InstructionSet::Scalar => {
                        unreachable!("the scalar tier has no vectors: {}", type_name::<K>())
                    }
                    #[cfg(target_arch = "x86_64")]
                    // SAFETY: `Tier::available` made the tier after it had found these features.
                    InstructionSet::Avx2 => unsafe { run_avx2::<Self, avx2::$vector, K>(kernel) },
                    #[cfg(target_arch = "x86_64")]
                    // SAFETY: `Tier::available` made the tier after it had found these features.
                    InstructionSet::Avx512 => unsafe { run_avx512::<Self, avx512::$vector, K>(kernel) },
                    #[cfg(target_arch = "aarch64")]
                    // SAFETY: `Tier::available` made the tier after it had found these features.
                    InstructionSet::Neon => unsafe { run_neon::<Self, neon::$vector, K>(kernel) },
                }
            }
        }
    };
}

impl_tiers!(f32, F32x16);
impl_tiers!(f64, F64x8);

/// Not inlined: callers would have to reserve stack space for code that hardly ever runs.
#[inline(never)]
fn run_scalar<T: Scalar, L: Lanes<Elem = T>, K: Kernel<T>>(kernel: K) -> K::Output {
    kernel.run::<L>()
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn run_avx2<T: Scalar, L: Lanes<Elem = T>, K: Kernel<T>>(kernel: K) -> K::Output {
    kernel.run::<L>()
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma,avx512f,avx512bw,avx512dq,avx512vl")]
fn run_avx512<T: Scalar, L: Lanes<Elem = T>, K: Kernel<T>>(kernel: K) -> K::Output {
    kernel.run::<L>()
}

#[cfg(target_arch = "aarch64")]
#[target_feature(enable = "neon")]
fn run_neon<T: Scalar, L: Lanes<Elem = T>, K: Kernel<T>>(kernel: K) -> K::Output {
    kernel.run::<L>()
}
