//! A weighted least-squares line through points of known precision.

use super::normal_quantile;

/// A point with an uncertain y.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Observed {
    pub(super) x: f64,
    pub(super) y: f64,
    /// Standard error of y; known, not estimated from the line.
    pub(super) error: f64,
}

/// A line, with a confidence interval of its slope.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Line {
    /// The slope; NaN unless there are two different x.
    pub slope: f64,
    /// Confidence interval of the slope.
    pub slope_interval: (f64, f64),
    /// y at x = 0.
    pub intercept: f64,
}

/// The maximum-likelihood line for normal errors: least squares, weighted by `1 / error^2`.
pub(super) fn weighted_line(points: &[Observed], level: f64) -> Line {
    let weight = |p: &Observed| 1.0 / (p.error * p.error);
    let mean = |value: &dyn Fn(&Observed) -> f64| {
        points.iter().map(|p| weight(p) * value(p)).sum::<f64>() / points.iter().map(weight).sum::<f64>()
    };
    let (mean_x, mean_y) = (mean(&|p| p.x), mean(&|p| p.y));
    let spread: f64 = points.iter().map(|p| weight(p) * (p.x - mean_x).powi(2)).sum();
    if !(spread > 0.0 && spread.is_finite()) || points.iter().all(|p| p.x == points[0].x) {
        return Line { slope: f64::NAN, slope_interval: (f64::NAN, f64::NAN), intercept: f64::NAN };
    }
    let slope = points.iter().map(|p| weight(p) * (p.x - mean_x) * (p.y - mean_y)).sum::<f64>() / spread;
    let half = normal_quantile(0.5 + level / 2.0) / spread.sqrt();
    Line { slope, slope_interval: (slope - half, slope + half), intercept: mean_y - slope * mean_x }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_is_that_of_the_precise_points() {
        let at = |x, y, error| Observed { x, y, error };
        let line = weighted_line(&[at(0.0, 1.0, 1e-6), at(1.0, -1.0, 1e-6), at(0.5, 50.0, 1e6)], 0.95);
        assert!((line.slope + 2.0).abs() < 1e-9 && (line.intercept - 1.0).abs() < 1e-9, "{line:?}");
        // Two points of error 1 at distance 2: the slope has error 1 / sqrt(2).
        let line = weighted_line(&[at(-1.0, 0.0, 1.0), at(1.0, 0.0, 1.0)], 0.95);
        assert!((line.slope_interval.1 - 1.959964 / 2_f64.sqrt()).abs() < 1e-6, "{line:?}");
    }

    #[test]
    fn no_line_goes_through_one_point() {
        let point = Observed { x: 0.3, y: 1.0, error: 0.1 };
        assert!(weighted_line(&[], 0.95).slope.is_nan());
        assert!(weighted_line(&[point], 0.95).slope.is_nan());
        assert!(weighted_line(&[point, point], 0.95).slope.is_nan());
    }
}
