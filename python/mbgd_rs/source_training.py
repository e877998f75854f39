"""What a source has in the place of rows in memory, when it is trained on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import _core
from .arguments import SampledRows, is_auto, resolve_record
from .automatic import is_named_auto, stream_optimizer_for
from .batch_sizes import NormTest, resolve_batch_size
from .choices import resolve
from .inputs import as_flag
from .labels import as_sorted_classes
from .losses import Loss
from .models import Linear, Model
from .objective import Part, Problem, make_problem
from .optimizers import SAGA, SGD, SVRG, Optimizer
from .penalties import Penalty
from .result import FitResult
from .sampling import DEFAULT_SHUFFLE, Block, described, named, resolve_shuffle
from .sources import Chunk, Source, checked_chunk
from .standardizing import Course, params_in
from .threads import resolve_n_threads
from .validation import Validation, make_validation
from .windows.judging import Judge
from .windows.loading import ChunkReader
from .windows.mixing import FEWEST_SAMPLED, MOST_SAMPLED, ONE_OF, chunks_to_mix
from .windows.placing import check_chunk, placed
from .windows.plan import Plan, plan_of
from .windows.survey import Survey, survey

__all__ = [
    "batch_size_of",
    "check_same_source",
    "first_of",
    "head_of",
    "judge_of",
    "judged_by",
    "optimizer_of",
    "part_of",
    "planned",
    "refuse",
    "sampled",
    "surveyed",
    "trained_params",
]

Array = NDArray[Any]
OF_A_SOURCE = "a source has its own"


def refuse(given: dict[str, Any]) -> None:
    """What a source brings itself, and what needs all rows in memory."""
    for name in ("y", "sample_weight", "offset"):
        if given[name] is not None:
            of = "offsets are not had with one" if name == "offset" else OF_A_SOURCE
            raise ValueError(
                f"{name} must be None where X is a source: {of}, got {type(given[name]).__name__}"
            )
    if given["sync_every"] is not None:
        raise ValueError(f"sync_every must be None where X is a source, got {given['sync_every']!r}")
    if as_flag("replacement", given["replacement"]):
        raise ValueError(
            "replacement must be False where X is a source, whose rows are read in order, got True"
        )
    if isinstance(given["batch_size"], NormTest):
        raise ValueError(
            f"batch_size must not be a NormTest where X is a source, got {given['batch_size']!r}"
        )
    if resolve_record(given["record"]).full_loss:
        raise ValueError("record must not have 'full_loss' where X is a source: give validation rows")
    resume = given["resume"]
    if given["init"] is not None and resume is not None:
        raise ValueError("init and resume exclude each other: a resumed run begins where the other ended")
    if resume is not None and not isinstance(resume, FitResult):
        raise TypeError(f"resume must be a FitResult, got {type(resume).__name__}")


def optimizer_of(given: dict[str, Any]) -> tuple[Optimizer, str | None]:
    """The optimizer, and why it was chosen, if it was: one that sees a batch at a time."""
    optimizer = given["optimizer"]
    if is_named_auto(optimizer):
        penalty = given["penalty"] and resolve("penalty", given["penalty"], Penalty)
        model = resolve("model", given["model"], Model)
        return stream_optimizer_for(model, penalty), "the rows of a source are not in memory together"
    rule = resolve("optimizer", optimizer, Optimizer)
    has_metric = isinstance(rule, SGD) and rule.preconditioner is not None
    is_automatic = is_named_auto(getattr(rule, "learning_rate", None))
    if isinstance(rule, SAGA | SVRG) or has_metric or is_automatic:
        raise ValueError(
            "optimizer must be one with a learning rate of its own where X is a source, without a table of "
            f"slopes, a preconditioner or the rate 'auto', which need all rows in memory; got {rule!r}"
        )
    return rule, None


def surveyed(source: Source, given: dict[str, Any], known: Any) -> Survey:
    """What passes over the targets have found; the classes may be given, or those of a known model."""
    loss = resolve("loss", given["loss"], Loss)
    classes = None if given["classes"] is None else as_sorted_classes(given["classes"])
    if classes is None and isinstance(known, FitResult) and loss.is_classification:
        classes = known.classes
    return survey(source, loss, classes=classes, class_weight=given["class_weight"])


def first_of(source: Source) -> Chunk:
    """The first chunk, as it is read."""
    return checked_chunk(source, 0, source.read(0))


def head_of(source: Source, read: Chunk, given: dict[str, Any], found: Survey, known: Any) -> Problem:
    """The problem of the first chunk alone, by which all others are read."""
    with placed(source, 0):
        head = make_problem(
            read.X,
            read.y,
            loss=given["loss"],
            penalty=given["penalty"],
            sample_weight=read.sample_weight,
            fit_intercept=given["fit_intercept"],
            model=given["model"],
            known=known,
            classes=found.classes,
        )
    check_chunk(source, 0, head)
    names = source.feature_names
    return replace(head, names=None if names is None else tuple(names))


def judged_by(
    validation: Any, head: Problem, seed: int, metrics: dict[str, Any], by_class: Array | None
) -> Validation:
    """The validation rows, if they are in memory."""
    if isinstance(validation, float | int) and not isinstance(validation, bool):
        raise ValueError(f"validation must be rows of its own where X is a source, got {validation!r}")
    if metrics and (validation is None or isinstance(validation, Source)):
        got = "None" if validation is None else "a source"
        raise ValueError(f"metrics need validation rows in memory where X is a source, got {got}")
    if validation is None or isinstance(validation, Source):
        return Validation()
    judged = make_validation(validation, head, None, seed=seed, needs_data=bool(metrics))
    if by_class is None or judged.problem is None:
        return judged
    return replace(judged, problem=judged.problem.weighted(by_class))


def judge_of(given: dict[str, Any], course: Course, found: Survey) -> Judge | None:
    """Who judges by validation rows that are a source, if they are."""
    validation = given["validation"]
    if not isinstance(validation, Source):
        return None
    n_threads = resolve_n_threads(given["n_threads"])
    return Judge(validation, course.trained, found.by_class, n_threads, course.problem.units)


def batch_size_of(head: Problem, batch_size: Any, n_rows: int, resume: FitResult | None) -> Any:
    """Rows of a batch, or an object that has them by epoch."""
    if not is_auto(batch_size):
        return resolve_batch_size(batch_size, n_rows)
    if resume is not None:
        return resume.batch_size
    return min(n_rows, 256 if isinstance(head.model, Linear) else 200)


def trained_params(head: Problem, result: FitResult) -> Array:
    """The parameters of a model, in the units of training."""
    joined = head.join("resume", result)
    return joined if head.units is None else params_in(head.units, joined, head)


def planned(
    reader: ChunkReader,
    found: Survey,
    *,
    shuffle: Any,
    batch_size: Any,
    epochs: range,
    accumulate: int,
    memory_limit: int,
    params: Array | None,
    resume: FitResult | None,
) -> tuple[Plan, Any]:
    """Windows large enough to mix chunks well, as far as memory allows."""
    before = None if resume is None else resume.arguments.get("shuffle")
    if shuffle is DEFAULT_SHUFFLE and isinstance(before, Block | bool):
        shuffle = before
    shuffle = named("block" if shuffle is DEFAULT_SHUFFLE else shuffle)
    if not (shuffle == "block" or shuffle is False or isinstance(shuffle, Block)):
        raise ValueError(
            f"shuffle must be 'block', Block(window=...) or False where X is a source, got {shuffle!r}"
        )
    sizes = [batch_size] if isinstance(batch_size, int) else [batch_size(epoch) for epoch in epochs] or [1]
    to_mix = 1
    if shuffle == "block" and params is not None:
        to_mix = chunks_to_mix(sampled_problems(reader, found), params, min(sizes))
    return plan_of(
        reader.source,
        shuffle,
        n_targets=reader.head.y.shape[1],
        entries_of_row=found.entries_of_row,
        rows_of_step=max(sizes) * accumulate,
        memory_limit=memory_limit,
        to_mix=to_mix,
    )


def sampled_problems(reader: ChunkReader, found: Survey) -> Iterator[Problem]:
    """The problems of some chunks, evenly spread."""
    n_chunks = reader.source.n_chunks
    n_sampled = min(max(n_chunks // ONE_OF, FEWEST_SAMPLED), MOST_SAMPLED)
    for chunk in np.unique(np.linspace(0, n_chunks - 1, n_sampled).astype(int)).tolist():
        X, y, s = reader.read(chunk)
        problem = replace(reader.head, X=X, y=y, sample_weight=s, part=part_of(found))
        check_chunk(reader.source, chunk, problem)
        yield problem


def part_of(found: Survey) -> Part:
    """What is known of all rows, for a problem of some of them."""
    return Part(found.weight_scale, found.entries_of_row, is_scanned=True)


def sampled(source: Source, shuffle: Any, batch_size: Any, *, drop_last: Any, seed: int) -> SampledRows:
    """The batches of all rows."""
    batches = _core.Batches(
        n=source.n_rows,
        batch_size=batch_size,
        shuffle=resolve_shuffle(shuffle, lambda: None),
        replacement=False,
        drop_last=as_flag("drop_last", drop_last),
        seed=seed,
    )
    return SampledRows(
        batches=batches,
        n_rows=source.n_rows,
        shuffle=described(shuffle),
        replacement=False,
        drop_last=drop_last,
        seed=seed,
    )


def check_same_source(resume: FitResult, data: dict[str, Any]) -> None:
    """Within an epoch the rows must be those of the run to be resumed."""
    assert resume.state is not None
    before = (resume.data or {}).get("source", data["source"])
    if resume.state["step"] > 0 and before != data["source"]:
        raise ValueError(
            "resume must be a run on the same source, for it ended within an epoch; got one whose "
            f"fingerprint is {before}, not {data['source']}"
        )
