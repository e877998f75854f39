//! The bare loop of steps over one row each: logistic loss in `f32`, plain SGD. The chain dot product, sigmoid, update
//! is as short as it can be; up to 112 columns the coefficients stay in registers. The losses are computed sixteen at a
//! time, beside the chain.

use std::time::{Duration, Instant};

use super::dense::{Data, Prefetch, RATE};
use super::simd::{BareLoop, Real, Vector};

/// The most columns.
const MAX_COLUMNS: usize = 1024;

pub struct Steps<'a> {
    pub data: &'a Data<f32>,
    pub is_shuffled: bool,
    pub prefetch: Prefetch,
    pub n_epochs: usize,
}

impl BareLoop<f32> for Steps<'_> {
    type Output = Vec<Duration>;

    #[inline(always)]
    unsafe fn run<V: Vector<Elem = f32>>(&self) -> Vec<Duration> {
        // SAFETY: the processor has the instructions.
        unsafe {
            match self.data.n_columns.div_ceil(16) {
                2 => self.epochs(&mut InRegisters::<V, 2> { w: [V::zero(); 2], x: [V::zero(); 2] }),
                7 => self.epochs(&mut InRegisters::<V, 7> { w: [V::zero(); 7], x: [V::zero(); 7] }),
                _ => {
                    self.epochs(&mut InMemory::<V> { w: [V::zero(); MAX_COLUMNS / 16], x: std::ptr::null() })
                }
            }
        }
    }
}

impl Steps<'_> {
    #[inline(always)]
    unsafe fn epochs<V: Vector<Elem = f32>>(&self, w: &mut impl Coefficients<V>) -> Vec<Duration> {
        let mut intercept = 0.0;
        let mut times = Vec::new();
        let mut loss = 0.0;
        for _ in 0..self.n_epochs {
            let start = Instant::now();
            // SAFETY: the processor has the instructions.
            unsafe {
                loss += match self.is_shuffled {
                    false => self.epoch::<V, false>(w, &mut intercept),
                    true => self.epoch::<V, true>(w, &mut intercept),
                };
            }
            times.push(start.elapsed());
        }
        std::hint::black_box((loss, intercept));
        times
    }

    #[inline(always)]
    unsafe fn epoch<V: Vector<Elem = f32>, const IS_SHUFFLED: bool>(
        &self,
        w: &mut impl Coefficients<V>,
        intercept: &mut f32,
    ) -> f64 {
        let Data { x, y, n_columns: d, order } = *self.data;
        let row = |position: usize| if IS_SHUFFLED { order[position] as usize } else { position };
        let (mut loss, mut margins) = (0.0, [0.0; 16]);
        for position in 0..y.len() {
            let ahead = position + self.prefetch.distance();
            if self.prefetch != Prefetch::None && ahead < y.len() {
                let row = row(ahead);
                self.prefetch.fetch(x.as_ptr().wrapping_add(row * d), d);
                self.prefetch.fetch(y.as_ptr().wrapping_add(row), 1);
            }
            let row = row(position);
            // SAFETY: a row of the data.
            unsafe {
                let y = *y.get_unchecked(row);
                let z = w.dot(x.as_ptr().add(row * d), d) + *intercept;
                let u = exp_below_zero(-z.abs());
                // y is -1 or 1: the sign of -y z, and y, are signs alone.
                let numerator = if (z.to_bits() ^ y.to_bits()) >> 31 == 0 { u } else { 1.0 };
                let slope = -y * numerator / (1.0 + u);
                w.step(V::splat(slope), V::constant(RATE), d);
                *intercept -= RATE as f32 * slope;
                margins[position % 16] = y * z;
                if position % 16 == 15 {
                    loss += losses::<V>(&margins);
                }
            }
        }
        loss
    }
}

/// Coefficients and the row that they meet.
trait Coefficients<V> {
    unsafe fn dot(&mut self, x: *const f32, d: usize) -> f32;
    unsafe fn step(&mut self, slope: V, rate: V, d: usize);
}

struct InRegisters<V, const N: usize> {
    w: [V; N],
    x: [V; N],
}

impl<V: Vector<Elem = f32>, const N: usize> Coefficients<V> for InRegisters<V, N> {
    #[inline(always)]
    unsafe fn dot(&mut self, x: *const f32, d: usize) -> f32 {
        unsafe {
            for j in 0..N - 1 {
                self.x[j] = V::load(x.add(16 * j));
            }
            self.x[N - 1] = V::load_first(x.add(16 * (N - 1)), d - 16 * (N - 1));
            let mut sum = V::zero();
            for j in 0..N {
                sum = self.x[j].mul_add(self.w[j], sum);
            }
            sum.sum()
        }
    }

    #[inline(always)]
    unsafe fn step(&mut self, slope: V, rate: V, _: usize) {
        for j in 0..N {
            self.w[j] = unsafe { self.w[j].sub(rate.mul(self.x[j].mul(slope))) };
        }
    }
}

struct InMemory<V> {
    w: [V; MAX_COLUMNS / 16],
    x: *const f32,
}

impl<V: Vector<Elem = f32>> Coefficients<V> for InMemory<V> {
    #[inline(always)]
    unsafe fn dot(&mut self, x: *const f32, d: usize) -> f32 {
        self.x = x;
        unsafe {
            let mut sum = V::zero();
            for j in 0..d / 16 {
                sum = V::load(x.add(16 * j)).mul_add(self.w[j], sum);
            }
            if d / 16 * 16 < d {
                sum = V::load_first(x.add(d - d % 16), d % 16).mul_add(self.w[d / 16], sum);
            }
            sum.sum()
        }
    }

    #[inline(always)]
    unsafe fn step(&mut self, slope: V, rate: V, d: usize) {
        unsafe {
            for j in 0..d / 16 {
                self.w[j] = self.w[j].sub(rate.mul(V::load(self.x.add(16 * j)).mul(slope)));
            }
            if d / 16 * 16 < d {
                let x = V::load_first(self.x.add(d - d % 16), d % 16);
                self.w[d / 16] = self.w[d / 16].sub(rate.mul(x.mul(slope)));
            }
        }
    }
}

/// e^x for x <= 0.
#[inline(always)]
fn exp_below_zero(x: f32) -> f32 {
    let x = x.max(f32::LOWEST_EXPONENT as f32);
    let n = (x * std::f32::consts::LOG2_E).round_ties_even();
    let r = n.mul_add(-f32::LN_2_LOW, n.mul_add(-f32::LN_2_HIGH, x));
    let q = f32::EXP[1..].iter().fold(f32::EXP[0], |q, &coefficient| q.mul_add(r, coefficient));
    // SAFETY: n is within the exponents of normal numbers.
    let power = f32::from_bits(((unsafe { n.to_int_unchecked::<i32>() } + 127) as u32) << 23);
    (q.mul_add(r * r, r) + 1.0) * power
}

/// The sum of `log(1 + e^-m)`, by `log(1 + u) = 2 artanh(u / (2 + u))`, u = e^-|m|.
#[inline(always)]
unsafe fn losses<V: Vector<Elem = f32>>(margins: &[f32; 16]) -> f64 {
    unsafe {
        let m = V::load(margins.as_ptr());
        let negative = V::zero().sub(m);
        let u = m.min(negative).exp();
        let s = u.div(u.add(V::constant(2.0)));
        let z = s.mul(s);
        let mut p = V::constant(0.242_790_79);
        for coefficient in [0.284_987_87, 0.400_009_72, 0.666_666_67, 2.0] {
            p = p.mul_add(z, V::constant(coefficient));
        }
        let mut lanes = [0.0; 16];
        negative.max(V::zero()).add(s.mul(p)).store(lanes.as_mut_ptr());
        lanes.iter().map(|&loss| f64::from(loss)).sum()
    }
}
