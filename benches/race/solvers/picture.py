"""The picture of gap against seconds, a panel for each set."""

from pathlib import Path

from ..tables import OURS
from .problem import GAPS
from .tables import names, shape
from .turns import Solved

STYLES = {
    OURS: ("#0b6e99", "o", "-"),
    "mbgd_rs, sgd": ("#0b6e99", "", "--"),
    "scikit-learn lbfgs": ("#c8553d", "", "-"),
    "scikit-learn saga": ("#c8553d", "", ":"),
    "scikit-learn newton-cholesky": ("#c8553d", "", "--"),
    "scikit-learn SGD": ("#e8a798", "", "-"),
    "scikit-learn Ridge": ("#c8553d", "s", ""),
    "scikit-learn-intelex lbfgs": ("#d99a2b", "", "-"),
    "scikit-learn-intelex newton-cg": ("#d99a2b", "", "--"),
    "scikit-learn-intelex Ridge": ("#d99a2b", "D", ""),
    "cyanure auto": ("#5a8f5a", "", "-"),
    "cyanure qning-svrg": ("#5a8f5a", "", "--"),
    "cyanure catalyst-miso": ("#5a8f5a", "", ":"),
    "snapml": ("#7a5195", "", "-"),
    "snapml, 1 thread": ("#7a5195", "", "--"),
    "glum": ("#6b6b6b", "", "-"),
    "glum lbfgs": ("#6b6b6b", "", "--"),
}
"""Colour, marker and line: a colour for each library."""
LARGEST = 10.0
"""Gaps above it are not drawn."""


def draw(folder: Path, solved: Solved) -> str:
    """Draws it into a folder, and returns its name."""
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt
    from matplotlib import ticker

    n_columns = min(3, len(solved.problems))
    n_rows = -(-len(solved.problems) // n_columns)
    size = (1 + 3.6 * n_columns, 1.2 + 2.7 * n_rows)
    figure, axes = plt.subplots(n_rows, n_columns, figsize=size, layout="constrained", squeeze=False)
    for ax in axes.flat[len(solved.problems) :]:
        ax.set_visible(False)
    for ax, problem in zip(axes.flat, solved.problems, strict=False):
        for name in reversed(names(solved, problem)):
            points = [point for point in solved.curve(name, problem).points() if point.gap < LARGEST]
            color, marker, line = STYLES.get(name, ("black", "", "-."))
            ax.plot(
                [point.seconds for point in points],
                [max(point.gap, GAPS[-1] / 30) for point in points],
                linestyle=line or "none",
                marker=marker,
                markersize=3.5 if line else 5,
                color=color,
                linewidth=2.5 if name == OURS else 1.2,
                label=name,
            )
        for gap in GAPS:
            ax.axhline(gap, color="black", linewidth=0.5, alpha=0.3)
        ax.set(xscale="log", yscale="log", ylim=(GAPS[-1] / 20, LARGEST))
        ax.set_title(shape(problem), fontsize=9)
        ax.xaxis.set_major_locator(ticker.LogLocator(subs=(1.0, 3.0)))
        ax.xaxis.set_minor_formatter(ticker.NullFormatter())
        ax.xaxis.set_major_formatter("{x:g}")
        ax.tick_params(labelsize=8)
        ax.spines[["top", "right"]].set_visible(False)
    for ax in axes[-1]:
        ax.set_xlabel("seconds of a call", fontsize=8)
    for ax in axes[:, 0]:
        ax.set_ylabel("(F - F*) / |F*|", fontsize=8)
    lines = {line.get_label(): line for ax in axes.flat for line in ax.get_lines()}
    shown = [name for name in names(solved) if name in lines]
    figure.legend(
        [lines[name] for name in shown],
        shown,
        loc="outside lower center",
        ncols=min(5, 2 * n_columns),
        frameon=False,
        fontsize=8,
    )
    figure.savefig(folder / "time_to_loss.png", dpi=110)
    plt.close(figure)
    return "time_to_loss"
