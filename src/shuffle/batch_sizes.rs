//! Batch sizes that grow from epoch to epoch.

use crate::error::{Error, Result, checked, try_collected};
use crate::options::Options;

/// Rows of a batch as a pure function of the epoch, so that every batch can be reached without those before.
///
/// A larger batch makes a step less noisy, as a smaller learning rate does, and an epoch shorter.
///
/// Source: S. L. Smith, P.-J. Kindermans, C. Ying, Q. V. Le, Don't decay the learning rate, increase the batch
/// size, ICLR 2018.
#[derive(Debug, Clone, PartialEq)]
pub enum BatchSizes {
    /// `floor(batch_size factor^floor(epoch / every))`, up to a limit.
    Growing {
        /// Of the first epochs.
        batch_size: usize,
        /// By which it grows.
        factor: f64,
        /// Epochs from one growth to the next.
        every: u64,
        /// The limit.
        max_batch_size: usize,
    },
    /// One for each epoch; the last one from then on.
    PerEpoch(Vec<usize>),
    /// As the noise of the gradients asks for. What it comes to is not known before: training keeps it.
    NormTest(NormTest),
}

/// Batches that are to pass the norm test, `var(g) <= theta^2 |g|^2`: the noise of a batch's gradient g is a part of
/// it at most, however near the optimum is.
///
/// Source: R. H. Byrd, G. M. Chin, J. Nocedal, Y. Wu, Sample size selection in optimization methods for machine
/// learning, Mathematical Programming 134, 2012.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct NormTest {
    batch_size: usize,
    theta: f64,
    max_batch_size: usize,
}

impl NormTest {
    /// A first batch, >= 2, since one row has no variance; theta in (0, 1), for with more every batch would pass
    /// in the end; and the largest batch, if there is a limit.
    pub fn new(batch_size: i64, theta: f64, max_batch_size: Option<i64>) -> Result<Self> {
        if batch_size < 2 {
            let (argument, condition) = ("batch_size", ">= 2, since one row has no variance");
            return Err(Error::OutOfRange { argument, condition, value: batch_size.to_string() });
        }
        let max_batch_size = max_batch_size.map(|most| positive("max_batch_size", most)).transpose()?;
        Ok(Self {
            batch_size: positive("batch_size", batch_size)?,
            theta: checked("theta", "in (0, 1)", theta, |theta| theta > 0.0 && theta < 1.0)?,
            max_batch_size: max_batch_size.unwrap_or(usize::MAX),
        })
    }

    /// The largest standard deviation of a gradient allowed, in norms of the gradient.
    pub fn theta(&self) -> f64 {
        self.theta
    }

    /// Rows of the largest batch.
    pub fn max_batch_size(&self) -> usize {
        self.max_batch_size
    }
}

impl BatchSizes {
    /// A first batch, >= 1, a factor, finite and >= 1, the epochs between two growths, >= 1, and the largest
    /// batch, if there is a limit.
    pub fn growing(batch_size: i64, factor: f64, every: i64, max_batch_size: Option<i64>) -> Result<Self> {
        let max_batch_size = max_batch_size.map(|most| positive("max_batch_size", most)).transpose()?;
        Ok(Self::Growing {
            batch_size: positive("batch_size", batch_size)?,
            factor: checked("factor", "finite and >= 1", factor, |f| f.is_finite() && f >= 1.0)?,
            every: positive("every", every)? as u64,
            max_batch_size: max_batch_size.unwrap_or(usize::MAX),
        })
    }

    /// A batch for each epoch, all whole numbers >= 1.
    pub fn per_epoch(sizes: &[f64]) -> Result<Self> {
        let is_size = |size: &f64| size.fract() == 0.0 && *size >= 1.0 && *size < 2.0_f64.powi(53);
        let condition = "whole numbers >= 1, at least one";
        if sizes.is_empty() {
            return Err(Error::OutOfRange { argument: "batch_sizes", condition, value: "none".into() });
        }
        if let Some(i) = sizes.iter().position(|size| !is_size(size)) {
            let value = format!("{} at entry {i}", sizes[i]);
            return Err(Error::OutOfRange { argument: "batch_sizes", condition, value });
        }
        Ok(Self::PerEpoch(try_collected("batch sizes", sizes.iter().map(|&size| size as usize))?))
    }

    /// The batch sizes these options are of; None if they are of something else.
    ///
    /// # Errors
    /// If one of them is out of its range.
    pub fn from_options(options: &dyn Options) -> Result<Option<Self>> {
        let most = || match options.is_none("max_batch_size")? {
            true => Ok(None),
            false => options.integer("max_batch_size").map(Some),
        };
        match options.name().as_str() {
            "Growing" => {
                let (size, every) = (options.integer("batch_size")?, options.integer("every")?);
                Self::growing(size, options.number("factor")?, every, most()?).map(Some)
            }
            "PerEpoch" => Self::per_epoch(&options.numbers("batch_sizes")?).map(Some),
            "NormTest" => {
                let (size, theta) = (options.integer("batch_size")?, options.number("theta")?);
                Ok(Some(Self::NormTest(NormTest::new(size, theta, most()?)?)))
            }
            _ => Ok(None),
        }
    }

    /// Rows of a batch in an epoch, counted from 0, or of the first where the others follow from the noise.
    pub fn at(&self, epoch: u64) -> usize {
        match self {
            Self::Growing { batch_size, factor, every, max_batch_size } => {
                let size = *batch_size as f64 * factor.powf((epoch / every) as f64);
                (size as usize).min(*max_batch_size) // a size beyond all numbers is the largest
            }
            Self::PerEpoch(sizes) => {
                let epoch = usize::try_from(epoch).unwrap_or(usize::MAX);
                sizes[epoch.min(sizes.len() - 1)]
            }
            Self::NormTest(test) => test.batch_size.min(test.max_batch_size),
        }
    }

    /// The largest batch up to an epoch.
    pub fn largest(&self, last_epoch: u64) -> usize {
        match self {
            Self::Growing { .. } => self.at(last_epoch),
            Self::PerEpoch(sizes) => sizes.iter().copied().max().unwrap_or(1),
            Self::NormTest(test) => test.max_batch_size,
        }
    }
}

fn positive(argument: &'static str, value: i64) -> Result<usize> {
    match usize::try_from(value) {
        Ok(number) if number >= 1 => Ok(number),
        _ => Err(Error::OutOfRange { argument, condition: ">= 1", value: value.to_string() }),
    }
}
