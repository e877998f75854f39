"""Instruments: what the gradient's noise is doing, and what to choose because of it.

Every function gives back a small frozen result with arrays, which shows itself as a table in notebooks and
draws itself with ``plot()``.
"""

from ..recorded_noise import RecordedNoise
from .angles import GradientAngles, gradient_angles
from .batch_size import BatchSizeAdvice, optimal_batch_size, recommend_batch_size
from .bias import GradientBias, gradient_bias
from .escape import EscapeProbability, escape_probability
from .loss_slice import LossSlice, loss_slice
from .noise import GradientNoise, gradient_noise
from .step_cost import StepCost, step_cost
from .strategies import StrategyComparison, compare_strategies

__all__ = [
    "BatchSizeAdvice",
    "EscapeProbability",
    "GradientAngles",
    "GradientBias",
    "GradientNoise",
    "LossSlice",
    "RecordedNoise",
    "StepCost",
    "StrategyComparison",
    "compare_strategies",
    "escape_probability",
    "gradient_angles",
    "gradient_bias",
    "gradient_noise",
    "loss_slice",
    "optimal_batch_size",
    "recommend_batch_size",
    "step_cost",
]
