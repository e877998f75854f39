"""Vowpal Wabbit: passes over a cache file, row by row in the order of the file, by plain SGD."""

import os
from collections.abc import Iterator

from race.case import Case
from race.dataset import Dataset
from race.peer import Peer, difference


def epochs(data: Dataset, case: Case) -> Iterator[float]:
    import vowpalwabbit

    text, cache = (data.folder / f"{case.data}.{kind}" for kind in ("vw", "cache"))
    if not text.exists():
        partial = text.with_suffix(f".{os.getpid()}")
        with partial.open("w") as file:
            for x, t in zip(data.X.tolist(), data.y.tolist(), strict=True):
                columns = " ".join(f"{j}:{value:.6g}" for j, value in enumerate(x))
                file.write(f"{2 * t - 1} | {columns}\n")
        partial.rename(text)

    def passes(n_passes: int) -> None:
        vowpalwabbit.Workspace(
            f"-d {text} --cache_file {cache} --passes {n_passes} --holdout_off --loss_function logistic --sgd"
            " --learning_rate 0.01 --power_t 0 --quiet"
        ).finish()

    return difference(passes, few=2, more=5)


PEERS = [
    Peer(
        "Vowpal Wabbit",
        ("vowpalwabbit",),
        ("vowpalwabbit",),
        {"dense": epochs},
        takes=lambda case: case.shuffle and case.b == 1 and case.n * case.d <= 20_000_000,
        note="b = 1, rows in the order of its cache file, not reshuffled",
    )
]
