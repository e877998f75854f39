"""`benches/MODELS.md`, and what README.md shows of it."""

from pathlib import Path

from .. import dataset, readme, tables
from ..peer import Peer
from ..turns import Results
from .task import Task
from .turns import Measured

HOW = """Microseconds of a step: of an epoch in float32, reshuffled, divided by its number of batches; of what
has no batches, of as many rows. In brackets: how many times longer than mbgd_rs on all threads. Peers use as
many threads as they like.

Networks have one hidden layer of relu and are trained by Adam; factorization machines by Adagrad. Both have
the log loss and no penalty, and begin with the same parameters where a library lets them. The loss is that of
all rows after {epochs}, computed by one function from what each has found: it says whether the work was
the same. Orders of rows differ, and with them the losses.

Times are medians over {rounds} processes in which peers take turns; in each, of the epochs but the first."""
BEGIN = "<!-- models: begin. Written by `make bench-models`: do not edit. -->"
END = "<!-- models: end -->"
TEXT = """
Networks by Adam and factorization machines by Adagrad, float32, reshuffled every epoch: microseconds of a
step, and how many times longer others take.

{summary}

Measured on {processor}, in {minutes:.0f} minutes; medians of {rounds} processes for each, which take turns.
[All of it](benches/MODELS.md), with versions and losses.

"""
KINDS = {"mlp": "network", "factorization_machine": "factorization machine"}


def title(task: Task) -> str:
    return f"{KINDS[task.model]}, {task.title}"


def summary(measured: Measured) -> str:
    """A row for each peer, a column for each task."""
    names: dict[str, None] = {}
    for task in measured.tasks:
        names |= dict.fromkeys(measured.ran(task))
    others = [name for name in names if name not in (tables.OURS, tables.ONE_THREAD)]

    def row(name: str) -> list[str]:
        cells = []
        for task in measured.tasks:
            ours, theirs = measured.step(task, tables.OURS), measured.step(task, name)
            cells.append(tables.cell(ours, 1e6) if name == tables.OURS else tables.ratio(theirs, ours))
        return [name, *cells]

    head = ["", *(title(task) for task in measured.tasks)]
    return tables.markdown(head, map(row, [tables.OURS, tables.ONE_THREAD, *others]))


def of_task(measured: Measured, task: Task) -> str:
    """A row for each peer, the fastest first."""
    ours = measured.step(task, tables.OURS)

    def row(name: str) -> list[str]:
        seconds, loss = measured.step(task, name), measured.loss(task, name)
        step = tables.cell(seconds, 1e6)
        if name != tables.OURS and ours:
            step += f" (**{tables.ratio(seconds, ours)}**)"
        epoch = tables.cell(seconds and seconds * task.n_steps)
        return [name, step, epoch, "-" if loss is None else f"{loss:.4f}"]

    return tables.markdown(["", "us a step", "ms an epoch", "loss"], map(row, measured.ran(task)))


def who(results: Results, entrants: list[Peer]) -> str:
    """Which of the peers ran, in which version; who did not, and why."""
    rows = []
    for peer in entrants:
        found = results.versions.get(peer.name)
        versions = ", ".join(f"{package} {number}" for package, number in (found or {}).items())
        if peer.name in results.failures:
            versions = f"**not run**: {results.failures[peer.name]}"
        elif found is None:
            versions = f"not asked for, `PEERS={peer.packages[0]}`" if peer.on_request else "left out"
        rows.append([peer.name, versions, peer.note])
    return tables.markdown(["peer", "version", "what it does"], rows, to_the_right=False)


def write(
    path: Path, results: Results, measured: Measured, entrants: list[Peer], machine: str, command: str
) -> None:
    """All tables."""
    failures = [f"- **{name}**: {why}" for name, why in (results.failures | measured.failures).items()]
    epochs = " or ".join(str(n) for n in sorted({1 + task.n_epochs for task in measured.tasks})) + " epochs"
    parts = [
        f"# Models beyond linear\n\nMade by `{command}`.",
        f"Ran for {measured.elapsed / 60:.0f} minutes on\n\n{machine}",
        HOW.format(rounds=measured.n_rounds, epochs=epochs),
        summary(measured),
    ]
    for task in measured.tasks:
        size = f"{task.n:,} rows of {task.d:,} columns: {dataset.origin(task.rows)}."
        heading = title(task)
        parts.append(f"## {heading[0].upper() + heading[1:]}\n\n{size}\n\n{of_task(measured, task)}")
    parts += [
        f"## Who runs\n\n{who(results, entrants)}",
        *(["Not run, and why:\n\n" + "\n".join(failures)] if failures else []),
    ]
    path.write_text("\n\n".join(parts) + "\n")


def write_readme(path: Path, measured: Measured, processor: str) -> None:
    """Fills the part of README.md."""
    text = TEXT.format(
        summary=summary(measured),
        processor=processor,
        minutes=measured.elapsed / 60,
        rounds=measured.n_rounds,
    )
    readme.fill(path, BEGIN, END, text)
