//! Losses one by one: the curvature from which step sizes are chosen, and the targets that are accepted.

use mbgd_rs::data::{Domain, TargetKind};
use mbgd_rs::gradient::Loss;
use mbgd_rs::gradient::loss::*;

/// The largest change of the slope with the score, over scores a hundredth apart and some targets.
fn steepest(loss: impl Pointwise) -> f64 {
    let targets: &[f64] = if loss.domain() == Domain::Real { &[-1.0, 1.0] } else { &[1.0, 3.0] };
    let slopes = |&y: &f64| (-800..=800).map(|i| loss.at(f64::from(i) / 100.0, y).1).collect::<Vec<_>>();
    let changes = targets
        .iter()
        .flat_map(|y| slopes(y).windows(2).map(|pair| (pair[1] - pair[0]) * 100.0).collect::<Vec<_>>());
    changes.fold(f64::MIN, f64::max)
}

fn check_curvature(loss: impl Pointwise + std::fmt::Debug) {
    let (curvature, steepest) = (loss.curvature().unwrap(), steepest(loss));
    assert!(steepest <= curvature * (1.0 + 1e-9), "{loss:?}: {steepest} is more than {curvature}");
    assert!(steepest >= curvature * 0.995, "{loss:?}: {steepest} is much less than {curvature}");
}

#[test]
fn no_slope_changes_faster_than_the_curvature() {
    check_curvature(SquaredError);
    check_curvature(Huber::new(1.35).unwrap());
    check_curvature(SquaredEpsilonInsensitive::new(0.1).unwrap());
    check_curvature(LogCosh);
    check_curvature(LogLoss::default());
    check_curvature(SquaredHinge);
    check_curvature(ModifiedHuber);
    check_curvature(SmoothHinge::new(0.5).unwrap());
    for gamma in [0.0, 0.3, 1.0, 2.0, 5.0, 20.0] {
        check_curvature(Focal::new(gamma).unwrap());
    }
}

#[test]
fn a_curvature_without_a_bound_is_none() {
    assert_eq!(AbsoluteError.curvature(), None);
    assert_eq!(EpsilonInsensitive::new(0.1).unwrap().curvature(), None);
    assert_eq!(Quantile::new(0.5).unwrap().curvature(), None);
    assert_eq!(Poisson.curvature(), None);
    assert_eq!(Gamma.curvature(), None);
    assert_eq!(Tweedie::new(1.5).unwrap().curvature(), None);
    assert_eq!(Hinge.curvature(), None);
    assert_eq!(Perceptron.curvature(), None);
    assert_eq!(CrammerSinger.curvature(), None);
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
    fn check(loss: impl Pointwise + std::fmt::Debug) {
        let (value, slope) = loss.at(f64::NAN, 1.0);
        assert!(value.is_nan() && slope.is_nan(), "{loss:?}: {value}, {slope}");
    }
    check(SquaredError);
    check(AbsoluteError);
    check(Huber::new(1.0).unwrap());
    check(EpsilonInsensitive::new(0.1).unwrap());
    check(SquaredEpsilonInsensitive::new(0.1).unwrap());
    check(Quantile::new(0.5).unwrap());
    check(LogCosh);
    check(Poisson);
    check(Gamma);
    for power in [0.0, 1.0, 1.5, 2.0, 2.5] {
        check(Tweedie::new(power).unwrap());
    }
    check(LogLoss::default());
    check(Hinge);
    check(SquaredHinge);
    check(ModifiedHuber);
    check(Perceptron);
    check(SmoothHinge::new(0.5).unwrap());
    check(Focal::new(2.0).unwrap());
    check(CrammerSinger);
}
