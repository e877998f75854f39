"""Schedules: the learning rate as a pure function of the step.

Steps t are counted from 0 over the whole run, not anew in every epoch. A schedule takes the place of a number
wherever a learning rate is asked for, and can be called to see what it says. So does any function of your own
from t to a rate, finite and >= 0: it should depend on t alone. :func:`mbgd_rs.fit` evaluates it ahead of each
epoch for the steps of that epoch.

An epoch over n rows in batches of b has ceil(n / b) steps (``len(mb.Batches(n, b))``). What is to happen by
epoch is said in steps: ``Step(0.1, step_size=30 * len(batches))`` falls every 30 epochs, and
``Exponential(0.1, gamma=0.9 ** (1 / len(batches)))`` by a tenth in each.

>>> import mbgd_rs as mb
>>> optimizer = mb.optimizers.SGD(learning_rate=lambda t: 0.5 / (1 + t))
>>> X, y = [[1.0], [2.0], [3.0]], [1.0, 2.0, 3.0]
>>> mb.fit(X, y, optimizer=optimizer, batch_size=2, epochs=2, record="step").history.learning_rate
array([0.5       , 0.25      , 0.16666667, 0.125     ])
"""

from . import composed, cosine, decay, piecewise, schedule
from .composed import *
from .cosine import *
from .decay import *
from .piecewise import *
from .schedule import *

__all__: list[str] = []
__all__ += schedule.__all__
__all__ += decay.__all__
__all__ += piecewise.__all__
__all__ += cosine.__all__
__all__ += composed.__all__
