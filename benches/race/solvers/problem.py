"""What is solved: rows, a loss and a penalty."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from .. import dataset

L2 = 1e-4
"""The objective is the mean loss + L2 / 2 |w|^2; the intercept is free."""
GAPS = (1e-2, 1e-3, 1e-4)
"""Relative gaps (F - F*) / |F*| to which time is taken."""


@dataclass(frozen=True)
class Problem:
    """One set, with its loss."""

    name: str
    title: str
    rows: str
    """The name of the rows, as `dataset.make` takes it."""
    loss: Literal["log_loss", "squared_error", "poisson"]
    n: int
    d: int
    k: int = 1
    """Scores a row: the number of classes, if they are more than two."""
    is_sparse: bool = False

    def load(self, folder: Path) -> tuple[Any, Any]:
        """X of float32, and y: integer labels or float32."""
        data = dataset.load(self.rows, folder)
        X, y = data.X, data.y
        if self.rows == "a9a" and not self.is_sparse:
            X = np.ascontiguousarray(X.toarray())
        if self.rows == "mnist10k" and self.k == 1:
            y = (y >= 5).astype(np.int64)
        return X, y


def every_problem(quick: bool = False) -> list[Problem]:
    """All sets; `quick`: those that are made are small, to see that it works."""
    n, n_long, n_counts = (5_000, 20_000, 5_000) if quick else (200_000, 1_000_000, 200_000)
    return [
        Problem("well", "well conditioned", f"normal-{n}-100", "log_loss", n, 100),
        Problem("ill", "ill conditioned", f"mixed-{n}-100", "log_loss", n, 100),
        Problem("long", "many rows", f"normal-{n_long}-28", "log_loss", n_long, 28),
        Problem("a9a", "a9a, dense", "a9a", "log_loss", 32_560, 123),
        Problem("mnist-binary", "mnist10k, digit >= 5", "mnist10k", "log_loss", 10_000, 784),
        Problem("mnist-softmax", "mnist10k, softmax", "mnist10k", "log_loss", 10_000, 784, k=10),
        Problem("housing", "housing, ridge, raw columns", "housing", "squared_error", 20_640, 13),
        Problem("a9a-sparse", "a9a, sparse", "a9a", "log_loss", 32_560, 123, is_sparse=True),
        Problem("poisson", "Poisson regression", f"counts-{n_counts}-40", "poisson", n_counts, 40),
    ]
