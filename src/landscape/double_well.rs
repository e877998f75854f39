//! A tilted double well on a line.

use super::{Position, Shape};
use crate::error::{Result, checked};
use crate::options::Options;

/// `f(u) = height (u^2 - 1)^2 + tilt u`: a shallow minimum near 1, a deep one near -1, a ridge near 0.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DoubleWell {
    height: f64,
    tilt: f64,
}

impl DoubleWell {
    /// A height, finite and > 0, and a tilt > 0 for which the shallow minimum exists: less than
    /// `8 / (3 sqrt(3)) height`.
    ///
    /// # Errors
    /// If `height` or `tilt` is out of its range.
    pub fn new(height: f64, tilt: f64) -> Result<Self> {
        checked("height", "finite and > 0", height, |height| height.is_finite() && height > 0.0)?;
        let steepest = 8.0 / 27.0_f64.sqrt() * height;
        checked("tilt", "> 0 and < 8 / (3 sqrt(3)) height", tilt, |tilt| tilt > 0.0 && tilt < steepest)?;
        Ok(Self { height, tilt })
    }

    /// The height and the derivative at u.
    pub(super) fn at(&self, u: f64) -> (f64, f64) {
        let below = u * u - 1.0;
        (self.height * below * below + self.tilt * u, 4.0 * self.height * u * below + self.tilt)
    }

    /// The stationary points: the shallow minimum, the ridge, the deep minimum.
    ///
    /// The roots of `u^3 - u + q`, q = tilt / (4 height), by Viete's formula, refined to the last bits by
    /// Newton's method.
    pub(super) fn rests(&self) -> [f64; 3] {
        let q = self.tilt / (4.0 * self.height);
        let angle = (-q * 27.0_f64.sqrt() / 2.0).max(-1.0).acos();
        [0.0, 1.0, 2.0].map(|k| {
            let mut u = 2.0 / 3.0_f64.sqrt() * ((angle - std::f64::consts::TAU * k) / 3.0).cos();
            for _ in 0..3 {
                let curvature = 3.0 * u * u - 1.0;
                if curvature != 0.0 {
                    u -= (u * (u * u - 1.0) + q) / curvature;
                }
            }
            u
        })
    }
}

impl Shape for DoubleWell {
    const NAME: &'static str = "DoubleWell";
    const N_DIMENSIONS: usize = 1;

    fn from_options(options: &dyn Options) -> Result<Self> {
        Self::new(options.number("height")?, options.number("tilt")?)
    }

    fn value(&self, [u, _]: Position) -> f64 {
        self.at(u).0
    }

    fn gradient(&self, [u, _]: Position) -> Position {
        [self.at(u).1, 0.0]
    }

    fn rests(&self) -> [Position; 3] {
        self.rests().map(|u| [u, 0.0])
    }
}
