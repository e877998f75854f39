//! Two parts of every epoch on their own: the order, and one read of the rows.

use std::time::{Duration, Instant};

use mbgd_rs::shuffle::{Batches, BatchesConfig, Order, Workspace};

use super::dense::{Data, Prefetch};
use super::simd::{self, BareLoop, Real, Vector};
use super::timing::{Line, Selection};

/// The lines of a shape: the library makes an order; the bare loop reads all rows.
pub fn lines<T: Real>(shape: &str, name: &str, data: &Data<T>, selection: &Selection) {
    for is_shuffled in [false, true] {
        let order = if is_shuffled { "shuffled" } else { "sequential" };
        let words = ["order/read", name, shape, "-", order, "t1"].map(String::from);
        let make_orders = |n_epochs| orders(data.n_rows(), n_epochs, is_shuffled);
        let read = |prefetch, n_epochs| simd::run(&Read { data, is_shuffled, prefetch, n_epochs });
        Line { words, n_rows: data.n_rows() }.measure(selection, make_orders, &Prefetch::ALL, read);
    }
}

/// The times of the orders of so many epochs.
fn orders(n_rows: usize, n_epochs: usize, is_shuffled: bool) -> Vec<Duration> {
    let batches = Batches::new(BatchesConfig::new(n_rows, 32)).expect("valid");
    let (mut order, mut workspace) = (Order::default(), Workspace::default());
    let mut times = Vec::new();
    for epoch in 0..=n_epochs as u64 {
        let start = Instant::now();
        if is_shuffled {
            order = batches.order(epoch, order, &mut workspace, &|| false).expect("an order");
        }
        times.push(start.elapsed());
    }
    times.split_off(1) // the first allocates
}

/// Reads every row once.
struct Read<'a, T: 'static> {
    data: &'a Data<T>,
    is_shuffled: bool,
    prefetch: Prefetch,
    n_epochs: usize,
}

impl<T: Real> BareLoop<T> for Read<'_, T> {
    type Output = Vec<Duration>;

    #[inline(always)]
    unsafe fn run<V: Vector<Elem = T>>(&self) -> Vec<Duration> {
        let Data { x, y, n_columns: d, order } = *self.data;
        let row = |position: usize| if self.is_shuffled { order[position] as usize } else { position };
        let mut times = Vec::new();
        for _ in 0..self.n_epochs {
            let start = Instant::now();
            // SAFETY: vectors of rows of the data.
            unsafe {
                let mut sums = [V::zero(); 4];
                for position in 0..y.len() {
                    let ahead = position + self.prefetch.distance();
                    if self.prefetch != Prefetch::None && ahead < y.len() {
                        self.prefetch.fetch(x.as_ptr().wrapping_add(row(ahead) * d), d);
                    }
                    let x = x.as_ptr().add(row(position) * d);
                    for j in (0..d - d % T::LANES).step_by(T::LANES) {
                        sums[j / T::LANES % 4] = sums[j / T::LANES % 4].add(V::load(x.add(j)));
                    }
                    if d % T::LANES > 0 {
                        sums[3] = sums[3].add(V::load_first(x.add(d - d % T::LANES), d % T::LANES));
                    }
                }
                std::hint::black_box(sums[0].add(sums[1]).add(sums[2].add(sums[3])).sum());
            }
            times.push(start.elapsed());
        }
        times
    }
}
