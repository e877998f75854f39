"""Pictures of runs and of diagnoses; every function draws on Axes and returns them.

Needs the extra ``mbgd_rs[plot]``.
"""

from .gradients import gradient_angles, gradient_bias, noise_by_batch_size
from .loss import loss_curves

__all__ = ["gradient_angles", "gradient_bias", "loss_curves", "noise_by_batch_size"]
