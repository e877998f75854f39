"""Makes `benches/RESULTS.md` from the JSON file of pytest-benchmark: `report.py results.json RESULTS.md`."""

import json
import platform
import sys
from pathlib import Path

import mbgd_rs as mb
import numpy as np
from threadpoolctl import threadpool_info


def machine() -> str:
    """Processor, cores, versions and BLAS kernel, one line each."""
    cpuinfo = Path("/proc/cpuinfo")
    names = [line for line in cpuinfo.read_text().splitlines() if line.startswith("model name")] if (
        cpuinfo.exists()
    ) else []  # fmt: skip
    processor = names[0].split(":", 1)[1].strip() if names else platform.processor()
    blas = [f"{info['internal_api']} {info['version']} ({info.get('architecture', '?')})"
            for info in threadpool_info() if info["user_api"] == "blas"]  # fmt: skip
    return "\n".join(
        [
            f"- processor: {processor}, {mb.get_num_threads()} threads, SIMD tier {mb.simd_tier()}",
            f"- Python {platform.python_version()}, NumPy {np.__version__} with {', '.join(blas)}",
            f"- mbgd_rs {mb.__version__}, {platform.system()} {platform.machine()}",
        ]
    )


def milliseconds(seconds: float) -> str:
    """Three significant digits."""
    return f"{seconds * 1e3:.3g}"


def table(runs: dict, shuffle: bool, n_all: int) -> str:
    """One row for each shape and batch size."""
    lines = [
        "| n x d | b | NumPy ms | mbgd_rs 1 thread ms | all threads ms | x NumPy | 1 thread / all"
        " | us per step | reads of X |",
        "|---|--:|--:|--:|--:|--:|--:|--:|--:|",
    ]
    for kind, n, d, b, is_shuffled, n_threads in runs:
        if kind != "mbgd_rs" or is_shuffled != shuffle or n_threads != 1:
            continue
        numpy = runs["reference", n, d, b, shuffle, 0]
        one, every = (runs["mbgd_rs", n, d, b, shuffle, threads] for threads in (1, n_all))
        read = runs["read", n, d, 0, False, n_all]
        lines.append(
            f"| {n:,} x {d} | {b} | {milliseconds(numpy)} | {milliseconds(one)} | {milliseconds(every)} "
            f"| **{numpy / every:.1f}** | {one / every:.2f} | {every / -(-n // b) * 1e6:.3g} "
            f"| {every / read:.2f} |"
        )
    return "\n".join(lines)


def report(results: Path, output: Path) -> None:
    """Prints the tables and writes them to `output`."""
    runs = {}
    for run in json.loads(results.read_text())["benchmarks"]:
        info = run["extra_info"]
        key = (info["kind"], info["n"], info["d"], info.get("b", 0), info.get("shuffle", False))
        runs[(*key, info["n_threads"])] = info["epoch"]
    n_all = mb.get_num_threads()
    text = f"""# Results

Made by `make bench`. One epoch of logistic regression (float32, SGD, constant rate), median of several in
milliseconds; all in one run on one machine:

{machine()}

"x NumPy" is the time of `mbgd_rs.reference`, a careful NumPy loop shuffled by NumPy's own generator, over
that of mbgd_rs on all threads. "reads of X" is the time on all threads over that of one plain read of X by as
many threads; below 1 where X is in cache. NumPy's epochs at b = 1 are extrapolated from 20,000 rows.

## Reshuffled every epoch

{table(runs, True, n_all)}

## In sequential order

{table(runs, False, n_all)}
"""
    output.write_text(text)
    print(text)


if __name__ == "__main__":
    report(Path(sys.argv[1]), Path(sys.argv[2]))
