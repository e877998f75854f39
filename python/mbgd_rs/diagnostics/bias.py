"""Whether batch gradients are right on average."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .. import _core, plotting
from ..diagnosis import Diagnosis
from ..inputs import as_integer, as_row_numbers
from ..losses import Loss, LossName
from ..models import Model, ModelName
from ..penalties import Penalty, PenaltyName
from ..sampling import Shuffle, n_positions
from .point import look

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["GradientBias", "gradient_bias"]

Array = NDArray[Any]
LARGEST_TYPICAL_BATCH = 32


@dataclass(frozen=True, repr=False, eq=False)
class GradientBias(Diagnosis):
    """What :func:`gradient_bias` measured: numbers for one batch size, or arrays for a sequence of sizes.

    Attributes
    ----------
    batch_sizes : int or ndarray
        Rows of a batch; of batches of several sizes the mean, rounded.
    bias_norm : float or ndarray
        How far the mean of the batch gradients is from the gradient over all rows, ``|mean_j g_j - G|``.
    p_value : float or ndarray
        How often chance alone makes it as far. Small values speak for a bias; without one, a value below p
        comes with probability p.
    chance_norm : float or ndarray
        How far it is by chance alone, as a root mean square.
    chance_limit : float or ndarray
        What it stays below by chance alone, 95 times of 100.
    """

    batch_sizes: Any
    bias_norm: Any
    p_value: Any
    chance_norm: Any
    chance_limit: Any

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw it: :func:`mbgd_rs.plotting.gradient_bias`."""
        return plotting.gradient_bias(self, ax)


def gradient_bias(
    X: Any,
    y: ArrayLike,
    at: Any = None,
    *,
    loss: LossName | Loss | None = None,
    model: ModelName | Model | None = None,
    sample_weight: ArrayLike | None = None,
    offset: ArrayLike | None = None,
    batch_sizes: int | Sequence[int] | None = None,
    n_draws: int = 200,
    seed: int = 0,
    rows: Sequence[ArrayLike] | None = None,
    n_resamples: int = 999,
    penalty: PenaltyName | Penalty | None = None,
    fit_intercept: bool = True,
    shuffle: Shuffle = "full",
    replacement: bool = False,
    n_threads: int | None = None,
) -> GradientBias:
    """Test whether batch gradients are right on average: E[g_B] = G.

    The gradients of many batches at one point deviate from that of all rows by ``e_j = g_j - G``. If the mean
    deviation is nothing but chance, the signs of the deviations are as good as random: the p-value says how
    many of the norms of ``mean_j +-e_j``, with random signs, are as large as that of the mean itself. That is
    exact where a deviation is as likely as its opposite, and else a matter of many draws. Differences that
    are due to the rounding of sums are no bias: then p is 1.

    Draws are independent, or nearly so: of a full shuffle they are batches of the same epoch, but of no more
    than one row of it in 256, because batches of one permutation complement each other; of other ways of
    sampling they are batches of different epochs, all steps in turn.

    Parameters
    ----------
    X, y, sample_weight, offset, penalty, fit_intercept, shuffle, replacement
        As in :func:`mbgd_rs.fit`. A shuffle that has the same order in every epoch is refused.
    at : FitResult, dict or tuple, optional
        Where: a result, or parameters as ``init`` of :func:`mbgd_rs.fit` has them. By default where training
        begins, a linear model at zeros.
    loss, model : str or object, optional
        By default those of the result given as `at`, or "squared_error" and "linear".
    batch_sizes : int or sequence of int, optional
        In [1, n]; by default 32, or half of the rows if they are fewer than 64.
    n_draws : int, default=200
        Batches of each size, >= 1.
    seed : int, default=0
        Of draws and signs, in [0, 2**64).
    rows : sequence of array-like of int, optional
        Batches of a sampler of your own, the numbers of their rows: they take the place of the library's, and
        of `batch_sizes`, `n_draws`, `shuffle` and `replacement`. They have to be independent of each other
        for the p-value to be right.
    n_resamples : int, default=999
        How often signs are drawn, >= 1; no p-value is below ``1 / (n_resamples + 1)``.
    n_threads : int, optional
        Threads to use; they do not change the result.

    Returns
    -------
    GradientBias

    References
    ----------
    C. F. J. Wu, Jackknife, bootstrap and other resampling methods in regression analysis, Annals of
    Statistics 14, 1986.

    Examples
    --------
    >>> import numpy as np
    >>> import mbgd_rs as mb
    >>> X = np.random.default_rng(0).standard_normal((1000, 3))
    >>> y = X @ [1.0, 2.0, 3.0]
    >>> mb.diagnostics.gradient_bias(X, y).p_value > 0.01
    True
    >>> heavy_first = mb.sampling.Weighted(np.where(y > 2, 3.0, 1.0))
    >>> mb.diagnostics.gradient_bias(X, y, shuffle=heavy_first).p_value
    0.001
    """
    n_resamples = as_integer("n_resamples", n_resamples, 1, 2**32 - 1)
    if rows is not None and batch_sizes is not None:
        raise ValueError(f"batch_sizes must be left out where rows are given, got {batch_sizes!r}")
    looked = look(
        X,
        y,
        at,
        loss=loss,
        model=model,
        sample_weight=sample_weight,
        offset=offset,
        batch_sizes=batch_sizes,
        n_draws=n_draws,
        seed=seed,
        penalty=penalty,
        fit_intercept=fit_intercept,
        n_threads=n_threads,
        shuffle=shuffle,
        replacement=replacement,
    )
    if rows is not None:
        found = _core.gradient_bias_of_rows(
            looked, [as_row_numbers("rows", batch) for batch in rows], n_resamples
        )
    else:
        if batch_sizes is None:
            half = n_positions(shuffle, len(looked.problem.X)) // 2
            looked.batch_sizes.append(max(1, min(LARGEST_TYPICAL_BATCH, half)))
        found = _core.gradient_bias(looked, n_resamples)
    if batch_sizes is None or isinstance(batch_sizes, int | np.integer):
        return GradientBias(*in_order(*(values[0] for values in found)))
    return GradientBias(*in_order(*(np.array(values) for values in found)))


def in_order(
    batch_size: Any, norm: Any, chance_norm: Any, chance_limit: Any, p_value: Any
) -> tuple[Any, ...]:
    """What the core gives as the fields of the result."""
    return batch_size, norm, p_value, chance_norm, chance_limit
