"""JAX: an epoch is one call, `lax.scan` over its batches under jit, which gathers their rows.

Four steps to a turn of the scan were the fastest, by a twentieth. Gradients are by `jax.grad`: those of the
machine by the entries that were gathered, since one by the table would be as large as the table.
"""

import time
from collections.abc import Callable
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

Step = Callable[[Any, Any, Any], Any]
"""What is carried, rows and targets of a batch; gives what is carried on."""


def train(task: Task, carry: Any, step: Step, X: Any, y: Any) -> tuple[list[float], Any]:
    import jax
    import jax.numpy as jnp
    import numpy as np

    n_full = task.n // task.b * task.b

    def epoch(carry: Any, X: Any, y: Any, order: Any) -> Any:
        def of(carry: Any, rows: Any) -> tuple[Any, None]:
            return step(carry, X[rows], y[rows]), None

        carry, _ = jax.lax.scan(of, carry, order[:n_full].reshape(-1, task.b), unroll=4)
        return of(carry, order[n_full:])[0] if n_full < task.n else carry

    train = jax.jit(epoch, donate_argnums=0)
    X, y, carry = jnp.asarray(X), jnp.asarray(y), jax.tree.map(jnp.asarray, carry)
    rng = np.random.default_rng(0)
    seconds = []
    for _ in range(1 + task.n_epochs):
        start = time.perf_counter()
        carry = jax.block_until_ready(train(carry, X, y, jnp.asarray(rng.permutation(task.n), jnp.int32)))
        seconds.append(time.perf_counter() - start)
    return seconds[1:], carry


def train_network(data: Dataset, task: Task) -> Trained:
    import jax
    import jax.numpy as jnp
    import numpy as np

    def loss(params: Any, x: Any, y: Any) -> Any:
        (W1, W2), (b1, b2) = params
        z = jax.nn.relu(x @ W1 + b1) @ W2 + b2
        if task.k == 1:
            return jnp.mean(jax.nn.softplus(z[:, 0]) - y * z[:, 0])
        return -jnp.mean(jax.nn.log_softmax(z)[jnp.arange(len(y)), y])

    def step(carry: Any, x: Any, y: Any) -> Any:
        params, m, v, n_steps = carry
        g = jax.grad(loss)(params, x, y)
        n_steps = n_steps + 1
        m = jax.tree.map(lambda m, g: BETA1 * m + (1 - BETA1) * g, m, g)
        v = jax.tree.map(lambda v, g: BETA2 * v + (1 - BETA2) * g * g, v, g)
        rate, scale = task.rate / (1 - BETA1**n_steps), 1 / (1 - BETA2**n_steps)
        params = jax.tree.map(lambda p, m, v: p - rate * m / (jnp.sqrt(scale * v) + EPSILON), params, m, v)
        return params, m, v, n_steps

    start = network(task)
    zeros = [jax.tree.map(np.zeros_like, start) for _ in range(2)]
    y = data.y.astype(np.float32 if task.k == 1 else np.int32)
    seconds, carry = train(task, (start, *zeros, np.float32(0)), step, data.X, y)
    return Trained(seconds, lambda X: scores_of_network(*carry[0], X))


def train_machine(data: Dataset, task: Task) -> Trained:
    import jax
    import jax.numpy as jnp
    import numpy as np

    def loss(of_batch: Any, y: Any) -> Any:
        bias, parameters = of_batch
        sums = parameters.sum(1)
        pairs = (sums[:, 1:] ** 2).sum(1) - (parameters[:, :, 1:] ** 2).sum((1, 2))
        z = bias + sums[:, 0] + pairs / 2
        return jnp.mean(jax.nn.softplus(z) - y * z)

    def step(carry: Any, columns: Any, y: Any) -> Any:
        (bias, table), (bias_squares, squares), place = carry
        g_bias, by_entry = jax.grad(loss)((bias, table[columns]), y)
        # The sum of a column is kept where its last entry is; the other places are no column and are dropped.
        flat = columns.ravel()
        entries = jnp.arange(len(flat), dtype=jnp.int32)
        place = place.at[flat].set(entries)
        last = place[flat]
        g = jnp.zeros((len(flat), 1 + task.width)).at[last].add(by_entry.reshape(len(flat), -1))
        touched = jnp.where(last == entries, flat, task.d)
        so_far = squares[flat] + g * g
        squares = squares.at[touched].set(so_far, mode="drop")
        table = table.at[touched].add(-task.rate * g / (jnp.sqrt(so_far) + 1e-10), mode="drop")
        bias_squares = bias_squares + g_bias**2
        bias = bias - task.rate * g_bias / (jnp.sqrt(bias_squares) + 1e-10)
        return (bias, table), (bias_squares, squares), place

    table = np.concatenate([np.zeros((task.d, 1), np.float32), factors(task)], axis=1)
    carry = (np.float32(0), table), (np.float32(0), np.zeros_like(table)), np.zeros(task.d, np.int32)
    columns = data.X.indices.reshape(task.n, -1)
    seconds, ((bias, table), *_) = train(task, carry, step, columns, data.y.astype(np.float32))
    coef, v = np.asarray(table)[:, 0], np.asarray(table)[:, 1:]
    return Trained(seconds, lambda X: scores_of_machine(float(bias), coef, v, X))


PEERS = [
    Peer(
        "JAX, scan under jit",
        ("jax",),
        ("jax",),
        trainer=Trainer({"mlp": train_network, "factorization_machine": train_machine}),
        note="an epoch is one call of `lax.scan` under jit; of the machine the columns of a batch only",
    )
]
