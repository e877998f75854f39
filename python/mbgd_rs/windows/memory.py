"""How much memory there is to be had."""

from __future__ import annotations

import os
import platform
from collections import Counter
from hashlib import sha256
from pathlib import Path

from ..ranks import Ranks

__all__ = ["limit_of"]

UNKNOWN = 1 << 32
"""Taken for what is available, in bytes, where the system does not say."""
CONTROL_GROUP = Path("/sys/fs/cgroup")


def limit_of(given: int | None, ranks: Ranks | None) -> int:
    """Bytes for windows: as given, or a quarter of what is available.

    Of several processes all have what the one with least has, where those of a machine share what that has.
    """
    own = available_memory() // 4 if given is None else given
    if ranks is None:
        return own
    machine = int.from_bytes(sha256(platform.node().encode()).digest()[:8], "little")
    told = ranks.gathered([machine, min(own, 2**63)])
    if given is not None:
        return given
    sharing = Counter(machine for machine, _ in told)
    return min(limit // sharing[machine] for machine, limit in told)


def available_memory() -> int:
    """Bytes that this process may still take, as far as the system says, by its control group, too."""
    return min(of_machine(), of_control_group())


def of_machine() -> int:
    """Bytes that are free, or can be freed, on this machine."""
    try:
        with open("/proc/meminfo") as lines:
            for line in lines:
                if line.startswith("MemAvailable:"):
                    return int(line.split()[1]) * 1024
    except OSError:
        pass
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2
    except (AttributeError, ValueError, OSError):
        return UNKNOWN


def of_control_group() -> int:
    """What a control group leaves: the file pages that it counts are freed when they are in the way."""
    try:
        limit = int((CONTROL_GROUP / "memory.max").read_text())
        used = int((CONTROL_GROUP / "memory.current").read_text())
        lines = (CONTROL_GROUP / "memory.stat").read_text().splitlines()
        freed = sum(int(line.split()[1]) for line in lines if line.startswith("file "))
    except (OSError, ValueError):  # none, or "max"
        return UNKNOWN**2
    return max(limit - used + freed, 0)
