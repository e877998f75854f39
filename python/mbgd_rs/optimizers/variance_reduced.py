"""Optimizers whose gradients lose their noise on the way to the optimum: SAGA and SVRG."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ..preconditioners import Preconditioner, PreconditionerName
from ..schedules import LearningRate
from .optimizer import Optimizer

__all__ = ["SAGA", "SVRG"]


@dataclass(frozen=True)
class SAGA(Optimizer, name="saga"):
    """SAGA: gradients whose noise dies away, by a table of slopes (Defazio et al. 2014).

    With r_i the slope of the loss of row i, times its weight, at the parameters now, t_i the one in the
    table, from when the row was last seen, and B a batch of b of n rows::

        g  =  (1/b) sum_{i in B} (r_i - t_i) x_i  +  (1/n) sum_i t_i x_i  +  gradient of the smooth penalty
        w -=  learning_rate * P^-1 g
        t_i = r_i  for i in B

    The mean of g over all batches is the gradient over all rows, whatever the table has; and where the
    parameters come to rest the slopes do, so that its variance goes to 0. A constant rate then leads to
    the optimum, where SGD fluctuates around it. For smooth losses and a strongly convex objective the
    convergence is linear. P is the metric of the preconditioner. The name is "saga"; it is what
    ``optimizer="auto"`` of :func:`mbgd_rs.fit` is for smooth losses.

    Parameters
    ----------
    learning_rate : float, schedule, function of the step or "auto", default="auto"
        Finite and > 0. "auto" is for :func:`mbgd_rs.fit` only, see Notes.
    preconditioner : "auto", str, object of mbgd_rs.preconditioners or None, default="auto"
        The metric of the steps; "auto" chooses by the number of columns, see
        :mod:`mbgd_rs.preconditioners`. None is SAGA as it was published.

    Notes
    -----
    The rate "auto" is a share of ``1 / L(b)``. L(b) is the expected smoothness of batches of b rows in the
    metric,
    ``L(b) = n (b - 1) / (b (n - 1)) L + (n - b) / (b (n - 1)) l``
    (Gazagnadou et al. 2019), L the largest eigenvalue of P^-1 H, H being the Hessian of the objective, and
    l a *leverage*, ``h_i x_i^T P^-1 x_i``, h_i the curvature of the loss of a row: the one that a row of a
    hundred exceeds. Both are measured on rows that the metric was not made of, if there are 2000 or more.
    The larger the batches, the less the second term counts.

    The share is 1/2. A safeguard looks at the mean objective of every epoch. If it is above the best one
    by more than half of what has been gained, in the first two epochs, or by 1 % of it later, or if a step
    has left the finite numbers, the run goes back to where the best epoch ended, makes the table anew by a
    pass over all rows, and halves the share, which ``result.solver`` has. A run that ends with such an epoch
    gives the best parameters seen. At a rate that is given it goes back, too, and the rate stays.

    In the first epoch the table is filled as rows come, and steps are those of SGD in the metric: no pass
    over the data is made for it. The metric is built at its beginning, after an eighth and after a third of
    it; then before the epochs 1, 2, 4, 8, ..., or before every epoch where there are fewer than 2000 rows.

    The table has a number of the type of X for each row and output, n k in all. Every row has to be seen
    once an epoch: rows cannot be drawn with replacement or by weights. On sparse rows of many columns, with
    a diagonal metric or none, steps move the columns of their batch, and the others make up for what they
    have missed, exactly: not beside an l1 part in the penalty, with averages or clipping, or at a rate by a
    schedule; then steps are on all columns. On arrays of your own, in `step` and :func:`mbgd_rs.minimize`,
    there are no rows to know slopes of, and it is plain descent with the rate given.

    References
    ----------
    A. Defazio, F. Bach, S. Lacoste-Julien, SAGA: a fast incremental gradient method with support for
    non-strongly convex composite objectives, NIPS 2014. N. Gazagnadou, R. M. Gower, J. Salmon, Optimal
    mini-batch and step sizes for SAGA, ICML 2019. Z. Frangella et al., PROMISE: preconditioned stochastic
    optimization methods by incorporating scalable curvature estimates, JMLR 25 (2024).

    Examples
    --------
    >>> import numpy as np, mbgd_rs as mb
    >>> rng = np.random.default_rng(0)
    >>> X = rng.standard_normal((5000, 3)) * [1.0, 1e3, 1e-3]  # columns of any scale
    >>> y = X @ [1.0, -2e-3, 5e2] + rng.standard_normal(5000)
    >>> exact = np.linalg.lstsq(np.column_stack([X, np.ones(5000)]), y, rcond=None)[0]
    >>> result = mb.fit(X, y, optimizer=SAGA(), epochs=20)
    >>> bool(np.allclose(result.coef, exact[:3], rtol=1e-5))
    True
    >>> result.solver.preconditioner, result.solver.share
    ('newton', 0.5)
    """

    learning_rate: LearningRate | Literal["auto"] = "auto"
    preconditioner: Preconditioner | PreconditionerName | Literal["auto"] | None = "auto"


@dataclass(frozen=True)
class SVRG(Optimizer, name="svrg"):
    """SVRG: gradients whose noise dies away, by snapshots of the parameters (Johnson and Zhang 2013).

    As :class:`SAGA`, with the slopes t_i of all rows at a *snapshot* of the parameters in the place of a
    table. Of the rows of a batch they are computed anew. The name is "svrg".

    There is no table, so that it is what ``optimizer="auto"`` takes where a table would have more than
    2 GiB. A step costs two passes over its rows and a snapshot one over all rows: about three passes an
    epoch, two for `snapshot_every` large, where SAGA makes one.

    Parameters
    ----------
    learning_rate : float, schedule, function of the step or "auto", default="auto"
        As with :class:`SAGA`.
    preconditioner : "auto", str, object of mbgd_rs.preconditioners or None, default="auto"
        As with :class:`SAGA`.
    snapshot_every : int, default=1
        Epochs between snapshots, >= 1. The first is taken before the first step.

    References
    ----------
    R. Johnson, T. Zhang, Accelerating stochastic gradient descent using predictive variance reduction,
    NIPS 2013.

    Examples
    --------
    >>> import numpy as np, mbgd_rs as mb
    >>> rng = np.random.default_rng(0)
    >>> X = rng.standard_normal((5000, 3)) * [1.0, 1e3, 1e-3]
    >>> y = X @ [1.0, -2e-3, 5e2] + rng.standard_normal(5000)
    >>> result = mb.fit(X, y, optimizer=SVRG(), epochs=10)
    >>> exact = np.linalg.lstsq(np.column_stack([X, np.ones(5000)]), y, rcond=None)[0]
    >>> bool(np.allclose(result.coef, exact[:3], rtol=1e-5))
    True
    >>> SVRG(snapshot_every=0)
    Traceback (most recent call last):
    ValueError: snapshot_every must be >= 1, got 0
    """

    learning_rate: LearningRate | Literal["auto"] = "auto"
    preconditioner: Preconditioner | PreconditionerName | Literal["auto"] | None = "auto"
    snapshot_every: int = 1
