"""How often gradient descent leaves a shallow minimum."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .. import _core, plotting
from ..diagnosis import Diagnosis
from ..errors import DivergenceError
from ..inputs import as_float, as_integer
from ..landscapes import Landscape
from ..minimization import minimize
from ..optimizers import SGD
from ..sampling import Shuffle, n_positions
from ..threads import resolve_n_threads

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["EscapeProbability", "escape_probability"]

Array = NDArray[Any]


@dataclass(frozen=True, repr=False, eq=False)
class EscapeProbability(Diagnosis):
    """What :func:`escape_probability` counted; a row for each learning rate, a column for each batch size.

    Attributes
    ----------
    learning_rates : ndarray of shape (n_rates,)
    batch_sizes : ndarray of shape (n_sizes,)
        "full" as the number of terms.
    temperature : ndarray of shape (n_rates, n_sizes)
        learning_rate / batch_size: how hot the noise is, but for what it is proportional to.
    probability : ndarray of shape (n_rates, n_sizes)
        The share of the runs that escaped.
    interval : ndarray of shape (n_rates, n_sizes, 2)
        Clopper and Pearson's interval of confidence for each of them.
    n_escaped, n_diverged : ndarray of shape (n_rates, n_sizes)
        Runs that escaped, and that left the finite numbers before they did. These are among the n_runs.
    n_runs : int
        Runs in every cell.
    epochs : int
        Their passes over the terms.
    level : float
        Of the intervals.
    """

    learning_rates: Array
    batch_sizes: Array
    temperature: Array
    probability: Array
    interval: Array
    n_escaped: Array
    n_diverged: Array
    n_runs: int
    epochs: int
    level: float

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw probability by temperature; see :func:`mbgd_rs.plotting.escape`."""
        return plotting.escape(self, ax=ax)


def escape_probability(
    landscape: Landscape | Callable[..., tuple[float, Any]],
    X: ArrayLike | None = None,
    *,
    learning_rates: Sequence[float],
    batch_sizes: Sequence[int | Literal["full"]],
    n_runs: int = 1000,
    epochs: int = 100,
    start: Any = None,
    escaped: Callable[[Any], bool] | None = None,
    shuffle: Shuffle = "full",
    replacement: bool = False,
    seed: int = 0,
    n_threads: int | None = None,
    level: float = 0.95,
) -> EscapeProbability:
    """Count how often gradient descent on batches leaves a shallow minimum.

    For each learning rate and each batch size `n_runs` runs of :func:`mbgd_rs.minimize` with
    :class:`SGD(learning_rate) <mbgd_rs.optimizers.SGD>` start at the same place. Run r has the seed ``seed +
    r``, and so its batches. It has escaped as soon as it is in the deep valley after a step, and ends there.

    The noise of batches of b acts like a temperature: to first order in the learning rate, the path of a run
    is that of a particle at ``learning_rate * noise**2 / (2 * b)``, in a time of ``learning_rate`` a step
    (Mandt, Hoffman, Blei 2017). In so many epochs this time is proportional to ``learning_rate / b``, too:
    runs of equal ``learning_rate / b`` and equal `epochs` escape about equally often, if the rate is small.

    Runs of the same seed and equal ``learning_rate / b`` see the same rows in the same order, so that such
    cells are compared pair by pair, with less error than the intervals have.

    Without replacement the noise of an epoch adds up to nothing, and what a valley feels of it is less: runs
    escape less often than at that temperature, the more so the fewer terms there are. It needs epochs that
    take much longer than a descent into the valley, which is about ``1 / (learning_rate * curvature)`` steps,
    for the difference to be small. A last batch of fewer rows is hotter than the others: it has fewer rows
    and the same rate. With ``shuffle=False`` all runs are the same.

    Parameters
    ----------
    landscape : object of mbgd_rs.landscapes, or callable
        What is minimised; a callable is as `fun` of :func:`mbgd_rs.minimize`.
    X : array-like, optional
        With a callable, the data whose rows are its terms.
    learning_rates : sequence of float
        Each finite and > 0.
    batch_sizes : sequence of int and "full"
        Each >= 1; more than there are terms means all.
    n_runs : int, default=1000
        At least 1.
    epochs : int, default=100
        Passes over the terms of a run that does not escape.
    start : array-like, optional
        Where runs begin: by default, in the shallow minimum. With a callable it is needed, and may be all
        that `params` of :func:`mbgd_rs.minimize` may.
    escaped : callable, optional
        With a callable, and needed then: ``escaped(params) -> bool``.
    shuffle, replacement
        As in :func:`mbgd_rs.minimize`.
    seed : int, default=0
        Of the first run.
    n_threads : int, optional
        Of runs in a landscape, which are made in Rust, at the same time; by default
        :func:`mbgd_rs.get_num_threads`. The result is the same for any number. A callable is called from one.
    level : float, default=0.95
        Of the intervals, in (0, 1).

    Returns
    -------
    EscapeProbability

    References
    ----------
    H. A. Kramers, Brownian motion in a field of force and the diffusion model of chemical reactions, Physica
    7, 1940. S. Mandt, M. D. Hoffman, D. M. Blei, Stochastic gradient descent as approximate Bayesian
    inference, JMLR 18, 2017.

    Examples
    --------
    >>> import mbgd_rs as mb
    >>> landscape = mb.landscapes.DoubleWell()
    >>> found = mb.diagnostics.escape_probability(
    ...     landscape, learning_rates=[0.05, 0.1], batch_sizes=[1, 4, "full"], n_runs=500, epochs=40)
    >>> found.probability.shape, found.n_escaped[:, 2]
    ((2, 3), array([0, 0]))
    >>> bool(found.probability[1, 0] > found.probability[1, 1])
    True
    """
    rates = np.array([as_float("learning_rates", rate) for rate in learning_rates])
    n_runs, epochs = as_integer("n_runs", n_runs, 1), as_integer("epochs", epochs, 0)
    as_integer("seed", seed, 0, 2**64 - n_runs)
    level = as_float("level", level)
    if not 0 < level < 1:
        raise ValueError(f"level must be > 0 and < 1, got {level}")
    batches: dict[str, Any] = {"epochs": epochs, "shuffle": shuffle, "replacement": replacement}
    n_threads = resolve_n_threads(n_threads)
    if isinstance(landscape, Landscape):
        if X is not None or escaped is not None:
            given = "X" if X is not None else "escaped"
            raise ValueError(f"{given} must be None where the landscape is one of mbgd_rs.landscapes")
        n_terms = len(landscape.X)
        if start is not None and landscape.has_escaped(start):
            raise ValueError(f"start must not have escaped, got {start!r}")

        def count(rate: float, size: int) -> tuple[int, int]:
            walk = landscape._walk(learning_rate=rate, batch_size=size, start=start, seed=seed, **batches)
            return landscape._core.escapes(walk, n_runs, n_threads)
    else:
        if not callable(landscape):
            raise TypeError(
                f"landscape must be an object of mbgd_rs.landscapes or callable, got {landscape!r}"
            )
        if X is None or start is None or escaped is None:
            raise TypeError("X, start and escaped must be given where the landscape is a function of yours")
        if escaped(start):
            raise ValueError(f"start must not have escaped, got {start!r}")
        n_terms = np.shape(X)[0]

        def count(rate: float, size: int) -> tuple[int, int]:
            optimizer = SGD(learning_rate=rate)
            ends = [
                _end_of_run(landscape, start, X, escaped, batch_size=size, optimizer=optimizer, seed=seed + r,
                            **batches)
                for r in range(n_runs)
            ]  # fmt: skip
            return ends.count("escaped"), ends.count("diverged")

    n = n_positions(shuffle, n_terms)
    sizes = np.array([n if b == "full" else min(as_integer("batch_sizes", b, 1), n) for b in batch_sizes])
    if not rates.size or not sizes.size:
        empty = "learning_rates" if not rates.size else "batch_sizes"
        raise ValueError(f"{empty} must have at least one entry, got none")
    for rate in rates:
        SGD(learning_rate=float(rate))
    ends = np.array([[count(float(rate), int(size)) for size in sizes] for rate in rates])
    n_escaped, n_diverged = ends[..., 0], ends[..., 1]
    bounds = [[_core.probability_interval(int(k), n_runs, level) for k in row] for row in n_escaped]
    return EscapeProbability(
        learning_rates=rates,
        batch_sizes=sizes,
        temperature=rates[:, None] / sizes,
        probability=n_escaped / n_runs,
        interval=np.array(bounds),
        n_escaped=n_escaped,
        n_diverged=n_diverged,
        n_runs=n_runs,
        epochs=epochs,
        level=level,
    )


class _HasEscaped(Exception):
    """Ends a run."""


def _end_of_run(
    fun: Callable[..., Any], start: Any, X: Any, escaped: Callable[[Any], bool], **options: Any
) -> str:
    """How a run ends."""

    def watched(params: Any, X_b: Any) -> Any:
        if escaped(params):
            raise _HasEscaped
        return fun(params, X_b)

    try:
        params = minimize(watched, start, X, **options).params
    except _HasEscaped:
        return "escaped"
    except DivergenceError:
        return "diverged"
    return "escaped" if escaped(params) else "stayed"
