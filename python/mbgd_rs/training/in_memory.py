"""What is learned from rows in memory, stage by stage."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from ..arguments import SampledRows, is_auto, make_sampling
from ..automatic import (
    batch_size_for,
    converges,
    is_named_auto,
    optimizer_for,
    start_for,
    stream_optimizer_for,
)
from ..choices import resolve
from ..inputs import as_integer
from ..metrics import resolve_metrics
from ..objective import Problem
from ..optimizers import Optimizer
from ..own_rows import RowsOfRanks, shards_of_ranks, told_to_all
from ..reach import FEWEST_ROWS
from ..result import FitResult
from ..sampling import DEFAULT_SHUFFLE, Sharded
from ..sources import Source
from ..standardizing import Course, course_of
from ..validation import Validation, make_validation, with_class_weight
from .terms import Chosen, Length, Terms, terms_of

__all__ = ["Rows", "Task", "course_in_memory", "optimizer_of", "rows_of", "task_of"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Rows:
    """The rows of a fit, of all ranks, as they were given."""

    X: Any
    y: Any
    sample_weight: Any
    offset: Any
    shuffle: Any
    """How they are to be sampled."""


def rows_of(given: dict[str, Any]) -> Rows:
    """The rows; where every rank has rows of its own, those of all."""
    if given["memory_limit"] is not None:
        raise ValueError(f"memory_limit must be None where X is in memory, got {given['memory_limit']!r}")
    comm, shuffle = given["comm"], given["shuffle"]
    shuffle = "full" if shuffle is DEFAULT_SHUFFLE else shuffle
    X, y, sample_weight, offset = (given[name] for name in ("X", "y", "sample_weight", "offset"))
    if comm is not None and (shards := shards_of_ranks(comm, shuffle)) is not None:
        refuse_of_own_rows(given)
        X, y, sample_weight, offset = told_to_all(comm, shards, X, y, sample_weight, offset)
    return Rows(X=X, y=y, sample_weight=sample_weight, offset=offset, shuffle=shuffle)


def refuse_of_own_rows(given: dict[str, Any]) -> None:
    """What is made of rows of X that not every rank has."""
    validation, sync_every = given["validation"], given["sync_every"]
    remedy = "give validation=(X, y), the same on every rank"
    if sync_every is not None:
        raise ValueError(f"sync_every must be None where every rank has rows of its own, got {sync_every!r}")
    if validation is not None and not isinstance(validation, tuple | list | Source):
        raise ValueError(
            f"validation must not be a fraction of rows of which every rank has its own, got {validation!r}: "
            f"{remedy}"
        )
    if given["metrics"] is not None and validation is None:
        raise ValueError(f"metrics need validation rows where every rank has rows of its own: {remedy}")


def optimizer_of(given: dict[str, Any], problem: Problem, shuffle: Any) -> Chosen:
    """The optimizer, by its name or as "auto" chooses it for the problem."""
    if not is_named_auto(given["optimizer"]):
        return Chosen(resolve("optimizer", given["optimizer"], Optimizer))
    if given["sync_every"] is not None:
        optimizer = stream_optimizer_for(problem.model, problem.penalty)
        return Chosen(optimizer, "steps that processes make on their own")
    return Chosen(*optimizer_for(problem, shuffle=shuffle, replacement=given["replacement"]))


@dataclass(frozen=True, kw_only=True, eq=False)
class Task:
    """What is to be learned, from which rows, in which batches."""

    problem: Problem
    """With the weights of its classes."""
    judged: Validation
    metrics: dict[str, Any]
    sampling: SampledRows
    chooses_batch_size: bool
    """Whether the run is to choose it, when it begins."""
    sync_every: int | None
    terms: Terms


def task_of(given: dict[str, Any], rows: Rows, problem: Problem, chosen: Chosen) -> Task:
    """What is to be learned of `problem`; refuses a run to go on with that is none of this."""
    resume: FitResult | None = given["resume"]
    sync_every = given["sync_every"]
    if sync_every is not None:
        sync_every = as_integer("sync_every", sync_every, 1, 2**62)
    seed = as_integer("seed", given["seed"], 0, 2**64 - 1)
    metrics = resolve_metrics(given["metrics"])
    judged = make_validation(given["validation"], problem, rows.y, seed=seed, needs_data=bool(metrics))
    problem, judged = with_class_weight(given["class_weight"], problem, judged)
    batch_size, chooses_batch_size = batch_size_of(given, chosen.optimizer, problem, judged)
    sampling = make_sampling(
        problem,
        judged.split,
        batch_size=batch_size,
        shuffle=rows.shuffle,
        replacement=given["replacement"],
        drop_last=given["drop_last"],
        seed=seed,
    )
    terms = terms_of(given, problem, chosen, sampling, shuffle=rows.shuffle, fraction=judged.fraction)
    if resume is not None:
        terms.check(resume, sampling, batch_size)
        terms = replace(terms, auto_batch_size=resume.auto_batch_size)
    return Task(
        problem=problem,
        judged=judged,
        metrics=metrics,
        sampling=sampling,
        chooses_batch_size=chooses_batch_size,
        sync_every=sync_every,
        terms=terms,
    )


def batch_size_of(
    given: dict[str, Any], optimizer: Optimizer, problem: Problem, judged: Validation
) -> tuple[Any, bool]:
    """The batch size, or "auto" as long as nobody knows it; and whether the run is to choose it."""
    batch_size: Any = given["batch_size"]
    resume: FitResult | None = given["resume"]
    if not is_auto(batch_size):
        return batch_size, False
    if resume is not None and resume.auto_batch_size is not None:
        return resume.auto_batch_size.batch_size, False
    n_rows = len(problem.X) if judged.split is None else len(judged.split[0])
    follows = batch_size_for(optimizer, problem, n_rows)
    if follows is not None:
        return follows, False
    if resume is None and isinstance(problem.X, RowsOfRanks):
        refuse_to_choose(problem)
        return batch_size, False
    return batch_size, resume is None


def refuse_to_choose(problem: Problem) -> None:
    """A pilot run would need rows of all ranks."""
    if len(problem.X) >= FEWEST_ROWS:
        raise ValueError(
            f"batch_size must be given where every rank has rows of its own, {len(problem.X)} in all, and "
            "the optimizer is neither SAGA nor SVRG, got 'auto': a large one is worth more ranks, 4096 say"
        )


def course_in_memory(given: dict[str, Any], rows: Rows, task: Task, length: Length) -> Course:
    """What the core trains on, in the units of training."""
    problem, optimizer, resume = task.problem, task.terms.chosen.optimizer, given["resume"]
    start = None if given["init"] is None else problem.join("init", given["init"])
    if start is None and resume is None and converges(optimizer):
        start = start_for(problem)
    return course_of(
        given["standardize"],
        problem,
        task.judged,
        y=rows.y,
        validation=given["validation"],
        resume=resume,
        optimizer=optimizer,
        stop=length.stop,
        init=start,
        shards=rows.shuffle if isinstance(rows.shuffle, Sharded) else None,
    )
