"""Landscapes with two minima, and how often gradient descent leaves the shallow one."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .shuffle import batches, order_of_epochs

Array = NDArray[Any]


class Landscape:
    """What an object of mbgd_rs.landscapes stands for: the mean of f(w) + s_i . w over the terms i."""

    def __init__(self, choice: Any) -> None:
        self.choice = choice
        self.is_plane = hasattr(choice, "bend")
        n, noise = choice.n_terms, choice.noise
        if self.is_plane:
            angle = 2 * np.pi * np.arange(n) / n
            self.X = noise * np.sqrt(2) * np.stack([np.cos(angle), np.sin(angle)], axis=1)
        else:
            self.X = noise * np.sqrt(3 / (n**2 - 1)) * (2.0 * np.arange(n) - (n - 1))[:, None]
        roots = np.sort(np.roots([4 * choice.height, 0, -4 * choice.height, choice.tilt]).real)
        deep, saddle, shallow = (np.array([u, choice.bend * u**2] if self.is_plane else [u]) for u in roots)
        self.shallow, self.saddle, self.deep = shallow, saddle, deep

    def value(self, w: Array) -> float:
        """f."""
        u, c = w[0], self.choice
        along = c.height * (u**2 - 1) ** 2 + c.tilt * u
        return float(along + c.stiffness / 2 * (w[1] - c.bend * u**2) ** 2 if self.is_plane else along)

    def gradient(self, w: Array) -> Array:
        """The gradient of f."""
        u, c = w[0], self.choice
        along = 4 * c.height * u * (u**2 - 1) + c.tilt
        if not self.is_plane:
            return np.array([along])
        pull = c.stiffness * (w[1] - c.bend * u**2)
        return np.array([along - 2 * c.bend * u * pull, pull])

    def fun(self, w: Array, X_b: Array) -> tuple[float, Array]:
        """The mean of some terms, and its gradient."""
        slope = X_b.mean(axis=0)
        return self.value(w) + float(slope @ w), self.gradient(w) + slope

    def has_escaped(self, w: Array) -> bool:
        """Beyond the saddle, and lower than halfway down from it."""
        level = (self.value(self.saddle) + self.value(self.deep)) / 2
        return bool(w[0] < self.saddle[0] and self.value(w) < level)

    def escapes(
        self, learning_rate: float, batch_size: int, n_runs: int, epochs: int, seed: int = 0,
        shuffle: Any = "full", replacement: bool = False,
    ) -> tuple[int, int]:  # fmt: skip
        """Of runs with the seeds from `seed` on, how many escaped and how many diverged."""
        ends = [
            self.end(learning_rate, batch_size, epochs, seed + r, shuffle, replacement) for r in range(n_runs)
        ]
        return ends.count("escaped"), ends.count("diverged")

    def end(
        self, learning_rate: float, batch_size: int, epochs: int, seed: int, shuffle: Any, replacement: bool
    ) -> str:
        """How a run ends."""
        w, n = self.shallow.copy(), len(self.X)
        order = order_of_epochs(shuffle, replacement, seed, n, batch_size)
        with np.errstate(over="ignore", invalid="ignore"):
            for epoch in range(epochs):
                for rows in batches(order(epoch), n, batch_size):
                    w = w - learning_rate * self.fun(w, self.X[rows])[1]
                    if not np.isfinite(w).all():
                        return "diverged"
                    if self.has_escaped(w):
                        return "escaped"
        return "stayed"
