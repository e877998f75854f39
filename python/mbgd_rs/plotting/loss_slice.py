"""The objective on a plane through three models."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from .axes import axes_or_new

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["loss_slice"]

N_LEVELS = 18
"""Lines of equal height."""


class LossSliceLike(Protocol):
    """What is drawn of a :class:`mbgd_rs.diagnostics.LossSlice`."""

    @property
    def u(self) -> NDArray[Any]: ...

    @property
    def v(self) -> NDArray[Any]: ...

    @property
    def values(self) -> NDArray[Any]: ...

    @property
    def points(self) -> Mapping[str, NDArray[Any]]: ...

    @property
    def point_values(self) -> Mapping[str, float]: ...

    @property
    def paths(self) -> Mapping[str, NDArray[Any]]: ...


def loss_slice(slice: LossSliceLike, ax: Axes | None = None) -> Axes:
    """Draw the objective on a plane through three models, and the paths of runs projected onto it.

    Lines of equal height are at equal ratios, if all heights are above 0, and dark is high. Models have a
    cross, and beside it their label and their height.

    Parameters
    ----------
    slice : LossSlice
        What :func:`mbgd_rs.diagnostics.loss_slice` gave back.
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
    >>> X, y = np.eye(2), np.array([1.0, 2.0])
    >>> points = {"start": ([0.0, 0.0], 0.0), "left": ([1.0, 0.0], 0.0), "best": ([1.0, 2.0], 0.0)}
    >>> mb.diagnostics.loss_slice(X, y, points).plot().get_xlabel()
    'from start to left'
    """
    from matplotlib.colors import LogNorm
    from matplotlib.patheffects import withStroke

    ax = axes_or_new(ax)
    heights = np.ma.masked_invalid(slice.values)
    known = heights.compressed()
    low, high = (float(known.min()), float(known.max())) if known.size else (0.0, 0.0)
    if high > low:
        by_ratio = low > 0
        levels = np.geomspace(low, high, N_LEVELS) if by_ratio else np.linspace(low, high, N_LEVELS)
        norm = LogNorm(low, high) if by_ratio else None
        ax.contourf(slice.u, slice.v, heights, levels, cmap="Greys", norm=norm, alpha=0.45, zorder=0)
        lines = ax.contour(slice.u, slice.v, heights, levels, colors="0.5", linewidths=0.5, zorder=1)
        ax.clabel(lines, levels[1::3], fmt="%.2g", fontsize=7)
    for label, path in slice.paths.items():
        (line,) = ax.plot(*path.T, linewidth=1.2, alpha=0.9, label=label, zorder=2)
        ax.plot(*path[-1], "o", color=line.get_color(), markeredgecolor="white", markersize=7, zorder=3)
    for label, place in slice.points.items():
        ax.plot(*place, "k+", markersize=10, zorder=4)
        text, at = f"{label}: {slice.point_values[label]:.3g}", (place[0], place[1])
        note = ax.annotate(text, at, (0, -14), textcoords="offset points", ha="center", fontsize=8, zorder=5)
        note.set_path_effects([withStroke(linewidth=2.5, foreground="white")])
    first, second, third = slice.points
    ax.set(xlabel=f"from {first} to {second}", ylabel=f"from that line to {third}")
    ax.set_aspect("equal")
    if slice.paths:
        ax.legend()
    return ax
