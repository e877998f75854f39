"""The machine and what runs on it."""

import os
import platform
from pathlib import Path
from typing import Any


def processor() -> str:
    """Its name and number of cores, as the system has them."""
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return f"{names[0] if names else platform.processor()}, {os.cpu_count()} cores"


def caches() -> str:
    """Sizes of the caches of the first core, as far as the system tells."""
    found = []
    for index in sorted(Path("/sys/devices/system/cpu/cpu0/cache").glob("index*")):
        level, kind, size = ((index / name).read_text().strip() for name in ("level", "type", "size"))
        if kind != "Instruction":
            found.append(f"L{level} {size}")
    return ", ".join(found) or "not known"


def description() -> str:
    """A list for the report."""
    import mbgd_rs as mb
    import numpy as np
    from threadpoolctl import threadpool_info

    pools: list[dict[str, Any]] = threadpool_info()
    blas = [
        f"{pool['internal_api']} {pool['version']}, kernel {pool.get('architecture', '?')}, "
        f"{pool['num_threads']} threads"
        for pool in pools
        if pool["user_api"] == "blas"
    ]
    load = f"{os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else "not known"
    return "\n".join(
        [
            f"- processor: {processor()}; caches: {caches()}",
            f"- {platform.system()} {platform.machine()}, Python {platform.python_version()}",
            f"- mbgd_rs {mb.__version__}: {mb.get_num_threads()} threads, SIMD tier {mb.simd_tier()}",
            f"- NumPy {np.__version__} with {'; '.join(blas)}; OPENBLAS_* unset",
            f"- load of the machine in the last minute before the run: {load}",
        ]
    )
