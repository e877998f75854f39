"""The noise of a run, as it was recorded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from . import _core, plotting
from .diagnosis import Diagnosis
from .inputs import as_float

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["RecordedNoise"]

REASONS = (
    "",
    "batches of one row have no variance within them",
    "too few looks yet to say how far the estimates spread",
    "|G|^2 cannot be told from zero: the gradient is lost in its noise",
    "the squares of the gradients left the finite numbers",
)


@dataclass(frozen=True, repr=False, eq=False)
class RecordedNoise(Diagnosis):
    """How noisy gradients were: ``history.noise`` of a fit with ``record="noise"``.

    With g_i the gradient of row i, weight and all, g their mean over the b rows of a batch and G over all n
    rows, Sigma is the covariance of the g_i. Each batch gives unbiased estimates of two numbers: tr(Sigma),
    from how far its rows are apart, and ``|G|^2 = |g|^2 - var(g)``. Both are smoothed over the looks before;
    every eighth step is looked at, or every fourth where batches grow, from the first of the run on. Rows are
    taken to come in random order: of blocks or strata the batches differ more, or less, than their rows say.

    Attributes
    ----------
    step : ndarray of int, of shape (n_looks,)
        Which step was looked at, counted from 0 over the whole run.
    trace : ndarray of shape (n_looks,)
        tr(Sigma), smoothed, in units of the squared gradient.
    squared_norm : ndarray of shape (n_looks,)
        ``|G|^2``, smoothed, with the penalty's gradient in G. Negative where noise is all there is.
    noise_scale : ndarray of shape (n_looks,)
        ``B = tr(Sigma) / |G|^2``, in rows: far smaller batches are mostly noise, far larger ones no better.
        NaN where it is not known; `reason` says why.
    noise_scale_interval : ndarray of shape (n_looks, 2)
        Where B is with a probability of 95 %, by Fieller's theorem: the B of the weighted means of trace and
        squared norm, where these change within the reach of the smoothing.
    temperature : ndarray of shape (n_looks,)
        ``learning_rate tr(Sigma) / b``.
    signal_to_noise : ndarray of shape (n_looks,)
        ``b / B``, the squared norm of the gradient over the variance of the batch's, but for the finite
        number of rows.
    norm_test : ndarray of shape (n_looks,)
        ``var(g) / |g|^2`` of each batch, where var(g) is ``tr(Sigma) (1/b - 1/n)``, or ``tr(Sigma) / b``
        where rows are drawn with replacement. The norm test of Byrd et al. (2012) holds with theta where this
        is at most theta squared. Not smoothed.
    inner_product_test : ndarray of shape (n_looks,)
        ``var_i(g_i . g) (1/b - 1/n) / |g|^4``, the test of Bollapragada et al. (2018), likewise, of every
        64th step; else NaN. It needs a second look at the batch.
    reason : ndarray of str, of shape (n_looks,)
        Why `noise_scale` is NaN; empty where it is not.
    batch_size : ndarray of int, of shape (n_looks,)
        Rows of each batch, b.

    References
    ----------
    S. McCandlish, J. Kaplan, D. Amodei, "An empirical model of large-batch training", arXiv:1812.06162.
    R. H. Byrd, G. M. Chin, J. Nocedal, Y. Wu, "Sample size selection in optimization methods for machine
    learning", Math. Program. 134, 2012.
    R. Bollapragada, R. Byrd, J. Nocedal, "Adaptive sampling strategies for stochastic optimization", SIAM J.
    Optim. 28, 2018.

    Examples
    --------
    >>> import numpy as np
    >>> import mbgd_rs as mb
    >>> rng = np.random.default_rng(0)
    >>> X = rng.standard_normal((5000, 10))
    >>> y = X @ rng.standard_normal(10) + rng.standard_normal(5000)
    >>> sgd = mb.optimizers.SGD(learning_rate=0.01)
    >>> noise = mb.fit(X, y, optimizer=sgd, batch_size=50, epochs=4, record="noise").history.noise
    >>> noise.noise_scale.shape
    (50,)
    >>> bool(noise.noise_scale[9] < noise.noise_scale[25])  # nearer to the optimum noise weighs more
    True
    """

    step: NDArray[np.int64]
    trace: NDArray[np.float64]
    squared_norm: NDArray[np.float64]
    noise_scale: NDArray[np.float64]
    noise_scale_interval: NDArray[np.float64]
    temperature: NDArray[np.float64]
    signal_to_noise: NDArray[np.float64]
    norm_test: NDArray[np.float64]
    inner_product_test: NDArray[np.float64]
    reason: NDArray[Any]
    batch_size: NDArray[np.int64]

    @classmethod
    def of(cls, noise_records: NDArray[Any], n_smoothed: float) -> RecordedNoise:
        """The noise in the records of a history, by weights that fall to 1/e in `n_smoothed` looks."""
        names = noise_records.dtype.names or ()
        records = {name: np.ascontiguousarray(noise_records[name]) for name in names}
        arrays = _core.smoothed_noise(records, as_float("n_smoothed", n_smoothed))
        interval = np.stack([arrays.pop("low"), arrays.pop("high")], axis=1)
        reason = np.array(REASONS, dtype=object)[arrays.pop("unknown")]
        of_steps = {name: records[name] for name in ("step", "batch_size")}
        return cls(**arrays, **of_steps, noise_scale_interval=interval, reason=reason)

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the noise scale beside the batch size, see :func:`mbgd_rs.plotting.recorded_noise`."""
        return plotting.recorded_noise(self, ax=ax)
