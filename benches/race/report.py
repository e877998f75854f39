"""`benches/RESULTS.md`: all tables of a run."""

from pathlib import Path

from . import dataset, tables
from .case import Case
from .limit import Limits
from .peer import N_EXTRAPOLATED, every_peer
from .turns import Results

HOW = f"""Every time is in milliseconds, the median over {{rounds}} processes in which peers take turns.
In each process it is the median of the epochs that fit into 0.3 seconds, after one that is not counted.
In brackets: how many times longer than mbgd_rs on all threads. Peers use as many threads as they like.
Loops in the interpreter are run on the first {N_EXTRAPOLATED:,} rows at b = 1 (the NumPy loop below b =
16), and their times scaled up.

"Bare loop" is the limit: the same arithmetic and nothing else, with the best of several ways to prefetch,
on an order that is ready. "Best read" reads the rows once in the same order, with the best prefetch, on
one thread; "plain read" is the maximum of X by NumPy, in sequence, on all threads."""
SECTIONS = {
    "sparse": """One epoch on sparse rows

a9a, {a9a}: CSR, 14 entries a row, two classes. SGDClassifier makes its steps at b = 1.""",
    "softmax": """One epoch of softmax regression

mnist10k, {mnist10k}: ten classes. scikit-learn makes its steps at b = 1.""",
    "batches": """One epoch of batches for a loop of your own

`mb.minibatches(X, y, batch_size=b)`; nothing is done with the batches.""",
    "call": """A whole call with one epoch

X checked, labels encoded, threads started, and one epoch.""",
    "rows": "Growth with the rows",
    "columns": "Growth with the columns",
    "batch_sizes": "Growth with the batch",
}


def write(
    path: Path,
    results: Results,
    limits: Limits,
    machine: str,
    cases: list[Case],
    how: str,
) -> None:
    """All tables of the races that were run; `how` they were, as the page says it."""
    of = {race: [case for case in cases if case.race == race] for race in {case.race for case in cases}}
    failures = [f"- **{name}**: {why}" for name, why in results.failures.items()]
    parts = [
        f"# Results\n\n{how}",
        f"Ran for {results.seconds / 60:.0f} minutes on\n\n{machine}",
        *([HOW.format(rounds=results.n_rounds)] if cases else []),
        f"## Who runs\n\n{tables.peers(results, [peer for peer in every_peer() if peer.races])}",
        *(["Not run, and why:\n\n" + "\n".join(failures)] if failures else []),
    ]
    for order, is_shuffled in (("reshuffled every epoch", True), ("in sequential order", False)):
        if some := [case for case in of.get("dense", []) if case.shuffle == is_shuffled]:
            parts += [
                f"## One epoch, {order}\n\nLogistic regression, float32, SGD at a constant rate. The limit:",
                tables.dense(results, limits, some),
                "And the peers:",
                tables.simple(results, some),
            ]
    origins = {name: dataset.origin(name) for name in ("a9a", "mnist10k")}
    for race, text in SECTIONS.items():
        if race in of:
            parts += [f"## {text.format(**origins)}", tables.simple(results, of[race])]
    if "memory" in of:
        megabytes = of["memory"][0].n * of["memory"][0].d * 4e-6
        parts += [
            "## Memory of a fit\n\nMegabytes by which a call with one epoch raises the peak of memory"
            f" of a process that has X ({megabytes:.0f} MB), y and its library loaded.",
            tables.simple(results, of["memory"], 1e-6),
        ]
    if limits.text:
        parts.append(
            "## The library and the bare loop\n\nMade by `cargo bench --bench limit`, taking turns;"
            f" ns a row.\n\n{limits.text}"
        )
    path.write_text("\n\n".join(parts) + "\n")
