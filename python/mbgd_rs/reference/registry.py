"""What there is of one kind, by name: losses, penalties, optimizers, schedules."""

from typing import Any, Generic, TypeVar

T = TypeVar("T")
Entry = TypeVar("Entry", bound=Any)


def name_of(choice: Any) -> str:
    """The name of a choice given by name or as an object: "logloss" for "log_loss" and for LogLoss()."""
    return (choice if isinstance(choice, str) else type(choice).__name__).replace("_", "").lower()


class Registry(dict[str, T], Generic[T]):
    """Classes or functions by their own names, in lower case and without underscores.

    >>> shapes = Registry("shape")
    >>> @shapes.add
    ... class UnitDisk: ...
    >>> shapes.named("unit_disk").__name__
    'UnitDisk'
    """

    def __init__(self, argument: str) -> None:
        super().__init__()
        self.argument = argument

    def add(self, entry: Entry) -> Entry:
        """Enters a class or function; used as a decorator."""
        self[name_of(entry.__name__)] = entry
        return entry

    def named(self, choice: Any) -> T:
        """The entry for a choice, which is a name or an object of a class of that name."""
        name = name_of(choice)
        if name not in self:
            names = ", ".join(f'"{name}"' for name in self)
            raise ValueError(f"{self.argument} must be one of {names}, got {choice!r}")
        return self[name]
