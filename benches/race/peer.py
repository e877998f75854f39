"""What a peer says of itself, and how its epochs are timed."""

import importlib
import pkgutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from .case import Case
from .dataset import Dataset

Epochs = Callable[[Dataset, Case], Iterator[float]]
"""Trains epoch after epoch, as long as asked, and yields the seconds of each. The first is a warm-up."""

N_EXTRAPOLATED = 20_000
"""Loops that spend microseconds in the interpreter for each row at b = 1 are run on so many rows."""


@dataclass(frozen=True)
class Peer:
    """A peer, without its library having been imported. `races` is empty if it knows no epoch."""

    name: str
    packages: tuple[str, ...]
    """What is installed from PyPI."""
    modules: tuple[str, ...]
    """What is imported."""
    races: dict[str, Epochs] = field(default_factory=dict)
    takes: Callable[[Case], bool] = lambda case: case.shuffle
    """Which cases of its races it runs."""
    extrapolates: Callable[[Case], bool] = lambda case: False
    """Whether it runs a case on the first `N_EXTRAPOLATED` rows only; its times are scaled up."""
    note: str = ""
    on_request: bool = False
    """Whether it is run only if the environment variable PEERS has its first package."""


def every_peer() -> list[Peer]:
    """All peers of `benches/peers`; every file there has a list `PEERS`."""
    import peers

    files = sorted(module.name for module in pkgutil.iter_modules(peers.__path__))
    files.sort(key=lambda name: name != "numpy")  # what users have now comes first
    return [peer for name in files for peer in importlib.import_module(f"peers.{name}").PEERS]


def timed(epoch: Callable[[], object]) -> Iterator[float]:
    """The seconds of one call after another."""
    while True:
        start = time.perf_counter()
        epoch()
        yield time.perf_counter() - start


def difference(epochs: Callable[[int], object], few: int = 1, more: int = 4) -> Iterator[float]:
    """Seconds of an epoch as a difference: what is done once for a call cancels."""

    def seconds(n_epochs: int) -> float:
        start = time.perf_counter()
        epochs(n_epochs)
        return time.perf_counter() - start

    while True:
        yield (seconds(more) - seconds(few)) / (more - few)
