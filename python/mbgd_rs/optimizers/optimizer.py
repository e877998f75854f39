"""What all optimizers have in common: `init` and `step` on arrays of the user's own."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from .. import _core
from ..choices import Choice, as_name, names_of, without_arrays
from ..inputs import as_array, as_float, in_place
from ..preconditioners import Preconditioner

__all__ = ["Optimizer", "State"]

OptimizerName = Literal[
    "sgd",
    "adagrad",
    "rmsprop",
    "adadelta",
    "adam",
    "adamw",
    "nadam",
    "radam",
    "adamax",
    "lion",
    "ftrl",
    "sgld",
    "schedule_free_sgd",
    "schedule_free_adamw",
    "dog",
    "saga",
    "svrg",
]
"""Names of optimizers."""


@dataclass(eq=False)
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
    plateau : list of float
        What :class:`mbgd_rs.schedules.Plateau` remembers: the factor of the rate, the loss to be improved on,
        the epochs since that was, and the epochs still to be skipped.
    """

    n_steps: int = 0
    memory: list[list[NDArray[Any]]] = field(default_factory=list)
    scalars: list[list[float]] = field(default_factory=list)
    plateau: list[float] = field(default_factory=lambda: [1.0, float("inf"), 0.0, 0.0])


@dataclass(frozen=True)
class Optimizer(Choice, names=OptimizerName, others=("auto",)):
    """What all optimizers have in common.

    Parameters and gradients are an array of float32 or float64 and any shape, or lists, tuples and dicts of
    such arrays.
    """

    def __post_init__(self) -> None:
        without_arrays(self)
        named = getattr(self, "preconditioner", None)
        if isinstance(named, str):
            names = ("auto", *names_of(Preconditioner))
            object.__setattr__(self, "preconditioner", as_name("preconditioner", named, names))
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
            saved = state.n_steps, memory, state.scalars[i], state.plateau
            state.scalars[i] = _core.step_optimizer(self, saved, inner, g, i)
            if inner is not w:
                w[...] = inner
        state.n_steps += 1

    def end_epoch(self, state: State, loss: float) -> None:
        """Tell the loss of an epoch to a learning rate that waits for it; else nothing happens.

        Parameters
        ----------
        state : State
            From :meth:`init`; changed in place.
        loss : float
            What :class:`mbgd_rs.schedules.Plateau` is to look at.
        """
        state.plateau = _core.end_epoch(self, state.plateau, as_float("loss", loss))

    def eval_params(self, state: State, params: Any) -> Any:
        """The parameters to predict with: `params` themselves, unless the optimizer averages.

        A schedule-free optimizer moves `params` to where it wants the next gradient, and its model is an
        average that it keeps in its state.

        Parameters
        ----------
        state : State
        params : ndarray, or list, tuple or dict of them

        Returns
        -------
        of the structure of `params`
            `params`, or new arrays.
        """
        return params


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
