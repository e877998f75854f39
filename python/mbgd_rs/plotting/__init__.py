"""Pictures of runs and of diagnoses; every function draws on Axes and returns them.

Needs the extra ``mbgd_rs[plot]``.
"""

from .batch_size import step_cost, time_to_target
from .loss import loss_curves
from .strategies import strategies

__all__ = ["loss_curves", "step_cost", "strategies", "time_to_target"]
