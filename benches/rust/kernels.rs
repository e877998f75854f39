//! Time per element of single kernels, on every tier of this processor.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use mbgd_rs::kernel::{Kernel, Lanes, Tier, math};
use mbgd_rs::scalar::Scalar;

/// Elements of each array: few enough for the first-level cache.
const N: usize = 2048;

/// sum_i a_i * b_i in four chains, enough to hide most of the latency of an addition.
struct Dot<'a, T>(&'a [T], &'a [T]);

impl<T: Scalar> Kernel<T> for Dot<'_, T> {
    type Output = T;
    #[inline(always)]
    fn run<L: Lanes<Elem = T>>(self) -> T {
        let mut sums = [L::splat(T::ZERO); 4];
        let chunks = self.0.chunks_exact(4 * T::LANES).zip(self.1.chunks_exact(4 * T::LANES));
        for (a, b) in chunks {
            let parts = a.chunks_exact(T::LANES).zip(b.chunks_exact(T::LANES));
            for (sum, (a, b)) in sums.iter_mut().zip(parts) {
                *sum = L::load(a).mul_add(L::load(b), *sum);
            }
        }
        sums[0].add(sums[1]).add(sums[2].add(sums[3])).sum()
    }
}

/// A kernel that writes a function of each item of the first slice to the second.
macro_rules! elementwise {
    ($name:ident, $x:ident => $y:expr) => {
        struct $name<'a, T>(&'a [T], &'a mut [T]);

        impl<T: Scalar> Kernel<T> for $name<'_, T> {
            type Output = ();
            #[inline(always)]
            fn run<L: Lanes<Elem = T>>(self) {
                for (x, y) in self.0.chunks_exact(T::LANES).zip(self.1.chunks_exact_mut(T::LANES)) {
                    let $x = L::load(x);
                    $y.store(y);
                }
            }
        }
    };
}

elementwise!(Exp, x => math::exp(x));
elementwise!(Ln, x => math::ln(x));
elementwise!(LogLoss, x => math::softplus(x).add(math::sigmoid(x)));

fn bench_type<T: Scalar>(c: &mut Criterion) {
    let x: Vec<T> = (0..N).map(|i| T::from_f64(20.0 * i as f64 / N as f64 - 10.0)).collect();
    let mut group = c.benchmark_group(T::NAME);
    group.throughput(Throughput::Elements(N as u64));
    for tier in Tier::available() {
        group.bench_function(format!("dot/{}", tier.name()), |b| {
            b.iter(|| tier.run(Dot(black_box(&x), black_box(&x))));
        });
        let mut y = x.clone();
        group.bench_function(format!("exp/{}", tier.name()), |b| {
            b.iter(|| tier.run(Exp(black_box(&x), black_box(&mut y))));
        });
        group.bench_function(format!("ln/{}", tier.name()), |b| {
            b.iter(|| tier.run(Ln(black_box(&x), black_box(&mut y))));
        });
        group.bench_function(format!("softplus+sigmoid/{}", tier.name()), |b| {
            b.iter(|| tier.run(LogLoss(black_box(&x), black_box(&mut y))));
        });
    }
}

fn kernels(c: &mut Criterion) {
    bench_type::<f32>(c);
    bench_type::<f64>(c);
}

criterion_group!(benches, kernels);
criterion_main!(benches);
