"""mbgd_rs itself: the epochs of a fit as its history has them, the first left out."""

import time
from collections.abc import Iterator
from functools import partial
from typing import Any

from race.case import Case
from race.dataset import Dataset
from race.models.task import Task, factors, network
from race.peer import Epochs, Peer, Solve, Solver, Trained, Trainer, timed
from race.solvers.problem import Problem

EPOCHS = (1, 2, 3, 4, 5, 6, 8, 10, 13, 16, 20, 30, 50, 80, 130, 200)


def arguments(case: Case, n_threads: int | None) -> dict[str, Any]:
    import mbgd_rs as mb

    shuffle = "full" if case.shuffle else False
    optimizer = mb.optimizers.SGD(learning_rate=0.01)
    how = {"loss": "log_loss", "optimizer": optimizer, "batch_size": case.b, "shuffle": shuffle}
    return how | {"n_threads": n_threads}


def epochs(data: Dataset, case: Case, n_threads: int | None = None) -> Iterator[float]:
    import mbgd_rs as mb
    import numpy as np

    n_epochs = 6 if case.n * case.d < 10_000_000 else 4
    while True:
        result = mb.fit(data.X, data.y, epochs=n_epochs, **arguments(case, n_threads))
        yield from np.diff(result.history.epoch_elapsed)


def calls(data: Dataset, case: Case, n_threads: int | None = None) -> Iterator[float]:
    import mbgd_rs as mb

    return timed(lambda: mb.fit(data.X, data.y, epochs=1, **arguments(case, n_threads)))


def batches(data: Dataset, case: Case) -> Iterator[float]:
    import mbgd_rs as mb

    for seed in range(1_000_000):
        start = time.perf_counter()
        for _ in mb.minibatches(data.X, data.y, batch_size=case.b, seed=seed):
            pass
        yield time.perf_counter() - start


def races(n_threads: int | None) -> dict[str, Epochs]:
    trained = ("dense", "sparse", "softmax", "rows", "columns", "batch_sizes")
    return dict.fromkeys(trained, partial(epochs, n_threads=n_threads)) | dict.fromkeys(
        ("memory", "call"), partial(calls, n_threads=n_threads)
    )


def solve_by(**how: Any) -> Solve:
    """A fit by defaults, but for what is given; the strength of an l2 penalty is 1e-4 by default."""

    def solve(X: Any, y: Any, problem: Problem, epochs: float) -> tuple[Any, Any]:
        import mbgd_rs as mb

        result = mb.fit(X, y, loss=problem.loss, penalty="l2", epochs=int(epochs), **how)
        return result.coef, result.intercept

    return solve


def solver(**how: Any) -> Solver:
    return Solver(solve_by(**how), lambda problem: True, "epochs", EPOCHS)


def train(data: Dataset, task: Task, n_threads: int | None = None) -> Trained:
    import mbgd_rs as mb
    import numpy as np

    if task.model == "mlp":
        model: Any = mb.models.MLP((task.width,))
        init: Any = network(task)
        optimizer: Any = mb.optimizers.Adam(task.rate)
    else:
        model = mb.models.FactorizationMachine(task.width)
        init = 0.0, np.zeros(task.d, np.float32), factors(task)
        optimizer = mb.optimizers.Adagrad(task.rate)
    result = mb.fit(
        data.X, data.y, loss="log_loss", model=model, init=init, optimizer=optimizer, batch_size=task.b,
        epochs=1 + task.n_epochs, n_threads=n_threads,
    )  # fmt: skip
    return Trained(list(np.diff(result.history.epoch_elapsed)), result.decision_function)


def trainer(n_threads: int | None) -> Trainer:
    return Trainer(dict.fromkeys(("mlp", "factorization_machine"), partial(train, n_threads=n_threads)))


def every(case: Case) -> bool:
    return True


PEERS = [
    Peer(
        "mbgd_rs",
        (),
        ("mbgd_rs",),
        races(None) | {"batches": batches},
        every,
        solver=solver(),
        trainer=trainer(None),
        note="all threads",
    ),
    Peer("mbgd_rs, 1 thread", (), ("mbgd_rs",), races(1), every, trainer=trainer(1)),
    Peer("mbgd_rs, sgd", (), ("mbgd_rs",), solver=solver(optimizer="sgd"), note="all threads"),
]
