"""Models: what rows say of their scores. All share the losses, penalties, optimizers and loop of the package.

``mb.fit(X, y, model=mb.models.MLP((128, 64)), loss="log_loss")``, or by name, ``model="mlp"``. A model says
how many parameters there are, which of them are weights, on which penalties and weight decay act, and which
are intercepts, on which they do not; where training begins; and under which names its arrays are given back.
Losses of several classes or targets have k outputs, the scores of a row; all others have one.
"""

from . import factorization_machine, linear, mlp, model
from .factorization_machine import *
from .linear import *
from .mlp import *
from .model import *
from .model import ModelName as ModelName

__all__: list[str] = []
__all__ += model.__all__
__all__ += linear.__all__
__all__ += mlp.__all__
__all__ += factorization_machine.__all__
