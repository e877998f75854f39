//! The cost of the order of an epoch, per row.

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use mbgd_rs::rng::{ORDER, Stream};
use mbgd_rs::shuffle::{Batches, BatchesConfig, Order, Workspace};

fn words(criterion: &mut Criterion) {
    let mut words = vec![0; 1024];
    let mut group = criterion.benchmark_group("words");
    group.throughput(Throughput::Elements(words.len() as u64));
    let stream = Stream::new(1, 2, ORDER);
    group.bench_function("bulk", |bencher| {
        bencher.iter(|| stream.words64(black_box(0), black_box(&mut words)))
    });
    group.bench_function("one by one", |bencher| {
        bencher.iter(|| {
            for (index, word) in (black_box(0)..).zip(words.iter_mut()) {
                *word = stream.word64(index);
            }
        });
    });
}

fn orders(criterion: &mut Criterion) {
    for (name, replacement) in [("permutation", false), ("replacement", true)] {
        let mut group = criterion.benchmark_group(name);
        for n_rows in [256, 20_000, 200_000, 1_000_000, 10_000_000] {
            let batches =
                Batches::new(BatchesConfig { replacement, ..BatchesConfig::new(n_rows, 32) }).unwrap();
            let mut workspace = Workspace::default();
            let mut order = Order::default();
            let mut epoch = 0;
            group.throughput(Throughput::Elements(n_rows as u64));
            group.bench_function(BenchmarkId::from_parameter(n_rows), |bencher| {
                bencher.iter(|| {
                    let reuse = std::mem::take(&mut order);
                    order = batches.order(epoch, reuse, &mut workspace, &|| false).unwrap();
                    epoch += 1;
                });
            });
        }
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(20).measurement_time(std::time::Duration::from_secs(2));
    targets = words, orders
}
criterion_main!(benches);
