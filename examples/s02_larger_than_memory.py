"""
S2: data larger than memory
===========================

Full-batch descent in NumPy needs an array of all the data. Mini-batch descent needs one batch at a time: the
data may stay in a file, and :func:`mbgd_rs.fit` takes a memory map like any other array. Here a process
trains on 400 MB although it may not allocate more than 64 MB. Measured, on Linux, is *anonymous* memory, the
memory of the process itself. Pages of a mapped file are part of the disk cache, which can be reclaimed.
"""

import resource
import threading
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import matplotlib.pyplot as plt
import mbgd_rs as mb
import numpy as np

N, D, rng = 1_000_000, 100, np.random.default_rng(0)
truth, y = np.linspace(-1, 1, D, dtype=np.float32), np.empty(N, np.float32)
folder = TemporaryDirectory()
path = Path(folder.name) / "rows.f32"
with path.open("wb") as file:
    for some in y.reshape(100, -1):
        rows = rng.standard_normal((len(some), D), dtype=np.float32)
        rows.tofile(file)
        some[:] = rows @ truth + rng.standard_normal(len(some), dtype=np.float32)
X = np.memmap(path, np.float32, "r", shape=(N, D))


def megabytes(*names):
    status = dict(line.split(":") for line in Path("/proc/self/status").read_text().splitlines())
    return np.array([int(status[name].split()[0]) * 1024 / 1e6 for name in names])


def watched(work):  # seconds, and megabytes above those at the start
    samples, worker = [], threading.Thread(target=work)
    start, before = time.perf_counter(), megabytes("RssAnon", "RssFile")
    worker.start()
    while worker.is_alive():
        samples.append([time.perf_counter() - start, *(megabytes("RssAnon", "RssFile") - before)])
        worker.join(0.005)
    return np.array(samples).T


# %%
# Under the limit an array of all rows does not fit: the NumPy loop fails before its first step. From the
# file, ``shuffle="full"`` would read single rows at random places. With ``"block"`` rows are read in blocks
# of 1024, of which 64 (26 MB) are shuffled together, see :class:`mbgd_rs.sampling.Block`.
runs, (soft, hard) = [], resource.getrlimit(resource.RLIMIT_DATA)
resource.setrlimit(resource.RLIMIT_DATA, (int((megabytes("VmData")[0] + 64) * 1e6), hard))
try:
    np.fromfile(path, np.float32)
except MemoryError as error:
    print("NumPy:", error)
ours = watched(lambda: runs.append(mb.fit(X, y, optimizer="sgd", batch_size=256, shuffle="block", epochs=2)))
resource.setrlimit(resource.RLIMIT_DATA, (soft, hard))  # as it was
print(f"mb.fit: {ours[1].max():.0f} MB, largest error {np.abs(runs[0].coef - truth).max():.4f}")


# %%
# Without the limit the NumPy loop works. Every single step needs the whole array.
def by_hand():
    rows, w = np.fromfile(path, np.float32).reshape(N, D), np.zeros(D, np.float32)
    for _ in range(5):
        w -= 0.5 / N * (rows.T @ (rows @ w - y))


numpy = watched(by_hand)
_, axes = plt.subplots(figsize=(8, 4.2), layout="constrained")
axes.plot(numpy[0], numpy[1], label="five full-batch steps in NumPy")
axes.plot(ours[0], ours[1], lw=2.5, label=f"mb.fit, {runs[0].n_steps:,} mini-batch steps, from the file")
axes.plot(ours[0], ours[2], color="0.7", label="the same: pages of the file, reclaimable")
axes.axhline(64, color="black", linestyle=":", label="limit for mb.fit")
axes.set(xlabel="seconds", ylabel="memory above the start, MB")
axes.legend(title=f"{X.nbytes / 1e6:.0f} MB of data")
folder.cleanup()
plt.show()
