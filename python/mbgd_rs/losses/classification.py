"""Losses of classes, by one score for two classes and y in {-1, +1}.

With more than two classes each is told from the rest, all in one pass over the data, and the losses add up;
but :class:`LogLoss` and :class:`CrammerSinger` take all at once. With targets of shape (n, k), k > 1, of 0
and 1 or bools, each column is a label that a row has or has not: two classes k times, and the losses add up.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from .loss import Loss

__all__ = [
    "CrammerSinger",
    "Focal",
    "Hinge",
    "LogLoss",
    "ModifiedHuber",
    "Perceptron",
    "SmoothHinge",
    "SquaredHinge",
]


@dataclass(frozen=True)
class LogLoss(Loss, name="log_loss", aliases="log logistic logit cross_entropy bce nll softmax deviance"):
    """Log loss: logistic regression, and softmax regression with more than two classes.

    Two classes: ``log(1 + exp(-y z))``, slope ``-y / (1 + exp(y z))``, curvature at most 1/4, with
    ``1 / (1 + exp(-z))`` the probability of the second class. More: ``log(sum_c exp(z_c)) - z_y``, slopes
    ``softmax(z) - e_y``, curvature at most 1/2, with ``softmax(z)`` the probabilities. The name is
    "log_loss".

    Parameters
    ----------
    multi_class : {"multinomial", "ovr"}, default="multinomial"
        With more than two classes: softmax, or each class against the rest. The probabilities of "ovr" are
        those of each class, scaled to the sum 1.

    References
    ----------
    D. R. Cox, The regression analysis of binary sequences, J. R. Stat. Soc. B 20 (1958); J. S. Bridle,
    Probabilistic interpretation of feedforward classification network outputs (1990).

    Examples
    --------
    >>> import mbgd_rs as mb
    >>> mb.fit([[1.0], [2.0]], ["no", "yes"], loss="log_loss", epochs=1).classes
    array(['no', 'yes'], dtype='<U3')
    """

    multi_class: Literal["multinomial", "ovr"] = "multinomial"

    is_classification = True


@dataclass(frozen=True)
class Hinge(Loss, name="hinge", aliases="svm hinge_loss"):
    """Hinge loss, ``max(0, 1 - y z)``: the linear support vector machine.

    Not smooth: the slope is ``-y`` where ``y z < 1`` and 0 elsewhere. The name is "hinge".

    References
    ----------
    C. Cortes, V. Vapnik, Support-vector networks, Machine Learning 20 (1995).

    Examples
    --------
    >>> import mbgd_rs as mb
    >>> mb.fit([[1.0], [2.0]], [False, True], loss=mb.losses.Hinge(), epochs=1).n_epochs
    1
    """

    is_classification = True
    has_kink = True


@dataclass(frozen=True)
class SquaredHinge(Loss, name="squared_hinge", aliases="hinge2"):
    """Squared hinge loss, ``max(0, 1 - y z)**2``: the smooth linear support vector machine.

    Slope ``-2 y max(0, 1 - y z)``, curvature at most 2. The name is "squared_hinge".

    References
    ----------
    C. Cortes, V. Vapnik, Support-vector networks, Machine Learning 20 (1995), with exponent 2.

    Examples
    --------
    The loss and its slope where z = -1 and y = 1:

    >>> import mbgd_rs as mb
    >>> options = {"loss": "squared_hinge", "rows": [0]}
    >>> value, (slope, _) = mb.gradient([[1.0], [0.0]], [1, 0], ([-1.0], 0.0), **options)
    >>> value, slope
    (4.0, array([-4.]))
    """

    is_classification = True


@dataclass(frozen=True)
class ModifiedHuber(Loss, name="modified_huber"):
    """Modified Huber loss: a squared hinge that outliers cannot pull far, with probabilities.

    ``max(0, 1 - y z)**2`` where ``y z >= -1`` and ``-4 y z`` below; slope ``-2 y max(0, 1 - y z)`` and
    ``-4 y``, curvature at most 2. The probability of the second class is ``(z + 1) / 2``, z limited to [-1,
    1]; with more classes each has its own, scaled to the sum 1, and where all are zero they are equal. The
    name is "modified_huber".

    References
    ----------
    T. Zhang, Statistical behavior and consistency of classification methods based on convex risk
    minimization, Ann. Statist. 32 (2004).

    Examples
    --------
    >>> import mbgd_rs as mb
    >>> options = {"loss": "modified_huber", "rows": [0]}
    >>> value, (slope, _) = mb.gradient([[1.0], [0.0]], [1, 0], ([-3.0], 0.0), **options)
    >>> value, slope
    (12.0, array([-4.]))
    """

    is_classification = True


@dataclass(frozen=True)
class Perceptron(Loss, name="perceptron"):
    """The perceptron's loss, ``max(0, -y z)``: only mistakes count.

    Not smooth: the slope is ``-y`` where ``y z <= 0`` and 0 elsewhere. The name is "perceptron".

    References
    ----------
    F. Rosenblatt, The perceptron, Psychological Review 65 (1958).

    Examples
    --------
    >>> import mbgd_rs as mb
    >>> options = {"loss": "perceptron", "rows": [0]}
    >>> value, (slope, _) = mb.gradient([[1.0], [0.0]], [1, 0], ([-2.0], 0.0), **options)
    >>> value, slope
    (2.0, array([-1.]))
    """

    is_classification = True
    has_kink = True


@dataclass(frozen=True)
class SmoothHinge(Loss, name="smooth_hinge"):
    """Hinge loss with a rounded corner.

    With ``t = 1 - y z`` and ``s = smoothing``: 0 where t <= 0, ``t**2 / (2 s)`` where t < s and ``t - s/2``
    beyond; slope ``-y min(1, max(0, t) / s)``, curvature at most ``1 / s``. The name is "smooth_hinge".

    Parameters
    ----------
    smoothing : float, default=1.0
        The corner is rounded over margins ``y z`` from ``1 - smoothing`` to 1; > 0. Close to 0 it is the
        hinge.

    References
    ----------
    S. Shalev-Shwartz, T. Zhang, Stochastic dual coordinate ascent methods for regularized loss minimization,
    JMLR 14 (2013). With 1.0: J. Rennie, N. Srebro, Loss functions for preference levels (2005).

    Examples
    --------
    >>> import mbgd_rs as mb
    >>> options = {"loss": mb.losses.SmoothHinge(smoothing=1.0), "rows": [0]}
    >>> value, (slope, _) = mb.gradient([[1.0], [0.0]], [1, 0], ([0.5], 0.0), **options)
    >>> value, slope
    (0.125, array([-0.5]))
    """

    smoothing: float = 1.0

    is_classification = True


@dataclass(frozen=True)
class Focal(Loss, name="focal", aliases="focal_loss"):
    """Focal loss: log loss that looks away from what is already right, for classes with many easy rows.

    With ``p = 1 / (1 + exp(-y z))``, what the model gives to the right class: ``-(1 - p)**gamma log(p)``,
    slope ``-y (1 - p)**gamma (1 - p - gamma p log(p))``; smooth, but not convex for gamma > 0, with a
    curvature of at most 0.25 for gamma = 0 and 0.497 for 2. The name is "focal".

    p is not the probability of the class, for the loss is no proper score. But where the mean loss is
    smallest the odds of the classes are the ratio of the slopes, and so predicted: the probability of the
    second is ``slope(-z) / (slope(-z) + slope(z))``, the slopes being those of y = 1.

    Parameters
    ----------
    gamma : float, default=2.0
        How much, in [0, 1000]; 0 is the log loss.

    References
    ----------
    T.-Y. Lin et al., Focal loss for dense object detection, ICCV (2017); N. Charoenphakdee et al., On focal
    loss for class-posterior probability estimation, CVPR (2021).

    Examples
    --------
    >>> import mbgd_rs as mb
    >>> options = {"loss": mb.losses.Focal(gamma=2.0), "rows": [0]}
    >>> value, (slope, _) = mb.gradient([[1.0], [0.0]], [1, 0], ([0.0], 0.0), **options)
    >>> round(value, 6), slope.round(6)
    (0.173287, array([-0.298287]))
    """

    gamma: float = 2.0

    is_classification = True


@dataclass(frozen=True)
class CrammerSinger(Loss, name="crammer_singer", aliases="multiclass_hinge"):
    """Hinge loss of all classes at once: the multiclass support vector machine.

    ``max_c ([c != y] + z_c) - z_y``, slopes ``e_c - e_y`` of the c that is largest: y itself if it is among
    several, or else the first. Not smooth. With two classes, and for each of several labels, the score is the
    difference of two and the loss that of :class:`Hinge`. The name is "crammer_singer".

    References
    ----------
    K. Crammer, Y. Singer, On the algorithmic implementation of multiclass kernel-based vector machines, JMLR
    2 (2001).

    Examples
    --------
    >>> import mbgd_rs as mb
    >>> X, y = [[1.0], [2.0], [3.0]], ["low", "middle", "high"]
    >>> mb.fit(X, y, loss="crammer_singer", epochs=1).coef.shape
    (3, 1)
    """

    is_classification = True
    has_kink = True
