//! The logical vector in plain Rust: the specification of the other tiers, and the tier without SIMD.

use super::Lanes;

macro_rules! array_lanes {
    ($name:ident, $elem:ident, $lanes:literal, $bits:ident, $signed:ident, $mantissa_bits:literal) => {
        #[derive(Clone, Copy)]
        pub(super) struct $name([$elem; $lanes]);

        impl Lanes for $name {
            type Elem = $elem;
            type Mask = [bool; $lanes];
            const REGISTERS: usize = 8;

            #[inline(always)]
            fn splat(x: $elem) -> Self {
                Self([x; $lanes])
            }
            #[inline(always)]
            fn load(from: &[$elem]) -> Self {
                let mut lanes = [0.0; $lanes];
                lanes.copy_from_slice(&from[..$lanes]);
                Self(lanes)
            }
            #[inline(always)]
            fn load_partial(from: &[$elem]) -> Self {
                let mut lanes = [0.0; $lanes];
                for (lane, x) in lanes.iter_mut().zip(from) {
                    *lane = *x;
                }
                Self(lanes)
            }
            #[inline(always)]
            fn store(self, to: &mut [$elem]) {
                to[..$lanes].copy_from_slice(&self.0);
            }
            #[inline(always)]
            fn store_partial(self, to: &mut [$elem]) {
                for (x, lane) in to.iter_mut().zip(self.0) {
                    *x = lane;
                }
            }

            #[inline(always)]
            fn add(self, other: Self) -> Self {
                Self(std::array::from_fn(|l| self.0[l] + other.0[l]))
            }
            #[inline(always)]
            fn sub(self, other: Self) -> Self {
                Self(std::array::from_fn(|l| self.0[l] - other.0[l]))
            }
            #[inline(always)]
            fn mul(self, other: Self) -> Self {
                Self(std::array::from_fn(|l| self.0[l] * other.0[l]))
            }
            #[inline(always)]
            fn div(self, other: Self) -> Self {
                Self(std::array::from_fn(|l| self.0[l] / other.0[l]))
            }
            #[inline(always)]
            fn mul_add(self, a: Self, b: Self) -> Self {
                Self(std::array::from_fn(|l| self.0[l].mul_add(a.0[l], b.0[l])))
            }
            #[inline(always)]
            fn sqrt(self) -> Self {
                Self(self.0.map($elem::sqrt))
            }
            #[inline(always)]
            fn neg(self) -> Self {
                Self(self.0.map(|x| -x))
            }
            #[inline(always)]
            fn abs(self) -> Self {
                Self(self.0.map($elem::abs))
            }
            #[inline(always)]
            fn min(self, other: Self) -> Self {
                Self::select(self.lt(other), self, other)
            }
            #[inline(always)]
            fn max(self, other: Self) -> Self {
                Self::select(other.lt(self), self, other)
            }
            #[inline(always)]
            fn round(self) -> Self {
                Self(self.0.map($elem::round_ties_even))
            }

            #[inline(always)]
            fn lt(self, other: Self) -> Self::Mask {
                std::array::from_fn(|l| self.0[l] < other.0[l])
            }
            #[inline(always)]
            fn le(self, other: Self) -> Self::Mask {
                std::array::from_fn(|l| self.0[l] <= other.0[l])
            }
            #[inline(always)]
            fn eq(self, other: Self) -> Self::Mask {
                std::array::from_fn(|l| self.0[l] == other.0[l])
            }
            #[inline(always)]
            fn select(mask: Self::Mask, yes: Self, no: Self) -> Self {
                Self(std::array::from_fn(|l| if mask[l] { yes.0[l] } else { no.0[l] }))
            }

            #[inline(always)]
            fn pow2(n: Self) -> Self {
                const BIAS: $signed = $elem::MAX_EXP as $signed - 1;
                Self(n.0.map(|n| $elem::from_bits(((n as $signed + BIAS) << $mantissa_bits) as $bits)))
            }
            #[inline(always)]
            fn split_exponent(self) -> (Self, Self) {
                // After adding the distance from sqrt(1/2) to 1, the exponent field changes exactly where the
                // mantissa has to wrap.
                const SQRT_HALF: $bits = std::$elem::consts::FRAC_1_SQRT_2.to_bits();
                const SHIFT: $bits = (1.0 as $elem).to_bits() - SQRT_HALF;
                const MANTISSA: $bits = (1 << $mantissa_bits) - 1;
                const BIAS: $elem = $elem::MAX_EXP as $elem - 1.0;
                let shifted = self.0.map(|x| x.to_bits().wrapping_add(SHIFT));
                let mantissa = shifted.map(|bits| $elem::from_bits((bits & MANTISSA) + SQRT_HALF));
                let exponent = shifted.map(|bits| (bits >> $mantissa_bits) as $elem - BIAS);
                (Self(mantissa), Self(exponent))
            }

            #[inline(always)]
            fn first(self) -> $elem {
                self.0[0]
            }
            #[inline(always)]
            fn sum(self) -> $elem {
                let mut lanes = self.0;
                let mut width = $lanes;
                while width > 1 {
                    width /= 2;
                    for l in 0..width {
                        lanes[l] += lanes[l + width];
                    }
                }
                lanes[0]
            }
            #[inline(always)]
            fn sum4(four: [Self; 4]) -> [$elem; 4] {
                four.map(Self::sum)
            }
        }
    };
}

array_lanes!(F32x16, f32, 16, u32, i32, 23);
array_lanes!(F64x8, f64, 8, u64, i64, 52);
