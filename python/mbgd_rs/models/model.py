"""What all models have in common."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..choices import Choice, as_name
from ..columns import located
from ..inputs import as_array, as_strength, fitted

__all__ = ["Change", "Model", "Size"]

Array = NDArray[Any]
Shape = tuple[int, ...]
ModelName = Literal["linear", "mlp", "factorization_machine"]
"""Names of models."""
MOST_PARAMS = 1 << 48
"""Parameters of a model, at most."""


class Size(NamedTuple):
    """How many parameters a model has: first the weights lie in its flat vector, then the intercepts."""

    n_weights: int
    n_intercepts: int


class Change(NamedTuple):
    """Other columns, and another scale of scores: f becomes ``scale f((x + shift) up / down) + offset``."""

    up: Array | float
    down: Array | float
    shift: Array | None
    """Of shape (d,), as `up` and `down` are; None is 0."""
    scale: float
    """Above 0."""
    offset: Array | None
    """Of shape (k,); None is 0."""


@dataclass(frozen=True)
class Model(Choice, names=ModelName):
    """What all models have in common.

    The parameters of a model are known to the core as one flat vector, and to users by the names of its
    blocks, a dict: :meth:`split` and :meth:`join` lead from one to the other.

    Attributes
    ----------
    name : str
        What :func:`mbgd_rs.fit` takes instead of the object.
    blocks : tuple of str
        The names of the blocks, in the order in which a tuple of them is given.
    weight_blocks : tuple of str
        Those of them on which penalties and weight decay act.
    """

    blocks: ClassVar[tuple[str, ...]]
    weight_blocks: ClassVar[tuple[str, ...]]

    def size(self, n_columns: int, n_outputs: int) -> Size:
        """The numbers of weights and of intercepts.

        Raises
        ------
        ValueError
            If there are more than 2**48 parameters, for which nothing is allocated first.
        """
        size = self._size(n_columns, n_outputs)
        if sum(size) > MOST_PARAMS:
            raise ValueError(
                f"model must have at most 2**48 parameters, got {sum(size)} of {self} for {n_columns} "
                f"columns and {n_outputs} outputs"
            )
        return size

    def split(self, flat: Array, n_columns: int, n_outputs: int, is_vector: bool) -> dict[str, Any]:
        """The blocks of a flat vector by name: views of it, where its order allows that.

        Parameters
        ----------
        flat : array of shape (n_weights + n_intercepts,)
        n_columns, n_outputs : int
        is_vector : bool
            Whether there is one output because targets were a vector, which leaves the axis of outputs out.
        """
        size = self.size(n_columns, n_outputs)
        if flat.shape != (sum(size),):
            raise ValueError(f"flat must have shape ({sum(size)},), got {flat.shape}")
        weights, intercepts = flat[: size.n_weights], flat[size.n_weights :]
        return self._split(weights, intercepts, n_columns, n_outputs, is_vector)

    def join(
        self, params: Any, n_columns: int, n_outputs: int, dtype: Any = np.float64, *, argument: str = "init"
    ) -> Array:
        """The flat vector of blocks, the inverse of :meth:`split`.

        Parameters
        ----------
        params : dict, tuple or object with an attribute `params`
            The blocks by name; or all of them, in the order of `blocks`; or a result that has them. Of one
            output with or without its axis.
        n_columns, n_outputs : int
        dtype : float32 or float64
            That of X.
        argument : str, default="init"
            What errors call `params`.

        Raises
        ------
        TypeError, ValueError
            For blocks that are missing, unknown, no numbers, too large for `dtype` or of another shape, with
            their place, the shape expected and that given.
        """
        size = self.size(n_columns, n_outputs)
        given = self._named(argument, params)
        flat = np.empty(sum(size), dtype)
        weights, intercepts = flat[: size.n_weights], flat[size.n_weights :]
        self._join(Given(argument, given, flat.dtype), weights, intercepts, n_columns, n_outputs)
        return flat

    def start(self, n_columns: int, n_outputs: int, seed: int, dtype: Any = np.float64) -> Array:
        """Where training begins, as a flat vector: a function of the arguments alone.

        Parameters
        ----------
        n_columns, n_outputs : int
        seed : int
            That of the fit, in [0, 2**64).
        dtype : float32 or float64
            That of X; drawn in double precision, and rounded then.
        """
        size = self.size(n_columns, n_outputs)
        flat = np.zeros(sum(size), dtype)
        self._start(flat[: size.n_weights], n_columns, n_outputs, seed)
        return flat

    def dimensions(self, params: Mapping[str, Any]) -> tuple[int, int]:
        """The numbers of columns and of outputs that blocks, as :meth:`split` makes them, are for."""
        raise NotImplementedError

    def changed(self, flat: Array, n_columns: int, n_outputs: int, change: Change) -> Array:
        """The flat vector of the same scores after a change; of many, one a row, that of each.

        Computed in double precision. Intercepts make up for what they can of the rounding of the weights.
        """
        double = flat.astype(np.float64)
        n_weights = self.size(n_columns, n_outputs).n_weights
        weights, intercepts = double[..., :n_weights], double[..., n_weights:]
        with np.errstate(over="ignore", invalid="ignore"):  # what does not fit is refused where it matters
            self._change(weights, intercepts, n_columns, n_outputs, change, flat.dtype)
            return double.astype(flat.dtype)

    def strengths(self, alpha: Any, n_columns: int, n_outputs: int, *, argument: str = "alpha") -> Any:
        """The strengths that a penalty has for the weights, in the order of the flat vector.

        Parameters
        ----------
        alpha : float or dict
            One strength for all weights, or some for blocks, by their names; blocks without one are free.

        Returns
        -------
        float, or array of shape (m,)
            One strength for all; or one for each of the first m weights, and again for each of the next m.

        Raises
        ------
        TypeError, ValueError
            For names that are none of `weight_blocks`, and for strengths that are not finite and >= 0.
        """
        if not isinstance(alpha, Mapping):
            return as_strength(argument, alpha)
        for name in alpha:
            if name not in self.weight_blocks:
                expected = f"a dict with keys of {listed(self.weight_blocks)}"
                as_name(argument, str(name), self.weight_blocks, expected=expected)
        return self._strengths(argument, alpha, n_columns, n_outputs) if alpha else 0.0

    def _named(self, argument: str, params: Any) -> Mapping[str, Any]:
        """The blocks by name, in whatever form they are given."""
        params = getattr(params, "params", params)
        if isinstance(params, Mapping):
            if set(params) != set(self.blocks):
                raise ValueError(
                    f"{argument} must have the keys {listed(self.blocks)} for model {self.name!r}, "
                    f"got {listed(params) or 'none'}"
                )
            return params
        if isinstance(params, tuple | list):
            if len(params) != len(self.blocks):
                raise ValueError(
                    f"{argument} must be {len(self.blocks)} blocks, {listed(self.blocks)}, for model "
                    f"{self.name!r}, got {len(params)}"
                )
            return dict(zip(self.blocks, params, strict=True))
        raise TypeError(
            f"{argument} must be a dict or a tuple of {listed(self.blocks)}, or a FitResult, got {params!r}"
        )

    def _size(self, n_columns: int, n_outputs: int) -> Size:
        raise NotImplementedError

    def _split(
        self, weights: Array, intercepts: Array, n_columns: int, n_outputs: int, is_vector: bool
    ) -> dict[str, Any]:
        raise NotImplementedError

    def _join(self, blocks: Given, weights: Array, intercepts: Array, n_columns: int, n_outputs: int) -> None:
        raise NotImplementedError

    def _start(self, weights: Array, n_columns: int, n_outputs: int, seed: int) -> None:
        """Writes the first weights over zeros."""

    def _change(
        self,
        weights: Array,
        intercepts: Array,
        n_columns: int,
        n_outputs: int,
        change: Change,
        dtype: np.dtype[Any],
    ) -> None:
        """Changes both in place, rounding weights to `dtype`."""
        raise NotImplementedError

    def _strengths(self, argument: str, alpha: Mapping[str, Any], n_columns: int, n_outputs: int) -> Any:
        raise NotImplementedError


class Given(NamedTuple):
    """Blocks that were given, as the model wants them."""

    argument: str
    given: Mapping[str, Any]
    dtype: np.dtype[Any]

    def array(self, block: str, *shapes: Shape) -> Array:
        """A block, which must have one of some shapes, in the first of them."""
        return self._of_shape(f'{self.argument}["{block}"]', self.given[block], *shapes)

    def arrays(self, block: str, shapes: list[Shape]) -> list[Array]:
        """A block of several arrays, each of its shape."""
        place, values = f'{self.argument}["{block}"]', self.given[block]
        if isinstance(values, np.ndarray) and values.dtype != object:
            values = list(values) if values.ndim else values
        if not isinstance(values, list | tuple | np.ndarray):
            raise TypeError(f"{place} must be a list of {len(shapes)} arrays, got {values!r}")
        if len(values) != len(shapes):
            raise ValueError(
                f"{place} must be a list of {len(shapes)} arrays, a layer each, got {len(values)}"
            )
        return [
            self._of_shape(f"{place}[{i}]", value, shape)
            for i, (value, shape) in enumerate(zip(values, shapes, strict=True))
        ]

    def _of_shape(self, place: str, values: Any, *shapes: Shape) -> Array:
        array = as_array(place, values)
        if array.shape not in shapes:
            expected = " or ".join(map(str, shapes))
            raise ValueError(f"{place} must have shape {expected}, got {array.shape}")
        made = fitted(place, array.reshape(shapes[0]), self.dtype)
        is_wrong = ~np.isfinite(made)
        if is_wrong.any():
            at = tuple(map(int, np.argwhere(is_wrong)[0]))
            got = "NaN" if np.isnan(made[at]) else made[at]
            raise ValueError(f"{place} must be finite, got {got} at {located(at)}")
        return made


def listed(names: Any) -> str:
    """Names for messages."""
    return ", ".join(f'"{name}"' for name in names)
