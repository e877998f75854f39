"""What batch sizes cost."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from .axes import axes_or_new

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["step_cost", "time_to_target"]

OURS, THEIRS = "#0b6e99", "#c8553d"


class StepCostLike(Protocol):
    """What is drawn of a :class:`mbgd_rs.diagnostics.StepCost`."""

    @property
    def batch_sizes(self) -> NDArray[Any]: ...

    @property
    def seconds(self) -> NDArray[Any]: ...

    @property
    def tau_f(self) -> float: ...

    @property
    def tau_d(self) -> float: ...

    @property
    def reference_seconds(self) -> NDArray[Any]: ...

    @property
    def reference_tau_f(self) -> float: ...

    @property
    def reference_tau_d(self) -> float: ...


class BatchSizeAdviceLike(Protocol):
    """What is drawn of a :class:`mbgd_rs.diagnostics.BatchSizeAdvice`."""

    @property
    def batch_size(self) -> int: ...

    @property
    def batch_sizes(self) -> NDArray[Any]: ...

    @property
    def predicted_seconds(self) -> NDArray[Any]: ...

    @property
    def interval(self) -> tuple[int, int]: ...

    @property
    def tau_f(self) -> float: ...

    @property
    def tau_d(self) -> float: ...

    @property
    def c_var(self) -> float: ...

    @property
    def n_iter(self) -> float: ...

    @property
    def target(self) -> float: ...

    @property
    def pilot_batch_sizes(self) -> NDArray[Any]: ...

    @property
    def pilot_steps(self) -> NDArray[Any]: ...


def step_cost(cost: StepCostLike, *, ax: Axes | None = None) -> Axes:
    """Draw how long a step takes by batch size, measured and as the fitted line ``tau_f + b tau_d``.

    Parameters
    ----------
    cost : StepCost
        As :func:`mbgd_rs.diagnostics.step_cost` gives it back.
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
    >>> X = np.random.default_rng(0).standard_normal((300, 5))
    >>> cost = mb.diagnostics.step_cost(X, X[:, 0], n_draws=2)
    >>> mb.plotting.step_cost(cost).get_xlabel()
    'batch size b'
    """
    ax = axes_or_new(ax)
    b = np.geomspace(cost.batch_sizes.min(), cost.batch_sizes.max(), 200)
    drawn = [("mbgd_rs", OURS, cost.seconds, cost.tau_f, cost.tau_d)]
    if len(cost.reference_seconds):
        numpy = cost.reference_seconds, cost.reference_tau_f, cost.reference_tau_d
        drawn.insert(0, ("NumPy", THEIRS, *numpy))
    for name, color, seconds, tau_f, tau_d in drawn:
        line = f"{name}: {pretty_seconds(tau_f)} + b · {pretty_seconds(tau_d)}"
        ax.plot(b, tau_f + b * tau_d, color=color, linewidth=2, label=line, zorder=2)
        ax.plot(cost.batch_sizes, seconds, "o", color=color, markersize=5, markeredgecolor="white", zorder=3)
        ax.axhline(tau_f, color=color, linestyle=":", linewidth=1, zorder=1)
    ax.set(
        xscale="log", yscale="log", xlabel="batch size b", ylabel="seconds per step",
        title="A step has a fixed cost and a cost per row",
    )  # fmt: skip
    ax.legend(title="measured, and fitted t(b) = tau_f + b · tau_d", frameon=False)
    ax.grid(alpha=0.25)
    return ax


def time_to_target(advice: BatchSizeAdviceLike, *, ax: Axes | None = None) -> Axes:
    """Draw the predicted time to the target by batch size, the recommended size and what is nearly as good.

    Parameters
    ----------
    advice : BatchSizeAdvice
        As :func:`mbgd_rs.diagnostics.recommend_batch_size` gives it back.
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
    >>> rng = np.random.default_rng(0)
    >>> X = rng.standard_normal((500, 5))
    >>> y = X[:, 0] + rng.standard_normal(500)
    >>> advice = mb.diagnostics.recommend_batch_size(X, y, n_draws=2, batch_sizes=[4, 16, 64, 256])
    >>> mb.plotting.time_to_target(advice).get_xlabel()
    'batch size b'
    """
    ax = axes_or_new(ax)
    sizes, seconds = advice.batch_sizes, advice.predicted_seconds
    t = advice.tau_f + sizes * advice.tau_d
    ax.axvspan(*advice.interval, color=OURS, alpha=0.12, label="within 10 % of the least time", zorder=0)
    ax.plot(sizes, seconds, color=OURS, linewidth=2, label="predicted: (N_iter + C_var / b) · t(b)", zorder=2)
    noise: dict[str, Any] = {"color": "grey", "linestyle": ":", "linewidth": 1.2, "zorder": 1}
    ax.plot(sizes, advice.c_var / sizes * t, **noise, label="what the noise costs: C_var / b · t(b)")
    slope: dict[str, Any] = {"color": "grey", "linestyle": "--", "linewidth": 1.2, "zorder": 1}
    ax.plot(sizes, advice.n_iter * t, **slope, label="steps needed anyway: N_iter · t(b)")
    came = np.isfinite(advice.pilot_steps)
    b, steps = advice.pilot_batch_sizes[came], advice.pilot_steps[came]
    at = np.interp(np.log(b), np.log(sizes), np.log(t))
    ax.plot(b, steps * np.exp(at), "o", color=THEIRS, markersize=6, markeredgecolor="white",
            label="pilot runs: counted steps · t(b)", zorder=3)  # fmt: skip
    best = int(np.flatnonzero(sizes == advice.batch_size)[0])
    ax.plot(sizes[best], seconds[best], "*", color=OURS, markersize=17, markeredgecolor="white", zorder=4)
    ax.annotate(
        f"b = {advice.batch_size}", (sizes[best], seconds[best]), (0, -20), textcoords="offset points",
        ha="center", color=OURS, fontweight="bold",
    )  # fmt: skip
    least = float(seconds.min())
    ax.set(
        xscale="log", yscale="log", xlabel="batch size b", ylabel="seconds of training to the target",
        ylim=(least / 4, float(seconds.max()) * 4),
        title=f"Time to loss {advice.target:.3g}: small batches waste overhead, large ones rows",
    )  # fmt: skip
    ax.legend(frameon=False, fontsize=8, loc="upper center")
    ax.grid(alpha=0.25)
    return ax


def pretty_seconds(seconds: float) -> str:
    """With a unit that leaves a number from 1 to 1000."""
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds / 1e-9:.3g} ns"
