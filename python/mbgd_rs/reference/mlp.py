"""The multi-layer perceptron: forward through its layers, and backward through them."""

import math
from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .activations import ACTIVATIONS
from .model import MODELS, Model, Parameters
from .random import HALF, START, normals, random_blocks, random_words

Array = NDArray[Any]

DROPOUT = 37
"""The stream of random words by which units are dropped."""


class Layer(NamedTuple):
    """What a layer was given, and what a hidden one made of it."""

    inputs: Array
    """Shape (b, n_in): the rows, or the units of the layer before, as far as they are kept."""
    z: Array
    """Shape (b, n_out): inputs . W + b."""
    a: Array
    """activation(z), and z itself in the last layer."""
    mask: Array | None
    """What a is multiplied by: 0 for units that are dropped, else 1 / (1 - dropout)."""


@MODELS.add
class Mlp(Model):
    """a_l = activation_l(a_{l-1} W_l + b_l), from a_0 = x on. The scores are z of the last layer.

    Parameters lie one behind the other: W_1 (d, h_1), W_2 (h_1, h_2), ..., then b_1 (h_1,), b_2 (h_2,), ...
    """

    has_columns = False

    def __init__(
        self, options: Any, d: int, outputs: tuple[int, ...], dtype: Any, fit_intercept: bool
    ) -> None:
        super().__init__(options, d, outputs, dtype, fit_intercept)
        hidden = getattr(options, "hidden", (100,))
        self.hidden: tuple[int, ...] = (hidden,) if isinstance(hidden, int) else tuple(hidden)
        self.layers = list(pairwise((d, *self.hidden, self.k)))
        activation = getattr(options, "activation", "relu")
        names = [activation] * len(self.hidden) if isinstance(activation, str) else activation
        self.activations = [ACTIVATIONS.named(name) for name in names]
        self.dropout: float = getattr(options, "dropout", 0.0)
        self.init: str = getattr(options, "init", "auto")

    def zeros(self) -> Parameters:
        n_weights = sum(n_in * n_out for n_in, n_out in self.layers)
        w = Parameters(n_weights, sum(n_out for _, n_out in self.layers), self.dtype)
        coefs, intercepts, i, j = [], [], 0, 0
        for n_in, n_out in self.layers:
            coefs.append(w.flat_weights[i : i + n_in * n_out].reshape(n_in, n_out))
            intercepts.append(w.intercepts[j : j + n_out])
            i, j = i + n_in * n_out, j + n_out
        w.blocks = {"coefs": coefs, "intercepts": intercepts}
        w.intercept = intercepts[-1].reshape(self.outputs)
        return w

    def draw(self, w: Parameters, seed: int) -> None:
        """Weights of variance 2 / n_in (He) or 2 / (n_in + n_out) (Glorot), uniform or normal.

        The variance of numbers that are uniform in [-1, 1) is 1/3.
        """
        n = w.flat_weights.size
        is_normal = self.init.endswith("normal")
        drawn = normals(seed, 0, n, START) if is_normal else uniforms(seed, n)
        i = 0
        for W in w.blocks["coefs"]:
            n_in, n_out = W.shape
            scale = math.sqrt(
                (2 if is_normal else 6) / (n_in if self.init.startswith("he") else n_in + n_out)
            )
            W[...] = scale * drawn[i : i + W.size].reshape(W.shape)
            i += W.size

    def forward(
        self, w: Parameters, x: Array, o: Array | None, masks: Any = None
    ) -> tuple[Array, list[Layer]]:
        masks = [None] * len(self.hidden) if masks is None else masks
        h, trace = x, []
        for W, b, activation, mask in zip(
            w.blocks["coefs"], w.blocks["intercepts"], [*self.activations, None], [*masks, None], strict=True
        ):
            z = h @ W + b
            a = z if activation is None else activation.value(z)
            trace.append(Layer(h, z, a, mask))
            h = a if mask is None else a * mask
        scores = h.reshape(len(x), *self.outputs)
        return scores if o is None else scores + o, trace

    def slopes(self, w: Parameters, trace: list[Layer], r: Array) -> Iterator[tuple[int, Array]]:
        """The derivatives of r . z by the z of each layer, of shape (b, n_out), from the last layer on."""
        delta = r.reshape(len(r), self.k)
        for i in reversed(range(len(trace))):
            yield i, delta
            if i > 0:
                before = trace[i - 1]
                delta = delta @ w.blocks["coefs"][i].T
                if before.mask is not None:
                    delta *= before.mask
                delta *= self.activations[i - 1].slope(before.z, before.a)

    def backward(self, w: Parameters, trace: list[Layer], r: Array, g: Parameters) -> None:
        for i, delta in self.slopes(w, trace, r):
            np.matmul(trace[i].inputs.T, delta, out=g.blocks["coefs"][i])
            if self.fit_intercept:
                delta.sum(axis=0, out=g.blocks["intercepts"][i])

    def row_gradients(self, w: Parameters, trace: list[Layer], r: Array) -> Array:
        coefs, intercepts = [], []
        for i, delta in self.slopes(w, trace, r):
            h, delta = np.asarray(trace[i].inputs, np.float64), np.asarray(delta, np.float64)
            coefs.append((h[:, :, None] * delta[:, None, :]).reshape(len(r), -1))
            intercepts.append(delta * self.fit_intercept)
        return np.concatenate([*reversed(coefs), *reversed(intercepts)], axis=1)

    def masks(self, seed: int, epoch: int, position: int, n_rows: int) -> list[Array] | None:
        """Of each hidden layer, shape (n_rows, n_units).

        Every unit of every row of an epoch has a random word of its own: with U words a row, those of the
        layers one behind the other, each layer's number rounded up to whole blocks of 4, the row at position
        p has the words from p U on. A unit is dropped if its word is less than dropout 2^32.

        N. Srivastava, G. Hinton, A. Krizhevsky, I. Sutskever, R. Salakhutdinov, "Dropout: a simple way to
        prevent neural networks from overfitting", JMLR 15, 2014.
        """
        if self.dropout == 0 or not self.hidden:
            return None
        n_blocks = [-(-n_units // 4) for n_units in self.hidden]
        blocks = np.arange(position * sum(n_blocks), (position + n_rows) * sum(n_blocks))
        words = random_blocks(seed, epoch, DROPOUT, blocks).T.reshape(n_rows, 4 * sum(n_blocks))
        is_kept = words >= math.floor(self.dropout * 2**32)
        kept = np.where(is_kept, 1 / (1 - self.dropout), 0).astype(self.dtype)
        ends = 4 * np.cumsum(n_blocks)
        return [
            kept[:, end - 4 * n : end - 4 * n + n_units]
            for n_units, n, end in zip(self.hidden, n_blocks, ends, strict=True)
        ]

    def strengths(self, alpha: Mapping[str, Any]) -> Any:
        """One number for all layers, or one for each."""
        of_layers = np.broadcast_to(alpha.get("coefs", 0.0), len(self.layers))
        return np.repeat(of_layers, [n_in * n_out for n_in, n_out in self.layers])


def uniforms(seed: int, n: int) -> Array:
    """Numbers uniform in [-1, 1), each of one word of 64 bits."""
    high, low = random_words(seed, 0, START, 2 * n).reshape(n, 2).T
    return 2 * ((high << HALF | low) >> np.uint64(11)) * 2.0**-53 - 1
