"""What training on a source takes of memory, in a process of its own."""

import subprocess
import sys

import numpy as np
import pytest

SCRIPT = """
import sys, threading, time
import numpy as np
import mbgd_rs as mb
from mbgd_rs.sources import Npy

def anonymous():
    with open("/proc/self/status") as lines:
        return next(int(line.split()[1]) for line in lines if line.startswith("RssAnon")) / 1024

def watch():
    while not is_over.is_set():
        seen.append(anonymous())
        time.sleep(0.002)

folder, kind = sys.argv[1:]
source = Npy(f"{folder}/X.npy", f"{folder}/y.npy", rows=20_000)
given = {"batch_size": 100, "memory_limit": 32 * 2**20}
if kind == "mlp":
    given |= {"model": mb.models.MLP((8,)), "epochs": 1}
if kind == "standardized":
    given |= {"standardize": True, "epochs": 1}
small = Npy(f"{folder}/X.npy", f"{folder}/y.npy", rows=1000)
mb.fit(small, epochs=1, stop=mb.stopping.MaxSteps(2), batch_size=10)
before, is_over, seen = anonymous(), threading.Event(), []
thread = threading.Thread(target=watch)
thread.start()
mb.fit(source, **{"epochs": 2, **given})
is_over.set()
thread.join()
print(max(seen) - before)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="Linux says how much memory a process has")
@pytest.mark.parametrize("kind", ["linear", "mlp", "standardized"])
def test_windows_stay_within_the_limit(kind, tmp_path):
    n, d = 1_000_000, 50  # 200 MB
    X = np.lib.format.open_memmap(tmp_path / "X.npy", "w+", np.float32, (n, d))
    some = np.random.default_rng(0).standard_normal((10_000, d), dtype=np.float32)
    for first in range(0, n, len(some)):
        X[first : first + len(some)] = some
    del X
    np.save(tmp_path / "y.npy", np.zeros(n, np.float32))
    ran = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(tmp_path), kind], capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stderr
    assert 8 < float(ran.stdout) < 32 + 64
