"""NumPy: the careful loop of `mbgd_rs.reference`, shuffled by NumPy's own generator; and fancy indexing."""

from collections.abc import Iterator

from race.case import Case
from race.dataset import Dataset
from race.peer import Peer, timed


def epochs(data: Dataset, case: Case) -> Iterator[float]:
    import mbgd_rs as mb
    import numpy as np

    n = data.X.shape[0]
    rng = np.random.default_rng(0)

    def epoch() -> None:
        mb.reference.fit(
            data.X, data.y, loss="log_loss", optimizer=mb.optimizers.SGD(learning_rate=0.01), epochs=1,
            batch_size=case.b, record=(), shuffle="full" if case.shuffle else False,
            orders=(lambda _: rng.permutation(n)) if case.shuffle else None,
        )  # fmt: skip

    return timed(epoch)


def batches(data: Dataset, case: Case) -> Iterator[float]:
    import numpy as np

    rng = np.random.default_rng(0)

    def epoch() -> None:
        order = rng.permutation(case.n)
        for start in range(0, case.n, case.b):
            rows = order[start : start + case.b]
            _ = data.X[rows], data.y[rows]

    return timed(epoch)


RACES = dict.fromkeys(("dense", "sparse", "softmax", "memory", "call", "rows", "batch_sizes"), epochs)
PEERS = [
    Peer(
        "NumPy loop",
        ("numpy", "scipy"),
        ("numpy", "scipy"),
        RACES,
        takes=lambda case: True,
        extrapolates=lambda case: case.b < 16 and case.race != "call",
        note="`mbgd_rs.reference`, shuffled by NumPy's generator",
    ),
    Peer("NumPy fancy indexing", ("numpy",), ("numpy",), {"batches": batches}),
]
