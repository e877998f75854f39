"""
S2: data larger than memory
===========================

Full-batch descent in NumPy needs an array of all the data. Mini-batch descent needs one batch at a time: the
data may stay in files. :class:`mbgd_rs.sources.Npy` is a *source* of their rows, in chunks, and
:func:`mbgd_rs.fit` trains on a window of chunks while the next one is read. Here a process trains on 400 MB,
with a limit of 64 MB for its windows, and may not allocate more than 128 MB. Measured, on Linux, is
*anonymous* memory, the memory of the process itself.
"""

import resource
import threading
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import matplotlib.pyplot as plt
import mbgd_rs as mb
import numpy as np

N, D, MB, rng = 1_000_000, 100, 1_000_000, np.random.default_rng(0)
truth, y, folder = np.linspace(-1, 1, D, dtype=np.float32), np.empty(N, np.float32), TemporaryDirectory()
x_path, y_path = Path(folder.name) / "X.npy", Path(folder.name) / "y.npy"
X = np.lib.format.open_memmap(x_path, "w+", np.float32, (N, D))
for rows in np.array_split(np.arange(N), 100):
    X[rows] = rng.standard_normal((len(rows), D), dtype=np.float32)
    y[rows] = X[rows] @ truth + rng.standard_normal(len(rows), dtype=np.float32)
np.save(y_path, y)
del X


def megabytes(name):
    words = Path("/proc/self/status").read_text().split()
    return int(words[words.index(f"{name}:") + 1]) * 1024 / MB


def watched(work):  # seconds, and megabytes above those at the start
    samples, worker = [], threading.Thread(target=work)
    start, before = time.perf_counter(), megabytes("RssAnon")
    worker.start()
    while worker.is_alive():
        samples.append([time.perf_counter() - start, megabytes("RssAnon") - before])
        worker.join(0.005)
    return np.array(samples).T


# %%
# Under the limit an array of all rows does not fit: the NumPy loop fails before its first step. Windows of
# chunks do. Chunks come in a new order every epoch, and rows are shuffled within their window.
source = mb.sources.Npy(x_path, y_path, rows=10_000)
runs, (soft, hard) = [], resource.getrlimit(resource.RLIMIT_DATA)
resource.setrlimit(resource.RLIMIT_DATA, (int((megabytes("VmData") + 128) * MB), hard))
try:
    np.load(x_path)
except MemoryError as error:
    print("NumPy:", error)
given = {"optimizer": mb.optimizers.SGD(0.01), "batch_size": 256, "epochs": 2, "memory_limit": 64 * MB}
ours = watched(lambda: runs.append(mb.fit(source, **given)))
resource.setrlimit(resource.RLIMIT_DATA, (soft, hard))  # as it was
print(f"mb.fit: {ours[1].max():.0f} MB, largest error {np.abs(runs[0].coef - truth).max():.4f}")


# %%
# Without the limit the NumPy loop works. Every single step needs the whole array.
def by_hand():
    rows, w = np.load(x_path), np.zeros(D, np.float32)
    for _ in range(5):
        w -= 0.5 / N * (rows.T @ (rows @ w - y))


numpy = watched(by_hand)
_, axes = plt.subplots(figsize=(8, 4.2), layout="constrained")
axes.plot(numpy[0], numpy[1], label="five full-batch steps in NumPy")
axes.plot(ours[0], ours[1], lw=2.5, label=f"mb.fit, {runs[0].n_steps:,} mini-batch steps, from the files")
axes.axhline(64, color="black", linestyle=":", label="memory_limit of mb.fit")
axes.set(xlabel="seconds", ylabel="memory above the start, MB")
axes.legend(title=f"{N * D * 4 / MB:.0f} MB of data")
folder.cleanup()
plt.show()
