"""Metrics: numbers of the user's own by which a model is judged after every epoch."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import wraps
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from .inputs import as_float

__all__ = ["Metric", "Metrics", "resolve_metrics"]

Array = NDArray[Any]
Needs = Literal["prediction", "score", "proba"]
MONITORS = ("loss", "validation_loss")
OF_SCORES = ("roc_auc_score", "average_precision_score", "top_k_accuracy_score", "hinge_loss", "ndcg_score")
OF_PROBABILITIES = ("log_loss", "brier_score_loss", "d2_log_loss_score", "d2_brier_score")
"""Functions of sklearn.metrics that would take hard labels and be wrong about them."""


@dataclass(frozen=True)
class Metric:
    """A function and what it compares the truth with.

    Parameters
    ----------
    function : callable
        ``function(y_true, said) -> float``.
    needs : {"prediction", "score", "proba"}, default="prediction"
        What of the model it is given: what `predict`, `decision_function` or `predict_proba` says.

    Examples
    --------
    >>> import numpy as np, mbgd_rs as mb
    >>> X = np.random.default_rng(0).normal(size=(200, 2))
    >>> margin = mb.Metric(lambda y, score: np.mean(np.where(y, score, -score)), needs="score")
    >>> r = mb.fit(X, X[:, 0] > 0, loss="log_loss", epochs=5, metrics={"margin": margin})
    >>> bool(r.history.metrics["margin"][-1] > r.history.metrics["margin"][0] > 0)
    True
    """

    function: Callable[[Array, Array], Any]
    needs: Needs = "prediction"

    def __post_init__(self) -> None:
        if not callable(self.function):
            raise TypeError(f"function must be callable, got {self.function!r}")
        if self.needs not in get_args(Needs):
            raise ValueError(
                f"needs must be one of {', '.join(map(repr, get_args(Needs)))}, got {self.needs!r}"
            )

    def of(self, model: Any, X: Any, y: Array, offset: Array | None = None) -> Any:
        """The value for a model."""
        says = {
            "prediction": model.predict, "score": model.decision_function, "proba": model.predict_proba
        }  # fmt: skip
        return self.function(y, says[self.needs](X, offset))


@dataclass(frozen=True)
class Scorer:
    """A scorer of scikit-learn, which asks the model for what it needs itself."""

    scorer: Any

    def of(self, model: Any, X: Any, y: Array, offset: Array | None = None) -> Any:
        """The value for a model."""
        return self.scorer(as_estimator(model, offset), X, y)


def as_estimator(model: Any, offset: Array | None) -> Any:
    """The model as scikit-learn knows models, for rows with these offsets."""
    from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin

    is_classifier = model.classes is not None
    says = ["predict", "decision_function", "predict_proba"] if is_classifier else ["predict"]
    kind = ClassifierMixin if is_classifier else RegressorMixin
    estimator: Any = type("Fitted", (kind, BaseEstimator), {"__sklearn_is_fitted__": lambda self: True})()
    for name in says:  # by whose names scikit-learn asks what an answer means
        setattr(estimator, name, with_offset(getattr(model, name), offset))
    estimator.classes_ = model.classes
    return estimator


def with_offset(method: Callable[..., Array], offset: Array | None) -> Callable[[Any], Array]:
    """A method of a model, for rows with these offsets."""

    @wraps(method)
    def says(X: Any) -> Array:
        return method(X, offset)

    return says


def resolve_metrics(metrics: Any) -> dict[str, Metric | Scorer]:
    """Metrics by name."""
    if metrics is None:
        return {}
    if isinstance(metrics, Mapping):
        given = dict(metrics)
    else:
        several = list(metrics) if isinstance(metrics, tuple | list) else [metrics]
        given = {name_of(metric): metric for metric in several}
        if len(given) < len(several):
            names = ", ".join(map(name_of, several))
            raise ValueError(f"metrics must have different names, got {names}: name them by a dict")
    for name in given:
        if not isinstance(name, str):
            raise TypeError(f"metrics must have strings as names, got {name!r}")
        if name in MONITORS:
            raise ValueError(f"metrics must not be named 'loss' or 'validation_loss', got {name!r}")
    return {name: resolve_metric(name, metric) for name, metric in given.items()}


def name_of(metric: Any) -> str:
    """What a metric without a name is called."""
    if isinstance(metric, str):
        return metric
    function = getattr(metric, "function", getattr(metric, "_score_func", metric))
    return str(getattr(function, "__name__", repr(function)))


def resolve_metric(name: str, metric: Any) -> Metric | Scorer:
    """A metric, of whatever kind it was given as."""
    if isinstance(metric, Metric):
        return metric
    if isinstance(metric, str):
        return Scorer(scorer_of(metric))
    if hasattr(metric, "_score_func"):
        return Scorer(metric)
    if not callable(metric):
        raise TypeError(
            f"metrics must be callables f(y_true, y_pred), names or scorers of scikit-learn, got {metric!r} "
            f"for {name!r}"
        )
    function = getattr(metric, "__name__", "")
    if str(getattr(metric, "__module__", "")).startswith("sklearn.metrics"):
        from sklearn.metrics import make_scorer

        if function in OF_SCORES:
            return Scorer(make_scorer(metric, response_method=("decision_function", "predict_proba")))
        if function in OF_PROBABILITIES:
            return Scorer(make_scorer(metric, response_method="predict_proba"))
    return Metric(metric)


def scorer_of(name: str) -> Any:
    """The scorer that scikit-learn knows by a name."""
    try:
        from sklearn.metrics import get_scorer, get_scorer_names
    except ImportError:
        raise ImportError(
            f"metrics={name!r} is a name of scikit-learn: pip install 'mbgd_rs[sklearn]', or give a function"
        ) from None
    if name not in get_scorer_names():
        raise ValueError(f"metrics must be names that sklearn.metrics.get_scorer_names() has, got {name!r}")
    return get_scorer(name)


@dataclass(frozen=True, eq=False)
class Metrics:
    """The metrics of a run on some rows, and what they were after every epoch."""

    named: dict[str, Metric | Scorer]
    X: Any
    y: Array
    offset: Array | None = None
    values: dict[str, list[float]] = field(default_factory=dict)

    def measure(self, model: Any) -> dict[str, float]:
        """Looks at a model, and writes down what is seen."""
        measured = {
            name: as_float(f"the value of metric {name!r}", metric.of(model, self.X, self.y, self.offset))
            for name, metric in self.named.items()
        }
        for name, value in measured.items():
            self.values.setdefault(name, []).append(value)
        return measured

    def history(self, n_epochs: int) -> dict[str, Array]:
        """The records of so many epochs; NaN where a metric has raised an exception."""
        found = {name: self.values.get(name, []) for name in self.named}
        return {
            name: np.array(values + [np.nan] * (n_epochs - len(values)), float)
            for name, values in found.items()
        }
