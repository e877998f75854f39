//! The first half of a step in place: scores and slopes of some rows, and their entries in buckets.

use std::ops::Range;

use super::{TableShape, room};
use crate::data::{Buckets, Rows, Tile, TileRows};
use crate::error::{Result, try_filled};
use crate::gradient::Problem;
use crate::gradient::loss::TileOf;
use crate::gradient::model::{ModelScratch, ParamsOfPass};
use crate::gradient::pass::Pass;
use crate::gradient::sum::LEAF_ROWS;
use crate::kernel::{Prefetch, prefetch_ends};
use crate::scalar::Scalar;

/// Some rows of a batch.
#[derive(Debug)]
pub(super) struct RowsPart<T> {
    rows: Vec<usize>,
    pub(super) buckets: Buckets<T>,
    /// What the rows pull those of the table with, see [`Pulls`](crate::kernel::factorization_machine::Pulls).
    pub(super) pulls: Vec<T>,
    /// The sum of the losses of each tile.
    pub(super) losses: Vec<f64>,
    /// The sums of the slopes of each tile, by output.
    pub(super) slopes: Vec<T>,
    /// Whether there was memory for all.
    pub(super) collected: Result<()>,
    targets: Vec<T>,
    weights: Vec<T>,
    scores: Vec<T>,
    model: ModelScratch<T>,
}

impl<T: Scalar> RowsPart<T> {
    pub(super) fn new(problem: &Problem<'_, T>) -> Result<Self> {
        let filled = |what, n_rows: usize| try_filled(what, n_rows * LEAF_ROWS, T::ZERO);
        Ok(Self {
            rows: Vec::new(),
            buckets: Buckets::default(),
            pulls: Vec::new(),
            losses: Vec::new(),
            slopes: Vec::new(),
            collected: Ok(()),
            targets: filled("targets", problem.data.targets.per_row())?,
            weights: filled("weights", 1)?,
            scores: filled("scores", problem.layout().n_outputs())?,
            model: ModelScratch::new(&problem.objective.model)?,
        })
    }

    /// Computes with the rows at these positions, tile by tile.
    pub(super) fn collect(&mut self, pass: &Pass<'_, T>, shape: TableShape, positions: Range<usize>) {
        self.collected = self.try_collect(pass, shape, positions);
    }

    fn try_collect(&mut self, pass: &Pass<'_, T>, shape: TableShape, positions: Range<usize>) -> Result<()> {
        let (data, n) = (&pass.problem.data, positions.len());
        let Rows::Csr(csr) = &data.rows else { return Ok(()) };
        let TableShape { n_buckets, shift, stride, .. } = shape;
        let n_outputs = pass.model.layout().n_outputs();
        let n_tiles = n.div_ceil(pass.rows_of_tile);
        room(&mut self.rows, n, 0)?;
        room(&mut self.pulls, 2 * n * stride, T::ZERO)?;
        self.losses.clear();
        room(&mut self.losses, n_tiles, 0.0)?;
        self.slopes.clear();
        room(&mut self.slopes, n_tiles * n_outputs, T::ZERO)?;
        pass.rows_at(positions.start, &mut self.rows[..n]);
        let Self { rows, buckets, pulls, losses, slopes, targets, weights, scores, model, .. } = self;
        let rows = &rows[..n];
        data.targets.prefetch(rows);
        data.weights.prefetch(rows);
        let table = &pass.params[..];
        buckets.collect(csr, rows, (n_buckets, shift), |column| {
            prefetch_ends::<false, T>(&table[column * stride..][..stride]);
        })?;
        let at = ParamsOfPass { params: table, prepared: &[], is_for_gradient: true, masks: None };
        let pulls = pulls.chunks_mut(2 * pass.rows_of_tile * stride);
        let tiles = rows.chunks(pass.rows_of_tile).zip(pulls);
        for (((rows, pulls), loss), slopes) in tiles.zip(losses).zip(slopes.chunks_exact_mut(n_outputs)) {
            let padded = rows.len().next_multiple_of(T::LANES);
            let targets = &mut targets[..data.targets.per_row() * padded];
            data.targets.gather(rows, padded, targets);
            let weights = &mut weights[..padded];
            data.weights.gather(rows, weights);
            if let Some(factors) = &pass.importance_weights {
                weights.iter_mut().zip(rows).for_each(|(s, &row)| *s *= factors[row]);
            }
            let scores = &mut scores[..n_outputs * padded];
            let tile = TileRows::Stored(&data.rows, Tile { rows, ahead: &[], prefetch: Prefetch::NONE });
            pass.model.forward(pass.tier, &tile, at, scores, model);
            data.offsets.add_to(rows, padded, scores);
            let of_tile = TileOf { n_outputs, scores, targets, weights, unit: data.targets.unit() };
            *loss = pass.problem.objective.loss.slopes(pass.tier, data.targets.kind(), of_tile);
            let pulls = &mut pulls[..2 * rows.len() * stride];
            pass.model.pull(pass.tier, &tile, table, scores, (pulls, slopes), model);
        }
        Ok(())
    }
}
