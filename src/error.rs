//! Errors: one variant per cause, each with the offending value.

use std::sync::Arc;

use thiserror::Error;

/// The result of a fallible operation of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a call was refused or a run was ended.
#[derive(Debug, Clone, PartialEq, Error)]
#[non_exhaustive]
pub enum Error {
    /// A number is outside the range its argument allows.
    #[error("{argument} must be {condition}, got {value}")]
    OutOfRange {
        /// Name of the argument, as the user wrote it.
        argument: &'static str,
        /// What the argument has to satisfy.
        condition: &'static str,
        /// What it was.
        value: String,
    },
    /// A name that is not in the vocabulary.
    #[error("{argument} must be one of {}, got {value:?}", known.join(", "))]
    UnknownName {
        /// Name of the argument.
        argument: &'static str,
        /// The name given.
        value: String,
        /// All names that would have been understood.
        known: &'static [&'static str],
    },
    /// A value is of another type than its argument asks for.
    #[error("{argument} must be {expected}, got {got}")]
    WrongType {
        /// Name of the argument.
        argument: &'static str,
        /// What would have been understood.
        expected: &'static str,
        /// What it was, as the user wrote it.
        got: String,
    },
    /// Two arrays, or an array and an argument, do not fit together.
    #[error("{argument} must have {expected}, got {got}")]
    Shape {
        /// Name of the array.
        argument: &'static str,
        /// The shape that would have fitted.
        expected: String,
        /// The shape it has.
        got: String,
    },
    /// NaN or infinity in the input.
    #[error("{argument} must be finite, got {value} at row {row}, column {column}")]
    NotFinite {
        /// Name of the array.
        argument: &'static str,
        /// First offending row.
        row: usize,
        /// First offending column of that row.
        column: usize,
        /// `NaN`, `inf` or `-inf`.
        value: f64,
    },
    /// One entry of a vector is outside its domain.
    #[error("{argument} must be {condition}, got {value} at row {row}")]
    InvalidEntry {
        /// Name of the array.
        argument: &'static str,
        /// What every entry has to satisfy.
        condition: &'static str,
        /// First offending row.
        row: usize,
        /// What it was.
        value: String,
    },
    /// A target for which a loss is not defined.
    #[error("y must be {condition} for loss '{loss}', got {value} at row {row}")]
    OutsideDomain {
        /// What every target has to satisfy.
        condition: &'static str,
        /// Name of the loss.
        loss: &'static str,
        /// First offending row.
        row: usize,
        /// What it was.
        value: String,
    },
    /// Two arguments that exclude each other.
    #[error("{0}")]
    Incompatible(String),
    /// A product of sizes does not fit the address space.
    #[error("{what} is too large: {size}")]
    TooLarge {
        /// What was to be sized.
        what: &'static str,
        /// The factors, written out.
        size: String,
    },
    /// A buffer could not be reserved.
    #[error("not enough memory for {what}: {bytes} bytes")]
    OutOfMemory {
        /// What the buffer was for.
        what: &'static str,
        /// How much was asked for.
        bytes: usize,
    },
    /// A function of the caller's failed.
    #[error("{0}")]
    Foreign(Foreign),
    /// A thread could not be started.
    #[error("no thread can be started, for lack of memory or because there are too many: {reason}")]
    NoThread {
        /// What the operating system says.
        reason: String,
    },
    /// Another process of the run cannot go on.
    #[error("rank {rank} of {size} ended the run: {reason}")]
    OtherRank {
        /// Its number.
        rank: usize,
        /// How many there are.
        size: usize,
        /// What it has said.
        reason: String,
    },
    /// Processes could not exchange messages.
    #[error("the exchange between processes has failed: {reason}")]
    Exchange {
        /// What the exchange says.
        reason: String,
    },
    /// The caller asked for the work to end (for instance by Ctrl-C).
    #[error("interrupted")]
    Interrupted,
}

/// An error of the caller's own, carried back to where it came from. Equal to its copies alone.
#[derive(Debug, Clone, Error)]
#[error("{0}")]
pub struct Foreign(pub Arc<dyn std::error::Error + Send + Sync>);

impl PartialEq for Foreign {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

/// A number with a condition that its argument puts on it, or [`Error::OutOfRange`].
pub(crate) fn checked(
    argument: &'static str,
    condition: &'static str,
    value: f64,
    is_met: impl FnOnce(f64) -> bool,
) -> Result<f64> {
    if is_met(value) {
        return Ok(value);
    }
    Err(Error::OutOfRange { argument, condition, value: value.to_string() })
}

/// A vector of `len` copies of `value`, or [`Error::OutOfMemory`] instead of an abort.
pub(crate) fn try_filled<T: Clone>(what: &'static str, len: usize, value: T) -> Result<Vec<T>> {
    let mut buffer = try_reserved(what, len)?;
    buffer.resize(len, value);
    Ok(buffer)
}

/// [`try_filled`], for a vector that one thread writes while others write what was allocated after it: the two share no line
/// of a cache.
pub(crate) fn try_filled_apart<T: Clone>(what: &'static str, len: usize, value: T) -> Result<Vec<T>> {
    let mut buffer = try_reserved(what, len.saturating_add(128 / size_of::<T>()))?;
    buffer.resize(len, value);
    Ok(buffer)
}

/// A vector of what an iterator of known length yields, or [`Error::OutOfMemory`] instead of an abort.
pub(crate) fn try_collected<T>(
    what: &'static str,
    values: impl ExactSizeIterator<Item = T>,
) -> Result<Vec<T>> {
    let mut all = try_reserved(what, values.len())?;
    all.extend(values);
    Ok(all)
}

/// An empty vector with room for `len` items, or [`Error::OutOfMemory`].
pub(crate) fn try_reserved<T>(what: &'static str, len: usize) -> Result<Vec<T>> {
    let mut buffer = Vec::new();
    buffer
        .try_reserve_exact(len)
        .map_err(|_| Error::OutOfMemory { what, bytes: len.saturating_mul(size_of::<T>()) })?;
    Ok(buffer)
}

/// A copy of `values`, or [`Error::OutOfMemory`] instead of an abort.
pub(crate) fn try_copied<T: Copy>(what: &'static str, values: &[T]) -> Result<Vec<T>> {
    let mut copy = try_reserved(what, values.len())?;
    copy.extend_from_slice(values);
    Ok(copy)
}
