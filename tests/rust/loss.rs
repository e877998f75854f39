//! Losses one by one: the curvature from which step sizes are chosen, and the targets that are accepted.

use crate::every_loss::every_loss;
use mbgd_rs::data::{Domain, TargetKind};
use mbgd_rs::gradient::Loss;
use mbgd_rs::gradient::loss::*;

/// The largest change of the slope with the score, over scores a hundredth apart and some targets.
fn steepest(loss: Loss) -> f64 {
    let targets: &[f64] = if loss.domain() == Domain::Real { &[-1.0, 1.0] } else { &[1.0, 3.0] };
    let slopes = |&y: &f64| (-800..=800).map(|i| loss.at(f64::from(i) / 100.0, y).1).collect::<Vec<_>>();
    let changes = targets
        .iter()
        .flat_map(|y| slopes(y).windows(2).map(|pair| (pair[1] - pair[0]) * 100.0).collect::<Vec<_>>());
    changes.fold(f64::MIN, f64::max)
}

/// There is none of a kink, which over a hundredth looks like a curvature of 50 or more, or of a slope that grows on.
fn check_curvature(loss: Loss) {
    let kind = if loss.is_classification() { TargetKind::Binary } else { TargetKind::Real };
    let steepest = steepest(loss);
    let Some(curvature) = loss.curvature(kind) else {
        assert!(steepest > 20.0, "{loss:?}: {steepest} looks like a curvature with a bound");
        return;
    };
    assert!(steepest <= curvature * (1.0 + 1e-9), "{loss:?}: {steepest} is more than {curvature}");
    assert!(steepest >= curvature * 0.995, "{loss:?}: {steepest} is much less than {curvature}");
}

#[test]
fn no_slope_changes_faster_than_the_curvature() {
    every_loss().for_each(check_curvature);
    for gamma in [0.0, 0.3, 1.0, 2.0, 5.0, 20.0] {
        check_curvature(Loss::Focal(Focal::new(gamma).unwrap()));
    }
}

#[test]
fn the_curvature_of_many_classes_is_that_of_the_softmax_or_of_each() {
    let three = TargetKind::Class { n_classes: 3 };
    let log_loss = Loss::LogLoss(LogLoss::default());
    assert_eq!(log_loss.curvature(three), Some(0.5));
    assert_eq!(log_loss.curvature(TargetKind::Binary), Some(0.25));
    assert_eq!(log_loss.curvature(TargetKind::Labels), Some(0.25));
    let one_vs_rest = Loss::LogLoss(LogLoss { multi_class: MultiClass::OneVsRest });
    assert_eq!(one_vs_rest.curvature(three), Some(0.25));
    assert_eq!(Loss::SquaredHinge(SquaredHinge).curvature(three), Some(2.0));
    assert_eq!(Loss::CrammerSinger(CrammerSinger).curvature(three), None);
    assert_eq!(Loss::SquaredError(SquaredError).curvature(TargetKind::Real), Some(1.0));
}

#[test]
fn domains_follow_from_the_distribution() {
    let of_power = |power| Tweedie::new(power).unwrap().domain();
    assert_eq!(of_power(0.0), Domain::Real);
    assert_eq!([of_power(1.0), of_power(1.99), Poisson.domain()], [Domain::NonNegative; 3]);
    assert_eq!([of_power(2.0), of_power(3.0), Gamma.domain()], [Domain::Positive; 3]);
    assert_eq!(Huber::new(1.0).unwrap().domain(), Domain::Real);
}

#[test]
fn a_nan_is_never_hidden() {
    let of_powers = [0.0, 1.0, 1.5, 2.0, 2.5].map(|power| Loss::Tweedie(Tweedie::new(power).unwrap()));
    for loss in every_loss().chain(of_powers) {
        let (value, slope) = loss.at(f64::NAN, 1.0);
        assert!(value.is_nan() && slope.is_nan(), "{loss:?}: {value}, {slope}");
    }
}
