"""What the ranks of a run must have in common, compared before the first step."""

from __future__ import annotations

import re
from hashlib import sha256
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import _core
from .arguments import Training
from .objective import Problem
from .own_rows import RowsOfRanks, is_sparse_rows
from .ranks import Ranks
from .result import FitResult
from .sparse import SparseRows

__all__ = ["check_same_call", "check_same_model"]

Array = NDArray[Any]
N_ROWS = 8
"""Rows of X whose values are compared."""
COMPARED = (
    *("epochs", "accumulate", "average", "clip_norm", "clip_value", "record", "stop", "metrics", "init"),
    "sync_every",
)
"""Of :class:`Training`: what must be the same on all ranks."""


def check_same_call(
    ranks: Ranks,
    training: Training,
    problem: Problem,
    validation: Problem | None,
    arguments: dict[str, Any],
    resume: FitResult | None,
) -> None:
    """Refuse, on all ranks, what is not the same call on all of them."""
    told = training.step_callback
    compared: dict[str, Any] = {
        **{name: getattr(training, name) for name in COMPARED},
        **arguments,
        "penalty": problem.penalty,
        "batch_size": training.batches.batch_size(0),
        "every_steps of the callback": None if told is None else (told.every, told.with_params),
        "resume": None if resume is None else (resume.n_steps, *resume.params.values()),
    }
    check_alike(ranks, problem, validation, compared)


def check_same_model(ranks: Ranks, result: FitResult) -> None:
    """End, on all ranks, a run of which they have made different ones: they have read different rows."""
    assert result.state is not None
    if any(ranks.core.compare([digest_of(result.state["params"])])):
        raise RuntimeError(
            f"comm: after epoch {result.n_epochs} the {ranks.size} ranks do not have the same parameters: "
            "their sources have given different rows"
        )


def check_alike(ranks: Ranks, problem: Problem, judged: Problem | None, arguments: dict[str, Any]) -> None:
    """Refuse, on all ranks, calls that are not the same.

    Raises
    ------
    ValueError
        If data or arguments differ between ranks; it says which.
    """
    described = {
        "the version of mbgd_rs": _core.__version__,
        **arguments,
        **of_data("", problem),
        "whether there is validation data": judged is not None,
        **of_data("validation: ", problem if judged is None else judged),
    }
    digests = [digest_of(value) for value in described.values()]
    differ = ranks.core.compare(digests)
    names = [name for name, differs in zip(described, differ, strict=True) if differs]
    if names:
        shown = ", ".join(f"{name} ({short(described[name])})" for name in names)
        raise ValueError(
            f"comm: every rank must make the same call, but on {ranks.size} ranks there are different values "
            f"of: {shown} on rank {ranks.rank}"
        )


def of_data(prefix: str, problem: Problem) -> dict[str, Any]:
    """What is compared of data: all sizes, and values of a few rows."""
    n_rows = len(problem.X)
    rows = np.unique(np.linspace(0, n_rows - 1, N_ROWS).astype(np.intp))
    is_shared = isinstance(problem.X, RowsOfRanks)  # then there is nothing to compare
    some = None if is_shared else problem.X[rows]
    arrays = {"sample_weight": problem.sample_weight, "offset": problem.offset, "y": problem.y}
    return {
        f"{prefix}the dtype of X": str(problem.X.dtype),
        f"{prefix}the kind of X": "sparse" if is_sparse_rows(problem.X) else "dense",
        f"{prefix}the shape of X": tuple(problem.X.shape),
        f"{prefix}values of X": (some.data, some.indices) if isinstance(some, SparseRows) else some,
        f"{prefix}the classes": problem.classes,
        **{f"{prefix}{name}": None if array is None else array[rows] for name, array in arrays.items()},
    }


def text_of(value: Any) -> str:
    """The same text for the same value in every process: no addresses of objects."""
    return re.sub(r" at 0x[0-9a-fA-F]+", "", repr(value))


def short(value: Any) -> str:
    """A value as an error shows it."""
    if isinstance(value, np.ndarray | tuple) and not is_shape(value):
        return "values differ"
    text = text_of(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def is_shape(value: Any) -> bool:
    """Whether a value is a tuple of plain numbers."""
    return isinstance(value, tuple) and all(isinstance(n, int) for n in value)


def digest_of(value: Any) -> int:
    """A number of 64 bits by which different values are told apart."""
    return int.from_bytes(sha256(bytes_of(value)).digest()[:8], "little")


def bytes_of(value: Any) -> bytes:
    """The same bytes for the same value in every process."""
    if isinstance(value, tuple | list):
        return b"(" + b",".join(map(bytes_of, value)) + b")"
    if isinstance(value, np.ndarray) and value.dtype != object:
        return f"{value.dtype} {value.shape} ".encode() + np.ascontiguousarray(value).tobytes()
    return text_of(value).encode()
