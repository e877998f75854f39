"""The turns: peer after peer, in processes of their own, round after round."""

import json
import statistics
import time
from collections import defaultdict, deque
from dataclasses import dataclass, field
from pathlib import Path

from .. import dataset, turns
from ..peer import Peer
from .task import Task


@dataclass
class Measured:
    """All that was measured, in one run; by the names of a task and a peer."""

    tasks: list[Task]
    seconds: dict[tuple[str, str], list[float]] = field(default_factory=lambda: defaultdict(list))
    """Of an epoch, of each round."""
    losses: dict[tuple[str, str], list[float]] = field(default_factory=lambda: defaultdict(list))
    failures: dict[str, str] = field(default_factory=dict)
    n_rounds: int = 0
    elapsed: float = 0.0

    def step(self, task: Task, peer: str) -> float | None:
        """Seconds of a step: of as many rows as a batch has, if the peer has batches of its own."""
        found = self.seconds.get((task.name, peer))
        return statistics.median(found) / task.n_steps if found else None

    def loss(self, task: Task, peer: str) -> float | None:
        found = self.losses.get((task.name, peer))
        return statistics.median(found) if found else None

    def ran(self, task: Task) -> list[str]:
        """The peers that were measured, the fastest first."""
        names = [peer for name, peer in self.seconds if name == task.name]
        return sorted(names, key=lambda peer: self.step(task, peer) or 0.0)


def train_in_turns(
    tasks: list[Task], peers: list[Peer], n_rounds: int, folder: Path, is_quick: bool
) -> Measured:
    """Every peer on every task that it runs. One that fails is not asked again."""
    measured, start = Measured(tasks, n_rounds=n_rounds), time.monotonic()
    for task in tasks:
        dataset.make(task.rows, folder)
        racers = deque(peer for peer in peers if peer.trainer and peer.trainer.runs(task))
        for _ in range(n_rounds):
            for peer in list(racers):
                asked = {"peer": peer.name, "task": task.name, "is_quick": is_quick, "folder": str(folder)}
                lines, failure = turns.run("race.models.worker", json.dumps(asked))
                if failure:
                    measured.failures[f"{peer.name}, {task.name}"] = failure
                    racers.remove(peer)
                    continue
                measured.seconds[task.name, peer.name].append(float(lines[0]["seconds"]))  # type: ignore[arg-type]
                if lines[0]["loss"] is not None:
                    measured.losses[task.name, peer.name].append(float(lines[0]["loss"]))  # type: ignore[arg-type]
            racers.rotate(-1)
        for path in folder.glob(f"{task.rows}.*"):
            path.unlink()
        print(f"{time.monotonic() - start:6.0f} s  models, {task.name}", flush=True)
    measured.elapsed = time.monotonic() - start
    return measured
