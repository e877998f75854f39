//! The steps of the rules beyond plain SGD, each as one loop over the parameters.

use mbgd_rs::error::Result;
use mbgd_rs::options::Options;
use mbgd_rs::scalar::Scalar;
use mbgd_rs::update as library;

use super::dense::{Params, RATE};
use super::simd::Vector;

/// Rules with their defaults.
#[derive(Clone, Copy)]
pub enum Rule {
    Sgd,
    Momentum,
    Adam,
    AdamW,
    Adagrad,
    RmsProp,
    Lion,
    Ftrl,
}

const WEIGHT_DECAY: f64 = 0.01;
const EPS: f64 = 1e-8;

impl Rule {
    pub const ALL: [Self; 8] = [
        Self::Sgd,
        Self::Momentum,
        Self::Adam,
        Self::AdamW,
        Self::Adagrad,
        Self::RmsProp,
        Self::Lion,
        Self::Ftrl,
    ];

    /// Its name, and the library's rule.
    pub fn of_library(self) -> (&'static str, library::Rule) {
        use library::{Adagrad, Adam, Ftrl, Lion, RmsProp, Sgd};
        match self {
            Self::Sgd => ("sgd", library::Rule::Sgd(Sgd::default())),
            Self::Momentum => ("momentum", library::Rule::Sgd(Sgd::new(0.9, false).expect("a momentum"))),
            Self::Adam => ("adam", library::Rule::Adam(Adam::default())),
            Self::AdamW => ("adamw", library::Rule::AdamW(with_defaults())),
            Self::Adagrad => ("adagrad", library::Rule::Adagrad(with_defaults::<Adagrad>())),
            Self::RmsProp => ("rmsprop", library::Rule::RmsProp(with_defaults::<RmsProp>())),
            Self::Lion => ("lion", library::Rule::Lion(with_defaults::<Lion>())),
            Self::Ftrl => ("ftrl", library::Rule::Ftrl(with_defaults::<Ftrl>())),
        }
    }

    /// Step `t`, counted from 1, of all columns and the intercept, by the sum of the gradients of `n_rows`.
    #[inline(always)]
    pub unsafe fn step<V: Vector>(
        self,
        (t, d, n_rows): (usize, usize, usize),
        sum: &Params<V::Elem>,
        w: &mut Params<V::Elem>,
        slots: &mut [Params<V::Elem>; 2],
    ) {
        let unbias = |beta: f64| 1.0 - beta.powf(t as f64);
        let (rate1, root2) = match self {
            Self::Adam | Self::AdamW => (RATE / unbias(0.9), 1.0 / unbias(0.999).sqrt()),
            _ => (RATE, 1.0),
        };
        let [first, second] = slots;
        // SAFETY: the arrays are padded to whole vectors.
        unsafe {
            let mean = V::constant(1.0 / n_rows as f64);
            let constants = Constants { rate: V::constant(rate1), root2: V::constant(root2) };
            for j in (0..d).step_by(V::Elem::LANES) {
                let (w, m, v) = (
                    w.coef.as_mut_ptr().add(j),
                    first.coef.as_mut_ptr().add(j),
                    second.coef.as_mut_ptr().add(j),
                );
                let g = V::load(sum.coef.as_ptr().add(j)).mul(mean);
                let moved = self.moved(constants, g, V::load(w), V::load(m), V::load(v));
                moved[0].store(w);
                moved[1].store(m);
                moved[2].store(v);
            }
            let splat = V::splat;
            let g = splat(sum.intercept).mul(mean);
            let moved =
                self.moved(constants, g, splat(w.intercept), splat(first.intercept), splat(second.intercept));
            w.intercept = moved[0].first();
            first.intercept = moved[1].first();
            second.intercept = moved[2].first();
        }
    }

    /// Parameters and slots after the step. Slots that a rule does not have stay zero.
    #[inline(always)]
    unsafe fn moved<V: Vector>(self, constants: Constants<V>, g: V, w: V, m: V, v: V) -> [V; 3] {
        let Constants { rate, root2 } = constants;
        unsafe {
            let c = V::constant;
            match self {
                Self::Sgd => [w.sub(rate.mul(g)), m, v],
                Self::Momentum => {
                    let m = c(0.9).mul(m).add(g);
                    [w.sub(rate.mul(m)), m, v]
                }
                Self::Adam | Self::AdamW => {
                    let w = match self {
                        Self::AdamW => w.mul(c(1.0 - RATE * WEIGHT_DECAY)),
                        _ => w,
                    };
                    let m = c(0.9).mul(m).add(c(0.1).mul(g));
                    let v = c(0.999).mul(v).add(c(0.001).mul(g).mul(g));
                    [w.sub(rate.mul(m).div(v.sqrt().mul(root2).add(c(EPS)))), m, v]
                }
                Self::Adagrad => {
                    let v = v.add(g.mul(g));
                    [w.sub(rate.mul(g).div(v.sqrt().add(c(EPS)))), m, v]
                }
                Self::RmsProp => {
                    let v = c(0.99).mul(v).add(c(0.01).mul(g).mul(g));
                    [w.sub(rate.mul(g).div(v.sqrt().add(c(EPS)))), m, v]
                }
                Self::Lion => {
                    let direction = c(0.9).mul(m).add(c(0.1).mul(g));
                    let sign = direction.mul(c(1e30)).min(c(1.0)).max(c(-1.0));
                    [w.sub(rate.mul(sign)), c(0.99).mul(m).add(c(0.01).mul(g)), v]
                }
                Self::Ftrl => {
                    let next = v.add(g.mul(g));
                    let root = next.sqrt();
                    let m = m.add(g).sub(root.sub(v.sqrt()).div(rate).mul(w));
                    [V::zero().sub(m).div(c(1.0).add(root).div(rate)), m, next]
                }
            }
        }
    }
}

#[derive(Clone, Copy)]
struct Constants<V> {
    rate: V,
    /// One by the root of what unbiases the squares.
    root2: V,
}

/// The hyperparameters that the bare loops have.
struct Defaults;

fn with_defaults<R: library::Update>() -> R {
    R::from_options(&Defaults).expect("in range")
}

impl Options for Defaults {
    fn name(&self) -> String {
        "defaults".into()
    }
    fn written(&self) -> String {
        self.name()
    }
    fn as_number(&self) -> Option<f64> {
        None
    }
    fn number(&self, name: &'static str) -> Result<f64> {
        Ok(match name {
            "eps" => EPS,
            "weight_decay" => WEIGHT_DECAY,
            "alpha" => 0.99,
            "beta" => 1.0,
            _ => 0.0,
        })
    }
    fn integer(&self, _: &'static str) -> Result<i64> {
        Ok(0)
    }
    fn flag(&self, _: &'static str) -> Result<bool> {
        Ok(false)
    }
    fn pair(&self, _: &'static str) -> Result<(f64, f64)> {
        Ok((0.9, 0.999))
    }
    fn numbers(&self, _: &'static str) -> Result<Vec<f64>> {
        Ok(Vec::new())
    }
    fn text(&self, name: &'static str) -> Result<String> {
        Ok(name.into())
    }
    fn is_none(&self, _: &'static str) -> Result<bool> {
        Ok(false)
    }
    fn child(&self, _: &'static str) -> Result<Box<dyn Options + '_>> {
        Ok(Box::new(Self))
    }
}
