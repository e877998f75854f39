"""Writes models into files of the present version of their format, for later versions to load.

python tests/python/data/make_model_files.py
"""

from pathlib import Path

import mbgd_rs as mb
import numpy as np
from mbgd_rs.model_file.container import FORMAT

FOLDER = Path(__file__).parent


class Frame:
    """What fit asks of a data frame."""

    def __init__(self, rows, columns):
        self.rows, self.columns, self.shape = rows, columns, rows.shape

    def __array__(self, dtype=None, copy=None):
        return self.rows


def classifier():
    """Of parameters that are given."""
    coef = np.array([[1.5, -2.25, 0.0], [0.5, 0.125, -1.0], [-2.0, 2.0, 3.0]], np.float32)
    intercept = np.array([0.25, 0.5, -0.75], np.float32)
    warmup = mb.schedules.Warmup(mb.schedules.Cosine(0.01, 100), 10)
    return mb.fit(
        Frame(np.eye(3, dtype=np.float32), ["height", "weight", "age"]),
        ["cat", "dog", "ünicorn"],
        loss="log_loss",
        optimizer=mb.optimizers.AdamW(warmup, weight_decay=0.5),
        init=(coef, intercept),
        epochs=0,
    )


def regression():
    """Of numbers without noise, so that the parameters are known."""
    rows = np.random.default_rng(0).standard_normal((40, 2))
    y = rows @ np.array([[1.0, 0.5], [-2.0, 3.0]]) + [1.0, -1.0]
    return mb.fit(
        rows,
        y,
        loss=mb.losses.Huber(epsilon=0.5),
        optimizer="saga",
        batch_size=8,
        standardize=True,
        epochs=60,
        record="noise",
    )


def network():
    """Of parameters that are given."""
    coefs = [
        [[1.0, -0.5], [0.25, 2.0], [0.0, -1.0]],
        [[1.0, 0.5, -2.0], [0.125, -1.0, 3.0]],
        [[1.0], [-1.5], [0.5]],
    ]
    return mb.fit(
        np.eye(3, dtype=np.float32),
        ["no", "yes", "no"],
        model=mb.models.MLP((2, 3), ("relu", "tanh"), dropout=0.25),
        loss="log_loss",
        init={"coefs": coefs, "intercepts": [[0.5, -0.25], [0.0, 1.0, -1.0], [0.75]]},
        epochs=0,
    )


def machine():
    """Of parameters that are given."""
    factors = [[1.0, 0.5], [-2.0, 0.0], [0.5, 3.0]]
    return mb.fit(
        np.eye(3),
        np.arange(3.0),
        model=mb.models.FactorizationMachine(rank=2),
        init={"bias": 0.5, "coef": [1.0, -1.0, 0.25], "factors": factors},
        epochs=0,
    )


if __name__ == "__main__":
    for model in (classifier, regression, network, machine):
        model().save(FOLDER / f"{model.__name__}_of_format_{FORMAT}.safetensors", state=True)
