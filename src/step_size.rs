//! The effective step size of an update, by which a proximal map shrinks.

/// The step that the last update would have made along a constant gradient of 1, by parameter.
///
/// A proximal map has to shrink by this much: then a parameter rests exactly where the gradient and the
/// penalty balance, whatever the optimizer's state or metric.
#[derive(Debug, Clone, Copy)]
pub enum EffectiveStepSize<'a, T> {
    /// The same for all.
    Uniform(T),
    /// One for each.
    PerParameter(&'a [T]),
}
