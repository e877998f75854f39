"""Batch gradients by batch size: how much they vary, whether they agree, and are right on average."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from .axes import axes_or_new

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["gradient_angles", "gradient_bias", "noise_by_batch_size"]


class GradientNoiseLike(Protocol):
    """What is drawn of a :class:`mbgd_rs.diagnostics.GradientNoise`."""

    @property
    def batch_sizes(self) -> NDArray[Any]: ...

    @property
    def trace(self) -> float: ...

    @property
    def squared_norm(self) -> float: ...

    @property
    def noise_scale(self) -> float: ...

    @property
    def finite_population(self) -> NDArray[Any]: ...

    @property
    def variance(self) -> NDArray[Any]: ...

    @property
    def variance_interval(self) -> NDArray[Any]: ...

    @property
    def variance_with_replacement(self) -> NDArray[Any]: ...

    @property
    def variance_with_replacement_interval(self) -> NDArray[Any]: ...

    @property
    def slope(self) -> float: ...

    @property
    def slope_interval(self) -> tuple[float, float]: ...

    @property
    def slope_with_replacement(self) -> float: ...

    @property
    def slope_with_replacement_interval(self) -> tuple[float, float]: ...


class GradientAnglesLike(Protocol):
    """What is drawn of a :class:`mbgd_rs.diagnostics.GradientAngles`."""

    @property
    def batch_sizes(self) -> NDArray[Any]: ...

    @property
    def cosine(self) -> NDArray[Any]: ...

    @property
    def negative_fraction(self) -> NDArray[Any]: ...


class GradientBiasLike(Protocol):
    """What is drawn of a :class:`mbgd_rs.diagnostics.GradientBias`."""

    @property
    def batch_sizes(self) -> Any: ...

    @property
    def bias_norm(self) -> Any: ...

    @property
    def p_value(self) -> Any: ...

    @property
    def chance_norm(self) -> Any: ...

    @property
    def chance_limit(self) -> Any: ...


def noise_by_batch_size(noise: GradientNoiseLike, ax: Axes | None = None) -> Axes:
    """Draw the variance of batch gradients by batch size, and the laws it is to follow.

    Points are measured, with 95 % intervals. The lines are computed from all rows: ``tr(Sigma) / b``, and
    with the factor ``(n - b) / (n - 1)`` of drawing without replacement.

    Parameters
    ----------
    noise : GradientNoise
        What :func:`mbgd_rs.diagnostics.gradient_noise` gave back.
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
    >>> mb.diagnostics.gradient_noise(X, X[:, 0]).plot().get_xlabel()
    'batch size b'
    """
    ax = axes_or_new(ax)
    b, law = noise.batch_sizes, noise.trace / noise.batch_sizes
    order = np.argsort(b)
    ways = (
        ("with replacement", "C0", "o", "-", "$\\mathrm{tr}(\\Sigma)/b$", np.ones(len(b)),
         noise.variance_with_replacement, noise.variance_with_replacement_interval,
         noise.slope_with_replacement, noise.slope_with_replacement_interval),
        ("without replacement", "C1", "s", "--", "$\\mathrm{tr}(\\Sigma)/b \\cdot (n-b)/(n-1)$",
         noise.finite_population, noise.variance, noise.variance_interval, noise.slope, noise.slope_interval),
    )  # fmt: skip
    for way, color, marker, style, formula, factor, variance, interval, slope, (low, high) in ways:
        expected = np.where(factor > 0, law * factor, np.nan)[order]
        ax.plot(b[order], expected, color="0.6", linewidth=1, linestyle=style, label=formula, zorder=1)
        is_noise = (variance > 0) & (factor > 0)
        label = way if np.isnan(slope) else f"{way}: slope {slope:.3f} $\\pm$ {(high - low) / 2:.3f}"
        ax.errorbar(
            b[is_noise], variance[is_noise], np.abs(interval.T - variance)[:, is_noise],
            color=color, marker=marker, markersize=4, linestyle="none", linewidth=1, label=label,
        )  # fmt: skip
    if np.isfinite(noise.noise_scale) and noise.squared_norm > 0:
        ax.axhline(noise.squared_norm, color="C2", linewidth=1, linestyle=":")
        ax.annotate(
            f"$|G|^2$, met at the noise scale, b = {noise.noise_scale:.3g}",
            (b.min(), noise.squared_norm), color="C2", fontsize="small",
            xytext=(2, -3), textcoords="offset points", va="top",
        )  # fmt: skip
    ax.set(xlabel="batch size b", ylabel="variance of the batch gradient")
    ax.set_xscale("log", base=2)
    if noise.trace > 0:
        ax.set_yscale("log")
    ax.legend(fontsize="small")
    return ax


def gradient_angles(angles: GradientAnglesLike, ax: Axes | None = None) -> Axes:
    """Draw the angles between the gradients of two batches, by batch size.

    Every pair of batches is a dot. Those above the line of 90 degrees contradict each other; their fraction
    is written at the top.

    Parameters
    ----------
    angles : GradientAngles
        What :func:`mbgd_rs.diagnostics.gradient_angles` gave back.
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
    >>> mb.diagnostics.gradient_angles(X, X[:, 0]).plot().get_ylabel()
    'angle between two batches, degrees'
    """
    ax = axes_or_new(ax)
    n_sizes, n_draws = angles.cosine.shape
    degrees = np.degrees(np.arccos(angles.cosine))
    spread = np.linspace(-0.3, 0.3, n_draws)  # in the order of the draws, which have none
    for place in range(n_sizes):
        ax.plot(place + spread, degrees[place], ".", markersize=2.5, color="C0", alpha=0.6)
        known = degrees[place][np.isfinite(degrees[place])]
        if known.size:
            ax.hlines(np.median(known), place - 0.35, place + 0.35, color="C1", linewidth=2)
        fraction = angles.negative_fraction[place]
        text = "no angle" if np.isnan(fraction) else f"{fraction:.0%}"
        ax.annotate(text, (place, 184), ha="center", va="bottom", fontsize="small", annotation_clip=False)
    ax.axhspan(90, 180, color="C3", alpha=0.08, linewidth=0)
    ax.axhline(90, color="C3", linewidth=1)
    ax.set(
        xlabel="batch size b", ylabel="angle between two batches, degrees", ylim=(0, 180),
        yticks=range(0, 181, 30), xticks=range(n_sizes), xticklabels=[str(b) for b in angles.batch_sizes],
    )  # fmt: skip
    ax.set_title("pairs of batches that disagree by more than 90°", fontsize="medium", pad=20)
    return ax


def gradient_bias(bias: GradientBiasLike, ax: Axes | None = None) -> Axes:
    """Draw how far the mean of batch gradients is from that over all rows, and how far chance takes it.

    The band is what chance alone stays in, 95 times of 100; a point above it is a bias.

    Parameters
    ----------
    bias : GradientBias
        What :func:`mbgd_rs.diagnostics.gradient_bias` gave back.
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
    >>> mb.diagnostics.gradient_bias(X, X[:, 0], batch_sizes=[1, 8]).plot().get_xlabel()
    'batch size b'
    """
    ax = axes_or_new(ax)
    fields = (bias.batch_sizes, bias.bias_norm, bias.p_value, bias.chance_norm, bias.chance_limit)
    b, norm, p_value, chance, limit = map(np.atleast_1d, fields)
    place = np.arange(len(b))
    ax.bar(place, limit, width=0.7, color="0.85", label="by chance, 95 % of the time", zorder=1)
    ax.hlines(chance, place - 0.35, place + 0.35, color="0.5", linewidth=1.5, label="by chance, typically")
    ax.plot(place, norm, "o", color="C3", label="measured", zorder=3)
    for x, y, p in zip(place, norm, p_value, strict=True):
        ax.annotate(
            f"p = {p:.3g}", (x, y), xytext=(0, 7), textcoords="offset points", ha="center", fontsize="small"
        )
    ax.set(
        xlabel="batch size b", ylabel="|mean of batch gradients - gradient over all rows|",
        xticks=place, xticklabels=[str(size) for size in b], xlim=(-0.6, len(b) - 0.4),
    )  # fmt: skip
    top = float(max(norm.max(), limit.max()))
    ax.set_ylim(0, 1.2 * top if top > 0 else 1)
    ax.legend(fontsize="small")
    return ax
