"""Files that are replaced as a whole, or not at all."""

from __future__ import annotations

import os
import secrets
import stat
from contextlib import suppress

__all__ = ["replace_file"]


def replace_file(path: str | os.PathLike[str], content: bytes) -> None:
    """Give a file this content; whatever fails, and whenever, the file has its old content or the new one.

    The content goes into another file of the same folder, and so of the same disk, which then takes the name.
    A link stays one: the file that it leads to is replaced.
    """
    target = os.path.realpath(os.fspath(path))
    folder, name = os.path.split(target)
    temporary = os.path.join(folder, f".{name[:100]}.{secrets.token_hex(8)}.tmp")
    try:
        with open(temporary, "xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        with suppress(FileNotFoundError):
            os.chmod(temporary, stat.S_IMODE(os.stat(target).st_mode))
        os.replace(temporary, target)
    except BaseException:
        with suppress(OSError):
            os.unlink(temporary)
        raise
    sync_folder(folder)


def sync_folder(folder: str) -> None:
    """Have the new name survive a crash of the machine, where folders can be synchronised."""
    if os.name != "posix":
        return
    with suppress(OSError):  # some file systems cannot
        opened = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(opened)
        finally:
            os.close(opened)
