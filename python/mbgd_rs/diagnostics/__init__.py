"""Instruments: what the gradient's noise is doing, and what to choose because of it.

Every function gives back a small frozen result with arrays, which shows itself as a table in notebooks and
draws itself with ``plot()``.
"""

from .batch_size import BatchSizeAdvice, optimal_batch_size, recommend_batch_size
from .step_cost import StepCost, step_cost
from .strategies import StrategyComparison, compare_strategies

__all__ = [
    "BatchSizeAdvice",
    "StepCost",
    "StrategyComparison",
    "compare_strategies",
    "optimal_batch_size",
    "recommend_batch_size",
    "step_cost",
]
