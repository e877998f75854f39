"""Calls of the package under limits of the address space; `test_out_of_memory.py` runs this file.

Every call is made in a forked child, which may take so many bytes more than its parent has. The child
writes how it ended: "result", the name of the exception, or "signal". Blocks of 64 KiB or more have to be
asked of the system, by the settings of the C library that the test makes; what is smaller has room.
"""

import os
import resource
import sys
from collections.abc import Callable

import mbgd_rs as mb
import numpy as np

N, D = 20_000, 30
rng = np.random.default_rng(0)
X = rng.standard_normal((N, D))
y = X @ rng.standard_normal(D) + rng.standard_normal(N)
labels = (y > 0).astype(np.int64)
classes = np.arange(N) % 5
many = rng.standard_normal((50, 100_000), dtype=np.float32)


def made_sparse(n_rows: int, n_columns: int, per_row: int) -> object:
    from scipy import sparse

    columns = np.sort(rng.integers(0, n_columns, (n_rows, per_row)), axis=1).ravel()
    values = rng.standard_normal(n_rows * per_row)
    return sparse.csr_matrix((values, columns, np.arange(n_rows + 1) * per_row), shape=(n_rows, n_columns))


S = made_sparse(2000, 300_000, 4)
y_sparse = rng.standard_normal(2000)
QUICK = {"epochs": 1, "batch_size": 100, "n_threads": 1}
model = mb.fit(X, y, **QUICK)
wide = mb.fit(X, classes, loss="log_loss", **QUICK)
begun = mb.fit(X, y, stop=mb.stopping.MaxSteps(7), optimizer="adam", average="polyak", **QUICK)


def iterated(batches: object) -> int:
    return sum(1 for _ in batches)  # type: ignore[attr-defined]


CASES: dict[str, Callable[[], object]] = {
    "dense": lambda: mb.fit(X, y, **QUICK),
    "threads": lambda: mb.fit(X, y, epochs=1, batch_size=10_000, n_threads=2),
    "classes": lambda: mb.fit(X, classes, loss="log_loss", **QUICK),
    "many columns": lambda: mb.fit(many, y[:50], optimizer="adam", penalty="l1", epochs=1, batch_size=10),
    "columns of targets": lambda: mb.fit(many, np.tile(y[:50, None], 8), epochs=1, batch_size=10),
    "average": lambda: mb.fit(many, y[:50], average="polyak", epochs=1, batch_size=10),
    "path": lambda: mb.fit(X, y, record="path", **QUICK),
    "steps": lambda: mb.fit(X, y, record=("step", "noise"), epochs=2, batch_size=1),
    "validation": lambda: mb.fit(X, labels, loss="log_loss", validation=0.3, **QUICK),
    "callback": lambda: mb.fit(many, y[:50], callback=lambda progress: None, epochs=2, batch_size=10),
    "early stopping": lambda: mb.fit(
        many,
        y[:50],
        stop=mb.stopping.NoImprovement(monitor="loss", restore_best=True),
        epochs=2,
        batch_size=10,
    ),
    "automatic rate": lambda: mb.fit(
        many, y[:50], optimizer=mb.optimizers.SGD("auto"), epochs=1, batch_size=10
    ),
    "sgd": lambda: mb.fit(X, y, optimizer="sgd", **QUICK),
    "sgd, columns of targets": lambda: mb.fit(
        many, np.tile(y[:50, None], 8), optimizer="sgd", epochs=1, batch_size=10
    ),
    "newton": lambda: mb.fit(
        many[:, :200], y[:50], optimizer=mb.optimizers.SAGA(preconditioner="newton"), epochs=2, batch_size=10
    ),
    "nystrom": lambda: mb.fit(
        many[:, :20_000],
        y[:50],
        optimizer=mb.optimizers.SAGA(preconditioner="nystrom"),
        epochs=2,
        batch_size=10,
    ),
    "svrg": lambda: mb.fit(many, y[:50], optimizer="svrg", epochs=2, batch_size=10),
    "sgd in a metric": lambda: mb.fit(
        many, y[:50], optimizer=mb.optimizers.SGD(preconditioner="diagonal"), epochs=2, batch_size=10
    ),
    "until it has converged": lambda: mb.fit(X[:1000], y[:1000], n_threads=1),
    "resumed solver": lambda: mb.fit(X, y, resume=model, **QUICK),
    "strengths": lambda: mb.fit(many, y[:50], penalty=mb.penalties.L2(np.full(100_000, 0.1)), epochs=1),
    "resume": lambda: mb.fit(X, y, optimizer="adam", average="polyak", resume=begun, **QUICK),
    "automatic batch size": lambda: mb.fit(np.tile(X, (4, 1)), np.tile(y, 4), epochs=1),
    "weighted": lambda: mb.fit(X, y, shuffle=mb.sampling.Weighted(np.full(N, 2.0)), **QUICK),
    "stratified": lambda: mb.fit(X, labels, loss="log_loss", shuffle="stratified", **QUICK),
    "block": lambda: mb.fit(X, y, shuffle="block", **QUICK),
    "gradient": lambda: mb.gradient(X, y, model),
    "gradient of rows": lambda: mb.gradient(X, y, model, rows=np.arange(N)),
    "predict": lambda: model.predict(X),
    "probabilities": lambda: wide.predict_proba(X),
    "batches": lambda: iterated(mb.Batches(10**6, 1000).epoch(0)),
    "sequential batches": lambda: iterated(mb.Batches(10**6, 1000, shuffle=False).epoch(0)),
    "a batch": lambda: mb.Batches(10**6, 10**6, replacement=True).batch(0, 0),
    "minibatches": lambda: iterated(mb.minibatches(X, y, batch_size=5000)),
    "minibatches at once": lambda: iterated(mb.minibatches(X, y, batch_size="full", shuffle=False)),
    "step of an optimizer": lambda: stepped(mb.optimizers.Adam()),
    "minimize": lambda: mb.minimize(
        lambda w, a, b: (0.0, w),
        np.ones(300_000),
        X,
        y,
        batch_size=5000,
        optimizer=mb.optimizers.SGD(0.1),
        epochs=1,
    ),
    "landscape": lambda: mb.landscapes.DoubleWell(n_terms=500_000).X,
    "path of a landscape": lambda: mb.landscapes.DoubleWell(n_terms=128).path(
        batch_size=1, learning_rate=0.01, epochs=2000
    ),
    "noise of gradients": lambda: mb.diagnostics.gradient_noise(X, y, at=model, n_draws=20),
    "bias of gradients": lambda: mb.diagnostics.gradient_bias(X, y, at=model, batch_sizes=[10], n_draws=20),
    "angles of gradients": lambda: mb.diagnostics.gradient_angles(
        X, y, at=model, batch_sizes=[10], n_draws=20
    ),
    "recorded noise": lambda: noisy.history.noise.trace,
}
for name in ("sgd", "adam", "lion", "ftrl", "adagrad", "sgld", "dog", "saga"):
    CASES[f"sparse {name}"] = lambda name=name: mb.fit(S, y_sparse, optimizer=name, penalty="l2", **QUICK)
CASES["sparse average"] = lambda: mb.fit(S, y_sparse, average="polyak", **QUICK)
CASES["sparse automatic rate"] = lambda: mb.fit(S, y_sparse, optimizer=mb.optimizers.SGD("auto"), **QUICK)
CASES["sparse minibatches"] = lambda: iterated(mb.minibatches(S, y_sparse, batch_size=500))
CASES["sparse recorded"] = lambda: mb.fit(
    S, y_sparse, penalty="l1", record=("step", "full_loss"), epochs=1, batch_size=500
)

noisy = mb.fit(X, y, record="noise", epochs=1, batch_size=10)
network = mb.models.MLP((600, 300), activation=("relu", "tanh"), dropout=0.2)
machine = mb.models.FactorizationMachine(rank=16)
BEYOND = {"epochs": 1, "batch_size": 500, "optimizer": "adam", "n_threads": 1}
trained = {
    "network": mb.fit(X[:500], y[:500], model=network, **BEYOND),
    "machine": mb.fit(S[:500], y_sparse[:500], model=machine, **BEYOND),
}
for name, at in trained.items():
    rows, targets = (S[:1000], y_sparse[:1000]) if name == "machine" else (X[:1000], y[:1000])
    fitted = {"X": rows, "y": targets, "model": at.model}
    for what, options in {
        "once": {},
        "threads": {"n_threads": 2},
        "average": {"average": "polyak"},
        "momentum": {"optimizer": mb.optimizers.SGD(1e-3, momentum=0.9)},
        "schedule-free": {"optimizer": "schedule_free_adamw"},
        "recorded": {"record": ("step", "path", "full_loss")},
        "noise": {"record": "noise"},
        "callback": {"callback": lambda progress: None},
        "restored": {"stop": mb.stopping.NoImprovement(restore_best=True), "validation": 0.3},
        "strengths": {"penalty": mb.penalties.L1({at.model.weight_blocks[0]: 1e-3})},
        "going on": {"init": at},
        "growing": {"batch_size": mb.batch_sizes.NormTest(100)},
        "standardized": {"standardize": True},
    }.items():
        CASES[f"{name}, {what}"] = lambda given={**fitted, **BEYOND, **options}: mb.fit(**given)
    CASES[f"{name}, predict"] = lambda at=at, rows=rows: at.predict(rows)
    CASES[f"{name}, gradient"] = lambda at=at, rows=rows, targets=targets: mb.gradient(rows, targets, at)
    for instrument in (mb.diagnostics.gradient_noise, mb.diagnostics.gradient_angles):
        CASES[f"{name}, {instrument.__name__}"] = (
            lambda at=at, rows=rows, targets=targets, instrument=instrument: instrument(
                rows, targets, at=at, batch_sizes=[10], n_draws=5
            )
        )


def stepped(optimizer: mb.optimizers.Optimizer) -> None:
    params = np.ones(300_000)
    optimizer.step(optimizer.init(params), params, params.copy())


def address_space() -> int:
    with open("/proc/self/statm") as statm:
        return int(statm.read().split()[0]) * resource.getpagesize()


def outcome(call: Callable[[], object], n_more: int) -> str:
    """How a call ends in a child of so many bytes more."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        small = [bytes(1000) for _ in range(3000)]
        del small  # room for what is small: the limit is for blocks that have a size of the user's
        limit = address_space() + n_more
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
        try:
            call()
            word = b"result"
        except BaseException as error:
            word = type(error).__name__.encode() + b": " + str(error).encode()[:200]
            word = b"MemoryError" if isinstance(error, MemoryError) else word
        os.write(writing, word)
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        word = pipe.read().decode()
    _, status = os.waitpid(child, 0)
    return word if status == 0 and word else f"signal {os.WTERMSIG(status)}"


if __name__ == "__main__":
    limits = [int(word) for word in sys.argv[1:]]
    for name, call in CASES.items():
        for n_more in limits:
            print(f"{name}, {n_more >> 10} KiB more: {outcome(call, n_more)}", flush=True)
