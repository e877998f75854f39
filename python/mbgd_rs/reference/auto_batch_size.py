"""The batch size where none is given and rows are many."""

from collections.abc import Callable
from typing import Any

import numpy as np

from .noise import noise_of
from .objective import make_problem
from .registry import name_of
from .shuffle import draws

ROWS_OF_PILOT, BATCH_OF_PILOT, ROWS_OF_PROBE, EPOCH_OF_PILOT = 2**14, 64, 2**12, 2**32 - 1
FEWEST_ROWS = 4 * ROWS_OF_PILOT


class Polyak:
    """The mean of the parameters in the second half of a pilot, as `averages.Polyak` is."""

    start = ROWS_OF_PILOT // BATCH_OF_PILOT // 2


def has_model(optimizer: Any) -> bool:
    """Whether its model is an average already, or the best parameters that the run has seen."""
    is_average = name_of(optimizer).startswith("schedulefree")
    return (
        is_average
        or optimizer in ("sgd", "saga", "svrg")
        or getattr(optimizer, "learning_rate", None) == "auto"
    )


def auto_batch_size(
    fit: Callable[..., Any], X: Any, y: Any, sample_weight: Any, offset: Any, accumulate: int, seed: int,
    **arguments: Any,
) -> int | str:  # fmt: skip
    """The batch size for many rows; "auto" for few, or where a pilot run has no noise scale.

    The pilot is one epoch over some of the rows. The noise scale at its model, on other rows, and a fixed
    table of what steps cost predict the time that each batch size takes. The largest of those within 10 % of
    the least time is chosen.
    """
    n = len(y)
    if n < FEWEST_ROWS or name_of(arguments["optimizer"]) in ("saga", "svrg"):
        return "auto"
    rows = draws(seed, EPOCH_OF_PILOT, n)[: ROWS_OF_PILOT + ROWS_OF_PROBE]
    X, y = np.asarray(X), np.asarray(y)
    of_rows = {"sample_weight": sample_weight, "offset": offset}
    of_rows = {name: np.asarray(given) for name, given in of_rows.items() if given is not None}
    own, others = rows[:ROWS_OF_PILOT], rows[ROWS_OF_PILOT:]
    drawn = X[own]
    average = None if has_model(arguments["optimizer"]) else Polyak()
    try:
        pilot = fit(drawn, y[own], seed=seed, epochs=1, record=(), batch_size=BATCH_OF_PILOT, average=average,
                    **{name: of_row[own] for name, of_row in of_rows.items()}, **arguments)  # fmt: skip
    except FloatingPointError:
        return "auto"
    names = ("loss", "penalty", "fit_intercept", "class_weight")
    given: dict[str, Any] = {"sample_weight": None}
    given |= {name: of_row[others] for name, of_row in of_rows.items()}
    given |= {name: arguments[name] for name in names}
    objective, data, _ = make_problem(X[others], y[others], **given)
    w, g = objective.model.start(pilot), objective.model.zeros()
    everything = slice(0, len(data))
    objective.gradient(w, data, [everything], g, wants_loss=False)
    noise = noise_of(objective, data, w, everything, g.flat, replacement=True)
    with np.errstate(divide="ignore", invalid="ignore"):
        noise_scale = np.float64(noise.trace) / max(noise.squared_norm, noise.variance)
    if not (np.isfinite(noise_scale) and noise_scale > 0):
        return "auto"
    item = drawn.dtype.itemsize if drawn.dtype == np.float32 else 8
    k, lanes = max(np.size(pilot.intercept), 1), 64 // item
    padded = k * -(-drawn.shape[1] // lanes) * lanes + -(-k // lanes) * lanes
    row = drawn.shape[1] * item
    ratio = (150 + padded * item / 32) / (20 + 0.14 * row + row * (k - 1) / 64)
    sizes = 2.0 ** np.arange(5, 11)
    times = (1 + noise_scale / sizes) * (ratio + sizes)
    return int(-(-sizes[times <= 1.1 * times.min()][-1] // accumulate))
