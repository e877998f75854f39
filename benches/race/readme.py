"""The part of README.md that is filled from a run."""

from pathlib import Path

from . import tables
from .case import Case
from .limit import Limits
from .turns import Results

BEGIN = "<!-- results: begin. Written by `make bench-peers`: do not edit. -->"
END = "<!-- results: end -->"
TEXT = """
| | |
|---|---|
| ![Time of an epoch by batch size](docs/epoch_by_batch_size.png) | ![Time of an epoch by number of rows](docs/epoch_by_rows.png) |
| *One epoch by batch size, and the limit: a bare loop of the same arithmetic.* | *One epoch by number of rows.* |

![How many times longer peers take](docs/peers.png)

*How many times longer the same work takes elsewhere: a dot for each case, a bar for the geometric mean.*

One epoch of logistic regression, float32, reshuffled every epoch. Of the peers: how many times longer they take.

{table}

Measured on {processor}, in {minutes:.0f} minutes; medians of {rounds} processes for each, which take turns.

"""  # noqa: E501


def write(path: Path, results: Results, limits: Limits, cases: list[Case], processor: str) -> None:
    """Fills what is between the two comments."""
    some = [case for case in cases if case.race == "dense" and case.shuffle and case.b <= 256]
    shapes = list(dict.fromkeys((case.n, case.d) for case in some))[:3]
    some = [case for case in some if (case.n, case.d) in shapes]
    names = tables.rivals(results, some)

    def row(case: Case) -> list[str]:
        ours = results.values.get((tables.OURS, case))
        bare = limits.of(case.n, case.d, case.b, case.shuffle)
        theirs = [tables.ratio(results.values.get((name, case)), ours) for name in names]
        limit = tables.cell(min(bare.values(), default=None))
        return [tables.shape(case), str(case.b), tables.cell(ours), limit, *theirs]

    table = tables.markdown(["n x d", "b", "mbgd_rs, ms", "bare loop, ms", *names], map(row, some))
    filled = TEXT.format(
        table=table,
        processor=processor,
        rounds=results.n_rounds,
        minutes=results.seconds / 60,
    )
    fill(path, BEGIN, END, filled)


def fill(path: Path, begin: str, end: str, text: str) -> None:
    """Writes text between two comments."""
    before, rest = path.read_text().split(begin)
    path.write_text(before + begin + "\n" + text + end + rest.split(end)[1])
