"""Landscapes to walk in: finite sums with a shallow and a deep minimum, of which everything is known.

A landscape is the mean of n terms ``f_i(w) = f(w) + s_i . w``. Their slopes s_i, the rows of `X`, have mean
0, so that the mean of all terms is f itself, and the covariance ``noise**2`` times the identity: each term
pulls elsewhere, and the gradient on a batch of b terms is that of f and noise of variance ``noise**2 / b`` in
every direction, with replacement (else times ``(n - b) / (n - 1)``).

Batch by batch they are minimised as any objective of your own is:

>>> import mbgd_rs as mb
>>> landscape = mb.landscapes.DoubleWell()
>>> sgd = mb.optimizers.SGD(learning_rate=0.1)
>>> found = mb.minimize(landscape.fun, landscape.shallow, landscape.X, batch_size="full", optimizer=sgd)
>>> landscape.has_escaped(found.params)  # all terms at once pull nowhere but down, and there is no way out
False

:func:`mbgd_rs.diagnostics.escape_probability` counts how often noise finds one.
"""

from __future__ import annotations

from dataclasses import astuple, dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from . import _core
from .inputs import as_array, as_flag, as_float, as_integer, in_place
from .sampling import Shuffle, Weighted, n_positions, resolve_shuffle

__all__ = ["BentDoubleWell", "DoubleWell", "Landscape"]

Array = NDArray[Any]


@dataclass(frozen=True)
class Landscape:
    """What all landscapes have in common.

    Attributes
    ----------
    n_dimensions : int
        1 or 2.
    X : ndarray of shape (n_terms, n_dimensions)
        The slopes of the terms.
    shallow, saddle, deep : ndarray of shape (n_dimensions,)
        Where the gradient is zero: the shallow minimum, the lowest way out of it, and the deep minimum.
    barrier : float
        How much higher the saddle is than the shallow minimum.
    """

    def __post_init__(self) -> None:
        self._core  # noqa: B018 - checks the parameters

    @cached_property
    def _core(self) -> _core.Landscape:
        return _core.Landscape(self)

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), astuple(self)

    @cached_property
    def X(self) -> Array:
        """The slopes of the terms."""
        return _read_only(self._core.terms())

    @cached_property
    def _rests(self) -> Array:
        return _read_only(self._core.rests())

    @property
    def n_dimensions(self) -> int:
        """1 or 2."""
        return int(self._rests.shape[1])

    @property
    def shallow(self) -> Array:
        """The shallow minimum."""
        shallow: Array = self._rests[0]
        return shallow

    @property
    def saddle(self) -> Array:
        """The lowest way out of it."""
        saddle: Array = self._rests[1]
        return saddle

    @property
    def deep(self) -> Array:
        """The deep minimum."""
        deep: Array = self._rests[2]
        return deep

    @property
    def barrier(self) -> float:
        """How much higher the saddle is than the shallow minimum."""
        return float(self.value(self.saddle) - self.value(self.shallow))

    def value(self, params: ArrayLike) -> Any:
        """The mean of all terms, f.

        Parameters
        ----------
        params : array-like of shape (..., n_dimensions)
            One place, or many.

        Returns
        -------
        float or ndarray of shape (...)
        """
        points, shape = self._points(params)
        values = self._core.values(points)
        return values.reshape(shape) if shape else float(values[0])

    def gradient(self, params: ArrayLike) -> Array:
        """The gradient of f.

        Parameters
        ----------
        params : array-like of shape (..., n_dimensions)
            One place, or many.

        Returns
        -------
        ndarray of the shape of `params`
        """
        points, shape = self._points(params)
        return self._core.gradients(points).reshape(*shape, self.n_dimensions)

    def fun(self, params: ArrayLike, X_b: ArrayLike) -> tuple[float, Array]:
        """The mean of some terms and its gradient, as :func:`mbgd_rs.minimize` asks for it.

        Parameters
        ----------
        params : array-like of shape (n_dimensions,)
            A place.
        X_b : array-like of shape (b, n_dimensions)
            The slopes of the terms: rows of `X`.

        Returns
        -------
        value : float
        gradient : ndarray of shape (n_dimensions,)
        """
        slopes, _ = self._points(X_b, "X_b")
        return self._core.batch(_place("params", params), slopes)

    def has_escaped(self, params: ArrayLike) -> bool:
        """Whether a place is in the deep valley.

        It is if it lies on that side of the saddle and is lower than halfway down from the saddle to the deep
        minimum. What has been thrown far out is not in it.

        Parameters
        ----------
        params : array-like of shape (n_dimensions,)
            A place.

        Returns
        -------
        bool
        """
        return self._core.has_escaped(_place("params", params))

    def path(
        self,
        *,
        learning_rate: float,
        batch_size: int | Literal["full"],
        epochs: int = 100,
        start: ArrayLike | None = None,
        shuffle: Shuffle = "full",
        replacement: bool = False,
        seed: int = 0,
    ) -> Array:
        """Where gradient descent comes by: the path of :func:`mbgd_rs.minimize` with SGD, made in Rust.

        Parameters
        ----------
        learning_rate : float
            Finite and > 0.
        batch_size, shuffle, replacement, seed
            As in :func:`mbgd_rs.minimize`.
        epochs : int, default=100
            Passes over the terms.
        start : array-like of shape (n_dimensions,), optional
            By default the shallow minimum.

        Returns
        -------
        ndarray of shape (n_steps + 1, n_dimensions)
            The start and the place after every step; shorter if the run diverges.

        Examples
        --------
        >>> path = DoubleWell().path(learning_rate=0.1, batch_size=1, epochs=20, seed=2)
        >>> path.shape, DoubleWell().has_escaped(path[-1])
        ((2561, 1), True)
        """
        walk = self._walk(
            learning_rate=learning_rate,
            batch_size=batch_size,
            epochs=epochs,
            start=start,
            shuffle=shuffle,
            replacement=replacement,
            seed=seed,
        )
        return self._core.path(walk)

    def _walk(
        self,
        *,
        learning_rate: Any,
        batch_size: Any,
        epochs: Any,
        start: ArrayLike | None,
        shuffle: Shuffle,
        replacement: Any,
        seed: Any,
    ) -> tuple[Any, ...]:
        """A walk as the core reads it."""
        if isinstance(shuffle, Weighted) and shuffle.correct_bias:
            raise ValueError("correct_bias must be False outside of fit, got True")
        n = n_positions(shuffle, len(self.X))
        size = n if batch_size == "full" else as_integer("batch_size", batch_size, 1)
        return (
            self.shallow if start is None else _place("start", start),
            min(size, n),
            resolve_shuffle(shuffle, lambda: None),
            as_flag("replacement", replacement),
            as_integer("seed", seed, 0, 2**64 - 1),
            as_float("learning_rate", learning_rate),
            as_integer("epochs", epochs, 0, 2**32 - 1),
        )

    def _points(self, values: ArrayLike, name: str = "params") -> tuple[Array, tuple[int, ...]]:
        """Places as rows, and the shape that they were in."""
        points = in_place(as_array(name, values), np.float64)
        d = self.n_dimensions
        if points.ndim < 1 or points.shape[-1] != d:
            raise ValueError(f"{name} must have shape (..., {d}), got {points.shape}")
        return points.reshape(-1, d), points.shape[:-1]


@dataclass(frozen=True)
class DoubleWell(Landscape):
    """A tilted double well on a line: ``f(u) = height * (u**2 - 1)**2 + tilt * u``.

    The shallow minimum is near 1, the deep one near -1 and the ridge near 0. The slopes of the terms are
    equally spaced, from about ``-sqrt(3) * noise`` to ``sqrt(3) * noise``.

    Parameters
    ----------
    height : float, default=0.25
        Of the ridge, without the tilt; finite and > 0.
    tilt : float, default=0.1
        How much deeper the deep minimum is, by half; > 0, and less than ``8 / (3 * sqrt(3)) * height``, from
        where on there is no other.
    noise : float, default=2.0
        Standard deviation of the terms' slopes; finite and >= 0.
    n_terms : int, default=128
        At least 2.

    Examples
    --------
    >>> landscape = DoubleWell(height=0.25, tilt=0.1)
    >>> landscape.shallow.round(3), landscape.saddle.round(3), landscape.deep.round(3)
    (array([0.946]), array([0.101]), array([-1.047]))
    >>> round(landscape.barrier, 3)
    0.158
    >>> landscape.value([[0.0], [1.0]])
    array([0.25, 0.1 ])
    """

    height: float = 0.25
    tilt: float = 0.1
    noise: float = 2.0
    n_terms: int = 128


@dataclass(frozen=True)
class BentDoubleWell(Landscape):
    """A tilted double well along a bent valley of the plane.

    ``f(u, v) = height * (u**2 - 1)**2 + tilt * u + stiffness / 2 * (v - bend * u**2)**2``. The floor of the
    valley is the parabola ``v = bend * u**2``; along it things are as in :class:`DoubleWell`. The slopes of
    the terms are equally spaced on a circle.

    Parameters
    ----------
    height : float, default=0.25
        Of the ridge, without the tilt; finite and > 0.
    tilt : float, default=0.1
        As in :class:`DoubleWell`.
    bend : float, default=0.5
        Of the valley; finite.
    stiffness : float, default=2.0
        Of its sides; finite and > 0.
    noise : float, default=2.0
        Standard deviation of the terms' slopes, in each direction; finite and >= 0.
    n_terms : int, default=128
        At least 3.

    Examples
    --------
    >>> landscape = BentDoubleWell()
    >>> landscape.deep.round(3)
    array([-1.047,  0.548])
    >>> landscape.gradient([1.0, 1.0])
    array([-0.9,  1. ])
    """

    height: float = 0.25
    tilt: float = 0.1
    bend: float = 0.5
    stiffness: float = 2.0
    noise: float = 2.0
    n_terms: int = 128


def _place(name: str, values: ArrayLike) -> Array:
    """One place."""
    place = in_place(as_array(name, values), np.float64)
    if place.ndim != 1:
        raise ValueError(f"{name} must have 1 dimension, got shape {place.shape}")
    return place


def _read_only(array: Array) -> Array:
    array.flags.writeable = False
    return array
