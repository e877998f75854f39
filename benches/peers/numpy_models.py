"""NumPy: careful loops of a network and of a factorization machine, their arithmetic mostly in place."""

import time
from collections.abc import Callable, Iterator
from typing import Any

from race.dataset import Dataset
from race.models.task import (
    BETA1,
    BETA2,
    EPSILON,
    Task,
    factors,
    network,
    scores_of_machine,
    scores_of_network,
)
from race.peer import Peer, Trained, Trainer


def shuffled(n: int, b: int, seed: int) -> Iterator[Any]:
    """The batches of an epoch: indices of rows."""
    import numpy as np

    order = np.random.default_rng(seed).permutation(n)
    return (order[start : start + b] for start in range(0, n, b))


def epochs(task: Task, step: Callable[[Any], None]) -> list[float]:
    seconds = []
    for epoch in range(1 + task.n_epochs):
        start = time.perf_counter()
        for rows in shuffled(task.n, task.b, epoch):
            step(rows)
        seconds.append(time.perf_counter() - start)
    return seconds[1:]


def blocks(flat: Any, shapes: list[tuple[int, ...]]) -> list[Any]:
    """Views of a vector, one after another."""
    import numpy as np

    ends = np.cumsum([int(np.prod(shape)) for shape in shapes])
    return [part.reshape(shape) for part, shape in zip(np.split(flat, ends[:-1]), shapes, strict=True)]


def slopes(z: Any, t: Any) -> Any:
    """Of the mean log loss, times the number of rows, written over z."""
    import numpy as np

    if z.shape[1] == 1:
        return 1 / (1 + np.exp(-z)) - t[:, None]
    z -= z.max(1, keepdims=True)
    np.exp(z, out=z)
    z /= z.sum(1, keepdims=True)
    z[np.arange(len(t)), t] -= 1
    return z


def train_network(data: Dataset, task: Task) -> Trained:
    import numpy as np

    coefs, intercepts = network(task)
    shapes = [array.shape for array in coefs + intercepts]
    p = np.concatenate([array.ravel() for array in coefs + intercepts])
    g, m, v, s = (np.zeros_like(p) for _ in range(4))
    W1, W2, b1, b2 = blocks(p, shapes)
    g_W1, g_W2, g_b1, g_b2 = blocks(g, shapes)
    n_steps = 0

    def step(rows: Any) -> None:
        nonlocal n_steps
        n_steps += 1
        x, t = data.X[rows], data.y[rows]
        a = x @ W1
        a += b1
        np.maximum(a, 0, out=a)
        z = a @ W2
        z += b2
        r = slopes(z, t)
        r *= np.float32(1 / len(t))
        np.matmul(a.T, r, out=g_W2)
        r.sum(0, out=g_b2)
        delta = r @ W2.T
        delta *= a > 0
        np.matmul(x.T, delta, out=g_W1)
        delta.sum(0, out=g_b1)
        adam()

    def adam() -> None:
        nonlocal m, v
        np.subtract(g, m, out=s)
        np.multiply(s, np.float32(1 - BETA1), out=s)
        np.add(m, s, out=m)
        np.multiply(g, g, out=g)
        np.multiply(g, np.float32(1 - BETA2), out=g)
        np.multiply(v, np.float32(BETA2), out=v)
        np.add(v, g, out=v)
        np.sqrt(v, out=s)
        np.multiply(s, np.float32(1 / np.sqrt(1 - BETA2**n_steps)), out=s)
        np.add(s, np.float32(EPSILON), out=s)
        np.divide(m, s, out=s)
        np.multiply(s, np.float32(task.rate / (1 - BETA1**n_steps)), out=s)
        np.subtract(p, s, out=p)

    seconds = epochs(task, step)
    return Trained(seconds, lambda X: scores_of_network([W1, W2], [b1, b2], X))


def train_machine(data: Dataset, task: Task) -> Trained:
    """Only the columns of a batch are touched; sums over rows and entries are products of SciPy's CSR.

    `take` is a third of the time of indexing where rows of the table are not in cache.
    """
    import numpy as np
    from scipy.sparse import csr_matrix

    # Coefficient and factors of a column side by side, so that a column is gathered at once.
    table = np.concatenate([np.zeros((task.d, 1), np.float32), factors(task)], axis=1)
    squares = np.zeros_like(table)
    columns = data.X.indices.reshape(task.n, -1)
    place = np.empty(task.d, np.int32)
    ones = np.ones(task.b * columns.shape[1], np.float32)
    ends = np.arange(0, len(ones) + 1, columns.shape[1], dtype=np.int32)
    bias, bias_squares = 0.0, 0.0

    def compact(flat: Any) -> tuple[Any, Any]:
        """The columns, each once, and of each entry which of them it is in: without sorting."""
        entries = np.arange(len(flat), dtype=np.int32)
        place[flat] = entries
        last = place[flat]
        is_last = last == entries
        return flat[is_last], (np.cumsum(is_last, dtype=np.int32) - 1)[last]

    def step(rows: Any) -> None:
        nonlocal bias, bias_squares
        t = data.y[rows]
        touched, entries = compact(columns[rows].ravel())
        shape = len(t), len(touched)
        x = csr_matrix((ones[: len(entries)], entries, ends[: len(t) + 1]), shape=shape, copy=False)
        p = table.take(touched, axis=0)
        sums = x @ p
        of_pairs = np.einsum("ij,ij->i", sums[:, 1:], sums[:, 1:])
        of_pairs -= x @ np.einsum("ij,ij->i", p[:, 1:], p[:, 1:])
        score = sums[:, 0] + np.float32(bias) + of_pairs / 2
        r = (1 / (1 + np.exp(-score)) - t).astype(np.float32) / np.float32(len(t))
        sums[:, 0] = 1
        sums *= r[:, None]
        g = x.T @ sums
        g[:, 1:] -= p[:, 1:] * g[:, :1]
        so_far = squares.take(touched, axis=0)
        so_far += g * g
        squares[touched] = so_far
        np.sqrt(so_far, out=so_far)
        so_far += np.float32(1e-10)
        g *= np.float32(task.rate)
        g /= so_far
        p -= g
        table[touched] = p
        g_bias = float(r.sum())
        bias_squares += g_bias**2
        bias -= task.rate * g_bias / (bias_squares**0.5 + 1e-10)

    seconds = epochs(task, step)
    return Trained(seconds, lambda X: scores_of_machine(bias, table[:, 0], table[:, 1:], X))


PEERS = [
    Peer(
        "NumPy by hand",
        ("numpy", "scipy"),
        ("numpy", "scipy.sparse"),
        trainer=Trainer({"mlp": train_network, "factorization_machine": train_machine}),
        note="gradients by hand, in place; of the machine the columns of a batch only, products by SciPy",
    )
]
