"""Tables of what was measured, in Markdown."""

from collections.abc import Iterable

from .case import Case
from .limit import Limits
from .peer import Peer, every_peer
from .turns import Results

OURS, ONE_THREAD, READ = "mbgd_rs", "mbgd_rs, 1 thread", "plain read of X"


def markdown(head: list[str], rows: Iterable[list[str]], to_the_right: bool = True) -> str:
    """A table, numbers aligned to the right. Columns without any entry are left out."""
    rows = list(rows)
    kept = [j for j in range(len(head)) if any(row[j] for row in rows)]
    rule = ["--:" if j and to_the_right else "---" for j in kept]
    lines = [[head[j] for j in kept], rule, *([row[j] for j in kept] for row in rows)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def cell(value: float | None, unit: float = 1e3) -> str:
    """Three significant digits, in milliseconds or another unit."""
    if value is None:
        return ""
    scaled = value * unit
    return f"{scaled:,.0f}" if scaled >= 100 else f"{scaled:.3g}"


def ratio(value: float | None, ours: float | None) -> str:
    """How many times longer than ours."""
    if not (value and ours):
        return ""
    times = value / ours
    return f"{times:,.0f}x" if times >= 100 else f"{times:.{1 if times >= 2 else 2}f}x"


def beside(value: float | None, ours: float | None) -> str:
    """A time, and how many times longer than ours it is."""
    return f"{cell(value)} (**{ratio(value, ours)}**)" if value and ours else cell(value)


def shape(case: Case) -> str:
    return f"{case.n:,} x {case.d:,}"


def rivals(results: Results, cases: list[Case]) -> list[str]:
    """The peers that ran any of these cases, without ours."""
    ran = {name for name, case in results.values if case in cases}
    return [peer.name for peer in every_peer() if peer.name in ran - {OURS, ONE_THREAD, READ}]


def plain_read(results: Results, n: int, d: int) -> float | None:
    """Seconds of one plain read of X."""
    return results.values.get((READ, Case("dense", f"normal-{n}-{d}", n, d, 4096, False)))


def dense(results: Results, limits: Limits, cases: list[Case]) -> str:
    """Ours beside the limit."""

    def row(case: Case) -> list[str]:
        ours, one = (results.values.get((name, case)) for name in (OURS, ONE_THREAD))
        bare = limits.of(case.n, case.d, case.b, case.shuffle)
        read = limits.of(case.n, case.d, "-", case.shuffle)
        return [
            shape(case),
            str(case.b),
            cell(ours),
            cell(one),
            f"{one / ours:.2f}" if one and ours else "",
            cell(one and one / -(-case.n // case.b), 1e6),
            *(cell(bare.get(threads)) for threads in (1, 2)),
            ratio(one, bare.get(1)),
            ratio(ours, min(bare.values(), default=None)),
            cell(min(read.values(), default=None)),
            cell(plain_read(results, case.n, case.d)),
        ]

    head = [
        "n x d", "b", "all threads", "1 thread", "1 thread / all", "us a step, 1 thread",
        "bare loop, 1 thread", "bare loop, 2 threads", "ours / bare, 1 thread", "ours / bare, best",
        "best read", "plain read",
    ]  # fmt: skip
    return markdown(head, map(row, cases))


def simple(results: Results, cases: list[Case], unit: float = 1e3) -> str:
    """A row for each case, a column for each peer; with ratios, if it is times."""
    names = rivals(results, cases)

    def row(case: Case) -> list[str]:
        ours, one = (results.values.get((name, case)) for name in (OURS, ONE_THREAD))
        theirs = [results.values.get((name, case)) for name in names]
        cells = [beside(value, ours) if unit == 1e3 else cell(value, unit) for value in theirs]
        return [shape(case), str(case.b), cell(ours, unit), cell(one, unit), *cells]

    return markdown(["n x d", "b", OURS, ONE_THREAD, *names], map(row, cases))


def peers(results: Results, entrants: list[Peer]) -> str:
    """Which of the entrants of a race ran, in which version; who did not, and why."""
    rows = []
    for peer in entrants:
        if peer.name in (OURS, ONE_THREAD, READ):
            continue
        found = results.versions.get(peer.name, {})
        if peer.name in results.failures:
            did = f"**not run**: {results.failures[peer.name]}"
        elif peer.name not in results.versions:
            did = f"not asked for, `PEERS={peer.packages[0]}`" if peer.on_request else "left out"
        else:
            did = ", ".join(peer.races) or "yes"
        versions = ", ".join(f"{package} {number}" for package, number in found.items())
        rows.append([peer.name, versions, peer.note, did])
    return markdown(["peer", "version", "what it does", "races"], rows, to_the_right=False)
