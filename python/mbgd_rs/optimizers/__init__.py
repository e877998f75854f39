"""Optimizers: how a gradient moves the parameters. Names and semantics are PyTorch's, or else optax's.

Given to :func:`mbgd_rs.fit`, or used on arrays of your own::

    optimizer = mb.optimizers.Adam(learning_rate=1e-3)
    state = optimizer.init(params)
    optimizer.step(state, params, grad)  # in place

Weight decay is the optimizer's own and no part of the objective. In :func:`mbgd_rs.fit` it acts on the
coefficients and leaves intercepts alone, in `step` it acts on every parameter given. To minimise an objective
with an l2 penalty, give `penalty="l2"` instead.

With an l1 penalty, the optimizers give exact zeros and rest at the optimum of the objective; `Lion` does not,
see there, and the schedule-free ones do only in the limit, for an average of sparse points is not sparse.
"""

from . import adam, adaptive, descent, ftrl, optimizer, schedule_free, variance_reduced
from .adam import *
from .adaptive import *
from .descent import *
from .ftrl import *
from .optimizer import *
from .optimizer import OptimizerName as OptimizerName
from .schedule_free import *
from .variance_reduced import *

__all__: list[str] = []
__all__ += optimizer.__all__
__all__ += descent.__all__
__all__ += adaptive.__all__
__all__ += adam.__all__
__all__ += ftrl.__all__
__all__ += schedule_free.__all__
__all__ += variance_reduced.__all__
