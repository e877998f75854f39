"""How the loss falls."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from .axes import axes_or_new

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["loss_curves"]


class HistoryLike(Protocol):
    """What is drawn of a :class:`mbgd_rs.History`."""

    @property
    def step_loss(self) -> NDArray[Any]: ...

    @property
    def full_loss(self) -> NDArray[Any]: ...

    @property
    def elapsed(self) -> NDArray[Any]: ...


class ResultLike(Protocol):
    """What is drawn of a :class:`mbgd_rs.FitResult`."""

    @property
    def history(self) -> HistoryLike: ...


def loss_curves(
    results: ResultLike | Mapping[str, ResultLike],
    *,
    x: Literal["step", "seconds"] = "step",
    ax: Axes | None = None,
) -> Axes:
    """Draw how the loss falls, of several runs in one picture.

    Where a run recorded both, its batch losses are drawn faintly behind the loss over all rows: the saw and
    what it hides.

    Parameters
    ----------
    results : FitResult, or mapping of str to FitResult
        A run, or runs by the label they get, recorded with ``record="step"`` or
        ``record=("step", "full_loss")``.
    x : {"step", "seconds"}, default="step"
        What is to the right: updates made, or seconds of training. Both are drawn on a logarithmic axis.
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
    >>> how = {"optimizer": "sgd", "epochs": 10, "record": "step"}
    >>> runs = {f"b = {b}": mb.fit(X, X[:, 0], batch_size=b, **how) for b in (1, 50)}
    >>> mb.plotting.loss_curves(runs).get_xlabel()
    'step'
    """
    ax = axes_or_new(ax)
    named = results if isinstance(results, Mapping) else {"run": results}
    for label, result in named.items():
        history = result.history
        if not len(history.step_loss):
            raise ValueError(f'results must be recorded with record="step", but {label!r} has no step_loss')
        at = history.elapsed if x == "seconds" else np.arange(1, len(history.step_loss) + 1)
        if _best_known_loss(history) is history.full_loss:
            (line,) = ax.plot(at, history.full_loss, label=label, linewidth=1.8, zorder=3)
            ax.plot(at, history.step_loss, color=line.get_color(), linewidth=0.5, alpha=0.2, zorder=1)
        else:
            ax.plot(at, history.step_loss, label=label, linewidth=1.2)
    lowest = min(float(np.nanmin(_best_known_loss(result.history))) for result in named.values())
    if lowest > 0:
        ax.set_ylim(bottom=lowest / 2)  # below are only the luckiest batches
    ax.set(
        xlabel="seconds of training" if x == "seconds" else "step", ylabel="loss", xscale="log", yscale="log"
    )
    ax.legend()
    return ax


def _best_known_loss(history: HistoryLike) -> NDArray[Any]:
    """The loss over all rows by step where it was recorded, else that of the batches."""
    return history.full_loss if len(history.full_loss) == len(history.step_loss) else history.step_loss
