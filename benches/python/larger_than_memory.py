"""Training on files of several gigabytes by a process that may have one: a table in Markdown.

`python benches/python/larger_than_memory.py [gigabytes] [folder]`, 6 by default, with pyarrow, on Linux. The
folder, that of temporary files by default, holds twice as much for some minutes. Leave the machine alone
meanwhile.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import mbgd_rs as mb
import numpy as np
import pyarrow as pa
import pyarrow.parquet

D = 200
ROWS_OF_CHUNK = 20_000
CHUNKS_OF_FILE = 64
LIMIT = 1 << 30
"""Bytes of data that the process that trains may have, what Python and its libraries take included."""
MEMORY_LIMIT = 400_000_000
READ_AT_ONCE = 1 << 20
N_ROUNDS = 3
N_CHUNKS_OF_COPY = 16
HOW = {"loss": "log_loss", "optimizer": mb.optimizers.SGD(0.01), "batch_size": 1024, "epochs": 1}


def chunks(n: int) -> Iterator[tuple[Any, Any]]:
    """Rows, and labels by a noisy linear rule."""
    rng = np.random.default_rng(0)
    rule = rng.standard_normal(D, dtype=np.float32) / np.sqrt(D)
    for _ in range(n):
        X = rng.standard_normal((ROWS_OF_CHUNK, D), dtype=np.float32)
        yield X, (X @ rule + rng.standard_normal(ROWS_OF_CHUNK, dtype=np.float32) > 0).astype(np.int8)


def write(folder: Path, n_chunks: int) -> None:
    """The same rows as files of NumPy and of Parquet, there without compression, a row group a chunk."""
    names = [f"x{column}" for column in range(D)]
    made = chunks(n_chunks)
    for first in range(0, n_chunks, CHUNKS_OF_FILE):
        n, name = min(CHUNKS_OF_FILE, n_chunks - first), f"{first:06}"
        shape = (n * ROWS_OF_CHUNK, D)
        X = np.lib.format.open_memmap(folder / f"X-{name}.npy", "w+", np.float32, shape)
        y = np.lib.format.open_memmap(folder / f"y-{name}.npy", "w+", np.int8, shape[:1])
        schema = pa.schema([*((column, pa.float32()) for column in names), ("y", pa.int8())])
        how = {"compression": "none", "use_dictionary": False}
        with pa.parquet.ParquetWriter(folder / f"{name}.parquet", schema, **how) as file:
            for chunk in range(n):
                rows = slice(chunk * ROWS_OF_CHUNK, (chunk + 1) * ROWS_OF_CHUNK)
                X[rows], y[rows] = next(made)
                columns = [*np.ascontiguousarray(X[rows].T), y[rows]]
                file.write_table(pa.table(columns, schema=schema), row_group_size=ROWS_OF_CHUNK)


def source_of(kind: str, folder: Path) -> mb.sources.Source:
    if kind == "npy":
        return mb.sources.Npy(folder / "X-*.npy", folder / "y-*.npy", rows=ROWS_OF_CHUNK)
    return mb.sources.Parquet(folder / "*.parquet", target="y")


def files_of(kind: str, folder: Path) -> list[Path]:
    return sorted(folder.glob("*.npy" if kind == "npy" else "*.parquet"))


def forget(files: list[Path]) -> None:
    """Nothing of them is left in memory, so that they come from the disk."""
    os.sync()
    for path in files:
        with path.open("rb") as file:
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def seconds_to_read(files: list[Path]) -> float:
    """As `cat` does it."""
    forget(files)
    start, buffer = time.perf_counter(), bytearray(READ_AT_ONCE)
    for path in files:
        with path.open("rb", buffering=0) as file:
            while file.readinto(buffer):
                pass
    return time.perf_counter() - start


def train(kind: str, folder: Path) -> dict[str, Any]:
    """One epoch, under the limit: its seconds, those of the call, and the largest memory of the process."""
    resource.setrlimit(resource.RLIMIT_DATA, (LIMIT, LIMIT))
    forget(files_of(kind, folder))
    start, source = time.perf_counter(), source_of(kind, folder)
    result = mb.fit(source, memory_limit=MEMORY_LIMIT, **HOW)
    call = time.perf_counter() - start
    status = Path("/proc/self/status").read_text().split()
    return {
        "epoch": result.history.epoch_elapsed[-1],
        "call": call,
        "peak": int(status[status.index("VmHWM:") + 1]) * 1024,
        "rows": source.n_rows,
        "loss": result.history.epoch_loss[-1],
        "window": result.arguments["shuffle"].window,
    }


def is_equal_in_memory(kind: str, folder: Path) -> bool:
    """A smaller copy, from files and in memory."""
    with tempfile.TemporaryDirectory(dir=folder) as copy:
        write(Path(copy), N_CHUNKS_OF_COPY)
        rows, labels = zip(*chunks(N_CHUNKS_OF_COPY), strict=True)
        ours = mb.fit(source_of(kind, Path(copy)), memory_limit=MEMORY_LIMIT // 8, **HOW)
        shuffle = ours.arguments["shuffle"]
        theirs = mb.fit(np.concatenate(rows), np.concatenate(labels), **HOW, shuffle=shuffle)
    return bool(np.array_equal(ours.coef, theirs.coef) and ours.intercept == theirs.intercept)


def main(gigabytes: float, parent: str | None) -> None:
    with tempfile.TemporaryDirectory(dir=parent) as name:
        folder = Path(name)
        n_chunks = round(gigabytes * 1e9 / (ROWS_OF_CHUNK * D * 4))
        write(folder, n_chunks)
        print(f"{n_chunks * ROWS_OF_CHUNK:,} rows of {D} float32, {os.cpu_count()} cores\n")
        print("| files | GB | read, GB/s | epoch, GB/s | of it | call, s | peak, MB | window | in memory |")
        print("|---|--:|--:|--:|--:|--:|--:|--:|---|")
        for kind in ("npy", "parquet"):
            files, reads, runs = files_of(kind, folder), [], []
            for _ in range(N_ROUNDS):
                reads.append(seconds_to_read(files))
                child = [sys.executable, __file__, "--train", kind, name]
                runs.append(json.loads(subprocess.run(child, check=True, capture_output=True).stdout))
            size = sum(path.stat().st_size for path in files) / 1e9
            read, epoch = np.median(reads), np.median([run["epoch"] for run in runs])
            call, peak = np.median([run["call"] for run in runs]), max(run["peak"] for run in runs)
            same = "the same bits" if is_equal_in_memory(kind, folder) else "other bits"
            print(
                f"| {kind} | {size:.1f} | {size / read:.2f} | {size / epoch:.2f} | {read / epoch:.0%} "
                f"| {call:.1f} | {peak / 1e6:.0f} | {runs[0]['window']} | {same} |",
                flush=True,
            )


if __name__ == "__main__":
    if sys.argv[1:2] == ["--train"]:
        print(json.dumps(train(sys.argv[2], Path(sys.argv[3]))))
    else:
        main(float(sys.argv[1]) if len(sys.argv) > 1 else 6.0, sys.argv[2] if len(sys.argv) > 2 else None)
