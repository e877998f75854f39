"""Mini-batch gradient descent in plain NumPy, written to be read.

The specification of what the Rust core computes, the oracle of its tests and the baseline of its benchmarks:
the same arguments, the same batches, the same result to rounding. Begin with `training.py`.

Symbols: x row, y target, w parameters, z score, r slope, g gradient, s weight, n rows, d columns, k outputs,
b batch size, t step.
"""

from .losses import Hinge, LogLoss, Softmax, SquaredError
from .objective import Objective, gradient
from .rules import make_optimizer
from .schedules import learning_rate_at
from .shuffle import batches, draws, order_of_epochs, permutation, philox, random_blocks, random_words
from .training import Fit, fit

__all__ = [
    "Fit",
    "Hinge",
    "LogLoss",
    "Objective",
    "Softmax",
    "SquaredError",
    "batches",
    "draws",
    "fit",
    "gradient",
    "learning_rate_at",
    "make_optimizer",
    "order_of_epochs",
    "permutation",
    "philox",
    "random_blocks",
    "random_words",
]
