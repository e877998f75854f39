"""Checkpoints of a run: what it goes on from, and what is written while it goes on."""

from __future__ import annotations

import errno
import os
import re
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from .arguments import CheckpointCallback
from .callers import warn
from .checkpoint import Checkpoint
from .model_file import check_can_be_saved, read_model, refused, write_model
from .result import FitResult
from .stop_reason import StopReason
from .stopping import MaxSteps, StopRule

__all__ = ["CheckpointWriter", "Resumption", "resumption_of"]

NAME = re.compile(r"step-([0-9]{12,})\.safetensors")
UNFINISHED = re.compile(r"\.step-[0-9]{12,}\.safetensors\.[0-9a-f]{16}\.tmp")
"""What a run that was killed has left of a checkpoint."""
ENDS = (StopReason.NO_IMPROVEMENT, StopReason.TARGET, StopReason.CONVERGED, StopReason.CALLBACK)
"""Reasons of a run to be over, whatever epochs it has left."""


@dataclass(frozen=True, eq=False)
class Resumption:
    """What a run goes on from."""

    result: FitResult | None = None
    is_same_call: bool = False
    """Whether it is begun again, so that epochs and steps are counted from its beginning."""
    folders: tuple[Path, ...] = ()
    """Where the checkpoints are its own."""

    def left(self, n_epochs: int, rules: tuple[StopRule, ...]) -> tuple[int, tuple[StopRule, ...]]:
        """The epochs and the rules of the call, without what has been done of them."""
        if not self.is_same_call or self.result is None:
            return n_epochs, rules
        n_steps = self.result.n_steps
        left = [MaxSteps(max(rule.n - n_steps, 1)) if isinstance(rule, MaxSteps) else rule for rule in rules]
        return max(n_epochs - self.result.n_epochs, 0), tuple(left)

    def is_over(self, n_epochs_left: int, rules: Iterable[StopRule]) -> bool:
        """Whether nothing is left to do, by the rules as they were given."""
        if not self.is_same_call or self.result is None:
            return False
        reason, n_steps = self.result.stop_reason, self.result.n_steps
        has_all_steps = any(isinstance(rule, MaxSteps) and rule.n <= n_steps for rule in rules)
        return reason in ENDS or has_all_steps or (reason is StopReason.EPOCHS and n_epochs_left == 0)


def resumption_of(resume: Any, checkpoints: Sequence[Checkpoint]) -> Resumption:
    """What `resume` says: a result, a file, a folder, or the newest of the checkpoints."""
    if resume is None or isinstance(resume, FitResult):
        return Resumption(resume)
    if isinstance(resume, str) and resume.lower() == "auto":
        if not checkpoints:
            raise ValueError("resume must be a FitResult or a path if there is no checkpoint=, got 'auto'")
        folders = tuple(folder_of(checkpoint) for checkpoint in checkpoints)
        found = newest_whole([path for folder in folders for path in checkpoints_in(folder)])
        return Resumption(found, True, folders) if found else Resumption(None, True)
    if not isinstance(resume, str | os.PathLike):
        raise TypeError(f"resume must be a FitResult, a path or 'auto', got {type(resume).__name__}")
    path = Path(resume)
    if path.is_dir():
        found = newest_whole(checkpoints_in(path))
        if found is None:
            raise ValueError(
                f"resume must be a folder with checkpoints, as Checkpoint writes them, got {os.fspath(path)} "
                "without any: resume='auto' begins anew where there are none"
            )
        return Resumption(found, folders=(path.resolve(),))
    if not path.exists():
        raise FileNotFoundError(errno.ENOENT, "resume must be a folder or a file that is there", str(path))
    files = checkpoints_in(path.parent)
    is_newest = bool(files) and files[-1].name == path.name
    return Resumption(result_in(path), folders=(path.parent.resolve(),) if is_newest else ())


class CheckpointWriter:
    """Writes the checkpoints of one run into folders that are its own.

    `kept` are values that all of them will have, some of which a file may be unable to have. Of several
    processes that make the run one `writes`.
    """

    def __init__(
        self,
        checkpoints: Sequence[Checkpoint],
        resumption: Resumption,
        kept: dict[str, Any],
        *,
        writes: bool = True,
    ) -> None:
        if checkpoints:
            check_can_be_saved({name: value for name, value in kept.items() if name != "optimizer"})
        self.places = [(folder_of(checkpoint), checkpoint) for checkpoint in checkpoints]
        self.last = [time.monotonic()] * len(self.places)
        self.seconds = 0.0
        """Spent on writing."""
        self.error: Exception | None = None
        self.writes = writes
        for folder, _ in self.places if writes else ():
            claim(folder, resumption)

    def callback(self, make: Callable[[dict[str, Any]], FitResult]) -> CheckpointCallback | None:
        """What the core calls when one is due; `make` makes a result of what the core gives back."""
        intervals = tuple(checkpoint.interval for _, checkpoint in self.places)
        return (
            CheckpointCallback(lambda run, due: self.save(make(run), due), intervals) if intervals else None
        )

    def between(self, result: FitResult) -> None:
        """Writes those that are due where one call of the core has ended and the next goes on."""
        if not self.writes:
            return
        due = [
            is_due(checkpoint, result, time.monotonic() - last)
            for (_, checkpoint), last in zip(self.places, self.last, strict=True)
        ]
        if any(due):
            self.save(result, due)

    def save(self, result: FitResult, due: list[bool]) -> None:
        """Writes those that are due."""
        begin = time.monotonic()
        result = replace(result, stop_reason=StopReason.INTERRUPTED)
        try:
            for i, (folder, checkpoint) in enumerate(self.places):
                if due[i]:
                    write_checkpoint(result, folder, checkpoint.keep)
                    self.last[i] = time.monotonic()
        except Exception as error:
            self.error = error
            raise
        self.seconds += time.monotonic() - begin

    def finish(self, result: FitResult, raised: BaseException | None = None) -> None:
        """Writes all, when the run has ended; not if writing is what has ended it."""
        if not self.writes or (raised is not None and raised is self.error):
            return
        try:
            for folder, checkpoint in self.places:
                write_checkpoint(result, folder, checkpoint.keep)
        except Exception as error:
            if raised is None:
                raise
            raised.add_note(f"the run could not be saved: {type(error).__name__}: {error}")


def is_due(checkpoint: Checkpoint, result: FitResult, seconds: float) -> bool:
    """Whether one is due so many seconds after the last; the core has asked within epochs."""
    every, unit = checkpoint.interval
    if unit == "seconds":
        return seconds >= every
    assert result.state is not None
    n = result.n_epochs if unit == "epochs" else result.n_steps
    return bool(result.state["step"] == 0 and n % every == 0)


def write_checkpoint(result: FitResult, folder: Path, keep: int | None) -> None:
    """Writes a result into a folder, named after its steps, and removes the oldest of those before it."""
    write_model(folder / f"step-{result.n_steps:012d}.safetensors", result, state=True)
    if keep is not None:
        older = [path for path in checkpoints_in(folder) if step_of(path) < result.n_steps]
        for path in older[: max(len(older) - keep + 1, 0)]:
            with suppress(OSError):  # tried again after the next
                path.unlink()


def claim(folder: Path, resumption: Resumption) -> None:
    """Makes the folder if need be; refuses one with the checkpoints of another run."""
    files = checkpoints_in(folder)
    if files and folder.resolve() not in resumption.folders and not is_of(files[-1], resumption.result):
        raise ValueError(
            f"checkpoint must write into a folder without checkpoints of another run, got {folder} with "
            f"{files[-1].name}: resume='auto' goes on with that run, another folder begins one"
        )
    folder.mkdir(parents=True, exist_ok=True)
    for entry in os.scandir(folder):
        if UNFINISHED.fullmatch(entry.name):
            with suppress(OSError):
                os.unlink(entry.path)


def is_of(file: Path, result: FitResult | None) -> bool:
    """Whether a checkpoint is of the run that is gone on with, where that stands."""
    if result is None or result.state is None or step_of(file) != result.n_steps:
        return False
    saved = result_in(file).state
    return saved is not None and bool(saved["params"].tobytes() == result.state["params"].tobytes())


def folder_of(checkpoint: Checkpoint) -> Path:
    """Where it writes, also if the working folder is changed meanwhile."""
    return Path(checkpoint.path).resolve()


def checkpoints_in(folder: Path) -> list[Path]:
    """The checkpoints in a folder, the oldest first."""
    if not folder.is_dir():
        return []
    return sorted((path for path in folder.iterdir() if NAME.fullmatch(path.name)), key=step_of)


def step_of(path: Path) -> int:
    """Steps of the run in a checkpoint."""
    found = NAME.fullmatch(path.name)
    assert found is not None
    return int(found[1])


def newest_whole(files: list[Path]) -> FitResult | None:
    """The result in the newest of these that is not damaged; None if there are none at all."""
    damages = []
    for file in sorted(files, key=step_of, reverse=True):
        try:
            found = result_in(file)
        except ValueError as error:  # a disk may lose what it has promised to keep
            damages.append(str(error))
            continue
        for damage in damages:
            warn(f"an older checkpoint is resumed: {damage}")
        return found
    if damages:
        raise ValueError(f"resume must be a folder with a whole checkpoint, got none: {damages[0]}")
    return None


def result_in(path: Path) -> FitResult:
    """The run in a file; ValueError if it has none that can be resumed."""
    file = read_model(path)
    if file.estimator is not None:
        raise ValueError(f"resume must be a file of a FitResult, got {path} of an estimator")
    with refused(os.fspath(path)):
        result = FitResult(**file.result)
    if result.state is None:
        raise ValueError(
            f"resume must be a run with its state, got {path} without: save it by save(path, state=True)"
        )
    return result
