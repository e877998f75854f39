//! Confidence intervals.

use statrs::distribution::{Beta, ContinuousCDF, Normal, StudentsT};

/// The quantile of the standard normal distribution at probability `p`, 0 < p < 1.
///
/// ```
/// assert!((mbgd_rs::diagnose::normal_quantile(0.975) - 1.959964).abs() < 1e-6);
/// ```
pub fn normal_quantile(p: f64) -> f64 {
    Normal::standard().inverse_cdf(p)
}

/// The quantile of Student's t distribution with `n_degrees` degrees of freedom; NaN unless `n_degrees` > 0.
pub fn student_quantile(p: f64, n_degrees: f64) -> f64 {
    StudentsT::new(0.0, 1.0, n_degrees).map_or(f64::NAN, |t| t.inverse_cdf(p))
}

/// Clopper and Pearson's confidence interval for the probability of an event that happened in `n_hits` of
/// `n_trials`. Its coverage is at least `level` for any number of trials. Without trials it is (0, 1).
///
/// Source: C. J. Clopper, E. S. Pearson, The use of confidence or fiducial limits illustrated in the case of
/// the binomial, Biometrika 26, 1934.
pub fn binomial_interval(n_hits: u64, n_trials: u64, level: f64) -> (f64, f64) {
    let (hits, misses) = (n_hits as f64, n_trials.saturating_sub(n_hits) as f64);
    let quantile = |p, a, b| Beta::new(a, b).map_or(f64::NAN, |beta| beta.inverse_cdf(p));
    let tail = (1.0 - level) / 2.0;
    let low = if hits == 0.0 { 0.0 } else { quantile(tail, hits, misses + 1.0) };
    let high = if misses == 0.0 { 1.0 } else { quantile(1.0 - tail, hits + 1.0, misses) };
    (low, high)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_those_of_tables() {
        assert!((student_quantile(0.975, 5.0) - 2.570_582).abs() < 1e-5);
        assert!(student_quantile(0.975, 0.0).is_nan());
    }

    #[test]
    fn binomial_intervals_are_those_of_scipy() {
        // scipy.stats.binomtest(k, n).proportion_ci(0.95)
        for (n_hits, n_trials, low, high) in
            [(0, 10, 0.0, 0.308_497_1), (3, 10, 0.066_739_5, 0.652_452_9), (10, 10, 0.691_502_9, 1.0)]
        {
            let found = binomial_interval(n_hits, n_trials, 0.95);
            assert!((found.0 - low).abs() < 1e-6 && (found.1 - high).abs() < 1e-6, "{found:?}");
        }
        assert_eq!(binomial_interval(0, 0, 0.95), (0.0, 1.0));
    }
}
