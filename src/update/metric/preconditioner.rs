//! `Preconditioner`: which metric the steps of an optimizer are to be made in.

use crate::error::{Error, Result};
use crate::options::Options;

const EXPECTED: &str =
    "an object of mbgd_rs.preconditioners, 'auto', 'diagonal', 'nystrom', 'newton' or None";

/// Which part of the curvature is to be learned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Preconditioner {
    /// What there are columns for: [`Newton`](Self::Newton) for at most twice as many as a batch has rows, else
    /// [`Nystrom`](Self::Nystrom); [`Diagonal`](Self::Diagonal) beside a penalty with a kink, or for more columns than that is
    /// worth.
    #[default]
    Auto,
    /// That of every standardised column on its own.
    Diagonal,
    /// The largest eigenvalues, by a sketch; of so many, or a number that doubles from refresh to refresh.
    ///
    /// Source: Z. Frangella et al., PROMISE: preconditioned stochastic optimization methods by incorporating scalable
    /// curvature estimates, JMLR 25 (2024).
    Nystrom {
        /// How many, if it is given.
        rank: Option<usize>,
    },
    /// All of it, of a sample of the rows.
    Newton,
}

impl Preconditioner {
    /// The preconditioner in the option of this name; None if there is to be none.
    ///
    /// # Errors
    /// If it is not one.
    pub(crate) fn from_option(options: &dyn Options, name: &'static str) -> Result<Option<Self>> {
        if options.is_none(name)? {
            return Ok(None);
        }
        if options.is_text(name)? {
            let word = options.text(name)?;
            return match word.as_str() {
                "auto" => Ok(Some(Self::Auto)),
                "diagonal" => Ok(Some(Self::Diagonal)),
                "nystrom" => Ok(Some(Self::Nystrom { rank: None })),
                "newton" => Ok(Some(Self::Newton)),
                _ => Err(Error::WrongType { argument: name, expected: EXPECTED, got: format!("'{word}'") }),
            };
        }
        Self::from_options(&*options.child(name)?, name).map(Some)
    }

    /// The preconditioner these options are of.
    ///
    /// # Errors
    /// If they are of something else, or a value is out of its range; the error names `argument`.
    pub fn from_options(options: &dyn Options, argument: &'static str) -> Result<Self> {
        match options.name().as_str() {
            "Diagonal" => Ok(Self::Diagonal),
            "Newton" => Ok(Self::Newton),
            "Nystrom" => Ok(Self::Nystrom { rank: rank_of(options)? }),
            _ => Err(Error::WrongType { argument, expected: EXPECTED, got: options.written() }),
        }
    }
}

/// A rank of at least 1; None for "auto".
fn rank_of(options: &dyn Options) -> Result<Option<usize>> {
    if options.is_text("rank")? {
        let word = options.text("rank")?;
        let (argument, expected) = ("rank", "an integer or 'auto'");
        return if word == "auto" {
            Ok(None)
        } else {
            Err(Error::WrongType { argument, expected, got: format!("'{word}'") })
        };
    }
    let rank = options.integer("rank")?;
    let is_valid = usize::try_from(rank).ok().filter(|&rank| rank >= 1);
    let (argument, condition) = ("rank", ">= 1");
    is_valid.map(Some).ok_or_else(|| Error::OutOfRange { argument, condition, value: rank.to_string() })
}
