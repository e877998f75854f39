"""A run on windows, one after the other: each is trained on while the next one is read."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from .. import _core
from ..agreement import check_same_model
from ..arguments import Training
from ..checkpointing import CheckpointWriter
from ..errors import DivergenceError, raise_with
from ..metrics import Metrics
from ..objective import Part, Problem
from ..ranks import Ranks
from ..result import FitResult
from ..sources import refuse_entry
from ..stop_reason import StopReason
from ..stopping import MaxSeconds, MaxSteps, StopRule
from ..watching import Watcher, after_epoch
from .judging import Judge
from .loading import Loader
from .placing import with_place
from .plan import Part as PartOfEpoch
from .plan import Plan
from .reading import Window, read_windows

__all__ = ["Course"]

Array = NDArray[Any]


@dataclass(frozen=True, kw_only=True, eq=False)
class Course:
    """A run on windows, one after the other."""

    loader: Loader
    plan: Plan
    head: Problem
    """What is trained on, of the first chunk."""
    shown: Problem
    """The same in the units of the data."""
    part: Part
    """What is known of all rows."""
    training: Training
    """Of one epoch, as far as a window has rows of it."""
    epochs: range
    watchers: list[Watcher]
    judge: Judge | None
    measured: Callable[[], Metrics]
    finished: Callable[[dict[str, Any], FitResult | None, Metrics], FitResult]
    writer: CheckpointWriter
    comm: Ranks | None = None
    """The processes that make the same run, if there are several."""

    def run(self, resume: FitResult | None) -> FitResult:
        """All windows of all epochs, after a run before, if there was one."""
        if not self.epochs:
            run: dict[str, Any] = {}
            measured = self.measured()
            _core.fit(self.head, replace(self.training, epochs=0), run)
            ended = self.finished(run, resume, measured)
            self.writer.finish(ended)
            return ended
        begin = time.perf_counter()
        first_step = 0 if resume is None else resume.n_steps
        result: FitResult | None = resume
        windows = read_windows(self.loader, self.parts(resume))
        window: Window | None
        try:
            window = next(windows)
            while window is not None:
                waited = time.perf_counter() - begin - self.writer.seconds - seconds_of(result, resume)
                result, left_over = self.on_window(window, result, (begin, first_step, waited))
                if self.comm is not None and result.state is not None and result.state["step"] == 0:
                    check_same_model(self.comm, result)
                if left_over is None:
                    break
                window = next_of(windows, left_over)
                if window is not None:
                    self.writer.between(result)
        except DivergenceError:
            raise
        except BaseException as error:
            if hasattr(error, "result"):
                self.writer.finish(error.result, error)
                raise
            if result is None:
                raise
            result = replace(result, stop_reason=StopReason.INTERRUPTED)
            self.writer.finish(result, error)
            raise_with(error, result)
        finally:
            windows.close()
        assert result is not None
        try:
            self.writer.finish(result)
        except BaseException as error:
            raise_with(error, result)
        return result

    def parts(self, resume: FitResult | None) -> Iterator[PartOfEpoch]:
        """The windows of all epochs, from where the run before ended."""
        position = 0 if resume is None or resume.state is None else resume.state["n_seen"]
        for epoch in self.epochs:
            yield from self.plan.parts(self.training.batches, epoch, position)
            position = 0

    def on_window(
        self, window: Window, before: FitResult | None, since: tuple[float, int, float]
    ) -> tuple[FitResult, Array | None]:
        """The run so far, and which rows are left over of the window; None for these if it has ended."""
        begin, first_step, waited = since
        epoch, part_end = window.part.epoch, window.part.end
        state = None if before is None else before.state
        n_seen = 0 if state is None else state["n_seen"]
        first = min(max(n_seen, window.part.first), part_end) - window.n_left_over
        rows = self.training.batches.rows(epoch, first + window.n_left_over, part_end)
        left_over = np.arange(window.n_left_over, dtype=np.uint32)
        places = np.concatenate([left_over, window.rows_of(rows, self.plan)])
        problem = replace(
            self.head, X=window.X, y=window.y, sample_weight=window.sample_weight, part=self.part
        )
        measured = self.measured()
        call = after_epoch(self.shown, self.watchers, measured, self.judge)

        def since_begin(epoch: int, n: int, loss: float, _: float, *others: Any) -> Any:
            assert call is not None
            return call(epoch, n, loss, time.perf_counter() - begin, *others)

        def made(run: dict[str, Any]) -> FitResult:
            late = waited - run.setdefault("waited", 0.0)
            run["waited"] = waited
            run["state"]["seconds"] += late
            for name in ("elapsed", "epoch_elapsed"):
                run["history"][name] = run["history"][name] + late
            if run["stop_reason"][0] == "window":  # to whom an exception shows it, the run was interrupted
                run["stop_reason"] = ("interrupted", "")
            return self.finished(run, before, measured)

        training = replace(
            self.training,
            state=self.training.state if state is None else state,
            init=self.training.init if state is None else None,
            window=(first, places),
            callback=None if call is None else since_begin,
            checkpoints=self.writer.callback(made),
            stop=tuple(
                left_of(rule, begin, (0 if before is None else before.n_steps) - first_step)
                for rule in self.training.stop
            ),
        )
        run: dict[str, Any] = {}
        try:
            _core.fit(problem, training, run)
            is_used_up = run["stop_reason"][0] == "window"
            result = made(run)
        except ValueError as error:
            self.refuse(window, first, error)
        except KeyboardInterrupt as signal:  # on the way back from the core
            if "stop_reason" not in run:
                raise
            run.setdefault("raised", signal)
            result = made(run)
        if self.comm is not None and run["ended_by"] is not None:
            run.setdefault("raised", self.comm.ended_by(run["ended_by"]))
        if "raised" in run:
            raise_with(run["raised"], replace(result, stop_reason=StopReason.INTERRUPTED))
        if result.stop_reason is StopReason.DIVERGED:
            at_epoch, at_step = run["diverged_at"]
            raise DivergenceError(run["stop_reason"][1], at_epoch, at_step, result)
        assert result.state is not None
        if is_used_up:
            return result, places[result.state["n_seen"] - first :]
        if result.stop_reason is StopReason.EPOCHS:
            return result, places[:0]
        return result, None

    def refuse(self, window: Window, first: int, error: ValueError) -> NoReturn:
        """Raise an error of the core with the place of the row of a window that it is about, if it is.

        Rows of the window that are left over of that before are those of the positions from `first` on.
        """
        source, starts = self.loader.reader.source, self.plan.starts

        def place(row: int) -> tuple[int, int]:
            left_over = self.training.batches.rows(window.part.epoch, first, first + window.n_left_over)
            in_chunks = [np.arange(starts[chunk], starts[chunk + 1]) for chunk in window.chunks]
            number = np.concatenate([left_over.astype(np.int64), *in_chunks])[row]
            chunk = int(self.plan.chunks_of(np.array([number]))[0])
            return chunk, int(number - starts[chunk])

        found = _core.find_not_finite(window.X)
        if found is not None:
            row, column, value = found
            refuse_entry(source, *place(row), column, value)
        text = with_place(str(error), lambda row: source.where(*place(row)))
        raise error if text is None else type(error)(text) from None


def next_of(windows: Any, left_over: Array) -> Window | None:
    """The next window, if there is one."""
    try:
        window: Window = windows.send(left_over)
    except StopIteration:
        return None
    return window


def seconds_of(result: FitResult | None, resume: FitResult | None) -> float:
    """Seconds of training that this call has spent so far."""
    if result is None or result.state is None:
        return 0.0
    before = 0.0 if resume is None or resume.state is None else resume.state["seconds"]
    return float(result.state["seconds"] - before)


def left_of(rule: StopRule, begin: float, n_steps: int) -> StopRule:
    """What a rule about steps and seconds of a call still allows after so many steps."""
    if isinstance(rule, MaxSteps):
        return replace(rule, n=max(rule.n - n_steps, 1))
    if isinstance(rule, MaxSeconds):
        return replace(rule, seconds=max(rule.seconds - (time.perf_counter() - begin), 1e-9))
    return rule
