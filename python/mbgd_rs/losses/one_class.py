"""The loss of rows of one class, for novelty detection."""

from __future__ import annotations

from dataclasses import dataclass

from .loss import Loss

__all__ = ["OneClass"]


@dataclass(frozen=True)
class OneClass(Loss, name="one_class", aliases="one_class_svm oneclass novelty"):
    """The hinge of one class, ``max(0, 1 - z)``, and ``nu * b`` beside its mean: the one-class support vector
    machine, which finds out what most rows have in common.

    There are no targets: y is not looked at, and may be None. Slope -1 where z <= 1 and 0 elsewhere, not
    smooth; the objective has the slope nu in the intercept b besides, which must be fitted. With
    ``penalty=L2(alpha=nu)`` it is that of scikit-learn's SGDOneClassSVM, and nu times that of
    ``OneClassSVM(kernel="linear", nu=nu)``: their `decision_function` is ours less 1, their `offset_` is
    ``1 - intercept``. Predicted is 1 for a row with a score of at least 1, an inlier, and -1 for an outlier.
    With ``standardize=True`` the intercept that costs nu is that of the scaled columns, as after a
    StandardScaler. The name is "one_class".

    Parameters
    ----------
    nu : float, default=0.5
        In (0, 1]: at the optimum at most this fraction of the rows are outliers.

    References
    ----------
    B. Schölkopf, J. C. Platt, J. Shawe-Taylor, A. J. Smola, R. C. Williamson, Estimating the support of a
    high-dimensional distribution, Neural Computation 13 (2001).

    Examples
    --------
    >>> import numpy as np, mbgd_rs as mb
    >>> X = np.random.default_rng(0).normal(3.0, 1.0, size=(500, 2))
    >>> nu = 0.1
    >>> model = mb.fit(X, None, loss=mb.losses.OneClass(nu), penalty=mb.penalties.L2(nu), epochs=50)
    >>> model.predict([[3.0, 3.0], [-1.0, 0.0]])
    array([ 1., -1.])
    """

    nu: float = 0.5

    is_classification = False
    has_targets = False
    has_kink = True
