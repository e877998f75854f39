"""How much memory there is to be had."""

from __future__ import annotations

import os
import platform
from collections import Counter
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

from ..ranks import Ranks

__all__ = ["limit_of"]

UNKNOWN = 1 << 32
"""Taken for what is available, in bytes, where the system does not say."""
CONTROL_GROUPS = Path("/sys/fs/cgroup")
OWN_GROUPS = Path("/proc/self/cgroup")


class Controller(NamedTuple):
    """What files of a version of control groups are named."""

    folder: str
    limit: str
    used: str
    pages: str
    """Of files, in memory.stat."""


CONTROLLERS = {
    "": Controller("", "memory.max", "memory.current", "file"),
    "memory": Controller("memory", "memory.limit_in_bytes", "memory.usage_in_bytes", "total_cache"),
}
"""Of version 2, which has no name, and of version 1."""


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
    return min(of_machine(), of_control_groups())


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


def of_control_groups() -> int:
    """What the control groups of this process leave, and those that they are in."""
    paths = dict.fromkeys(CONTROLLERS, "/")
    with suppress(OSError, ValueError):
        for line in OWN_GROUPS.read_text().splitlines():
            _, names, path = line.split(":", 2)
            paths.update(dict.fromkeys(set(names.split(",")) & {*CONTROLLERS}, path))
    left = [UNKNOWN**2]
    for name, path in paths.items():
        controller = CONTROLLERS[name]
        root = CONTROL_GROUPS / controller.folder
        group = root / path.strip("/")  # in a container, where it is not there, the root is the group
        left += [
            left_in(folder, controller)
            for folder in (group, *group.parents)
            if root in (folder, *folder.parents)
        ]
    return min(left)


def left_in(folder: Path, controller: Controller) -> int:
    """What a control group leaves: the file pages that it counts are freed when they are in the way."""
    try:
        limit = int((folder / controller.limit).read_text())
        used = int((folder / controller.used).read_text())
        fields = dict(line.split() for line in (folder / "memory.stat").read_text().splitlines())
        freed = int(fields[controller.pages])
    except (OSError, ValueError, KeyError):  # none, or "max"
        return UNKNOWN**2
    return max(limit - used + freed, 0)
