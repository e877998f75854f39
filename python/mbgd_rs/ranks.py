"""Several processes that make the same run: the argument `comm` of `fit`."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from typing import Any, TypeVar

from . import _core

__all__ = ["Ranks", "together"]

R = TypeVar("R")


class Ranks:
    """The processes of a run, which speak by a communicator of their own."""

    def __init__(self, comm: Any) -> None:
        from mpi4py import MPI

        self.rank: int = comm.Get_rank()
        self.size: int = comm.Get_size()
        self._comm = comm.Dup()
        self.core = _core.Ranks(
            address_of("MPI_Sendrecv", MPI),
            [MPI._handleof(self._comm), MPI._handleof(MPI.BYTE)],
            MPI._sizeof(MPI.Comm),
            self.rank,
            self.size,
        )

    def gathered(self, numbers: list[int]) -> list[tuple[int, ...]]:
        """The numbers of all ranks, which give equally many, each >= 0 and of 64 bits."""
        flat = self.core.gathered(numbers)
        return [tuple(flat[first : first + len(numbers)]) for first in range(0, len(flat), len(numbers))]

    def fail(self, error: BaseException) -> None:
        """Tell the others that this rank cannot go on, if they do not know yet."""
        text = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
        self.core.fail(text)

    def free(self) -> None:
        """Give the communicator back; all ranks do."""
        self._comm.Free()

    def ended_by(self, ended_by: tuple[int, str]) -> RuntimeError:
        """What is raised where another rank has ended the run from outside."""
        rank, cause = ended_by
        return RuntimeError(f"rank {rank} of {self.size} ended the run: {cause}")


def address_of(function: str, mpi: Any) -> int:
    """Where a function of the MPI is that mpi4py has loaded."""
    found = ctypes.cast(getattr(ctypes.CDLL(mpi.__file__), function), ctypes.c_void_p).value
    assert found is not None
    return found


def ranks_of(comm: Any) -> Ranks | None:
    """The processes of a communicator of mpi4py; None if there is one only."""
    if comm is None:
        return None
    if not all(hasattr(comm, name) for name in ("Dup", "Get_rank", "Is_inter")):
        raise TypeError(f"comm must be a communicator of mpi4py, as MPI.COMM_WORLD is, got {comm!r}")
    if comm.Is_inter():
        raise ValueError(f"comm must be an intracommunicator, got {comm!r}")
    return None if comm.Get_size() == 1 else Ranks(comm)


def together(comm: Any, function: Callable[..., R], arguments: dict[str, Any]) -> R:
    """Call a function with a :class:`Ranks`, or None, as `comm`. What it raises the other ranks learn."""
    ranks = ranks_of(comm)
    if ranks is None:
        return function(**{**arguments, "comm": None})
    try:
        result = function(**{**arguments, "comm": ranks})
        ranks.core.fail("it had nothing left to do")  # if it has returned before it has met the others
        return result
    except BaseException as error:
        ranks.fail(error)
        raise
    finally:
        ranks.free()
