"""Not a peer but a limit: one plain read of X, its maximum by NumPy, by as many threads as mbgd_rs uses."""

from collections.abc import Iterator

from race.case import Case
from race.dataset import Dataset
from race.peer import Peer, timed


def read(data: Dataset, case: Case) -> Iterator[float]:
    from concurrent.futures import ThreadPoolExecutor

    import mbgd_rs as mb
    import numpy as np

    n_threads = mb.get_num_threads()
    parts = np.array_split(data.X, n_threads)
    pool = ThreadPoolExecutor(n_threads)
    return timed(lambda: list(pool.map(np.max, parts)))


PEERS = [
    Peer(
        "plain read of X",
        ("numpy",),
        ("numpy",),
        {"dense": read},
        takes=lambda case: not case.shuffle and case.b == 4096,
        note="a limit, not a peer",
    )
]
