//! What it costs the workers of a team to meet: a step of two parts that need nothing but a processor.
//!
//! Processors that share a cache take a fifth of the time of others, and which ones a machine lends can change from one
//! minute to the next. The time of a round trip of one line between two threads, beside it, says which they are.

use std::hint::{black_box, spin_loop};
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use criterion::{Criterion, criterion_group, criterion_main};
use mbgd_rs::parallel::{Job, OnOwnLines, with_team};

/// Parts that take about a microsecond, and nothing from memory.
struct Chains;

fn chain() {
    let half = black_box(0.5_f64);
    let mut x = half;
    for _ in 0..500 {
        x = x * half + 1.0;
    }
    black_box(x);
}

impl Job for Chains {
    fn part(&self, _part: usize, _worker: usize) {
        chain();
    }

    fn alone(&mut self, n_parts: usize) {
        (0..n_parts).for_each(|_| chain());
    }
}

/// Two parts by two workers; what it takes beyond one part is the meeting.
fn meeting(c: &mut Criterion) {
    c.bench_function("a part", |b| b.iter(chain));
    with_team(2, Chains, |mut team| {
        c.bench_function("two parts by two workers", |b| b.iter(|| team.run(2)));
    });
}

/// A number goes to another thread and comes back.
fn round_trip(c: &mut Criterion) {
    let [there, back] = [const { OnOwnLines(AtomicU64::new(0)) }; 2];
    let wait_for = |line: &OnOwnLines<AtomicU64>, n| {
        while line.0.load(Ordering::Acquire) < n {
            spin_loop();
        }
    };
    thread::scope(|scope| {
        scope.spawn(|| {
            let mut n = 0;
            while n < u64::MAX {
                wait_for(&there, n + 1);
                n = there.0.load(Ordering::Relaxed);
                back.0.store(n, Ordering::Release);
            }
        });
        let mut n = 0;
        c.bench_function("round trip of a line", |b| {
            b.iter(|| {
                n += 1;
                there.0.store(n, Ordering::Release);
                wait_for(&back, n);
            });
        });
        there.0.store(u64::MAX, Ordering::Release);
    });
}

criterion_group!(benches, round_trip, meeting);
criterion_main!(benches);
