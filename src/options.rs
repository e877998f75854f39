//! Hyperparameters by name, from which losses, penalties, optimizers and schedules are made.
//!
//! The binding reads them from the package's dataclasses; a test can read them from a table.

use std::sync::Arc;

use crate::error::Result;

/// A function of the caller that maps a step, counted from 0, to a number.
pub type StepFunction = Arc<dyn Fn(u64) -> Result<f64> + Send + Sync>;

/// A named object with named values. The constructors of the core check ranges; an implementation only
/// refuses values of the wrong type.
pub trait Options {
    /// The name of the object's class.
    fn name(&self) -> String;
    /// The object as the user wrote it, for error messages.
    fn written(&self) -> String;
    /// The object as a number, if it is a plain number.
    fn as_number(&self) -> Option<f64>;
    /// The object as a function, if it is a function of the step.
    fn as_function(&self) -> Option<StepFunction> {
        None
    }
    /// A number.
    fn number(&self, name: &'static str) -> Result<f64>;
    /// A whole number.
    fn integer(&self, name: &'static str) -> Result<i64>;
    /// True or false.
    fn flag(&self, name: &'static str) -> Result<bool>;
    /// Two numbers.
    fn pair(&self, name: &'static str) -> Result<(f64, f64)>;
    /// Several numbers; for a matrix, its rows one after the other.
    fn numbers(&self, name: &'static str) -> Result<Vec<f64>>;
    /// Whether an option is a string.
    ///
    /// # Errors
    /// If there is no such option.
    fn is_text(&self, name: &'static str) -> Result<bool> {
        Ok(self.text(name).is_ok())
    }
    /// A string.
    fn text(&self, name: &'static str) -> Result<String>;
    /// Several strings.
    ///
    /// # Errors
    /// If there is no such option, or it is of something else.
    fn texts(&self, name: &'static str) -> Result<Vec<String>> {
        Ok(vec![self.text(name)?])
    }
    /// Whether the value was left out.
    fn is_none(&self, name: &'static str) -> Result<bool>;
    /// A nested object with named values.
    fn child(&self, name: &'static str) -> Result<Box<dyn Options + '_>>;
}
