"""The three pictures that README.md shows."""

import statistics
from pathlib import Path
from typing import Any

from .case import Case
from .limit import Limits
from .peer import every_peer
from .tables import ONE_THREAD, OURS, READ, plain_read
from .turns import Results

BLUE, RED, GREY = "#0b6e99", "#c8553d", "#6b6b6b"
DRAWN = {
    "PyTorch nn": ("#c9a0dc", "o"),
    "PyTorch by hand": ("#7a5195", "o"),
    "NumPy loop": (RED, "o"),
    "JAX lax.scan": ("#d99a2b", "o"),
    "SGDClassifier": ("#5a8f5a", "D"),
    "Vowpal Wabbit": ("#8c6d46", "s"),
}
"""Peers beside ours in the picture of batch sizes. The last two know b = 1 only."""
KINDS = {"dense": "dense", "sparse": "sparse, a9a", "softmax": "softmax, mnist10k", "batches": "batches only"}


def draw(folder: Path, results: Results, limits: Limits, cases: list[Case]) -> list[str]:
    """Draws the pictures into a folder, and returns their names."""
    import matplotlib as mpl

    mpl.use("Agg")
    pictures = {
        "epoch_by_batch_size": by_batch_size(results, limits, cases),
        "epoch_by_rows": by_rows(results, cases),
        "peers": ratios(results),
    }
    for name, figure in pictures.items():
        figure.savefig(folder / f"{name}.png", dpi=110)
    return list(pictures)


def series(results: Results, name: str, cases: list[Case], x: str) -> tuple[list[int], list[float]]:
    """Where a peer was measured, and the milliseconds there."""
    measured = [case for case in cases if (name, case) in results.values]
    measured.sort(key=lambda case: getattr(case, x))
    return [getattr(case, x) for case in measured], [results.values[name, case] * 1e3 for case in measured]


def log_axes(title: str, xlabel: str) -> tuple[Any, Any]:
    import matplotlib.pyplot as plt

    figure, ax = plt.subplots(figsize=(7, 4.5), layout="constrained")
    ax.set(xscale="log", yscale="log", xlabel=xlabel, ylabel="milliseconds per epoch", title=title)
    ax.grid(alpha=0.25)
    return figure, ax


def by_batch_size(results: Results, limits: Limits, cases: list[Case]) -> Any:
    """Time per epoch against b, ours, the peers' and the limit."""
    grown = [case for case in cases if case.race == "batch_sizes"]
    n, d = grown[0].n, grown[0].d
    dense = [case for case in cases if case.race == "dense" and case.shuffle and (case.n, case.d) == (n, d)]
    figure, ax = log_axes(f"One epoch by batch size, {n:,} x {d}, reshuffled", "batch size b")
    for name, (color, marker) in DRAWN.items():
        b, milliseconds = series(results, name, grown if name == "NumPy loop" else dense, "b")
        if b:
            ax.plot(b, milliseconds, marker, linestyle="-", color=color, markersize=5, label=name)
    ax.plot(*series(results, ONE_THREAD, grown, "b"), "--", color=BLUE, linewidth=1.5, label=ONE_THREAD)
    ax.plot(*series(results, OURS, grown, "b"), "o-", color=BLUE, markersize=5, linewidth=2.5, label=OURS)
    bare = {b: min(found.values()) for b in (1, 32, 256, 4096) if (found := limits.of(n, d, b, True))}
    if bare:
        milliseconds = [seconds * 1e3 for seconds in bare.values()]
        ax.plot(list(bare), milliseconds, ":", color="black", marker="_", label="limit: bare loop")
    if (read := plain_read(results, n, d)) is not None:
        ax.axhline(read * 1e3, color=GREY, linewidth=1, linestyle=(0, (1, 3)), label="one plain read of X")
    ax.legend(frameon=False, fontsize=8, loc="center left", bbox_to_anchor=(1, 0.5))
    return figure


def by_rows(results: Results, cases: list[Case]) -> Any:
    """Time per epoch against n, with a line of slope 1."""
    grown = [case for case in cases if case.race == "rows"]
    figure, ax = log_axes(f"One epoch by number of rows, {grown[0].d} columns, reshuffled", "rows n")
    for b, line in ((1, "--"), (256, "-")):
        some = [case for case in grown if case.b == b]
        for name, color in (("NumPy loop", RED), (OURS, BLUE)):
            at, milliseconds = series(results, name, some, "n")
            ax.plot(at, milliseconds, line, marker="o", color=color, markersize=5, label=f"{name}, b = {b}")
    n, ours = series(results, OURS, [case for case in grown if case.b == 256], "n")
    slope = [ours[0] / 3, ours[0] / 3 * n[-1] / n[0]]
    ax.plot([n[0], n[-1]], slope, ":", color=GREY, label="slope 1: twice the rows, twice the time")
    ax.legend(frameon=False, fontsize=8, loc="upper left")
    ax.set_ylim(top=ax.get_ylim()[1] * 10)
    return figure


def ratios(results: Results) -> Any:
    """How many times longer peers take: a bar for the geometric mean, a dot for each case."""
    import matplotlib.pyplot as plt

    bars = []
    for race, kind in KINDS.items():
        for peer in every_peer():
            found = [
                value / results.values[OURS, case]
                for (name, case), value in results.values.items()
                if name == peer.name and case.race == race and case.shuffle and (OURS, case) in results.values
            ]
            if found and peer.name not in (OURS, ONE_THREAD, READ):
                bars.append((f"{peer.name}: {kind}", statistics.geometric_mean(found), found))
    bars.reverse()
    figure, ax = plt.subplots(figsize=(8, 1 + 0.3 * len(bars)), layout="constrained")
    for at, (_, mean, found) in enumerate(bars):
        ax.barh(at, mean - 1, left=1, height=0.6, color=BLUE if mean >= 1 else RED, alpha=0.8)
        ax.plot(found, [at] * len(found), "o", color="black", markersize=4, alpha=0.4, markeredgewidth=0)
        text = f"{mean:,.0f}x" if mean >= 10 else f"{mean:.1f}x"
        end = max(1.0, mean, *found)
        ax.annotate(text, (end, at), (6, 0), textcoords="offset points", va="center", fontsize=9)
    ax.axvline(1, color="black", linewidth=1)
    ax.set(xscale="log", xlabel="times as long as mbgd_rs", title="How much longer the same work takes")
    ax.set_xlim(right=3 * max(max(found) for *_, found in bars))
    ax.set_yticks(range(len(bars)), [label for label, *_ in bars], fontsize=9)
    ax.xaxis.set_major_formatter("{x:,g}x")
    ax.grid(axis="x", alpha=0.25)
    ax.set_axisbelow(True)
    ax.spines[["top", "right"]].set_visible(False)
    return figure
