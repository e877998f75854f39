//! The bare loop over compressed sparse rows in `f32`: logistic loss, plain SGD at a constant rate, no penalty, one
//! thread, an order that is there already. Scores have eight accumulators, sums are scattered; nothing is checked.

use std::time::{Duration, Instant};

use super::dense::{self, Prefetch, RATE, TILE};
use super::simd::{BareLoop, Vector};

/// Row pointers, columns and values, and targets of -1 and 1.
pub struct Data {
    pub indptr: Vec<i32>,
    pub indices: Vec<i32>,
    pub values: Vec<f32>,
    pub y: &'static [f32],
    pub n_columns: usize,
    pub order: &'static [u32],
}

pub struct Epochs<'a> {
    pub data: &'a Data,
    pub batch_size: usize,
    pub prefetch: Prefetch,
    pub n_epochs: usize,
}

impl BareLoop<f32> for Epochs<'_> {
    type Output = Vec<Duration>;

    #[inline(always)]
    unsafe fn run<V: Vector<Elem = f32>>(&self) -> Vec<Duration> {
        let d = self.data.n_columns.next_multiple_of(16);
        let (mut w, mut g, mut times) = (vec![0.0; d], vec![0.0; d], Vec::new());
        let (mut intercept, mut columns) = (0.0, Vec::new());
        for _ in 0..self.n_epochs {
            let start = Instant::now();
            for from in (0..self.data.y.len()).step_by(self.batch_size) {
                let end = self.data.y.len().min(from + self.batch_size);
                let mut sum = 0.0;
                let rate = -RATE as f32 / (end - from) as f32;
                // SAFETY: rows and columns of the data; the processor has the instructions.
                unsafe {
                    self.batch::<V>(from, end, (&w, intercept), (&mut g, &mut sum), &mut columns);
                    intercept += rate * sum;
                    if self.is_wide(end - from) {
                        for &column in &columns {
                            let column = column as usize;
                            *w.get_unchecked_mut(column) += rate * *g.get_unchecked(column);
                            *g.get_unchecked_mut(column) = 0.0;
                        }
                        columns.clear();
                    } else {
                        for j in (0..d).step_by(16) {
                            let (w, g) = (w.as_mut_ptr().add(j), g.as_mut_ptr().add(j));
                            V::load(g).mul_add(V::splat(rate), V::load(w)).store(w);
                            V::zero().store(g);
                        }
                    }
                }
            }
            times.push(start.elapsed());
        }
        times
    }
}

impl Epochs<'_> {
    /// Whether a batch has so few entries that a step goes through these, and not through all columns.
    fn is_wide(&self, n_rows: usize) -> bool {
        self.data.n_columns > n_rows * self.data.values.len() / self.data.y.len()
    }

    #[inline(always)]
    unsafe fn batch<V: Vector<Elem = f32>>(
        &self,
        from: usize,
        end: usize,
        (w, intercept): (&[f32], f32),
        (g, sum): (&mut [f32], &mut f32),
        columns: &mut Vec<i32>,
    ) {
        let Data { indptr, indices, values, y, order, .. } = self.data;
        let is_wide = self.is_wide(end - from);
        for tile in (from..end).step_by(TILE) {
            let n = TILE.min(end - tile);
            let (mut z, mut targets) = ([0.0; TILE], [0.0; TILE]);
            let (mut starts, mut lengths) = ([0; TILE], [0; TILE]);
            unsafe {
                for i in 0..n {
                    let row = *order.get_unchecked(tile + i) as usize;
                    let start = *indptr.get_unchecked(row) as usize;
                    let length = *indptr.get_unchecked(row + 1) as usize - start;
                    (starts[i], lengths[i]) = (start, length);
                    targets[i] = *y.get_unchecked(row);
                    if self.prefetch != Prefetch::None {
                        let distance = self.prefetch.distance();
                        if tile + i + 2 * distance < order.len() {
                            let row = *order.get_unchecked(tile + i + 2 * distance) as usize;
                            self.prefetch.fetch(indptr.as_ptr().add(row), 2);
                        }
                        if tile + i + distance < order.len() {
                            let row = *order.get_unchecked(tile + i + distance) as usize;
                            let start = *indptr.get_unchecked(row) as usize;
                            self.prefetch.fetch(indices.as_ptr().add(start), length.max(1));
                            self.prefetch.fetch(values.as_ptr().add(start), length.max(1));
                            self.prefetch.fetch(y.as_ptr().add(row), 1);
                        }
                    }
                    let (indices, values) = (indices.as_ptr().add(start), values.as_ptr().add(start));
                    let mut sums = [0.0_f32; 8];
                    let mut p = 0;
                    while p + 8 <= length {
                        for q in 0..8 {
                            let w = *w.get_unchecked(*indices.add(p + q) as usize);
                            sums[q] = (*values.add(p + q)).mul_add(w, sums[q]);
                        }
                        p += 8;
                    }
                    for q in 0..7 {
                        if p + q == length {
                            break;
                        }
                        let w = *w.get_unchecked(*indices.add(p + q) as usize);
                        sums[q] = (*values.add(p + q)).mul_add(w, sums[q]);
                    }
                    let [a, b, c, d, e, f, g, h] = sums;
                    z[i] = ((a + e) + (c + g)) + ((b + f) + (d + h));
                }
                dense::slopes::<V>(&targets, intercept, &mut z, sum);
                for i in 0..n {
                    let indices = indices.get_unchecked(starts[i]..starts[i] + lengths[i]);
                    let values = values.get_unchecked(starts[i]..starts[i] + lengths[i]);
                    for (&index, &x) in indices.iter().zip(values) {
                        let g = g.get_unchecked_mut(index as usize);
                        *g = x.mul_add(z[i], *g);
                    }
                    if is_wide {
                        columns.extend_from_slice(indices);
                    }
                }
            }
        }
    }
}
