//! A random split into training and validation rows.

use crate::error::{Error, Result, try_filled, try_reserved};
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
/// let split = split(9, 1.0 / 3.0, Some(&classes), 0)?;
/// assert_eq!(split.validation.iter().filter(|&&row| classes[row] == 1).count(), 1);
/// assert_eq!((split.training.len(), split.validation.len()), (6, 3));
/// # Ok::<(), mbgd_rs::error::Error>(())
/// ```
///
/// # Errors
/// If the fraction is not between 0 and 1, the strata are not one per row, or no row can be spared.
pub fn split(n_rows: usize, fraction: f64, strata: Option<&[usize]>, seed: u64) -> Result<Split> {
    if !(fraction > 0.0 && fraction < 1.0) {
        let condition = "a fraction between 0 and 1, both excluded";
        return Err(Error::OutOfRange { argument: "validation", condition, value: fraction.to_string() });
    }
    if strata.is_some_and(|strata| strata.len() != n_rows) {
        let (expected, got) = (format!("{n_rows} entries"), format!("{}", strata.map_or(0, <[_]>::len)));
        return Err(Error::Shape { argument: "strata", expected, got });
    }
    let mut members = rows_by_stratum(n_rows, strata)?;
    let sizes: Vec<usize> = members.iter().map(Vec::len).collect();
    let n_wanted = ((fraction * n_rows as f64).round() as usize).clamp(1, n_rows.saturating_sub(1).max(1));
    let stream = rng::Stream::new(seed, 0, rng::SPLIT);
    let key = |&row: &usize| {
        let [high, low, ..] = stream.block(row as u64);
        (u64::from(high) << 32 | u64::from(low), row)
    };
    let mut is_set_aside = try_filled("the split", n_rows, false)?;
    for (rows, n) in members.iter_mut().zip(shares(&sizes, n_wanted)) {
        if n > 0 {
            rows.select_nth_unstable_by_key(n - 1, key);
        }
        rows[..n].iter().for_each(|&row| is_set_aside[row] = true);
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

fn rows_by_stratum(n_rows: usize, strata: Option<&[usize]>) -> Result<Vec<Vec<usize>>> {
    let Some(strata) = strata else {
        let mut rows = try_reserved("the split", n_rows)?;
        rows.extend(0..n_rows);
        return Ok(vec![rows]);
    };
    let mut sizes =
        try_filled("the split", strata.iter().max().map_or(0, |&last| last.saturating_add(1)), 0)?;
    strata.iter().for_each(|&stratum| sizes[stratum] += 1);
    let members = sizes.iter().map(|&size| try_reserved("the split", size));
    let mut members = members.collect::<Result<Vec<Vec<usize>>>>()?;
    strata.iter().enumerate().for_each(|(row, &stratum)| members[stratum].push(row));
    Ok(members)
}

/// How many of `n_wanted` each stratum gives: its exact share rounded down, and one more where the remainder
/// is largest, the first of equals; never all it has.
fn shares(sizes: &[usize], n_wanted: usize) -> Vec<usize> {
    let n_rows: u128 = sizes.iter().map(|&size| size as u128).sum();
    let share = |size: usize| (n_wanted as u128 * size as u128 / n_rows.max(1)) as usize;
    let remainder = |size: usize| n_wanted as u128 * size as u128 % n_rows.max(1);
    let mut shares: Vec<usize> = sizes.iter().map(|&size| share(size).min(size.saturating_sub(1))).collect();
    let mut by_remainder: Vec<usize> = (0..sizes.len()).collect();
    by_remainder.sort_by_key(|&c| std::cmp::Reverse(remainder(sizes[c])));
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
    shares
}
