"""What a step costs (S7)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .. import _core, plotting
from ..diagnosis import Diagnosis
from ..inputs import as_flag, as_integer
from ..losses import Loss, LossName
from ..models import Model, ModelName
from ..objective import make_problem
from ..optimizers import SGD
from ..penalties import Penalty, PenaltyName
from ..sparse import is_sparse
from ..threads import resolve_n_threads
from .point import params_at
from .timing import powers_of_two, time_reference, time_steps

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["StepCost", "step_cost"]

Array = NDArray[Any]


@dataclass(frozen=True, repr=False, eq=False)
class StepCost(Diagnosis):
    """Seconds of a step by batch size, ``t(b) = tau_f + b * tau_d``.

    Attributes
    ----------
    batch_sizes : ndarray of int
    seconds : ndarray
        Median seconds of a step, for each batch size.
    tau_f, tau_d : float
        Seconds that a step costs whatever its batch, and that every row adds.
    tau_f_interval, tau_d_interval : (float, float)
        95 % of fits to resampled batch sizes and runs are in them.
    n_threads : int
        Threads the steps were shared by at most.
    reference_seconds : ndarray
        The same for the NumPy reference; empty if it was not timed.
    reference_tau_f, reference_tau_d : float
        NaN if it was not timed.
    """

    batch_sizes: Array
    seconds: Array
    tau_f: float
    tau_d: float
    tau_f_interval: tuple[float, float]
    tau_d_interval: tuple[float, float]
    n_threads: int
    reference_seconds: Array
    reference_tau_f: float
    reference_tau_d: float

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the measured times and the fitted lines, see :func:`mbgd_rs.plotting.step_cost`."""
        return plotting.step_cost(self, ax=ax)


def step_cost(
    X: Any,
    y: ArrayLike,
    at: Any = None,
    *,
    loss: LossName | Loss | None = None,
    model: ModelName | Model | None = None,
    penalty: PenaltyName | Penalty | None = None,
    sample_weight: ArrayLike | None = None,
    offset: ArrayLike | None = None,
    batch_sizes: Sequence[int] | None = None,
    n_draws: int = 9,
    seed: int = 0,
    n_threads: int | None = 1,
    reference: bool = True,
) -> StepCost:
    """Measure what a step costs on this machine and these data: a fixed part, and a part for every row.

    ``t(b) = tau_f + b * tau_d``, seconds of a step of b rows. For every batch size `n_draws` runs of whole
    epochs are trained, in turn, and the seconds of the epochs divided by their steps, shuffling and all; the
    line has the least sum of absolute relative errors to their medians, so that neither a disturbed run nor
    the large batches decide alone.

    Parameters
    ----------
    X, y, penalty, sample_weight, offset
        As in :func:`mbgd_rs.fit`. Of more than 8192 rows the first are trained on.
    at : FitResult, dict or tuple, optional
        Where the runs begin: a result, or parameters as ``init`` of :func:`mbgd_rs.fit` has them. By default
        as training does, a linear model at zeros.
    loss, model : str or object, optional
        By default those of the result given as `at`, or "squared_error" and "linear".
    batch_sizes : sequence of int, optional
        At least two, each >= 1 and at most n; by default the powers of two up to 4096 and n.
    n_draws : int, default=9
        Runs for each batch size.
    seed : int, default=0
        Of the batches; that of each run is one more.
    n_threads : int or None, default=1
        At most so many; None as in fit. With several, large batches are shared and t(b) is no line.
    reference : bool, default=True
        Time :func:`mbgd_rs.reference.fit`, plain NumPy, too.

    Returns
    -------
    StepCost

    Examples
    --------
    >>> import numpy as np, mbgd_rs as mb
    >>> rng = np.random.default_rng(0)
    >>> X = rng.standard_normal((2000, 10))
    >>> y = X @ rng.standard_normal(10)
    >>> cost = mb.diagnostics.step_cost(X, y, batch_sizes=[1, 8, 64, 512], n_draws=3)
    >>> cost.seconds.shape
    (4,)
    >>> bool(cost.reference_seconds[0] > cost.seconds[0])  # a step in NumPy takes longer
    True
    """
    problem = make_problem(
        X,
        y,
        loss=loss,
        model=model,
        penalty=penalty,
        sample_weight=sample_weight,
        offset=offset,
        known=at,
    )
    n = len(problem.X)
    sizes = sizes_or_powers(batch_sizes, n, 4096)
    n_runs, key = as_integer("n_draws", n_draws, 1), as_integer("seed", seed, 0, 2**64 - 1)
    start = params_at(problem, at, key)
    threads = resolve_n_threads(n_threads)
    is_compared = as_flag("reference", reference)
    seconds, rate = time_steps(problem, start, sizes, n_draws=n_runs, seed=key, n_threads=threads)
    ours = _core.step_cost(sizes, seconds)
    theirs: dict[str, Any] = {"seconds": np.empty(0), "tau_f": np.nan, "tau_d": np.nan}
    if is_compared:
        rows = X if is_sparse(X) else problem.X
        seconds = time_reference(
            rows,
            y,
            sizes,
            n_draws=n_runs,
            seed=key,
            loss=problem.loss,
            model=problem.model,
            penalty=penalty,
            sample_weight=sample_weight,
            offset=offset,
            optimizer=SGD(rate),
            init=problem.split(start),
        )
        theirs = _core.step_cost(sizes, seconds)
    return StepCost(
        batch_sizes=np.array(sizes),
        **ours,
        n_threads=threads,
        reference_seconds=theirs["seconds"],
        reference_tau_f=theirs["tau_f"],
        reference_tau_d=theirs["tau_d"],
    )


def sizes_or_powers(values: Sequence[int] | None, n: int, largest: int) -> list[int]:
    """Different batch sizes in [1, n], at least two; by default powers of two."""
    if n < 2:
        raise ValueError(f"X must have at least 2 rows to tell batch sizes apart, got {n}")
    if values is None:
        return powers_of_two(n, largest)
    sizes = [as_integer("batch_sizes", b, 1, n) for b in values]
    if len(set(sizes)) < max(2, len(sizes)):
        raise ValueError(f"batch_sizes must be at least 2 that differ, got {sizes}")
    return sizes
