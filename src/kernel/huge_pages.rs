//! Huge pages: large tables whose rows are read in random order.
//!
//! Of a table of 64 MB hardly any access in random order finds its page among the few thousand that the processor knows the
//! addresses of, and to look an address up takes longer than to fetch the line: on a virtual machine 23 ns an access
//! instead of 7. With pages of 2 MB all are known.

/// Bytes of a huge page, on all systems of interest.
const HUGE_PAGE: usize = 2 << 20;

/// Asks the operating system to put what these values lie in into huge pages, if it is large enough to have some of its own.
/// A hint: it changes nothing but the time that accesses take. It takes about as long as a copy of the values.
pub fn advise_huge_pages<T>(values: &[T]) {
    if size_of_val(values) >= 2 * HUGE_PAGE {
        advise(values);
    }
}

#[cfg(target_os = "linux")]
fn advise<T>(values: &[T]) {
    use std::ffi::{c_int, c_void};

    /// Pages that are touched from now on, and others in the background.
    const MADV_HUGEPAGE: c_int = 14;
    /// Those that are there, at once; since Linux 6.1, others refuse it.
    const MADV_COLLAPSE: c_int = 25;
    /// A multiple of the size of pages on all processors of interest.
    const PAGE: usize = 64 << 10;

    unsafe extern "C" {
        fn madvise(address: *mut c_void, length: usize, advice: c_int) -> c_int;
    }

    let start = values.as_ptr().cast::<u8>();
    let before = start.addr().next_multiple_of(PAGE) - start.addr();
    let length = (size_of_val(values) - before) / PAGE * PAGE;
    let start = start.wrapping_add(before).cast_mut().cast();
    // SAFETY: the pages lie within the values, so that they are mapped. The advice changes no contents and no
    // permissions; that it may be refused does not matter.
    unsafe {
        madvise(start, length, MADV_HUGEPAGE);
        madvise(start, length, MADV_COLLAPSE);
    }
}

#[cfg(not(target_os = "linux"))]
fn advise<T>(_: &[T]) {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_stay_what_they_are() {
        for n in [0, 1, HUGE_PAGE, 2 * HUGE_PAGE + 1, 5 * HUGE_PAGE + 12_345] {
            let bytes: Vec<u8> = (0..n).map(|i| (i * i % 251) as u8).collect();
            advise_huge_pages(&bytes[n % 3..]);
            assert!(bytes.iter().enumerate().all(|(i, &byte)| byte == (i * i % 251) as u8));
        }
    }
}
