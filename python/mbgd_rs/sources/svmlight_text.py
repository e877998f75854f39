"""Lines of the svmlight format as numbers: ``label column:value column:value # comment``.

Lines are taken apart by passes of NumPy over their bytes, and not one by one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from io import FileIO
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

__all__ = ["Lines", "Malformed", "blocks"]

Array = NDArray[Any]
BLOCK_BYTES = 1 << 20
"""What is taken apart at once: its intermediate arrays are several times as large."""
NEWLINE, SPACE, ZERO, COLON = 10, 32, 48, 58
LAST = -7.25e-301
"""What is put behind the last number, to see whether all of them were read."""
NUMBER = re.compile(rb"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?|[+-]?(inf|infinity|nan)", re.IGNORECASE)


class Malformed(ValueError):
    """A line is not of the format; `row` counts those with content in what was to be taken apart."""

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


@dataclass(frozen=True)
class Lines:
    """Whole lines, and where in them everything is."""

    text: bytes
    """Comments and "qid:" blanked out."""
    starts: Array
    """Where each word begins."""
    first: Array
    """Which words are labels, the first of their lines."""
    counts: Array
    """Entries of each line."""
    columns: Array
    """Which words are entries."""
    colons: Array
    """Where the colon of each entry is."""

    @classmethod
    def of(cls, text: bytes) -> Lines:
        """Take lines apart.

        Raises
        ------
        Malformed
            If a word after the first of a line is not of the form "column:value".
        """
        if b"#" in text:
            text = re.sub(rb"#[^\n]*", blank, text)
        if b"qid:" in text:
            text = re.sub(rb"(?<=\s)qid:\S*", blank, text)
        codes = np.frombuffer(text, np.uint8)
        is_word = codes > SPACE
        starts = np.flatnonzero(is_word[1:] & ~is_word[:-1]) + 1
        if len(is_word) and is_word[0]:
            starts = np.append(0, starts)
        ends = np.append(np.flatnonzero(codes == NEWLINE), len(codes))
        n_words = np.diff(np.searchsorted(starts, ends), prepend=0)
        n_words = n_words[n_words > 0]
        first = np.append(0, np.cumsum(n_words)[:-1]) if len(n_words) else np.zeros(0, np.intp)
        is_entry = np.ones(len(starts), bool)
        is_entry[first] = False
        columns = np.flatnonzero(is_entry)
        colons = np.flatnonzero(codes == COLON)
        lines = cls(text, starts, first, n_words - 1, columns, colons)
        after = np.append(starts, len(codes))[columns + 1]
        # Colons have a column before them and a value after them, in the same word.
        if len(colons) != len(columns) or not ((starts[columns] < colons) & (colons + 1 < after)).all():
            lines.refuse()
        if len(colons) and (colons[-1] + 1 == len(codes) or (codes[colons + 1] <= SPACE).any()):
            lines.refuse()
        return lines

    def __len__(self) -> int:
        return len(self.first)

    def begin(self, row: int) -> int:
        """Where a line begins."""
        return int(self.starts[self.first[row]])

    def labels(self) -> Array:
        """The label of each line."""
        after = np.append(self.starts, len(self.text))[self.first + 1]
        words = [self.text[i:j] for i, j in zip(self.starts[self.first], after, strict=True)]
        labels = floats(b" ".join(words))
        if len(labels) != len(self):
            self.refuse()
        return labels

    def integers(self, entries: Array) -> Array:
        """The columns of some entries, as they are written."""
        codes = np.frombuffer(self.text, np.uint8)
        at, ends = self.starts[self.columns[entries]].copy(), self.colons[entries]
        numbers = np.zeros(len(at), np.int64)
        for _ in range(int((ends - at).max(initial=0))):
            digits = codes[np.minimum(at, ends)].astype(np.int64) - ZERO
            is_there = at < ends
            if (is_there & ((digits < 0) | (digits > 9))).any() or (numbers > 2**59).any():
                self.refuse()
            numbers = np.where(is_there, 10 * numbers + digits, numbers)
            at += 1
        return numbers

    def extremes(self) -> tuple[Array, Array]:
        """The first and the last column of each line that has entries."""
        last = np.cumsum(self.counts)[self.counts > 0] - 1
        return self.integers(last - self.counts[self.counts > 0] + 1), self.integers(last)

    def numbers(self) -> tuple[Array, Array, Array]:
        """Labels, columns as they are written, and values."""
        columns = self.integers(np.arange(len(self.columns)))
        is_first = np.zeros(len(columns) + 1, bool)
        is_first[np.cumsum(self.counts)] = True  # the entry after a line
        if (np.diff(columns) <= 0)[~is_first[1:-1]].any():
            self.refuse()
        digits = self.single_digits()
        if digits is not None:
            return self.labels(), columns, digits
        # Columns and colons are blanked out, so that labels and values are left.
        codes = np.frombuffer(self.text, np.uint8).copy()
        at = self.starts[self.columns]
        for _ in range(int((self.colons - at).max(initial=-1)) + 1):
            codes[np.minimum(at, self.colons)] = SPACE
            at += 1
        numbers = floats(codes.tobytes())
        if len(numbers) != len(self) + len(columns):
            self.refuse()
        is_label = np.zeros(len(numbers), bool)
        is_label[np.arange(len(self)) + np.cumsum(self.counts) - self.counts] = True
        return numbers[is_label], columns, numbers[~is_label]

    def single_digits(self) -> Array | None:
        """The values, if each is written as one digit, as in sets whose features are there or not."""
        codes = np.frombuffer(self.text + b"\n", np.uint8)
        if (codes[self.colons + 2] > SPACE).any():
            return None
        digits = codes[self.colons + 1] - np.uint8(ZERO)  # what is less wraps around
        return None if (digits > 9).any() else digits

    def refuse(self) -> NoReturn:
        """Says which is the first line that is wrong, and why."""
        lines = [line.decode("utf-8", "replace").split() for line in self.text.split(b"\n")]
        row = -1
        for row, (label, *words) in enumerate(line for line in lines if line):
            if not is_float(label):
                raise Malformed(row, f"a label that is a number, got {label!r}")
            last = -1
            for word in words:
                column, colon, value = word.partition(":")
                if not (colon and column.isascii() and column.isdigit() and is_float(value)):
                    raise Malformed(row, f"entries as 3:0.5, a column and a value, got {word!r}")
                if int(column) <= last:
                    raise Malformed(row, f"ascending columns, got {int(column)} after {last}")
                last = int(column)
                if last >= 2**59:
                    raise Malformed(row, f"columns < 2**59, got {last}")
        raise Malformed(row, "lines of numbers, got one that NumPy does not read")


def blank(match: re.Match[bytes]) -> bytes:
    """As many blanks: whatever follows stays where it is."""
    return b" " * len(match[0])


def is_float(word: str) -> bool:
    """Whether a word is a number, written as in C."""
    return NUMBER.fullmatch(word.encode()) is not None


def floats(text: bytes) -> Array:
    """The numbers of a text with blanks between them; none, if not all of it are numbers.

    Of a word like "1-2" NumPy makes two numbers, which is for the caller to notice, by how many there are.
    """
    try:
        numbers: Array = np.fromstring(text + b" %a" % LAST, sep=" ")
    except (ValueError, DeprecationWarning):
        return np.zeros(0)
    return numbers[:-1] if len(numbers) and numbers[-1] == LAST else np.zeros(0)
