"""JAX: `lax.scan` over the batches of an epoch, under jit; the update by hand, and by optax.

Rows are gathered inside of the scan; at b = 1 before it, in one copy. Each was the faster of the two.
"""

from collections.abc import Callable, Iterator
from typing import Any

from race.case import Case
from race.dataset import Dataset
from race.peer import Peer, timed

RATE = 0.01


def gradient(params: Any, x: Any, t: Any) -> Any:
    """Of the log loss for two classes, or of softmax for targets with a column for each class."""
    import jax

    w, c = params
    score = x @ w + c
    residual = ((jax.nn.sigmoid(score) if t.ndim == 1 else jax.nn.softmax(score)) - t) / len(t)
    return x.T @ residual, residual.sum(0)


def by_hand(params: Any) -> tuple[Any, Callable[..., Any]]:
    """What is carried from step to step, and a step."""
    import jax

    def step(carry: Any, x: Any, t: Any) -> Any:
        return jax.tree.map(lambda p, g: p - RATE * g, carry, gradient(carry, x, t))

    return params, step


def by_optax(params: Any) -> tuple[Any, Callable[..., Any]]:
    """The same with `optax.sgd`."""
    import optax

    optimizer = optax.sgd(RATE)

    def step(carry: Any, x: Any, t: Any) -> Any:
        params, state = carry
        moves, state = optimizer.update(gradient(params, x, t), state)
        return optax.apply_updates(params, moves), state

    return (params, optimizer.init(params)), step


def epochs_of(
    update: Callable[[Any], tuple[Any, Callable[..., Any]]],
) -> Callable[[Dataset, Case], Iterator[float]]:
    def epochs(data: Dataset, case: Case) -> Iterator[float]:
        import jax
        import jax.numpy as jnp
        import numpy as np

        classes = int(data.y.max()) + 1
        targets = data.y if classes == 2 else np.eye(classes)[data.y]
        X, t = jnp.asarray(data.X), jnp.asarray(targets, jnp.float32)
        outputs = () if classes == 2 else (classes,)
        carry, step = update((jnp.zeros((case.d, *outputs)), jnp.zeros(outputs)))
        n, n_full = len(X), len(X) // case.b * case.b

        @jax.jit
        def epoch(carry: Any, X: Any, t: Any, order: Any) -> Any:
            batches = order[:n_full].reshape(-1, case.b)
            if case.b == 1:
                carry, _ = jax.lax.scan(lambda c, xt: (step(c, *xt), None), carry, (X[batches], t[batches]))
            else:
                carry, _ = jax.lax.scan(lambda c, rows: (step(c, X[rows], t[rows]), None), carry, batches)
            rest = order[n_full:]
            return step(carry, X[rest], t[rest]) if n_full < n else carry

        rng = np.random.default_rng(0)

        def train() -> None:
            nonlocal carry
            carry = jax.block_until_ready(epoch(carry, X, t, jnp.asarray(rng.permutation(n), jnp.int32)))

        return timed(train)

    return epochs


RACES = ("dense", "softmax", "memory")
PEERS = [
    Peer(
        "JAX lax.scan",
        ("jax",),
        ("jax",),
        dict.fromkeys(RACES, epochs_of(by_hand)),
        note="jit, update by hand",
    ),
    Peer(
        "JAX + optax",
        ("jax", "optax"),
        ("jax", "optax"),
        {"dense": epochs_of(by_optax)},
        note="lax.scan under jit, `optax.sgd`",
    ),
]
