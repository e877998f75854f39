"""`python -m race`: runs the races of epochs; writes tables, pictures and a part of README.md."""

import argparse
import os
import pickle
import tempfile
from pathlib import Path

from . import limit, machine, pictures, readme, report, turns
from .case import every_case

ROOT = Path(__file__).parents[2]


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m race", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="small sizes, to see that it works")
    parser.add_argument("--rounds", type=int, help="processes for each peer and case; by default 5, quick 1")
    parser.add_argument("--races", nargs="*", default=[], help="only these; by default all")
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
        results, cases, description, options.quick = pickle.loads(last.read_bytes())
    else:
        cases = [
            case for case in every_case(options.quick) if not options.races or case.race in options.races
        ]
        rounds = options.rounds or (1 if options.quick else 5)
        description = machine.description()
        with tempfile.TemporaryDirectory(prefix="race-") as name:
            results = turns.take_turns(cases, rounds, Path(name), options.peers)
        last.parent.mkdir(exist_ok=True)
        last.write_bytes(pickle.dumps((results, cases, description, options.quick)))
    limits = limit.load(options.limit)
    is_whole = not (options.races or options.peers)
    how = "Made by `make bench-peers`." if is_whole else "Made by `python -m race`, not all of it."
    how += " Sizes are small, to see that it works." if options.quick else ""
    tables, images = (options.output or ROOT / folder for folder in ("benches", "docs"))
    tables.mkdir(parents=True, exist_ok=True)
    drawn = pictures.draw(images, results, limits, cases) if is_whole else []
    for name in drawn:
        how += f"\n\n![]({os.path.relpath(images, tables)}/{name}.png)"
    report.write(tables / "RESULTS.md", results, limits, description, cases, how)
    print((tables / "RESULTS.md").read_text())
    if is_whole and not (options.output or options.quick):
        readme.write(ROOT / "README.md", results, limits, cases, machine.processor())


if __name__ == "__main__":
    main()
