"""Names in docstrings, written once: by the classes that have them."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Callable, Iterable
from typing import TypeVar

__all__ = ["with_names"]

F = TypeVar("F", bound=Callable[..., object])


def with_names(**lists: Iterable[str]) -> Callable[[F], F]:
    """Writes lists of names into the docstring of a function, each in place of a line ``<which>``."""

    def written(function: F) -> F:
        for which, names in lists.items():
            text = ", ".join(f'"{name}"' for name in names)

            def wrapped(line: re.Match[str], text: str = text) -> str:
                return textwrap.fill(text + line[2], 110, initial_indent=line[1], subsequent_indent=line[1])

            if function.__doc__ is not None:  # it is under python -OO
                pattern = rf"^( *)<{which}>(.*)$"
                function.__doc__, n = re.subn(pattern, wrapped, function.__doc__, flags=re.MULTILINE)
                assert n, f"the docstring of {function} has no line <{which}>"
        return function

    return written
