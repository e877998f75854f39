"""`python -m race`: runs the races; writes tables and pictures, and what README.md shows of them."""

import argparse
import os
import pickle
import tempfile
from pathlib import Path

from . import limit, machine, pictures, readme, report, turns
from .case import every_case
from .peer import every_peer
from .solvers import picture
from .solvers.problem import every_problem
from .solvers.turns import Plan, solve_in_turns

ROOT = Path(__file__).parents[2]
SOLVERS = "solvers"
"""The name of the race in time to a loss, which has problems and not cases."""


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m race", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="small sizes, to see that it works")
    parser.add_argument("--rounds", type=int, help="processes for each peer and case; by default 5, quick 1")
    parser.add_argument("--races", nargs="*", default=[], help="only these; by default all")
    parser.add_argument(
        "--sets",
        nargs="*",
        default=[],
        help=f"of the race {SOLVERS} only these: {', '.join(problem.name for problem in every_problem())}",
    )
    parser.add_argument(
        "--seconds",
        type=float,
        default=20.0,
        help=f"of the race {SOLVERS}: how long a peer may go through settings for a set; by default 20",
    )
    parser.add_argument(
        "--peers",
        nargs="*",
        default=[],
        help="only these, patterns as for files; by default all that can be imported",
    )
    parser.add_argument("--limit", type=Path, help="what `cargo bench --bench limit` has printed")
    parser.add_argument(
        "--output", type=Path, help="a folder for RESULTS.md and pictures; by default the repository"
    )
    parser.add_argument(
        "--again", action="store_true", help="run nothing: write once more what was measured last"
    )
    return parser.parse_args()


def main() -> None:
    options = arguments()
    last = ROOT / "target" / "race.pickle"
    if options.again:
        results, solved, cases, description, options.quick = pickle.loads(last.read_bytes())
    else:
        cases = [
            case for case in every_case(options.quick) if not options.races or case.race in options.races
        ]
        problems = [
            problem
            for problem in every_problem(options.quick)
            if (not options.races or SOLVERS in options.races)
            and (not options.sets or problem.name in options.sets)
        ]
        rounds = options.rounds or (1 if options.quick else 5)
        description = machine.description()
        with tempfile.TemporaryDirectory(prefix="race-") as name:
            folder = Path(name)
            results = turns.take_turns(cases, rounds, folder, options.peers, has_solvers=bool(problems))
            entrants = [peer for peer in every_peer() if peer.name in results.versions]
            plan = Plan(rounds, options.seconds, options.quick, folder, ROOT / "build" / "optima.json")
            solved = solve_in_turns(problems, entrants, plan)
        last.parent.mkdir(exist_ok=True)
        last.write_bytes(pickle.dumps((results, solved, cases, description, options.quick)))
    limits = limit.load(options.limit)
    is_whole = not (options.races or options.peers or options.sets)
    how = "Made by `make bench-peers`." if is_whole else "Made by `python -m race`, not all of it."
    how += " Sizes are small, to see that it works." if options.quick else ""
    tables, images = (options.output or ROOT / folder for folder in ("benches", "docs"))
    tables.mkdir(parents=True, exist_ok=True)
    drawn = pictures.draw(images, results, limits, cases) if is_whole else []
    if solved.curves and (is_whole or options.output):
        drawn.append(picture.draw(images, solved))
    for name in drawn:
        how += f"\n\n![]({os.path.relpath(images, tables)}/{name}.png)"
    report.write(tables / "RESULTS.md", results, solved, limits, description, cases, how)
    print((tables / "RESULTS.md").read_text())
    if is_whole and not (options.output or options.quick):
        readme.write(ROOT / "README.md", results, solved, limits, cases, machine.processor())


if __name__ == "__main__":
    main()
