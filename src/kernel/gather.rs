//! `gather`: numbers of some rows.

/// Writes `to[i] = from[rows[i]]` for as many as both have. All row numbers are looked at at once, and none on its own.
///
/// # Panics
/// If there is no such row.
#[inline(always)]
pub fn gather<T: Copy>(from: &[T], rows: &[usize], to: &mut [T]) {
    let mut last = 0;
    for &r in rows {
        last = if r > last { r } else { last };
    }
    assert!(rows.is_empty() || last < from.len());
    for (to, &r) in to.iter_mut().zip(rows) {
        // SAFETY: no row number is larger than the last, which is that of a number.
        *to = unsafe { *from.get_unchecked(r) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_those_of_the_rows() {
        let mut to = [0.0; 3];
        gather(&[5.0, 6.0, 7.0], &[2, 0], &mut to);
        assert_eq!(to, [7.0, 5.0, 0.0]);
        gather::<f64>(&[], &[], &mut to);
    }

    #[test]
    #[should_panic(expected = "last < from.len()")]
    fn rows_have_to_be_there() {
        gather(&[5.0, 6.0], &[0, 2], &mut [0.0; 2]);
    }
}
