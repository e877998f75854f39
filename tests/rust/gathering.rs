//! Copies of selected rows, and the prefetcher.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use mbgd_rs::error::Error;
use mbgd_rs::gather::{Compressed, gathered_rows};
use mbgd_rs::prefetcher::{Next, Prefetcher};

const PATIENCE: Duration = Duration::from_secs(60);

fn all<T: Send + 'static>(prefetcher: &Prefetcher<T>) -> Vec<T> {
    std::iter::from_fn(|| match prefetcher.next(PATIENCE) {
        Next::Made(made) => Some(made),
        Next::NotYet => panic!("it takes too long"),
        Next::Finished => None,
    })
    .collect()
}

#[test]
fn rows_of_any_width_are_gathered() {
    for width in (0..40).chain([64, 200, 5000]) {
        let values: Vec<u8> = (0..500 * width).map(|i| (i * 31 % 251) as u8).collect();
        let rows: Vec<usize> = (0..1300).map(|i| i * 97 % 500).collect();
        let expected: Vec<u8> = rows.iter().flat_map(|&r| &values[r * width..][..width]).copied().collect();
        for n_threads in [1, 3] {
            for n in [1300, 1299, 700, 1, 0] {
                let got = gathered_rows(&values, width, &rows, n, n_threads, &|| false).unwrap();
                assert!(got == expected[..n * width], "width {width}, the first {n} rows");
            }
        }
    }
    assert!(gathered_rows(&[1, 2, 3, 4], 2, &[], 0, 1, &|| false).unwrap().is_empty());
    let error = gathered_rows(&[1, 2, 3, 4], 2, &[1, 2], 2, 1, &|| false).unwrap_err().to_string();
    assert_eq!(error, "rows must be less than the number of rows, got 2");
    // Rows behind the first n are no more than a hint.
    assert_eq!(
        gathered_rows(&[1, 2, 3, 4], 2, &[[1; 20], [9; 20]].concat(), 1, 1, &|| false).unwrap(),
        [3, 4]
    );
    assert!(matches!(
        gathered_rows(&[0; 4], usize::MAX, &[0, 0], 2, 1, &|| false),
        Err(Error::OutOfRange { .. })
    ));
}

#[test]
fn compressed_rows_are_gathered_with_indices_of_any_width() {
    fn bytes<const N: usize>(values: &[i64], convert: fn(i64) -> [u8; N]) -> Vec<u8> {
        values.iter().flat_map(|&value| convert(value)).collect()
    }
    let narrow = |values: &[i64]| bytes(values, |value| (value as i32).to_ne_bytes());
    let wide = |values: &[i64]| bytes(values, i64::to_ne_bytes);
    let (indptr, indices, data) = ([0, 2, 2, 5], [3, 1, 0, 2, 4], [1_u8, 2, 3, 4, 5]);
    for index_width in [4, 8] {
        let convert = |values: &[i64]| if index_width == 4 { narrow(values) } else { wide(values) };
        let gathered = |indptr: &[i64], rows: &[usize]| {
            let (indptr, indices) = (convert(indptr), convert(&indices));
            let x =
                Compressed { indptr: &indptr, indices: &indices, index_width, data: &data, data_width: 1 };
            x.gathered(rows)
        };
        let expected =
            [convert(&[0, 3, 3, 5, 8]), convert(&[0, 2, 4, 3, 1, 0, 2, 4]), vec![3, 4, 5, 1, 2, 3, 4, 5]];
        assert_eq!(gathered(&indptr, &[2, 1, 0, 2]).unwrap(), expected);
        assert_eq!(gathered(&indptr, &[]).unwrap(), [convert(&[0]), vec![], vec![]]);
        for malformed in [[0, 2, 1, 5], [0, 2, 2, 6], [-1, 2, 2, 5], [0, 2, 2, i64::from(i32::MAX)]] {
            assert!(matches!(gathered(&malformed, &[0, 1, 2]), Err(Error::InvalidEntry { .. })));
        }
        assert!(matches!(gathered(&indptr, &[3]), Err(Error::OutOfRange { .. })));
    }
}

#[test]
fn items_come_in_order_and_then_end() {
    for n_ahead in [0, 1, 2, 7, 1000] {
        let mut numbers = 0..500;
        let prefetcher = Prefetcher::new(n_ahead, move |_| numbers.next()).unwrap();
        assert!(all(&prefetcher).into_iter().eq(0..500));
        assert_eq!(prefetcher.next(Duration::ZERO), Next::Finished);
    }
}

#[test]
fn no_more_items_are_prefetched_than_requested() {
    for n_ahead in [1, 2, 5] {
        let n_made = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&n_made);
        let prefetcher =
            Prefetcher::new(n_ahead, move |_| Some(counter.fetch_add(1, Ordering::SeqCst))).unwrap();
        for taken in 1..200 {
            assert!(matches!(prefetcher.next(PATIENCE), Next::Made(_)));
            assert!(n_made.load(Ordering::SeqCst) <= taken + n_ahead);
        }
        thread::sleep(Duration::from_millis(20));
        assert!(n_made.load(Ordering::SeqCst) <= 199 + n_ahead);
    }
}

#[test]
fn waiting_ends_at_the_timeout() {
    let prefetcher = Prefetcher::new(1, |is_abandoned| {
        while !is_abandoned.load(Ordering::Relaxed) {
            thread::sleep(Duration::from_millis(1));
        }
        None::<()>
    })
    .unwrap();
    let start = Instant::now();
    assert_eq!(prefetcher.next(Duration::from_millis(20)), Next::NotYet);
    assert!(start.elapsed() >= Duration::from_millis(20));
    assert_eq!(prefetcher.next(Duration::ZERO), Next::NotYet);
    drop(prefetcher); // which tells the thread, and waits for it
}

#[test]
fn dropping_ends_the_thread_wherever_it_is() {
    for n_taken in [0, 1, 3, 50] {
        let alive = Arc::new(());
        let of_thread = Arc::clone(&alive);
        let prefetcher = Prefetcher::new(4, move |_| Some(Arc::strong_count(&of_thread))).unwrap();
        assert!((0..n_taken).all(|_| matches!(prefetcher.next(PATIENCE), Next::Made(_))));
        drop(prefetcher);
        assert_eq!(Arc::strong_count(&alive), 1);
    }
}

#[test]
fn a_panic_of_the_producer_reaches_the_consumer() {
    let mut numbers = 0..3;
    let prefetcher = Prefetcher::new(5, move |_| Some(numbers.next().expect("a number"))).unwrap();
    let prefetcher = std::panic::AssertUnwindSafe(prefetcher);
    let panic = std::panic::catch_unwind(|| all(&prefetcher)).unwrap_err();
    assert_eq!(panic.downcast_ref::<String>().map(String::as_str), Some("a number"));
    assert_eq!(prefetcher.next(PATIENCE), Next::Finished);
}
