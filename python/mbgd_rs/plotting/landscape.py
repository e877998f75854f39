"""Landscapes, the paths through them, and how often these lead out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..landscapes import Landscape
from .axes import axes_or_new

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["escape", "landscape"]

N_POINTS = 201
"""Of the grid on which heights are drawn, in each direction."""


class EscapeProbabilityLike(Protocol):
    """What is drawn of a :class:`mbgd_rs.diagnostics.EscapeProbability`."""

    @property
    def batch_sizes(self) -> NDArray[Any]: ...

    @property
    def temperature(self) -> NDArray[Any]: ...

    @property
    def probability(self) -> NDArray[Any]: ...

    @property
    def interval(self) -> NDArray[Any]: ...

    @property
    def n_diverged(self) -> NDArray[Any]: ...


def landscape(
    landscape: Landscape, paths: Mapping[str, ArrayLike] | None = None, ax: Axes | None = None
) -> Axes:
    """Draw a landscape, and paths through it.

    Of a landscape on a line the curve is drawn and paths are points on it; of one in the plane, lines of
    equal height. Its minima and its saddle are marked.

    Parameters
    ----------
    landscape : object of mbgd_rs.landscapes
    paths : mapping of str to array-like of shape (n_steps + 1, n_dimensions), optional
        Paths by the label they get. Large ones are best named first: the last one is drawn on top.
    ax : matplotlib Axes, optional
        Where to draw; a new figure by default.

    Returns
    -------
    matplotlib Axes

    Examples
    --------
    >>> import matplotlib
    >>> matplotlib.use("Agg")
    >>> import mbgd_rs as mb
    >>> valley = mb.landscapes.BentDoubleWell()
    >>> path = valley.path(learning_rate=0.1, batch_size=1, epochs=2)
    >>> mb.plotting.landscape(valley, {"SGD": path}).get_xlabel()
    'u'
    """
    from matplotlib.patheffects import withStroke

    ax = axes_or_new(ax)
    d = landscape.n_dimensions
    drawn = {label: np.asarray(path, np.float64) for label, path in (paths or {}).items()}
    for label, path in drawn.items():
        if path.ndim != 2 or path.shape[1] != d:
            raise ValueError(f"paths must be of shape (n_steps + 1, {d}), got {path.shape} for {label!r}")
    (left, *lower), (right, *upper) = _bounds(landscape, drawn)
    u = np.linspace(left, right, N_POINTS)
    rests = np.array([landscape.shallow, landscape.saddle, landscape.deep])
    if d == 1:
        ax.plot(u, landscape.value(u[:, None]), color="0.4", zorder=1)
        places = [(path[:, 0], landscape.value(path)) for path in drawn.values()]
        marks = rests[:, 0], landscape.value(rests)
        ax.set(xlabel="u", ylabel="mean of all terms")
        ax.margins(y=0.15)  # room for the name of the minimum
    else:
        v = np.linspace(lower[0], upper[0], N_POINTS)
        heights = landscape.value(np.stack(np.meshgrid(u, v), axis=-1))
        low, ridge = landscape.value(landscape.deep), landscape.value(landscape.saddle)
        # Half of the lines below the saddle, where the minima are, the others further and further apart.
        rise = np.linspace(0, 2.5, 21) ** 2
        levels = low + (ridge - low) * np.unique([*np.linspace(0.02, 1, 11), *(1 + rise)])
        ax.contourf(u, v, heights, levels, cmap="Greys", alpha=0.35, extend="max", zorder=0)
        ax.contour(u, v, heights, levels, colors="0.55", linewidths=0.5, zorder=1)
        places = [(path[:, 0], path[:, 1]) for path in drawn.values()]
        marks = rests[:, 0], rests[:, 1]
        ax.set(xlabel="u", ylabel="v")
    for label, (x, y) in zip(drawn, places, strict=True):
        style: dict[str, Any] = (
            {"linestyle": "", "marker": ".", "markersize": 3} if d == 1 else {"linewidth": 0.9}
        )
        (line,) = ax.plot(x, y, alpha=0.85, label=label, zorder=2, **style)
        ax.plot(x[-1], y[-1], "o", color=line.get_color(), markeredgecolor="white", markersize=8, zorder=4)
    ax.plot(marks[0][[0, 2]], marks[1][[0, 2]], "k+", markersize=9, zorder=3)
    ax.plot(marks[0][1], marks[1][1], "kx", markersize=7, zorder=3)
    for name, x, y in zip(("shallow", "saddle", "deep"), *marks, strict=True):
        note = ax.annotate(name, (x, y), (0, -16), textcoords="offset points", ha="center", zorder=5)
        note.set_path_effects([withStroke(linewidth=2.5, foreground="white")])
    if drawn:
        ax.legend()
    return ax


def _bounds(landscape: Landscape, paths: Mapping[str, NDArray[Any]]) -> tuple[NDArray[Any], NDArray[Any]]:
    """The corners of the picture: the minima, the paths, and some room."""
    rests = np.array([landscape.shallow, landscape.saddle, landscape.deep])
    everything = np.concatenate([rests, *paths.values()])
    low, high = everything.min(axis=0), everything.max(axis=0)
    width = np.max(rests.max(axis=0) - rests.min(axis=0))
    reach = 0.4 * width
    return np.minimum(low - reach / 5, rests.min(axis=0) - reach), np.maximum(
        high + reach / 5, rests.max(axis=0) + reach
    )


def escape(result: EscapeProbabilityLike, ax: Axes | None = None) -> Axes:
    """Draw how often runs escaped by the temperature of their noise, learning_rate / batch_size.

    A line for each batch size, with intervals of confidence. Where the temperature decides alone, the lines
    lie on each other. Open circles have runs that diverged.

    Parameters
    ----------
    result : EscapeProbability
        Of :func:`mbgd_rs.diagnostics.escape_probability`.
    ax : matplotlib Axes, optional
        Where to draw; a new figure by default.

    Returns
    -------
    matplotlib Axes

    Examples
    --------
    >>> import matplotlib
    >>> matplotlib.use("Agg")
    >>> import mbgd_rs as mb
    >>> found = mb.diagnostics.escape_probability(mb.landscapes.DoubleWell(), learning_rates=[0.1, 0.2],
    ...                                           batch_sizes=[1, "full"], n_runs=50, epochs=10)
    >>> found.plot().get_ylabel()
    'runs that escaped'
    """
    ax = axes_or_new(ax)
    for j, size in enumerate(result.batch_sizes):
        by_temperature = np.argsort(result.temperature[:, j])
        heat = result.temperature[by_temperature, j]
        share, interval = result.probability[by_temperature, j], result.interval[by_temperature, j]
        has_diverged = result.n_diverged[by_temperature, j] > 0
        bars = np.abs(interval.T - share)
        size_of_dots = max(11 - 2.5 * j, 3)  # smaller ones on larger ones are both seen
        options: dict[str, Any] = {"marker": "o", "markersize": size_of_dots, "capsize": 3, "linewidth": 1}
        line = ax.errorbar(heat, share, bars, label=f"b = {size}", **options)[0]
        hollow: dict[str, Any] = {
            "markersize": size_of_dots,
            "color": line.get_color(),
            "markerfacecolor": "white",
        }
        ax.plot(heat[has_diverged], share[has_diverged], "o", **hollow)
    ax.set(xlabel="learning_rate / b", ylabel="runs that escaped", xscale="log", ylim=(-0.03, 1.03))
    ax.legend()
    return ax
