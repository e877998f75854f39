"""Whether two batches agree about which way is down."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .. import _core, plotting
from ..diagnosis import Diagnosis
from ..losses import Loss, LossName
from ..models import Model, ModelName
from ..penalties import Penalty, PenaltyName
from ..sampling import Shuffle
from .point import look

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["GradientAngles", "gradient_angles"]

Array = NDArray[Any]


@dataclass(frozen=True, repr=False, eq=False)
class GradientAngles(Diagnosis):
    """What :func:`gradient_angles` measured.

    Attributes
    ----------
    batch_sizes : ndarray of int, of shape (m,)
        Rows of a batch.
    cosine : ndarray of shape (m, n_draws)
        Of the angle between the gradients of a pair of batches; NaN where one is zero and has no direction.
    negative_fraction : ndarray of shape (m,)
        How many of the cosines there are are below zero: the batches disagree by more than 90 degrees.
    negative_interval : ndarray of shape (m, 2)
        What the probability of that is, with a confidence of 95 % (Clopper and Pearson).
    """

    batch_sizes: Array
    cosine: Array
    negative_fraction: Array
    negative_interval: Array

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw it: :func:`mbgd_rs.plotting.gradient_angles`."""
        return plotting.gradient_angles(self, ax)


def gradient_angles(
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
    penalty: PenaltyName | Penalty | None = None,
    fit_intercept: bool = True,
    shuffle: Shuffle = "full",
    replacement: bool = False,
    n_threads: int | None = None,
) -> GradientAngles:
    """Measure the angles between the gradients of pairs of batches at the same point.

    The batches of a pair are two that training could meet in one epoch: without replacement they have no row
    in common. Of more than half of the rows an epoch has one batch, and a pair is of two epochs. With the
    noise scale B and batches of b rows the cosine is about ``1 / (1 + B / b)``, so that batches much smaller
    than B hardly agree on anything, and where the gradient over all rows is zero half of all pairs disagree.

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
        In [1, n]. By default powers of two up to half of the rows, at most 4096, or fewer if that took
        seconds.
    n_draws : int, default=200
        Pairs of batches of each size, >= 1.
    seed : int, default=0
        Of the draws, in [0, 2**64).
    n_threads : int, optional
        Threads to use; they do not change the result.

    Returns
    -------
    GradientAngles

    Examples
    --------
    >>> import numpy as np
    >>> import mbgd_rs as mb
    >>> rng = np.random.default_rng(0)
    >>> X = rng.standard_normal((1000, 5))
    >>> y = X[:, 0] + rng.standard_normal(1000)
    >>> angles = mb.diagnostics.gradient_angles(X, y, batch_sizes=[1, 256])
    >>> angles.cosine.shape
    (2, 200)
    >>> bool(angles.negative_fraction[0] > 0.3), float(angles.negative_fraction[1])
    (True, 0.0)
    """
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
    sizes, cosines, fractions, intervals = _core.gradient_angles(looked)
    return GradientAngles(
        np.array(sizes, np.intp), np.array(cosines), np.array(fractions), np.array(intervals)
    )
