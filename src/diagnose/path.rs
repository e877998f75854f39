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
    let (mut sum, mut n) = (0.0, 0.0);
    let width = width.max(1);
    for three in path.windows(3 * width).step_by(width) {
        let (first, rest) = three.split_at(width);
        let (second, third) = rest.split_at(width);
        let cosine = cosine_of_steps(first, second, third);
        if cosine.is_finite() {
            (sum, n) = (sum + cosine, n + 1.0);
        }
    }
    sum / n
}

/// The cosine between the steps from the first of three points to the second, and from there to the third.
fn cosine_of_steps(first: &[f64], second: &[f64], third: &[f64]) -> f64 {
    let steps = || first.iter().zip(second).zip(third).map(|((a, b), c)| (b - a, c - b));
    let (mut scale_a, mut scale_b) = (0.0_f64, 0.0_f64);
    for (a, b) in steps() {
        (scale_a, scale_b) = (scale_a.max(a.abs()), scale_b.max(b.abs()));
    }
    // Scaled first, so that squares neither vanish nor overflow.
    let (mut dot, mut of_a, mut of_b) = (0.0, 0.0, 0.0);
    for (a, b) in steps() {
        let (a, b) = (a / scale_a, b / scale_b);
        (dot, of_a, of_b) = (dot + a * b, of_a + a * a, of_b + b * b);
    }
    dot / (of_a.sqrt() * of_b.sqrt())
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
