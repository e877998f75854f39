"""What steps cost on several processes, and what that predicts for many machines: tables in Markdown.

`python benches/python/scaling.py`, with mpi4py and an MPI. It starts itself under `mpiexec`, with one thread
a process. Leave the machine alone meanwhile.
"""

from __future__ import annotations

import json
import math
import shutil
import subprocess
import sys
import tempfile
from itertools import pairwise
from pathlib import Path
from typing import Any

import mbgd_rs as mb
import numpy as np

D = 784
N_ROWS = 1 << 15
BATCHES = [256, 1024, 4096, 16384]
SIZES = [64, 256, 1024, 4096, 16384, 65536, 1 << 18, 1 << 20, 1 << 22]
SMALL_BATCH = 64
MEETINGS = [None, 1, 4, 16]
"""Steps of their own between which processes meet; None is no such steps: all make every one."""
MODELS = {"linear": mb.models.Linear(), "network": mb.models.MLP(hidden=(128,))}
NAMES = {"linear": "linear, 784 columns", "network": "network 784-128-10"}
BYTES = {"linear": 4 * (D + 1), "network": 4 * (D * 128 + 128 + 128 * 10 + 10)}
LINKS = {"10 Gbit/s, TCP": (15e-6, 1.2e9), "100 Gbit/s, RDMA": (2e-6, 12e9)}
"""Seconds of a message and bytes a second, of networks as they are sold: not measured."""
MOST_BYTES = 1 << 16
"""Of gradients that are sent whole; longer ones are halved."""


def seconds_of_step(X: Any, y: Any, model: str, b: int, comm: Any = None) -> float:
    """The median over epochs."""
    rows = slice(0, max(N_ROWS // 4, 2 * b) if model == "network" else N_ROWS)
    labels = y[rows] if model == "network" else y[rows] > 4
    n_epochs = 5 if model == "network" else 9
    how = {
        "loss": "log_loss",
        "model": MODELS[model],
        "optimizer": mb.optimizers.SGD(0.01),
        "shuffle": "once",
    }
    r = mb.fit(X[rows], labels, **how, batch_size=b, epochs=n_epochs, n_threads=1, comm=comm)
    epochs = np.diff(r.history.epoch_elapsed, prepend=0)[2:]
    return float(np.median(epochs)) / (r.n_steps / r.n_epochs)


def meeting_now_and_then(X: Any, y: Any, model: str, every: int | None, comm: Any) -> tuple[float, float]:
    """Seconds of a small step, and the objective after some epochs of them."""
    rows = slice(0, N_ROWS // 4 if model == "network" else N_ROWS)
    labels = y[rows] if model == "network" else y[rows] > 4
    r = mb.fit(
        X[rows],
        labels,
        loss="log_loss",
        model=MODELS[model],
        optimizer=mb.optimizers.SGD(0.01),
        batch_size=SMALL_BATCH,
        epochs=7,
        n_threads=1,
        record="full_loss",
        sync_every=every,
        comm=comm,
    )
    epochs = np.diff(r.history.epoch_elapsed, prepend=0)[2:]
    return float(np.median(epochs)) / (r.n_steps / r.n_epochs), float(r.history.full_loss[-1])


def measure(folder: str) -> None:
    """What one process of several does: all measurements, printed by rank 0."""
    from mbgd_rs.ranks import Ranks
    from mpi4py import MPI

    comm = MPI.COMM_WORLD
    X = np.load(Path(folder) / "X.npy", mmap_mode="r")
    y = np.load(Path(folder) / "y.npy")
    said: dict[str, Any] = {"rounds": {}, "steps": {}, "small steps": {}, "reached": {}}
    X.sum()  # from now on its pages are in memory
    if comm.size > 1:
        ranks = Ranks(comm)
        for n_bytes in SIZES:
            n_times = 400 if n_bytes <= MOST_BYTES else 30
            ranks.core.seconds_of_sums(n_bytes // 4, 20)
            said["rounds"][n_bytes] = float(np.median(ranks.core.seconds_of_sums(n_bytes // 4, n_times)))
        ranks.free()
    for model in MODELS:
        for b in BATCHES[: 3 if model == "network" else None]:
            said["steps"][f"{model} {b}"] = seconds_of_step(X, y, model, b, comm)
    for model in MODELS:
        for every in MEETINGS:
            time, said["reached"][f"{model} {every}"] = meeting_now_and_then(X, y, model, every, comm)
            said["small steps"][f"{model} {every}"] = time
    said["steps"]["linear weak"] = seconds_of_step(X, y, "linear", 4096 * comm.size, comm)
    if comm.rank == 0:
        print(json.dumps(said))


def cost(model: str, b: float, p: int, taus: Any, link: tuple[float, float]) -> float:
    """Seconds of a step of b rows on p processes: fixed, rows, exchange."""
    (tau_f, tau_d), (latency, bandwidth), n_bytes = taus[model], link, BYTES[model]
    n_rounds = math.ceil(math.log2(p))
    exchange = n_rounds * (latency + n_bytes / bandwidth)
    if n_bytes > MOST_BYTES and p > 1:
        exchange = 3 * n_rounds * latency + 2 * (1 - 1 / p) * n_bytes / bandwidth
    return tau_f + b * tau_d / p + exchange


def main() -> None:
    """Measure with 1, 2 and 4 processes, and print tables."""
    mpiexec = shutil.which("mpiexec", path=str(Path(sys.executable).parent)) or shutil.which("mpiexec")
    assert mpiexec is not None, "needs mpiexec: pip install mpich"
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        rng = np.random.default_rng(0)
        X = rng.standard_normal((N_ROWS, D), dtype=np.float32)
        np.save(Path(folder) / "X.npy", X)
        np.save(Path(folder) / "y.npy", np.digitize(X[:, 0] + X[:, 1], np.linspace(-2, 2, 9)))
        for p in (1, 2, 4, 1, 2, 4):  # in turns, and the shorter time counts
            command = [mpiexec, "-n", str(p), sys.executable, __file__, folder]
            said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
            now = json.loads(said.splitlines()[-1])
            for part, times in found.get(p, {}).items():
                now[part] = {key: min(time, times[key]) for key, time in now[part].items()}
            found[p] = now

    print("Sums over all ranks, us:\n\n| bytes | 2 ranks | 4 ranks |\n|--:|--:|--:|")
    for n_bytes in SIZES:
        times = [f"{found[p]['rounds'][str(n_bytes)] * 1e6:.1f}" for p in (2, 4)]
        print(f"| {n_bytes:,} | {' | '.join(times)} |")

    taus = {}
    for model in MODELS:
        steps = {
            int(k.split()[1]): t
            for k, t in found[1]["steps"].items()
            if k.startswith(model) and "weak" not in k
        }
        b, t = np.array(list(steps)), np.array(list(steps.values()))
        tau_d, tau_f = np.polyfit(b, t, 1, w=1 / t)
        taus[model] = max(tau_f, 0.0), tau_d
        print(f"\n{NAMES[model]}: tau_f = {taus[model][0] * 1e6:.1f} us, tau_d = {tau_d * 1e9:.1f} ns a row")

    rounds = {int(k): t for k, t in found[2]["rounds"].items()}
    link = rounds[64], (MOST_BYTES - 64) / (rounds[MOST_BYTES] - rounds[64])
    print(f"\nBetween two processes here: {link[0] * 1e6:.1f} us and {link[1] / 1e9:.1f} GB/s\n")
    print("| | b | 1 rank, us | 2 ranks | model | 4 ranks | model |\n|---|--:|--:|--:|--:|--:|--:|")
    for key, alone in found[1]["steps"].items():
        model, b = key.split()
        if b == "weak":
            continue
        cells = [f"{alone * 1e6:.0f}"]
        for p in (2, 4):
            # Processes that share a core take turns.
            share = min(p, n_cores())
            predicted = min(cost(model, int(b), share, taus, link), cost(model, int(b), 1, taus, link))
            cells += [f"{found[p]['steps'][key] * 1e6:.0f}", f"{predicted * 1e6:.0f}"]
        print(f"| {NAMES[model]} | {int(b):,} | {' | '.join(cells)} |")
    weak = [found[p]["steps"]["linear weak"] for p in (1, 2)]
    times = " and ".join(f"{t * 1e6:.0f}" for t in weak)
    print(f"\nWeak scaling, 4,096 rows a rank: {times} us, {weak[0] / weak[1]:.0%}\n")

    print(f"Batches of {SMALL_BATCH}: us a step, and the objective after 7 epochs\n")
    print("| | meet after | 1 rank | 2 ranks | times as fast | reached by 1 | by 2 |")
    print("|---|--:|--:|--:|--:|--:|--:|")
    for key, alone in found[1]["small steps"].items():
        model, every = key.split()
        together = found[2]["small steps"][key]
        reached = [f"{found[p]['reached'][key]:.5f}" for p in (1, 2)]
        speed = f"{found[1]['small steps'][f'{model} None'] / together:.2f}"
        cells = [f"{alone * 1e6:.1f}", f"{together * 1e6:.1f}", speed, *reached]
        print(f"| {NAMES[model]} | {every} | {' | '.join(cells)} |")
    print()

    ranks = [2**i for i in range(1, 11)]
    for name, link in LINKS.items():
        print(f"Predicted efficiency, {name}:\n\n| | b | {' | '.join(map(str, ranks))} |")
        print(f"|---|--:|{'--:|' * len(ranks)}")
        for model in MODELS:
            for b in (4096, 65536, 1 << 20):
                shares = [cost(model, b, 1, taus, link) / p / cost(model, b, p, taus, link) for p in ranks]
                print(f"| {NAMES[model]} | {b:,} | {' | '.join(f'{share:.0%}' for share in shares)} |")
        print("\nSmallest batches for which twice as many ranks are faster:\n")
        print(
            f"| | {' | '.join(f'{p} to {q}' for p, q in pairwise([1, *ranks]))} |\n|---|{'--:|' * len(ranks)}"
        )
        for model in MODELS:
            least = [smallest_batch(model, p, taus, link) for p in [1, *ranks[:-1]]]
            print(f"| {NAMES[model]} | {' | '.join(f'{b:,}' for b in least)} |")
        print()


def smallest_batch(model: str, p: int, taus: Any, link: tuple[float, float]) -> int:
    """Rows from which on 2 p processes make a step faster than p, rounded up to a power of two."""
    b = 64
    while cost(model, b, 2 * p, taus, link) >= cost(model, b, p, taus, link):
        b *= 2
    return b


def n_cores() -> int:
    """Processors that this process may run on."""
    return mb.get_num_threads()


if __name__ == "__main__":
    sys.exit(measure(sys.argv[1]) if len(sys.argv) > 1 else main())
