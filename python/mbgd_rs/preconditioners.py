"""Preconditioners: metrics that the steps of SGD, SAGA and SVRG are made in, learned from the curvature of
the objective.

A step along the gradient, ``w -= learning_rate * g``, depends on the units of the columns, and crawls where
columns are alike. A step in a metric, ``w -= learning_rate * P^-1 g`` with P near the Hessian of the
objective, does neither. Each of these learns the curvature of the columns *centred and scaled*, by a change
of variables and without touching them, so that raw columns are as good as standardised ones. Of sparse rows,
and without an intercept, columns are scaled and not centred. The scale of a column is its standard deviation,
or a fifth of its largest entry if that is more: a rare category has a small deviation for another reason than
its unit.

Of the objective nothing changes: the penalty is that of the coefficients of the columns as they are, and the
optimum is where it was.

"auto", the default of SAGA and SVRG, is for d columns and batches of b rows

- :class:`Diagonal` beside a penalty of groups, whose proximal map is for columns that are apart;
- beside any other l1 part :class:`Nystrom`, of rank 16 at most: a step then ends where the metric and the
  penalty put it together, exactly, by a semismooth Newton method in as many unknowns as the rank;
- else :class:`Newton` for d <= 2 b;
- else :class:`Nystrom`, whose rank is 16 at first and doubles whenever the metric is built anew, up to 128;
  the rank is at most 4 b and ``2**18 / (d + 1)``, and where that is below 8 it is :class:`Diagonal` again.

A metric is built of two samples of rows, drawn by the seed: from the first the curvature, ``h_i x_i
x_i^T`` on average, h_i the second derivative of the loss at the parameters now. Of the second follows how
far to trust it. Its diagonal has in addition what the penalty adds to the curvature, and a damping that
is raised until no row of the second sample can move the parameters too far: until the largest leverage
``h_i x_i^T P^-1 x_i`` is at most 2 b times the expected smoothness of a batch in the metric (see
:class:`mbgd_rs.optimizers.SAGA`). The samples have 1000 rows each, for a sketch 512 or 4 for each
eigenvalue; if there are not so many rows, both are all rows. Of several outputs or classes there is one
metric for all. A loss with a kink has no curvature: then all rows count the same, and the metric is that
of the columns alone.

A metric takes effect in the first step and is built anew after an eighth and a third of the first epoch,
and then before the epochs 1, 2, 4, 8, ..., or before every epoch where there are fewer than 2000 rows.
That of a loss with a kink stays, and so does that of SGD whose rate is "auto", or trials of a rate would
compare steps in different metrics.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from . import _core
from .choices import Choice, without_arrays

__all__ = ["Diagonal", "Newton", "Nystrom", "Preconditioner"]

PreconditionerName = Literal["diagonal", "nystrom", "newton"]
"""Names of preconditioners."""


@dataclass(frozen=True)
class Preconditioner(Choice, names=PreconditionerName):
    """What all preconditioners have in common."""

    def __post_init__(self) -> None:
        without_arrays(self)
        _core.check_preconditioner(self)


@dataclass(frozen=True)
class Diagonal(Preconditioner, name="diagonal"):
    """The curvature of every column on its own: ``P = diag(mean_i h_i x_ij^2 + ...)``.

    x are the columns centred and scaled, and the dots are penalty and damping. It makes up for units, and
    not for columns that are alike. A step costs d multiplications more, which is nothing beside its rows.
    The name is "diagonal".

    The only one beside a penalty of groups: the map that gives exact zeros is made for each column on its
    own, by its own step size.

    Examples
    --------
    >>> import numpy as np, mbgd_rs as mb
    >>> rng = np.random.default_rng(0)
    >>> X = rng.standard_normal((2000, 4)) * [1.0, 1e3, 1e-3, 1.0]
    >>> y = X @ [1.0, 2e-3, 0.0, 0.0] + rng.standard_normal(2000)
    >>> saga = mb.optimizers.SAGA(preconditioner="diagonal")
    >>> model = mb.fit(X, y, penalty=mb.penalties.L1(0.1), optimizer=saga)
    >>> model.solver.preconditioner, np.flatnonzero(model.coef).tolist()
    ('diagonal', [0, 1])
    """


@dataclass(frozen=True)
class Nystrom(Preconditioner, name="nystrom"):
    """The largest eigenvalues of the curvature, by a randomised sketch: ``P = diag + F^T F``.

    With Omega a matrix of random signs and H the Hessian of a sample of rows,
    ``F^T F = H Omega (Omega^T H Omega)^-1 Omega^T H``
    is the Nystrom approximation of H. The damping in the diagonal is at least its smallest eigenvalue, and so
    large that what a row has beside F adds at most a sixteenth to a batch. The name is "nystrom".

    For columns that are alike, and too many for :class:`Newton`. A step costs ``2 * rank * d``
    multiplications in addition, as much as `rank` rows more in a batch; to build it takes `rank` products
    with the sample.

    Parameters
    ----------
    rank : int or "auto", default="auto"
        How many eigenvalues, at least 1; more cost more in every step. "auto" is 16 at first, and doubles
        whenever the metric is built anew, up to 128.

    References
    ----------
    Z. Frangella, P. Rathore, S. Zhao, M. Udell, PROMISE: preconditioned stochastic optimization methods by
    incorporating scalable curvature estimates, JMLR 25 (2024).

    Examples
    --------
    >>> import numpy as np, mbgd_rs as mb
    >>> rng = np.random.default_rng(0)
    >>> factors = rng.standard_normal((3000, 10)) @ rng.standard_normal((10, 200))
    >>> X = factors + 0.1 * rng.standard_normal((3000, 200))
    >>> y = factors[:, 0] + rng.standard_normal(3000)
    >>> model = mb.fit(X, y, optimizer=mb.optimizers.SAGA(preconditioner=Nystrom(20)), epochs=5)
    >>> model.solver.preconditioner
    'nystrom of rank 20'
    >>> Nystrom(0)
    Traceback (most recent call last):
    ValueError: rank must be >= 1, got 0
    """

    rank: int | Literal["auto"] = "auto"


@dataclass(frozen=True)
class Newton(Preconditioner, name="newton"):
    """All of the curvature, of a sample of the rows: ``P = mean_i h_i x_i x_i^T + diag``.

    The sample stands for all rows, so that it is a sub-sampled Newton method. A step costs ``d * d``
    multiplications in addition, as much as d/2 rows, and to build the metric takes ``1000 * d * d`` and
    ``d ** 3``: for some hundred columns at most. The name is "newton".

    Examples
    --------
    >>> import numpy as np, mbgd_rs as mb
    >>> rng = np.random.default_rng(0)
    >>> x = rng.standard_normal((3000, 1))
    >>> X = np.hstack([x, x + 0.1 * rng.standard_normal((3000, 1))])  # two columns that are alike
    >>> y = X[:, 0] - X[:, 1] + 0.1 * rng.standard_normal(3000)
    >>> optimizers = [mb.optimizers.SAGA(preconditioner=p) for p in ("newton", None)]
    >>> models = [mb.fit(X, y, optimizer=optimizer, epochs=10) for optimizer in optimizers]
    >>> [bool(np.allclose(model.coef, [1.0, -1.0], atol=0.1)) for model in models]
    [True, False]

    The damping leaves directions slow whose curvature is some ten thousand times less than the largest: with
    0.01 in the place of 0.1 the same takes a hundred epochs.
    """
