"""`python -m race.models`: the race of networks and factorization machines."""

import argparse
import pickle
import tempfile
from pathlib import Path

from .. import machine, turns
from ..peer import every_peer
from . import report
from .task import every_task
from .turns import train_in_turns

ROOT = Path(__file__).parents[3]


def arguments() -> argparse.Namespace:
    tasks = [task.name for task in every_task()]
    parser = argparse.ArgumentParser(prog="python -m race.models", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="small sizes, to see that it works")
    parser.add_argument("--tasks", nargs="*", default=[], choices=tasks, help="only these; by default all")
    parser.add_argument(
        "--peers",
        nargs="*",
        default=[],
        help="only these, patterns as for files; by default all that can be imported",
    )
    parser.add_argument(
        "--rounds", type=int, default=5, help="processes for each peer and task; by default 5"
    )
    parser.add_argument("--output", type=Path, help="a folder for the tables; by default the repository")
    parser.add_argument(
        "--again", action="store_true", help="run nothing: write once more what was measured last"
    )
    return parser.parse_args()


def main() -> None:
    options = arguments()
    last = ROOT / "target" / "models.pickle"
    racers = [peer for peer in every_peer() if peer.trainer]
    if options.again:
        results, measured, description, is_whole = pickle.loads(last.read_bytes())
    else:
        is_whole = not (options.tasks or options.peers or options.quick)
        tasks = [
            task for task in every_task(options.quick) if not options.tasks or task.name in options.tasks
        ]
        description, results = machine.description(), turns.Results()
        with tempfile.TemporaryDirectory(prefix="race-") as name:
            folder = Path(name)
            asked = [peer for peer in racers if turns.is_asked(peer, options.peers)]
            entrants = turns.entrants(results, folder, asked)
            measured = train_in_turns(tasks, entrants, options.rounds, folder, options.quick)
        last.parent.mkdir(exist_ok=True)
        last.write_bytes(pickle.dumps((results, measured, description, is_whole)))
    output = options.output or (None if is_whole else ROOT / "build" / "models")
    tables = output or ROOT / "benches"
    tables.mkdir(parents=True, exist_ok=True)
    command = "make bench-models" if is_whole and not output else "python -m race.models"
    report.write(tables / "MODELS.md", results, measured, racers, description, command)
    print((tables / "MODELS.md").read_text())
    if output is None:
        report.write_readme(ROOT / "README.md", measured, machine.processor())


if __name__ == "__main__":
    main()
