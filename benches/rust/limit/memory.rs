//! Memory in huge pages, as NumPy asks for it: from 4 MiB on.

use std::alloc::{Layout, alloc_zeroed, handle_alloc_error};

const HUGE_PAGE: usize = 2 << 20;
const LARGE: usize = 4 << 20;

#[cfg(target_os = "linux")]
unsafe extern "C" {
    fn madvise(address: *mut u8, n_bytes: usize, advice: i32) -> i32;
}

/// Zeros that are never freed: the benchmark ends soon.
pub fn zeros<T: Copy>(len: usize) -> &'static mut [T] {
    let n_bytes = (len * size_of::<T>()).next_multiple_of(HUGE_PAGE).max(HUGE_PAGE);
    let layout = Layout::from_size_align(n_bytes, HUGE_PAGE).expect("a size");
    // SAFETY: the memory is as long and as aligned as asked for, and zero is a value of every number.
    unsafe {
        let start = alloc_zeroed(layout);
        if start.is_null() {
            handle_alloc_error(layout);
        }
        #[cfg(target_os = "linux")]
        if len * size_of::<T>() >= LARGE {
            madvise(start, n_bytes, 14);
        }
        std::slice::from_raw_parts_mut(start.cast(), len)
    }
}
