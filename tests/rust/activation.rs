//! Activations and their derivatives: values, limits, finite differences, and the same bits on every tier.

use mbgd_rs::kernel::{Activate, Activation, Multiply, Tier};
use mbgd_rs::scalar::Scalar;

/// Activations and derivatives on the scalar tier, after comparing those of the others.
fn activate<T: Scalar>(activation: Activation, x: &[T]) -> (Vec<T>, Vec<T>) {
    let on = |tier: Tier| {
        let (mut y, mut derivative) = (x.to_vec(), x.to_vec());
        tier.run(Activate { activation, z: &mut y, derivative: &mut derivative });
        let mut alone = x.to_vec();
        tier.run(Activate { activation, z: &mut alone, derivative: &mut [] });
        assert_eq!(bits(&alone), bits(&y), "{activation:?} without derivatives, {tier:?}");
        (y, derivative)
    };
    let expected = on(Tier::SCALAR);
    for tier in Tier::available() {
        let (y, derivative) = on(tier);
        assert_eq!(bits(&y), bits(&expected.0), "{activation:?}, {tier:?}");
        assert_eq!(bits(&derivative), bits(&expected.1), "derivative of {activation:?}, {tier:?}");
    }
    expected
}

/// Bit patterns; of NaN one for all.
fn bits<T: Scalar>(numbers: &[T]) -> Vec<u64> {
    let bits = |x: f64| if x.is_nan() { f64::NAN.to_bits() } else { x.to_bits() };
    numbers.iter().map(|x| bits(x.to_f64())).collect()
}

/// Numbers of all magnitudes, more of them where activations bend, not a whole number of vectors.
fn arguments() -> Vec<f64> {
    let tiny = (0..40).map(|i| 10.0_f64.powi(-i));
    let positive: Vec<f64> = (0..2001).map(|i| f64::from(i) * 0.019).chain(tiny).collect();
    positive.iter().copied().chain(positive.iter().map(|x| -x)).collect()
}

#[test]
fn names_are_found_again() {
    for (activation, name) in Activation::ALL.into_iter().zip(Activation::NAMES) {
        assert_eq!((activation.name(), Activation::from_name(name)), (*name, Some(activation)));
    }
}

/// Doubles between two numbers.
fn steps(a: f64, b: f64) -> u64 {
    let place = |x: f64| if x.is_sign_negative() { -(x.abs().to_bits() as i64) } else { x.to_bits() as i64 };
    place(a).abs_diff(place(b))
}

#[test]
fn doubles_agree_with_the_standard_library() {
    let logistic = |x: f64| if x < 0.0 { x.exp() / (1.0 + x.exp()) } else { 1.0 / (1.0 + (-x).exp()) };
    let x = arguments();
    let check = |activation, function: &dyn Fn(f64) -> f64, allowed| {
        for (&x, y) in x.iter().zip(activate(activation, &x).0) {
            assert!(steps(y, function(x)) <= allowed, "{activation:?}({x}) = {y}, not {}", function(x));
        }
    };
    check(Activation::Identity, &|x| x, 0);
    check(Activation::Relu, &|x| if x < 0.0 { 0.0 } else { x }, 0);
    check(Activation::LeakyRelu, &|x| if x > 0.0 { x } else { x * 0.01 }, 0);
    check(Activation::Tanh, &f64::tanh, 8);
    check(Activation::Logistic, &logistic, 3);
    check(Activation::Silu, &|x| x * logistic(x), 4);
}

#[test]
fn gelu_agrees_with_many_digits() {
    let x: Vec<f64> = GELU.iter().map(|row| f64::from_bits(row[0])).collect();
    let (y, derivative) = activate(Activation::Gelu, &x);
    for ((x, row), (y, derivative)) in x.iter().zip(GELU).zip(y.iter().zip(derivative)) {
        let [exact_y, exact_derivative] = [row[1], row[2]].map(f64::from_bits);
        assert!(steps(*y, exact_y) <= 6, "gelu({x}) = {y}, not {exact_y}");
        let is_close =
            steps(derivative, exact_derivative) <= 6 || (derivative - exact_derivative).abs() <= f64::EPSILON;
        assert!(is_close, "gelu'({x}) = {derivative}, not {exact_derivative}");
    }
}

#[test]
fn singles_agree_with_doubles() {
    let single: Vec<f32> = arguments().iter().map(|&x| x as f32).collect();
    let double: Vec<f64> = single.iter().map(|&x| f64::from(x)).collect();
    for activation in Activation::ALL {
        let (y, derivative) = activate(activation, &single);
        let (exact_y, exact_derivative) = activate(activation, &double);
        for i in 0..single.len() {
            let (y, exact) = (f64::from(y[i]), exact_y[i]);
            let allowed = 6e-7 * exact.abs() + 2.0 * 2.0_f64.powi(-149);
            assert!((y - exact).abs() <= allowed, "{activation:?}({}) = {y}, not {exact}", single[i]);
            let (derivative, exact) = (f64::from(derivative[i]), exact_derivative[i]);
            assert!((derivative - exact).abs() <= 6e-7, "{activation:?}'({}) = {derivative}", single[i]);
        }
    }
}

#[test]
fn derivatives_agree_with_finite_differences() {
    let x: Vec<f64> = (0..403).map(|i| f64::from(i) * 0.1 - 20.05).collect();
    let h = 1e-5;
    for activation in Activation::ALL {
        let shifted = |by: f64| activate(activation, &x.iter().map(|x| x + by).collect::<Vec<_>>()).0;
        let (above, below) = (shifted(h), shifted(-h));
        for (i, derivative) in activate(activation, &x).1.into_iter().enumerate() {
            let slope = (above[i] - below[i]) / (2.0 * h);
            assert!(
                (derivative - slope).abs() < 1e-9,
                "{activation:?}'({}) = {derivative}, not {slope}",
                x[i]
            );
        }
    }
}

/// At -inf and +inf: the limits of the activation and of its derivative.
fn limits(activation: Activation) -> [(f64, f64); 2] {
    let inf = f64::INFINITY;
    match activation {
        Activation::Identity => [(-inf, 1.0), (inf, 1.0)],
        Activation::LeakyRelu => [(-inf, 0.01), (inf, 1.0)],
        Activation::Tanh => [(-1.0, 0.0), (1.0, 0.0)],
        Activation::Logistic => [(0.0, 0.0), (1.0, 0.0)],
        Activation::Relu | Activation::Gelu | Activation::Silu => [(0.0, 0.0), (inf, 1.0)],
    }
}

#[test]
fn limits_are_reached_and_nan_stays() {
    for activation in Activation::ALL {
        for (sign, (y, slope)) in [-1.0, 1.0].into_iter().zip(limits(activation)) {
            let (found, slopes) = activate(activation, &[sign * f64::INFINITY, sign * 1e300]);
            assert_eq!((found[0], slopes[0]), (y, slope), "{activation:?} at {sign} inf");
            assert_eq!(slopes[1], slope, "{activation:?}' at {sign}e300");
            let is_right = if y.is_finite() { found[1] == y } else { found[1].is_finite() };
            assert!(is_right, "{activation:?} at {sign}e300 is {}", found[1]);
            let (found, slopes) = activate(activation, &[sign as f32 * f32::INFINITY, sign as f32 * 1e38]);
            assert_eq!((f64::from(found[0]), slopes[0]), (y, slope as f32), "{activation:?} at {sign} inf");
            assert_eq!(slopes[1], slope as f32, "{activation:?}' at {sign}e38");
        }
        assert!(activate(activation, &[f64::NAN]).0[0].is_nan(), "{activation:?}");
        assert!(activate(activation, &[f32::NAN]).0[0].is_nan(), "{activation:?}");
    }
}

#[test]
fn kinks_have_the_derivative_of_the_left() {
    assert_eq!(activate(Activation::Relu, &[0.0, -0.0]).1, [0.0, 0.0]);
    assert_eq!(activate(Activation::LeakyRelu, &[0.0, -0.0]).1, [0.01, 0.01]);
}

#[test]
fn blocks_are_multiplied_entry_by_entry() {
    let x: Vec<f32> = (0..37).map(|i| 0.1 * i as f32).collect();
    for tier in Tier::available() {
        let mut y: Vec<f32> = x.iter().map(|x| x + 1.0).collect();
        tier.run(Multiply { y: &mut y, x: &x });
        assert!(y.iter().zip(&x).all(|(&y, &x)| y == (x + 1.0) * x), "{tier:?}");
    }
}

/// Bit patterns of x, gelu(x) and gelu'(x), computed with 60 digits and rounded to the nearest double.
#[rustfmt::skip]
const GELU: &[[u64; 3]] = &[
    [0xc043333333333333, 0x8000000000000201, 0x8000000000004cf7],
    [0xc042c00000000000, 0x807367682a29e309, 0x80c6bd2c90f1fcb1],
    [0xc042000000000000, 0x856bfd0452322264, 0x85bf7ca269db1707],
    [0xc040a66666666666, 0x8ddb6f259723885e, 0x8e2c8c7349bac933],
    [0xc03e000000000000, 0x974601c52358b95d, 0x9794a1a57f2ee1c3],
    [0xc03b19999999999a, 0x9ebe030a645f856d, 0x9f096a8d10de080a],
    [0xc039000000000000, 0xa3ac7026759863b5, 0xa3f63796a6835c3e],
    [0xc036333333333333, 0xa9a1e81d4d856390, 0xa9e8d8682f28d4ca],
    [0xc034000000000000, 0xadd1876296f504b2, 0xae15e9298203bb09],
    [0xc031b33333333333, 0xb1b99c89a51b537b, 0xb1fc550639490088],
    [0xc02e000000000000, 0xb5b49a217080f7a5, 0xb5f3504e6b4afdc9],
    [0xc029000000000000, 0xb8cf02494d8a3f13, 0xb908394b2edc98a6],
    [0xc024000000000000, 0xbb57079362639d51, 0xbb8cc81080c0cc8c],
    [0xc020cccccccccccd, 0xbcab064e0a52bfd9, 0xbcdc5d7d5665f619],
    [0xc01c000000000000, 0xbda3b34afa6e6fbc, 0xbdd13988671c9490],
    [0xc018666666666666, 0xbe2bca08bf005559, 0xbe55298018b6e255],
    [0xc014000000000000, 0xbeb80bcbae98063d, 0xbeddf9f98eda090c],
    [0xc011333333333333, 0xbf0340b058926aaa, 0xbf2499767e9459c3],
    [0xc00c000000000000, 0xbf4aae0500608e1a, 0xbf671da90df3717e],
    [0xc008000000000000, 0xbf7096697b244861, 0xbf8876f5a0927b12],
    [0xc004000000000000, 0xbf8fcb21edddc41d, 0xbfa341c29fe2934f],
    [0xc000000000000000, 0xbfa74bcf82c9d860, 0xbfb5d1c05635c4bd],
    [0xbffb333333333333, 0xbfb3651778a266de, 0xbfbd857a788f7ff9],
    [0xbff4cccccccccccd, 0xbfc01b8bb7188cac, 0xbfc02011ce32caf9],
    [0xbff0000000000000, 0xbfc44ed0bb7cb20b, 0xbfb55429a56cca59],
    [0xbfeccccccccccccd, 0xbfc534276a7ce6cc, 0xbfac5f90858cb6e0],
    [0xbfe3333333333333, 0xbfc5100923780207, 0x3fb306871c93aea0],
    [0xbfe0000000000000, 0xbfc3bf143b9aa712, 0x3fc0f5eb7514c778],
    [0xbfd3333333333333, 0xbfbd582ac7c317ab, 0x3fd1218ab7e19722],
    [0xbfb999999999999a, 0xbfa78f918de28c18, 0x3fdae917fa1e86ee],
    [0xbf847ae147ae147b, 0xbf74510c6ee53c40, 0x3fdf7d476954bca5],
    [0xbee4f8b588e368f1, 0xbed4f8aa9194e347, 0x3fdfffde88c79e98],
    [0xbddb7cdfd9d7bdbb, 0xbdcb7cdfd9ce5246, 0x3fdfffffffea1163],
    [0x96687e92154ef7ac, 0x96587e92154ef7ac, 0x3fe0000000000000],
    [0x16687e92154ef7ac, 0x16587e92154ef7ac, 0x3fe0000000000000],
    [0x3e112e0be826d695, 0x3e012e0be861b632, 0x3fe00000006da911],
    [0x3f50624dd2f1a9fc, 0x3f4065a68bbed948, 0x3fe0068948de7989],
    [0x3fb999999999999a, 0x3faba3a1a550a71c, 0x3fe28b7402f0bc89],
    [0x3fd0000000000000, 0x3fc3289a2b16ed6c, 0x3fe6407f9f378546],
    [0x3fe0000000000000, 0x3fd62075e232ac77, 0x3febc28522bace22],
    [0x3fe8a3d70a3d70a4, 0x3fe33403f409852e, 0x3ff01fa7693b2f93],
    [0x3ff0000000000000, 0x3feaec4bd120d37d, 0x3ff155429a56cca6],
    [0x3ff3333333333333, 0x3ff0fd9c0bec3756, 0x3ff1e3234f43a12a],
    [0x3ff8000000000000, 0x3ff665895bb1e942, 0x3ff20a1d22be013a],
    [0x4000000000000000, 0x3fff45a183e9b13d, 0x3ff15d1c05635c4c],
    [0x400599999999999a, 0x4005866dd45d096c, 0x3ff0650be5f4c656],
    [0x4008000000000000, 0x4007f7b4cb426ddc, 0x3ff030edeb4124f6],
    [0x4010000000000000, 0x400fffbd94a1aad4, 0x3ff002101d6d2d81],
    [0x4014000000000000, 0x4013ffff9fd0d146, 0x3ff000077e7e63b7],
    [0x4018000000000000, 0x4017ffffff9a4da6, 0x3ff0000009856423],
    [0x4020000000000000, 0x401ffffffffffffa, 0x3ff00000000000b3],
    [0x4022000000000000, 0x4022000000000000, 0x3ff0000000000000],
    [0x4034000000000000, 0x4034000000000000, 0x3ff0000000000000],
    [0x4085e00000000000, 0x4085e00000000000, 0x3ff0000000000000],
];
