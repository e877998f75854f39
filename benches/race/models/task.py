"""What is trained: a model, its rows, the batch size and the optimizer."""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np


@dataclass(frozen=True)
class Task:
    """One table. The loss is the log loss, without a penalty; every epoch is reshuffled."""

    name: str
    title: str
    model: Literal["mlp", "factorization_machine"]
    """A network with one hidden layer of relu, trained by Adam; or a machine, trained by Adagrad."""
    rows: str
    """The name of the rows, as `dataset.make` takes it."""
    n: int
    d: int
    width: int
    """Units of the hidden layer, or factors of a column."""
    k: int
    """Scores of a row: of two classes one."""
    b: int
    rate: float
    n_epochs: int
    """Epochs that are timed. One more comes before them, and the loss is that after all."""

    @property
    def n_steps(self) -> int:
        """Steps of an epoch."""
        return -(-self.n // self.b)


BETA1, BETA2, EPSILON = 0.9, 0.999, 1e-8
"""Adam's, the defaults of all libraries."""


def every_task(quick: bool = False) -> list[Task]:
    """All tasks; `quick`: few rows and columns, to see that it works."""
    n, n_small, n_clicks, d = (4_000, 4_000, 4_000, 20_000) if quick else (60_000, 20_000, 100_000, 1_000_000)
    mlp: Literal["mlp"] = "mlp"
    return [
        Task("digits", "784-128-10, b = 128", mlp, f"digits-{n}-784", n, 784, 128, 10, 128, 1e-3, 3),
        Task("small", "30-32-1, b = 32", mlp, f"normal-{n_small}-30", n_small, 30, 32, 1, 32, 1e-3, 5),
        Task(
            "clicks", "rank 8, 39 entries a row, b = 256", "factorization_machine", f"clicks-{n_clicks}-{d}",
            n_clicks, d, 8, 1, 256, 0.02, 3,
        ),
    ]  # fmt: skip


def network(task: Task) -> tuple[list[Any], list[Any]]:
    """Coefs and intercepts of Glorot's start, in float32 and in the shapes of scikit-learn."""
    rng = np.random.default_rng(5)
    sizes = ((task.d, task.width), (task.width, task.k))
    bounds = [np.sqrt(6 / sum(size)) for size in sizes]
    coefs = [rng.uniform(-1, 1, size) * bound for size, bound in zip(sizes, bounds, strict=True)]
    return [coef.astype(np.float32) for coef in coefs], [np.zeros(size[1], np.float32) for size in sizes]


def factors(task: Task) -> Any:
    """Factors of the columns, normal numbers times 0.1; all else begins at 0."""
    drawn = np.random.default_rng(6).standard_normal((task.d, task.width), dtype=np.float32)
    return np.float32(0.1) * drawn


def scores_of_network(coefs: list[Any], intercepts: list[Any], X: Any) -> Any:
    first, last = (np.asarray(coef) for coef in coefs)
    return np.maximum(X @ first + np.asarray(intercepts[0]), 0) @ last + np.asarray(intercepts[1])


def scores_of_machine(bias: float, coef: Any, factors: Any, X: Any) -> Any:
    """Of rows whose entries are 1."""
    sums = X @ factors
    return bias + X @ coef + ((sums**2).sum(1) - X @ (factors**2).sum(1)) / 2


def log_loss(scores: Any, y: Any) -> float:
    """The mean over rows, of scores (n,) or (n, 1) for two classes, or (n, k)."""
    z = np.asarray(scores, np.float64).reshape(len(y), -1)
    if z.shape[1] == 1:
        return float(np.logaddexp(0, np.where(y, -z[:, 0], z[:, 0])).mean())
    z = z - z.max(1, keepdims=True)
    return float((np.log(np.exp(z).sum(1)) - z[np.arange(len(y)), y]).mean())
