"""Lines of the svmlight format as numbers: ``label column:value column:value # comment``."""

from __future__ import annotations

from collections.abc import Iterator
from io import FileIO
from typing import Any, NamedTuple

from numpy.typing import NDArray

from .. import _core

__all__ = ["Lines", "Malformed", "blocks"]

Array = NDArray[Any]
BLOCK_BYTES = 1 << 22
"""What is read at once."""


class Malformed(ValueError):
    """A line is not of the format; `row` counts those with content in what was read."""

    def __init__(self, row: int, text: str) -> None:
        super().__init__(text)
        self.row = row


def blocks(opened: FileIO, begin: int, end: int) -> Iterator[tuple[int, bytes]]:
    """The bytes of a file from `begin` to `end`, in pieces of whole lines, and where each begins."""
    opened.seek(begin)
    rest = b""
    while begin + len(rest) < end:
        more = opened.read(min(BLOCK_BYTES, end - begin - len(rest)))
        if not more:
            break
        text = rest + more
        cut = len(text) if begin + len(text) >= end else text.rfind(b"\n") + 1
        if cut:
            yield begin, text[:cut]
        begin, rest = begin + cut, text[cut:]


class Lines(NamedTuple):
    """What whole lines say."""

    begins: Array
    """Where each begins."""
    labels: Array
    counts: Array
    """Entries of each."""
    columns: Array
    """Of each entry, as it is written."""
    values: Array

    @classmethod
    def of(cls, text: bytes) -> Lines:
        """Read lines.

        Raises
        ------
        Malformed
            At the first line that is not of the format.
        """
        arrays, malformed = _core.svmlight_lines(text)
        if malformed is not None:
            row, expected, got = malformed
            raise Malformed(row, f"{expected}, got {got}")
        assert arrays is not None
        return cls(*arrays)
