"""Which batch size reaches a target soonest (S9)."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .. import _core, plotting
from ..diagnosis import Diagnosis
from ..inputs import as_float, as_integer
from ..losses import Loss, LossName
from ..models import Linear, Model, ModelName
from ..objective import make_problem
from ..penalties import Penalty, PenaltyName
from ..threads import resolve_n_threads
from .pilot import Pilot
from .point import params_at
from .step_cost import sizes_or_powers
from .timing import LARGEST, time_steps

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["BatchSizeAdvice", "optimal_batch_size", "recommend_batch_size"]

Array = NDArray[Any]


def optimal_batch_size(c_var: float, tau_f: float, n_iter: float, tau_d: float) -> float:
    """The batch size with the least time to a target, ``sqrt(c_var * tau_f / (n_iter * tau_d))``.

    With the learning rate tuned for each, batches of b rows need ``N(b) = n_iter + c_var / b`` steps to the
    target (McCandlish et al. 2018, "An empirical model of large-batch training", arXiv:1812.06162), each of
    ``t(b) = tau_f + b * tau_d`` seconds. The product is least at this b, where a step spends as many times
    the other part on its fixed cost as the noise costs times the steps that are needed anyway.

    Parameters
    ----------
    c_var : float
        Rows that the noise costs, finite and >= 0; ``c_var / n_iter`` is the gradient-noise scale.
    tau_f : float
        Seconds that a step costs whatever its batch, finite and >= 0.
    n_iter : float
        Steps that are needed without noise, finite and > 0.
    tau_d : float
        Seconds that every row adds, finite and > 0.

    Returns
    -------
    float

    Examples
    --------
    >>> round(optimal_batch_size(c_var=900.0, tau_f=2e-6, n_iter=50.0, tau_d=1e-8), 6)
    60.0
    """
    return _core.optimal_batch_size(
        as_float("c_var", c_var),
        as_float("tau_f", tau_f),
        as_float("n_iter", n_iter),
        as_float("tau_d", tau_d),
    )


@dataclass(frozen=True, repr=False, eq=False)
class BatchSizeAdvice(Diagnosis):
    """A recommended batch size, and what it follows from.

    Attributes
    ----------
    batch_size : int
        Of the sizes within `interval`, the one whose pilot runs were the fastest.
    interval : (int, int)
        The smallest and the largest of `batch_sizes` predicted to take at most 10 % longer than the best.
    learning_rate : float
        The best constant rate found, for `batch_size` or the pilot batch size that is nearest.
    regime : str
        What the time is spent on, in words.
    batch_sizes : ndarray of int
    predicted_seconds : ndarray
        Of training to the target, for each batch size: ``(n_iter + c_var / b) * t(b)``.
    c_var, n_iter : float
        ``N(b) = n_iter + c_var / b``, the steps to the target.
    tau_f, tau_d : float
        ``t(b) = tau_f + b * tau_d``, the seconds of a step.
    c_var_interval, n_iter_interval, tau_f_interval, tau_d_interval : (float, float)
        95 % of fits to resampled batch sizes and runs are in them.
    noise_scale : float
        ``c_var / n_iter``, in rows; infinite if no end to the gain from larger batches was seen.
    target : float
        The loss to be reached.
    pilot_batch_sizes : ndarray of int
        Those that pilot runs were trained with.
    pilot_steps, pilot_rates : ndarray
        Mean steps of their runs to the target, infinite if one of them did not come there in the time that
        was worth it, and their rates.
    pilot_seconds : float
        What all this took.
    n_threads : int
    """

    batch_size: int
    interval: tuple[int, int]
    learning_rate: float
    regime: str
    batch_sizes: Array
    predicted_seconds: Array
    c_var: float
    c_var_interval: tuple[float, float]
    n_iter: float
    n_iter_interval: tuple[float, float]
    tau_f: float
    tau_f_interval: tuple[float, float]
    tau_d: float
    tau_d_interval: tuple[float, float]
    noise_scale: float
    target: float
    pilot_batch_sizes: Array
    pilot_steps: Array
    pilot_rates: Array
    pilot_seconds: float
    n_threads: int

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the predicted times, see :func:`mbgd_rs.plotting.time_to_target`."""
        return plotting.time_to_target(self, ax=ax)


def recommend_batch_size(
    X: Any,
    y: ArrayLike,
    at: Any = None,
    *,
    loss: LossName | Loss | None = None,
    model: ModelName | Model | None = None,
    penalty: PenaltyName | Penalty | None = None,
    sample_weight: ArrayLike | None = None,
    offset: ArrayLike | None = None,
    fit_intercept: bool = True,
    target: float | None = None,
    tolerance: float = 0.02,
    batch_sizes: Sequence[int] | None = None,
    n_draws: int = 7,
    seed: int = 0,
    n_threads: int | None = None,
) -> BatchSizeAdvice:
    """Recommend a batch size: the one that brings the loss to a target in the least time.

    Total time is steps needed times time per step, ``T(b) = (n_iter + c_var / b) * (tau_f + b * tau_d)``. All
    four are measured, on these data and this machine:

    - `tau_f` and `tau_d` by timed epochs of training, see :func:`step_cost`;
    - `n_iter` and `c_var` by pilot runs of gradient descent to the target, for some batch sizes from 32 on,
      in both directions as long as time may be gained. Each has the constant learning rate, of the powers of
      two, with the fewest steps in the mean of `n_draws` runs. ``b N(b) = c_var + n_iter b`` is then a line,
      of least absolute relative errors.

    Last, all sizes predicted to be within 10 % of the best have pilot runs, and the one with the fastest is
    recommended.

    The predicted seconds of a step are the geometric mean of what was measured and of the line. How long
    pilot runs may take follows the clock, so the advice may differ from call to call where the time hardly
    depends on the batch size; its `interval` says where that is.

    The advice is for SGD at a constant rate, not for the default of :func:`mbgd_rs.fit`, which steps in the
    metric of the curvature. On columns of very different scales such a rate has to be tiny, whatever the
    batch is, and single rows are recommended: scale the columns first.

    The pilot takes as long as some hundreds of trainings to the target, `pilot_seconds`. It is worth it
    before many trainings on such data, not before a single one.

    Parameters
    ----------
    X, y, penalty, sample_weight, offset, fit_intercept
        As in :func:`mbgd_rs.fit`.
    at : FitResult, dict or tuple, optional
        Where the runs begin: a result, or parameters as ``init`` of :func:`mbgd_rs.fit` has them. By default
        as training does, a linear model at zeros.
    loss, model : str or object, optional
        By default those of the result given as `at`, or "squared_error" and "linear".
    target : float, optional
        The objective to be reached, over evenly spread rows, as many as are worth it, of data with more than
        some millions of entries. By default what is left of the way from the loss at the start to that of 30
        epochs with ``learning_rate="auto"`` is `tolerance`.
    tolerance : float, default=0.02
        In (0, 1); not used with a `target`. Where that is too near to be reached in a fraction of a second,
        as it may be with heavy tails, there is no advice but an error.
    batch_sizes : sequence of int, optional
        At least two to choose from, each in [1, n]; by default the powers of two up to n, and n, of at most
        65536 rows.
    n_draws : int, default=7
        Pilot runs for each batch size and rate, and timed runs for each batch size.
    seed : int, default=0
        Of the batches of the first run; that of each other is one more.
    n_threads : int, optional
        At most so many, and the advice is for so many; as in fit.

    Returns
    -------
    BatchSizeAdvice

    Examples
    --------
    >>> import numpy as np, mbgd_rs as mb
    >>> rng = np.random.default_rng(0)
    >>> X = rng.standard_normal((2000, 10))
    >>> y = X @ rng.standard_normal(10) + rng.standard_normal(2000)
    >>> advice = mb.diagnostics.recommend_batch_size(X, y, n_draws=3)
    >>> advice.interval[0] <= advice.batch_size <= advice.interval[1]
    True
    """
    begin = time.perf_counter()
    problem = make_problem(
        X,
        y,
        loss=loss,
        model=model,
        penalty=penalty,
        sample_weight=sample_weight,
        offset=offset,
        fit_intercept=fit_intercept,
        known=at,
    )
    if not isinstance(problem.model, Linear):
        raise ValueError(
            "model must be 'linear' for recommend_batch_size, whose pilot runs need a bound on the rate, got "
            f"{problem.model.name!r}"
        )
    n = len(problem.X)
    sizes = sizes_or_powers(batch_sizes, n, LARGEST)
    n_runs, key = as_integer("n_draws", n_draws, 1), as_integer("seed", seed, 0, 2**64 - 1)
    start, threads = params_at(problem, at, key), resolve_n_threads(n_threads)
    pilot = Pilot.to_target(
        problem,
        start,
        target,
        tolerance=as_float("tolerance", tolerance),
        n_runs=n_runs,
        seed=key,
        n_threads=threads,
    )
    seconds, _ = time_steps(problem, start, sizes, n_draws=n_runs, seed=key, n_threads=threads)
    cost = _core.step_cost(sizes, seconds)
    advice = pilot.advise(sizes, seconds, dict(zip(sizes, cost["seconds"].tolist(), strict=True)))
    return BatchSizeAdvice(
        learning_rate=pilot.rate_near(advice["batch_size"]),
        batch_sizes=np.array(sizes),
        target=pilot.target,
        pilot_batch_sizes=np.array(pilot.batch_sizes),
        pilot_steps=np.array([np.mean(pilot.steps[b]) for b in pilot.batch_sizes]),
        pilot_rates=np.array([pilot.rates[b] for b in pilot.batch_sizes]),
        pilot_seconds=time.perf_counter() - begin,
        n_threads=threads,
        **advice,
    )
