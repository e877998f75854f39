"""What one run was judged by, epoch by epoch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from .axes import axes_or_new

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["training_curves"]


class HistoryLike(Protocol):
    """What is drawn of a :class:`mbgd_rs.History`."""

    @property
    def epoch_loss(self) -> NDArray[Any]: ...

    @property
    def full_loss(self) -> NDArray[Any]: ...

    @property
    def validation_loss(self) -> NDArray[Any]: ...

    @property
    def metrics(self) -> Mapping[str, NDArray[Any]]: ...


class ResultLike(Protocol):
    """What is drawn of a :class:`mbgd_rs.FitResult` or a :class:`mbgd_rs.MinimizeResult`."""

    @property
    def history(self) -> HistoryLike: ...

    @property
    def best_epoch(self) -> int | None: ...


def training_curves(result: ResultLike, *, ax: Axes | None = None) -> Axes:
    """Draw the losses of training and validation of one run, and its metrics, by epoch.

    Metrics have an axis of their own at the right; a line marks the epoch whose parameters the result has, if
    a rule has chosen them.

    Parameters
    ----------
    result : FitResult or MinimizeResult
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
    >>> X = np.linspace(-1, 1, 50)[:, None]
    >>> mb.fit(X, X[:, 0], epochs=10, validation=0.2).plot().get_legend_handles_labels()[1]
    ['training', 'validation']
    """
    ax, history = axes_or_new(ax), result.history
    epochs = np.arange(1, len(history.epoch_loss) + 1)
    ax.plot(epochs, history.epoch_loss, label="training", linewidth=1.6)
    if len(history.full_loss) == len(epochs) > 0:
        ax.plot(epochs, history.full_loss, label="the model, over all rows", linewidth=1.2, linestyle=":")
    if len(history.validation_loss):
        ax.plot(epochs, history.validation_loss, label="validation", linewidth=1.6)
    losses = [curve for curve in (history.epoch_loss, history.validation_loss) if len(curve)]
    positive = all(np.nanmin(curve) > 0 for curve in losses if np.isfinite(curve).any())
    ax.set(xlabel="epoch", ylabel="loss", yscale="log" if losses and positive else "linear")
    handles, labels = ax.get_legend_handles_labels()
    if history.metrics:
        right = ax.twinx()
        for i, (name, values) in enumerate(history.metrics.items()):
            right.plot(epochs, values, label=name, color=f"C{i + 3}", linewidth=1.2, linestyle="--")
        right.set_ylabel("metrics")
        handles, labels = (
            a + b for a, b in zip((handles, labels), right.get_legend_handles_labels(), strict=True)
        )
    if result.best_epoch is not None:
        ax.axvline(result.best_epoch, color="0.6", linewidth=0.8, zorder=0)
    ax.legend(handles, labels)
    return ax
