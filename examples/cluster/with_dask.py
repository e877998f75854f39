"""Dask only places the processes; between them it is MPI.

`mpiexec -n 6 python with_dask.py` with `pip install dask-mpi`: rank 0 becomes the scheduler, rank 1 goes on
with this script, and the others are workers, of whose ranks a group of MPI is made.
"""

import mbgd_rs as mb
import numpy as np
from mpi4py import MPI


def train(ranks: list[int], seed: int) -> float:
    """What each worker calls, at the same time: a run of these ranks."""
    group = MPI.COMM_WORLD.Get_group().Incl(ranks)
    comm = MPI.COMM_WORLD.Create_group(group)
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((20_000, 50), dtype=np.float32)
    run = mb.fit(X, X[:, 0], batch_size=4096, optimizer=mb.optimizers.Adam(), epochs=3, comm=comm)
    return float(run.history.epoch_loss[-1])


if __name__ == "__main__":
    from dask_mpi import initialize
    from distributed import Client

    initialize()
    client = Client()
    client.wait_for_workers(MPI.COMM_WORLD.size - 2)
    rank_of = client.run(lambda: MPI.COMM_WORLD.rank)
    ranks = sorted(rank_of.values())
    runs = [client.submit(train, ranks, 0, workers=[worker], pure=False) for worker in rank_of]
    print(client.gather(runs))
