"""How wrong a score z is for a target y: what losses have in common, and the regression losses."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .registry import Registry

Array = NDArray[Any]
LOSSES: Registry["type[Pointwise]"] = Registry("loss")
"""The regression losses, and the classification losses of two classes, which enter themselves."""


class Pointwise:
    """A loss of one score and one target; with several outputs, the sum over the outputs."""

    curvature: Any = None
    """A bound on the second derivative in z, if there is one. The automatic learning rate begins by it."""
    has_kink = False
    """Whether the slope jumps somewhere."""
    intercept_slope = 0.0
    """What the objective has per unit of every intercept, beside the mean of the losses."""

    def __init__(self, options: Any = None) -> None:
        """`options` has the parameters as attributes, or is a name: then they have their defaults."""

    def value(self, z: Array, y: Array) -> Any:
        raise NotImplementedError

    def slope(self, z: Array, y: Array) -> Any:
        """The derivative of the value in z."""
        raise NotImplementedError

    def domain(self) -> tuple[str, Any]:
        """What targets must be, in words, and as a function of them."""
        return "real", np.isfinite

    @staticmethod
    def mean(z: Array) -> Array:
        """What is predicted for a score: the inverse of the link."""
        return z


@LOSSES.add
class SquaredError(Pointwise):
    """(z - y)^2 / 2 for real y."""

    curvature = 1.0

    @staticmethod
    def value(z: Array, y: Array) -> Any:
        # In double: the square of 1e-30 is not a number of single precision, and neither is that of 1e20.
        return np.square((z - y).astype(np.float64)) / 2

    @staticmethod
    def slope(z: Array, y: Array) -> Any:
        return z - y


@LOSSES.add
class AbsoluteError(Pointwise):
    """|z - y|, slope 0 at the kink."""

    has_kink = True

    @staticmethod
    def value(z: Array, y: Array) -> Any:
        return np.abs(z - y)

    @staticmethod
    def slope(z: Array, y: Array) -> Any:
        return np.sign(z - y)


@LOSSES.add
class Huber(Pointwise):
    """r^2 / 2 for r = z - y up to epsilon, linear beyond."""

    curvature = 1.0

    def __init__(self, options: Any = None) -> None:
        self.epsilon = getattr(options, "epsilon", 1.35)

    def value(self, z: Array, y: Array) -> Any:
        r = np.abs(z - y)
        return np.where(r <= self.epsilon, r * r / 2, self.epsilon * (r - self.epsilon / 2))

    def slope(self, z: Array, y: Array) -> Any:
        return np.clip(z - y, -self.epsilon, self.epsilon)


@LOSSES.add
class EpsilonInsensitive(Pointwise):
    """max(0, |z - y| - epsilon), slope 0 at the kinks."""

    has_kink = True

    def __init__(self, options: Any = None) -> None:
        self.epsilon = getattr(options, "epsilon", 0.1)

    def value(self, z: Array, y: Array) -> Any:
        return np.maximum(0, np.abs(z - y) - self.epsilon)

    def slope(self, z: Array, y: Array) -> Any:
        return np.sign(z - y) * (np.abs(z - y) > self.epsilon)


@LOSSES.add
class SquaredEpsilonInsensitive(EpsilonInsensitive):
    """max(0, |z - y| - epsilon)^2."""

    curvature = 2.0
    has_kink = False

    def value(self, z: Array, y: Array) -> Any:
        return np.square(super().value(z, y).astype(np.float64))  # as the squared error

    def slope(self, z: Array, y: Array) -> Any:
        return 2 * np.sign(z - y) * super().value(z, y)


@LOSSES.add
class Quantile(Pointwise):
    """quantile (y - z) for z below y, (1 - quantile) (z - y) above, slope 0 at the kink."""

    has_kink = True

    def __init__(self, options: Any = None) -> None:
        self.quantile = getattr(options, "quantile", 0.5)

    def value(self, z: Array, y: Array) -> Any:
        return np.where(z < y, self.quantile, 1 - self.quantile).astype(z.dtype) * np.abs(z - y)

    def slope(self, z: Array, y: Array) -> Any:
        return np.where(z < y, -self.quantile, 1 - self.quantile).astype(z.dtype) * (z != y)


@LOSSES.add
class LogCosh(Pointwise):
    """log(cosh(z - y))."""

    curvature = 1.0

    @staticmethod
    def value(z: Array, y: Array) -> Any:
        r = np.abs(z - y)
        near = np.log1p(np.square(np.sinh(np.minimum(r, 1)))) / 2
        return np.where(r < 1, near, r - np.log(2) + np.log1p(np.exp(-2 * r)))

    @staticmethod
    def slope(z: Array, y: Array) -> Any:
        return np.tanh(z - y)


@LOSSES.add
class Poisson(Pointwise):
    """exp(z) - y z for y >= 0; the mean is exp(z)."""

    def domain(self) -> tuple[str, Any]:
        return ">= 0", lambda y: y >= 0

    @staticmethod
    def mean(z: Array) -> Array:
        return np.exp(z)

    def value(self, z: Array, y: Array) -> Any:
        return np.exp(z) - y * z

    def slope(self, z: Array, y: Array) -> Any:
        return np.exp(z) - y


@LOSSES.add
class Gamma(Poisson):
    """z + y exp(-z) for y > 0; the mean is exp(z)."""

    def domain(self) -> tuple[str, Any]:
        return "> 0", lambda y: y > 0

    def value(self, z: Array, y: Array) -> Any:
        return z + y * np.exp(-z)

    def slope(self, z: Array, y: Array) -> Any:
        return 1 - y * np.exp(-z)


@LOSSES.add
class Tweedie(Poisson):
    """exp((2-p)z)/(2-p) - y exp((1-p)z)/(1-p), in the limits p = 1 and 2 Poisson and gamma."""

    def __init__(self, options: Any = None) -> None:
        self.power = getattr(options, "power", 1.5)

    def domain(self) -> tuple[str, Any]:
        if self.power < 1:
            return Pointwise.domain(self)
        return Poisson().domain() if self.power < 2 else Gamma().domain()

    def value(self, z: Array, y: Array) -> Any:
        p = self.power
        if p in (1, 2):
            return (Poisson if p == 1 else Gamma)().value(z, y)
        return np.exp((2 - p) * z) / (2 - p) - y * np.exp((1 - p) * z) / (1 - p)

    def slope(self, z: Array, y: Array) -> Any:
        return np.exp((2 - self.power) * z) - y * np.exp((1 - self.power) * z)


@LOSSES.add
class OneClass(Pointwise):
    """max(0, 1 - z), whatever y is, slope -1 at the kink, and nu per unit of the intercept."""

    has_kink = True

    def __init__(self, options: Any = None) -> None:
        self.intercept_slope = getattr(options, "nu", 0.5)

    @staticmethod
    def mean(z: Array) -> Array:
        return np.where(z < 1, -1, 1)

    @staticmethod
    def value(z: Array, y: Array) -> Any:
        return np.maximum(0, 1 - z)

    @staticmethod
    def slope(z: Array, y: Array) -> Any:
        return -np.asarray(z <= 1, z.dtype)
