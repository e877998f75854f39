"""Runs of two processes of which one is killed, again and again, and each time begun again by one or two.

`python tests/python/kills_of_ranks.py 200` kills so many and prints what was seen; `test_mpi_kills.py` kills
few.
"""

import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import suppress
from itertools import cycle
from pathlib import Path

import mbgd_rs as mb
import numpy as np
from kills import PATIENT, is_same
from mbgd_rs import optimizers
from mbgd_rs.models import MLP
from mbgd_rs.sampling import Block
from mbgd_rs.sources import Arrays

MPIEXEC = shutil.which("mpiexec", path=Path(sys.executable).parent) or shutil.which("mpiexec")
RNG = np.random.default_rng(4)
X = RNG.normal(size=(960, 300))
Y = X[:, 0] - X[:, 1] + RNG.normal(size=960)
WIDE = np.c_[X, RNG.normal(size=(960, 1200))]
ADAM, SAGA = optimizers.Adam(0.01), optimizers.SAGA(preconditioner=None)
CASES = {
    "sums that are shared": ("3 steps", {"X": X, "batch_size": 320, "optimizer": ADAM, "epochs": 400}),
    "steps of each alone": (
        "0.01 seconds",
        {"X": X[:, :20].copy(), "batch_size": 16, "optimizer": optimizers.SGD(0.01), "epochs": 3000},
    ),
    "a table of slopes": ("2 steps", {"X": WIDE, "batch_size": 512, "optimizer": SAGA, "epochs": 30}),
    "a network": (
        "epoch",
        {
            "X": X.astype("f4"),
            "batch_size": 240,
            "optimizer": ADAM,
            "model": MLP((32, 8), dropout=0.2),
            "average": "ema",
            "validation": 0.2,
            "stop": PATIENT,
            "epochs": 150,
        },
    ),
    "a source": (
        "3 steps",
        {
            "X": Arrays(X, Y, rows=100),
            "y": None,
            "batch_size": 320,
            "optimizer": optimizers.SGD(0.02, momentum=0.9),
            "shuffle": Block(window=3),
            "epochs": 60,
        },
    ),
}
"""How often a run is saved, and the run."""
LONGEST = 0.3
"""Seconds from the first checkpoint of a run, or its beginning if there are some, to the kill, at most."""
PATIENCE = 10.0
"""Seconds after which nobody may be left."""


def train(case, **given):
    _, arguments = CASES[case]
    return mb.fit(**{"y": Y, **arguments}, seed=5, **given)


class Run:
    """A run of some processes."""

    def __init__(self, case, folder, n_ranks):
        command = [MPIEXEC, "-n", str(n_ranks), sys.executable, __file__, "train", case, str(folder)]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.ranks = [int(pid) for pid in self.process.stdout.readline().split()]
        assert len(self.ranks) == n_ranks, self.process.stderr.read()

    def kill(self, draws, folder):
        """Kills a process when something is saved; seconds until all are gone, None if the run has ended."""
        while not any(folder.glob("step-*")) and self.process.poll() is None:
            time.sleep(0.001)
        time.sleep(draws.uniform(0, LONGEST))
        try:
            os.kill(draws.choice(self.ranks), signal.SIGKILL)
        except ProcessLookupError:
            return None
        begin = time.monotonic()
        code = self.process.wait(timeout=PATIENCE)
        while any(map(is_there, self.ranks)) and time.monotonic() < begin + PATIENCE:
            time.sleep(0.01)
        return None if code == 0 else time.monotonic() - begin

    def end(self):
        """Lets it end."""
        code = self.process.wait()
        assert code == 0, self.process.stderr.read()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for rank in filter(is_there, self.ranks):
            with suppress(ProcessLookupError):
                os.kill(rank, signal.SIGKILL)
        self.process.kill()
        self.process.communicate()


def is_there(pid):
    """Whether there is a process of this number that has not ended."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return state.rsplit(")", 1)[1].split()[0] not in "ZX"


def kill_and_resume(n_kills, seed=0):
    """Kills one of two so often. Returns counts, the most seconds until all were gone, and what was wrong."""
    draws, seen, wrong, longest = random.Random(seed), Counter(), [], 0.0
    straight = {case: train(case) for case in CASES}
    for case in cycle(CASES):
        if seen["kills"] >= n_kills:
            break
        with tempfile.TemporaryDirectory() as name:
            folder, newest, left = Path(name), -1, min(2, n_kills - seen["kills"])
            while True:
                n_ranks = 2 if left > 0 else draws.choice([1, 2])
                seen[f"begun by {n_ranks}"] += 1
                with Run(case, folder, n_ranks) as run:
                    if left == 0:
                        run.end()
                        break
                    waited = run.kill(draws, folder)
                if waited is None:
                    seen["ended before"] += 1
                    break
                left -= 1
                seen["kills"] += 1
                longest = max(longest, waited)
                if waited > PATIENCE:
                    wrong.append(f"{case}: somebody was there {waited:.1f} s after the kill")
                steps = [mb.load(path).n_steps for path in folder.glob("step-*")]  # each is whole
                seen["amid a write"] += any(folder.glob(".step-*"))
                seen["with progress"] += max(steps) > newest
                if max(steps) < newest:
                    wrong.append(f"{case}: step {newest} was lost")
                newest = max(steps)
            ended = mb.load(max(folder.glob("step-*")))
            seen["runs"] += 1
            if not is_same(ended, straight[case]):
                wrong.append(case)
            if any(folder.glob(".step-*")):
                wrong.append(f"{case}: {len(list(folder.iterdir()))} files")
    return seen, longest, wrong


if __name__ == "__main__":
    if sys.argv[1] == "train":
        from mpi4py import MPI

        case, folder = sys.argv[2:]
        ranks = MPI.COMM_WORLD.gather(os.getpid())  # all modules are there
        if ranks is not None:
            print(*ranks, flush=True)
        checkpoint = mb.Checkpoint(folder, every=CASES[case][0])
        train(case, checkpoint=checkpoint, resume="auto", comm=MPI.COMM_WORLD)
    else:
        began = time.perf_counter()
        seen, longest, wrong = kill_and_resume(int(sys.argv[1]))
        counts = f"{dict(seen)}, all gone after {longest:.1f} s at most, {time.perf_counter() - began:.0f} s"
        print(counts, "wrong:", wrong or "nothing")
        sys.exit(bool(wrong))
