"""The terms of a run, alike for rows in memory and for a source: how long it is, and what is kept with it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from ..arguments import SampledRows, Training, resolve_record
from ..auto_batch_size import AutoBatchSize
from ..automatic import epochs_for, is_named_auto
from ..averages import Average
from ..checkpointing import CheckpointWriter, Resumption
from ..choices import resolve
from ..inputs import as_flag, as_float, as_integer
from ..metrics import Metrics
from ..objective import Problem
from ..optimizers import Optimizer
from ..outcome import make_history
from ..ranks import Ranks
from ..result import FitResult
from ..resuming import check_arguments, check_resume, data_of
from ..solver import solver_of
from ..standardizing import Course
from ..stopping import StopRule, resolve_stop
from ..threads import resolve_n_threads

__all__ = ["Chosen", "Length", "Terms", "is_first", "length_of", "terms_of", "training_of"]


@dataclass(frozen=True)
class Chosen:
    """The optimizer of a run, in the units of the data."""

    optimizer: Optimizer
    reason: str | None = None
    """Why "auto" has chosen it, if it has."""


@dataclass(frozen=True, kw_only=True)
class Length:
    """How long a call goes on, and what comes before it."""

    n_epochs: int
    stop: tuple[StopRule, ...]
    is_over: bool
    """Whether nothing is left to do."""
    first_epoch: int
    n_made: int
    """Steps of the runs before."""
    accumulate: int

    @property
    def epochs(self) -> range:
        """Those of the call, counted over the whole run."""
        return range(self.first_epoch, self.first_epoch + self.n_epochs)

    def most_steps(self, sampling: SampledRows) -> int:
        """At most how many updates these epochs have."""
        return sampling.most_steps(self.first_epoch, self.n_epochs, self.accumulate)


def length_of(given: dict[str, Any], optimizer: Optimizer, problem: Problem) -> Length:
    """The epochs and the rules of a call, less what the run that it goes on with has done of them."""
    resumption: Resumption = given["resumption"]
    before, rules = resumption.result, resolve_stop(given["stop"])
    if is_named_auto(given["epochs"]):
        n_epochs, rules = epochs_for(optimizer, problem, rules)
    else:
        n_epochs = as_integer("epochs", given["epochs"], 0)
    n_left, rules_left = resumption.left(n_epochs, rules)
    return Length(
        n_epochs=n_left,
        stop=rules_left,
        is_over=resumption.is_over(n_left, rules),
        first_epoch=0 if before is None else before.n_epochs,
        n_made=0 if before is None else before.n_steps,
        accumulate=as_integer("accumulate", given["accumulate"], 1, 2**62),
    )


@dataclass(frozen=True, kw_only=True, eq=False)
class Terms:
    """What the core does not know of a run, and its result and its checkpoints have."""

    problem: Problem
    """In the units of the data."""
    chosen: Chosen
    arguments: dict[str, Any]
    """And `data`: what a run that goes on with this one must have in common with it."""
    data: dict[str, Any]
    auto_batch_size: AutoBatchSize | None = None
    """That of the run before."""

    def check(self, resume: FitResult, sampling: SampledRows, batch_size: Any) -> None:
        """That this run can go on with that one."""
        optimizer = self.chosen.optimizer
        check_resume(resume, self.problem, optimizer, batches=sampling.batches, batch_size=batch_size)
        check_arguments(resume, self.arguments, self.data)

    def parts(self, run: dict[str, Any], before: FitResult | None, measured: Metrics) -> dict[str, Any]:
        """What `make_result` is to be given, where the core has written `run`, after the run `before` it."""
        metrics = measured.history(len(run["history"]["epoch_loss"]))
        size = run["chosen_batch_size"]
        return {
            "problem": self.problem,
            "run": run,
            "history": make_history(self.problem, run["history"], metrics),
            "before": before,
            "arguments": self.arguments,
            "data": self.data,
            "auto_batch_size": self.auto_batch_size if size is None else AutoBatchSize(*size),
            "solver": solver_of(run["state"], self.chosen.optimizer, self.chosen.reason, run["gap"]),
        }

    def writer(self, given: dict[str, Any]) -> CheckpointWriter:
        """Who writes the checkpoints of the run, into folders that are its own from now on."""
        kept = {"classes": self.problem.classes, "feature_names": self.problem.names, **self.arguments}
        writes = is_first(given["comm"])
        return CheckpointWriter(given["checkpoints"], given["resumption"], kept, writes=writes)


def terms_of(
    given: dict[str, Any],
    problem: Problem,
    chosen: Chosen,
    sampling: SampledRows,
    *,
    shuffle: Any,
    fraction: float | None = None,
    **data: Any,
) -> Terms:
    """The terms of a run; `fraction` is of validation rows, `data` what else rows must have in common."""
    arguments = {
        "loss": problem.loss,
        "model": problem.model,
        "optimizer": chosen.optimizer,
        "fit_intercept": problem.fit_intercept,
        "standardize": as_flag("standardize", given["standardize"]),
        "shuffle": shuffle,
        "replacement": sampling.replacement,
        "drop_last": sampling.drop_last,
        "seed": sampling.seed,
        "validation": fraction,
    }
    return Terms(problem=problem, chosen=chosen, arguments=arguments, data={**data_of(sampling), **data})


def training_of(
    given: dict[str, Any],
    course: Course,
    sampling: SampledRows,
    length: Length,
    *,
    init: Any,
    metrics: Iterable[str],
    **others: Any,
) -> Training:
    """How to minimise, as the core reads it; `others` differ between rows in memory and a source."""
    average, norm, value = given["average"], given["clip_norm"], given["clip_value"]
    comm, resume = given["comm"], given["resume"]
    return Training(
        optimizer=course.optimizer,
        batches=sampling.batches,
        accumulate=length.accumulate,
        average=None if average is None else resolve("average", average, Average),
        clip_norm=None if norm is None else as_float("clip_norm", norm),
        clip_value=None if value is None else as_float("clip_value", value),
        record=resolve_record(given["record"]),
        n_threads=resolve_n_threads(given["n_threads"]),
        chooses_threads=given["n_threads"] is None,
        init=init,
        state=None if resume is None else resume.state,
        validation=course.validation,
        stop=course.stop,
        metrics=tuple(metrics),
        ranks=None if comm is None else comm.core,
        **others,
    )


def is_first(comm: Ranks | None) -> bool:
    """Whether this process is the one that shows the run and writes its checkpoints."""
    return comm is None or comm.rank == 0
