"""The files of a source: which they are, and whether they are still what they were."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterable
from dataclasses import dataclass
from io import FileIO
from typing import Any

__all__ = ["File", "files_of"]


@dataclass(frozen=True)
class File:
    """A file as it was when it was first seen."""

    name: str
    """The path as it was given, for messages."""
    path: str
    """The same, absolute: the current folder may change."""
    size: int
    """Bytes."""
    changed: int
    """When it was last changed, in nanoseconds."""

    @classmethod
    def at(cls, name: str) -> File:
        """The file of this path, as it is now."""
        status = os.stat(name)
        return cls(name, os.path.abspath(name), status.st_size, status.st_mtime_ns)

    def open(self) -> FileIO:
        """The file, unbuffered, if it is what it was.

        It is opened for every read, so that a source holds nothing open and can be copied to other processes.
        """
        opened = open(self.path, "rb", buffering=0)  # noqa: SIM115  # given to the caller
        try:
            self.check(os.fstat(opened.fileno()))
        except BaseException:
            opened.close()
            raise
        return opened

    def check(self, status: os.stat_result | None = None) -> None:
        """Refuse a file that has changed since it was first seen."""
        status = status or os.stat(self.path)
        if (status.st_size, status.st_mtime_ns) != (self.size, self.changed):
            raise ValueError(
                f"{self.name!r} must not change while it is a source, got {status.st_size} bytes "
                f"where there were {self.size}, of another time: make the source anew"
            )

    @property
    def identity(self) -> tuple[str, int, int]:
        """What differs if the content does: it may be in another folder."""
        return os.path.basename(self.name), self.size, self.changed

    def identity_now(self) -> tuple[str, int, int]:
        """The same, of the file as it is now."""
        return File.at(self.path).identity


def files_of(argument: str, paths: Any, endings: tuple[str, ...]) -> tuple[File, ...]:
    """The files of a path, a pattern as "rows-*.npy", a folder, or a list of these.

    Those of a pattern or a folder are sorted by name; of a folder they are those with one of the `endings`.
    """
    if isinstance(paths, str | os.PathLike):
        paths = [paths]
    if not isinstance(paths, Iterable):
        raise TypeError(f"{argument} must be a path or a list of paths, got {paths!r}")
    found: list[str] = []
    for path in paths:
        if not isinstance(path, str | os.PathLike) or isinstance(name := os.fspath(path), bytes):
            raise TypeError(f"{argument} must be a path or a list of paths, got {path!r} in it")
        if os.path.isdir(name):
            inside = sorted(entry.path for entry in os.scandir(name) if entry.name.endswith(endings))
            if not inside:
                raise FileNotFoundError(
                    f"{argument} must have files {' or '.join(endings)}, got folder {name!r}"
                )
            found += inside
        elif glob.has_magic(name) and not os.path.exists(name):
            matching = sorted(glob.glob(name))
            if not matching:
                raise FileNotFoundError(f"{argument} must match files, got {name!r}, which matches none")
            found += matching
        elif os.path.isfile(name):
            found.append(name)
        else:
            raise FileNotFoundError(f"{argument} must be files, got {name!r}, which is none")
    if not found:
        raise ValueError(f"{argument} must have at least one file, got an empty list")
    return tuple(map(File.at, found))
