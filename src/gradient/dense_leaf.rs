//! `DenseLeaf`: a leaf of dense rows for one output, in one call of the tier.
//!
//! What [`Pass`] does of any rows and model kernel by kernel, with the same bits. Of rows of 30 columns, three calls for every
//! tile, and lists of rows, targets and weights made by code for the baseline, were an eighth of the time.

use std::ops::Range;

use super::control_variate::{Baseline, ControlVariate};
use super::dense_tile::{DenseTile, slopes};
use super::loss::{Pointwise, TileOf, VisitPointwise};
use super::pass::{Pass, Wanted};
use super::scratch::Scratch;
use super::sum::Partial;
use crate::data::{Dense, Rows, Tile};
use crate::kernel::{Kernel, Lanes, ScaleAdd, Tier};
use crate::scalar::Scalar;

/// The rows at some positions.
pub(super) struct DenseLeaf<'l, 'p, 'a, T> {
    pub(super) pass: &'l Pass<'p, T>,
    pub(super) x: Dense<'a, T>,
    pub(super) positions: Range<usize>,
    pub(super) scratch: &'l mut Scratch<T>,
    pub(super) partial: &'l mut Partial<T>,
}

impl<'p, T: Scalar> Pass<'p, T> {
    /// The rows, if leaves of them are done in one call: those of a model of one score, by a loss of one score, that are
    /// compared with nothing or with slopes in a table.
    #[inline(always)]
    pub(super) fn rows_of_dense_leaf(&self) -> Option<Dense<'p, T>> {
        let is_probed = matches!(self.wanted, Wanted::GradientAndSquares | Wanted::Products);
        let variate = self.variate.as_ref().map(|variate| &variate.baseline);
        let is_snapshot = matches!(variate, Some(Baseline::Snapshot(_)));
        let is_single = self.model.linear().is_some_and(|model| model.layout.n_outputs() == 1);
        match self.problem.data.rows {
            Rows::Dense(x) if is_single && !is_probed && !is_snapshot && self.tier != Tier::SCALAR => Some(x),
            _ => None,
        }
    }
}

impl<T: Scalar> VisitPointwise for DenseLeaf<'_, '_, '_, T> {
    type Output = ();

    fn visit<F: Pointwise>(self, loss: F) {
        self.pass.tier.run_vectorised(DenseLeafOf { loss, leaf: self });
    }
}

struct DenseLeafOf<'l, 'p, 'a, T, F> {
    loss: F,
    leaf: DenseLeaf<'l, 'p, 'a, T>,
}

impl<T: Scalar, F: Pointwise> Kernel<T> for DenseLeafOf<'_, '_, '_, T, F> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes<Elem = T>>(self) {
        let Self { loss, leaf: DenseLeaf { pass, x, positions, scratch, partial } } = self;
        let data = &pass.problem.data;
        let mut position = positions.start;
        while position < positions.end {
            let n = pass.rows_of_tile.min(positions.end - position);
            let stride = n.next_multiple_of(T::LANES);
            let n_ahead = pass.gather(position, n, scratch);
            let Scratch { rows, ahead, scores, targets, weights, known, seen, .. } = &mut *scratch;
            let (rows, ahead, scores) = (&rows[..n], &ahead[..n_ahead], &mut scores[..stride]);
            let tile = DenseTile { x, tile: Tile { rows, ahead, prefetch: pass.prefetch } };
            let has_gradient = pass.wanted != Wanted::Value;
            tile.scores::<L>(&pass.params, has_gradient, scores);
            data.offsets.add_to(rows, stride, scores);
            let (targets, weights, unit) = (&targets[..stride], &weights[..stride], data.targets.unit());
            let of_loss = TileOf { n_outputs: 1, scores: &mut *scores, targets, weights, unit };
            partial.loss += slopes::<L, F>(loss, of_loss);
            if has_gradient {
                if let Some(Baseline::Table(table)) = pass.variate.as_ref().map(|variate| &variate.baseline) {
                    seen.note(rows, stride, scores);
                    let known = &mut known[..stride];
                    ControlVariate::gather(table, rows, 1, stride, known);
                    ScaleAdd { y: &mut *scores, scale: T::ONE, x: known, factor: -T::ONE }.run::<L>();
                }
                tile.accumulate::<L>(scores, &mut partial.gradient);
            }
            position += n;
        }
    }
}
