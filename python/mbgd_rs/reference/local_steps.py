"""Local SGD: processes that make steps on their own shares of the batches, and average now and then."""

from copy import deepcopy
from typing import Any

import numpy as np

from .data import n_rows_of
from .observers import Observers
from .shuffle import Rows, joined

__all__ = ["descend_locally"]

Run = Any
"""A run of `training`, which imports this."""


def descend_locally(run: Run, observers: Observers, n_epochs: int, n_ranks: int, every: int) -> str:
    """Trains as so many processes do; returns why the run ended.

    Of every batch each process makes a step on its share, a run of rows. After `every` steps, counted from
    the beginning of the epoch, and after its last, the parameters, what the optimizer remembers and the
    average become the means of those of all. Only then somebody looks.
    """
    runs = [run, *(copied(run) for _ in range(1, n_ranks))]
    for epoch in range(n_epochs):
        for of_rank in runs:
            steps = of_rank.shuffle(epoch)
        start = 0
        for i, group in enumerate(steps):
            batch = joined(group)
            for rank, of_rank in enumerate(runs):
                first, rows = share_of(batch, rank, n_ranks)
                of_rank.position = start + first
                seen = of_rank.loss_sum, of_rank.n_seen
                step = of_rank.update(of_rank.gradient([rows]))
                if n_rows_of(batch) < n_ranks and rank > 0:
                    of_rank.loss_sum, of_rank.n_seen = seen
            start += n_rows_of(batch)
            if (i + 1) % every == 0 or i + 1 == len(steps):
                synchronise(runs)
                observers.end_step(run, step)
                if observers.reason and i + 1 < len(steps):
                    return observers.reason
        for other in runs[1:]:
            run.loss_sum, run.n_seen = run.loss_sum + other.loss_sum, run.n_seen + other.n_seen
        values = run.values()
        observers.end_epoch(run, values)
        for of_rank in runs:
            of_rank.end_epoch(values)
        if observers.reason:
            return observers.reason
    return "epochs"


def copied(run: Run) -> Run:
    """A run of its own on the same data."""
    known: dict[int, Any] = {id(part): part for part in (run.objective, run.data, run.data.stored)}
    for params in (run.w, run.g, run.averaged):  # which are full of views
        known[id(params)] = run.objective.model.zeros()
        known[id(params)].flat[...] = params.flat
    return deepcopy(run, known)


def share_of(batch: Rows, rank: int, n_ranks: int) -> tuple[int, Rows]:
    """The rows of a batch that are a rank's, and where in it they begin.

    Of fewer rows than there are ranks everyone has all.

    >>> [share_of(np.array([5, 3, 8, 1, 4]), rank, 2)[1].tolist() for rank in range(2)]
    [[5, 3], [8, 1, 4]]
    """
    n = n_rows_of(batch)
    first, last = (0, n) if n < n_ranks else (rank * n // n_ranks, (rank + 1) * n // n_ranks)
    if isinstance(batch, slice):
        return first, slice(batch.start + first, batch.start + last)
    return first, batch[first:last]


def synchronise(runs: list[Run]) -> None:
    """Gives all runs the means of their parameters and of all that rules and averages remember."""
    average([run.w.flat for run in runs])
    remembered: list[list[Any]] = [[run.rule for run in runs], [run.average for run in runs]]
    for owners in remembered:
        if owners[0] is None:
            continue
        for name, value in vars(owners[0]).items():
            values = [getattr(owner, name) for owner in owners]
            if isinstance(value, np.ndarray):
                average(values)
            elif isinstance(value, float):
                for owner in owners:
                    setattr(owner, name, sum(values) / len(values))


def average(arrays: list[np.ndarray[Any, Any]]) -> None:
    """Puts the mean of some arrays in the place of each."""
    mean = sum(arrays[1:], arrays[0]) / arrays[0].dtype.type(len(arrays))
    for array in arrays:
        array[...] = mean
