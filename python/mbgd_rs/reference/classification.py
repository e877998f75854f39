"""How wrong a score z is for a class: the classification losses."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .losses import LOSSES, Pointwise

Array = NDArray[Any]


class Margin(Pointwise):
    """A loss of the margin m = y z, for y in {-1, +1}."""

    @staticmethod
    def probability(z: Array) -> Any:
        """The probability of +1."""
        raise NotImplementedError

    def of_all_classes(self) -> "Coupled | None":
        """The loss of more than two classes; without one, it is this loss of each class against the rest."""
        return None


class Coupled(Margin):
    """A loss of the scores of all classes together, for a class index y of shape (b, 1)."""


@LOSSES.add
class LogLoss(Margin):
    """log(1 + exp(-y z)) for y in {-1, +1}."""

    curvature = 0.25

    def __init__(self, options: Any = None) -> None:
        self.multi_class = getattr(options, "multi_class", "multinomial")

    def of_all_classes(self) -> Coupled | None:
        return Softmax() if self.multi_class == "multinomial" else None

    @staticmethod
    def value(z: Array, y: Array) -> Any:
        return np.logaddexp(0, -y * z)

    @staticmethod
    def slope(z: Array, y: Array) -> Any:
        return -y / (1 + np.exp(y * z))

    @staticmethod
    def probability(z: Array) -> Any:
        return 1 / (1 + np.exp(-z))


class Softmax(Coupled):
    """log(sum_c exp(z_c)) - z_y for a class index y: the log loss of more than two classes."""

    curvature = 0.5

    @staticmethod
    def value(z: Array, y: Array) -> Any:
        z = z - z.max(axis=1, keepdims=True)
        return np.log(np.exp(z).sum(axis=1, keepdims=True)) - np.take_along_axis(z, y, axis=1)

    @staticmethod
    def slope(z: Array, y: Array) -> Any:
        p = np.exp(z - z.max(axis=1, keepdims=True))
        p /= p.sum(axis=1, keepdims=True)
        p[np.arange(len(p)), y[:, 0]] -= 1
        return p


@LOSSES.add
class Hinge(Margin):
    """max(0, 1 - y z), slope 0 at the kink."""

    has_kink = True

    @staticmethod
    def value(z: Array, y: Array) -> Any:
        return np.maximum(0, 1 - y * z)

    @staticmethod
    def slope(z: Array, y: Array) -> Any:
        return -y * (y * z < 1)


@LOSSES.add
class SquaredHinge(Margin):
    """max(0, 1 - y z)^2."""

    curvature = 2.0

    @staticmethod
    def value(z: Array, y: Array) -> Any:
        return np.square(np.maximum(0, 1 - y * z))

    @staticmethod
    def slope(z: Array, y: Array) -> Any:
        return -2 * y * np.maximum(0, 1 - y * z)


@LOSSES.add
class ModifiedHuber(Margin):
    """max(0, 1 - y z)^2 for margins of at least -1, -4 y z below."""

    curvature = 2.0

    @staticmethod
    def value(z: Array, y: Array) -> Any:
        return np.where(y * z < -1, -4 * y * z, SquaredHinge.value(z, y))

    @staticmethod
    def slope(z: Array, y: Array) -> Any:
        return np.where(y * z < -1, -4 * y, SquaredHinge.slope(z, y))

    @staticmethod
    def probability(z: Array) -> Any:
        return (np.clip(z, -1, 1) + 1) / 2


@LOSSES.add
class Perceptron(Margin):
    """max(0, -y z), slope -y at the kink."""

    has_kink = True

    @staticmethod
    def value(z: Array, y: Array) -> Any:
        return np.maximum(0, -y * z)

    @staticmethod
    def slope(z: Array, y: Array) -> Any:
        return -y * (y * z <= 0)


@LOSSES.add
class SmoothHinge(Margin):
    """t^2 / (2 s) for t = 1 - y z between 0 and s = smoothing, t - s/2 beyond."""

    def __init__(self, options: Any = None) -> None:
        self.smoothing = getattr(options, "smoothing", 1.0)
        self.curvature = float(1 / self.smoothing)

    def value(self, z: Array, y: Array) -> Any:
        t, s = np.maximum(0, 1 - y * z), self.smoothing
        return np.where(t < s, t * t / (2 * s), t - s / 2)

    def slope(self, z: Array, y: Array) -> Any:
        return -y * np.clip((1 - y * z) / self.smoothing, 0, 1)


@LOSSES.add
class Focal(Margin):
    """-(1 - p)^gamma log(p) with p = 1 / (1 + exp(-y z))."""

    def __init__(self, options: Any = None) -> None:
        self.gamma = getattr(options, "gamma", 2.0)

    @property
    def curvature(self) -> float:
        """The largest second derivative at margins 1/100 apart, and a thousandth more."""
        m, gamma = np.arange(-2000, 2001) / 100.0, self.gamma
        q, minus_log = 1 / (1 + np.exp(m)), np.log1p(np.exp(-m))
        p = 1 - q
        second = q**gamma * p * (gamma * minus_log * (gamma * p - q) + (1 + 2 * gamma) * q)
        return float(second.max() * 1.001)

    def value(self, z: Array, y: Array) -> Any:
        m = y * z
        return np.exp(-self.gamma * np.logaddexp(0, m)) * np.logaddexp(0, -m)

    def slope(self, z: Array, y: Array) -> Any:
        m = y * z
        p, q = 1 / (1 + np.exp(-m)), 1 / (1 + np.exp(m))
        return -y * np.exp(-self.gamma * np.logaddexp(0, m)) * (q + self.gamma * p * np.logaddexp(0, -m))

    def probability(self, z: Array) -> Any:  # type: ignore[override]
        """Where the mean loss is smallest, its slope is zero: p slope(z) = (1 - p) slope(-z)."""
        of_second, of_first = self.slope(-z, np.array(1)), self.slope(z, np.array(1))
        return of_second / (of_second + of_first)


@LOSSES.add
class CrammerSinger(Hinge):
    """max_c ([c != y] + z_c) - z_y for a class index y; with two classes, and labels, the hinge."""

    def of_all_classes(self) -> Coupled | None:
        return CrammerSingerOfClasses()


class CrammerSingerOfClasses(Coupled):
    """max_c ([c != y] + z_c) - z_y for a class index y; of several largest y, or else the first."""

    has_kink = True

    @staticmethod
    def excess(z: Array, y: Array) -> Any:
        excess = z - np.take_along_axis(z, y, axis=1) + 1
        np.put_along_axis(excess, y, 0, axis=1)
        return excess

    @classmethod
    def value(cls, z: Array, y: Array) -> Any:
        return cls.excess(z, y).max(axis=1, keepdims=True)

    @classmethod
    def slope(cls, z: Array, y: Array) -> Any:
        excess = cls.excess(z, y)
        worst = np.where(excess.max(axis=1) > 0, excess.argmax(axis=1), y[:, 0])
        slope = np.zeros_like(z)
        slope[np.arange(len(z)), worst] += 1
        slope[np.arange(len(z)), y[:, 0]] -= 1
        return slope
