//! A robust line through measurements with relative errors.

use crate::error::{Error, Result};
use crate::rng::{BOOTSTRAP, Stream};

/// `y = at_zero + slope x`, neither coefficient negative.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RobustLine {
    /// y at x = 0.
    pub at_zero: f64,
    /// The increase of y per unit of x.
    pub slope: f64,
}

/// A [`RobustLine`] with intervals of its coefficients.
#[derive(Debug, Clone, PartialEq)]
pub struct RobustFit {
    /// The line.
    pub line: RobustLine,
    /// The median or mean of the measurements at each x.
    pub middles: Vec<f64>,
    /// The range of 95 % of the resampled values of `at_zero`.
    pub at_zero_interval: (f64, f64),
    /// The range of 95 % of the resampled values of `slope`.
    pub slope_interval: (f64, f64),
}

/// Number of fits to resampled measurements.
const N_RESAMPLED: u32 = 200;

impl RobustLine {
    /// y at `x`.
    pub fn at(&self, x: f64) -> f64 {
        self.at_zero + self.slope * x
    }

    /// The line with the least sum of absolute relative errors `|y_i - y(x_i)| / y_i`, so that a large y
    /// counts no more than a small one, and an outlier counts only by the side it is on. The best line goes
    /// through two of the points, or through one with a coefficient of zero: all of these are tried. None
    /// without points.
    pub fn through(points: &[(f64, f64)]) -> Option<Self> {
        let cost = |line: &Self| points.iter().map(|&(x, y)| (y - line.at(x)).abs() / y).sum::<f64>();
        let mut best: Option<(f64, Self)> = None;
        let mut consider = |at_zero: f64, slope: f64| {
            let line = Self { at_zero, slope };
            if at_zero >= 0.0 && slope >= 0.0 && line.at_zero.is_finite() && line.slope.is_finite() {
                let cost = cost(&line);
                if best.is_none_or(|(least, _)| cost < least) {
                    best = Some((cost, line));
                }
            }
        };
        for (i, &(x, y)) in points.iter().enumerate() {
            consider(y, 0.0);
            consider(0.0, y / x);
            for &(x2, y2) in points[..i].iter().filter(|&&(x2, _)| x2 != x) {
                let slope = (y - y2) / (x - x2);
                consider(y - slope * x, slope);
            }
        }
        best.map(|(_, line)| line)
    }
}

impl RobustFit {
    /// The line through the `middle`, the median or the mean, of several measurements at each x, with
    /// intervals from fits to resampled x and resampled measurements.
    ///
    /// Source of the intervals: B. Efron, R. J. Tibshirani, An Introduction to the Bootstrap, 1993, chapter
    /// 13.
    ///
    /// # Errors
    /// If there are fewer than two different x, an x has no measurement, or a value is not finite and
    /// positive.
    pub fn of(
        argument: &'static str,
        xs: &[f64],
        measured: &[Vec<f64>],
        middle: fn(&[f64]) -> f64,
    ) -> Result<Self> {
        if xs.len() != measured.len() || measured.iter().any(Vec::is_empty) {
            let expected = format!("at least one measurement for each of {} batch sizes", xs.len());
            let got = format!("{:?}", measured.iter().map(Vec::len).collect::<Vec<_>>());
            return Err(Error::Shape { argument, expected, got });
        }
        let is_positive = |v: &&f64| !(v.is_finite() && **v > 0.0);
        if let Some(value) = measured.iter().flatten().chain(xs).find(is_positive) {
            return Err(Error::OutOfRange {
                argument,
                condition: "finite and > 0",
                value: value.to_string(),
            });
        }
        let middles: Vec<f64> = measured.iter().map(|values| middle(values)).collect();
        let points: Vec<(f64, f64)> = xs.iter().copied().zip(middles.iter().copied()).collect();
        let are_different = points.iter().any(|&(x, _)| x != points[0].0);
        let Some(line) = RobustLine::through(&points).filter(|_| are_different) else {
            let expected = "batch sizes that differ".to_owned();
            return Err(Error::Shape { argument: "batch_sizes", expected, got: format!("{xs:?}") });
        };
        let lines = resampled(xs, measured, middle);
        let interval = |value: fn(&RobustLine) -> f64| {
            let mut values: Vec<f64> = lines.iter().map(value).collect();
            values.sort_by(f64::total_cmp);
            let at = |p: f64| values[(p * (values.len() - 1) as f64).round() as usize];
            if values.is_empty() { (f64::NAN, f64::NAN) } else { (at(0.025), at(0.975)) }
        };
        let (at_zero_interval, slope_interval) = (interval(|l| l.at_zero), interval(|l| l.slope));
        Ok(Self { line, middles, at_zero_interval, slope_interval })
    }
}

/// Lines through the middles of draws with replacement, at x drawn with replacement.
fn resampled(xs: &[f64], measured: &[Vec<f64>], middle: fn(&[f64]) -> f64) -> Vec<RobustLine> {
    let draw = |words: &mut Words, n: usize| ((u64::from(words.next()) * n as u64) >> 32) as usize;
    let fit = |i| {
        let mut words = Words { stream: Stream::new(0, i, BOOTSTRAP), index: 0 };
        let points: Vec<(f64, f64)> = (0..xs.len())
            .map(|_| {
                let at = draw(&mut words, xs.len());
                let values = &measured[at];
                let drawn: Vec<f64> = values.iter().map(|_| values[draw(&mut words, values.len())]).collect();
                (xs[at], middle(&drawn))
            })
            .collect();
        let is_a_line = points.iter().any(|&(x, _)| x != points[0].0);
        RobustLine::through(&points).filter(|_| is_a_line)
    };
    (0..N_RESAMPLED).filter_map(fit).collect()
}

struct Words {
    stream: Stream,
    index: u64,
}

impl Words {
    fn next(&mut self) -> u32 {
        self.index += 1;
        self.stream.word(self.index - 1)
    }
}

/// The median: the middle value, or the mean of the two in the middle; NaN without values.
pub(super) fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let n = sorted.len();
    match n {
        0 => f64::NAN,
        _ if n % 2 == 1 => sorted[n / 2],
        _ => 0.5 * (sorted[n / 2 - 1] + sorted[n / 2]),
    }
}

/// The mean; NaN without values.
pub(super) fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_found_among_outliers_however_large() {
        let mut points: Vec<(f64, f64)> =
            (0..12).map(|j| f64::from(1 << j)).map(|x| (x, 2e-7 + 3e-9 * x)).collect();
        (points[3].1, points[11].1) = (1e3, 1e6);
        let line = RobustLine::through(&points).unwrap();
        assert!(
            (line.at_zero / 2e-7 - 1.0).abs() < 1e-9 && (line.slope / 3e-9 - 1.0).abs() < 1e-9,
            "{line:?}"
        );
        // The broken version, least squares, is led astray by one of them.
        let n = points.len() as f64;
        let (sx, sy) = points.iter().fold((0.0, 0.0), |(a, b), (x, y)| (a + x / n, b + y / n));
        let (sxy, sxx) = points
            .iter()
            .fold((0.0, 0.0), |(a, b), (x, y)| (a + (x - sx) * (y - sy), b + (x - sx) * (x - sx)));
        assert!((sxy / sxx / 3e-9 - 1.0).abs() > 100.0);
    }

    #[test]
    fn small_values_count_as_much_as_large_ones() {
        // 10 % noise at a large x is a thousand times that at x = 1.
        let points: Vec<(f64, f64)> = (0..14)
            .map(|j| (f64::from(1 << j), (1.0 + f64::from(1 << j)) * if j % 2 == 0 { 1.1 } else { 0.9 }))
            .collect();
        let line = RobustLine::through(&points).unwrap();
        assert!((line.at_zero - 1.0).abs() < 0.35 && (line.slope - 1.0).abs() < 0.15, "{line:?}");
    }

    #[test]
    fn neither_end_is_negative() {
        let falling = RobustLine::through(&[(1.0, 3.0), (2.0, 2.0), (4.0, 1.0)]).unwrap();
        assert!(falling.slope == 0.0 && (1.0..=3.0).contains(&falling.at_zero));
        let steep = RobustLine::through(&[(1.0, 1.0), (2.0, 4.0), (3.0, 9.0)]).unwrap();
        assert!(steep.at_zero == 0.0 && steep.slope > 0.0);
        assert_eq!(RobustLine::through(&[]), None);
    }

    #[test]
    fn intervals_have_the_line() {
        let xs: Vec<f64> = (0..10).map(|j| f64::from(1 << j)).collect();
        let noise = |j: usize, r: usize| 1.0 + 0.2 * ((j * 7 + r * 3) % 11) as f64 / 11.0 - 0.1;
        let measured: Vec<Vec<f64>> =
            (0..10).map(|j| (0..9).map(|r| (5.0 + 0.5 * xs[j]) * noise(j, r)).collect()).collect();
        let fit = RobustFit::of("times", &xs, &measured, median).unwrap();
        assert!(fit.at_zero_interval.0 <= 5.0 && 5.0 <= fit.at_zero_interval.1, "{fit:?}");
        assert!(fit.slope_interval.0 <= 0.5 && 0.5 <= fit.slope_interval.1, "{fit:?}");
        assert!(fit.slope_interval.1 / fit.slope_interval.0 < 1.3);
    }

    #[test]
    fn what_is_no_measurement_is_refused() {
        let of = |xs: &[f64], measured: &[Vec<f64>]| {
            RobustFit::of("times", xs, measured, median).unwrap_err().to_string()
        };
        assert_eq!(of(&[1.0, 2.0], &[vec![1.0], vec![f64::NAN]]), "times must be finite and > 0, got NaN");
        assert_eq!(
            of(&[1.0, 1.0], &[vec![1.0], vec![1.0]]),
            "batch_sizes must have batch sizes that differ, got [1.0, 1.0]"
        );
        assert!(of(&[1.0, 2.0], &[vec![1.0], vec![]]).contains("got [1, 0]"));
    }
}
