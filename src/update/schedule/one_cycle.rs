//! The one-cycle schedule: the rate rises once and falls once.

use super::{Rates, half_cosine, positive_factor, positive_rate, positive_steps};
use crate::error::{Error, Result, checked};
use crate::options::Options;

/// From `learning_rate / div_factor` up to `learning_rate` during the share `pct_start` of the steps, and down
/// to `learning_rate / div_factor / final_div_factor` at the last of them, which is kept from then on. With
/// `three_phase` the fall is the rise in a mirror, and what is left of the steps leads from there to the last
/// rate. PyTorch's `OneCycleLR`.
///
/// Source: L. N. Smith, N. Topin, Super-convergence: very fast training of neural networks using large
/// learning rates, 2018.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct OneCycle {
    /// The last step, the first and the last rate of each phase; a phase begins where the one before ends.
    phases: [(f64, f64, f64); 3],
    is_cosine: bool,
}

/// The arguments of [`OneCycle`], not yet checked.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct OneCycleConfig {
    /// The highest rate, finite and > 0.
    pub learning_rate: f64,
    /// Steps of the cycle, >= 1.
    pub n_steps: i64,
    /// Share of the steps that rise, between 0 and 1, and with `three_phase` at most 0.5.
    pub pct_start: f64,
    /// Whether the rate moves along half a cosine, or else along a line.
    pub is_cosine: bool,
    /// How many times smaller the first rate is, finite and > 0.
    pub div_factor: f64,
    /// How many times smaller than the first rate the last one is, finite and > 0.
    pub final_div_factor: f64,
    /// Whether the fall stops at the first rate on its way.
    pub three_phase: bool,
}

impl OneCycle {
    /// Checks the arguments.
    ///
    /// # Errors
    /// [`Error::OutOfRange`].
    pub fn new(config: OneCycleConfig) -> Result<Self> {
        let OneCycleConfig { pct_start, three_phase, .. } = config;
        let top = positive_rate(config.learning_rate)?;
        let n_steps = positive_steps("n_steps", config.n_steps)? as f64;
        let (condition, most) = if three_phase {
            ("between 0 and 0.5 when three_phase=True", 0.5)
        } else {
            ("between 0 and 1", 1.0)
        };
        checked("pct_start", condition, pct_start, |pct| (0.0..=most).contains(&pct))?;
        let first = top / positive_factor("div_factor", config.div_factor)?;
        let last = first / positive_factor("final_div_factor", config.final_div_factor)?;
        let turn = pct_start * n_steps - 1.0;
        let phases = if three_phase {
            let back = 2.0 * pct_start * n_steps - 2.0;
            [(turn, first, top), (back, top, first), (n_steps - 1.0, first, last)]
        } else {
            [(turn, first, top), (n_steps - 1.0, top, last), (n_steps - 1.0, top, last)]
        };
        Ok(Self { phases, is_cosine: config.is_cosine })
    }
}

impl Rates for OneCycle {
    const NAME: &'static str = "OneCycle";

    fn from_options(options: &dyn Options) -> Result<Self> {
        let strategy = options.text("anneal_strategy")?;
        let is_cosine = match strategy.as_str() {
            "cos" => true,
            "linear" => false,
            _ => {
                const KNOWN: &[&str] = &["\"cos\"", "\"linear\""];
                let argument = "anneal_strategy";
                return Err(Error::UnknownName { argument, value: strategy, known: KNOWN });
            }
        };
        Self::new(OneCycleConfig {
            learning_rate: options.number("learning_rate")?,
            n_steps: options.integer("n_steps")?,
            pct_start: options.number("pct_start")?,
            is_cosine,
            div_factor: options.number("div_factor")?,
            final_div_factor: options.number("final_div_factor")?,
            three_phase: options.flag("three_phase")?,
        })
    }

    fn at(&self, t: u64) -> f64 {
        let t = t as f64;
        let [.., (_, _, last)] = self.phases;
        let mut start = 0.0;
        for (end, from, to) in self.phases {
            if t <= end {
                let done = if end > start { (t - start) / (end - start) } else { 1.0 };
                return if self.is_cosine { half_cosine(from, to, done) } else { from + (to - from) * done };
            }
            start = end;
        }
        last
    }
}
