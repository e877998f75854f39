"""Three roads down the same valley."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, Protocol

from numpy.typing import NDArray

from .axes import axes_or_new

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["strategies"]

COLORS = {"BGD": "#5b5b5b", "SGD": "#c8553d", "MBGD": "#0b6e99"}


class StrategyComparisonLike(Protocol):
    """What is drawn of a :class:`mbgd_rs.diagnostics.StrategyComparison`."""

    @property
    def names(self) -> tuple[str, ...]: ...

    @property
    def batch_sizes(self) -> NDArray[Any]: ...

    @property
    def start_loss(self) -> float: ...

    @property
    def steps(self) -> tuple[NDArray[Any], ...]: ...

    @property
    def seconds(self) -> tuple[NDArray[Any], ...]: ...

    @property
    def losses(self) -> tuple[NDArray[Any], ...]: ...


def strategies(
    comparison: StrategyComparisonLike, *, x: Literal["step", "seconds"] = "step", ax: Axes | None = None
) -> Axes:
    """Draw the loss over all rows of BGD, SGD and MBGD.

    Parameters
    ----------
    comparison : StrategyComparison
        As :func:`mbgd_rs.diagnostics.compare_strategies` gives it back.
    x : {"step", "seconds"}, default="step"
        What is to the right.
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
    >>> X = np.random.default_rng(0).standard_normal((200, 3))
    >>> roads = mb.diagnostics.compare_strategies(X, X[:, 0] + 1.0, passes=3)
    >>> mb.plotting.strategies(roads).get_xlabel()
    'step'
    """
    if x not in ("step", "seconds"):
        raise ValueError(f"x must be 'step' or 'seconds', got {x!r}")
    ax = axes_or_new(ax)
    for i, name in enumerate(comparison.names):
        at = comparison.seconds[i] if x == "seconds" else comparison.steps[i]
        label = f"{name}, b = {comparison.batch_sizes[i]}"
        ax.plot(at, comparison.losses[i], "o-", color=COLORS[name], markersize=3, linewidth=1.6, label=label)
    ax.axhline(comparison.start_loss, color="grey", linestyle=":", linewidth=1)
    ax.set(
        xscale="log", yscale="log", ylabel="loss over all rows",
        xlabel="seconds of training" if x == "seconds" else "step",
    )  # fmt: skip
    ax.legend(frameon=False)
    ax.grid(alpha=0.25)
    return ax
