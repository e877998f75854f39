"""Vowpal Wabbit: `--lrqfa`, its factorization machine, whose columns have other factors for each other field.

It goes through all pairs of entries. So it is run on the first rows only.
"""

import os
import string
import time

from race.dataset import Dataset
from race.models.task import Task
from race.peer import Peer, Trained, Trainer

N_ROWS = 5_000
FIELDS = string.ascii_letters[:39]


def train(data: Dataset, task: Task) -> Trained:
    import vowpalwabbit

    text, cache = (data.folder / f"{task.rows}.{os.getpid()}.{kind}" for kind in ("vw", "cache"))
    columns, y = data.X.indices.reshape(task.n, -1)[:N_ROWS], data.y[:N_ROWS]
    with text.open("w") as file:
        for row, label in zip(columns.tolist(), y.tolist(), strict=True):
            entries = " ".join(f"|{field} {j}" for field, j in zip(FIELDS, row, strict=True))
            file.write(f"{2 * label - 1} {entries}\n")

    def passes(n_passes: int) -> float:
        start = time.perf_counter()
        vowpalwabbit.Workspace(
            f"-d {text} --cache_file {cache} --passes {n_passes} --holdout_off --loss_function logistic"
            f" --lrqfa {FIELDS}{task.width} --adaptive --learning_rate {task.rate} -b 24 --quiet"
        ).finish()
        return time.perf_counter() - start

    passes(1)  # leaves the cache
    seconds = (passes(2) - passes(1)) * task.n / len(y)
    return Trained([seconds], None)


PEERS = [
    Peer(
        "Vowpal Wabbit --lrqfa",
        ("vowpalwabbit",),
        ("vowpalwabbit",),
        trainer=Trainer({"factorization_machine": train}),
        note=f"b = 1, not reshuffled, factors by field; measured on {N_ROWS:,} rows and scaled up",
    )
]
