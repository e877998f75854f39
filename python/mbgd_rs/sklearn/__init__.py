"""Estimators for scikit-learn: `MBGDClassifier`, `MBGDRegressor` and `MBGDOneClassSVM`.

They take the parameters of ``SGDClassifier``, ``SGDRegressor`` and ``SGDOneClassSVM`` by the same names, and
train by :func:`mbgd_rs.fit`. Also reachable as ``mbgd_rs.MBGDClassifier`` and so on; they need
``pip install 'mbgd_rs[sklearn]'``.

>>> from sklearn.datasets import load_breast_cancer
>>> from sklearn.model_selection import cross_val_score
>>> from mbgd_rs.sklearn import MBGDClassifier
>>> X, y = load_breast_cancer(return_X_y=True)
>>> bool(cross_val_score(MBGDClassifier(alpha=1e-2, random_state=0), X, y).mean() > 0.94)
True
"""

try:
    import sklearn as _sklearn  # noqa: F401
except ModuleNotFoundError as error:
    raise ImportError(
        "the estimators of mbgd_rs need scikit-learn: pip install 'mbgd_rs[sklearn]'", name="sklearn"
    ) from error

from ..late_imports import when_imported
from .classifier import MBGDClassifier
from .one_class import MBGDOneClassSVM
from .onnx_converter import register_converters
from .regressor import MBGDRegressor

__all__ = ["MBGDClassifier", "MBGDOneClassSVM", "MBGDRegressor"]

when_imported("skl2onnx", lambda _: register_converters([MBGDClassifier, MBGDRegressor]))
