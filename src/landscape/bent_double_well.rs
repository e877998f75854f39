//! A tilted double well along a bent valley of the plane.

use super::{DoubleWell, Position, Shape};
use crate::error::{Result, checked};
use crate::options::Options;

/// `f(u, v) = height (u^2 - 1)^2 + tilt u + stiffness / 2 (v - bend u^2)^2`: the floor of the valley is the
/// parabola v = bend u^2, and along it there is a [`DoubleWell`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BentDoubleWell {
    floor: DoubleWell,
    bend: f64,
    stiffness: f64,
}

impl BentDoubleWell {
    /// The shape along the floor, the bend of the floor, finite, and the stiffness of its sides, finite
    /// and > 0.
    ///
    /// # Errors
    /// If `bend` or `stiffness` is out of its range.
    pub fn new(floor: DoubleWell, bend: f64, stiffness: f64) -> Result<Self> {
        Ok(Self {
            floor,
            bend: checked("bend", "finite", bend, f64::is_finite)?,
            stiffness: checked("stiffness", "finite and > 0", stiffness, |s| s.is_finite() && s > 0.0)?,
        })
    }
}

impl Shape for BentDoubleWell {
    const NAME: &'static str = "BentDoubleWell";
    const N_DIMENSIONS: usize = 2;

    fn from_options(options: &dyn Options) -> Result<Self> {
        let floor = DoubleWell::from_options(options)?;
        Self::new(floor, options.number("bend")?, options.number("stiffness")?)
    }

    fn value(&self, [u, v]: Position) -> f64 {
        let aside = v - self.bend * u * u;
        self.floor.at(u).0 + self.stiffness / 2.0 * aside * aside
    }

    fn gradient(&self, [u, v]: Position) -> Position {
        let pull = self.stiffness * (v - self.bend * u * u);
        [self.floor.at(u).1 - 2.0 * self.bend * u * pull, pull]
    }

    fn rests(&self) -> [Position; 3] {
        self.floor.rests().map(|u| [u, self.bend * u * u])
    }
}
