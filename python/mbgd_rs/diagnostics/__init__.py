"""Instruments: what the gradient's noise is doing, and what to choose because of it.

Every function gives back a small frozen result with arrays, which shows itself as a table in notebooks and
draws itself with ``plot()``.
"""

from ..recorded_noise import RecordedNoise
from .angles import GradientAngles, gradient_angles
from .batch_size import BatchSizeAdvice, optimal_batch_size, recommend_batch_size
from .bias import GradientBias, gradient_bias
from .escape import EscapeProbability, escape_probability
from .noise import GradientNoise, gradient_noise
from .step_cost import StepCost, step_cost
from .strategies import StrategyComparison, compare_strategies

__all__ = [
    "BatchSizeAdvice",
    "EscapeProbability",
    "GradientAngles",
    "GradientBias",
    "GradientNoise",
    "RecordedNoise",
    "StepCost",
    "StrategyComparison",
    "compare_strategies",
    "escape_probability",
    "gradient_angles",
    "gradient_bias",
    "gradient_noise",
    "optimal_batch_size",
    "recommend_batch_size",
    "step_cost",
]
