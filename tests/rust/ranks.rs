//! Threads in the place of processes: bits, votes, and ranks that fail, by messages over channels.

use std::num::NonZeroUsize;
use std::ops::ControlFlow;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::Duration;

use mbgd_rs::data::{Dense, Rows, Sharding, TargetKind, Targets, Weights};
use mbgd_rs::error::{Error, Result};
use mbgd_rs::gradient::loss::{LogLoss, MultiClass};
use mbgd_rs::gradient::{Loss, Penalty, Problem};
use mbgd_rs::kernel::Tier;
use mbgd_rs::ranks::{Exchange, Gathered, Ranks, Vote};
use mbgd_rs::rng::Stream;
use mbgd_rs::scalar::Scalar;
use mbgd_rs::shuffle::{Batches, BatchesConfig, ShardedOrder, Shuffle};
use mbgd_rs::train::{
    Checkpoints, Config, Fit, MaxSeconds, Record, State, StopReason, StopRule, Validation, ValidationRows,
    fit_among,
};
use mbgd_rs::update::schedule::Constant;
use mbgd_rs::update::{Adam, Optimizer, Rule, Schedule, Sgd};

/// One end of channels between all pairs.
struct Channels {
    rank: usize,
    senders: Vec<Sender<Vec<u8>>>,
    receivers: Vec<Mutex<Receiver<Vec<u8>>>>,
}

impl Exchange for Channels {
    fn rank(&self) -> usize {
        self.rank
    }

    fn size(&self) -> usize {
        self.senders.len()
    }

    fn send_receive(&self, sent: (&[u8], usize), received: (&mut [u8], usize)) -> Result<()> {
        let failed = |what: &str| Error::Exchange { reason: what.to_owned() };
        self.senders[sent.1].send(sent.0.to_vec()).map_err(|_| failed("nobody is there"))?;
        let receiver = self.receivers[received.1].lock().unwrap();
        let message =
            receiver.recv_timeout(Duration::from_secs(60)).map_err(|_| failed("nobody has answered"))?;
        received.0[..message.len()].copy_from_slice(&message);
        Ok(())
    }
}

fn ranks(size: usize) -> Vec<Ranks> {
    let mut ends: Vec<_> = (0..size).map(|rank| (rank, Vec::new(), Vec::new())).collect();
    for to in 0..size {
        for from in 0..size {
            let (sender, receiver) = channel();
            ends[from].1.push(sender);
            ends[to].2.push(Mutex::new(receiver));
        }
    }
    let channels = ends.into_iter().map(|(rank, senders, receivers)| Channels { rank, senders, receivers });
    channels.map(|channels| Ranks::new(Box::new(channels)).unwrap()).collect()
}

/// What each rank makes of it, each in a thread.
fn on_each<R: Send>(ranks: &[Ranks], work: impl Fn(&Ranks) -> R + Sync) -> Vec<R> {
    thread::scope(|scope| {
        let threads: Vec<_> = ranks.iter().map(|rank| scope.spawn(|| work(rank))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    })
}

struct Data<T> {
    n_columns: usize,
    x: Vec<T>,
    y: Vec<T>,
}

const N_ROWS: usize = 1000;

fn data<T: Scalar>(n_columns: usize, n_classes: usize) -> Data<T> {
    let stream = Stream::new(3, 0, 98);
    let number = |i: usize| f64::from(stream.word(i as u64)) / 2.0_f64.powi(31) - 1.0;
    let x = (0..N_ROWS * n_columns).map(|i| T::from_f64(number(i))).collect();
    let y =
        (0..N_ROWS).map(|i| T::from_f64(((number(i * n_columns) + 1.0) * n_classes as f64 / 2.0).floor()));
    Data { n_columns, x, y: y.collect() }
}

fn config(batch_size: usize, rule: Rule) -> Config {
    Config {
        batches: Batches::new(BatchesConfig::new(N_ROWS, batch_size)).unwrap(),
        optimizer: Optimizer { rule, learning_rate: Schedule::Constant(Constant::new(0.01).unwrap()) },
        accumulate: NonZeroUsize::MIN,
        average: None,
        clip: None,
        n_epochs: 2,
        record: Record { full_loss: true, ..Record::default() },
        n_threads: 1,
        tier: *Tier::available().last().unwrap(),
        sync_every: None,
        columns_for_entry: 2,
        window: None,
    }
}

type Told<'c> = &'c (dyn Fn(usize) -> ControlFlow<()> + Sync);

fn fitted<T: Scalar>(
    data: &Data<T>,
    config: &Config,
    rules: &[StopRule],
    ranks: Option<&Ranks>,
    interrupted: &(dyn Fn() -> bool + Sync),
    told: Told<'_>,
) -> Result<Fit<T>> {
    let rows = Rows::Dense(Dense::new(config.tier, &data.x, N_ROWS, data.n_columns).unwrap());
    let targets = Targets::new(&data.y, N_ROWS, 1, TargetKind::Class { n_classes: 3 }).unwrap();
    let loss = Loss::LogLoss(LogLoss { multi_class: MultiClass::default() });
    let problem = Problem::new(rows, targets, Weights::equal(), loss, Penalty::none(), true).unwrap();
    let n = problem.layout().len();
    let state = State::new(vec![T::ZERO; n], config.optimizer.init(n).unwrap());
    let validation = Validation::new(ValidationRows::AtHand(&problem), rules.to_vec(), Vec::new()).unwrap();
    let mut after_epoch = |_: mbgd_rs::train::Progress<'_, T>| told(ranks.map_or(0, Ranks::rank));
    let asked = (ranks, interrupted);
    fit_among(&validation, &problem, config, state, asked, &mut after_epoch, Checkpoints::none())
}

const NEVER: &(dyn Fn() -> bool + Sync) = &|| false;
const GO_ON: Told<'static> = &|_| ControlFlow::Continue(());

fn check_bits<T: Scalar>(n_columns: usize, sizes: &[usize]) {
    let data = data::<T>(n_columns, 3);
    for batch_size in [64, 65, 128, 200, 640, 1000] {
        for rule in [Rule::Sgd(Sgd::new(0.9, false).unwrap()), Rule::Adam(Adam::default())] {
            let config = config(batch_size, rule);
            let alone = fitted(&data, &config, &[], None, NEVER, GO_ON).unwrap();
            for &size in sizes {
                let all = on_each(&ranks(size), |ranks| {
                    fitted(&data, &config, &[], Some(ranks), NEVER, GO_ON).unwrap()
                });
                for fit in all {
                    assert_eq!(fit.params, alone.params, "{size} ranks, batches of {batch_size}");
                    assert_eq!(fit.history.epoch_loss, alone.history.epoch_loss);
                    assert_eq!(fit.history.full_loss, alone.history.full_loss);
                    assert_eq!(fit.history.validation_loss, alone.history.validation_loss);
                    assert_eq!(fit.state.optimizer, alone.state.optimizer);
                }
            }
        }
    }
}

#[test]
fn ranks_have_the_bits_of_one_process() {
    check_bits::<f32>(200, &[1, 2, 3, 4, 5, 8]);
    check_bits::<f64>(200, &[2, 3]);
}

#[test]
fn long_gradients_are_added_by_halves() {
    check_bits::<f32>(7001, &[2, 3, 4]);
}

/// As `fitted`, on the rows of the rank's own shards; to be judged by there are all.
fn fitted_on_own<T: Scalar>(data: &Data<T>, config: &Config, ranks: &Ranks) -> Fit<T> {
    let shards = config.batches.shards().unwrap().of_rank(ranks.rank(), ranks.size()).unwrap();
    let (own, d) = (shards.own_rows(), data.n_columns);
    let problem_of = |rows: std::ops::Range<usize>| {
        let x = &data.x[rows.start * d..rows.end * d];
        let x = Rows::Dense(Dense::new(config.tier, x, rows.len(), d).unwrap());
        let kind = TargetKind::Class { n_classes: 3 };
        let targets = Targets::new(&data.y[rows.clone()], rows.len(), 1, kind).unwrap();
        let loss = Loss::LogLoss(LogLoss { multi_class: MultiClass::default() });
        Problem::new(x, targets, Weights::equal(), loss, Penalty::none(), true).unwrap()
    };
    let problem = problem_of(own).with_shards(Sharding { shards, ranks: Some(ranks) }).unwrap();
    let judged = problem_of(0..N_ROWS);
    let n = problem.layout().len();
    let state = State::new(vec![T::ZERO; n], config.optimizer.init(n).unwrap());
    let validation = Validation::new(ValidationRows::AtHand(&judged), Vec::new(), Vec::new()).unwrap();
    let mut after_epoch = |_: mbgd_rs::train::Progress<'_, T>| ControlFlow::Continue(());
    let asked = (Some(ranks), NEVER);
    fit_among(&validation, &problem, config, state, asked, &mut after_epoch, Checkpoints::none()).unwrap()
}

#[test]
fn ranks_that_have_the_rows_of_their_shards_only_have_the_bits_of_one_process() {
    let data = data::<f32>(30, 3);
    for batch_size in [1, 7, 65, 200, 1000] {
        let shuffle = Shuffle::Sharded(ShardedOrder::new(8).unwrap());
        let sharded = BatchesConfig { shuffle, ..BatchesConfig::new(N_ROWS, batch_size) };
        let mut config = config(batch_size, Rule::Adam(Adam::default()));
        config.batches = Batches::new(sharded).unwrap();
        config.n_epochs = if batch_size < 10 { 1 } else { 2 };
        let alone = fitted(&data, &config, &[], None, NEVER, GO_ON).unwrap();
        let check = |fits: Vec<Fit<f32>>| {
            for fit in &fits {
                assert_eq!(fit.params, alone.params, "{} ranks, batches of {batch_size}", fits.len());
                assert_eq!(fit.history.epoch_loss, alone.history.epoch_loss);
                assert_eq!(fit.history.full_loss, alone.history.full_loss);
                assert_eq!(fit.history.validation_loss, alone.history.validation_loss);
                assert_eq!(fit.state.fingerprint, alone.state.fingerprint);
            }
        };
        for size in [1, 2, 4, 8] {
            check(on_each(&ranks(size), |ranks| fitted_on_own(&data, &config, ranks)));
        }
        for size in [2, 3, 4] {
            check(on_each(&ranks(size), |ranks| {
                fitted(&data, &config, &[], Some(ranks), NEVER, GO_ON).unwrap()
            }));
        }
    }
}

#[test]
fn a_rank_that_is_interrupted_ends_all_between_the_same_steps() {
    let (data, config) = (data::<f32>(2000, 3), config(640, Rule::Sgd(Sgd::default())));
    let n_asked = AtomicUsize::new(0);
    let all = on_each(&ranks(3), |ranks| {
        let interrupted = || ranks.rank() == 1 && n_asked.fetch_add(1, Ordering::Relaxed) == 0;
        let fit = fitted(&data, &config, &[], Some(ranks), &interrupted, GO_ON).unwrap();
        assert_eq!(fit.stop_reason, StopReason::Interrupted);
        assert_eq!(ranks.ended_by(), Some((1, "interrupted".to_owned())));
        (fit.params, fit.state.step)
    });
    assert!(all.iter().all(|fit| *fit == all[0]));
}

#[test]
fn a_callback_of_rank_0_ends_all() {
    let (data, config) = (data::<f32>(20, 3), config(64, Rule::Sgd(Sgd::default())));
    let all = on_each(&ranks(4), |ranks| {
        let told = |rank: usize| if rank == 0 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) };
        let fit = fitted(&data, &config, &[], Some(ranks), NEVER, &told).unwrap();
        (fit.stop_reason, fit.state.epoch)
    });
    assert_eq!(all, [(StopReason::Callback, 1); 4]);
}

#[test]
fn the_clock_of_rank_0_ends_all() {
    let (data, mut config) = (data::<f32>(200, 3), config(640, Rule::Sgd(Sgd::default())));
    config.n_epochs = 1 << 40;
    let rules = [StopRule::MaxSeconds(MaxSeconds::new(0.05).unwrap())];
    let all = on_each(&ranks(2), |ranks| {
        let fit = fitted(&data, &config, &rules, Some(ranks), NEVER, GO_ON).unwrap();
        (fit.stop_reason, fit.state.epoch, fit.state.step)
    });
    assert_eq!(all[0], all[1]);
    assert_eq!(all[0].0, StopReason::MaxSeconds);
}

#[test]
fn a_rank_that_fails_ends_all_with_its_reason() {
    let (data, config) = (data::<f32>(2000, 3), config(640, Rule::Sgd(Sgd::default())));
    for size in [2, 3, 4, 7] {
        let all = on_each(&ranks(size), |ranks| {
            if ranks.rank() == 1 {
                ranks.fail("no memory");
                ranks.fail("said once only");
                return None;
            }
            fitted(&data, &config, &[], Some(ranks), NEVER, GO_ON).err()
        });
        let expected = Error::OtherRank { rank: 1, size, reason: "no memory".to_owned() };
        for (rank, error) in all.into_iter().enumerate() {
            assert_eq!(error, (rank != 1).then(|| expected.clone()), "rank {rank} of {size}");
        }
    }
}

#[test]
fn bytes_that_are_sent_are_those_that_are_counted_on() {
    for size in [2, 3, 4, 5, 8] {
        for n in [0, 1, 100, 16_384, 16_385, 100_000] {
            let sent = on_each(&ranks(size), |ranks| {
                let mut vector = vec![1.0_f32; n];
                let expected = match size.is_power_of_two() {
                    true => {
                        let tier = *Tier::available().last().unwrap();
                        ranks.sum(tier, size, (&mut [0.0; 3], &mut vector), &mut Vec::new()).unwrap();
                        assert_eq!(vector, vec![size as f32; n]);
                        ranks.bytes_of_sum(size_of_val(&vector[..]))
                    }
                    false => {
                        let mut gathered = Gathered::default();
                        gathered.begin();
                        gathered.append(&[0.0; 3], &vector);
                        ranks.gather(&mut gathered).unwrap();
                        ranks.bytes_of_gathering(24 + size_of_val(&vector[..]))
                    }
                };
                (ranks.sent().1, expected as u64)
            });
            // Halves of an odd number of entries differ by one, in each of the rounds.
            assert!(
                sent.iter().all(|(sent, expected)| sent.abs_diff(*expected) <= 32),
                "{size} {n} {sent:?}"
            );
        }
    }
}

#[test]
fn ranks_learn_what_differs() {
    for size in [2, 3, 4, 6] {
        let all = on_each(&ranks(size), |ranks| {
            let third = if ranks.rank() == size - 1 { 4 } else { 3 };
            ranks.compare(&[1, 2, third]).unwrap()
        });
        assert!(all.iter().all(|differs| *differs == [false, false, true]), "{size}");
    }
}

#[test]
fn ranks_that_make_different_calls_end_with_an_error() {
    for size in [2, 3, 4] {
        let all = on_each(&ranks(size), |ranks| match ranks.rank() {
            0 => ranks.compare(&[1]).err(),
            _ => ranks.vote().err(),
        });
        for error in all {
            let Some(Error::OtherRank { reason, .. }) = error else { panic!("{error:?}") };
            assert!(reason.contains("come apart"), "{reason}");
        }
    }
}

#[test]
fn blocks_of_all_ranks_are_gathered() {
    for size in 1..9 {
        for n_bytes in [3, 70_000] {
            let all = on_each(&ranks(size), |ranks| {
                let mut gathered = Gathered::default();
                gathered.begin().resize(n_bytes, ranks.rank() as u8);
                ranks.gather(&mut gathered).unwrap();
                (0..size).all(|rank| gathered.block(rank) == vec![rank as u8; n_bytes])
            });
            assert!(all.into_iter().all(|is_right| is_right), "{size} ranks, {n_bytes} bytes");
        }
    }
}

#[test]
fn ranks_that_have_ended_one_part_of_a_run_may_speak_again_until_one_ends_it() {
    for size in [2, 3, 4] {
        let all = on_each(&ranks(size), |ranks| {
            let rank = ranks.rank() as u8;
            let first = ranks.gather_all(&[rank, 7]).unwrap();
            ranks.note(Vote::SaveIsDue, "");
            ranks.finish(true).unwrap();
            assert_eq!(ranks.ended_by(), None);
            assert!(!ranks.save_is_due(|| false), "of the part before");
            if rank == 1 {
                ranks.note(Vote::Interrupted, "interrupted");
            }
            ranks.finish(true).unwrap();
            (first, ranks.ended_by(), ranks.gather_all(&[]).is_err())
        });
        let first: Vec<_> = (0..size as u8).map(|rank| vec![rank, 7]).collect();
        let expected = (first, Some((1, "interrupted".to_owned())), true);
        assert!(all.iter().all(|said| *said == expected), "{all:?}");
    }
}

#[test]
fn numbers_of_rank_0_reach_all() {
    for size in [2, 3, 5, 8] {
        let all = on_each(&ranks(size), |ranks| {
            let mut numbers = [ranks.rank() as f64 + 0.5, -0.0];
            let ends = ranks.agree(ranks.rank() == size - 1, &mut numbers).unwrap();
            ranks.note(Vote::Raised, &format!("of rank {}", ranks.rank()));
            ranks.finish(false).unwrap();
            (ends, numbers.map(f64::to_bits), ranks.ended_by())
        });
        let expected = (true, [0.5_f64, -0.0].map(f64::to_bits), Some((0, "of rank 0".to_owned())));
        assert!(all.iter().all(|said| *said == expected), "{all:?}");
    }
}
