"""`python -m race.solvers`: the race in time to a loss."""

import argparse
import pickle
import tempfile
from pathlib import Path

from .. import machine, turns
from ..peer import every_peer
from . import picture, report
from .problem import every_problem
from .turns import Plan, solve_in_turns

ROOT = Path(__file__).parents[3]


def arguments() -> argparse.Namespace:
    sets = [problem.name for problem in every_problem()]
    parser = argparse.ArgumentParser(prog="python -m race.solvers", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="small sizes, to see that it works")
    parser.add_argument("--sets", nargs="*", default=[], choices=sets, help="only these; by default all")
    parser.add_argument(
        "--peers",
        nargs="*",
        default=[],
        help="only these, patterns as for files; by default all that can be imported",
    )
    parser.add_argument(
        "--rounds", type=int, default=3, help="processes for each solver and set; by default 3"
    )
    parser.add_argument(
        "--seconds", type=float, default=20.0, help="how long a solver may go through settings; by default 20"
    )
    parser.add_argument(
        "--output", type=Path, help="a folder for tables and picture; by default the repository"
    )
    parser.add_argument(
        "--again", action="store_true", help="run nothing: write once more what was measured last"
    )
    return parser.parse_args()


def main() -> None:
    options = arguments()
    last = ROOT / "target" / "solvers.pickle"
    racers = [peer for peer in every_peer() if peer.solver]
    if options.again:
        results, solved, description, is_whole = pickle.loads(last.read_bytes())
    else:
        is_whole = not (options.sets or options.peers or options.quick)
        problems = [
            problem
            for problem in every_problem(options.quick)
            if not options.sets or problem.name in options.sets
        ]
        description, results = machine.description(), turns.Results()
        with tempfile.TemporaryDirectory(prefix="race-") as name:
            folder = Path(name)
            asked = [peer for peer in racers if turns.is_asked(peer, options.peers)]
            entrants = turns.entrants(results, folder, asked)
            optima = ROOT / "build" / "optima.json"
            plan = Plan(options.rounds, options.seconds, options.quick, folder, optima)
            solved = solve_in_turns(problems, entrants, plan)
        last.parent.mkdir(exist_ok=True)
        last.write_bytes(pickle.dumps((results, solved, description, is_whole)))
    output = options.output or (None if is_whole else ROOT / "build" / "solvers")
    tables, images = (output or ROOT / folder for folder in ("benches", "docs"))
    tables.mkdir(parents=True, exist_ok=True)
    drawn = images / f"{picture.draw(images, solved)}.png"
    path = tables / "TIME_TO_LOSS.md"
    command = "make bench-solvers" if is_whole else "python -m race.solvers, not all of it"
    report.write(path, drawn, results, solved, racers, description, command)
    print(path.read_text())
    if output is None:
        report.write_readme(ROOT / "README.md", solved, machine.processor())


if __name__ == "__main__":
    main()
