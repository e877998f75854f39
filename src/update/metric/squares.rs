//! `SumOfSquares`: how long a row is, in a diagonal metric.

use crate::kernel::{Kernel, Lanes, Tier};
use crate::scalar::Scalar;

/// Numbers at a time: sums that do not wait for each other.
const N_SUMS: usize = 8;

/// `sum_j x_j^2 d_j` in doubles, whose range the square of a number does not leave; without any d, `sum_j x_j^2`.
struct SumOfSquares<'s, T> {
    x: &'s [T],
    d: &'s [T],
}

impl<T: Scalar> Kernel<T> for SumOfSquares<'_, T> {
    type Output = f64;

    #[inline(always)]
    fn run<L: Lanes<Elem = T>>(self) -> f64 {
        let mut sums = [0.0; N_SUMS];
        let (x, last_x) = self.x.as_chunks::<N_SUMS>();
        if self.d.is_empty() {
            for x in x {
                for i in 0..N_SUMS {
                    sums[i] += x[i].to_f64() * x[i].to_f64();
                }
            }
            for (sum, x) in sums.iter_mut().zip(last_x) {
                *sum += x.to_f64() * x.to_f64();
            }
        } else {
            let (d, last_d) = self.d[..self.x.len()].as_chunks::<N_SUMS>();
            for (x, d) in x.iter().zip(d) {
                for i in 0..N_SUMS {
                    sums[i] += x[i].to_f64() * x[i].to_f64() * d[i].to_f64();
                }
            }
            for ((sum, x), d) in sums.iter_mut().zip(last_x).zip(last_d) {
                *sum += x.to_f64() * x.to_f64() * d.to_f64();
            }
        }
        sums.iter().sum()
    }
}

/// The sum of the squares of some numbers.
pub(super) fn sum_of_squares<T: Scalar>(tier: Tier, x: &[T]) -> f64 {
    tier.run(SumOfSquares { x, d: &[] })
}

/// The sum of the squares of some numbers, each times its entry of `d`.
pub(super) fn sum_of_weighted_squares<T: Scalar>(tier: Tier, x: &[T], d: &[T]) -> f64 {
    tier.run(SumOfSquares { x, d })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_are_those_of_plain_loops_on_every_tier() {
        for n in [0, 1, 7, 8, 9, 40, 61] {
            let x: Vec<f32> = (0..n).map(|i| i as f32 - 20.0).collect();
            let d: Vec<f32> = (0..n).map(|i| 1.0 / (1 + i) as f32).collect();
            let plain: f64 = x.iter().map(|&x| f64::from(x) * f64::from(x)).sum();
            let weighted: f64 =
                x.iter().zip(&d).map(|(&x, &d)| f64::from(x) * f64::from(x) * f64::from(d)).sum();
            for tier in Tier::available() {
                assert_eq!(sum_of_squares(tier, &x), plain);
                let found = sum_of_weighted_squares(tier, &x, &d);
                assert!((found - weighted).abs() <= 1e-14 * weighted);
                assert_eq!(found, sum_of_weighted_squares(Tier::SCALAR, &x, &d));
            }
            let huge = [1e30_f32, 0.0, -1e30];
            assert_eq!(sum_of_squares(Tier::SCALAR, &huge), 2.0 * f64::from(1e30_f32).powi(2));
        }
    }
}
