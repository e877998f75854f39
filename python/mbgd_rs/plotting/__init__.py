"""Pictures of runs and of diagnoses; every function draws on Axes and returns them.

Needs the extra ``mbgd_rs[plot]``.
"""

from .landscape import escape, landscape
from .loss import loss_curves
from .noise import recorded_noise

__all__ = ["escape", "landscape", "loss_curves", "recorded_noise"]
