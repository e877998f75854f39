"""Losses: how wrong a score z is for a target y. Names and definitions are those of scikit-learn where it has
the loss: of its SGD, and of its half losses for the losses with a link.

In ``regression`` those of numbers, in ``classification`` those of classes, in ``one_class`` that of rows
without targets. Each says its domain, its link,
its formula, its slope (the derivative by z) and the largest curvature it has (the second derivative).
"""

from . import classification, loss, one_class, regression
from .classification import *
from .loss import *
from .loss import DEFAULT_LOSS as DEFAULT_LOSS
from .loss import LossName as LossName
from .one_class import *
from .regression import *

__all__: list[str] = []
__all__ += loss.__all__
__all__ += regression.__all__
__all__ += classification.__all__
__all__ += one_class.__all__
