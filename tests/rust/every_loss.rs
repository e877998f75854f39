//! Every loss, by the core's own list of names: what tests try on all of them needs no table of its own.

use mbgd_rs::error::Result;
use mbgd_rs::gradient::Loss;
use mbgd_rs::options::Options;

/// The losses, with parameters that all of them take.
pub(crate) fn every_loss() -> impl Iterator<Item = Loss> {
    Loss::NAMES.iter().map(|name| Loss::from_options(name, &Parameters).unwrap())
}

struct Parameters;

impl Options for Parameters {
    fn name(&self) -> String {
        "loss".into()
    }
    fn written(&self) -> String {
        "a loss".into()
    }
    fn as_number(&self) -> Option<f64> {
        None
    }
    fn number(&self, name: &'static str) -> Result<f64> {
        Ok(if name == "power" { 1.5 } else { 0.5 })
    }
    fn integer(&self, _: &'static str) -> Result<i64> {
        Ok(1)
    }
    fn flag(&self, _: &'static str) -> Result<bool> {
        Ok(false)
    }
    fn pair(&self, _: &'static str) -> Result<(f64, f64)> {
        Ok((0.5, 0.5))
    }
    fn numbers(&self, _: &'static str) -> Result<Vec<f64>> {
        Ok(vec![0.5])
    }
    fn text(&self, _: &'static str) -> Result<String> {
        Ok("multinomial".into())
    }
    fn is_none(&self, _: &'static str) -> Result<bool> {
        Ok(false)
    }
    fn child(&self, _: &'static str) -> Result<Box<dyn Options + '_>> {
        Ok(Box::new(Parameters))
    }
}
