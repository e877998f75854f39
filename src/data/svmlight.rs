//! Lines of the svmlight format as numbers: `label column:value column:value # comment`.
//!
//! Words are divided by blanks. The first of a line is its label; others are entries, in ascending columns, but for words that
//! begin with `qid:`, which are left out, as is everything from `#` on. Numbers are written as in C.

use std::str;

use crate::error::{Error, Result, try_reserved};

/// Columns are less than this.
const MOST_COLUMNS: i64 = 1 << 59;
/// Bytes between two polls of whether the caller wants the work to end: about a millisecond.
const BYTES_BETWEEN_POLLS: usize = 1 << 18;

/// What lines with content say, one after the other.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SvmlightLines {
    /// Where each begins.
    pub begins: Vec<i64>,
    /// The label of each.
    pub labels: Vec<f64>,
    /// How many entries each has.
    pub counts: Vec<i64>,
    /// The column of each entry, as it is written.
    pub columns: Vec<i64>,
    /// Its value.
    pub values: Vec<f64>,
}

impl SvmlightLines {
    /// Reads whole lines.
    ///
    /// ```
    /// use mbgd_rs::data::SvmlightLines;
    ///
    /// let lines = SvmlightLines::read(b"+1 1:0.5 3:2 # the first\n\n-1 2:1e-3\n", &|| false)?;
    /// assert_eq!(lines.labels, [1.0, -1.0]);
    /// assert_eq!((lines.counts, lines.columns), (vec![2, 1], vec![1, 3, 2]));
    /// assert_eq!(lines.values, [0.5, 2.0, 1e-3]);
    /// # Ok::<(), mbgd_rs::error::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::InvalidEntry`] at the first line that is not of the format, by its number among those with content;
    /// [`Error::OutOfMemory`], and [`Error::Interrupted`].
    pub fn read(text: &[u8], interrupted: &dyn Fn() -> bool) -> Result<Self> {
        // Room for as many entries as there are colons, and for as many lines; nothing grows after that.
        let count = |wanted| text.iter().filter(|&&c| c == wanted).count();
        let (n_entries, n_lines) = (count(b':'), count(b'\n') + 1);
        let mut lines = Self {
            begins: try_reserved("the rows of a file", n_lines)?,
            labels: try_reserved("the rows of a file", n_lines)?,
            counts: try_reserved("the rows of a file", n_lines)?,
            columns: try_reserved("the entries of a file", n_entries)?,
            values: try_reserved("the entries of a file", n_entries)?,
        };
        let (mut begin, mut poll_at) = (0, BYTES_BETWEEN_POLLS);
        while begin < text.len() {
            let end = text[begin..].iter().position(|&c| c == b'\n').map_or(text.len(), |n| begin + n);
            lines.line(text, begin, end)?;
            begin = end + 1;
            if begin > poll_at {
                poll_at = begin + BYTES_BETWEEN_POLLS;
                if interrupted() {
                    return Err(Error::Interrupted);
                }
            }
        }
        Ok(lines)
    }

    fn line(&mut self, text: &[u8], begin: usize, end: usize) -> Result<()> {
        let line = &text[begin..end];
        let content = line.iter().position(|&c| c == b'#').map_or(line, |n| &line[..n]);
        let mut words = content.split(|&c| c <= b' ').filter(|word| !word.is_empty());
        let Some(label) = words.next() else { return Ok(()) };
        let row = self.labels.len();
        let label = number(label).ok_or_else(|| malformed(row, "a label that is a number", label))?;
        let before = self.columns.len();
        let mut last = -1;
        for word in words.filter(|word| !word.starts_with(b"qid:")) {
            let (column, value) =
                entry(word).ok_or_else(|| malformed(row, "entries as 3:0.5, a column and a value", word))?;
            let refused =
                |condition, value| Err(Error::InvalidEntry { argument: "lines", condition, row, value });
            if column >= MOST_COLUMNS {
                let digits = word.split(|&c| c == b':').next().unwrap_or_default();
                return refused("columns < 2**59", String::from_utf8_lossy(digits).into_owned());
            }
            if column <= last {
                return refused("ascending columns", format!("{column} after {last}"));
            }
            last = column;
            self.columns.push(column);
            self.values.push(value);
        }
        let blanks = content.iter().take_while(|&&c| c <= b' ').count();
        self.begins.push((begin + blanks) as i64);
        self.labels.push(label);
        self.counts.push((self.columns.len() - before) as i64);
        Ok(())
    }
}

fn malformed(row: usize, condition: &'static str, word: &[u8]) -> Error {
    let value = format!("'{}'", String::from_utf8_lossy(word));
    Error::InvalidEntry { argument: "lines", condition, row, value }
}

/// The column and the value of an entry.
fn entry(word: &[u8]) -> Option<(i64, f64)> {
    let colon = word.iter().position(|&c| c == b':')?;
    let column = &word[..colon];
    if column.is_empty() {
        return None;
    }
    let mut digits = 0_i64;
    for &c in column {
        if !c.is_ascii_digit() {
            return None;
        }
        digits = digits.saturating_mul(10).saturating_add(i64::from(c - b'0'));
    }
    Some((digits, number(&word[colon + 1..])?))
}

/// A number, as C and Python write it; most values of sets of features that are there or not are one digit.
fn number(word: &[u8]) -> Option<f64> {
    match word {
        [digit] if digit.is_ascii_digit() => Some(f64::from(digit - b'0')),
        _ => str::from_utf8(word).ok()?.parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<SvmlightLines> {
        SvmlightLines::read(text.as_bytes(), &|| false)
    }

    #[test]
    fn comments_queries_and_empty_lines_are_left_out() {
        let lines = read("# a comment\n\n  1 qid:7 0:1 2:-.5 # 9:9\r\n-1\n+2.5\t10:inf").unwrap();
        assert_eq!(lines.labels, [1.0, -1.0, 2.5]);
        assert_eq!(lines.counts, [2, 0, 1]);
        assert_eq!(lines.columns, [0, 2, 10]);
        assert_eq!(lines.values, [1.0, -0.5, f64::INFINITY]);
        assert_eq!(lines.begins, [15, 40, 43]);
        assert_eq!(read("").unwrap(), SvmlightLines::default());
    }

    #[test]
    fn what_is_not_of_the_format_is_refused_by_its_row() {
        let cases = [
            ("1 0:1\nx 1:1", 1, "a label that is a number"),
            ("1 0:1 2", 0, "entries as 3:0.5, a column and a value"),
            ("1 a:1", 0, "entries as 3:0.5, a column and a value"),
            ("1 1:", 0, "entries as 3:0.5, a column and a value"),
            ("1 -1:2", 0, "entries as 3:0.5, a column and a value"),
            ("1 1:0.5:2", 0, "entries as 3:0.5, a column and a value"),
            ("1 2:1 2:1", 0, "ascending columns"),
            ("1 999999999999999999:1", 0, "columns < 2**59"),
        ];
        for (text, expected_row, expected) in cases {
            match read(text) {
                Err(Error::InvalidEntry { condition, row, .. }) => {
                    assert_eq!((row, condition), (expected_row, expected), "{text}");
                }
                other => panic!("{text}: {other:?}"),
            }
        }
    }
}
