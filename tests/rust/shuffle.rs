//! The orders and draws of epochs: against their specification, and against chance.
//!
//! Tests of chance have fixed seeds, so they cannot fail by bad luck; the thresholds say how unlikely a
//! right generator would have been to exceed them at an arbitrary seed.

use std::cell::Cell;

use mbgd_rs::error::Error;
use mbgd_rs::shuffle::rng::{self, ORDER, REPLACEMENT, Stream, TIES};
use mbgd_rs::shuffle::{Batches, BatchesConfig, Order, Shuffle, Workspace};

fn order_of(config: BatchesConfig, epoch: u64) -> Vec<usize> {
    let batches = Batches::new(config).unwrap();
    let order = batches.order(epoch, Order::default(), &mut Workspace::default(), &|| false).unwrap();
    let mut rows = vec![0; config.n_rows];
    order.copy_to(0, &mut rows);
    rows
}

fn permutation(n_rows: usize, seed: u64, epoch: u64) -> Vec<usize> {
    order_of(BatchesConfig { seed, ..BatchesConfig::new(n_rows, 1) }, epoch)
}

/// The specification, word for word.
fn specified_permutation(n_rows: usize, seed: u64, epoch: u32) -> Vec<usize> {
    let high = Stream::new(seed, epoch, ORDER);
    let low = Stream::new(seed, epoch, TIES);
    let mut rows: Vec<usize> = (0..n_rows).collect();
    rows.sort_by_key(|&row| (high.word(row as u64), low.word(row as u64), row));
    rows
}

/// Known answers from `kat_vectors` of Random123, the authors' distribution of Philox
/// (<https://github.com/DEShawResearch/random123>, `tests/kat_vectors`, lines `philox4x32 10`).
#[test]
fn philox_gives_the_published_answers() {
    const ALL: u32 = u32::MAX;
    let known = [
        ([0; 4], [0; 2], [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8]),
        ([ALL; 4], [ALL; 2], [0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd]),
        (
            [0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344],
            [0xa409_3822, 0x299f_31d0],
            [0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1],
        ),
    ];
    for (counter, key, words) in known {
        assert_eq!(rng::block(key, counter), words);
    }
}

#[test]
fn a_word_is_a_lane_of_the_block_at_its_address() {
    let (seed, epoch, number) = (0x0123_4567_89ab_cdef, 0xdead_beef, 77);
    let stream = Stream::new(seed, epoch, number);
    for index in [0, 1, 2, 3, 4, 4 * 0xffff_ffff + 3, 4 * 0x1_0000_0000, u64::MAX] {
        let counter = [(index / 4) as u32, (index / 4 >> 32) as u32, epoch, number];
        let block = rng::block([0x89ab_cdef, 0x0123_4567], counter);
        assert_eq!(stream.word(index), block[(index % 4) as usize]);
    }
}

#[test]
fn words_in_bulk_are_the_words_one_by_one() {
    let stream = Stream::new(u64::MAX - 5, 3, ORDER);
    // Around the carry of the block number into its high word, too.
    for start in [0, 4 * 0xffff_fff0_u64, u64::MAX - 200] {
        for first in start..start + 9 {
            for len in (0..70).chain([127, 128, 129, 150]) {
                let mut words = vec![0; len];
                stream.words(first, &mut words);
                let one_by_one: Vec<u32> = (first..first + len as u64).map(|i| stream.word(i)).collect();
                assert_eq!(words, one_by_one, "words {first} to {}", first + len as u64);
            }
        }
    }
}

#[test]
fn an_order_is_the_specified_permutation() {
    for n_rows in (1..=300).chain([2047, 2048, 2049, 4095, 4096, 4097, 65_537, 1_000_003]) {
        let rows = permutation(n_rows, n_rows as u64, 5);
        assert_eq!(rows, specified_permutation(n_rows, n_rows as u64, 5), "n_rows = {n_rows}");
        let mut sorted = rows;
        sorted.sort_unstable();
        assert!(sorted.into_iter().eq(0..n_rows), "n_rows = {n_rows}");
    }
}
