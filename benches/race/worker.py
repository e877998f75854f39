"""What a process of its own does: it is given a peer, a folder and cases, and prints a JSON line for each."""

import importlib
import json
import os
import resource
import statistics
import sys
import time
from importlib.metadata import version
from pathlib import Path

from .case import Case
from .dataset import Dataset, load
from .peer import N_EXTRAPOLATED, Peer, every_peer

SECONDS_OF_A_CASE = 0.3
MOST_EPOCHS = 9


def run(peer: Peer, case: Case, folder: Path) -> dict[str, object]:
    """The median seconds of an epoch, or how much the peak of memory grew by one; or the error."""
    data = load(case.data, folder)
    scale = 1.0
    if peer.extrapolates(case) and case.n > N_EXTRAPOLATED:
        data = Dataset(data.X[:N_EXTRAPOLATED], data.y[:N_EXTRAPOLATED], folder)
        scale = case.n / N_EXTRAPOLATED
    before = peak(is_new=True)
    epochs = peer.races[case.race](data, case)
    next(epochs)  # compiles, starts threads, brings X into cache
    if case.race == "memory":
        return {"bytes": peak() - before}
    seconds: list[float] = []
    end = time.perf_counter() + SECONDS_OF_A_CASE
    while not seconds or (time.perf_counter() < end and len(seconds) < MOST_EPOCHS):
        seconds.append(next(epochs))
    return {"seconds": statistics.median(seconds) * scale}


def peak(is_new: bool = False) -> int:
    """The most memory that this process has had, in bytes; of a new peak, which begins with what it has now.

    `ru_maxrss` begins with the peak of the process that started this one: it is asked only outside of Linux.
    """
    status = Path("/proc/self/status")
    if not status.exists():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    if is_new:
        Path("/proc/self/clear_refs").write_text("5")
    line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) * 1024


def main(name: str, folder: Path, cases: list[Case]) -> None:
    """Without cases: the versions of the peer's packages, if it can be imported."""
    peer = next(peer for peer in every_peer() if peer.name == name)
    for module in peer.modules:
        importlib.import_module(module)
    if not cases:
        print(json.dumps({package: version(package) for package in peer.packages}))
    for case in cases:
        try:
            found = run(peer, case, folder)
        except Exception as error:
            found = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps({"case": vars(case), **found}), flush=True)


def with_clean_output() -> None:
    """What a library prints, from C too, goes to the errors and does not get among the results."""
    sys.stdout = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)


if __name__ == "__main__":
    with_clean_output()
    main(sys.argv[1], Path(sys.argv[2]), [Case(**case) for case in json.loads(sys.argv[3])])
