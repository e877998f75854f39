//! The noise that a run has recorded, smoothed, with confidence intervals.

use super::student_quantile;
use crate::error::{Error, Result, try_filled};

/// The records of some steps, all of the same length.
#[derive(Debug, Clone, Copy)]
pub struct Recorded<'a> {
    /// Estimates of tr(Sigma); NaN for a batch of one row.
    pub trace: &'a [f64],
    /// Unbiased estimates of |G|^2.
    pub squared_norm: &'a [f64],
    /// Squared norms of the batches' gradients.
    pub batch_squared_norm: &'a [f64],
    /// Variance of the batch's gradient.
    pub variance: &'a [f64],
    /// Variance of the gradients of the rows along the batch's, or NaN.
    pub variance_along: &'a [f64],
    /// Rows of the batch.
    pub batch_size: &'a [i64],
    /// Learning rate.
    pub learning_rate: &'a [f64],
}

impl Recorded<'_> {
    fn check(&self) -> Result<()> {
        let vectors = [self.squared_norm, self.batch_squared_norm, self.variance, self.variance_along];
        let lengths = vectors.map(<[f64]>::len).into_iter();
        let mut lengths = lengths.chain([self.batch_size.len(), self.learning_rate.len()]);
        match lengths.find(|&length| length != self.trace.len()) {
            None => Ok(()),
            Some(length) => Err(Error::Shape {
                argument: "the record of noise",
                expected: format!("{} steps, as of the trace", self.trace.len()),
                got: length.to_string(),
            }),
        }
    }
}

/// Why a noise scale is not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[repr(u8)]
pub enum Unknown {
    /// It is known.
    #[default]
    No = 0,
    /// The batches have one row each, which has no variance.
    OneRow = 1,
    /// Too few steps to estimate the spread.
    FewSteps = 2,
    /// Zero is in the interval of |G|^2: the gradient cannot be told from noise, or is zero.
    NoGradient = 3,
    /// The squares of the gradients became non-finite.
    NotFinite = 4,
}

/// Measures of noise, one of each for every noise probe.
#[derive(Debug, Clone, Default)]
pub struct RecordedNoise {
    /// tr(Sigma), smoothed.
    pub trace: Vec<f64>,
    /// |G|^2, smoothed.
    pub squared_norm: Vec<f64>,
    /// B = tr(Sigma) / |G|^2 of the smoothed estimates.
    pub noise_scale: Vec<f64>,
    /// Lower and upper bounds of the 95 % confidence interval of B.
    pub interval: [Vec<f64>; 2],
    /// Why B is not known, where it is not.
    pub unknown: Vec<Unknown>,
    /// `learning_rate tr(Sigma) / b`, tr(Sigma) smoothed.
    pub temperature: Vec<f64>,
    /// `b / B`, how much larger the squared gradient is than its noise.
    pub signal_to_noise: Vec<f64>,
    /// `var(g) / |g|^2`: the norm test holds with theta where it is at most theta^2.
    pub norm_test: Vec<f64>,
    /// `var_i(g_i . g) / (b |g|^4)`, or NaN: the inner-product test, likewise.
    pub inner_product_test: Vec<f64>,
}

/// The effective number of smoothed steps from which an interval is given.
const FEWEST_STEPS: f64 = 8.0;
const LEVEL: f64 = 0.95;

/// Smooths by exponential weights that fall to 1/e in `n_smoothed` steps, divided by their sum, and takes the
/// ratio of the smoothed estimates, each of which is unbiased, with Fieller's interval.
///
/// A step is smoothed with earlier steps only: where the noise changes within the range of the weights, the
/// interval is for its mean over that range. Steps are assumed to be independent of each other, given the
/// points at which they are taken.
///
/// Sources: S. McCandlish et al., arXiv:1812.06162, appendix A; E. C. Fieller, Some problems in interval
/// estimation, J. R. Stat. Soc. B 16, 1954; R. H. Byrd et al., Sample size selection in optimization methods
/// for machine learning, Math. Program. 134, 2012; R. Bollapragada, R. Byrd, J. Nocedal, Adaptive sampling
/// strategies for stochastic optimization, SIAM J. Optim. 28, 2018.
///
/// # Errors
/// If records are of different lengths, or an allocation failed.
pub fn smoothed(recorded: Recorded<'_>, n_smoothed: f64) -> Result<RecordedNoise> {
    let n_steps = recorded.trace.len();
    recorded.check()?;
    let filled = || try_filled("the noise of a run", n_steps, f64::NAN);
    let mut noise = RecordedNoise {
        trace: filled()?,
        squared_norm: filled()?,
        noise_scale: filled()?,
        interval: [filled()?, filled()?],
        unknown: try_filled("the noise of a run", n_steps, Unknown::No)?,
        temperature: filled()?,
        signal_to_noise: filled()?,
        norm_test: filled()?,
        inner_product_test: filled()?,
    };
    let mut pair = Pair::new((-1.0 / n_smoothed).exp());
    let mut quantile = StudentQuantile::default();
    for t in 0..n_steps {
        let (b, batch_squared_norm) = (recorded.batch_size[t] as f64, recorded.batch_squared_norm[t]);
        let (trace, squared_norm) = (recorded.trace[t], recorded.squared_norm[t]);
        if trace.is_finite() && squared_norm.is_finite() {
            pair.push(trace, squared_norm);
        }
        let left = if trace > 0.0 { recorded.variance[t] * b / trace } else { 1.0 };
        noise.norm_test[t] = recorded.variance[t] / batch_squared_norm;
        noise.inner_product_test[t] = left * recorded.variance_along[t] / (b * batch_squared_norm.powi(2));
        let unknown = match () {
            () if b <= 1.0 && trace.is_nan() && pair.is_empty() => Unknown::OneRow,
            () if pair.is_empty() || !batch_squared_norm.is_finite() => Unknown::NotFinite,
            () if pair.n_effective() < FEWEST_STEPS => Unknown::FewSteps,
            () => Unknown::No,
        };
        noise.unknown[t] = unknown;
        if pair.is_empty() {
            continue;
        }
        let [trace, squared_norm] = pair.means;
        noise.trace[t] = trace;
        noise.squared_norm[t] = squared_norm;
        noise.temperature[t] = recorded.learning_rate[t] * trace / b;
        if unknown == Unknown::No {
            match pair.ratio(quantile.at((pair.n_effective() - 1.0) * FREEDOM)) {
                None => noise.unknown[t] = Unknown::NoGradient,
                Some((scale, low, high)) => {
                    noise.noise_scale[t] = scale;
                    noise.signal_to_noise[t] = b / scale;
                    noise.interval[0][t] = low;
                    noise.interval[1][t] = high;
                }
            }
        }
    }
    Ok(noise)
}

/// Weighted means of two numbers, and their spread from one probe to the next: differences of neighbours
/// measure the noise and not the descent, during which both numbers may change by orders of magnitude.
#[derive(Debug)]
struct Pair {
    decay: f64,
    weight: f64,
    squared_weight: f64,
    means: [f64; 2],
    last: Option<[f64; 2]>,
    weight_of_differences: f64,
    /// Weighted sums of half the squares of differences, and of their product.
    differences: [f64; 3],
}

/// Degrees of freedom of a variance from differences of neighbours, as a fraction of those of a variance
/// around the mean.
const FREEDOM: f64 = 2.0 / 3.0;

impl Pair {
    fn new(decay: f64) -> Self {
        Self {
            decay,
            weight: 0.0,
            squared_weight: 0.0,
            means: [0.0; 2],
            last: None,
            weight_of_differences: 0.0,
            differences: [0.0; 3],
        }
    }

    fn push(&mut self, x: f64, y: f64) {
        self.weight = self.decay * self.weight + 1.0;
        self.squared_weight = self.decay * self.decay * self.squared_weight + 1.0;
        self.means[0] += (x - self.means[0]) / self.weight;
        self.means[1] += (y - self.means[1]) / self.weight;
        if let Some([x_before, y_before]) = self.last.replace([x, y]) {
            let (x, y) = (x - x_before, y - y_before);
            self.weight_of_differences = self.decay * self.weight_of_differences + 1.0;
            for (sum, square) in self.differences.iter_mut().zip([x * x, y * y, x * y]) {
                *sum = self.decay * *sum + square / 2.0;
            }
        }
    }

    fn is_empty(&self) -> bool {
        self.weight == 0.0
    }

    /// The effective number of steps: the mean of this many steps of equal weight would be as certain.
    fn n_effective(&self) -> f64 {
        if self.is_empty() { 0.0 } else { self.weight * self.weight / self.squared_weight }
    }

    /// The ratio of the means and Fieller's interval for it, cut off at zero; None if the second mean may be
    /// zero.
    fn ratio(&self, quantile: f64) -> Option<(f64, f64, f64)> {
        let of_mean = self.squared_weight / (self.weight * self.weight) / self.weight_of_differences;
        let [vx, vy, c] = self.differences.map(|sum| sum * of_mean);
        let [x, y] = self.means;
        let g = quantile * quantile * vy / (y * y);
        if !(y > 0.0 && g < 1.0) {
            return None;
        }
        let ratio = x / y;
        let unexplained = if vy > 0.0 { vx - c * c / vy } else { vx };
        let inside = vx - 2.0 * ratio * c + ratio * ratio * vy - g * unexplained;
        let half = quantile / y * inside.max(0.0).sqrt();
        let centre = if vy > 0.0 { ratio - g * c / vy } else { ratio };
        Some((ratio, ((centre - half) / (1.0 - g)).max(0.0), (centre + half) / (1.0 - g)))
    }
}

/// Student's quantile, recomputed only where the degrees of freedom have changed.
#[derive(Debug, Default)]
struct StudentQuantile {
    n_degrees: f64,
    value: f64,
}

impl StudentQuantile {
    fn at(&mut self, n_degrees: f64) -> f64 {
        if (n_degrees - self.n_degrees).abs() > 1e-3 * n_degrees {
            self.n_degrees = n_degrees;
            self.value = student_quantile(0.5 + LEVEL / 2.0, n_degrees);
        }
        self.value
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::{NOISE, Stream};

    const B: usize = 8;
    const D: usize = 5;

    /// What a run would record at one point whose rows have gradients N(G, 1) in `D` dimensions, |G|^2 as
    /// given.
    fn run(seed: u64, n_steps: u32, squared_norm: f64) -> RecordedNoise {
        let mean = (squared_norm / D as f64).sqrt();
        let (mut traces, mut squared_norms) = (Vec::new(), Vec::new());
        for t in 0..n_steps {
            let stream = Stream::new(seed, t, NOISE);
            let gradient = |i: usize, j: usize| mean + stream.normals((i * D + j) as u64)[0];
            let means: [f64; D] =
                std::array::from_fn(|j| (0..B).map(|i| gradient(i, j)).sum::<f64>() / B as f64);
            let squares = (0..B).flat_map(|i| (0..D).map(move |j| (gradient(i, j) - means[j]).powi(2)));
            let trace = squares.sum::<f64>() / (B - 1) as f64;
            traces.push(trace);
            squared_norms.push(means.iter().map(|g| g * g).sum::<f64>() - trace / B as f64);
        }
        let n = n_steps as usize;
        let (variance, ones) =
            (traces.iter().map(|trace| trace / B as f64).collect::<Vec<_>>(), vec![1.0; n]);
        let recorded = Recorded {
            trace: &traces,
            squared_norm: &squared_norms,
            variance: &variance,
            variance_along: &ones,
            batch_size: &vec![B as i64; n],
            batch_squared_norm: &ones,
            learning_rate: &ones,
        };
        smoothed(recorded, 100.0).unwrap()
    }

    #[test]
    fn the_interval_has_the_noise_scale_in_it_as_often_as_it_says() {
        // B = 5 / 0.5. Of 500 intervals 25 should miss it: more than 50 do with probability 1e-6.
        let n_missed = (0..500).filter(|&seed| {
            let noise = run(seed, 60, 0.5);
            let (low, high) = (noise.interval[0][59], noise.interval[1][59]);
            noise.unknown[59] == Unknown::No && !(low <= 10.0 && 10.0 <= high)
        });
        let n_missed = n_missed.count();
        assert!((5..=50).contains(&n_missed), "{n_missed} of 500");
    }

    #[test]
    fn without_a_gradient_there_is_no_noise_scale() {
        // One of 40 is above the upper bound by chance: more than 30 of 500 are with probability 1e-6.
        let n_claimed = (0..500).filter(|&seed| run(seed, 60, 0.0).noise_scale[59].is_finite()).count();
        assert!(n_claimed <= 30, "{n_claimed} of 500");
        assert_eq!(run(0, 60, 0.0).unknown[3], Unknown::FewSteps);
    }

    #[test]
    fn tests_of_norm_and_inner_product_by_hand() {
        let (two, four, half) = ([2.0], [4.0], [0.5]);
        let recorded = Recorded {
            trace: &two,
            squared_norm: &half,
            variance: &half,
            variance_along: &[3.0],
            batch_size: &[4],
            batch_squared_norm: &four,
            learning_rate: &half,
        };
        let noise = smoothed(recorded, 10.0).unwrap();
        assert_eq!(noise.norm_test, [0.125]);
        assert_eq!(noise.inner_product_test, [3.0 / 64.0]);
        assert_eq!(noise.temperature, [0.25]);
        assert!(noise.noise_scale[0].is_nan());
    }
}
