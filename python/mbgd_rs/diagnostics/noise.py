"""How much batch gradients vary, by batch size."""

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
from .point import look

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["GradientNoise", "gradient_noise"]

Array = NDArray[Any]


@dataclass(frozen=True, repr=False, eq=False)
class GradientNoise(Diagnosis):
    """What :func:`gradient_noise` measured. All intervals have a confidence of 95 %.

    Attributes
    ----------
    batch_sizes : ndarray of int, of shape (m,)
        Rows of a batch.
    variance : ndarray of shape (m,)
        Of batches drawn without replacement: the mean of ``|g_B - g|^2`` over the draws.
    variance_interval : ndarray of shape (m, 2)
        Of its expectation.
    finite_population : ndarray of shape (m,)
        ``(n - b) / (n - 1)``, by which drawing without replacement lowers the variance.
    slope, slope_interval : float, pair of float
        Of log(variance / finite_population) against log(batch size); -1 is expected. NaN where there are not
        two sizes below n of which the variance is known well enough.
    variance_with_replacement, variance_with_replacement_interval : ndarray
        Of batches drawn with replacement.
    slope_with_replacement, slope_with_replacement_interval : float, pair of float
        Of log(variance_with_replacement).
    trace : float
        ``tr(Sigma)`` of all rows, the variance of a batch of one.
    squared_norm : float
        ``|G|^2`` of the gradient over all rows, with the penalty's part.
    noise_scale : float
        ``tr(Sigma) / |G|^2``; NaN if the gradient cannot be told from zero.
    noise_scale_interval : pair of float
        What it might be for n other rows of the same source.
    reason : str
        Why there is no noise scale; empty if there is one.
    """

    batch_sizes: Array
    variance: Array
    variance_interval: Array
    finite_population: Array
    slope: float
    slope_interval: tuple[float, float]
    variance_with_replacement: Array
    variance_with_replacement_interval: Array
    slope_with_replacement: float
    slope_with_replacement_interval: tuple[float, float]
    trace: float
    squared_norm: float
    noise_scale: float
    noise_scale_interval: tuple[float, float]
    reason: str

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw it: :func:`mbgd_rs.plotting.noise_by_batch_size`."""
        return plotting.noise_by_batch_size(self, ax)


def gradient_noise(
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
    n_threads: int | None = None,
) -> GradientNoise:
    """Measure how much batch gradients vary, with and without replacement, and compute the noise scale.

    The rows have gradients ``g_i``, their mean g and covariance ``Sigma = 1/n sum_i (g_i - g)(g_i - g)^T``.
    Then batches of b rows have::

        E |g_B - g|^2 = tr(Sigma) / b                        drawn with replacement
                      = tr(Sigma) / b  (n - b) / (n - 1)     without

    The left side is measured with batches drawn and computed as in training, the slope is fitted to it, and
    the right side computed from all rows. How precise a measurement is follows from the rows, too.

    The noise scale ``B = tr(Sigma) / |G|^2`` is the batch size at which noise and gradient are equally large;
    G is g and the penalty's gradient, the same for every batch. B is that of these rows, computed from all of
    them: it is what training on them meets, and no estimate. As a property of where the rows came from it is
    uncertain, since other n rows have another G: that is what the interval is about, for n rows again. Near
    an optimum G is what the choice of rows makes of zero. If G passes for such (at an error rate of 5 %, by
    ``|G|^2`` against its expectation then, ``tr(Sigma) / n``), B says nothing but that it is about n or more,
    and is NaN.

    Parameters
    ----------
    X, y, sample_weight, offset, penalty, fit_intercept
        As in :func:`mbgd_rs.fit`. Weights are part of the objective: ``g_i`` is ``s_i`` times that of the
        loss.
    at : FitResult, dict or tuple, optional
        Where: a result, or parameters as ``init`` of :func:`mbgd_rs.fit` has them. By default where training
        begins, a linear model at zeros.
    loss, model : str or object, optional
        By default those of the result given as `at`, or "squared_error" and "linear".
    batch_sizes : int or sequence of int, optional
        In [1, n]. By default powers of two up to half of the rows, at most 4096, or fewer if that took
        seconds.
    n_draws : int, default=200
        Batches of each size and way of drawing, >= 1.
    seed : int, default=0
        Of the draws, in [0, 2**64).
    n_threads : int, optional
        Threads to use; they do not change the result.

    Returns
    -------
    GradientNoise

    References
    ----------
    S. McCandlish, J. Kaplan, D. Amodei et al., An empirical model of large-batch training, 2018. Without
    replacement: W. G. Cochran, Sampling techniques, 1977, section 2.

    Examples
    --------
    >>> import numpy as np
    >>> import mbgd_rs as mb
    >>> X = np.random.default_rng(0).standard_normal((1000, 5))
    >>> noise = mb.diagnostics.gradient_noise(X, X @ [1, 2, 3, 4, 5] + 1)
    >>> low, high = noise.slope_interval
    >>> low < -1 < high
    True
    >>> round(noise.noise_scale, 1)
    6.5
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
    )
    found = _core.gradient_noise(looked)
    found["batch_sizes"] = np.array(found["batch_sizes"], np.intp)
    for name in ("variance_interval", "variance_with_replacement_interval"):
        found[name] = np.array(found[name])
    return GradientNoise(**found)
