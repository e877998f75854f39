//! Loops over whole vectors, entry by entry.
//!
//! Every operation is rounded as written, so wider registers change the speed and not the bits. Loops that
//! run in every step use logical lanes, and padded parameters are a multiple of them long: in plain Rust,
//! vectorised by the compiler, the last entries of a short vector would be handled one by one.

use super::{Kernel, Lanes, Tier};
use crate::scalar::Scalar;

/// `y = scale * y + factor * x`: the mean of a sum, and what a quadratic penalty adds to it.
#[derive(Debug)]
pub struct ScaleAdd<'a, T> {
    /// Scaled and added to.
    pub y: &'a mut [T],
    /// What `y` is multiplied by.
    pub scale: T,
    /// Added to `y`; of the same length.
    pub x: &'a [T],
    /// What `x` is multiplied by; if zero, `x` is not read.
    pub factor: T,
}

impl<T: Scalar> Kernel<T> for ScaleAdd<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes<Elem = T>>(self) {
        let Self { y, scale, x, factor } = self;
        if factor == T::ZERO {
            if scale == T::ONE {
                return;
            }
            let mut lanes = y.chunks_exact_mut(T::LANES);
            for y in &mut lanes {
                L::load(y).mul(L::splat(scale)).store(y);
            }
            lanes.into_remainder().iter_mut().for_each(|y| *y *= scale);
        } else {
            let (mut lanes, others) = (y.chunks_exact_mut(T::LANES), x.chunks_exact(T::LANES));
            let rest = others.remainder();
            for (y, x) in (&mut lanes).zip(others) {
                L::load(y).mul(L::splat(scale)).add(L::splat(factor).mul(L::load(x))).store(y);
            }
            lanes.into_remainder().iter_mut().zip(rest).for_each(|(y, &x)| *y = *y * scale + factor * x);
        }
    }
}

/// `y = scale * y + factors * factor * x`: [`ScaleAdd`] with a factor for each entry.
#[derive(Debug)]
pub struct ScaleAddEach<'a, T> {
    /// Scaled and added to.
    pub y: &'a mut [T],
    /// What `y` is multiplied by.
    pub scale: T,
    /// Added to `y`; of the same length.
    pub x: &'a [T],
    /// What the entries of `x` are multiplied by; of the same length, or one for all.
    pub factors: &'a [f64],
    /// What all factors are multiplied by.
    pub factor: f64,
}

impl<T: Scalar> Kernel<T> for ScaleAddEach<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes<Elem = T>>(self) {
        let Self { y, scale, x, factors, factor } = self;
        if let [one] = factors {
            return ScaleAdd { y, scale, x, factor: T::from_f64(one * factor) }.run::<L>();
        }
        let factors = factors.iter().map(|each| T::from_f64(each * factor));
        y.iter_mut().zip(x).zip(factors).for_each(|((y, &x), each)| *y = *y * scale + each * x);
    }
}

/// `y += x`.
#[derive(Debug)]
pub struct Add<'a, T> {
    /// Added to.
    pub y: &'a mut [T],
    /// What is added; of the same length.
    pub x: &'a [T],
}

impl<T: Scalar> Kernel<T> for Add<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes<Elem = T>>(self) {
        let (mut lanes, others) = (self.y.chunks_exact_mut(T::LANES), self.x.chunks_exact(T::LANES));
        let rest = others.remainder();
        for (y, x) in (&mut lanes).zip(others) {
            L::load(y).add(L::load(x)).store(y);
        }
        lanes.into_remainder().iter_mut().zip(rest).for_each(|(y, &x)| *y += x);
    }
}

/// `y *= x`, entry by entry.
#[derive(Debug)]
pub struct Multiply<'a, T> {
    /// Multiplied.
    pub y: &'a mut [T],
    /// By what; of the same length.
    pub x: &'a [T],
}

impl<T: Scalar> Kernel<T> for Multiply<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes<Elem = T>>(self) {
        let (mut lanes, others) = (self.y.chunks_exact_mut(T::LANES), self.x.chunks_exact(T::LANES));
        let rest = others.remainder();
        for (y, x) in (&mut lanes).zip(others) {
            L::load(y).mul(L::load(x)).store(y);
        }
        lanes.into_remainder().iter_mut().zip(rest).for_each(|(y, &x)| *y *= x);
    }
}

/// The index of the first entry that is infinite or NaN.
pub fn first_not_finite<T: Scalar>(tier: Tier, x: &[T]) -> Option<usize> {
    struct AllFinite<'a, T>(&'a [T]);

    impl<T: Scalar> Kernel<T> for AllFinite<'_, T> {
        type Output = bool;

        #[inline(always)]
        fn run<L: Lanes<Elem = T>>(self) -> bool {
            // 0 times a non-finite entry is NaN, and then the sum stays NaN. There is no early exit, so that
            // the loop is two instructions per vector.
            let (zero, mut sums) = (L::splat(T::ZERO), [L::splat(T::ZERO); 4]);
            let quads = self.0.chunks_exact(4 * T::LANES);
            let lanes = quads.remainder().chunks_exact(T::LANES);
            let rest = L::load_partial(lanes.remainder());
            for quad in quads {
                for (x, sum) in quad.chunks_exact(T::LANES).zip(&mut sums) {
                    *sum = L::load(x).mul_add(zero, *sum); // one chain would wait for each sum
                }
            }
            for x in lanes {
                sums[0] = L::load(x).mul_add(zero, sums[0]);
            }
            let [a, b, c, d] = sums;
            rest.mul_add(zero, a).add(b).add(c.add(d)).sum() == T::ZERO
        }
    }

    const CHUNK: usize = 1 << 12;
    let bad = x.chunks(CHUNK).position(|chunk| !tier.run(AllFinite(chunk)))?;
    x[bad * CHUNK..].iter().position(|x| !x.is_finite()).map(|i| bad * CHUNK + i)
}

/// The 2-norm, summed in double in a fixed order; finite wherever the norm itself is.
pub fn norm<T: Scalar>(tier: Tier, x: &[T]) -> f64 {
    struct SquaredNorm<'a, T> {
        x: &'a [T],
        scale: f64,
    }

    impl<T: Scalar> Kernel<T> for SquaredNorm<'_, T> {
        type Output = f64;

        #[inline(always)]
        fn run<L: Lanes<Elem = T>>(self) -> f64 {
            let mut sums = [0.0_f64; 8];
            let (chunks, rest) = self.x.as_chunks::<8>();
            for chunk in chunks {
                for (sum, x) in sums.iter_mut().zip(chunk) {
                    let x = x.to_f64() * self.scale;
                    *sum += x * x;
                }
            }
            for (sum, x) in sums.iter_mut().zip(rest) {
                let x = x.to_f64() * self.scale;
                *sum += x * x;
            }
            sums.iter().sum()
        }
    }

    let squares = tier.run(SquaredNorm { x, scale: 1.0 });
    if squares.is_normal() {
        return squares.sqrt();
    }
    // The squares overflowed or underflowed, or all entries are zero, or one is not finite: retry relative to
    // the largest entry.
    let largest = x.iter().fold(0.0, |m: f64, x| x.to_f64().abs().max(m));
    if largest == 0.0 || !largest.is_finite() {
        return squares.sqrt();
    }
    tier.run(SquaredNorm { x, scale: 1.0 / largest }).sqrt() * largest
}

/// The 2-norm of `x - y`, summed in double in a fixed order; finite wherever the norm itself is.
pub fn distance<T: Scalar>(tier: Tier, x: &[T], y: &[T]) -> f64 {
    struct SquaredDistance<'a, T> {
        x: &'a [T],
        y: &'a [T],
        scale: f64,
    }

    impl<T: Scalar> Kernel<T> for SquaredDistance<'_, T> {
        type Output = f64;

        #[inline(always)]
        fn run<L: Lanes<Elem = T>>(self) -> f64 {
            let mut sums = [0.0_f64; 8];
            let ((xs, x_rest), (ys, y_rest)) = (self.x.as_chunks::<8>(), self.y.as_chunks::<8>());
            for (x, y) in xs.iter().zip(ys) {
                for ((sum, x), y) in sums.iter_mut().zip(x).zip(y) {
                    let difference = x.to_f64() * self.scale - y.to_f64() * self.scale;
                    *sum += difference * difference;
                }
            }
            for ((sum, x), y) in sums.iter_mut().zip(x_rest).zip(y_rest) {
                let difference = x.to_f64() * self.scale - y.to_f64() * self.scale;
                *sum += difference * difference;
            }
            sums.iter().sum()
        }
    }

    let squares = tier.run(SquaredDistance { x, y, scale: 1.0 });
    if squares.is_normal() {
        return squares.sqrt();
    }
    // The squares overflowed or underflowed, or all entries are zero, or one is not finite: retry relative to
    // the largest entry.
    let entries = x.iter().zip(y).flat_map(|(x, y)| [*x, *y]);
    let largest = entries.fold(0.0, |m: f64, x| x.to_f64().abs().max(m));
    if largest == 0.0 || !largest.is_finite() {
        return squares.sqrt();
    }
    tier.run(SquaredDistance { x, y, scale: 1.0 / largest }).sqrt() * largest
}
