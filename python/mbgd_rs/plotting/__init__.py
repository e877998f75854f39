"""Pictures of runs and of diagnoses; every function draws on Axes and returns them.

Needs the extra ``mbgd_rs[plot]``.
"""

from .batch_size import step_cost, time_to_target
from .curves import training_curves
from .gradients import gradient_angles, gradient_bias, noise_by_batch_size
from .landscape import escape, landscape
from .loss import loss_curves
from .loss_slice import loss_slice
from .noise import recorded_noise
from .strategies import strategies

__all__ = [
    "escape",
    "gradient_angles",
    "gradient_bias",
    "landscape",
    "loss_curves",
    "loss_slice",
    "noise_by_batch_size",
    "recorded_noise",
    "step_cost",
    "strategies",
    "time_to_target",
    "training_curves",
]
