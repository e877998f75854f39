"""A run that the tests of checkpoints cut and resume, and what they look at."""

import dataclasses
import os
import sys

import mbgd_rs as mb
import numpy as np

X = np.random.default_rng(2).normal(size=(96, 3))
Y = X @ [1.0, -2.0, 3.0] + 1
HOW = {"optimizer": mb.optimizers.Adam(0.02), "batch_size": 16}  # 6 steps an epoch
STRAIGHT = mb.fit(X, Y, **HOW, epochs=6)


def steps_in(folder):
    return [int(name[5:17]) for name in sorted(os.listdir(folder)) if name.startswith("step-")]


def file_of(folder, n_steps):
    return folder / f"step-{n_steps:012d}.safetensors"


def same(ours, theirs):
    return (
        ours.coef.tobytes() == theirs.coef.tobytes()
        and ours.n_steps == theirs.n_steps
        and ours.history.epoch_loss.tobytes() == theirs.history.epoch_loss.tobytes()
    )


@dataclasses.dataclass
class Leaving:
    """Leaves after so many steps."""

    n_steps: int

    def on_step(self, progress):
        if progress.n_steps == self.n_steps:
            sys.exit()
