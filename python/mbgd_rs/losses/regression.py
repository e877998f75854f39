"""Losses of numbers. With targets of shape (n, k) the losses of the k outputs add up."""

from __future__ import annotations

from dataclasses import dataclass

from .loss import Loss

__all__ = [
    "AbsoluteError",
    "EpsilonInsensitive",
    "Gamma",
    "Huber",
    "LogCosh",
    "Poisson",
    "Quantile",
    "SquaredEpsilonInsensitive",
    "SquaredError",
    "Tweedie",
]


@dataclass(frozen=True)
class SquaredError(
    Loss, name="squared_error", aliases="mse l2 squared_loss least_squares mean_squared_error sse ols squared"
):
    """Half the squared error, ``(z - y)**2 / 2``: least squares, for the mean.

    Any real targets, no link; slope ``z - y``, curvature 1. The name is "squared_error".

    Examples
    --------
    >>> import mbgd_rs as mb
    >>> mb.fit([[1.0], [2.0]], [1.0, 2.0], loss=mb.losses.SquaredError(), epochs=1).n_steps
    1
    """

    is_classification = False
    is_shift_invariant = True
    degree = 2


@dataclass(frozen=True)
class AbsoluteError(
    Loss,
    name="absolute_error",
    aliases="mae l1 lad mean_absolute_error absolute_loss least_absolute_deviations",
):
    """Absolute error, ``|z - y|``: least absolute deviations, for the median.

    Any real targets, no link; slope ``sign(z - y)``, 0 where z = y, not smooth. The name is "absolute_error".

    References
    ----------
    P. Bloomfield, W. L. Steiger, Least absolute deviations (1983).

    Examples
    --------
    The loss and its slope where z = 3 and y = 5:

    >>> import mbgd_rs as mb
    >>> value, (slope, _) = mb.gradient([[1.0]], [5.0], ([3.0], 0.0), loss="absolute_error")
    >>> value, slope
    (2.0, array([-1.]))
    """

    is_classification = False
    has_kink = True
    is_shift_invariant = True
    degree = 1


@dataclass(frozen=True)
class Huber(Loss, name="huber", aliases="smooth_l1 huber_loss"):
    """Huber's loss: squared near the target, absolute far from it, for data with outliers.

    With r = z - y: ``r**2 / 2`` where ``|r| <= epsilon`` and ``epsilon |r| - epsilon**2 / 2`` beyond. Any
    real targets, no link; the slope is r limited to ``[-epsilon, epsilon]``, the curvature at most 1. The
    name is "huber".

    Parameters
    ----------
    epsilon : float, default=1.35
        Where it becomes linear, > 0, in units of y. scikit-learn's SGDRegressor has 0.1 by default; its
        HuberRegressor has 1.35, but in units of a scale that it estimates.

    References
    ----------
    P. J. Huber, Robust estimation of a location parameter, Ann. Math. Statist. 35 (1964).

    Examples
    --------
    >>> import mbgd_rs as mb
    >>> huber = mb.losses.Huber(epsilon=2.0)
    >>> value, (slope, _) = mb.gradient([[1.0]], [0.0], ([5.0], 0.0), loss=huber)
    >>> value, slope
    (8.0, array([2.]))
    """

    epsilon: float = 1.35

    is_classification = False
    is_shift_invariant = True
    degree = 2
    lengths = ("epsilon",)


@dataclass(frozen=True)
class EpsilonInsensitive(Loss, name="epsilon_insensitive", aliases="svr"):
    """Absolute error beyond a tolerance, ``max(0, |z - y| - epsilon)``: support vector regression.

    Any real targets, no link; slope ``sign(z - y)`` where ``|z - y| > epsilon`` and 0 elsewhere, not smooth.
    The name is "epsilon_insensitive".

    Parameters
    ----------
    epsilon : float, default=0.1
        The tolerance, >= 0, in units of y.

    References
    ----------
    V. Vapnik, The nature of statistical learning theory (1995).

    Examples
    --------
    >>> import mbgd_rs as mb
    >>> loss = mb.losses.EpsilonInsensitive(epsilon=0.5)
    >>> value, (slope, _) = mb.gradient([[1.0]], [3.0], ([1.0], 0.0), loss=loss)
    >>> value, slope
    (1.5, array([-1.]))
    """

    epsilon: float = 0.1

    is_classification = False
    has_kink = True
    is_shift_invariant = True
    degree = 1
    lengths = ("epsilon",)


@dataclass(frozen=True)
class SquaredEpsilonInsensitive(Loss, name="squared_epsilon_insensitive"):
    """Squared error beyond a tolerance, ``max(0, |z - y| - epsilon)**2``: smooth support vector regression.

    Any real targets, no link; slope ``2 sign(z - y) max(0, |z - y| - epsilon)``, curvature at most 2. The
    whole square, as in scikit-learn's SGD, and not half of it. The name is "squared_epsilon_insensitive".

    Parameters
    ----------
    epsilon : float, default=0.1
        The tolerance, >= 0, in units of y.

    References
    ----------
    V. Vapnik, The nature of statistical learning theory (1995).

    Examples
    --------
    >>> import mbgd_rs as mb
    >>> loss = mb.losses.SquaredEpsilonInsensitive(epsilon=0.5)
    >>> value, (slope, _) = mb.gradient([[1.0]], [3.0], ([1.0], 0.0), loss=loss)
    >>> value, slope
    (2.25, array([-3.]))
    """

    epsilon: float = 0.1

    is_classification = False
    is_shift_invariant = True
    degree = 2
    lengths = ("epsilon",)


@dataclass(frozen=True)
class Quantile(Loss, name="quantile", aliases="pinball pinball_loss"):
    """Pinball loss, for a quantile of the targets.

    ``quantile (y - z)`` where z is below y and ``(1 - quantile) (z - y)`` where it is above. Any real
    targets, no link; slope ``-quantile`` below, ``1 - quantile`` above and 0 where z = y, not smooth. The
    name is "quantile".

    Parameters
    ----------
    quantile : float, default=0.5
        The fraction of the targets that is to be below the prediction, in (0, 1). 0.5 gives half the absolute
        error.

    References
    ----------
    R. Koenker, G. Bassett, Regression quantiles, Econometrica 46 (1978).

    Examples
    --------
    >>> import mbgd_rs as mb
    >>> value, (slope, _) = mb.gradient([[1.0]], [3.0], ([1.0], 0.0), loss=mb.losses.Quantile(0.75))
    >>> value, slope
    (1.5, array([-0.75]))
    """

    quantile: float = 0.5

    is_classification = False
    has_kink = True
    is_shift_invariant = True
    degree = 1


@dataclass(frozen=True)
class LogCosh(Loss, name="log_cosh", aliases="logcosh"):
    """The logarithm of the hyperbolic cosine, ``log(cosh(z - y))``: a Huber loss without a corner.

    About ``(z - y)**2 / 2`` near the target and ``|z - y| - log(2)`` far from it. Any real targets, no link;
    slope ``tanh(z - y)``, curvature at most 1. The name is "log_cosh".

    References
    ----------
    P. J. Green, Bayesian reconstructions from emission tomography data using a modified EM algorithm, IEEE
    Trans. Med. Imaging 9 (1990).

    Examples
    --------
    >>> import mbgd_rs as mb
    >>> value, (slope, _) = mb.gradient([[1.0]], [0.0], ([1e9], 0.0), loss="log_cosh")
    >>> value, slope
    (999999999.3068528, array([1.]))
    """

    is_classification = False
    is_shift_invariant = True


@dataclass(frozen=True)
class Poisson(Loss, name="poisson", aliases="poisson_nll poisson_loss"):
    """Half the Poisson deviance, ``exp(z) - y z``: counts.

    Targets y >= 0; log link, so that ``predict`` gives the mean ``exp(z)``; slope ``exp(z) - y``, curvature
    ``exp(z)``, without a bound. What does not depend on z is left out, as in scikit-learn's half losses, so
    the value may be negative. The name is "poisson".

    References
    ----------
    P. McCullagh, J. A. Nelder, Generalized linear models (1989).

    Examples
    --------
    >>> import mbgd_rs as mb
    >>> value, (slope, _) = mb.gradient([[1.0]], [3.0], ([0.0], 0.0), loss="poisson")
    >>> value, slope
    (1.0, array([-2.]))
    >>> mb.fit([[0.0], [1.0]], [1, 0], loss="poisson", epochs=0, init=([0.0], 0.0)).predict([[0.0]])
    array([1.])
    """

    is_classification = False


@dataclass(frozen=True)
class Gamma(Loss, name="gamma"):
    """Half the gamma deviance, ``z + y exp(-z)``: positive targets whose spread grows with their size.

    Targets y > 0; log link, so that ``predict`` gives the mean ``exp(z)``; slope ``1 - y exp(-z)``, curvature
    ``y exp(-z)``, without a bound. What does not depend on z is left out, as in scikit-learn's half losses.
    The name is "gamma".

    References
    ----------
    P. McCullagh, J. A. Nelder, Generalized linear models (1989).

    Examples
    --------
    >>> import mbgd_rs as mb
    >>> value, (slope, _) = mb.gradient([[1.0]], [3.0], ([0.0], 0.0), loss="gamma")
    >>> value, slope
    (3.0, array([-2.]))
    """

    is_classification = False


@dataclass(frozen=True)
class Tweedie(Loss, name="tweedie"):
    """Half the Tweedie deviance: targets whose variance is a power p of their mean.

    Log link, so that ``predict`` gives the mean ``exp(z)``. The loss is
    ``exp((2-p)z) / (2-p) - y exp((1-p)z) / (1-p)``, less what does not depend on z, as in scikit-learn's half
    losses; for p = 1 and 2 the limits, :class:`Poisson` and :class:`Gamma`. The slope is
    ``exp((2-p)z) - y exp((1-p)z)``; the curvature has no bound, and outside of [1, 2] the loss is not convex.
    The name is "tweedie".

    Parameters
    ----------
    power : float, default=1.5
        0 for the normal distribution, with any real targets; 1 for Poisson and in (1, 2) for compound
        Poisson, with y >= 0; 2 for gamma, in (2, 3] for positive stable distributions and 3 for the inverse
        Gaussian, with y > 0. No distribution has a power in (0, 1).

    References
    ----------
    B. Jørgensen, Exponential dispersion models, J. R. Stat. Soc. B 49 (1987).

    Examples
    --------
    >>> import mbgd_rs as mb
    >>> value, (slope, _) = mb.gradient([[1.0]], [3.0], ([0.0], 0.0), loss=mb.losses.Tweedie(power=1.5))
    >>> value, slope
    (8.0, array([-2.]))
    """

    power: float = 1.5

    is_classification = False
