"""Optimizers: how a gradient moves the parameters. Names and semantics are PyTorch's.

Given to :func:`mbgd_rs.fit`, or used on arrays of your own::

    optimizer = mb.optimizers.Adam(learning_rate=1e-3)
    state = optimizer.init(params)
    optimizer.step(state, params, grad)  # in place
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from . import _core
from .inputs import as_array, in_place
from .schedules import Schedule

__all__ = ["SGD", "Adam", "Optimizer", "State"]


@dataclass
class State:
    """What an optimizer remembers between steps. Can be pickled and copied.

    Attributes
    ----------
    n_steps : int
        Steps made.
    memory : list of list of ndarray
        For each array of parameters, depth first, keys sorted, the flat vectors remembered for it.
    scalars : list of list of float
        For each array the numbers remembered for it.
    """

    n_steps: int = 0
    memory: list[list[NDArray[Any]]] = field(default_factory=list)
    scalars: list[list[float]] = field(default_factory=list)


@dataclass(frozen=True)
class Optimizer:
    """What all optimizers have in common.

    Parameters and gradients are an array of float32 or float64 and any shape, or lists, tuples and dicts of
    such arrays.
    """

    def __post_init__(self) -> None:
        _core.check(self)

    def init(self, params: Any) -> State:
        """A state that has made no step.

        Parameters
        ----------
        params : ndarray, or list, tuple or dict of them
            The parameters to be moved.

        Returns
        -------
        State
        """
        n_vectors, n_scalars = _core.init_optimizer(self)
        memory = [[np.zeros(w.size, w.dtype) for _ in range(n_vectors)] for w in leaves(params)]
        return State(0, memory, [[0.0] * n_scalars for _ in memory])

    def step(self, state: State, params: Any, grad: Any) -> None:
        """Move `params` against `grad`, in place.

        Parameters
        ----------
        state : State
            From :meth:`init`; changed in place.
        params : ndarray, or list, tuple or dict of them
            Writeable arrays; changed in place, whatever their memory layout.
        grad : of the same structure
            Gradients, converted to the type of the parameters where they differ.

        Raises
        ------
        ValueError
            If shapes or structures do not fit together, a gradient is not finite, or an array cannot be
            written to. Then nothing has been changed.
        TypeError
            If an array is not of float32 or float64.
        """
        pairs = list(pair_leaves(params, grad))
        n_vectors, n_scalars = _core.init_optimizer(self)
        expected = [[(w.dtype, w.size)] * n_vectors for w, _ in pairs]
        is_ours = [[(v.dtype, v.size) for v in vectors] for vectors in state.memory] == expected
        if not is_ours or [len(scalars) for scalars in state.scalars] != [n_scalars] * len(pairs):
            raise ValueError("state must be that of params and this optimizer: make one with init(params)")
        if not all(w.flags.writeable for w, _ in pairs):
            raise ValueError("params must be writeable, got a read-only array")
        for _, g in pairs:
            if not np.isfinite(g).all():
                raise ValueError(f"grad must be finite, got {g[~np.isfinite(g)][0]}")
        # The gradient of a.b by (a, b) is (b, a): it must not move while the parameters do.
        grads = [g.copy() if any(np.may_share_memory(w, g) for w, _ in pairs) else g for _, g in pairs]
        for i, ((w, _), g, memory) in enumerate(zip(pairs, grads, state.memory, strict=True)):
            inner = np.require(w, requirements=["C", "A", "W"])
            state.scalars[i] = _core.step_optimizer(self, state.n_steps, memory, state.scalars[i], inner, g)
            if inner is not w:
                w[...] = inner
        state.n_steps += 1


@dataclass(frozen=True)
class SGD(Optimizer):
    """Gradient descent: ``w -= learning_rate * g``, with momentum if wanted.

    With momentum ``v = momentum * v + g`` and ``w -= learning_rate * v``, the first v being g; with
    Nesterov's variant ``w -= learning_rate * (g + momentum * v)`` (Sutskever et al. 2013). The name is "sgd".

    Parameters
    ----------
    learning_rate : float, schedule or "auto", default="auto"
        Finite and > 0. "auto" is for :func:`mbgd_rs.fit` only, see below.
    momentum : float, default=0.0
        In [0, 1).
    nesterov : bool, default=False
        Needs momentum > 0.

    Notes
    -----
    "auto" begins with 1 / L(b), b the rows of a batch, where
    ``L(b) = n (b - 1) / (b (n - 1)) L + (n - b) / (b (n - 1)) L_max`` is the expected smoothness of batches
    (Gower et al. 2019, "SGD: general analysis and improved rates"), L and L_max the Lipschitz constants of
    the gradient over all rows and on the worst row. That is safe, and often much too short. From there the
    rate follows the data:

    - Over all rows, without momentum and clipping, each step has a rate by Barzilai and Borwein (1988), from
      how the gradient has changed along the last step; a step that leads too high is taken back ("spectral").
    - On batches, the run falls into trials, three in the first epoch, two in the second, then one for about
      a quarter of the epochs so far. Each ends with a look at the objective over all rows: if it has come
      down the rate rises, if not it is halved ("trials"). The model is an average of the parameters that
      forgets, so that it comes to rest although the rate does not. The looks, 14 in 20 epochs, read all rows.

    With momentum m each step has (1 - m) of the rate. How many epochs there will be plays no part, so that a
    run can be resumed. Steps that leave the finite numbers are taken back, too. A loss whose curvature has no
    bound, like the hinge, gets its first rate from a search along the gradient over all rows. In the end the
    model is compared with the best parameters seen, so that it may be those instead of the last ones of the
    history. The result says in `auto_rate` what was found, the history in `learning_rate` what was used.

    Examples
    --------
    >>> import numpy as np
    >>> w, optimizer = np.array([1.0, 2.0]), SGD(learning_rate=0.5)
    >>> optimizer.step(optimizer.init(w), w, np.array([1.0, 0.0]))
    >>> w
    array([0.5, 2. ])
    """

    learning_rate: float | Schedule | Literal["auto"] = "auto"
    momentum: float = 0.0
    nesterov: bool = False


@dataclass(frozen=True)
class Adam(Optimizer):
    """Adam: steps scaled by running means of the gradient and of its square (Kingma and Ba 2015).

    ``m = b1 m + (1 - b1) g``, ``v = b2 v + (1 - b2) g**2``,
    ``w -= learning_rate * (m / (1 - b1**t)) / (sqrt(v / (1 - b2**t)) + eps)``, t from 1. The name is "adam".

    At a constant rate it does not come to rest: steps are of the size of the rate however small the gradient.
    Let the rate fall, for instance by :class:`mbgd_rs.schedules.Cosine`, to find an optimum exactly.

    Parameters
    ----------
    learning_rate : float or schedule, default=1e-3
        Finite and > 0.
    betas : (float, float), default=(0.9, 0.999)
        Both in [0, 1).
    eps : float, default=1e-8
        Finite and > 0.

    Examples
    --------
    >>> import numpy as np
    >>> w, optimizer = {"a": np.zeros(2), "b": np.zeros(1)}, Adam(learning_rate=0.1)
    >>> optimizer.step(optimizer.init(w), w, {"a": np.array([3.0, -4.0]), "b": np.array([0.0])})
    >>> w["a"].round(6)
    array([-0.1,  0.1])
    """

    learning_rate: float | Schedule = 1e-3
    betas: tuple[float, float] = (0.9, 0.999)
    eps: float = 1e-8


def leaves(params: Any) -> Iterator[NDArray[Any]]:
    """The arrays of a list, tuple or dict of arrays, depth first."""
    return (w for w, _ in pair_leaves(params, params))


def pair_leaves(params: Any, grad: Any) -> Iterator[tuple[NDArray[Any], NDArray[Any]]]:
    """Every array of parameters with its gradient, which has its type and its shape."""
    if isinstance(params, np.ndarray):
        if params.dtype.type not in (np.float32, np.float64) or not params.dtype.isnative:
            raise TypeError(f"params must be of native float32 or float64, got {params.dtype.str}")
        g = in_place(as_array("grad", grad), params.dtype)
        if g.shape != params.shape:
            raise ValueError(f"grad must have the shape of params, {params.shape}, got {g.shape}")
        yield params, g
    elif isinstance(params, list | tuple | dict):
        if isinstance(params, dict):
            keys: list[Any] = sorted(params, key=str)
            is_same = isinstance(grad, dict) and sorted(grad, key=str) == keys
        else:
            keys = list(range(len(params)))
            is_same = isinstance(grad, list | tuple) and len(grad) == len(params)
        if not is_same:
            raise ValueError(
                f"grad must have the structure of params, a {type(params).__name__} of {len(keys)}"
            )
        for key in keys:
            yield from pair_leaves(params[key], grad[key])
    else:
        raise TypeError(
            f"params must be arrays, or lists, tuples or dicts of arrays, got {type(params).__name__}"
        )
