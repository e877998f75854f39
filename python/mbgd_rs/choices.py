"""Choices, by name as well as by object: classes register themselves in the family they derive from."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Mapping
from typing import Any, ClassVar, Self, TypeVar, get_args

import numpy as np

from .keywords import check_options

__all__ = [
    "Choice",
    "Unsaid",
    "aliases_of",
    "as_name",
    "hint_of_name",
    "members_of",
    "names_of",
    "resolve",
    "without_arrays",
]


class Unsaid(str):
    """A name that the user has not written, told apart from the same one written."""

    __slots__ = ()


class Choice:
    """A choice of a family. What derives from this directly is a family, what derives from that its members.

    A family says which names it has, as a Literal. A member says which of them is its own, and what it is
    called elsewhere, so that errors can point to it. A class without a name is a step between a family and
    its members. Members of a family without names are known by their class.
    """

    name: ClassVar[str]
    _names: ClassVar[tuple[str, ...]]
    _members: ClassVar[dict[str, type[Any]]]
    _aliases: ClassVar[dict[str, str]]
    _others: ClassVar[tuple[str, ...]]
    """Names that say how a member is to be found, which who calls `resolve` has looked for."""

    def __init_subclass__(
        cls,
        *,
        names: Any = None,
        others: tuple[str, ...] = (),
        name: str | None = None,
        aliases: str = "",
        **options: Any,
    ) -> None:
        super().__init_subclass__(**options)
        if Choice in cls.__bases__:
            cls._names, cls._members, cls._aliases, cls._others = get_args(names), {}, {}, others
        elif name is not None:
            if name not in cls._names or name in cls._members:
                free = quoted([name for name in cls._names if name not in cls._members])
                raise TypeError(f"name must be one of {free or 'none'}, got {name!r} for {cls.__name__}")
            cls.name = name
            cls._members[name] = cls
            others = (cls.__name__, *aliases.split())
            cls._aliases.update((simplified(other), name) for other in others)
        elif not cls._names and cls.__module__.split(".")[0] == __package__:
            cls._members[cls.__name__] = cls

    def __new__(cls, *_: Any, **options: Any) -> Self:
        if Choice in cls.__bases__:
            kinds = ", ".join(kind.__name__ for kind in cls._members.values())
            raise TypeError(f"{cls.__name__} is what {kinds} have in common: make one of them")
        check_options(cls, options)
        return super().__new__(cls)


def without_arrays(choice: Choice) -> None:
    """Numbers given as arrays of no dimension become plain ones, which can be compared and hashed."""
    for name, value in vars(choice).items():
        if isinstance(value, np.ndarray) and value.ndim == 0:
            object.__setattr__(choice, name, value.item())


T = TypeVar("T", bound=Choice)


def names_of(family: type[Choice]) -> tuple[str, ...]:
    """The names that stand for members of a family."""
    return family._names


def aliases_of(family: type[Choice]) -> dict[str, str]:
    """What members of a family are called elsewhere, simplified, and their names."""
    return family._aliases


def members_of(family: type[T]) -> dict[str, type[T]]:
    """The members of a family by name, in the order of its names, or by class if it has none."""
    members = family._members
    return {name: members[name] for name in family._names or members}


def resolve(argument: str, choice: Any, family: type[T], *, may_be_found: bool = True) -> T:
    """The object for a name, or the object itself; errors list names that have one found, if that may be."""
    others = family._others if may_be_found else ()
    if isinstance(choice, str):
        name = choice
        if choice not in names_of(family):
            expected = f"one of {quoted([*others, *names_of(family)])}"
            name = as_name(argument, choice, names_of(family), aliases=aliases_of(family), expected=expected)
        member: type[T] = family._members[name]
        return member()
    if isinstance(choice, family):
        return choice
    members = members_of(family)
    kinds = ", ".join(kind.__name__ for kind in members.values())
    is_class = isinstance(choice, type)
    instance = ", an instance" if is_class else ""
    hint = f": did you mean {choice.__name__}()?" if is_class and issubclass(choice, family) else ""
    names = quoted([*others, *members])
    raise TypeError(f"{argument} must be one of {names} or {kinds}{instance}, got {choice!r}{hint}")


def as_name(
    argument: str,
    given: str,
    names: Collection[str],
    *,
    aliases: Mapping[str, str] | None = None,
    expected: str | None = None,
) -> str:
    """The name that is given, in upper or lower case; else an error that says which one is nearest."""
    if given in names:
        return given
    same = [name for name in names if name.lower() == given.lower()]
    if len(same) == 1:
        return same[0]
    meant = hint_of_name(given, names, aliases or {})
    hint = f": did you mean {meant!r}?" if meant else ""
    raise ValueError(f"{argument} must be {expected or f'one of {quoted(names)}'}, got {given!r}{hint}")


def hint_of_name(given: str, names: Collection[str], aliases: Mapping[str, str]) -> str | None:
    """The name that is nearest to what is given, None if none is like it."""
    known = {simplified(name): name for name in names} | dict(aliases)
    near = difflib.get_close_matches(simplified(given), known, n=1, cutoff=0.75)
    return known[near[0]] if near else None


def simplified(name: str) -> str:
    """Without case and without what divides words."""
    return "".join(character for character in name.lower() if character.isalnum())


def quoted(names: Collection[str]) -> str:
    """A list of names, for messages."""
    return ", ".join(map(repr, names))
