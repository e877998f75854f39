"""The control of steps whose noise dies away, or in a metric: of SAGA, SVRG, and preconditioned descent."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .columns import columns_as_they_are, standardised_columns
from .control_variate import Corrected
from .curvature import Sample, drawn_rows, row_curvatures
from .data import Data, n_rows_of
from .learning_rate import LearningRate, Scheduled
from .metric import Builder, Metric, random_signs
from .model import Parameters
from .objective import Objective
from .registry import name_of
from .safeguard import Safeguard
from .shuffle import Batches, Rows

Array = NDArray[Any]

ROWS_OF_SAMPLE, FEWEST_ROWS_OF_SKETCH, ROWS_FOR_EIGENVALUE = 1000, 512, 4
"""Rows of each of the two samples of a metric; of a sketch, and at least so many for every eigenvalue."""

FIRST_RANK, MOST_DOUBLINGS, RANKS_OF_BATCH, ENTRIES_OF_SKETCH, LEAST_RANK = 16, 3, 4, 2**18, 8
"""Of a sketch: the first rank, how often it doubles, the most for every row of a batch, the most entries, and
the rank below which a diagonal is as good."""

LARGEST_RANK_WITH_L1 = 16
"""The proximal map of l1 in a metric costs the square of its rank."""

COLUMNS_OF_BATCH = 2
"""All of the curvature is learned of at most so many columns for every row of a batch."""

FEW_ROWS = 2 * ROWS_OF_SAMPLE
"""For fewer rows a metric is built anew in every epoch."""

ROWS_OF_FIRST_LOSS = 2048


class Solver(LearningRate):
    """Builds the metric of the rule, and takes a share of the longest rate that the expected smoothness
    allows in it; a safeguard makes that share smaller if need be. The known slopes are the objective's.
    """

    wants_loss = True
    is_automatic = False

    def __init__(
        self, objective: Objective, data: Data, w: Parameters, rule: Any, batches: Batches, seed: int
    ) -> None:
        self.objective, self.data, self.rule, self.seed = objective, data, rule, seed
        self.variate = objective if isinstance(objective, Corrected) else None
        self.schedule = None if rule.learning_rate == "auto" else Scheduled(rule.learning_rate)
        self.b, _ = batches.first_step()
        n, n_spread = len(data), min(len(data), ROWS_OF_FIRST_LOSS)
        x, y, s, o = data.batch(np.arange(n_spread) * n // n_spread, drawn=False)
        losses = objective.loss.value(objective.model.scores(w, x, o), y)
        first_loss = float((losses if s is None else s * losses).sum()) / n_spread
        self.safeguard = Safeguard(w.flat, first_loss + objective.cost(w))
        self.columns = (
            columns_as_they_are(objective, data)
            if rule.preconditioner is None
            else standardised_columns(objective, data, w, seed)
        )
        self.metric: Metric | None = None
        self.n_builds = self.epoch = self.n_batches = self.n_done = 0
        self.before, self.rate, self.has_all_rows = w.flat.copy(), 0.0, False

    def begin_epoch(self, epoch: int, steps: list[list[Rows]]) -> None:
        self.epoch, self.n_done, self.n_batches = epoch, 0, sum(len(batches) for batches in steps)

    def prepare(self, w: Parameters, batches: list[Rows]) -> None:
        if self.safeguard.last_loss is not None or self.safeguard.is_lost:
            self.safeguard.judge(self.epoch, lambda flat: self.look_from(flat, w))
        if self.metric is None or self.is_due():
            self.metric = self.build(w)
        if self.variate is not None and self.n_done == 0:
            self.variate.begin_epoch(self.epoch, w)
        n_rows = sum(n_rows_of(rows) for rows in batches)
        limits = np.finfo(np.float64)
        longest = self.safeguard.share / np.float64(self.metric.expected_smoothness(len(self.data), n_rows))
        self.rate = float(np.clip(longest, limits.tiny, limits.max))
        self.has_all_rows = n_rows >= len(self.data)
        self.n_done += len(batches)
        self.before = w.flat.copy()

    def at(self, t: int) -> float:
        return self.rate if self.schedule is None else self.schedule.at(t)

    def accept(self, w: Parameters, loss: float) -> tuple[bool, float]:
        is_made = bool(np.isfinite(loss) and np.isfinite(w.flat).all())
        if self.variate is not None:
            (self.variate.accept if is_made else self.variate.reject)()
        if is_made:
            self.safeguard.n_backtracks = 0
            return True, loss
        w.flat[...] = self.before
        return False, self.safeguard.backtrack()

    def end_epoch(self, loss: float, w: Parameters) -> None:
        self.safeguard.end_epoch(loss, w.flat, self.has_all_rows)
        if self.schedule is not None:
            self.schedule.end_epoch(loss, w)

    def best(self, model: Array) -> Array:
        found = self.safeguard.alternative()
        if found is None:
            return model
        other, loss_there = found
        coef = model[: self.rule.n_coef].astype(np.float64)
        loss = self.objective.value_at(model, self.data) + self.rule.weight_decay / 2 * float(coef @ coef)
        return model if loss <= loss_there else other

    def look_from(self, flat: Array, w: Parameters) -> float:
        """Moves the parameters, and makes the slopes of all rows known there if they are to be."""
        w.flat[...] = flat
        return self.objective.value(w, self.data) if self.variate is None else self.variate.know_all(w)

    def is_due(self) -> bool:
        """Whether a metric is to be built before this step. With a kink, curvatures are always the same."""
        if self.objective.loss.has_kink:
            return False
        epoch, n_done, n_batches = self.epoch, self.n_done, self.n_batches
        if epoch == 0:
            return n_done in (0, n_batches // 8, n_batches // 3)
        is_power_of_two = epoch & (epoch - 1) == 0
        return n_done == 0 and (is_power_of_two or len(self.data) < FEW_ROWS)

    def build(self, w: Parameters) -> Metric:
        """Gives the rule a metric at w."""
        metric, penalty = self.built(w), self.objective.penalty
        self.n_builds += 1
        self.rule.metric = metric
        self.rule.l1 = penalty.l1 if penalty.has_l1 and not metric.is_diagonal() else None
        return metric

    def built(self, w: Parameters) -> Metric:
        """A metric at w; the last one if numbers have left their range."""
        n = self.columns.centre.size + self.objective.model.fit_intercept
        name, rank = self.wanted()
        n_wanted = max(FEWEST_ROWS_OF_SKETCH, ROWS_FOR_EIGENVALUE * rank) if rank else ROWS_OF_SAMPLE
        rows, others = drawn_rows(self.seed, self.n_builds, len(self.data), n_wanted)
        first = self.sample(w, rows)
        second = first if others is None else self.sample(w, others)
        last = 0.0 if self.metric is None else self.metric.damping
        builder = Builder(self.columns, first, second, len(self.data), self.b, last, w.flat.dtype)
        if name == "nystrom" and rank < n:
            signs = random_signs(self.seed, self.n_builds, rank, n)
            metric = builder.nystrom(np.pad(signs, [(0, 0), (0, first.x.shape[1] - n)]))
        else:  # as many eigenvalues as there are
            metric = {"plain": builder.plain, "diagonal": builder.diagonal}.get(name, builder.newton)()
        metric = metric or self.metric
        if metric is None:
            raise ValueError("no step size found: the curvature of the loss leaves the range of the numbers")
        return metric

    def sample(self, w: Parameters, rows: Array) -> Sample:
        """Standardised rows, and the curvature of their losses at w."""
        x = self.columns.standardised(self.data.X[rows], self.objective.model.fit_intercept)
        return Sample(x.astype(np.float64), row_curvatures(self.objective, self.data, w, rows))

    def wanted(self) -> tuple[str, int]:
        """The preconditioner of the next metric, and its rank if it is a sketch."""
        choice, d = self.rule.preconditioner, self.columns.centre.size
        if choice is None:
            return "plain", 0
        name: str = name_of(choice)
        given: Any = getattr(choice, "rank", "auto")
        most = min(RANKS_OF_BATCH * self.b, ENTRIES_OF_SKETCH // (d + 1), d + 1)
        penalty, n = self.objective.penalty, d + self.objective.model.fit_intercept
        if penalty.has_l1:  # of as many columns as there are a sketch would have no proximal map
            most = min(most, LARGEST_RANK_WITH_L1, n - 1)
        if name == "auto":
            if penalty.has_l1 and penalty.is_group:
                return "diagonal", 0
            if not penalty.has_l1 and d <= COLUMNS_OF_BATCH * self.b:
                return "newton", 0
            name = "diagonal" if most < max(min(LEAST_RANK, n - 1), 1) else "nystrom"
        if name != "nystrom" or (penalty.has_l1 and n == 1):
            return "diagonal" if name == "nystrom" else name, 0
        growing = FIRST_RANK << min(self.n_builds, MOST_DOUBLINGS)
        if given == "auto":
            return name, max(min(growing, most), 1)
        return name, min(given, n - 1) if penalty.has_l1 else given
