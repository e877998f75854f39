//! What is computed with the rows of a tile, by one kernel where they are dense and another where they are sparse.

use crate::data::VisitRows;
use crate::kernel::Tier;
use crate::kernel::factorization_machine::{
    DenseFactorAccumulate, DenseFactorScores, FactorAccumulate, FactorScores, FactorScoresAlong,
    FactorSquares, FactorTable, Pulls, WritePulls,
};
use crate::kernel::matrix::RowList;
use crate::kernel::sparse::Index;
use crate::kernel::sparse_matrix::SparseRowList;
use crate::scalar::Scalar;

/// See [`FactorScores`].
pub(super) struct Forward<'a, T> {
    pub(super) tier: Tier,
    pub(super) table: FactorTable<'a, T>,
    pub(super) intercept: &'a [T],
    pub(super) sums: &'a mut [T],
    pub(super) parts: &'a mut [T],
    pub(super) scores: &'a mut [T],
}

impl<T: Scalar> VisitRows<T> for Forward<'_, T> {
    fn dense(self, rows: RowList<'_, T>) {
        let Self { tier, table, intercept, sums, parts, scores } = self;
        tier.run(DenseFactorScores(FactorScores { rows, table, intercept, sums, parts, scores }));
    }

    fn sparse<I: Index>(self, rows: SparseRowList<'_, T, I>) {
        let Self { tier, table, intercept, sums, parts, scores } = self;
        tier.run(FactorScores { rows, table, intercept, sums, parts, scores });
    }
}

/// See [`FactorAccumulate`].
pub(super) struct Backward<'a, T> {
    pub(super) tier: Tier,
    pub(super) table: FactorTable<'a, T>,
    pub(super) pulls: Pulls<'a, T>,
    pub(super) gradient: &'a mut [T],
    pub(super) intercept: &'a mut [T],
}

impl<T: Scalar> VisitRows<T> for Backward<'_, T> {
    fn dense(self, rows: RowList<'_, T>) {
        let Self { tier, table, pulls, gradient, intercept } = self;
        tier.run(DenseFactorAccumulate(FactorAccumulate { rows, table, pulls, gradient, intercept }));
    }

    fn sparse<I: Index>(self, rows: SparseRowList<'_, T, I>) {
        let Self { tier, table, pulls, gradient, intercept } = self;
        tier.run(FactorAccumulate { rows, table, pulls, gradient, intercept });
    }
}

/// See [`WritePulls`].
pub(super) struct Pull<'a, T> {
    pub(super) tier: Tier,
    pub(super) table: FactorTable<'a, T>,
    pub(super) pulls: Pulls<'a, T>,
    pub(super) intercept: &'a mut [T],
}

impl<T: Scalar> VisitRows<T> for Pull<'_, T> {
    fn dense(self, rows: RowList<'_, T>) {
        let Self { tier, table, pulls, intercept } = self;
        tier.run(WritePulls { rows, table, pulls, intercept });
    }

    fn sparse<I: Index>(self, rows: SparseRowList<'_, T, I>) {
        let Self { tier, table, pulls, intercept } = self;
        tier.run(WritePulls { rows, table, pulls, intercept });
    }
}

/// See [`FactorSquares`].
pub(super) struct Squares<'a, T> {
    pub(super) tier: Tier,
    pub(super) table: FactorTable<'a, T>,
    pub(super) sums: &'a [T],
    pub(super) slopes: &'a [T],
    pub(super) n_outputs: usize,
    pub(super) room: &'a mut [f64],
    pub(super) squares: &'a mut [f64],
}

impl<T: Scalar> VisitRows<T> for Squares<'_, T> {
    fn dense(self, rows: RowList<'_, T>) {
        let Self { tier, table, sums, slopes, n_outputs, room, squares } = self;
        tier.run(FactorSquares { rows, table, sums, slopes, n_outputs, room, squares });
    }

    fn sparse<I: Index>(self, rows: SparseRowList<'_, T, I>) {
        let Self { tier, table, sums, slopes, n_outputs, room, squares } = self;
        tier.run(FactorSquares { rows, table, sums, slopes, n_outputs, room, squares });
    }
}

/// See [`FactorScoresAlong`].
pub(super) struct AlongDirection<'a, T> {
    pub(super) tier: Tier,
    pub(super) table: FactorTable<'a, T>,
    pub(super) sums: &'a [T],
    pub(super) direction: &'a [T],
    pub(super) intercept: &'a [T],
    pub(super) parts: &'a mut [T],
    pub(super) along: &'a mut [T],
}

impl<T: Scalar> VisitRows<T> for AlongDirection<'_, T> {
    fn dense(self, rows: RowList<'_, T>) {
        let Self { tier, table, sums, direction, intercept, parts, along } = self;
        tier.run(FactorScoresAlong { rows, table, sums, direction, intercept, parts, along });
    }

    fn sparse<I: Index>(self, rows: SparseRowList<'_, T, I>) {
        let Self { tier, table, sums, direction, intercept, parts, along } = self;
        tier.run(FactorScoresAlong { rows, table, sums, direction, intercept, parts, along });
    }
}
