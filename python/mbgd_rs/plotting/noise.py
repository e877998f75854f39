"""The noise of a run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from numpy.typing import NDArray

from .axes import axes_or_new

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["recorded_noise"]


class RecordedNoiseLike(Protocol):
    """What is drawn of a :class:`mbgd_rs.diagnostics.RecordedNoise`."""

    @property
    def step(self) -> NDArray[Any]: ...

    @property
    def batch_size(self) -> NDArray[Any]: ...

    @property
    def noise_scale(self) -> NDArray[Any]: ...

    @property
    def noise_scale_interval(self) -> NDArray[Any]: ...


def recorded_noise(noise: RecordedNoiseLike, *, ax: Axes | None = None) -> Axes:
    """Draw the noise scale along the run with its interval, and the batch size beside it.

    Where the batch is larger than the noise scale, steps follow the gradient; where it is smaller, the noise.
    Steps whose noise scale is not known are left blank.

    Parameters
    ----------
    noise : RecordedNoise
        ``history.noise`` of a fit with ``record="noise"``.
    ax : matplotlib Axes, optional
        Where to draw; a new figure by default.

    Returns
    -------
    matplotlib Axes

    Examples
    --------
    >>> import matplotlib
    >>> matplotlib.use("Agg")
    >>> import numpy as np, mbgd_rs as mb
    >>> X = np.random.default_rng(0).standard_normal((500, 3))
    >>> run = mb.fit(X, X[:, 0], optimizer=mb.optimizers.SGD(0.1), batch_size=10, record="noise")
    >>> mb.plotting.recorded_noise(run.history.noise).get_ylabel()
    'rows'
    """
    ax = axes_or_new(ax)
    steps = noise.step + 1
    low, high = noise.noise_scale_interval.T
    (line,) = ax.plot(steps, noise.noise_scale, label="noise scale B", linewidth=1.5)
    ax.fill_between(steps, low, high, color=line.get_color(), alpha=0.25, linewidth=0, label="95 % interval")
    ax.plot(steps, noise.batch_size, color="black", linestyle=":", label="batch size b")
    ax.set(xlabel="step", ylabel="rows", yscale="log")
    ax.legend()
    return ax
