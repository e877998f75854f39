//! The bare loop of softmax regression over dense rows in `f32`: plain SGD at a constant rate, one thread, an order that
//! is there already.
//!
//! A block of four rows and as many outputs as the registers hold shares its loads, for the scores and for the sums.

use std::time::{Duration, Instant};

use super::dense::{Data, Prefetch, RATE};
use super::simd::{BareLoop, Vector};

/// Rows whose scores are in one vector.
const LANES: usize = 16;
/// Bytes of a tile of rows, which fits the first-level cache beside some outputs.
const TILE_BYTES: usize = 16 << 10;

/// `data.y` has the number of the class.
pub struct Epochs<'a> {
    pub data: &'a Data<f32>,
    pub n_classes: usize,
    pub batch_size: usize,
    pub prefetch: Prefetch,
    pub n_epochs: usize,
}

/// Coefficients of all classes, padded to `stride`, and intercepts.
struct Params {
    coef: Vec<f32>,
    intercept: Vec<f32>,
    stride: usize,
}

impl BareLoop<f32> for Epochs<'_> {
    type Output = Vec<Duration>;

    #[inline(always)]
    unsafe fn run<V: Vector<Elem = f32>>(&self) -> Vec<Duration> {
        let (n, k) = (self.data.y.len(), self.n_classes);
        let stride = self.data.n_columns.next_multiple_of(LANES);
        let zero = || Params { coef: vec![0.0; k * stride], intercept: vec![0.0; k], stride };
        let (mut w, mut g, mut times) = (zero(), zero(), Vec::new());
        for _ in 0..self.n_epochs {
            let start = Instant::now();
            for from in (0..n).step_by(self.batch_size) {
                let end = n.min(from + self.batch_size);
                g.coef.fill(0.0);
                g.intercept.fill(0.0);
                // SAFETY: rows of the data; the processor has the instructions.
                unsafe {
                    self.batch::<V>(from, end, &w, &mut g);
                    let rate = -RATE as f32 / (end - from) as f32;
                    for j in (0..k * stride).step_by(LANES) {
                        let w = w.coef.as_mut_ptr().add(j);
                        V::load(g.coef.as_ptr().add(j)).mul_add(V::splat(rate), V::load(w)).store(w);
                    }
                    w.intercept.iter_mut().zip(&g.intercept).for_each(|(w, g)| *w += rate * g);
                }
            }
            times.push(start.elapsed());
        }
        times
    }
}

impl Epochs<'_> {
    #[inline(always)]
    unsafe fn batch<V: Vector<Elem = f32>>(&self, from: usize, end: usize, w: &Params, g: &mut Params) {
        let Data { x, y, n_columns: d, order } = *self.data;
        let n_tile = (TILE_BYTES / (4 * d)).next_multiple_of(8).clamp(8, LANES);
        let row = |position: usize| x.as_ptr().wrapping_add(order[position] as usize * d);
        let mut z = vec![0.0; self.n_classes * LANES];
        for from in (from..end).step_by(n_tile) {
            let n = n_tile.min(end - from);
            let (mut rows, mut targets) = ([x.as_ptr(); LANES], [0; LANES]);
            for i in 0..n {
                rows[i] = row(from + i);
                targets[i] = y[order[from + i] as usize] as usize;
                let ahead = from + i + self.prefetch.distance();
                if self.prefetch != Prefetch::None && ahead < y.len() {
                    self.prefetch.fetch(row(ahead), d);
                }
            }
            unsafe {
                for i in (0..n).step_by(4) {
                    let x = [rows[i], rows[i + 1], rows[i + 2], rows[i + 3]];
                    let mut c = 0;
                    while c + V::OUTPUTS <= self.n_classes {
                        if V::OUTPUTS == 5 {
                            scores::<V, 5>(x, d, w, c, &mut z[i..]);
                        } else {
                            scores::<V, 1>(x, d, w, c, &mut z[i..]);
                        }
                        c += V::OUTPUTS;
                    }
                    for c in c..self.n_classes {
                        scores::<V, 1>(x, d, w, c, &mut z[i..]);
                    }
                }
                self.slopes::<V>(n, &targets, w, g, &mut z);
                for i in (0..n).step_by(8) {
                    let x: [_; 8] = std::array::from_fn(|q| rows[i + q]);
                    let mut c = 0;
                    while V::OUTPUTS == 5 && c + 3 <= self.n_classes {
                        sums::<V, 3>(x, d, &z[i..], c, g);
                        c += 3;
                    }
                    for c in c..self.n_classes {
                        sums::<V, 1>(x, d, &z[i..], c, g);
                    }
                }
            }
        }
    }

    /// Probabilities less the ones of the targets in the place of scores, zero past the n-th row.
    #[inline(always)]
    unsafe fn slopes<V: Vector<Elem = f32>>(
        &self,
        n: usize,
        targets: &[usize; LANES],
        w: &Params,
        g: &mut Params,
        z: &mut [f32],
    ) {
        let at = |z: &mut [f32], c: usize| z[c * LANES..][..LANES].as_mut_ptr();
        unsafe {
            let mut largest = V::constant(f64::from(f32::MIN));
            for c in 0..self.n_classes {
                let with_intercept = V::load(at(z, c)).add(V::splat(w.intercept[c]));
                with_intercept.store(at(z, c));
                largest = largest.max(with_intercept);
            }
            let mut sum = V::zero();
            for c in 0..self.n_classes {
                let e = V::load(at(z, c)).sub(largest).exp();
                e.store(at(z, c));
                sum = sum.add(e);
            }
            let factor = V::constant(1.0).div(sum);
            for c in 0..self.n_classes {
                V::load(at(z, c)).mul(factor).store(at(z, c));
            }
        }
        for (i, &class) in targets.iter().enumerate().take(n) {
            z[class * LANES + i] -= 1.0;
        }
        for c in 0..self.n_classes {
            z[c * LANES + n..(c + 1) * LANES].fill(0.0);
            g.intercept[c] += unsafe { V::load(at(z, c)).sum() };
        }
    }
}

/// Scores of four rows, without intercepts, for `C` classes from the `first` on.
#[inline(always)]
unsafe fn scores<V: Vector<Elem = f32>, const C: usize>(
    x: [*const f32; 4],
    d: usize,
    w: &Params,
    first: usize,
    z: &mut [f32],
) {
    unsafe {
        let w = w.coef.as_ptr().add(first * w.stride);
        let stride = d.next_multiple_of(LANES);
        let mut sums = [[V::zero(); 4]; C];
        let mut j = 0;
        while j < d {
            let mut xj = [V::zero(); 4];
            for q in 0..4 {
                xj[q] = if j + LANES <= d { V::load(x[q].add(j)) } else { V::load_first(x[q].add(j), d - j) };
            }
            for c in 0..C {
                let w = V::load(w.add(c * stride + j));
                for q in 0..4 {
                    sums[c][q] = xj[q].mul_add(w, sums[c][q]);
                }
            }
            j += LANES;
        }
        for c in 0..C {
            V::store_sum4(sums[c], z[(first + c) * LANES..][..4].as_mut_ptr());
        }
    }
}

/// Adds eight rows, multiplied by their slopes, for `C` classes from the `first` on.
#[inline(always)]
unsafe fn sums<V: Vector<Elem = f32>, const C: usize>(
    x: [*const f32; 8],
    d: usize,
    slopes: &[f32],
    first: usize,
    g: &mut Params,
) {
    unsafe {
        let g_at = g.coef.as_mut_ptr().add(first * g.stride);
        let mut r = [[V::zero(); 8]; C];
        for c in 0..C {
            for q in 0..8 {
                r[c][q] = V::splat(slopes[(first + c) * LANES + q]);
            }
        }
        let mut j = 0;
        while j < d {
            let mut sums = [V::zero(); C];
            for c in 0..C {
                sums[c] = V::load(g_at.add(c * g.stride + j));
            }
            for q in 0..8 {
                let x = if j + LANES <= d { V::load(x[q].add(j)) } else { V::load_first(x[q].add(j), d - j) };
                for c in 0..C {
                    sums[c] = x.mul_add(r[c][q], sums[c]);
                }
            }
            for c in 0..C {
                sums[c].store(g_at.add(c * g.stride + j));
            }
            j += LANES;
        }
    }
}
