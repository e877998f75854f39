//! The bare loop over dense rows: logistic loss, plain SGD at a constant rate, no penalty, no weights, an order that is
//! there already; and nothing else, the value of the loss only where it is asked for.
//!
//! Rows are taken in tiles of 64: scores of four rows at a time, slopes of a vector, sums of eight rows at a time. With
//! two threads a leader and a follower halve every batch and meet by spinning.

use std::cell::UnsafeCell;
use std::hint::spin_loop;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use mbgd_rs::scalar::Scalar;

use super::rules::Rule;
use super::simd::{self, BareLoop, Real, Vector};

/// Rows of a tile.
pub const TILE: usize = 64;
/// The most columns.
const MAX_COLUMNS: usize = 1024;
/// Rows of a batch from which on two threads share it.
const WORTH_SHARING: usize = 128;

/// Where the rows that come later are fetched to, and how many rows ahead.
#[derive(Clone, Copy, PartialEq)]
pub enum Prefetch {
    None,
    FirstLevel(usize),
    SecondLevel(usize),
}

impl Prefetch {
    pub const ALL: [Self; 9] = [
        Self::None,
        Self::FirstLevel(8),
        Self::FirstLevel(16),
        Self::FirstLevel(64),
        Self::FirstLevel(128),
        Self::SecondLevel(8),
        Self::SecondLevel(16),
        Self::SecondLevel(64),
        Self::SecondLevel(128),
    ];

    pub fn name(self) -> String {
        match self {
            Self::None => "none".into(),
            Self::FirstLevel(distance) => format!("T0 {distance}"),
            Self::SecondLevel(distance) => format!("T1 {distance}"),
        }
    }

    pub fn distance(self) -> usize {
        match self {
            Self::None => 0,
            Self::FirstLevel(distance) | Self::SecondLevel(distance) => distance,
        }
    }

    /// Fetches so many numbers: a fixed number of lines from the start on, and the last byte, so that no branch
    /// depends on where in a line they begin.
    #[inline(always)]
    pub fn fetch<T>(self, start: *const T, n: usize) {
        let (start, n_bytes) = (start.cast(), n * size_of::<T>());
        match self {
            Self::None => {}
            Self::FirstLevel(_) => lines::<1>(start, n_bytes),
            Self::SecondLevel(_) => lines::<2>(start, n_bytes),
        }
    }
}

#[inline(always)]
fn lines<const LEVEL: usize>(start: *const u8, n_bytes: usize) {
    for line in 0..n_bytes.div_ceil(64) {
        simd::prefetch::<LEVEL>(start.wrapping_add(64 * line));
    }
    simd::prefetch::<LEVEL>(start.wrapping_add(n_bytes - 1));
}

/// Rows and targets of -1 and 1.
#[derive(Clone, Copy)]
pub struct Data<T: 'static> {
    pub x: &'static [T],
    pub y: &'static [T],
    pub n_columns: usize,
    /// A row for every position.
    pub order: &'static [u32],
}

impl<T: 'static> Data<T> {
    pub fn n_rows(&self) -> usize {
        self.y.len()
    }
}

/// Epochs of batches, each timed.
#[derive(Clone, Copy)]
pub struct Epochs<T: 'static> {
    pub data: Data<T>,
    pub batch_size: usize,
    pub is_shuffled: bool,
    pub n_threads: usize,
    pub prefetch: Prefetch,
    pub n_epochs: usize,
    pub rule: Rule,
    /// Whether the loss of every batch is computed, as the library does, and added up.
    pub has_value: bool,
}

/// The learning rate.
pub const RATE: f64 = 0.01;

/// Parameters, or a gradient.
#[repr(align(128))]
pub struct Params<T> {
    pub coef: [T; MAX_COLUMNS],
    pub intercept: T,
    /// Of a gradient the sum of the losses of its rows, of parameters that of all gradients so far.
    pub value: T,
}

impl<T: Real> Params<T> {
    fn zero() -> Self {
        Self { coef: [T::ZERO; MAX_COLUMNS], intercept: T::ZERO, value: T::ZERO }
    }
}

/// An atomic in a cache line of its own.
#[repr(align(128))]
struct Signal(AtomicUsize);

/// What leader and follower share. A job is the number of a batch, from 1 on; `QUIT` ends the follower.
struct Meeting<T> {
    job: Signal,
    done: Signal,
    params: UnsafeCell<Params<T>>,
    gradient: UnsafeCell<Params<T>>,
}

const QUIT: usize = usize::MAX;

// SAFETY: the leader changes `params` only between `done` of a job and the next job, and the follower `gradient` only
// between a job and its `done`.
unsafe impl<T: Send> Sync for Meeting<T> {}

/// A follower, on a thread of its own.
struct Follower<T: 'static>(Epochs<T>, Arc<Meeting<T>>);

impl<T: Real> BareLoop<T> for Follower<T> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<V: Vector<Elem = T>>(&self) {
        let Self(epochs, meeting) = self;
        let n_batches = epochs.data.n_rows().div_ceil(epochs.batch_size);
        for job in 1.. {
            loop {
                match meeting.job.0.load(Ordering::Acquire) {
                    QUIT => return,
                    current if current == job => break,
                    _ => spin_loop(),
                }
            }
            let batch = epochs.positions((job - 1) % n_batches);
            let middle = batch.start + batch.len() / 2;
            // SAFETY: within a job.
            unsafe {
                epochs.part::<V>(middle..batch.end, &*meeting.params.get(), &mut *meeting.gradient.get())
            };
            meeting.done.0.store(job, Ordering::Release);
        }
    }
}

impl<T: Real> BareLoop<T> for Epochs<T> {
    type Output = Vec<Duration>;

    #[inline(always)]
    unsafe fn run<V: Vector<Elem = T>>(&self) -> Vec<Duration> {
        let cell = || UnsafeCell::new(Params::zero());
        let meeting =
            Meeting { job: Signal(0.into()), done: Signal(0.into()), params: cell(), gradient: cell() };
        let (meeting, epochs) = (Arc::new(meeting), *self);
        let follower = (self.n_threads == 2 && self.batch_size >= WORTH_SHARING).then(|| {
            let meeting = meeting.clone();
            std::thread::spawn(move || simd::run(&Follower(epochs, meeting)))
        });
        // SAFETY: the processor has the instructions. Not in a closure, which would be compiled without them.
        let times = unsafe { self.lead::<V>(&meeting, follower.is_some()) };
        meeting.job.0.store(QUIT, Ordering::Release);
        follower.map(|follower| follower.join().expect("a follower does not panic"));
        times
    }
}

impl<T: Real> Epochs<T> {
    #[inline(always)]
    unsafe fn lead<V: Vector<Elem = T>>(&self, meeting: &Meeting<T>, is_shared: bool) -> Vec<Duration> {
        let (d, mut gradient, mut job, mut times) = (self.data.n_columns, Params::zero(), 0, Vec::new());
        let (mut slots, mut t) = ([Params::zero(), Params::zero()], 0);
        for _ in 0..self.n_epochs {
            let start = Instant::now();
            for batch in 0..self.data.n_rows().div_ceil(self.batch_size) {
                let batch = self.positions(batch);
                // SAFETY: the follower changes nothing but its gradient, before it is done.
                unsafe {
                    if is_shared {
                        job += 1;
                        meeting.job.0.store(job, Ordering::Release);
                        let middle = batch.start + batch.len() / 2;
                        self.part::<V>(batch.start..middle, &*meeting.params.get(), &mut gradient);
                        while meeting.done.0.load(Ordering::Acquire) != job {
                            spin_loop();
                        }
                        add::<V>(d, V::constant(1.0), &*meeting.gradient.get(), &mut gradient);
                    } else {
                        self.part::<V>(batch.clone(), &*meeting.params.get(), &mut gradient);
                    }
                    let params = &mut *meeting.params.get();
                    match self.rule {
                        Rule::Sgd => {
                            let rate = V::constant(-RATE / batch.len() as f64);
                            add::<V>(d, rate, &gradient, params);
                        }
                        rule => {
                            t += 1;
                            rule.step::<V>((t, d, batch.len()), &gradient, params, &mut slots);
                        }
                    }
                }
            }
            times.push(start.elapsed());
        }
        // SAFETY: the follower is between jobs.
        std::hint::black_box(unsafe { (*meeting.params.get()).value });
        times
    }

    fn positions(&self, batch: usize) -> Range<usize> {
        let from = batch * self.batch_size;
        from..self.data.n_rows().min(from + self.batch_size)
    }

    #[inline(always)]
    unsafe fn row(&self, position: usize) -> usize {
        if self.is_shuffled { unsafe { *self.data.order.get_unchecked(position) as usize } } else { position }
    }

    /// The gradient of these positions. What is prefetched is what this thread will read: past the end of its part,
    /// its part of the next batch.
    #[inline(always)]
    unsafe fn part<V: Vector<Elem = T>>(&self, part: Range<usize>, w: &Params<T>, g: &mut Params<T>) {
        let Data { x, y, n_columns: d, .. } = self.data;
        let start_of = |row: usize| x.as_ptr().wrapping_add(row * d);
        let (mut rows, mut z, mut targets) = ([x.as_ptr(); TILE], [T::ZERO; TILE], [T::ZERO; TILE]);
        let jump = self.batch_size - part.len();
        g.coef[..d].fill(T::ZERO);
        g.intercept = T::ZERO;
        g.value = T::ZERO;
        let mut position = part.start;
        // SAFETY: every row is one of the data, and every vector within the columns or the padding of `Params`.
        unsafe {
            while position < part.end {
                let n = TILE.min(part.end - position);
                for i in 0..n {
                    let row = self.row(position + i);
                    rows[i] = start_of(row);
                    targets[i] = *y.get_unchecked(row);
                }
                targets[n..].fill(T::ZERO);
                let fetch = |i: usize| {
                    let ahead = position + i + self.prefetch.distance();
                    let ahead = if ahead < part.end { ahead } else { ahead + jump };
                    if ahead < y.len() && self.prefetch != Prefetch::None {
                        let row = self.row(ahead);
                        self.prefetch.fetch(start_of(row), d);
                        self.prefetch.fetch(y.as_ptr().wrapping_add(row), 1);
                    }
                };
                scores::<V>(&rows[..n], d, w, &mut z, fetch);
                if self.has_value {
                    slopes_and_value::<V>(&targets, w.intercept, &mut z, g);
                } else {
                    slopes::<V>(&targets, w.intercept, &mut z, &mut g.intercept);
                }
                sums::<V>(&rows[..n], d, &z, g);
                position += n;
            }
        }
    }
}

#[inline(always)]
unsafe fn scores<V: Vector>(
    rows: &[*const V::Elem],
    d: usize,
    w: &Params<V::Elem>,
    z: &mut [V::Elem; TILE],
    fetch: impl Fn(usize),
) {
    let w = w.coef.as_ptr();
    unsafe {
        let mut i = 0;
        while i + 4 <= rows.len() {
            for q in 0..4 {
                fetch(i + q);
            }
            let x = [rows[i], rows[i + 1], rows[i + 2], rows[i + 3]];
            V::store_sum4(dots::<V, 4>(x, d, w), z.as_mut_ptr().add(i));
            i += 4;
        }
        while i < rows.len() {
            fetch(i);
            z[i] = dots::<V, 1>([rows[i]], d, w)[0].sum();
            i += 1;
        }
    }
}

/// The products of so many rows with w, lane by lane.
#[inline(always)]
unsafe fn dots<V: Vector, const N: usize>(x: [*const V::Elem; N], d: usize, w: *const V::Elem) -> [V; N] {
    unsafe {
        let (full, mut j, mut sums) = (d - d % V::Elem::LANES, 0, [V::zero(); N]);
        while j < full {
            let w = V::load(w.add(j));
            for q in 0..N {
                sums[q] = V::load(x[q].add(j)).mul_add(w, sums[q]);
            }
            j += V::Elem::LANES;
        }
        if j < d {
            let w = V::load(w.add(j));
            for q in 0..N {
                sums[q] = V::load_first(x[q].add(j), d - j).mul_add(w, sums[q]);
            }
        }
        sums
    }
}

/// `-y / (1 + e^(y (z + intercept)))` in the place of z, which is zero where y is, and the sum of these.
#[inline(always)]
pub unsafe fn slopes<V: Vector>(
    y: &[V::Elem; TILE],
    intercept: V::Elem,
    z: &mut [V::Elem; TILE],
    sum: &mut V::Elem,
) {
    unsafe {
        let mut total = V::zero();
        for i in (0..TILE).step_by(V::Elem::LANES) {
            let (y, z) = (V::load(y.as_ptr().add(i)), z.as_mut_ptr().add(i));
            let yz = V::load(z).add(V::splat(intercept)).mul(y);
            let slope = V::zero().sub(y).div(V::constant(1.0).add(yz.exp()));
            slope.store(z);
            total = total.add(slope);
        }
        *sum += total.sum();
    }
}

/// [`slopes`], and the sum of the losses `log(1 + e^-(y (z + intercept)))`, of one exponential. Rows of the padding have
/// a y of zero, and a loss of log 2.
#[inline(always)]
unsafe fn slopes_and_value<V: Vector>(
    y: &[V::Elem; TILE],
    intercept: V::Elem,
    z: &mut [V::Elem; TILE],
    sums: &mut Params<V::Elem>,
) {
    unsafe {
        let (zero, one, mut slope_sum, mut value_sum) = (V::zero(), V::constant(1.0), V::zero(), V::zero());
        for i in (0..TILE).step_by(V::Elem::LANES) {
            let (y, z) = (V::load(y.as_ptr().add(i)), z.as_mut_ptr().add(i));
            let yz = V::load(z).add(V::splat(intercept)).mul(y);
            let negative = zero.sub(yz);
            let u = yz.min(negative).exp();
            let slope = yz.if_positive(u, one).mul(zero.sub(y)).div(one.add(u));
            slope.store(z);
            slope_sum = slope_sum.add(slope);
            value_sum = value_sum.add(negative.max(zero)).add(u.ln_1p());
        }
        sums.intercept += slope_sum.sum();
        sums.value += value_sum.sum();
    }
}

/// Adds every row, multiplied by its slope.
#[inline(always)]
unsafe fn sums<V: Vector>(
    rows: &[*const V::Elem],
    d: usize,
    slopes: &[V::Elem; TILE],
    g: &mut Params<V::Elem>,
) {
    let g = g.coef.as_mut_ptr();
    unsafe {
        let mut i = 0;
        while i + 8 <= rows.len() {
            let x: [_; 8] = std::array::from_fn(|q| rows[i + q]);
            add_rows::<V, 8>(x, std::array::from_fn(|q| slopes[i + q]), d, g);
            i += 8;
        }
        while i < rows.len() {
            add_rows::<V, 1>([rows[i]], [slopes[i]], d, g);
            i += 1;
        }
    }
}

#[inline(always)]
unsafe fn add_rows<V: Vector, const N: usize>(
    x: [*const V::Elem; N],
    slopes: [V::Elem; N],
    d: usize,
    g: *mut V::Elem,
) {
    unsafe {
        let (full, mut j) = (d - d % V::Elem::LANES, 0);
        let mut r = [V::zero(); N];
        for q in 0..N {
            r[q] = V::splat(slopes[q]);
        }
        while j < full {
            let mut sum = V::load(g.add(j));
            for q in 0..N {
                sum = V::load(x[q].add(j)).mul_add(r[q], sum);
            }
            sum.store(g.add(j));
            j += V::Elem::LANES;
        }
        if j < d {
            let mut sum = V::load(g.add(j));
            for q in 0..N {
                sum = V::load_first(x[q].add(j), d - j).mul_add(r[q], sum);
            }
            sum.store(g.add(j));
        }
    }
}

/// `to += factor from`.
#[inline(always)]
unsafe fn add<V: Vector>(d: usize, factor: V, from: &Params<V::Elem>, to: &mut Params<V::Elem>) {
    unsafe {
        for j in (0..d).step_by(V::Elem::LANES) {
            let to = to.coef.as_mut_ptr().add(j);
            V::load(from.coef.as_ptr().add(j)).mul_add(factor, V::load(to)).store(to);
        }
        to.intercept = V::splat(from.intercept).mul_add(factor, V::splat(to.intercept)).first();
        to.value += from.value;
    }
}
