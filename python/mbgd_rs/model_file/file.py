"""A model in a file: written as a whole, read with all checks."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..replacing import replace_file
from .container import pack, unpack
from .fields import model_fields, model_of, resuming_fields, resuming_of
from .values import Reading, Writing

__all__ = ["ModelFile", "check_can_be_saved", "read_model", "refused", "write_model"]


@dataclass(frozen=True, eq=False)
class ModelFile:
    """What a model file says."""

    result: dict[str, Any]
    """The arguments of :class:`mbgd_rs.FitResult`."""
    estimator: dict[str, Any] | None
    """What `write_model` was given as `estimator`."""


def write_model(
    path: str | os.PathLike[str], result: Any, *, state: bool, estimator: dict[str, Any] | None = None
) -> None:
    """Write a result into a file, atomically.

    Parameters
    ----------
    path : str or path
        Where. What was there is replaced as soon as all has been written.
    result : FitResult
    state : bool
        Whether to write what going on needs, too.
    estimator : dict, optional
        What makes an estimator of the result: "class", its name, and anything else that a file can have, as
        its parameters in "params". :func:`read_model` gives it back, and which estimator that is is for the
        caller to know.
    """
    writing = Writing()
    document = {
        "model": model_fields(result, writing, with_all_history=state),
        "resume": resuming_fields(result, writing) if state else None,
        "estimator": None if estimator is None else writing.value("estimator", estimator),
    }
    replace_file(path, pack(document, writing.arrays))


def check_can_be_saved(values: dict[str, Any]) -> None:
    """TypeError for a value that a file cannot have, by its name, while there is nothing to lose yet."""
    writing = Writing()
    for name, value in values.items():
        writing.value(name, value)


def read_model(path: str | os.PathLike[str]) -> ModelFile:
    """Read what `write_model` has written; ValueError for any other content. Nothing in the file is run."""
    return checked_model(Path(path).read_bytes(), os.fspath(path))


def checked_model(file: bytes, name: str) -> ModelFile:
    """What the bytes of a file say."""
    with refused(name):
        return model_in(file)


@contextmanager
def refused(name: str) -> Iterator[None]:
    """Where a file says nonsense, all kinds of errors become a ValueError with its name."""
    try:
        yield
    except (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError) as error:
        reason = f"{type(error).__name__} {error}" if isinstance(error, LookupError) else error
        raise ValueError(f"{name} must be a model file, as save writes it: {reason}") from error


def model_in(file: bytes) -> ModelFile:
    """The same, with errors as they come."""
    document, arrays = unpack(file)
    unknown = document.keys() - {"format", "version", "model", "resume", "estimator"}
    if unknown:
        raise ValueError(f"its document has {', '.join(sorted(unknown))}, which no format has")
    reading = Reading(arrays)
    model = model_of(document["model"], reading, document["format"])
    resuming = resuming_of(document["resume"], reading, model)
    estimator = reading.value(document["estimator"])
    if estimator is not None and not isinstance(estimator, dict):
        raise ValueError(f"its estimator must be a dict or None, got {estimator!r:.100}")
    if reading.arrays:
        raise ValueError(f"its tensors {', '.join(sorted(reading.arrays))} belong nowhere")
    return ModelFile({**model, **resuming}, estimator)
