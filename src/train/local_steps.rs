//! `LocalSteps`: steps that every process makes on its own share of the batches, and a mean over processes now and then.
//!
//! Between two *synchronisations* a rank makes steps on its share of each batch, and hears nothing of the others'. Then
//! parameters, what the optimizer remembers, and averages become the means of those of all ranks. That is an algorithm of its own,
//! whose result depends on the number of ranks.
//!
//! Only at synchronisations is a run whole, the same on all ranks. So whatever looks at it does so there, and what ends
//! it between two of them takes it back to the last.
//!
//! Source: S. U. Stich, Local SGD converges fast and communicates little, ICLR 2019, arXiv:1805.09767.

use std::num::NonZeroUsize;
use std::ops::Range;

use super::catch_up::CatchUp;
use super::in_place;
use super::observers::Observers;
use super::parameters::Parameters;
use super::run::Run;
use super::step::{Batch, Step};
use super::stop::Stop;
use super::touched_columns::TouchedColumns;
use super::{Config, StopReason};
use crate::error::{Result, try_copied};
use crate::gradient::{Evaluator, Problem, RankMean};
use crate::kernel::first_not_finite;
use crate::ranks::Ranks;
use crate::scalar::Scalar;

/// What can be found not to be finite, by the number that tells other ranks.
const QUANTITIES: [&str; 2] = ["the loss", "a parameter"];

/// Multiply-adds that a row, a parameter and a step are worth besides their own.
const WORK_OF_ROW: usize = 96;
const WORK_OF_PARAMETER: usize = 4;
const WORK_OF_STEP: usize = 1 << 12;

/// The processes that make steps of their own, and how often they meet.
pub(super) struct LocalSteps<'a, T> {
    ranks: &'a Ranks,
    /// Steps from one synchronisation to the next, counted from the beginning of the epoch, whose end is one, too.
    every: NonZeroUsize,
    mean: RankMean<T>,
    mean_of_scalars: RankMean<f64>,
    /// Where steps are on the columns of their batches.
    touched: Option<TouchedColumns<'a, T>>,
    last: Synchronised<T>,
}

/// A run at the last synchronisation, to be gone back to.
#[derive(Debug)]
struct Synchronised<T> {
    /// Parameters, the slots of the optimizer, and their average.
    vectors: Vec<Vec<T>>,
    scalars: Vec<f64>,
    n_steps: u64,
    n_averaged: u64,
    step: usize,
    n_seen: u64,
    loss_sum: f64,
}

impl<'a, T: Scalar> LocalSteps<'a, T> {
    /// Those of a run, if it is to make some.
    pub(super) fn of(
        problem: &Problem<'a, T>,
        config: &Config,
        params: &Parameters<'a, T>,
        evaluator: &Evaluator<'_, 'a, T>,
    ) -> Result<Option<Self>> {
        let (Some(ranks), Some(every)) = (evaluator.ranks(), config.sync_every) else { return Ok(None) };
        let (mean, mean_of_scalars) = (RankMean::new(config.tier), RankMean::new(config.tier));
        let touched = TouchedColumns::of(problem, params)?;
        Ok(Some(Self { ranks, every, mean, mean_of_scalars, touched, last: Synchronised::nothing() }))
    }

    /// Makes the steps of the epoch.
    pub(super) fn make(
        &mut self,
        run: &mut Run<'_, 'a, T>,
        observers: &mut Observers<'_, 'a, T>,
    ) -> Result<(), Stop> {
        run.state.loss_sum += run.params.settle().penalty;
        with_all(run, |run| self.last.save(run, None))?;
        while run.next_batch().is_some() {
            let n_before = run.state.optimizer.n_steps;
            let round = self.round(run);
            if round.is_err() {
                let _ = run.params.settle(); // of steps that are forgotten
                with_all(run, |run| self.last.restore(run));
            }
            let step = round?;
            observers.steps(&step, run.state.optimizer.n_steps - n_before, run.view())?;
        }
        Ok(())
    }

    /// Makes steps up to the next synchronisation, and that. Returns what can be said of all together.
    fn round(&mut self, run: &mut Run<'_, 'a, T>) -> Result<Step, Stop> {
        self.touched.iter_mut().for_each(TouchedColumns::clear);
        run.evaluator.set_ranks(None);
        let made = self.steps(run);
        run.evaluator.set_ranks(Some(self.ranks));
        self.synchronise(run, made?)
    }

    /// The steps. One that has diverged ends no run on its own: the rank makes no more, and says so when all meet.
    fn steps(&mut self, run: &mut Run<'_, 'a, T>) -> Result<Option<StopReason>, Stop> {
        let mut diverged = None;
        while let Some(batch) = run.next_batch() {
            let (n_done, is_last) = (batch.n_done, batch.is_last);
            let n_rows = batch.positions.len();
            self.touched.iter_mut().for_each(|touched| touched.count(n_rows));
            if diverged.is_none() {
                match self.step(run, batch) {
                    Err(Stop::Because(reason @ StopReason::Diverged { .. })) => diverged = Some(reason),
                    made => made?,
                }
            }
            run.state.step = n_done;
            // Counted alike by all, whatever their shares: where steps take long someone may want to end the run.
            let of_rows = n_rows.div_ceil(self.ranks.size()) * (run.problem.work_of_row() + WORK_OF_ROW);
            self.ranks.count(of_rows + run.problem.layout().len() * WORK_OF_PARAMETER + WORK_OF_STEP)?;
            if is_last || n_done.div_ceil(run.config.accumulate.get()).is_multiple_of(self.every.get()) {
                break;
            }
        }
        Ok(diverged)
    }

    /// A step on this rank's share of a batch.
    fn step(&mut self, run: &mut Run<'_, 'a, T>, batch: Batch) -> Result<(), Stop> {
        let (loss_sum, n_seen) = (run.state.loss_sum, run.state.n_seen);
        let (positions, is_counted) = share_of(&batch.positions, self.ranks.rank(), self.ranks.size());
        let batch = Batch { positions, n_done: batch.n_done, is_last: false };
        if let Some(touched) = &mut self.touched {
            touched.see(batch.positions.clone(), &mut run.evaluator);
        }
        if !step_in_place(run, &batch)? {
            let gradient = run.gradient(&batch)?;
            run.update(&batch, gradient)?;
        }
        if !is_counted {
            (run.state.loss_sum, run.state.n_seen) = (loss_sum, n_seen);
        }
        Ok(())
    }

    /// Makes means of what the ranks have come to, and sums of what they have seen.
    fn synchronise(&mut self, run: &mut Run<'_, 'a, T>, diverged: Option<StopReason>) -> Result<Step, Stop> {
        let CatchUp { penalty, is_finite } = run.params.settle();
        run.state.loss_sum += penalty;
        let diverged = diverged.or((!is_finite).then(|| run.diverged(QUANTITIES[1])));
        let mut numbers = [
            run.state.loss_sum - self.last.loss_sum,
            (run.state.n_seen - self.last.n_seen) as f64,
            f64::from(u8::from(diverged.is_some())),
        ];
        let n_vectors = with_all(run, |run| vectors_of(run).count());
        let is_few = self.touched.as_ref().is_some_and(|touched| touched.are_few(self.ranks, n_vectors));
        if let Some(touched) = self.touched.as_mut().filter(|_| is_few) {
            touched.unite(self.ranks)?;
        }
        let is_finite = with_all(run, |run| self.average(run, is_few, &mut numbers))?;
        let [loss_sum, n_rows, n_diverged] = numbers;
        if n_diverged > 0.0 {
            return Err(self.who_diverged(diverged)?.into());
        }
        if !is_finite {
            return Err(run.diverged(QUANTITIES[1]).into());
        }
        run.state.loss_sum = self.last.loss_sum + loss_sum;
        run.state.n_seen = self.last.n_seen + n_rows as u64;
        // Of columns that miss nothing the others are where they were.
        let misses_nothing = run.params.miss_nothing() && run.config.average.is_none();
        let moved = self.touched.as_ref().filter(|_| is_few && misses_nothing);
        with_all(run, |run| self.last.save(run, moved))?;
        Ok(Step {
            t: run.state.optimizer.n_steps - 1,
            n_rows: n_rows as usize,
            loss: loss_sum / n_rows,
            norm: f64::NAN,
            is_last: run.next_batch().is_none(),
        })
    }

    /// Puts means in the place of all vectors and numbers. Returns whether the parameters are finite.
    fn average(&mut self, run: &mut Run<'_, 'a, T>, is_few: bool, numbers: &mut [f64; 3]) -> Result<bool> {
        let Self { ranks, mean, touched, .. } = self;
        let touched = touched.as_ref().filter(|_| is_few);
        mean.begin();
        for vector in vectors_of(run) {
            pieces(touched, vector.len()).try_for_each(|piece| mean.append(&vector[piece]))?;
        }
        mean.exchange(ranks, numbers)?;
        for vector in vectors_of(run) {
            pieces(touched, vector.len()).for_each(|piece| mean.take(&mut vector[piece]));
        }
        let scalars = &mut run.state.optimizer.scalars;
        if !scalars.is_empty() {
            self.mean_of_scalars.begin();
            self.mean_of_scalars.append(scalars)?;
            self.mean_of_scalars.exchange(self.ranks, &mut [0.0; 3])?;
            self.mean_of_scalars.take(scalars);
        }
        let (tier, params) = (run.config.tier, run.evaluator.params());
        let is_finite = |piece| first_not_finite(tier, &params[piece]).is_none();
        Ok(pieces(self.touched.as_ref().filter(|_| is_few), params.len()).all(is_finite))
    }

    /// Where and how the first of the ranks has diverged that have.
    fn who_diverged(&self, own: Option<StopReason>) -> Result<StopReason> {
        let mut numbers = [0.0; 3];
        if let Some(StopReason::Diverged { epoch, step, quantity }) = own {
            let i = QUANTITIES.iter().position(|known| *known == quantity).unwrap_or_default();
            numbers = [epoch as f64, step as f64, i as f64];
        }
        self.ranks.hear(own.is_some(), &mut numbers)?;
        let [epoch, step, i] = numbers.map(|number| number as u64);
        Ok(StopReason::Diverged { epoch, step, quantity: QUANTITIES[i as usize % QUANTITIES.len()] })
    }
}

impl<T: Scalar> Synchronised<T> {
    fn nothing() -> Self {
        let (vectors, scalars) = (Vec::new(), Vec::new());
        Self { vectors, scalars, n_steps: 0, n_averaged: 0, step: 0, n_seen: 0, loss_sum: 0.0 }
    }

    /// Keeps a run, of which everything else than what is said to have moved is kept already.
    fn save<'a>(&mut self, run: &mut Run<'_, 'a, T>, moved: Option<&TouchedColumns<'a, T>>) -> Result<()> {
        for (i, vector) in vectors_of(run).enumerate() {
            if self.vectors.len() == i {
                self.vectors.push(try_copied("the run at a synchronisation", vector)?);
            } else {
                let kept = &mut self.vectors[i];
                pieces(moved, vector.len())
                    .for_each(|piece| kept[piece.clone()].copy_from_slice(&vector[piece]));
            }
        }
        let state = &run.state;
        self.scalars.clone_from(&state.optimizer.scalars);
        (self.n_steps, self.n_averaged) = (state.optimizer.n_steps, state.average.n);
        (self.step, self.n_seen, self.loss_sum) = (state.step, state.n_seen, state.loss_sum);
        Ok(())
    }

    fn restore(&self, run: &mut Run<'_, '_, T>) {
        vectors_of(run).zip(&self.vectors).for_each(|(vector, kept)| vector.copy_from_slice(kept));
        let state = &mut run.state;
        state.optimizer.scalars.clone_from(&self.scalars);
        (state.optimizer.n_steps, state.average.n) = (self.n_steps, self.n_averaged);
        (state.step, state.n_seen, state.loss_sum) = (self.step, self.n_seen, self.loss_sum);
    }
}

/// The positions of a batch that are a rank's, and whether it counts them as seen: runs of equal length but for one row, in the
/// order of the ranks. Of a batch with fewer rows than there are ranks everyone has all, and the first counts them.
fn share_of(batch: &Range<usize>, rank: usize, size: usize) -> (Range<usize>, bool) {
    let at = |rank: usize| batch.start + (batch.len() as u128 * rank as u128 / size as u128) as usize;
    match batch.len() < size {
        true => (batch.clone(), rank == 0),
        false => (at(rank)..at(rank + 1), true),
    }
}

/// Makes a step on a table where it lies, if it can be made so, and says whether.
fn step_in_place<T: Scalar>(run: &mut Run<'_, '_, T>, batch: &Batch) -> Result<bool, Stop> {
    let Run { problem, config, state, params, evaluator, optimizer, .. } = run;
    let Parameters::Lazy(params) = params else { return Ok(false) };
    in_place::make_one(problem, config, optimizer, batch, (params, state), evaluator)
}

/// Does something while the evaluator and the state have all parameters and slots, also of sparse rows.
fn with_all<'t, 'a, T: Scalar, R>(run: &mut Run<'t, 'a, T>, act: impl FnOnce(&mut Run<'t, 'a, T>) -> R) -> R {
    run.params.exchange_all(run.evaluator.params(), &mut run.state.optimizer.slots);
    let done = act(run);
    run.params.exchange_all(run.evaluator.params(), &mut run.state.optimizer.slots);
    done
}

/// Parameters, slots and average, if there is one; see [`with_all`].
fn vectors_of<'r, T: Scalar>(run: &'r mut Run<'_, '_, T>) -> impl Iterator<Item = &'r mut Vec<T>> {
    let (slots, average) = (&mut run.state.optimizer.slots, &mut run.state.average.params);
    let all = std::iter::once(run.evaluator.params()).chain(slots).chain(std::iter::once(average));
    all.filter(|vector| !vector.is_empty())
}

/// The parts of a vector that ranks may have moved apart.
fn pieces<T: Scalar>(
    touched: Option<&TouchedColumns<'_, T>>,
    len: usize,
) -> impl Iterator<Item = Range<usize>> {
    touched.into_iter().flat_map(TouchedColumns::ranges).chain(touched.is_none().then_some(0..len))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_the_batch() {
        for (len, size) in [(64, 2), (65, 2), (7, 3), (3, 3), (1000, 7)] {
            let batch = 10..10 + len;
            let shares: Vec<_> = (0..size).map(|rank| share_of(&batch, rank, size).0).collect();
            assert_eq!(shares.iter().cloned().flatten().collect::<Vec<_>>(), batch.collect::<Vec<_>>());
            assert!(shares.iter().all(|share| share.len().abs_diff(len / size) <= 1), "{shares:?}");
        }
        assert_eq!([0, 1].map(|rank| share_of(&(4..5), rank, 2)), [(4..5, true), (4..5, false)]);
    }
}
