"""The multi-layer perceptron."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from numbers import Integral
from typing import Any, ClassVar, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from .. import _core
from ..choices import as_name
from ..inputs import as_float, as_integer, as_strength
from .model import Change, Given, Model, Size

__all__ = ["MLP"]

Array = NDArray[Any]
ActivationName = Literal["identity", "relu", "leaky_relu", "tanh", "logistic", "gelu", "silu"]
"""Names of activations."""
InitName = Literal["auto", "he_uniform", "he_normal", "glorot_uniform", "glorot_normal"]
"""Names of the starts of weights."""
ACTIVATION_ALIASES = {
    "linear": "identity",
    "none": "identity",
    "rectifier": "relu",
    "sigmoid": "logistic",
    "expit": "logistic",
    "swish": "silu",
}
INIT_ALIASES = {
    "kaiminguniform": "he_uniform",
    "kaimingnormal": "he_normal",
    "xavieruniform": "glorot_uniform",
    "xaviernormal": "glorot_normal",
    "he": "he_uniform",
    "glorot": "glorot_uniform",
}


@dataclass(frozen=True)
class MLP(Model, name="mlp", aliases="multilayer_perceptron network neural_network mlpclassifier nn"):
    """Multi-layer perceptron: layers of units between a row and its scores. The name is "mlp".

    ``a_0 = x``, ``z_l = a_{l-1} W_l + b_l``, ``a_l = activation_l(z_l)``; the scores are z of the last layer,
    which has no activation: the loss says what they mean, as for a linear model. Every loss, penalty,
    optimizer and kind of rows goes with it; penalties and weight decay act on W, never on b.

    Its blocks are, in the shapes of scikit-learn's ``MLPClassifier``,

    - "coefs", a list ``[W_1, ..., W_L]`` of arrays of shapes (d, h_1), (h_1, h_2), ..., (h_{L-1}, k);
    - "intercepts", a list ``[b_1, ..., b_L]`` of arrays of shapes (h_1,), ..., (k,).

    The flat vector has all of "coefs" in C order, then all of "intercepts". With targets that are a vector
    the last layer has k = 1 output all the same.

    Parameters
    ----------
    hidden : int or sequence of int, default=(100,)
        Units of each hidden layer, >= 1. Without any, ``()``, the scores are linear.
    activation : str or sequence of str, default="relu"
        One for all hidden layers, or one for each: "identity", ``z``; "relu", ``max(z, 0)``; "leaky_relu",
        ``max(z, 0) + 0.01 min(z, 0)``; "tanh"; "logistic", ``1 / (1 + exp(-z))``; "gelu",
        ``z Phi(z)`` with the distribution function of the standard normal (Hendrycks and Gimpel 2016),
        not an approximation of it; "silu", ``z / (1 + exp(-z))`` (Elfwing, Uchibe and Doya 2018).
        The slopes of "relu" and "leaky_relu" at 0 are 0 and 0.01.
    dropout : float, default=0.0
        Probability, in [0, 1), with which a unit of a hidden layer is left out of a row's gradient in a step;
        those that are kept are divided by ``1 - dropout`` (Srivastava et al. 2014, inverted). Columns of X
        are not dropped. Predictions, validation and whatever else only looks have all units.
    init : {"auto", "he_uniform", "he_normal", "glorot_uniform", "glorot_normal"}, default="auto"
        How W begins, drawn by the seed of the fit: He's start has variance ``2 / n_in`` (He et al. 2015),
        Glorot's ``2 / (n_in + n_out)`` (Glorot and Bengio 2010), n_in and n_out the shape of W_l. "auto" is
        "glorot_uniform", as scikit-learn's: on small sets its networks were better or as good, of one hidden
        layer and of eight. b begins at 0.

    Raises
    ------
    ValueError, TypeError
        For parameters that make no sense, with the name, the condition and the value.

    Examples
    --------
    >>> MLP((128, 64), activation="tanh").size(n_columns=784, n_outputs=10)
    Size(n_weights=109184, n_intercepts=202)
    >>> MLP(hidden=(128, 0))
    Traceback (most recent call last):
    ValueError: hidden[1] must be >= 1, got 0
    """

    blocks: ClassVar = ("coefs", "intercepts")
    weight_blocks: ClassVar = ("coefs",)

    hidden: int | Sequence[int] = (100,)
    activation: ActivationName | Sequence[ActivationName] = "relu"
    dropout: float = 0.0
    init: InitName = "auto"

    def __post_init__(self) -> None:
        set_field = object.__setattr__
        set_field(self, "hidden", as_hidden(self.hidden))
        set_field(self, "activation", as_activation(self.activation, self.widths))
        dropout = as_float("dropout", self.dropout)
        if not 0 <= dropout < 1:
            raise ValueError(f"dropout must be in [0, 1), got {self.dropout!r}")
        set_field(self, "dropout", dropout)
        set_field(self, "init", named("init", self.init, get_args(InitName), INIT_ALIASES))

    @property
    def widths(self) -> tuple[int, ...]:
        """The units of each hidden layer, as `hidden` is after it has been checked."""
        return self.hidden  # type: ignore[return-value]

    @property
    def activations(self) -> tuple[ActivationName, ...]:
        """The activation of each hidden layer.

        >>> MLP((128, 64), activation="tanh").activations
        ('tanh', 'tanh')
        """
        given = self.activation
        return (given,) * len(self.widths) if isinstance(given, str) else tuple(given)

    def layers(self, n_columns: int, n_outputs: int) -> list[tuple[int, int]]:
        """The shapes (n_in, n_out) of the layers, the last one included.

        >>> MLP((128, 64)).layers(n_columns=784, n_outputs=10)
        [(784, 128), (128, 64), (64, 10)]
        """
        return list(pairwise((n_columns, *self.widths, n_outputs)))

    def _size(self, n_columns: int, n_outputs: int) -> Size:
        layers = self.layers(n_columns, n_outputs)
        return Size(sum(n_in * n_out for n_in, n_out in layers), sum(n_out for _, n_out in layers))

    def _split(
        self, weights: Array, intercepts: Array, n_columns: int, n_outputs: int, is_vector: bool
    ) -> dict[str, Any]:
        layers = self.layers(n_columns, n_outputs)
        ends = np.cumsum([n_out for _, n_out in layers])[:-1]
        return {
            "coefs": list(matrices(weights, layers)),
            "intercepts": np.split(intercepts, ends),
        }

    def _join(self, blocks: Given, weights: Array, intercepts: Array, n_columns: int, n_outputs: int) -> None:
        layers = self.layers(n_columns, n_outputs)
        coefs = blocks.arrays("coefs", layers)  # type: ignore[arg-type]
        for W, given in zip(matrices(weights, layers), coefs, strict=True):
            W[...] = given
        intercepts[...] = np.concatenate(blocks.arrays("intercepts", [(n_out,) for _, n_out in layers]))

    def _start(self, weights: Array, n_columns: int, n_outputs: int, seed: int) -> None:
        layers = self.layers(n_columns, n_outputs)
        is_normal = self.init.endswith("normal")
        numbers = _core.start_numbers(seed, len(weights), is_normal)
        for W, (n_in, n_out) in zip(matrices(numbers, layers), layers, strict=True):
            n = n_in if self.init.startswith("he") else n_in + n_out
            W *= math.sqrt((2 if is_normal else 6) / n)
        weights[...] = numbers

    def dimensions(self, params: Mapping[str, Any]) -> tuple[int, int]:
        return len(params["coefs"][0]), len(params["intercepts"][-1])

    def _change(
        self,
        weights: Array,
        intercepts: Array,
        n_columns: int,
        n_outputs: int,
        change: Change,
        dtype: np.dtype[Any],
    ) -> None:
        """The first layer has the columns, the last one the scores."""
        layers = self.layers(n_columns, n_outputs)
        coefs = list(matrices(weights, layers))
        first, last = intercepts[..., : layers[0][1]], intercepts[..., -n_outputs:]
        coefs[-1][...] *= change.scale
        last *= change.scale
        W = coefs[0]
        W *= np.broadcast_to(change.up, n_columns)[:, None]
        W /= np.broadcast_to(change.down, n_columns)[:, None]
        W[...] = W.astype(dtype)
        if change.shift is not None:
            first += (W * change.shift[:, None]).sum(axis=-2)
        if change.offset is not None:
            last += change.offset

    def _strengths(self, argument: str, alpha: Mapping[str, Any], n_columns: int, n_outputs: int) -> Any:
        layers, given, place = self.layers(n_columns, n_outputs), alpha["coefs"], f'{argument}["coefs"]'
        if np.ndim(given) == 0:
            return as_strength(place, given)
        if len(given) != len(layers):
            raise ValueError(f"{place} must be a number or {len(layers)}, a layer each, got {len(given)}")
        of_layers = [as_strength(f"{place}[{i}]", strength) for i, strength in enumerate(given)]
        return np.repeat(of_layers, [n_in * n_out for n_in, n_out in layers])


def matrices(weights: Array, layers: list[tuple[int, int]]) -> Iterator[Array]:
    """The matrix of each layer, a view of the weights, of shape (..., n_in, n_out)."""
    first = 0
    for shape in layers:
        yield weights[..., first : first + math.prod(shape)].reshape(*weights.shape[:-1], *shape)
        first += math.prod(shape)


def as_hidden(hidden: Any) -> tuple[int, ...]:
    """The units of each hidden layer; a single number is one layer."""
    if isinstance(hidden, int | float | np.generic) or (isinstance(hidden, np.ndarray) and hidden.ndim == 0):
        return (as_integer("hidden", hidden, 1),)
    if not isinstance(hidden, Sequence | np.ndarray) or isinstance(hidden, str | bytes):
        raise TypeError(f"hidden must be an integer or a sequence of them, got {hidden!r}")
    return tuple(as_integer(f"hidden[{i}]", n_units, 1) for i, n_units in enumerate(hidden))


def as_activation(activation: Any, widths: tuple[int, ...]) -> Any:
    """One activation for all hidden layers, a name, or one for each, if they are not all the same."""
    names = get_args(ActivationName)
    if isinstance(activation, str):
        return named("activation", activation, names, ACTIVATION_ALIASES)
    if not isinstance(activation, Sequence | np.ndarray):
        is_number = isinstance(activation, Integral) and not isinstance(activation, bool)
        layers = ", ".join(map(str, (*widths, activation)))
        hint = f": give MLP(({layers})) for hidden layers of so many units" if is_number else ""
        raise TypeError(f"activation must be a name or a sequence of them, got {activation!r}{hint}")
    of_layers = tuple(
        named(f"activation[{i}]", name, names, ACTIVATION_ALIASES) for i, name in enumerate(activation)
    )
    if len(of_layers) != len(widths):
        raise ValueError(
            f"activation must be one name, or one for each of the {len(widths)} hidden layers, "
            f"got {len(of_layers)}"
        )
    return of_layers[0] if len(set(of_layers)) == 1 else of_layers


def named(argument: str, given: Any, names: tuple[str, ...], aliases: Mapping[str, str]) -> str:
    """A name of some."""
    if not isinstance(given, str):
        raise TypeError(f"{argument} must be one of {', '.join(map(repr, names))}, got {given!r}")
    return as_name(argument, str(given), names, aliases=aliases)
