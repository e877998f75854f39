"""What a process of its own does: it is given a peer and a task, trains once, and prints a JSON line."""

import importlib
import json
import statistics
import sys
from pathlib import Path
from typing import Any

from ..dataset import load
from ..peer import every_peer
from ..worker import with_clean_output
from .task import every_task, log_loss


def main(asked: dict[str, Any]) -> None:
    peer = next(peer for peer in every_peer() if peer.name == asked["peer"])
    for module in peer.modules:
        importlib.import_module(module)
    task = next(task for task in every_task(asked["is_quick"]) if task.name == asked["task"])
    data = load(task.rows, Path(asked["folder"]))
    assert peer.trainer is not None
    trained = peer.trainer.models[task.model](data, task)
    loss = log_loss(trained.scores(data.X), data.y) if trained.scores else None
    print(json.dumps({"seconds": statistics.median(trained.seconds), "loss": loss}))


if __name__ == "__main__":
    with_clean_output()
    main(json.loads(sys.argv[1]))
