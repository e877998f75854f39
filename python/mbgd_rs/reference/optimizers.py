"""How the parameters move: what all rules have in common, and the simple ones."""

import math
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from .random import NOISE, random_words

Array = NDArray[Any]


class Rule:
    """A rule to move parameters by, whose first `n_coef` entries are coefficients and the rest intercepts.

    Its step(w, g, t, learning_rate) moves w in place and returns the rate for each parameter: the step this
    would have been if all gradients had been 1. Shrinking by the rate times l1 rests exactly where the
    gradient and the l1 penalty balance. After the shrinking comes settle(w). model(w) is what to predict
    with.
    """

    defaults: ClassVar[dict[str, Any]]
    """Options and their defaults, the learning rate first."""
    is_decoupled = False
    """Whether weights decay apart from the gradient."""

    learning_rate: Any
    weight_decay: float = 0.0

    def __init__(self, options: Any, w: Array, n_coef: int, has_intercepts: bool) -> None:
        for name, default in self.defaults.items():
            setattr(self, name, getattr(options, name, default))
        self.n_coef, self.has_intercepts = n_coef, has_intercepts
        self.begin(w)

    def begin(self, w: Array) -> None:
        """Makes the memory."""

    def step(self, w: Array, g: Array, t: int, learning_rate: float) -> Array:
        if self.weight_decay:
            decay = np.zeros_like(w)
            decay[: self.n_coef] = self.weight_decay * w[: self.n_coef]
            if self.is_decoupled:
                w -= learning_rate * decay
            else:
                g = g + decay
        return np.broadcast_to(np.asarray(self.move(w, g, t, learning_rate), w.dtype), w.shape)

    def move(self, w: Array, g: Array, t: int, learning_rate: float) -> Any:
        raise NotImplementedError

    def settle(self, w: Array) -> None:
        pass

    def model(self, w: Array) -> Array:
        return w


class Sgd(Rule):
    """v = momentum v + (1 - dampening) g, w -= learning_rate v; Nesterov's step is along g + momentum v."""

    defaults: ClassVar = {"learning_rate": "auto", "momentum": 0.0, "nesterov": False, "dampening": 0.0,
                          "weight_decay": 0.0}  # fmt: skip
    momentum: float
    dampening: float
    nesterov: bool

    def begin(self, w: Array) -> None:
        self.v, self.unit = np.zeros_like(w), 0.0

    def move(self, w: Array, g: Array, t: int, learning_rate: float) -> Any:
        direction, unit = g, 1.0
        if self.momentum:
            share = 1 - self.dampening if t else 1.0
            self.v *= self.momentum
            self.v += share * g
            self.unit = self.momentum * self.unit + share  # what v is when all gradients have been 1
            direction = g + self.momentum * self.v if self.nesterov else self.v
            unit = 1 + self.momentum * self.unit if self.nesterov else self.unit
        w -= learning_rate * direction
        return learning_rate * unit


class Lion(Rule):
    """w -= learning_rate sign(beta1 m + (1 - beta1) g), m = beta2 m + (1 - beta2) g."""

    defaults: ClassVar = {"learning_rate": 1e-4, "betas": (0.9, 0.99), "weight_decay": 1e-3}
    is_decoupled = True
    betas: tuple[float, float]

    def begin(self, w: Array) -> None:
        self.m = np.zeros_like(w)

    def move(self, w: Array, g: Array, t: int, learning_rate: float) -> Any:
        beta1, beta2 = self.betas
        w -= learning_rate * np.sign(beta1 * self.m + (1 - beta1) * g)
        self.m = beta2 * self.m + (1 - beta2) * g
        return learning_rate


class Sgld(Rule):
    """w -= learning_rate g + sqrt(2 learning_rate temperature) xi with standard normal xi."""

    defaults: ClassVar = {"learning_rate": 1e-3, "temperature": 1.0, "seed": 0}
    temperature: float
    seed: int

    def move(self, w: Array, g: Array, t: int, learning_rate: float) -> Any:
        xi = normals(self.seed, t, w.size)
        if not self.has_intercepts:
            xi[self.n_coef :] = 0
        w += np.sqrt(2 * learning_rate * self.temperature) * xi - learning_rate * g
        return learning_rate


def normals(seed: int, t: int, n: int) -> Array:
    """Standard normal numbers of a step, by Box and Muller's transform of two uniform numbers of 53 bits."""
    words = random_words(seed, t, NOISE, 4 * -(-n // 2)).reshape(-1, 4)
    bits = (words[:, 0::2] << np.uint64(32) | words[:, 1::2]) >> np.uint64(11)
    radius = np.sqrt(-2 * np.log((bits[:, 0] + 1.0) * 2.0**-53))
    angle = math.tau * (bits[:, 1] * 2.0**-53)
    return np.column_stack([radius * np.cos(angle), radius * np.sin(angle)]).ravel()[:n]


class DoG(Rule):
    """w -= learning_rate r / sqrt(G + eps) g: the distance from the start over the norm of all gradients."""

    defaults: ClassVar = {"learning_rate": 1.0, "reps_rel": 1e-6, "eps": 1e-8, "weight_decay": 0.0}
    reps_rel: float
    eps: float

    def begin(self, w: Array) -> None:
        self.start, self.sum = w.copy(), 0.0
        self.farthest = self.reps_rel * (1 + float(np.linalg.norm(w.astype(float))))

    def move(self, w: Array, g: Array, t: int, learning_rate: float) -> Any:
        self.farthest = max(self.farthest, float(np.linalg.norm(w.astype(float) - self.start)))
        self.sum += float(np.linalg.norm(g.astype(float))) ** 2
        rate = learning_rate * self.farthest / math.sqrt(self.sum + self.eps)
        w -= rate * g
        return rate


class Ftrl(Rule):
    """n += g^2, r = (beta + sqrt(n)) / learning_rate, z += g - (r - r_before) w, and w is where
    z w + (r + l2)/2 w^2 + l1 |w| is least. The l1 of a penalty is added to that with every step.
    """

    defaults: ClassVar = {"learning_rate": 0.1, "beta": 1.0, "l1": 0.0, "l2": 0.0}
    beta: float
    l1: Any
    l2: Any

    def begin(self, w: Array) -> None:
        is_coef = np.arange(w.size) < self.n_coef
        self.l1, self.l2 = (
            np.where(is_coef, strength, 0.0).astype(w.dtype) for strength in (self.l1, self.l2)
        )
        self.n = np.zeros_like(w)

    def move(self, w: Array, g: Array, t: int, learning_rate: float) -> Any:
        if t == 0:
            self.r: Any = self.beta / learning_rate
            self.z = -(w * (self.r + self.l2) + self.l1 * np.sign(w))
        self.n += g * g
        r = (self.beta + np.sqrt(self.n)) / learning_rate
        self.z += g - (r - self.r) * w
        self.r = r
        w[...] = -np.sign(self.z) * np.maximum(np.abs(self.z) - self.l1, 0) / (r + self.l2)
        return (t + 1) / (r + self.l2)
