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

from .adam import Adam, Adamax, AdamW, NAdam, RAdam
from .adaptive import Adadelta, Adagrad, RMSprop
from .descent import SGD, SGLD, DoG, Lion
from .ftrl import FTRL
from .optimizer import Optimizer, State
from .schedule_free import ScheduleFreeAdamW, ScheduleFreeSGD

__all__ = [
    "FTRL",
    "SGD",
    "SGLD",
    "Adadelta",
    "Adagrad",
    "Adam",
    "AdamW",
    "Adamax",
    "DoG",
    "Lion",
    "NAdam",
    "Optimizer",
    "RAdam",
    "RMSprop",
    "ScheduleFreeAdamW",
    "ScheduleFreeSGD",
    "State",
]
