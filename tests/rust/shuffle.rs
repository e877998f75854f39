//! The orders and draws of epochs: against their specification, and against chance.
//!
//! Tests of chance have fixed seeds, so they cannot fail by bad luck; the thresholds say how unlikely a
//! correct generator would have been to exceed them at an arbitrary seed.

use std::cell::Cell;
use std::sync::Arc;

use mbgd_rs::error::Error;
use mbgd_rs::rng::{self, ORDER, REPLACEMENT, Stream, WINDOW};
use mbgd_rs::shuffle::{
    Batches, BatchesConfig, Block, Order, Shuffle, Stratified, WeightedSampling, Workspace,
};

fn order_of(config: &BatchesConfig, epoch: u64) -> Vec<usize> {
    let batches = Batches::new(config.clone()).unwrap();
    let order = batches.order(epoch, Order::default(), &mut Workspace::default(), &|| false).unwrap();
    let mut rows = vec![0; batches.n_positions()];
    order.copy_to(0, &mut rows);
    rows
}

fn permutation(n_rows: usize, seed: u64, epoch: u64) -> Vec<usize> {
    order_of(&BatchesConfig { seed, ..BatchesConfig::new(n_rows, 1) }, epoch)
}

/// The specification, word for word: rows permuted by the words from one on.
fn permuted_as_specified(mut rows: Vec<usize>, stream: Stream, first_word: u64) -> Vec<usize> {
    let mut word = first_word;
    let mut m = rows.len() as u128;
    while m > 1 {
        let bits = 128 - (m - 1).leading_zeros();
        let k = (57 / bits).clamp(1, 6).min(m as u32 - 1);
        let bounds = (0..u128::from(k)).map(move |i| m - i);
        let product: u128 = bounds.clone().product();
        let scaled = u128::from(stream.word64(word)) * product;
        word += 1;
        if scaled % (1 << 64) < (1 << 64) % product {
            continue;
        }
        let (mut index, mut radix) = (scaled >> 64, product);
        for bound in bounds {
            radix /= bound;
            m -= 1;
            rows.swap(m as usize, (index / radix) as usize);
            index %= radix;
        }
    }
    rows
}

fn specified_permutation(n_rows: usize, seed: u64, epoch: u32) -> Vec<usize> {
    permuted_as_specified((0..n_rows).collect(), Stream::new(seed, epoch, ORDER), 0)
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
        let counter = [(index / 4) as u32, ((index / 4) >> 32) as u32, epoch, number];
        let block = rng::block([0x89ab_cdef, 0x0123_4567], counter);
        assert_eq!(stream.word(index), block[(index % 4) as usize]);
    }
}

#[test]
fn words_in_bulk_are_the_words_one_by_one() {
    let stream = Stream::new(u64::MAX - 5, 3, ORDER);
    // Around the carry of the block number into its high word, too.
    for start in [0, 2 * 0xffff_fff0_u64, u64::MAX - 200] {
        for first in start..start + 5 {
            for len in (0..70).chain([127, 128, 129, 150]) {
                let mut words = vec![0; len];
                stream.words64(first, &mut words);
                let one_by_one = (first..first + len as u64).map(|i| {
                    assert_eq!(stream.word64(i), halves_of_word64(&stream, i));
                    stream.word64(i)
                });
                assert!(one_by_one.eq(words), "words {first} to {}", first + len as u64);
            }
        }
    }
}

/// A word of 64 bits by the words of 32 it consists of.
fn halves_of_word64(stream: &Stream, index: u64) -> u64 {
    let [high, low] = [0, 1].map(|lane| stream.block(index / 2)[(index % 2 * 2 + lane) as usize]);
    u64::from(high) << 32 | u64::from(low)
}

/// Around the lengths at which a word makes more draws, too.
#[test]
fn an_order_is_the_specified_permutation() {
    let edges = [1 << 9, 1 << 11, 1 << 14, 1 << 19].into_iter().flat_map(|edge| edge - 1..edge + 8);
    for n_rows in (1..=300).chain(edges).chain([65_537, 1_000_003]) {
        let rows = permutation(n_rows, n_rows as u64, 5);
        assert_eq!(rows, specified_permutation(n_rows, n_rows as u64, 5), "n_rows = {n_rows}");
        let mut sorted = rows;
        sorted.sort_unstable();
        assert!(sorted.into_iter().eq(0..n_rows), "n_rows = {n_rows}");
    }
}

#[test]
fn buffers_are_allocated_once() {
    let batches = Batches::new(BatchesConfig::new(100_000, 32)).unwrap();
    let mut workspace = Workspace::default();
    let mut place_of = |epoch, reuse| match batches.order(epoch, reuse, &mut workspace, &|| false).unwrap() {
        Order::Listed(rows) => (rows.as_ptr(), Order::Listed(rows)),
        _ => unreachable!("the shuffle is full, of few rows"),
    };
    let (first, order) = place_of(0, Order::default());
    let (second, order) = place_of(1, order);
    assert_eq!(first, second);
    let Order::Listed(rows) = order else { unreachable!() };
    let rows: Vec<usize> = rows.into_iter().map(|row| row as usize).collect();
    assert_eq!(rows, specified_permutation(100_000, 0, 1));
}

#[test]
fn an_order_can_be_interrupted_at_any_poll() {
    for replacement in [false, true] {
        let batches =
            Batches::new(BatchesConfig { replacement, ..BatchesConfig::new(1_000_000, 32) }).unwrap();
        let polls_until = |limit: usize| {
            let polls = Cell::new(0);
            let interrupted = || polls.replace(polls.get() + 1) >= limit;
            let result = batches.order(0, Order::default(), &mut Workspace::default(), &interrupted);
            (polls.get(), result.err())
        };
        let (n_polls, error) = polls_until(usize::MAX);
        assert_eq!(error, None);
        assert!(n_polls >= 4, "{n_polls} polls at a million rows");
        for limit in 0..n_polls {
            assert_eq!(polls_until(limit), (limit + 1, Some(Error::Interrupted)));
        }
    }
}

// Chance.

/// The value that a chi-square variable exceeds with probability 1e-6 (Wilson and Hilferty, 1931).
fn chi_square_limit(degrees: usize) -> f64 {
    const NORMAL_QUANTILE: f64 = 4.7534;
    let spread = 2.0 / (9.0 * degrees as f64);
    degrees as f64 * (1.0 - spread + NORMAL_QUANTILE * spread.sqrt()).powi(3)
}

/// Pearson's statistic of `n_cells` equally likely cells.
fn chi_square(n_cells: usize, outcomes: impl Iterator<Item = usize>) -> f64 {
    let mut counts = vec![0_usize; n_cells];
    outcomes.for_each(|cell| counts[cell] += 1);
    let expected = counts.iter().sum::<usize>() as f64 / n_cells as f64;
    counts.iter().map(|&count| (count as f64 - expected).powi(2) / expected).sum()
}

/// Whether all rows are equally frequent at all positions. Rows and columns of the table of counts have
/// fixed sums, so that `(n - 1) / n` of the statistic has `(n - 1)^2` degrees of freedom.
fn positions_look_uniform(n: usize, orders: &[Vec<usize>]) -> bool {
    let cells =
        orders.iter().flat_map(|order| order.iter().zip(0..).map(|(row, position)| row * n + position));
    chi_square(n * n, cells) * (n - 1) as f64 / n as f64 <= chi_square_limit((n - 1) * (n - 1))
}

/// Whether all ordered pairs of rows are equally frequent at two positions.
fn pairs_look_uniform(n: usize, orders: &[Vec<usize>], [p, q]: [usize; 2]) -> bool {
    let cells = orders.iter().map(|order| order[p] * (n - 1) + order[q] - usize::from(order[q] > order[p]));
    chi_square(n * (n - 1), cells) <= chi_square_limit(n * (n - 1) - 1)
}

/// 2 + 9 * (1 + 3) statistics of 1e-6 each: a correct shuffle would fail at fewer than 4 seeds in 100,000.
#[test]
fn orders_are_uniform() {
    for n in 8..=16 {
        let orders: Vec<_> = (0..20_000).map(|epoch| permutation(n, 2024, epoch)).collect();
        assert!(positions_look_uniform(n, &orders), "n = {n}");
        for pair in [[0, 1], [n / 2, n - 1], [n - 2, 3]] {
            assert!(pairs_look_uniform(n, &orders, pair), "n = {n}, positions {pair:?}");
        }
    }
    // Seeds instead of epochs.
    let orders: Vec<_> = (0..20_000).map(|seed| permutation(10, seed, 0)).collect();
    assert!(positions_look_uniform(10, &orders) && pairs_look_uniform(10, &orders, [0, 9]));
}

/// Whether all permutations of so few rows are equally frequent.
fn permutations_look_uniform(n: usize, orders: &[Vec<usize>]) -> bool {
    let n_permutations = (1..=n).product();
    // The number of a permutation in the mixed radix n, n - 1, ...: how many later rows are smaller.
    let number = |order: &Vec<usize>| {
        (0..n)
            .fold(0, |number, i| number * (n - i) + order[i..].iter().filter(|&&row| row < order[i]).count())
    };
    chi_square(n_permutations, orders.iter().map(number)) <= chi_square_limit(n_permutations - 1)
}

/// 5 statistics of 1e-6 each.
#[test]
fn all_permutations_are_equally_likely() {
    for n in 2..=6 {
        let orders: Vec<_> = (0..100_000).map(|epoch| permutation(n, 77, epoch)).collect();
        assert!(permutations_look_uniform(n, &orders), "n = {n}");
    }
}

/// Just above the lengths at which a word makes more draws: the rows that find their places first, the last of the
/// order, are drawn by 5, 4 or 3 at once, and from the 17th on by one more. Rows are counted by the sixteenth of the data
/// they are in. Two different rows are less often in the same sixteenth, which adds one to a statistic of 255 degrees of
/// freedom. 3 * (24 + 23) statistics of 1e-6 each: a correct shuffle would fail at fewer than 2 seeds in 10,000.
#[test]
fn draws_of_one_word_are_uniform_and_independent() {
    const N_PARTS: usize = 16;
    for (n, n_epochs) in [(512 + 16, 20_000), (2048 + 16, 20_000), (16_384 + 16, 4000)] {
        let part_of = |row: &usize| row * N_PARTS / n;
        let last_parts = |epoch| permutation(n, 31, epoch)[n - 24..].iter().map(part_of).collect();
        let orders: Vec<Vec<usize>> = (0..n_epochs).map(last_parts).collect();
        for i in 0..24 {
            let parts = orders.iter().map(|parts| parts[i]);
            assert!(chi_square(N_PARTS, parts) <= chi_square_limit(N_PARTS - 1), "n = {n}, place {i}");
        }
        for i in 0..23 {
            let pairs = orders.iter().map(|parts| parts[i] * N_PARTS + parts[i + 1]);
            let limit = chi_square_limit(N_PARTS * N_PARTS - 1);
            assert!(chi_square(N_PARTS * N_PARTS, pairs) <= limit, "n = {n}, places {i} and {}", i + 1);
        }
    }
}

/// The tests above have the power to detect the best-known wrong shuffle, which swaps every position with any
/// position, and rotations, whose single positions are uniform.
#[test]
fn biased_shuffles_are_caught() {
    let below = |n: usize, word: u32| ((u64::from(word) * n as u64) >> 32) as usize;
    for n in 8..=16 {
        let swapped_with_any = |epoch| {
            let stream = Stream::new(1, epoch, ORDER);
            let mut rows: Vec<usize> = (0..n).collect();
            (0..n).for_each(|i| rows.swap(i, below(n, stream.word(i as u64))));
            rows
        };
        let orders: Vec<_> = (0..20_000).map(swapped_with_any).collect();
        assert!(!positions_look_uniform(n, &orders), "n = {n}");

        let rotated = |epoch| {
            let first = below(n, Stream::new(1, epoch, ORDER).word(0));
            (first..n).chain(0..first).collect()
        };
        let orders: Vec<Vec<usize>> = (0..20_000).map(rotated).collect();
        assert!(!pairs_look_uniform(n, &orders, [0, 1]), "n = {n}");
    }
}

/// 4 statistics of 1e-6 each.
#[test]
fn epochs_and_seeds_are_independent() {
    let n = 10;
    for position in [0, 7] {
        let joint = |a: Vec<usize>, b: Vec<usize>| a[position] * n + b[position];
        let epochs = (0..50_000).map(|k| joint(permutation(n, 5, 2 * k), permutation(n, 5, 2 * k + 1)));
        assert!(chi_square(n * n, epochs) <= chi_square_limit(n * n - 1));
        let seeds = (0..50_000).map(|k| joint(permutation(n, 2 * k, 5), permutation(n, 2 * k + 1, 5)));
        assert!(chi_square(n * n, seeds) <= chi_square_limit(n * n - 1));
    }
}

// Batches.

#[test]
fn batches_of_an_epoch_partition_its_rows() {
    for (n_rows, batch_size) in [(1, 1), (7, 1), (7, 3), (7, 7), (7, 100), (2500, 64), (12, 4)] {
        let batches = Batches::new(BatchesConfig::new(n_rows, batch_size)).unwrap();
        let mut rows = Vec::new();
        for step in 0..batches.n_steps() {
            let batch = batches.batch(3, step, &|| false).unwrap();
            assert_eq!(batch.len(), batches.positions(step).len());
            assert!(batch.len() == batches.batch_size() || step + 1 == batches.n_steps());
            rows.extend(batch);
        }
        assert_eq!(rows, permutation(n_rows, 0, 3), "batches are slices of the order of their epoch");
        assert!(batches.positions(batches.n_steps()).is_empty());
        assert!(batches.positions(usize::MAX).is_empty());
    }
}

#[test]
fn drop_last_keeps_whole_batches_only() {
    for (n_rows, batch_size, n_steps) in [(10, 4, 2), (8, 4, 2), (4, 4, 1)] {
        let config = BatchesConfig { drop_last: true, ..BatchesConfig::new(n_rows, batch_size) };
        let batches = Batches::new(config).unwrap();
        assert_eq!(batches.n_steps(), n_steps);
        assert!((0..n_steps).all(|step| batches.positions(step).len() == batch_size));
        let error = batches.batch(0, n_steps, &|| false).unwrap_err().to_string();
        assert_eq!(error, format!("step must be less than the number of steps of an epoch, got {n_steps}"));
    }
}

#[test]
fn shuffles_differ_in_what_an_epoch_sees() {
    let config = BatchesConfig { seed: 9, ..BatchesConfig::new(50, 8) };
    assert_ne!(order_of(&config, 0), order_of(&config, 1));
    let once = BatchesConfig { shuffle: Shuffle::Once, ..config.clone() };
    assert_eq!(order_of(&once, 41), order_of(&config, 0));
    let sequential = BatchesConfig { shuffle: Shuffle::Sequential, ..config };
    assert!(order_of(&sequential, 41).into_iter().eq(0..50));
    assert_eq!(Batches::new(sequential).unwrap().batch(0, 6, &|| false).unwrap(), [48, 49]);
}

#[test]
fn impossible_batches_are_refused_by_name_condition_and_value() {
    let config = BatchesConfig::new(10, 4);
    let cases = [
        (BatchesConfig { n_rows: 0, ..config.clone() }, "n_rows must be >= 1, got 0"),
        (BatchesConfig { batch_size: 0, ..config.clone() }, "batch_size must be >= 1, got 0"),
        (
            BatchesConfig { batch_size: 11, drop_last: true, ..config.clone() },
            "batch_size must be <= the number of rows when drop_last is set, got 11",
        ),
        (
            BatchesConfig { replacement: true, shuffle: Shuffle::Once, ..config.clone() },
            "replacement needs shuffle=\"full\", got shuffle=\"once\"",
        ),
    ];
    for (config, message) in cases {
        assert_eq!(Batches::new(config).unwrap_err().to_string(), message);
    }
    let unknown = Shuffle::from_name("ful").unwrap_err().to_string();
    assert_eq!(
        unknown,
        "shuffle must be one of \"full\", \"once\", \"block\", \"stratified\", False, got \"ful\""
    );
    let late = Batches::new(config).unwrap().batch(1 << 32, 0, &|| false).unwrap_err().to_string();
    assert_eq!(late, "epoch must be less than 2^32, got 4294967296");
    // More rows than any memory: an error, not an abort.
    let huge = Batches::new(BatchesConfig::new(usize::MAX, 1)).unwrap();
    assert!(matches!(huge.batch(0, 0, &|| false), Err(Error::OutOfMemory { .. })));
}

// Draws with replacement.

/// The specification, word for word, with the number of blocks that it reads.
fn specified_draw(n_rows: u64, seed: u64, epoch: u32, position: u64) -> (u64, usize) {
    let n = u128::from(n_rows);
    let mut n_blocks = 0;
    loop {
        let stream = REPLACEMENT + 256 * n_blocks as u32;
        let [w0, w1, w2, w3] = Stream::new(seed, epoch, stream).block(position).map(u128::from);
        n_blocks += 1;
        for product in [(w0 << 32 | w1) * n, (w2 << 32 | w3) * n] {
            if product % (1 << 64) >= (1 << 64) % n {
                return ((product >> 64) as u64, n_blocks);
            }
        }
    }
}

#[test]
fn draws_are_the_specified_ones() {
    // With 2^63 + 1 rows nearly half of all candidates are rejected, with the other sizes hardly any.
    for (n_rows, at_least) in [((1 << 63) + 1, 3), (u64::MAX / 3 * 2, 2), (1, 1), (1000, 1), (1 << 40, 1)] {
        let config = BatchesConfig { replacement: true, seed: 3, ..BatchesConfig::new(n_rows as usize, 150) };
        let batches = Batches::new(config).unwrap();
        let mut most_blocks = 0;
        for step in (0..20).filter(|&step| step < batches.n_steps()) {
            let rows = batches.batch(7, step, &|| false).unwrap();
            for (&row, position) in rows.iter().zip(batches.positions(step)) {
                let (specified, n_blocks) = specified_draw(n_rows, 3, 7, position as u64);
                assert_eq!(row as u64, specified);
                most_blocks = most_blocks.max(n_blocks);
            }
        }
        assert!(most_blocks >= at_least, "the path of refused draws was taken, n_rows = {n_rows}");
    }
}

#[test]
fn an_order_of_draws_is_made_of_its_batches() {
    let config = BatchesConfig { replacement: true, ..BatchesConfig::new(1000, 96) };
    let batches = Batches::new(config.clone()).unwrap();
    let rows: Vec<usize> =
        (0..batches.n_steps()).flat_map(|step| batches.batch(2, step, &|| false).unwrap()).collect();
    assert_eq!(rows, order_of(&config, 2));
}

/// 3 statistics of 1e-6 each.
#[test]
fn draws_are_uniform_and_independent() {
    let n = 12;
    let config = BatchesConfig { replacement: true, seed: 11, ..BatchesConfig::new(n, n) };
    let epochs: Vec<_> = (0..20_000).map(|epoch| order_of(&config, epoch)).collect();
    assert!(chi_square(n, epochs.iter().flatten().copied()) <= chi_square_limit(n - 1));
    for [p, q] in [[0, 1], [4, 11]] {
        let pairs = epochs.iter().map(|rows| rows[p] * n + rows[q]);
        assert!(chi_square(n * n, pairs) <= chi_square_limit(n * n - 1));
    }
}

// Blocks, weights and strata. Their chances are tested in Python, where the specification is the reference's.

/// All kinds of orders of 1000 rows.
fn kinds() -> Vec<Shuffle> {
    let weights: Vec<f64> = (0..1000).map(|i| f64::from(i % 10)).collect();
    let weighted = |replacement, n_samples| {
        Shuffle::Weighted(Arc::new(WeightedSampling::new(&weights, replacement, n_samples, false).unwrap()))
    };
    vec![
        Shuffle::Full,
        Shuffle::Once,
        Shuffle::Sequential,
        Shuffle::Block(Block::new(7, 5).unwrap()),
        Shuffle::Block(Block::new(2000, 1).unwrap()),
        weighted(true, None),
        weighted(true, Some(2222)),
        weighted(false, None),
        weighted(false, Some(200)),
        Shuffle::Stratified(Arc::new(Stratified::new((0..1000).map(|i| i % 7).collect()).unwrap())),
    ]
}

#[test]
fn a_step_is_the_same_on_its_own_and_in_its_epoch() {
    for shuffle in kinds() {
        for drop_last in [false, true] {
            let config = BatchesConfig {
                shuffle: shuffle.clone(),
                drop_last,
                seed: 5,
                ..BatchesConfig::new(1000, 64)
            };
            let batches = Batches::new(config.clone()).unwrap();
            let order = order_of(&config, 3);
            for step in 0..batches.n_steps() {
                assert_eq!(
                    batches.batch(3, step, &|| false).unwrap(),
                    order[batches.positions(step)],
                    "{config:?}"
                );
            }
            assert!(
                order.len() - batches.positions(batches.n_steps() - 1).end < if drop_last { 64 } else { 1 }
            );
            assert_eq!(order_of(&config, 3) != order_of(&config, 4), batches.reorders());
        }
    }
}

#[test]
fn buffers_can_be_reused_for_any_order() {
    let mut workspace = Workspace::default();
    let mut order = Order::default();
    for epoch in 0..3 {
        for shuffle in kinds() {
            let config = BatchesConfig { shuffle, ..BatchesConfig::new(1000, 64) };
            let batches = Batches::new(config.clone()).unwrap();
            order = batches.order(epoch, order, &mut workspace, &|| false).unwrap();
            let mut rows = vec![0; batches.n_positions()];
            order.copy_to(0, &mut rows);
            assert_eq!(rows, order_of(&config, epoch));
        }
    }
}

#[test]
fn buffers_of_all_orders_are_allocated_once() {
    for shuffle in kinds().into_iter().filter(|shuffle| *shuffle != Shuffle::Sequential) {
        let batches = Batches::new(BatchesConfig { shuffle, ..BatchesConfig::new(1000, 64) }).unwrap();
        let mut workspace = Workspace::default();
        let mut order = Order::default();
        let mut places = Vec::new();
        for epoch in 0..4 {
            order = batches.order(epoch, order, &mut workspace, &|| false).unwrap();
            let Order::Listed(rows) = &order else { unreachable!("no order is sequential") };
            places.push(rows.as_ptr());
        }
        assert!(places.iter().all(|&place| place == places[0]));
    }
}

#[test]
fn all_orders_can_be_interrupted_at_any_poll() {
    let n = 1_000_000;
    let weights: Vec<f64> = (1..=n).map(|i| i as f64).collect();
    let weighted = |replacement| {
        Shuffle::Weighted(Arc::new(WeightedSampling::new(&weights, replacement, None, false).unwrap()))
    };
    let strata = Stratified::new((0..n as u32).map(|i| i % 7).collect()).unwrap();
    for shuffle in [
        Shuffle::Block(Block::new(1024, 64).unwrap()),
        weighted(true),
        weighted(false),
        Shuffle::Stratified(Arc::new(strata)),
    ] {
        let batches = Batches::new(BatchesConfig { shuffle, ..BatchesConfig::new(n, 32) }).unwrap();
        let polls_until = |limit: usize| {
            let polls = Cell::new(0);
            let interrupted = || polls.replace(polls.get() + 1) >= limit;
            let result = batches.order(0, Order::default(), &mut Workspace::default(), &interrupted);
            (polls.get(), result.err())
        };
        let (n_polls, error) = polls_until(usize::MAX);
        assert_eq!(error, None);
        assert!(n_polls >= 4, "{n_polls} polls at a million rows");
        for limit in [0, 1, n_polls / 2, n_polls - 1] {
            assert_eq!(polls_until(limit), (limit + 1, Some(Error::Interrupted)));
        }
    }
}

#[test]
fn windows_are_permuted_as_specified() {
    let (n_rows, rows, window) = (1000, 7, 5);
    let shuffle = Shuffle::Block(Block::new(rows, window).unwrap());
    let order = order_of(&BatchesConfig { shuffle, seed: 9, ..BatchesConfig::new(n_rows, 64) }, 6);
    let blocks = specified_permutation(n_rows.div_ceil(rows), 9, 6);
    let mut start = 0;
    for blocks in blocks.chunks(window) {
        let as_they_come = blocks.iter().flat_map(|&b| b * rows..n_rows.min((b + 1) * rows)).collect();
        let specified = permuted_as_specified(as_they_come, Stream::new(9, 6, WINDOW), 2 * start as u64);
        assert!(order[start..].starts_with(&specified));
        start += specified.len();
    }
    assert_eq!(start, n_rows);
}

#[test]
fn strata_are_in_proportion_with_any_batch_size() {
    let strata: Vec<u32> = (0..997).map(|i| if i < 3 { 0 } else { 1 + i * i % 11 }).collect();
    let n_strata = *strata.iter().max().unwrap() as usize + 1;
    let mut sizes = vec![0; n_strata];
    strata.iter().for_each(|&stratum| sizes[stratum as usize] += 1);
    for batch_size in [1, 2, 5, 64, 332, 498, 499, 996, 997] {
        let shuffle = Shuffle::Stratified(Arc::new(Stratified::new(strata.clone()).unwrap()));
        let config = BatchesConfig { shuffle, ..BatchesConfig::new(997, batch_size) };
        let order = order_of(&config, 1);
        for batch in order.chunks(batch_size) {
            let mut counts = vec![0_usize; n_strata];
            batch.iter().for_each(|&row| counts[strata[row] as usize] += 1);
            for (count, size) in counts.iter().zip(&sizes) {
                let share = (batch.len() * size) as f64 / 997.0;
                assert!((*count as f64 - share).abs() < 1.0, "{count} of {share} rows");
            }
        }
    }
}

#[test]
fn impossible_blocks_weights_and_strata_are_refused() {
    let messages = [
        Block::new(0, 1).unwrap_err(),
        WeightedSampling::new(&[1.0, -1.0], true, None, false).unwrap_err(),
        WeightedSampling::new(&[0.0], true, None, false).unwrap_err(),
        WeightedSampling::new(&[1.0, 0.0], false, Some(2), false).unwrap_err(),
        WeightedSampling::new(&[1.0], false, None, true).unwrap_err(),
        Stratified::new(vec![0, 5]).unwrap_err(),
    ]
    .map(|error| error.to_string());
    assert_eq!(
        messages,
        [
            "rows must be >= 1, got 0",
            "weights must be finite and >= 0, got -1 at row 1",
            "weights must be positive for at least one row, got only zeros",
            "n_samples must be <= the number of rows of positive weight when replacement is False, got 2",
            "correct_bias needs replacement=True, got replacement=False",
            "strata must be less than the number of rows, got 5",
        ]
    );
}
