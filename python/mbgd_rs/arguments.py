"""What the arguments of `fit` mean: how to minimise, checked, as the core reads it."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, get_args

from numpy.typing import NDArray

from . import _core
from .averages import Average
from .batch_sizes import resolve_batch_size
from .choices import as_name
from .inputs import as_flag
from .objective import Problem
from .optimizers import Optimizer
from .sampling import among, described, n_positions, resolve_shuffle
from .stopping import StopRule

__all__ = [
    "AfterEpoch",
    "Answer",
    "CheckpointCallback",
    "Record",
    "RecordName",
    "SampledRows",
    "StepCallback",
    "Training",
    "make_sampling",
    "resolve_record",
]

Array = NDArray[Any]


class Answer(NamedTuple):
    """What a callback has to say of an epoch."""

    is_over: bool = False
    """Whether the run is to end."""
    metrics: list[float] = []  # noqa: RUF012  # never changed
    raised: BaseException | None = None
    validation_loss: float | None = None
    """Where only the callback knows the validation rows."""


AfterEpoch = Callable[..., Answer]
RecordName = Literal["epoch", "step", "full_loss", "path", "noise"]
"""What a history can have."""


class StepCallback(NamedTuple):
    """What is called after every so many steps, counted over the whole run."""

    call: Callable[..., bool]
    every: int
    with_params: bool


class CheckpointCallback(NamedTuple):
    """What is called with the run as it stands, and a bool for each of the intervals: whether it is over."""

    call: Callable[[dict[str, Any], list[bool]], None]
    intervals: tuple[tuple[float, str], ...]
    """How many of what: "epochs", "steps" or "seconds"."""


class Record(NamedTuple):
    """What to write down besides the loss of each epoch."""

    step: bool = False
    full_loss: bool = False
    path: bool = False
    noise: bool = False


def columns_for_entry() -> int | None:
    """From how many columns for every entry of a batch on others catch up later; None: what is fast.

    Tests set MBGD_RS_COLUMNS_FOR_ENTRY in the environment, to have it on few columns. Last bits depend on it.
    """
    given = os.environ.get("MBGD_RS_COLUMNS_FOR_ENTRY")
    return None if given is None else int(given)


@dataclass(frozen=True, kw_only=True, eq=False)
class Training:
    """How to minimise, as the core reads it."""

    optimizer: Optimizer
    batches: _core.Batches
    epochs: int
    n_threads: int
    chooses_threads: bool = False
    accumulate: int = 1
    average: Average | None = None
    clip_norm: float | None = None
    clip_value: float | None = None
    record: Record = field(default_factory=Record)
    init: Array | None = None
    """Where to begin: coefficients and intercepts, one after the other; zeros by default."""
    state: dict[str, Any] | None = None
    """The state of another run to go on with, in place of `init`."""
    callback: AfterEpoch | None = None
    step_callback: StepCallback | None = None
    checkpoints: CheckpointCallback | None = None
    validation: Problem | None = None
    """Data to judge the model by."""
    is_judged_elsewhere: bool = False
    """Whether the callback knows the loss on such data."""
    split: tuple[Array, Array] | None = None
    """Rows of X to learn from and to judge by, in place of all and of `validation`."""
    stop: tuple[StopRule, ...] = ()
    metrics: tuple[str, ...] = ()
    """Names of the numbers that the callback returns."""
    window: tuple[int, Array] | None = None
    """The first position of the epoch whose rows these are, and the row of each from there on, if not all."""
    chooses_batch_size: int | None = None
    """The seed by which the batch size is to be chosen, if it is."""
    sync_every: int | None = None
    """After how many steps of their own several processes are to meet, if they make any."""
    columns_for_entry: int | None = field(default_factory=columns_for_entry)
    ranks: _core.Ranks | None = None
    """The processes that make the same run, if there are several."""


@dataclass(frozen=True, kw_only=True)
class SampledRows:
    """Which rows a run sees, and in which batches."""

    batches: _core.Batches
    n_rows: int
    shuffle: Any
    """A word for the way of sampling, see :func:`described`."""
    replacement: bool
    drop_last: bool
    seed: int

    def most_steps(self, epoch: int, n_epochs: int, accumulate: int) -> int:
        """At most how many updates so many epochs from `epoch` on have."""
        if n_epochs == 0:
            return 0
        n_batches = max(self.batches.n_steps(e) for e in (epoch, epoch + n_epochs - 1))
        return n_epochs * -(-n_batches // accumulate)


def make_sampling(
    problem: Problem,
    split: tuple[Array, Array] | None,
    *,
    batch_size: Any,
    shuffle: Any,
    replacement: Any,
    drop_last: Any,
    seed: int,
) -> SampledRows:
    """The batches of the rows of `problem`, or of the first part of `split`."""
    labels = problem.y[:, 0] if problem.classes is not None and problem.y.shape[1] == 1 else None
    n_rows = len(problem.X)
    if split is not None:
        rows, _ = split
        n_rows = len(rows)
        shuffle, labels = among(shuffle, rows, len(problem.X)), None if labels is None else labels[rows]
    batches = _core.Batches(
        n=n_rows,
        batch_size=resolve_batch_size(batch_size, n_positions(shuffle, n_rows), sees_noise=True),
        shuffle=resolve_shuffle(shuffle, lambda: labels),
        replacement=as_flag("replacement", replacement),
        drop_last=as_flag("drop_last", drop_last),
        seed=seed,
    )
    return SampledRows(
        batches=batches,
        n_rows=n_rows,
        shuffle=described(shuffle),
        replacement=replacement,
        drop_last=drop_last,
        seed=seed,
    )


def is_auto(batch_size: Any) -> bool:
    """Whether the batch size is to be chosen."""
    return isinstance(batch_size, str) and batch_size.lower() == "auto"


def resolve_record(record: Any) -> Record:
    """What to write down, by its names."""
    if isinstance(record, str) and record == "epoch":
        return Record()
    known = get_args(RecordName)
    expected = f"one or some of {', '.join(map(repr, known))}"
    try:
        given = (record,) if isinstance(record, str) else tuple(record)
    except TypeError:
        raise TypeError(f"record must be {expected}, got {record!r}") from None
    for name in given:
        if not isinstance(name, str):
            raise ValueError(f"record must be {expected}, got {name!r}")
    names = [as_name("record", name, known, expected=expected) for name in given]
    return Record(**{name: name in names for name in Record._fields})
