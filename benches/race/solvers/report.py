"""`benches/TIME_TO_LOSS.md`, and what README.md shows of it."""

import os
from pathlib import Path

from .. import readme
from .. import tables as race_tables
from ..peer import Peer
from ..turns import Results
from . import tables
from .problem import L2
from .turns import Solved

HOW = """Milliseconds of a whole call, on float32 and all threads, until the objective F is near its optimum
F*: until (F - F*) / |F*| is at most 1e-2, 1e-3 or 1e-4. F is the mean loss + {l2:g}/2 |w|^2 with a free
intercept, computed in doubles from what the call has returned; F* is that of a solver of our own in doubles.

Each solver is called with one setting after another (`max_iter`, `epochs` or `tol`, whichever it has), each
longer than the one before; the time is that of the first call whose result is near enough. What it took to
find that setting is not counted. In brackets: how many times longer than mbgd_rs by its defaults. "-": not
reached by any setting; ">": not by the longest that was tried, within {budget:g} seconds for all settings.

Times are medians over {rounds} processes in which solvers take turns. In each, a first call is not timed. The
megabytes are how far it raises the peak of memory of a process that has X, y and the library loaded."""
BEGIN = "<!-- time to a loss: begin. Written by `make bench-solvers`: do not edit. -->"
END = "<!-- time to a loss: end -->"
TEXT = """
![How far the objective is from its optimum, by seconds](docs/time_to_loss.png)

*How far the objective is above its optimum, by the seconds of a call: the further to the left, the better.*

Time to a loss: a whole call, by defaults, until the objective is above its optimum by no more than 1 %,
0.1 %, 0.01 %; and the fastest of the others: how many times longer it takes to get there, and who it is. Each
of them, as ours, is given the number of iterations at which it first does.

{summary}

{ratios}

Measured on {processor}, in {minutes:.0f} minutes; medians of {rounds} processes for each, which take turns.

"""


def write(
    path: Path,
    picture: Path,
    results: Results,
    solved: Solved,
    entrants: list[Peer],
    machine: str,
    command: str,
) -> None:
    """All tables, and the picture."""
    failures = [f"- **{name}**: {why}" for name, why in (results.failures | solved.failures).items()]
    parts = [
        f"# Time to a loss\n\nMade by `{command}`.\n\n![]({os.path.relpath(picture, path.parent)})",
        f"Ran for {solved.seconds / 60:.0f} minutes on\n\n{machine}",
        HOW.format(rounds=solved.n_rounds, budget=solved.budget, l2=L2),
        tables.summary(solved),
        tables.ratios(solved),
        *tables.of_each_set(solved),
        f"## Who runs\n\n{race_tables.peers(results, entrants)}",
        *(["Not run, and why:\n\n" + "\n".join(failures)] if failures else []),
    ]
    path.write_text("\n\n".join(parts) + "\n")


def write_readme(path: Path, solved: Solved, processor: str) -> None:
    """Fills the part of README.md."""
    text = TEXT.format(
        summary=tables.summary(solved),
        ratios=tables.ratios(solved),
        processor=processor,
        minutes=solved.seconds / 60,
        rounds=solved.n_rounds,
    )
    readme.fill(path, BEGIN, END, text)
