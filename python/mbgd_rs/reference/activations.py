"""What units of a hidden layer make of the sum z that comes in: a = value(z), with derivative slope(z, a)."""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .registry import Registry

Array = NDArray[Any]
ACTIVATIONS: Registry["type[Activation]"] = Registry("activation")
"""The activations, which enter themselves."""


class Activation:
    """A function of one number."""

    @staticmethod
    def value(z: Array) -> Array:
        raise NotImplementedError

    @staticmethod
    def slope(z: Array, a: Array) -> Array:
        """The derivative at z, where the value is a."""
        raise NotImplementedError


@ACTIVATIONS.add
class Identity(Activation):
    """z."""

    @staticmethod
    def value(z: Array) -> Array:
        return z

    @staticmethod
    def slope(z: Array, a: Array) -> Array:
        return np.ones_like(z)


@ACTIVATIONS.add
class Relu(Activation):
    """max(z, 0), slope 0 at the kink."""

    @staticmethod
    def value(z: Array) -> Array:
        return np.maximum(z, 0)

    @staticmethod
    def slope(z: Array, a: Array) -> Array:
        return (z > 0).astype(z.dtype)


@ACTIVATIONS.add
class LeakyRelu(Activation):
    """max(z, 0) + 0.01 min(z, 0), slope 0.01 at the kink."""

    @staticmethod
    def value(z: Array) -> Array:
        return np.asarray(np.where(z > 0, z, z.dtype.type(0.01) * z))

    @staticmethod
    def slope(z: Array, a: Array) -> Array:
        return np.asarray(np.where(z > 0, z.dtype.type(1), z.dtype.type(0.01)))


@ACTIVATIONS.add
class Tanh(Activation):
    """tanh(z)."""

    @staticmethod
    def value(z: Array) -> Array:
        return np.tanh(z)

    @staticmethod
    def slope(z: Array, a: Array) -> Array:
        return np.asarray(1 - a * a)


@ACTIVATIONS.add
class Logistic(Activation):
    """1 / (1 + exp(-z))."""

    @staticmethod
    def value(z: Array) -> Array:
        return np.asarray(1 / (1 + np.exp(-z)))

    @staticmethod
    def slope(z: Array, a: Array) -> Array:
        return np.asarray(a * (1 - a))


@ACTIVATIONS.add
class Gelu(Activation):
    """z Phi(z), Phi the distribution function of the standard normal: not an approximation of it.

    D. Hendrycks, K. Gimpel, "Gaussian error linear units", https://arxiv.org/abs/1606.08415.
    """

    @staticmethod
    def value(z: Array) -> Array:
        return np.asarray(z * normal_cdf(z))

    @staticmethod
    def slope(z: Array, a: Array) -> Array:
        density = np.exp(-z * z / 2) / z.dtype.type(math.sqrt(math.tau))
        return np.asarray(normal_cdf(z) + z * density)


@ACTIVATIONS.add
class Silu(Activation):
    """z / (1 + exp(-z)).

    S. Elfwing, E. Uchibe, K. Doya, "Sigmoid-weighted linear units for neural network function approximation
    in reinforcement learning", Neural Networks 107, 2018.
    """

    @staticmethod
    def value(z: Array) -> Array:
        return np.asarray(z * Logistic.value(z))

    @staticmethod
    def slope(z: Array, a: Array) -> Array:
        p = Logistic.value(z)
        return np.asarray(p * (1 + z * (1 - p)))


def normal_cdf(z: Array) -> Array:
    """The distribution function of the standard normal. NumPy has none: one number at a time.

    >>> normal_cdf(np.array([-1.959963984540054, 0.0, np.inf])).round(6)
    array([0.025, 0.5  , 1.   ])
    """
    numbers = (-z.astype(np.float64).ravel() / math.sqrt(2)).tolist()
    cdf = np.array([math.erfc(number) / 2 for number in numbers], z.dtype)
    return cdf.reshape(z.shape)
