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
        let in_chunk =
            |chunk: &[u8], wanted| usize::from(chunk.iter().map(|&c| u8::from(c == wanted)).sum::<u8>());
        let count = |wanted| text.chunks(255).map(|chunk| in_chunk(chunk, wanted)).sum::<usize>();
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
            begin = lines.line(text, begin)?;
            if begin > poll_at {
                poll_at = begin + BYTES_BETWEEN_POLLS;
                if interrupted() {
                    return Err(Error::Interrupted);
                }
            }
        }
        Ok(lines)
    }

    /// Reads the line that begins there, and says where the next one does.
    fn line(&mut self, text: &[u8], begin: usize) -> Result<usize> {
        let (row, before) = (self.labels.len(), self.columns.len());
        let mut at = after_blanks(text, begin);
        let (begin, end) = (at, word_end(text, at));
        if end > at {
            let word = &text[at..end];
            let label = number(word).ok_or_else(|| malformed(row, "a label that is a number", word))?;
            self.labels.push(label);
            let mut last = -1;
            at = after_blanks(text, end);
            while !ends(text, at) {
                if let Some((column, value, end)) = plain_entry(text, at)
                    && column > last
                {
                    last = column;
                    self.columns.push(column);
                    self.values.push(value);
                    at = after_blanks(text, end);
                    continue;
                }
                let end = word_end(text, at);
                let word = &text[at..end];
                at = after_blanks(text, end);
                if word.starts_with(b"qid:") {
                    continue;
                }
                last = self.entry(word, row, last)?;
            }
            self.begins.push(begin as i64);
            self.counts.push((self.columns.len() - before) as i64);
        }
        Ok(text[at..].iter().position(|&c| c == b'\n').map_or(text.len(), |n| at + n + 1))
    }

    /// Reads an entry as it may be written, in a column after the last one; returns its column.
    #[inline(never)]
    fn entry(&mut self, word: &[u8], row: usize, last: i64) -> Result<i64> {
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
        self.columns.push(column);
        self.values.push(value);
        Ok(column)
    }
}

/// Whether the content of a line ends there.
#[inline(always)]
fn ends(text: &[u8], at: usize) -> bool {
    matches!(text.get(at), None | Some(b'\n' | b'#'))
}

/// The first place from `at` on that has no blank, or ends the line.
#[inline(always)]
fn after_blanks(text: &[u8], mut at: usize) -> usize {
    while text.get(at).is_some_and(|&c| c <= b' ' && c != b'\n') {
        at += 1;
    }
    at
}

/// Where the word ends that begins there.
#[inline(always)]
fn word_end(text: &[u8], at: usize) -> usize {
    text[at..].iter().position(|&c| c <= b' ' || c == b'#').map_or(text.len(), |n| at + n)
}

/// Digits at a place, as a number, and where they end. Of more than 19 of them the number is wrong.
#[inline(always)]
fn digits(text: &[u8], mut at: usize, mut number: u64) -> (u64, usize) {
    while let Some(eight) = text[at..].first_chunk::<8>().and_then(eight_digits) {
        number = number.wrapping_mul(100_000_000).wrapping_add(eight);
        at += 8;
    }
    while let Some(digit) = text.get(at).map(|c| c.wrapping_sub(b'0')).filter(|&digit| digit <= 9) {
        number = number.wrapping_mul(10).wrapping_add(u64::from(digit));
        at += 1;
    }
    (number, at)
}

/// The number that eight digits are, added up in pairs, and pairs of these.
#[inline(always)]
fn eight_digits(text: &[u8; 8]) -> Option<u64> {
    let word = u64::from_le_bytes(*text);
    let digits = word ^ 0x3030_3030_3030_3030;
    if (digits | digits.wrapping_add(0x7676_7676_7676_7676)) & 0x8080_8080_8080_8080 != 0 {
        return None; // one of them is not less than 10
    }
    let pairs = (digits * 10 + (digits >> 8)) & 0x00ff_00ff_00ff_00ff;
    let fours = (pairs * 100 + (pairs >> 16)) & 0x0000_ffff_0000_ffff;
    Some((fours * 10_000 + (fours >> 32)) & 0xffff_ffff)
}

/// Powers of ten that are exact.
const POWERS: [f64; 23] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18,
    1e19, 1e20, 1e21, 1e22,
];

/// The entry that begins there, and where it ends, if it is written as most are: few digits, perhaps with a sign and a point.
/// Its value is the nearest number, since it is the quotient of two that are exact.
#[inline(always)]
fn plain_entry(text: &[u8], at: usize) -> Option<(i64, f64, usize)> {
    let (column, colon) = digits(text, at, 0);
    if colon == at || colon - at > 17 || text.get(colon) != Some(&b':') {
        return None;
    }
    let sign = text.get(colon + 1).copied();
    let first = colon + 1 + usize::from(matches!(sign, Some(b'-' | b'+')));
    let (mut mantissa, mut end) = digits(text, first, 0);
    let mut n_digits = end - first;
    let mut n_fraction = 0;
    if text.get(end) == Some(&b'.') {
        let point = end;
        (mantissa, end) = digits(text, point + 1, mantissa);
        n_fraction = end - point - 1;
        n_digits += n_fraction;
    }
    let is_end = text.get(end).is_none_or(|&c| c <= b' ' || c == b'#');
    if n_digits == 0 || n_digits > 19 || mantissa > 1 << 53 || !is_end {
        return None;
    }
    let value = mantissa as f64 / POWERS[n_fraction];
    Some((column as i64, if sign == Some(b'-') { -value } else { value }, end))
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
        assert_eq!(read("1 2:3#4\n#\n2#").unwrap().labels, [1.0, 2.0]);
    }

    #[test]
    fn values_are_the_nearest_numbers_however_they_are_written() {
        let plain = ["0", "-0", "+7", "5.", ".5", "-.25", "12345678", "0.12345678", "123456789.87654321"];
        let long =
            ["9007199254740993", "0.1234567890123456789", "123456789012345678901", "00000000000000000001.5"];
        let small = ["0.000000000000000000000012", "1e-5", "-2.5E+3", "1e400", "NaN", "-inf"];
        for word in plain.iter().chain(&long).chain(&small) {
            let value: f64 = word.parse().unwrap();
            let lines = read(&format!("1 12345678:{word} 123456789:1")).unwrap();
            assert_eq!(lines.columns, [12_345_678, 123_456_789]);
            assert_eq!(lines.values[0].to_bits(), value.to_bits(), "{word}");
        }
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
            ("1 2:+-1", 0, "entries as 3:0.5, a column and a value"),
            ("1 2:.", 0, "entries as 3:0.5, a column and a value"),
            ("1 2:1.2.3", 0, "entries as 3:0.5, a column and a value"),
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
