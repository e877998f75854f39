"""Trains on all processes of an MPI job; begun again, it goes on where the job before was ended.

`mpiexec -n 4 python train.py [folder] [epochs]`. The folder has `X.npy` and `y.npy`, which all machines can
read, and gets the checkpoints; without the files there are random rows. The recipes beside this file start it
on clusters.
"""

import sys
from pathlib import Path

import mbgd_rs as mb
import numpy as np
from mpi4py import MPI

comm = MPI.COMM_WORLD
folder = Path(sys.argv[1] if len(sys.argv) > 1 else ".")
epochs = int(sys.argv[2]) if len(sys.argv) > 2 else 3
if (folder / "X.npy").exists():
    X, y = np.load(folder / "X.npy", mmap_mode="r"), np.load(folder / "y.npy")
else:
    rng = np.random.default_rng(0)
    X = rng.standard_normal((20_000, 50), dtype=np.float32)
    y = X[:, 0] - X[:, 1] > 0

run = mb.fit(
    X,
    y,
    loss="log_loss",
    optimizer=mb.optimizers.Adam(),
    batch_size=4096,
    shuffle=mb.sampling.Sharded(shards=64),
    epochs=epochs,
    checkpoint=mb.Checkpoint(folder / "checkpoints", every="1 minute"),
    resume="auto",
    comm=comm,
)
if comm.rank == 0:
    run.save(folder / "model.safetensors")
    print(f"{comm.size} ranks, {run.n_epochs} epochs, loss {run.history.epoch_loss[-1]:.6f}")
