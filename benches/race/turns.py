"""Who can run, and the turns: peer after peer in processes of their own, round after round."""

import fnmatch
import itertools
import json
import os
import statistics
import subprocess
import sys
import time
from collections import defaultdict, deque
from dataclasses import dataclass, field
from pathlib import Path

from . import dataset
from .case import Case
from .peer import Peer, every_peer

# Set in some environments, these slow the BLAS of NumPy down and would flatter every comparison with it.
UNSET = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")
SECONDS_OF_A_PROCESS = 180


@dataclass
class Results:
    """All that was measured, in one run."""

    values: dict[tuple[str, Case], float] = field(default_factory=dict)
    """Median over the rounds: seconds of an epoch, or bytes."""
    versions: dict[str, dict[str, str]] = field(default_factory=dict)
    """Packages and versions of the peers that can be imported."""
    failures: dict[str, str] = field(default_factory=dict)
    """Why a peer could not be run, or one of its cases."""
    n_rounds: int = 0
    seconds: float = 0.0


def run(module: str, *arguments: str) -> tuple[list[dict[str, object]], str]:
    """The lines that a process of its own has printed, and how it failed, or ''."""
    command = [sys.executable, "-m", module, *arguments]
    env = {name: value for name, value in os.environ.items() if name not in UNSET}
    try:
        done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=SECONDS_OF_A_PROCESS)
    except subprocess.TimeoutExpired as late:
        printed = late.stdout or b""
        lines = printed.decode() if isinstance(printed, bytes) else printed
        return parsed(lines), f"not done in {SECONDS_OF_A_PROCESS} s"
    last = (done.stderr.strip().splitlines() or [""])[-1]
    return parsed(done.stdout), "" if done.returncode == 0 else last or f"exit code {done.returncode}"


def work(peer: Peer, folder: Path, cases: list[Case]) -> tuple[list[dict[str, object]], str]:
    """What a worker has printed of these cases, and how it failed, or ''."""
    return run("race.worker", peer.name, str(folder), json.dumps([vars(c) for c in cases]))


def parsed(lines: str) -> list[dict[str, object]]:
    """The complete lines."""
    return [json.loads(line) for line in lines.splitlines() if line.endswith("}")]


def is_asked(peer: Peer, only: list[str]) -> bool:
    """Whether the name of a peer fits one of the patterns, if there are any."""
    return not only or any(fnmatch.fnmatchcase(peer.name, pattern) for pattern in only)


def entrants(results: Results, folder: Path, peers: list[Peer]) -> list[Peer]:
    """The peers that can be imported; the others are noted with their error. A library is tried once."""
    asked = os.environ.get("PEERS", "").split(",")
    tried: dict[tuple[str, ...], tuple[list[dict[str, object]], str]] = {}
    found = []
    for peer in peers:
        if peer.on_request and peer.packages[0] not in asked:
            continue
        if peer.modules not in tried:
            tried[peer.modules] = work(peer, folder, [])
        lines, failure = tried[peer.modules]
        if failure:
            results.failures[peer.name] = failure
        else:
            results.versions[peer.name] = lines[0]  # type: ignore[assignment]
            found.append(peer)
    return found


def take_turns(cases: list[Case], n_rounds: int, folder: Path, only: list[str]) -> Results:
    """Every peer on every case that it takes; a process has the cases of one race on the same rows."""
    results, start = Results(n_rounds=n_rounds), time.monotonic()
    races = {case.race for case in cases}
    wanted = [peer for peer in every_peer() if races & set(peer.races)]
    peers = entrants(results, folder, [peer for peer in wanted if is_asked(peer, only)])
    for (race, data), group in itertools.groupby(cases, lambda case: (case.race, case.data)):
        dataset.make(data, folder)
        samples = run_rounds(list(group), peers, folder, results)
        results.values |= {key: statistics.median(values) for key, values in samples.items()}
        for path in folder.glob(f"{data}.*"):
            path.unlink()
        print(f"{time.monotonic() - start:6.0f} s  {race}, {data}", flush=True)
    results.seconds = time.monotonic() - start
    return results


def run_rounds(
    group: list[Case], peers: list[Peer], folder: Path, results: Results
) -> dict[tuple[str, Case], list[float]]:
    """What the processes of all rounds have measured. A peer that fails once is not asked again."""
    samples: dict[tuple[str, Case], list[float]] = defaultdict(list)
    racers = deque(
        (peer, [case for case in group if case.race in peer.races and peer.takes(case)]) for peer in peers
    )
    for _ in range(results.n_rounds):
        for peer, taken in list(racers):
            lines, failure = work(peer, folder, taken) if taken else ([], "")
            if failure:
                results.failures[f"{peer.name}, {group[0].race}, {group[0].data}"] = failure
                racers.remove((peer, taken))
            for line in lines:
                case = Case(**line["case"])  # type: ignore[arg-type]
                if "error" in line:
                    name = f"{peer.name}, {case.race}, {case.data}, b = {case.b}"
                    results.failures[name] = str(line["error"])
                else:
                    measured = line.get("seconds", line.get("bytes"))
                    samples[peer.name, case].append(float(measured))  # type: ignore[arg-type]
        racers.rotate(-1)
    return samples
