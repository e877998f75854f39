"""How wrong a score z is for a target y."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .naming import name_of

Array = NDArray[Any]


class Pointwise:
    """A loss of one score and one target; with several outputs their sum."""

    is_classification = False

    def __init__(self, options: Any = None) -> None:
        """`options` has the parameters as attributes, or is a name, and then they are the defaults."""

    def domain(self) -> tuple[str, Any]:
        """What targets must be, in words, and as a function of them."""
        return "real", np.isfinite

    @staticmethod
    def mean(z: Array) -> Array:
        """What is predicted for a score: the inverse of the link."""
        return z


class SquaredError(Pointwise):
    """(z - y)^2 / 2 for real y."""

    @staticmethod
    def value(z: Array, y: Array) -> Any:
        return np.square(z - y) / 2

    @staticmethod
    def slope(z: Array, y: Array) -> Any:
        return z - y


class AbsoluteError(Pointwise):
    """|z - y|, slope 0 at the kink."""

    @staticmethod
    def value(z: Array, y: Array) -> Any:
        return np.abs(z - y)

    @staticmethod
    def slope(z: Array, y: Array) -> Any:
        return np.sign(z - y)


class Huber(Pointwise):
    """r^2 / 2 for r = z - y up to epsilon, linear beyond."""

    def __init__(self, options: Any = None) -> None:
        self.epsilon = getattr(options, "epsilon", 1.35)

    def value(self, z: Array, y: Array) -> Any:
        r = np.abs(z - y)
        return np.where(r <= self.epsilon, r * r / 2, self.epsilon * (r - self.epsilon / 2))

    def slope(self, z: Array, y: Array) -> Any:
        return np.clip(z - y, -self.epsilon, self.epsilon)


class EpsilonInsensitive(Pointwise):
    """max(0, |z - y| - epsilon), slope 0 at the kinks."""

    def __init__(self, options: Any = None) -> None:
        self.epsilon = getattr(options, "epsilon", 0.1)

    def value(self, z: Array, y: Array) -> Any:
        return np.maximum(0, np.abs(z - y) - self.epsilon)

    def slope(self, z: Array, y: Array) -> Any:
        return np.sign(z - y) * (np.abs(z - y) > self.epsilon)


class SquaredEpsilonInsensitive(EpsilonInsensitive):
    """max(0, |z - y| - epsilon)^2."""

    def value(self, z: Array, y: Array) -> Any:
        return np.square(super().value(z, y))

    def slope(self, z: Array, y: Array) -> Any:
        return 2 * np.sign(z - y) * super().value(z, y)


class Quantile(Pointwise):
    """quantile (y - z) for z below y, (1 - quantile) (z - y) above, slope 0 at the kink."""

    def __init__(self, options: Any = None) -> None:
        self.quantile = getattr(options, "quantile", 0.5)

    def value(self, z: Array, y: Array) -> Any:
        return np.where(z < y, self.quantile, 1 - self.quantile).astype(z.dtype) * np.abs(z - y)

    def slope(self, z: Array, y: Array) -> Any:
        return np.where(z < y, -self.quantile, 1 - self.quantile).astype(z.dtype) * (z != y)


class LogCosh(Pointwise):
    """log(cosh(z - y))."""

    @staticmethod
    def value(z: Array, y: Array) -> Any:
        r = np.abs(z - y)
        near = np.log1p(np.square(np.sinh(np.minimum(r, 1)))) / 2
        return np.where(r < 1, near, r - np.log(2) + np.log1p(np.exp(-2 * r)))

    @staticmethod
    def slope(z: Array, y: Array) -> Any:
        return np.tanh(z - y)


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


class Gamma(Poisson):
    """z + y exp(-z) for y > 0; the mean is exp(z)."""

    def domain(self) -> tuple[str, Any]:
        return "> 0", lambda y: y > 0

    def value(self, z: Array, y: Array) -> Any:
        return z + y * np.exp(-z)

    def slope(self, z: Array, y: Array) -> Any:
        return 1 - y * np.exp(-z)


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


class Margin(Pointwise):
    """A loss of the margin m = y z, for y in {-1, +1}."""

    is_classification = True

    @staticmethod
    def probability(z: Array) -> Any:
        """The probability of +1."""
        raise NotImplementedError


class LogLoss(Margin):
    """log(1 + exp(-y z)) for y in {-1, +1}."""

    @staticmethod
    def value(z: Array, y: Array) -> Any:
        return np.logaddexp(0, -y * z)

    @staticmethod
    def slope(z: Array, y: Array) -> Any:
        return -y / (1 + np.exp(y * z))

    @staticmethod
    def probability(z: Array) -> Any:
        return 1 / (1 + np.exp(-z))


class Softmax(Margin):
    """log(sum_c exp(z_c)) - z_y for a class index y: the log loss of more than two classes."""

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


class Hinge(Margin):
    """max(0, 1 - y z), slope 0 at the kink."""

    @staticmethod
    def value(z: Array, y: Array) -> Any:
        return np.maximum(0, 1 - y * z)

    @staticmethod
    def slope(z: Array, y: Array) -> Any:
        return -y * (y * z < 1)


class SquaredHinge(Margin):
    """max(0, 1 - y z)^2."""

    @staticmethod
    def value(z: Array, y: Array) -> Any:
        return np.square(np.maximum(0, 1 - y * z))

    @staticmethod
    def slope(z: Array, y: Array) -> Any:
        return -2 * y * np.maximum(0, 1 - y * z)


class ModifiedHuber(Margin):
    """max(0, 1 - y z)^2 for margins of at least -1, -4 y z below."""

    @staticmethod
    def value(z: Array, y: Array) -> Any:
        return np.where(y * z < -1, -4 * y * z, SquaredHinge.value(z, y))

    @staticmethod
    def slope(z: Array, y: Array) -> Any:
        return np.where(y * z < -1, -4 * y, SquaredHinge.slope(z, y))

    @staticmethod
    def probability(z: Array) -> Any:
        return (np.clip(z, -1, 1) + 1) / 2


class Perceptron(Margin):
    """max(0, -y z), slope -y at the kink."""

    @staticmethod
    def value(z: Array, y: Array) -> Any:
        return np.maximum(0, -y * z)

    @staticmethod
    def slope(z: Array, y: Array) -> Any:
        return -y * (y * z <= 0)


class SmoothHinge(Margin):
    """t^2 / (2 s) for t = 1 - y z between 0 and s = smoothing, t - s/2 beyond."""

    def __init__(self, options: Any = None) -> None:
        self.smoothing = getattr(options, "smoothing", 1.0)

    def value(self, z: Array, y: Array) -> Any:
        t, s = np.maximum(0, 1 - y * z), self.smoothing
        return np.where(t < s, t * t / (2 * s), t - s / 2)

    def slope(self, z: Array, y: Array) -> Any:
        return -y * np.clip((1 - y * z) / self.smoothing, 0, 1)


class Focal(Margin):
    """-(1 - p)^gamma log(p) with p = 1 / (1 + exp(-y z))."""

    def __init__(self, options: Any = None) -> None:
        self.gamma = getattr(options, "gamma", 2.0)

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


class CrammerSinger(Hinge):
    """max_c ([c != y] + z_c) - z_y for a class index y; with two classes, and labels, the hinge."""


class CrammerSingerOfClasses(Margin):
    """max_c ([c != y] + z_c) - z_y for a class index y; of several largest y, or else the first."""

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


LOSSES = {
    name_of(loss.__name__): loss
    for loss in (
        SquaredError, AbsoluteError, Huber, EpsilonInsensitive, SquaredEpsilonInsensitive, Quantile, LogCosh,
        Poisson, Gamma, Tweedie, LogLoss, Hinge, SquaredHinge, ModifiedHuber, Perceptron, SmoothHinge, Focal,
        CrammerSinger,
    )
}  # fmt: skip


def loss_and_targets(loss: Any, y: Array) -> tuple[Any, Array, Array | None, tuple[int, ...]]:
    """The loss, the targets as it wants them, the classes if any, and the shape of the scores of a row."""
    name = name_of(loss)
    if name not in LOSSES:
        raise ValueError(f"loss must be one of {', '.join(LOSSES)} (with underscores), got {loss!r}")
    chosen = LOSSES[name](loss)
    if not chosen.is_classification:
        condition, is_inside = chosen.domain()
        if not is_inside(y).all():
            raise ValueError(f"y must be {condition} for loss {loss!r}")
        return chosen, y, None, y.shape[1:]
    if y.ndim == 2 and y.shape[1] > 1:  # labels
        return chosen, 2 * y.astype(int) - 1, np.array([0, 1]), y.shape[1:]
    classes, index = np.unique(y, return_inverse=True)
    if len(classes) < 2:
        raise ValueError(f"y must have at least 2 classes, got {len(classes)}")
    if len(classes) == 2:
        return chosen, 2 * index - 1, classes, ()
    if name == "logloss" and getattr(loss, "multi_class", "multinomial") == "multinomial":
        return Softmax(), index[:, None], classes, classes.shape
    if name == "crammersinger":
        return CrammerSingerOfClasses(), index[:, None], classes, classes.shape
    one_against_rest = 2 * (index[:, None] == np.arange(len(classes))) - 1
    return chosen, one_against_rest, classes, classes.shape


def class_weights(class_weight: Any, classes: Array, y: Array, s: Array) -> Array:
    """The weight of each row's class: "balanced", by label, or 1."""
    labels = y.reshape(len(y)).tolist()
    if class_weight == "balanced":
        total = {label: s[y.reshape(len(y)) == label].sum() for label in classes.tolist()}
        class_weight = {label: s.sum() / len(classes) / total[label] for label in total}
    return np.array([class_weight.get(label, 1.0) for label in labels])
