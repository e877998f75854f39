"""The part of README.md that is filled from a run."""

from pathlib import Path

from . import tables
from .case import Case
from .limit import Limits
from .solvers import tables as solver_tables
from .solvers.turns import Solved
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

Time to a loss: a whole call, by defaults, until the objective is above its optimum by no more than 1 %, 0.1 %, 0.01 %;
and the fastest of the others: how many times longer it takes to get there, and who it is. Each of them, as ours, is
given the number of iterations at which it first does.

{solvers}

![How far the objective is from its optimum, by seconds](docs/time_to_loss.png)

*How far the objective is above its optimum, by the seconds of a call: the further to the left, the better.*

Measured on {processor}, in {minutes:.0f} minutes; medians of {rounds} processes for each, which take turns.

"""  # noqa: E501


def write(
    path: Path, results: Results, solved: Solved, limits: Limits, cases: list[Case], processor: str
) -> None:
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
    before, rest = path.read_text().split(BEGIN)
    filled = TEXT.format(
        table=table,
        solvers=solver_tables.summary(solved),
        processor=processor,
        rounds=results.n_rounds,
        minutes=(results.seconds + solved.seconds) / 60,
    )
    path.write_text(before + BEGIN + "\n" + filled + END + rest.split(END)[1])
