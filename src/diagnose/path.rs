//! How smooth the path of a run is, and how often the loss rose along it.

/// The mean cosine of the angle between a step and the next, along a path of points of `width` numbers each:
/// 1 on a straight line, 0 where a step tells nothing about the next, negative where steps undo each other.
/// Steps of length zero have no angle and are left out; NaN if no angle is left.
///
/// ```
/// use mbgd_rs::diagnose::mean_cosine;
///
/// assert_eq!(mean_cosine(&[0.0, 0.0, 1.0, 0.0, 2.0, 0.0], 2), 1.0);
/// assert_eq!(mean_cosine(&[0.0, 0.0, 1.0, 0.0, 1.0, 3.0, -1.0, 3.0], 2), 0.0);
/// ```
pub fn mean_cosine(path: &[f64], width: usize) -> f64 {
    let points: Vec<&[f64]> = path.chunks_exact(width.max(1)).collect();
    let step = |pair: &[&[f64]]| pair[1].iter().zip(pair[0]).map(|(b, a)| b - a).collect::<Vec<f64>>();
    let steps: Vec<Vec<f64>> = points.windows(2).map(step).collect();
    let cosine = |pair: &[Vec<f64>]| {
        let largest = |v: &[f64]| v.iter().fold(0.0_f64, |m, x| m.max(x.abs()));
        let (a, b) = (&pair[0], &pair[1]);
        let (scale_a, scale_b) = (largest(a), largest(b));
        // Scaled first, so that squares neither vanish nor overflow.
        let (mut dot, mut of_a, mut of_b) = (0.0, 0.0, 0.0);
        for (x, y) in a.iter().zip(b) {
            let (x, y) = (x / scale_a, y / scale_b);
            (dot, of_a, of_b) = (dot + x * y, of_a + x * x, of_b + y * y);
        }
        dot / (of_a.sqrt() * of_b.sqrt())
    };
    let cosines: Vec<f64> = steps.windows(2).map(cosine).filter(|c| c.is_finite()).collect();
    cosines.iter().sum::<f64>() / cosines.len() as f64
}

/// The fraction of steps after which the loss was higher than before; NaN without steps.
///
/// ```
/// use mbgd_rs::diagnose::rise_fraction;
///
/// assert_eq!(rise_fraction(&[3.0, 2.0, 2.5, 1.0, 1.0]), 0.25);
/// ```
pub fn rise_fraction(losses: &[f64]) -> f64 {
    let n_rises = losses.windows(2).filter(|pair| pair[1] > pair[0]).count();
    n_rises as f64 / losses.len().saturating_sub(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_zigzag_takes_itself_back() {
        assert_eq!(mean_cosine(&[0.0, 1.0, 0.0, 1.0, 0.0], 1), -1.0);
        // The step of length zero is left out.
        assert_eq!(mean_cosine(&[0.0, 1e200, 2e200, 2e200, 3e200], 1), 1.0);
        assert!(mean_cosine(&[1.0, 2.0], 1).is_nan() && mean_cosine(&[], 3).is_nan());
    }

    #[test]
    fn nothing_rises_without_steps() {
        assert!(rise_fraction(&[1.0]).is_nan() && rise_fraction(&[]).is_nan());
        assert_eq!(rise_fraction(&[1.0, 2.0]), 1.0);
    }
}
