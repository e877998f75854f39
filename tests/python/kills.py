"""Runs that are killed, again and again, and each time begun again by the same call.

`python tests/python/kills.py 200` kills so many and prints what was seen; `test_checkpoints.py` kills few.
"""

import itertools
import math
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import mbgd_rs as mb
import numpy as np
from mbgd_rs import optimizers
from mbgd_rs.models import MLP
from mbgd_rs.sampling import Block
from mbgd_rs.sources import Arrays
from mbgd_rs.stopping import NoImprovement
from scipy.sparse import csr_array, random_array

RNG = np.random.default_rng(3)
X = RNG.normal(size=(640, 8))
Y = X @ RNG.normal(size=8) + RNG.normal(size=640)
WIDE = csr_array(random_array((640, 3000), density=0.004, rng=RNG, format="csr"))
PATIENT = NoImprovement("validation_loss", patience=1000, restore_best=True)
CASES = {
    "streaks": ("0.002 seconds", {"X": X, "batch_size": 1, "optimizer": optimizers.SGD(0.01), "epochs": 900}),
    "lazy": (
        "3 steps",
        {"X": WIDE, "batch_size": 8, "optimizer": optimizers.FTRL(0.1, l1=0.01), "epochs": 5},
    ),
    "saga": ("1 step", {"X": X, "batch_size": 32, "optimizer": "saga", "epochs": 8}),
    "network": (
        "epoch",
        {
            "X": X.astype("f4"),
            "batch_size": 32,
            "optimizer": optimizers.Adam(0.01),
            "model": MLP((16, 8), dropout=0.2),
            "average": "ema",
            "validation": 0.2,
            "stop": PATIENT,
            "epochs": 150,
        },
    ),
    "source": (
        "3 steps",
        {
            "X": Arrays(X, Y, rows=50),
            "y": None,
            "batch_size": 32,
            "optimizer": optimizers.SGD(0.02, momentum=0.9),
            "shuffle": Block(window=3),
            "epochs": 8,
        },
    ),
}
"""How often a run is saved, and the run."""
LONGEST = 0.15
"""Seconds from the beginning of a run to when it is killed, at most."""


def train(case, checkpoint=None, resume=None):
    _, arguments = CASES[case]
    return mb.fit(**{"y": Y, **arguments}, seed=5, checkpoint=checkpoint, resume=resume)


def killed(case, folder, delay):
    """Begins a run in a process and kills it, if it is to; whether it was killed before it had ended."""
    command = [sys.executable, __file__, "train", case, str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        process.stdout.readline()
        if delay is not None:
            time.sleep(delay)
            process.kill()
        code = process.wait()
    assert code <= 0, f"the run of {case} ended with {code}"
    return code < 0


def kill_and_resume(n_kills, seed=0):
    """Kills runs so often, each a few times, and lets them end. Returns counts, and what was wrong."""
    draws, seen, wrong = random.Random(seed), Counter(), []
    straight = {case: train(case) for case in CASES}
    for case in itertools.cycle(CASES):
        if seen["kills"] >= n_kills:
            break
        with tempfile.TemporaryDirectory() as name:
            folder, newest = Path(name), -1
            left = min(math.ceil(n_kills / len(CASES)), n_kills - seen["kills"])
            while killed(case, folder, draws.uniform(0, LONGEST) if left > 0 else None):
                seen["kills"] += 1
                left -= 1
                files = sorted(folder.glob("step-*"))
                steps = [mb.load(path).n_steps for path in files]  # each is whole
                seen["amid a write"] += any(folder.glob(".step-*"))
                seen["before the first checkpoint"] += not steps
                seen["with progress"] += max(steps, default=-1) > newest
                if max(steps, default=-1) < newest:
                    wrong.append(f"{case}: step {newest} was lost")
                newest = max(steps, default=-1)
            ended = mb.load(max(folder.glob("step-*")))
            seen["runs"] += 1
            if not is_same(ended, straight[case]):
                wrong.append(case)
            n_files = len(list(folder.iterdir()))
            if any(folder.glob(".step-*")) or n_files > 4:  # 3, if it was not killed before it could tidy up
                wrong.append(f"{case}: {n_files} files")
    return seen, wrong


def is_same(ours, theirs):
    """Whether two runs have the same bits in parameters, state and losses."""
    return (
        [ours.n_steps, ours.n_epochs, ours.best_epoch] == [theirs.n_steps, theirs.n_epochs, theirs.best_epoch]
        and bits_of(ours.params) == bits_of(theirs.params)
        and bits_of(ours.state["params"]) == bits_of(theirs.state["params"])
        and bits_of(ours.state["memory"]) == bits_of(theirs.state["memory"])
        and bits_of(ours.history.epoch_loss) == bits_of(theirs.history.epoch_loss)
        and bits_of(ours.history.validation_loss) == bits_of(theirs.history.validation_loss)
    )


def bits_of(value):
    """The bytes of all arrays in a value."""
    if isinstance(value, dict | list):
        parts = value.values() if isinstance(value, dict) else value
        return b"".join(map(bits_of, parts))
    return np.asarray(value).tobytes()


if __name__ == "__main__":
    if sys.argv[1] == "train":
        case, folder = sys.argv[2:]
        train("saga")  # all modules are there
        print("begun", flush=True)
        train(case, mb.Checkpoint(folder, every=CASES[case][0]), "auto")
    else:
        began = time.perf_counter()
        seen, wrong = kill_and_resume(int(sys.argv[1]))
        print(dict(seen), f"{time.perf_counter() - began:.0f} s", "wrong:", wrong or "nothing")
        sys.exit(bool(wrong))
