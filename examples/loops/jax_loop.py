"""Batches for a JAX loop: the seconds of an epoch with minibatches, and with what else there is.

JAX has no loader of its own. ``minibatches`` gives NumPy arrays, of one shape with ``drop_last=True``, so
that a step is compiled once; a thread of Rust gathers the next ones while the step runs. Beside it: indexing
by a permutation and, if PyTorch is there, its ``DataLoader``. Run it with
``python examples/loops/jax_loop.py``.
"""

import time
from functools import partial

import mbgd_rs as mb
import numpy as np

try:
    import jax
    import jax.numpy as jnp
except ImportError:
    raise SystemExit("this example needs JAX: pip install jax") from None
try:
    import torch
    from torch.utils.data import DataLoader, TensorDataset
except ImportError:
    torch = None

N, D, EPOCHS = 200_000, 50, 3
rng = np.random.default_rng(0)
X = rng.standard_normal((N, D), dtype=np.float32)
y = (X @ rng.standard_normal(D, dtype=np.float32) + rng.standard_normal(N) > 0).astype(np.float32)


def of_minibatches(batch_size, epoch):
    return mb.minibatches(X, y, batch_size=batch_size, drop_last=True, seed=epoch)


def of_indexing(batch_size, epoch):
    order = np.random.default_rng(epoch).permutation(N)
    for start in range(0, N - batch_size + 1, batch_size):
        rows = order[start : start + batch_size]
        yield X[rows], y[rows]


def of_data_loader(batch_size, epoch):
    torch.manual_seed(epoch)
    data = TensorDataset(torch.from_numpy(X), torch.from_numpy(y))
    for X_b, y_b in DataLoader(data, batch_size=batch_size, shuffle=True, drop_last=True):
        yield X_b.numpy(), y_b.numpy()


def loss(params, X_b, y_b):
    score = X_b @ params["coef"] + params["intercept"]
    return jnp.mean(jnp.logaddexp(0, score) - y_b * score)


@partial(jax.jit, donate_argnums=0)
def step(params, X_b, y_b):
    gradient = jax.grad(loss)(params, X_b, y_b)
    return jax.tree.map(lambda w, g: w - 0.1 * g, params, gradient)


def train(batches, batch_size):
    """A logistic regression by SGD: its accuracy, and the seconds of the fastest epoch."""
    params = {"coef": jnp.zeros(D), "intercept": jnp.zeros(())}
    seconds = []
    for epoch in range(EPOCHS):
        start = time.perf_counter()
        for X_b, y_b in batches(batch_size, epoch):
            params = step(params, X_b, y_b)
        jax.block_until_ready(params)
        seconds.append(time.perf_counter() - start)
    hits = (X @ np.asarray(params["coef"]) + float(params["intercept"]) > 0) == (y > 0)
    return hits.mean(), min(seconds)


def only_batches(batches, batch_size):
    """Seconds of the fastest epoch in which nothing is done with the batches."""
    seconds = []
    for epoch in range(EPOCHS):
        start = time.perf_counter()
        for _ in batches(batch_size, epoch):
            pass
        seconds.append(time.perf_counter() - start)
    return min(seconds)


ways = {"minibatches": of_minibatches, "indexing": of_indexing}
if torch is not None:
    ways["DataLoader"] = of_data_loader
print(f"{N:,} rows of {D} columns, float32; seconds of an epoch")
print(f"{'batch size':>10} {'':14} {'batches alone':>14} {'training':>10} {'accuracy':>10}")
for batch_size in (32, 256):
    for name, batches in ways.items():
        alone = only_batches(batches, batch_size)
        accuracy, trained = train(batches, batch_size)
        print(f"{batch_size:10} {name:14} {alone:14.3f} {trained:10.3f} {accuracy:10.3f}")
