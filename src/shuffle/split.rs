//! A random split into training and validation rows.

use super::poll::{ROWS_BETWEEN_POLLS, poll};
use crate::error::{Error, Result, try_collected, try_filled, try_reserved};
use crate::rng;

/// All rows, in two lists, each in the order of the data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Split {
    /// Rows to train on.
    pub training: Vec<usize>,
    /// Rows to validate on.
    pub validation: Vec<usize>,
}

/// Sets `fraction * n_rows` rows aside, rounded to the nearest number, at least 1 and at most `n_rows - 1`.
///
/// With `strata`, the number of the class of each row, every class gives its share of them, rounded up where
/// the remainder is largest, and keeps at least one row; where the classes have too few rows for that,
/// fewer rows are set aside. Within a class, or all together, those rows are taken that have the lowest of
/// random 64-bit keys: a uniform draw without replacement, and a pure function of the arguments.
///
/// ```
/// use mbgd_rs::shuffle::split;
///
/// let classes = [0, 0, 0, 0, 0, 0, 1, 1, 1];
/// let split = split(9, 1.0 / 3.0, Some(&classes), 0, &|| false)?;
/// assert_eq!(split.validation.iter().filter(|&&row| classes[row] == 1).count(), 1);
/// assert_eq!((split.training.len(), split.validation.len()), (6, 3));
/// # Ok::<(), mbgd_rs::error::Error>(())
/// ```
///
/// # Errors
/// If the fraction is not between 0 and 1, the strata are not one per row, no row can be spared, or the work was interrupted.
pub fn split(
    n_rows: usize,
    fraction: f64,
    strata: Option<&[usize]>,
    seed: u64,
    interrupted: &dyn Fn() -> bool,
) -> Result<Split> {
    if !(fraction > 0.0 && fraction < 1.0) {
        let condition = "a fraction between 0 and 1, both excluded";
        return Err(Error::OutOfRange { argument: "validation", condition, value: fraction.to_string() });
    }
    if strata.is_some_and(|strata| strata.len() != n_rows) {
        let (expected, got) = (format!("{n_rows} entries"), format!("{}", strata.map_or(0, <[_]>::len)));
        return Err(Error::Shape { argument: "strata", expected, got });
    }
    let stream = rng::Stream::new(seed, 0, rng::SPLIT);
    let key = |row: usize| (stream.word64(2 * row as u64), row);
    let mut members = rows_by_stratum(n_rows, strata, key, interrupted)?;
    let sizes = try_collected("the split", members.iter().map(Vec::len))?;
    let n_wanted = ((fraction * n_rows as f64).round() as usize).clamp(1, n_rows.saturating_sub(1).max(1));
    let mut is_set_aside = try_filled("the split", n_rows, false)?;
    for (rows, n) in members.iter_mut().zip(shares(&sizes, n_wanted)?) {
        poll(interrupted)?;
        if n > 0 {
            rows.select_nth_unstable(n - 1);
        }
        rows[..n].iter().for_each(|&(_, row)| is_set_aside[row] = true);
    }
    let n_validation = is_set_aside.iter().filter(|&&is| is).count();
    if n_validation == 0 {
        return Err(Error::OutOfRange {
            argument: "validation",
            condition: "rows that training can spare (a class keeps at least one)",
            value: format!("{fraction} of {n_rows} row(s) in {} class(es)", sizes.len()),
        });
    }
    let mut training = try_reserved("the split", n_rows - n_validation)?;
    let mut validation = try_reserved("the split", n_validation)?;
    for (row, is_set_aside) in is_set_aside.into_iter().enumerate() {
        if is_set_aside { validation.push(row) } else { training.push(row) }
    }
    Ok(Split { training, validation })
}

/// For each stratum its rows, with the key of each.
fn rows_by_stratum(
    n_rows: usize,
    strata: Option<&[usize]>,
    key: impl Fn(usize) -> (u64, usize),
    interrupted: &dyn Fn() -> bool,
) -> Result<Vec<Vec<(u64, usize)>>> {
    let n_strata = strata.map_or(1, |strata| strata.iter().max().map_or(0, |&last| last.saturating_add(1)));
    let mut sizes = try_filled("the split", n_strata, 0)?;
    match strata {
        None => sizes[0] = n_rows,
        Some(strata) => strata.iter().for_each(|&stratum| sizes[stratum] += 1),
    }
    let mut members: Vec<Vec<_>> = try_reserved("the split", sizes.len())?;
    for &size in &sizes {
        members.push(try_reserved("the split", size)?);
    }
    for row in 0..n_rows {
        if row % ROWS_BETWEEN_POLLS == 0 {
            poll(interrupted)?;
        }
        members[strata.map_or(0, |strata| strata[row])].push(key(row));
    }
    Ok(members)
}

/// How many of `n_wanted` each stratum gives: its exact share rounded down, and one more where the remainder
/// is largest, the first of equals; never all it has.
fn shares(sizes: &[usize], n_wanted: usize) -> Result<Vec<usize>> {
    let n_rows: u128 = sizes.iter().map(|&size| size as u128).sum();
    let share = |size: usize| (n_wanted as u128 * size as u128 / n_rows.max(1)) as usize;
    let remainder = |size: usize| n_wanted as u128 * size as u128 % n_rows.max(1);
    let most = |&size: &usize| share(size).min(size.saturating_sub(1));
    let mut shares = try_collected("the split", sizes.iter().map(most))?;
    let mut by_remainder = try_collected("the split", 0..sizes.len())?;
    by_remainder.sort_unstable_by_key(|&c| (std::cmp::Reverse(remainder(sizes[c])), c));
    let mut n_missing = n_wanted - shares.iter().sum::<usize>();
    while n_missing > 0 {
        let n_before = n_missing;
        for &c in &by_remainder {
            if n_missing > 0 && shares[c] + 1 < sizes[c] {
                shares[c] += 1;
                n_missing -= 1;
            }
        }
        if n_missing == n_before {
            break;
        }
    }
    Ok(shares)
}
