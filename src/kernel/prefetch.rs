//! Prefetching: loading memory into the cache before it is needed.

/// Bytes fetched at once, on all processors of interest.
const CACHE_LINE: usize = 64;

/// Asks the processor to bring every cache line of `row` into its first-level cache. A hint: it changes
/// nothing but the time later reads take.
#[inline(always)]
pub fn prefetch<T>(row: &[T]) {
    let offset_in_line = row.as_ptr().addr() % CACHE_LINE;
    let n_lines = (offset_in_line + size_of_val(row)).div_ceil(CACHE_LINE);
    let mut line = row.as_ptr().wrapping_byte_sub(offset_in_line).cast();
    for _ in 0..n_lines {
        prefetch_line(line);
        line = line.wrapping_add(CACHE_LINE);
    }
}

#[cfg(target_arch = "x86_64")]
#[inline(always)]
fn prefetch_line(line: *const u8) {
    use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
    // SAFETY: a prefetch never faults, whatever the address; SSE is part of every x86-64.
    unsafe { _mm_prefetch::<_MM_HINT_T0>(line.cast()) }
}

#[cfg(target_arch = "aarch64")]
#[inline(always)]
fn prefetch_line(line: *const u8) {
    // SAFETY: a prefetch never faults, whatever the address, and has no effect the program could see.
    unsafe {
        std::arch::asm!("prfm pldl1keep, [{line}]", line = in(reg) line,
            options(readonly, nostack, preserves_flags));
    }
}

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
#[inline(always)]
fn prefetch_line(_line: *const u8) {}
