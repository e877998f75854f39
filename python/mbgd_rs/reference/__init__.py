"""Mini-batch gradient descent in plain NumPy, written to be read.

The specification of what the Rust core computes, the oracle of its tests and the baseline of its benchmarks:
the same arguments, the same batches, the same result to rounding. Begin with `training.py`.

Symbols: x row, y target, w parameters, z score, r slope, g gradient, s weight, n rows, d columns, k outputs,
b batch size, t step.
"""

from . import adaptive, factorization_machine, mlp, optimizers, schedule_free  # noqa: F401 - enter what they have
from .classification import Hinge, LogLoss, Softmax
from .diagnostics import gradient_angles, gradient_bias, gradient_noise
from .landscapes import Landscape
from .losses import LOSSES, SquaredError
from .model import MODELS
from .objective import Objective, gradient
from .random import permutation, philox, random_blocks, random_words
from .rules import make_optimizer
from .sampling import (
    block_order,
    exponential,
    sharded_order,
    stratified_order,
    weighted_draws,
    weighted_order,
)
from .schedules import learning_rate_at
from .shuffle import batches, draws, importance_weights, order_of_epochs
from .training import Fit, fit
from .validation import split

__all__ = [
    "LOSSES",
    "MODELS",
    "Fit",
    "Hinge",
    "Landscape",
    "LogLoss",
    "Objective",
    "Softmax",
    "SquaredError",
    "batches",
    "block_order",
    "draws",
    "exponential",
    "fit",
    "gradient",
    "gradient_angles",
    "gradient_bias",
    "gradient_noise",
    "importance_weights",
    "learning_rate_at",
    "make_optimizer",
    "order_of_epochs",
    "permutation",
    "philox",
    "random_blocks",
    "random_words",
    "sharded_order",
    "split",
    "stratified_order",
    "weighted_draws",
    "weighted_order",
]
