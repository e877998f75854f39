"""Optimizers that treat all parameters alike: SGD, and what is made of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ..preconditioners import Preconditioner, PreconditionerName
from ..schedules import LearningRate
from .optimizer import Optimizer

__all__ = ["SGD", "SGLD", "DoG", "Lion"]


@dataclass(frozen=True)
class SGD(Optimizer, name="sgd", aliases="gd gradient_descent momentum nesterov msgd"):
    """Gradient descent: ``w -= learning_rate * g``, with momentum if wanted.

    With momentum ``v = momentum * v + (1 - dampening) * g`` and ``w -= learning_rate * v``, the first v being
    g; with Nesterov's variant ``w -= learning_rate * (g + momentum * v)`` (Sutskever et al. 2013). The name
    is "sgd".

    Parameters
    ----------
    learning_rate : float, schedule, function of the step or "auto", default="auto"
        Finite and > 0. "auto" is for :func:`mbgd_rs.fit` only, see below.
    momentum : float, default=0.0
        In [0, 1).
    nesterov : bool, default=False
        Needs momentum > 0 and no dampening.
    dampening : float, default=0.0
        In [0, 1]; does nothing without momentum.
    weight_decay : float, default=0.0
        Times w, added to the gradient; finite and >= 0. In fit, of coefficients only.
    preconditioner : "auto", str, object of mbgd_rs.preconditioners or None, default=None
        Of :func:`mbgd_rs.fit`: steps along ``P^-1 g`` in the place of g, P a metric of the curvature, see
        :mod:`mbgd_rs.preconditioners`. With the rate "auto" L and L_max below are those in the metric, which
        is built once, and the rate is found by trials over all rows, too. ``optimizer="auto"`` of fit is
        ``SGD(preconditioner="diagonal")`` where SAGA is not possible.

    Notes
    -----
    "auto" begins with 1 / L(b), b the rows of a batch, where
    ``L(b) = n (b - 1) / (b (n - 1)) L + (n - b) / (b (n - 1)) L_max`` is the expected smoothness of batches
    (Gower et al. 2019, "SGD: general analysis and improved rates"), L and L_max the Lipschitz constants of
    the gradient over all rows and on the worst row. That is safe, and often much too short. From there the
    rate follows the data:

    - Over all rows, without momentum, weight decay and clipping, each step has a rate by Barzilai and
      Borwein (1988), from how the gradient has changed along the last; one that leads too high is taken back
      ("spectral").
    - On batches, the run falls into trials, three in the first epoch, two in the second, then one for
      about a quarter of the epochs so far. Each is followed by a look at the objective over all rows: if
      it has come down the rate rises, if not it is halved ("trials"). The model is an average of the
      parameters that forgets, so that it comes to rest although the rate does not. The looks, 14 in 20
      epochs, read all rows.

    With momentum m each step has (1 - m) of the rate. How many epochs there will be plays no part, so
    that a run can be resumed. Steps that leave the finite numbers are taken back, too. A loss whose
    curvature has no bound, like the hinge, gets its first rate from a search along the gradient over all
    rows. In the end the model is compared with the best parameters seen, so that it may be those instead
    of the last ones of the history; not with an `average`, nor where a rule of stopping has kept a best
    model. The result says in `auto_rate` what was found, the history in `learning_rate` what was used.

    Each step is on all columns: on sparse rows with very many columns give a rate.

    Examples
    --------
    >>> import numpy as np
    >>> w, optimizer = np.array([1.0, 2.0]), SGD(learning_rate=0.5)
    >>> optimizer.step(optimizer.init(w), w, np.array([1.0, 0.0]))
    >>> w
    array([0.5, 2. ])
    """

    learning_rate: LearningRate | Literal["auto"] = "auto"
    momentum: float = 0.0
    nesterov: bool = False
    dampening: float = 0.0
    weight_decay: float = 0.0
    preconditioner: Preconditioner | PreconditionerName | Literal["auto"] | None = None


@dataclass(frozen=True)
class Lion(Optimizer, name="lion"):
    """Lion: steps of one size along the sign of a mean of gradients (Chen et al. 2023).

    ``w -= learning_rate * (sign(b1 m + (1 - b1) g) + weight_decay * w)``, then ``m = b2 m + (1 - b2) g``. The
    name is "lion".

    Every parameter moves by the learning rate however small its gradient is. At a constant rate it therefore
    does not come to rest, and an l1 penalty, which shrinks by ``learning_rate * l1``, does not balance the
    gradient: its zeros are not those of the optimum.

    Where the terms of a gradient cancel, rounding decides whether their sum is 0 or, say, 1e-18, and so
    whether a parameter moves by the whole learning rate or stays. Two programs that differ in the last bits
    only, as this one and a loop in NumPy do, may therefore differ by a whole step.

    Parameters
    ----------
    learning_rate : float, schedule or function of the step, default=1e-4
        Finite and > 0.
    betas : (float, float), default=(0.9, 0.99)
        Both in [0, 1).
    weight_decay : float, default=1e-3
        Apart from the gradient, ``w -= learning_rate * weight_decay * w``; finite and >= 0. In fit, of
        coefficients only.

    Examples
    --------
    >>> import numpy as np
    >>> w, optimizer = np.array([1.0, 2.0]), Lion(learning_rate=0.1, weight_decay=0.0)
    >>> optimizer.step(optimizer.init(w), w, np.array([1.0, 0.0]))
    >>> w
    array([0.9, 2. ])
    """

    learning_rate: LearningRate = 1e-4
    betas: tuple[float, float] = (0.9, 0.99)
    weight_decay: float = 1e-3


@dataclass(frozen=True)
class SGLD(Optimizer, name="sgld", aliases="langevin"):
    """Stochastic gradient Langevin dynamics: noise that makes a sampler of descent (Welling and Teh 2011).

    ``w -= learning_rate * g`` and then ``w += sqrt(2 * learning_rate * temperature) * xi``, xi standard
    normal. With a small rate and full batches, the parameters are in the long run distributed as
    ``exp(-f(w) / temperature)``, f being the objective. The name is "sgld".

    The objective of :func:`mbgd_rs.fit` is a mean over n rows, so ``temperature=1 / n`` samples the posterior
    of a model whose negative log-likelihood is the sum of the losses, under the prior that the penalty is n
    times the negative logarithm of: l2 of strength alpha is a normal prior of variance ``1 / (n * alpha)``.
    Take every so many rows of ``history.path``, recorded with ``record="path"``, as draws.

    Batches of b rows add noise of their own. It is as if ``learning_rate * C / (2 * b)`` were added to the
    temperature, C being the covariance of the gradients of single rows, which for a likelihood is about the
    Hessian: draws are too wide unless the rate is well below ``2 * b / (n * h)``, h the largest curvature.
    Reshuffled rows, whose noise adds up to nothing in an epoch, disturb less than draws with replacement. The
    length of steps widens draws, too, with full batches by ``learning_rate * h / 2`` of the variance at most.

    The noise is a function of the seed, the step and the number of the parameter; it is the same for any
    number of threads, and goes on with `resume`.

    Parameters
    ----------
    learning_rate : float, schedule or function of the step, default=1e-3
        Finite and > 0.
    temperature : float, default=1.0
        Finite and >= 0.
    seed : int, default=0
        Of the noise, in [0, 2**63).

    Examples
    --------
    >>> import numpy as np
    >>> w, optimizer = np.zeros(100_000), SGLD(learning_rate=0.5, temperature=4.0)
    >>> optimizer.step(optimizer.init(w), w, np.ones(100_000))
    >>> print(f"{w.mean():.1f} {w.std():.1f}")
    -0.5 2.0
    """

    learning_rate: LearningRate = 1e-3
    temperature: float = 1.0
    seed: int = 0


@dataclass(frozen=True)
class DoG(Optimizer, name="dog"):
    """Distance over gradients: gradient descent that needs no rate to be chosen (Ivgi et al. 2023).

    ``w -= learning_rate * r_t / sqrt(G_t + eps) * g`` with r_t the largest distance so far from the start, at
    least ``reps_rel * (1 + |start|)``, and G_t the sum of the squared norms of all gradients. Its authors
    recommend to average: ``mb.fit(..., average="polyak")``. The name is "dog".

    The first steps are tiny and grow geometrically, which takes some tens of steps. Of several arrays, each
    has its own distance and gradients (the layer-wise variant of the paper).

    Parameters
    ----------
    learning_rate : float, schedule or function of the step, default=1.0
        A factor to be left alone; finite and > 0.
    reps_rel : float, default=1e-6
        Finite and > 0.
    eps : float, default=1e-8
        Finite and > 0.
    weight_decay : float, default=0.0
        Times w, added to the gradient; finite and >= 0. In fit, of coefficients only.

    Examples
    --------
    >>> import numpy as np
    >>> w, optimizer = np.array([1.0, -3.0]), DoG()
    >>> state = optimizer.init(w)
    >>> for _ in range(1000):
    ...     optimizer.step(state, w, w - 5.0)  # the gradient of |w - 5|^2 / 2
    >>> w.round(3)
    array([5., 5.])
    """

    learning_rate: LearningRate = 1.0
    reps_rel: float = 1e-6
    eps: float = 1e-8
    weight_decay: float = 0.0
