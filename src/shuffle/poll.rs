//! A poll of whether the caller wants the work to end, every so many rows.

use crate::error::{Error, Result};

/// Rows between two polls: some milliseconds.
pub(super) const ROWS_BETWEEN_POLLS: usize = 1 << 18;

/// [`Error::Interrupted`] if the caller wants the work to end.
pub(super) fn poll(interrupted: &dyn Fn() -> bool) -> Result<()> {
    if interrupted() { Err(Error::Interrupted) } else { Ok(()) }
}
