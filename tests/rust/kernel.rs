//! Every tier gives the bits of the scalar one.

use mbgd_rs::kernel::{Kernel, Lanes, Tier, prefetch};
use mbgd_rs::scalar::Scalar;

struct Dot<'a, T>(&'a [T], &'a [T]);

impl<T: Scalar> Kernel<T> for Dot<'_, T> {
    type Output = T;
    #[inline(always)]
    fn run<L: Lanes<Elem = T>>(self) -> T {
        let (a, b) = (self.0.chunks_exact(T::LANES), self.1.chunks_exact(T::LANES));
        let (a_rest, b_rest) = (a.remainder(), b.remainder());
        let mut sum = L::splat(T::ZERO);
        for (a, b) in a.zip(b) {
            sum = L::load(a).mul_add(L::load(b), sum);
        }
        L::load_partial(a_rest).mul_add(L::load_partial(b_rest), sum).sum()
    }
}

#[test]
fn dot_product_is_the_same_on_every_tier() {
    let a: Vec<f32> = (0..1000).map(|i| (i as f32).sin()).collect();
    let b: Vec<f64> = a.iter().map(|&x| f64::from(x)).collect();
    prefetch(&a);
    for tier in Tier::available() {
        for n in [0, 1, 15, 16, 17, 100, 999, 1000] {
            let (a, b) = (&a[..n], &b[..n]);
            assert_eq!(
                tier.run(Dot(a, a)).to_bits(),
                Tier::SCALAR.run(Dot(a, a)).to_bits(),
                "{}",
                tier.name()
            );
            assert_eq!(
                tier.run(Dot(b, b)).to_bits(),
                Tier::SCALAR.run(Dot(b, b)).to_bits(),
                "{}",
                tier.name()
            );
        }
    }
}
