"""Models: what their parameters are, their scores of rows, and what slopes of the scores mean for them.

Here what all have in common, and the linear one; the others are in `mlp.py` and `factorization_machine.py`.
"""

import math
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from .registry import Registry

Array = NDArray[Any]
MODELS: Registry["type[Model]"] = Registry("model")
"""The models, which enter themselves."""


class Parameters:
    """One flat vector, first the weights and then the intercepts; all else are views of it.

    Penalty and weight decay apply to the weights alone.
    """

    def __init__(self, n_weights: int, n_intercepts: int, dtype: Any) -> None:
        self.flat = np.zeros(n_weights + n_intercepts, dtype)
        self.flat_weights, self.intercepts = self.flat[:n_weights], self.flat[n_weights:]
        self.weights = self.flat_weights
        """In the shape in which the penalty has strengths for them."""
        self.intercept = self.intercepts
        """Those of the scores, in the shape of the scores of a row."""
        self.blocks: dict[str, Any] = {}
        """Arrays, or lists of arrays, by the names under which they are given back."""

    def fill(self, given: Any) -> None:
        """Writes blocks: those of a dict or of a result, by name, or of a tuple in their order."""
        given = getattr(given, "params", given)
        if isinstance(given, Mapping):
            given = [given[name] for name in self.blocks]
        for block, values in zip(self.blocks.values(), given, strict=True):
            if isinstance(block, list):
                for array, of_layer in zip(block, values, strict=True):
                    array[...] = of_layer
            else:
                block[...] = values

    def as_params(self) -> dict[str, Any]:
        """The blocks as they are given back; a single number is no array."""
        return {
            name: list(block) if isinstance(block, list) else block[()] for name, block in self.blocks.items()
        }


class Model:
    """Scores of rows of d columns, of shape (b,) if `outputs` is () and (b, k) if it is (k,).

    `forward` also returns a trace, all that `backward` needs of it.
    """

    has_columns: ClassVar[bool] = True
    """Whether weights belong to columns of X, so that they can rest where a batch has no entries."""

    def __init__(
        self, options: Any, d: int, outputs: tuple[int, ...], dtype: Any, fit_intercept: bool
    ) -> None:
        self.d, self.outputs, self.dtype, self.fit_intercept = d, outputs, dtype, fit_intercept
        self.k = math.prod(outputs)

    def zeros(self) -> Parameters:
        """Parameters that are all 0."""
        raise NotImplementedError

    def draw(self, w: Parameters, seed: int) -> None:
        """Makes of zeros the parameters that training begins with."""

    def start(self, init: Any, seed: int = 0) -> Parameters:
        """Where to begin: at drawn parameters, or at a copy of given ones."""
        w = self.zeros()
        if init is None:
            self.draw(w, seed)
        else:
            w.fill(init)
        return w

    def scores(self, w: Parameters, x: Array, o: Array | None) -> Array:
        """The scores z of rows with offsets o."""
        z, _ = self.forward(w, x, o)
        return z

    def forward(
        self, w: Parameters, x: Array, o: Array | None, masks: list[Array] | None = None
    ) -> tuple[Array, Any]:
        """The scores z of rows with offsets o, and the trace."""
        raise NotImplementedError

    def backward(self, w: Parameters, trace: Any, r: Array, g: Parameters) -> None:
        """Writes to g the sum over the rows of the gradients of r . z."""
        raise NotImplementedError

    def row_gradients(self, w: Parameters, trace: Any, r: Array) -> Array:
        """The gradient of r . z of each row, in double: shape (b, n_params)."""
        raise NotImplementedError

    def masks(self, seed: int, epoch: int, position: int, n_rows: int) -> list[Array] | None:
        """What dropout does to the rows from a position of an epoch's order on, if there is dropout."""
        return None

    def entries_of(self, columns: Array) -> Array:
        """Which of the weights belong to chosen columns."""
        raise NotImplementedError

    def strengths(self, alpha: Mapping[str, Any]) -> Any:
        """Strengths of blocks as a strength for each of the weights, 0 for blocks that have none."""
        raise NotImplementedError


@MODELS.add
class Linear(Model):
    """z = W x + b: coef (d,) and intercept (), or (k, d) and (k,)."""

    def zeros(self) -> Parameters:
        w = Parameters(self.k * self.d, self.k, self.dtype)
        w.weights = w.flat_weights.reshape(*self.outputs, self.d)
        w.intercept = w.intercepts.reshape(self.outputs)
        w.blocks = {"coef": w.weights, "intercept": w.intercept}
        return w

    def start(self, init: Any, seed: int = 0) -> Parameters:
        if hasattr(init, "coef") and not hasattr(init, "params"):
            init = init.coef, init.intercept
        return super().start(init, seed)

    def forward(
        self, w: Parameters, x: Array, o: Array | None, masks: list[Array] | None = None
    ) -> tuple[Array, Any]:
        z: Array = x @ w.weights.T
        z += w.intercept
        if o is not None:
            z += o
        return z, x

    def backward(self, w: Parameters, trace: Any, r: Array, g: Parameters) -> None:
        np.matmul(r.T, trace, out=g.weights)
        if self.fit_intercept:
            r.sum(axis=0, out=g.intercept)

    def row_gradients(self, w: Parameters, trace: Any, r: Array) -> Array:
        x, r = np.asarray(trace, np.float64), np.asarray(r, np.float64).reshape(len(trace), -1)
        coef = (r[:, :, None] * x[:, None, :]).reshape(len(x), -1)
        return np.concatenate([coef, r * self.fit_intercept], axis=1)

    def entries_of(self, columns: Array) -> Array:
        return np.tile(columns, self.k)

    def strengths(self, alpha: Mapping[str, Any]) -> Any:
        return alpha.get("coef", 0.0)
