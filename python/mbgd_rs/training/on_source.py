"""`fit` of a source: window by window, each while the next one is read."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from ..agreement import check_same_call
from ..arguments import SampledRows
from ..automatic import is_named_auto
from ..inputs import as_flag, as_integer
from ..losses import DEFAULT_LOSS
from ..metrics import Metrics, resolve_metrics
from ..objective import Problem
from ..optimizers import Optimizer
from ..outcome import make_result
from ..result import FitResult
from ..resuming import warn_of_the_end
from ..source_training import (
    batch_size_of,
    check_same_source,
    first_of,
    head_of,
    judge_of,
    judged_by,
    optimizer_of,
    part_of,
    planned,
    refuse,
    sampled,
    surveyed,
    trained_params,
)
from ..sources import Source, check_source
from ..standardizing import Course, course_of
from ..validation import Validation
from ..watching import Watcher, after_steps, running, watchers_of
from ..windows.course import Course as WindowedRun
from ..windows.judging import Judge
from ..windows.loading import ChunkReader, Loader
from ..windows.memory import limit_of
from ..windows.plan import Plan
from ..windows.survey import Survey
from ..windows.units import units_of_source
from .raw_columns import warn_of_raw_columns
from .terms import Chosen, Length, Terms, is_first, length_of, terms_of, training_of
from .warning import warn_of_labels

__all__ = ["fit_source"]


def fit_source(source: Source, given: dict[str, Any]) -> FitResult:
    """`fit` of a source, with its other arguments by their names."""
    check_source(source)
    refuse(given)
    resume: FitResult | None = given["resume"]
    chosen = Chosen(*optimizer_of(given))
    task = task_of(source, given)
    length = length_of(given, chosen.optimizer, task.head)
    course = course_on_source(given, task, chosen.optimizer, length)
    reading = reading_of(given, task, course, length)
    sampling, shuffle = reading.sampling, reading.shuffle
    terms = terms_of(given, course.problem, chosen, sampling, shuffle=shuffle, source=source.fingerprint())
    if resume is not None:
        terms.check(resume, sampling, task.batch_size)
        check_same_source(resume, terms.data)
        if length.is_over:
            return replace(resume, arguments=terms.arguments)
    warn_of_the_end(chosen.optimizer, length.n_made, length.most_steps(sampling))
    watchers = watchers_of(given["callback"], given["progress"], given["verbose"])
    return run_on_source(given, task, course, reading, terms, length, watchers)


@dataclass(frozen=True, kw_only=True, eq=False)
class Task:
    """What is to be learned from a source, and by what it is judged."""

    source: Source
    memory_limit: int | None
    found: Survey
    head: Problem
    """Of the first chunk."""
    judged: Validation
    """By rows in memory, if by any."""
    metrics: dict[str, Any]
    batch_size: Any
    seed: int


def task_of(source: Source, given: dict[str, Any]) -> Task:
    """What is to be learned, after a look at all targets and at the first chunk."""
    resume, limit = given["resume"], given["memory_limit"]
    memory_limit = None if limit is None else as_integer("memory_limit", limit, 1)
    known = given["init"] if resume is None else resume
    found = surveyed(source, given, known)
    first = first_of(source)
    head = head_of(source, first, given, found, known)
    if resume is None:
        if given["loss"] is DEFAULT_LOSS:
            warn_of_labels(first.y)
        if is_named_auto(given["optimizer"]) and not as_flag("standardize", given["standardize"]):
            warn_of_raw_columns(head, first.y)
    seed = as_integer("seed", given["seed"], 0, 2**64 - 1)
    metrics = resolve_metrics(given["metrics"])
    return Task(
        source=source,
        memory_limit=memory_limit,
        found=found,
        head=head,
        judged=judged_by(given["validation"], head, seed, metrics, found.by_class),
        metrics=metrics,
        batch_size=batch_size_of(head, given["batch_size"], source.n_rows, resume),
        seed=seed,
    )


def course_on_source(given: dict[str, Any], task: Task, optimizer: Optimizer, length: Length) -> Course:
    """What the core trains on, in the units of training, which are measured by passes over the source.

    Of the rows of its problem only the kind matters from here on.
    """
    source, head, resume = task.source, task.head, given["resume"]
    standardize = as_flag("standardize", given["standardize"])
    course = course_of(
        standardize,
        head,
        task.judged,
        y=source.targets(0)[0] if standardize else None,
        validation=given["validation"],
        resume=resume,
        optimizer=optimizer,
        stop=length.stop,
        init=None if given["init"] is None or resume is not None else head.join("init", given["init"]),
        measured=lambda: units_of_source(ChunkReader(source, head, task.found.weights, sees_all=False)),
    )
    return replace(course, problem=replace(course.problem, X=course.trained.X))


@dataclass(frozen=True, kw_only=True, eq=False)
class Reading:
    """How a source is read, where the run on it begins, and who judges it."""

    reader: ChunkReader
    plan: Plan
    shuffle: Any
    """What describes the plan, as an argument of `fit`."""
    sampling: SampledRows
    begun: Any
    """Parameters in the units of training; None if the run goes on with another one."""
    judge: Judge | None
    """By another source."""


def reading_of(given: dict[str, Any], task: Task, course: Course, length: Length) -> Reading:
    """Which chunks are read together, as large a window as mixes them well, and the batches of their rows."""
    head, resume, drop_last = course.problem, given["resume"], given["drop_last"]
    begun = head.start(task.seed) if course.init is None and resume is None else course.init
    judge = judge_of(given, course, task.found)
    reader = ChunkReader(
        task.source,
        course.trained,
        task.found.weights,
        sees_all=not as_flag("drop_last", drop_last),
        units=head.units,
    )
    plan, shuffle = planned(
        reader,
        task.found,
        shuffle=given["shuffle"],
        batch_size=task.batch_size,
        epochs=length.epochs,
        accumulate=length.accumulate,
        memory_limit=limit_of(task.memory_limit, given["comm"]),
        params=trained_params(head, resume) if begun is None else begun,
        resume=resume,
    )
    sampling = sampled(task.source, shuffle, task.batch_size, drop_last=drop_last, seed=task.seed)
    return Reading(reader=reader, plan=plan, shuffle=shuffle, sampling=sampling, begun=begun, judge=judge)


def run_on_source(
    given: dict[str, Any],
    task: Task,
    course: Course,
    reading: Reading,
    terms: Terms,
    length: Length,
    watchers: list[Watcher],
) -> FitResult:
    """The result of a run, when all windows of all epochs are done."""
    comm, resume, judged = given["comm"], given["resume"], task.judged
    shown = watchers if is_first(comm) else []
    training = training_of(
        given,
        course,
        reading.sampling,
        length,
        init=reading.begun,
        metrics=task.metrics,
        epochs=1,
        step_callback=after_steps(terms.problem, watchers, length.n_made),
        is_judged_elsewhere=reading.judge is not None,
    )
    if comm is not None:
        compared = compared_of(task, reading, terms, length)
        check_same_call(comm, training, course.trained, course.validation, compared, resume)

    def finished(run: dict[str, Any], before: FitResult | None, measured: Metrics) -> FitResult:
        return make_result(**terms.parts(run, before, measured))

    run = WindowedRun(
        loader=Loader(reading.reader, reading.plan),
        plan=reading.plan,
        head=course.trained,
        shown=terms.problem,
        part=part_of(task.found),
        training=training,
        epochs=length.epochs,
        watchers=shown,
        judge=reading.judge,
        measured=lambda: Metrics(task.metrics, judged.X, judged.y, judged.offset),
        finished=finished,
        writer=terms.writer(given),
        comm=comm,
    )
    with running(shown, length.n_epochs):
        return run.run(resume)


def compared_of(task: Task, reading: Reading, terms: Terms, length: Length) -> dict[str, Any]:
    """What is to be the same on all ranks, beside what the core trains on."""
    judge = reading.judge
    return {
        **terms.arguments,
        "the source": terms.data["source"],
        "the validation source": None if judge is None else judge.reader.source.fingerprint(),
        "class_weight": task.found.by_class,
        "epochs": length.n_epochs,
        "chunks of a window": reading.plan.window,
    }
