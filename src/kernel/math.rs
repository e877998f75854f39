//! Temporary.
use super::Lanes;
use crate::scalar::Scalar;
fn each<L: Lanes>(x: L, f: impl Fn(f64) -> f64) -> L {
    let mut a = [L::Elem::ZERO; 16];
    x.store(&mut a[..L::Elem::LANES]);
    for a in &mut a {
        *a = L::Elem::from_f64(f(a.to_f64()));
    }
    L::load(&a[..L::Elem::LANES])
}
/// exp
pub fn exp<L: Lanes>(x: L) -> L {
    each(x, f64::exp)
}
/// ln
pub fn ln<L: Lanes>(x: L) -> L {
    each(x, f64::ln)
}
/// softplus
pub fn softplus<L: Lanes>(x: L) -> L {
    each(x, |x| x.max(0.0) + (-x.abs()).exp().ln_1p())
}
/// sigmoid
pub fn sigmoid<L: Lanes>(x: L) -> L {
    each(x, |x| 1.0 / (1.0 + (-x).exp()))
}
