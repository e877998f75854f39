"""Tables of the times to a loss, in Markdown."""

import statistics

from .. import dataset
from ..peer import every_peer
from ..tables import OURS, cell, markdown, ratio
from .problem import GAPS, Problem
from .turns import Curve, Solved

LBFGS = "scikit-learn lbfgs"


def names(solved: Solved, problem: Problem | None = None) -> list[str]:
    """The peers that ran, ours first."""
    ran = {peer for peer, name in solved.curves if problem is None or name == problem.name}
    ours = [name for name in (OURS, *sorted(ran)) if name.startswith(OURS) and name in ran]
    return list(dict.fromkeys([*ours, *(peer.name for peer in every_peer() if peer.name in ran)]))


def shape(problem: Problem) -> str:
    return f"{problem.title}, {problem.n:,} x {problem.d:,}"


def missing(curve: Curve) -> str:
    """A dash; or, if there were longer settings, the time of the longest that was tried."""
    longest = max((point.seconds for point in curve.points()), default=None)
    return f"> {cell(longest)}" if curve.is_cut and longest else "-"


def whole(solved: Solved, problem: Problem) -> str:
    """A row for each solver: time to each gap, the smallest gap, and memory."""
    ours = solved.curve(OURS, problem)

    def row(name: str) -> list[str]:
        curve, cells = solved.curve(name, problem), []
        for gap in GAPS:
            at, mine = curve.reached(gap), ours.reached(gap)
            times = f" ({ratio(at.seconds, mine.seconds)})" if at and mine and name != OURS else ""
            cells.append(f"{cell(at.seconds)}{times}" if at else missing(curve))
        end, best = curve.reached(GAPS[-1]), curve.best()
        return [
            name,
            *cells,
            f"{end.setting:g}" if end else "",
            "" if best is None else f"{best:.1e}",
            cell(curve.bytes(), 1e-6),
        ]

    head = ["solver", *(f"to {gap:.0e}, ms" for gap in GAPS), "setting there", "smallest gap", "MB"]
    return markdown(head, map(row, names(solved, problem)))


def summary(solved: Solved) -> str:
    """A row for each set: ours to each gap, and the fastest of the others there."""

    def row(problem: Problem) -> list[str]:
        cells = [shape(problem)]
        for gap in GAPS:
            curve = solved.curve(OURS, problem)
            ours = curve.reached(gap)
            others = [
                (at.seconds, name)
                for name in names(solved, problem)
                if not name.startswith(OURS) and (at := solved.curve(name, problem).reached(gap))
            ]
            seconds, name = min(others, default=(None, ""))
            times = f"{ratio(seconds, ours.seconds)}, " if seconds and ours else ""
            cells += [cell(ours.seconds) if ours else missing(curve), f"{times}{name}" if others else "-"]
        return cells

    head = ["set", *(text for gap in GAPS for text in (f"mbgd_rs to {gap:.0e}, ms", "fastest of the others"))]
    return markdown(head, map(row, solved.problems))


def ratios(solved: Solved) -> str:
    """How many times longer the fastest of the others and lbfgs take: geometric means over sets."""

    def row(gap: float) -> list[str]:
        fastest, lbfgs = [], []
        for problem in solved.problems:
            ours = solved.curve(OURS, problem).reached(gap)
            times = {
                name: at.seconds / ours.seconds
                for name in names(solved, problem)
                if ours and not name.startswith(OURS) and (at := solved.curve(name, problem).reached(gap))
            }
            if times:
                fastest.append(min(times.values()))
            if LBFGS in times:
                lbfgs.append(times[LBFGS])
        means = [
            f"{statistics.geometric_mean(some):.1f}x of {len(some)}" if some else "-"
            for some in (fastest, lbfgs)
        ]
        return [f"to {gap:.0e}", *means]

    return markdown(["geometric mean", "fastest of the others", LBFGS], map(row, GAPS))


def of_each_set(solved: Solved) -> list[str]:
    """What each set is, and the times on it."""
    parts = []
    for problem in solved.problems:
        origin = dataset.origin(problem.rows)
        optimum = solved.optima[problem.name]
        parts += [
            f"## {shape(problem)}\n\n{origin[0].upper()}{origin[1:]}; `{problem.loss}`, F* = {optimum:.9g}.",
            whole(solved, problem),
        ]
    return parts
