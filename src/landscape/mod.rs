//! Landscapes for gradient descent: finite sums with a shallow and a deep minimum, known in closed form.
//!
//! A landscape is the mean of n terms `f_i(w) = f(w) + s_i . w`. The slopes s_i have mean 0, so that the mean
//! is the shape f itself, and a covariance of `noise^2` times the identity: each term pulls in its own
//! direction, and a batch of b terms has the gradient of f and noise of variance about `noise^2 / b` in each
//! direction.

mod bent_double_well;
mod double_well;

pub use bent_double_well::BentDoubleWell;
pub use double_well::DoubleWell;

use crate::error::{Error, Result, checked, try_reserved};
use crate::options::Options;

/// A point; on a line the second coordinate is 0.
pub type Position = [f64; 2];

/// The mean of the terms.
pub trait Shape: Sized {
    /// The name of its class in the Python package.
    const NAME: &'static str;
    /// 1 on a line, 2 in the plane.
    const N_DIMENSIONS: usize;

    /// The shape with its parameters.
    ///
    /// # Errors
    /// If one of them is out of its range.
    fn from_options(options: &dyn Options) -> Result<Self>;

    /// The value at `w`.
    fn value(&self, w: Position) -> f64;

    /// The gradient at `w`.
    fn gradient(&self, w: Position) -> Position;

    /// The stationary points, from right to left: the shallow minimum, the saddle, the deep minimum.
    fn rests(&self) -> [Position; 3];
}

/// Generates the enum of all shapes: a new shape is one line in the list below.
macro_rules! shapes {
    ($($(#[$doc:meta])* $shape:ident,)*) => {
        /// The shapes.
        #[derive(Debug, Clone, Copy, PartialEq)]
        enum Surface {
            $($(#[$doc])* $shape($shape),)*
        }

        impl Surface {
            fn n_dimensions(&self) -> usize {
                match self {
                    $(Self::$shape(_) => $shape::N_DIMENSIONS,)*
                }
            }

            #[inline]
            fn value(&self, w: Position) -> f64 {
                match self {
                    $(Self::$shape(shape) => shape.value(w),)*
                }
            }

            #[inline]
            fn gradient(&self, w: Position) -> Position {
                match self {
                    $(Self::$shape(shape) => shape.gradient(w),)*
                }
            }

            fn rests(&self) -> [Position; 3] {
                match self {
                    $(Self::$shape(shape) => Shape::rests(shape),)*
                }
            }

            fn from_options(options: &dyn Options) -> Result<Self> {
                match options.name().as_str() {
                    $($shape::NAME => $shape::from_options(options).map(Self::$shape),)*
                    _ => Err(Error::WrongType {
                        argument: "landscape",
                        expected: "an object of mbgd_rs.landscapes",
                        got: options.written(),
                    }),
                }
            }
        }
    };
}

shapes! {
    /// On a line.
    DoubleWell,
    /// In the plane.
    BentDoubleWell,
}

/// A shape and the terms it is the mean of.
///
/// ```
/// use mbgd_rs::landscape::{DoubleWell, Landscape};
///
/// let landscape = Landscape::on_line(DoubleWell::new(0.25, 0.1)?, 1.0, 100)?;
/// let [shallow, saddle, deep] = landscape.rests();
/// assert!(landscape.value(deep) < landscape.value(shallow));
/// assert!(landscape.value(shallow) < landscape.value(saddle));
/// assert!(landscape.has_escaped(deep) && !landscape.has_escaped(shallow));
/// # Ok::<(), mbgd_rs::error::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Landscape {
    surface: Surface,
    terms: Vec<Position>,
    rests: [Position; 3],
    /// A walk has escaped where it is left of the saddle and lower than this.
    escape_level: f64,
}

impl Landscape {
    /// A landscape on a line of `n_terms` terms.
    ///
    /// # Errors
    /// If the noise is not finite and >= 0, or there are fewer than 2 terms.
    pub fn on_line(shape: DoubleWell, noise: f64, n_terms: usize) -> Result<Self> {
        Self::new(Surface::DoubleWell(shape), noise, n_terms as i64)
    }

    /// A landscape in the plane of `n_terms` terms.
    ///
    /// # Errors
    /// If the noise is not finite and >= 0, or there are fewer than 3 terms.
    pub fn in_plane(shape: BentDoubleWell, noise: f64, n_terms: usize) -> Result<Self> {
        Self::new(Surface::BentDoubleWell(shape), noise, n_terms as i64)
    }

    /// The landscape with its parameters.
    ///
    /// # Errors
    /// If one of them is out of its range, or `options` does not describe a landscape.
    pub fn from_options(options: &dyn Options) -> Result<Self> {
        let surface = Surface::from_options(options)?;
        Self::new(surface, options.number("noise")?, options.integer("n_terms")?)
    }

    fn new(surface: Surface, noise: f64, n_terms: i64) -> Result<Self> {
        checked("noise", "finite and >= 0", noise, |noise| noise.is_finite() && noise >= 0.0)?;
        let (least, condition) = if surface.n_dimensions() == 1 { (2, ">= 2") } else { (3, ">= 3") };
        let n = usize::try_from(n_terms).ok().filter(|&n| n >= least && n_terms < 1 << 32);
        let n = n.ok_or_else(|| Error::OutOfRange {
            argument: "n_terms",
            condition: if n_terms >= 1 << 32 { "< 2^32" } else { condition },
            value: n_terms.to_string(),
        })?;
        let mut terms = try_reserved("the terms of a landscape", n)?;
        match surface.n_dimensions() {
            1 => terms.extend((0..n).map(|i| [noise * on_line(i, n), 0.0])),
            _ => terms.extend((0..n).map(|i| on_circle(i, n).map(|a| noise * a))),
        }
        let rests = surface.rests();
        let escape_level = (surface.value(rests[1]) + surface.value(rests[2])) / 2.0;
        Ok(Self { surface, terms, rests, escape_level })
    }

    /// 1 or 2.
    pub fn n_dimensions(&self) -> usize {
        self.surface.n_dimensions()
    }

    /// The slope s_i of each term.
    pub fn terms(&self) -> &[Position] {
        &self.terms
    }

    /// The mean of all terms.
    pub fn value(&self, w: Position) -> f64 {
        self.surface.value(w)
    }

    /// The gradient of the mean of all terms.
    pub fn gradient(&self, w: Position) -> Position {
        self.surface.gradient(w)
    }

    /// The gradient of the mean of the terms with these slopes.
    #[inline]
    pub fn batch_gradient(&self, w: Position, slopes: impl ExactSizeIterator<Item = Position>) -> Position {
        let n = slopes.len() as f64;
        let [u, v] = slopes.fold([0.0; 2], |[u, v], slope| [u + slope[0], v + slope[1]]);
        let mean = self.surface.gradient(w);
        [mean[0] + u / n, mean[1] + v / n]
    }

    /// The stationary points: the shallow minimum, the saddle, the deep minimum.
    pub fn rests(&self) -> [Position; 3] {
        self.rests
    }

    /// Whether a point is in the deep valley: left of the saddle, and lower than halfway down from the saddle
    /// to the deep minimum. A point far up the outer slope is not.
    #[inline]
    pub fn has_escaped(&self, w: Position) -> bool {
        w[0] < self.rests[1][0] && self.surface.value(w) < self.escape_level
    }
}

/// The i-th of n equally spaced numbers of mean 0 and mean square 1.
fn on_line(i: usize, n: usize) -> f64 {
    let n = n as f64;
    (2.0 * i as f64 - (n - 1.0)) * (3.0 / (n * n - 1.0)).sqrt()
}

/// The i-th of n equally spaced points of a circle, of mean 0 and the identity as covariance.
fn on_circle(i: usize, n: usize) -> Position {
    let (sin, cos) = (std::f64::consts::TAU * i as f64 / n as f64).sin_cos();
    [cos, sin].map(|a| 2.0_f64.sqrt() * a)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn landscapes() -> Vec<Landscape> {
        let well = |height, tilt| DoubleWell::new(height, tilt).unwrap();
        let bent = |bend, stiffness| BentDoubleWell::new(well(0.25, 0.1), bend, stiffness).unwrap();
        vec![
            Landscape::on_line(well(0.25, 0.1), 1.0, 100).unwrap(),
            Landscape::on_line(well(1e6, 1.0), 3.0, 2).unwrap(),
            Landscape::on_line(well(1e-6, 1.5e-6), 0.0, 7).unwrap(),
            Landscape::in_plane(bent(0.5, 2.0), 1.0, 3).unwrap(),
            Landscape::in_plane(bent(-3.0, 0.1), 2.0, 100).unwrap(),
        ]
    }

    #[test]
    fn gradients_are_finite_differences() {
        for landscape in landscapes() {
            let scale = landscape.value([2.0, 2.0]).abs();
            for w in [[0.3, -0.2], [-1.4, 0.9], [2.0, 2.0], [0.0, 0.0]] {
                let gradient = landscape.gradient(w);
                for j in 0..landscape.n_dimensions() {
                    let moved = |h: f64| {
                        let mut w = w;
                        w[j] += h;
                        landscape.value(w)
                    };
                    let slope = (moved(1e-5) - moved(-1e-5)) / 2e-5;
                    assert!((gradient[j] - slope).abs() < 1e-8 * scale, "{landscape:?} at {w:?}");
                }
            }
        }
    }

    #[test]
    fn the_gradient_is_zero_where_walks_rest_and_the_saddle_is_above_both_minima() {
        for landscape in landscapes() {
            let [shallow, saddle, deep] = landscape.rests();
            let scale = landscape.gradient([2.0, 2.0]).map(f64::abs);
            for w in landscape.rests() {
                let gradient = landscape.gradient(w);
                assert!((0..2).all(|j| gradient[j].abs() <= 1e-15 * (scale[0] + scale[1])), "{gradient:?}");
            }
            assert!(landscape.value(deep) < landscape.value(shallow));
            assert!(landscape.value(shallow) < landscape.value(saddle));
            assert!(!landscape.has_escaped(shallow) && !landscape.has_escaped(saddle));
            assert!(landscape.has_escaped(deep) && !landscape.has_escaped([-1e3, 0.0]));
        }
    }

    #[test]
    fn slopes_have_mean_zero_and_the_covariance_they_are_said_to_have() {
        for (landscape, noise) in landscapes().iter().zip([1.0, 3.0, 0.0, 1.0, 2.0]) {
            let n = landscape.terms().len() as f64;
            let mean = |of: &dyn Fn(&Position) -> f64| landscape.terms().iter().map(of).sum::<f64>() / n;
            assert!(mean(&|s| s[0]).abs() < 1e-14 && mean(&|s| s[1]).abs() < 1e-14);
            let square = noise * noise;
            assert!((mean(&|s| s[0] * s[0]) - square).abs() < 1e-12);
            let is_plane = f64::from(landscape.n_dimensions() == 2);
            assert!((mean(&|s| s[1] * s[1]) - is_plane * square).abs() < 1e-12);
            assert!(mean(&|s| s[0] * s[1]).abs() < 1e-12);
            let (w, all) = ([0.3, 0.1], landscape.terms().iter().copied());
            let (batch, whole) = (landscape.batch_gradient(w, all), landscape.gradient(w));
            assert!((batch[0] - whole[0]).abs() < 1e-14 && (batch[1] - whole[1]).abs() < 1e-14);
        }
    }

    #[test]
    fn what_is_no_landscape_is_refused() {
        assert!(DoubleWell::new(0.25, 8.0 / 27.0_f64.sqrt() * 0.25).is_err());
        let error = DoubleWell::new(0.25, 0.0).unwrap_err();
        assert_eq!(error.to_string(), "tilt must be > 0 and < 8 / (3 sqrt(3)) height, got 0");
        assert!(DoubleWell::new(f64::INFINITY, 0.1).is_err() && DoubleWell::new(0.25, f64::NAN).is_err());
        let well = DoubleWell::new(0.25, 0.1).unwrap();
        let error = Landscape::on_line(well, 1.0, 1).unwrap_err();
        assert_eq!(error.to_string(), "n_terms must be >= 2, got 1");
        assert!(Landscape::on_line(well, -1.0, 10).is_err());
        assert!(
            BentDoubleWell::new(well, 1.0, 0.0).is_err() && BentDoubleWell::new(well, f64::NAN, 1.0).is_err()
        );
        assert!(Landscape::in_plane(BentDoubleWell::new(well, 1.0, 1.0).unwrap(), 1.0, 2).is_err());
    }
}
