"""xLearn: its factorization machine, by Adagrad at b = 1, on all threads, which write without locks.

Seconds of an epoch are a difference of two numbers of epochs: what a call does once cancels.
"""

import os
import time
from pathlib import Path
from typing import Any

from race.dataset import Dataset
from race.models.task import Task
from race.peer import Peer, Trained, Trainer


def write(data: Dataset, task: Task) -> Path:
    """A file of the rows, in the format of LIBSVM."""
    path = data.folder / f"{task.rows}.libsvm"
    if not path.exists():
        partial = path.with_suffix(f".{os.getpid()}")
        with partial.open("w") as file:
            for columns, y in zip(data.X.indices.reshape(task.n, -1).tolist(), data.y.tolist(), strict=True):
                file.write(f"{y} " + " ".join(f"{j}:1" for j in columns) + "\n")
        partial.rename(path)
    return path


def train(data: Dataset, task: Task) -> Trained:
    import numpy as np
    import xlearn

    os.environ.setdefault("USER", "race")  # names its log; without one it ends the process
    rows = write(data, task)
    model, output = (str(data.folder / f"{task.rows}.{os.getpid()}.{kind}") for kind in ("model", "scores"))

    def fit(n_epochs: int) -> tuple[float, Any]:
        start = time.perf_counter()
        machine = xlearn.create_fm()
        machine.setTrain(str(rows))
        machine.setQuiet()
        machine.disableNorm()
        how = {"task": "binary", "opt": "adagrad", "lr": task.rate, "lambda": 0.0, "k": task.width}
        machine.fit(how | {"epoch": n_epochs}, model)
        return time.perf_counter() - start, machine

    fit(1)  # leaves a binary file of the rows, which it reads from now on
    once, _ = fit(1)
    whole, machine = fit(1 + task.n_epochs)

    def scores(X: object) -> object:
        machine.setTest(str(rows))
        machine.predict(model, output)
        return np.loadtxt(output)

    return Trained([(whole - once) / task.n_epochs], scores)


PEERS = [
    Peer(
        "xLearn",
        ("xlearn",),
        ("xlearn",),
        trainer=Trainer({"factorization_machine": train}),
        note="b = 1, threads without locks; its Adagrad begins with sums of squares of 1",
        built_with=("cmake", "setuptools", "wheel"),
    )
]
