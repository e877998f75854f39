"""What a classifier says about rows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import accuracy_score
from sklearn.utils.metaestimators import available_if

from ..result import FitResult
from .losses_of_classes import has_probabilities
from .of_sources import truth_of

__all__ = ["ClassPredictions"]

Array = NDArray[Any]


class ClassPredictions:
    """Scores, classes and probabilities, by the model of an estimator."""

    classes_: Array
    _has_several_labels: bool

    _model_for: Callable[[Any], tuple[FitResult, Any]]
    """The model, and rows for it, checked: a method of the estimator."""

    def decision_function(self, X: Any, offset: Any = None) -> Array:
        """Scores.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n, d), or source
        offset : array-like of shape (n,) or (n, k), optional
            Added to the scores.

        Returns
        -------
        ndarray of shape (n,) or (n, k)
            For two classes, above 0 means the second.
        """
        model, rows = self._model_for(X)
        return model.decision_function(rows, offset)

    def predict(self, X: Any, offset: Any = None) -> Array:
        """The class of each row, or 0 and 1 for each of several labels.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n, d), or source
        offset : array-like of shape (n,) or (n, k), optional
            Added to the scores.

        Returns
        -------
        ndarray of shape (n,) or (n, k)
        """
        scores = self.decision_function(X, offset)
        if scores.ndim == 1:
            labels: Array = self.classes_[(scores > 0).astype(np.intp)]
        elif self._has_several_labels:
            labels = (scores > 0).astype(np.int64)
        else:
            labels = self.classes_[scores.argmax(axis=1)]
        return labels

    @available_if(has_probabilities)  # type: ignore[untyped-decorator]
    def predict_proba(self, X: Any, offset: Any = None) -> Array:
        """The probability of each class, or of each of several labels.

        There only with the losses "log_loss", "modified_huber" and "focal".

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n, d), or source
        offset : array-like of shape (n,) or (n, k), optional
            Added to the scores.

        Returns
        -------
        ndarray of shape (n, n_classes)
            In the order of `classes_`.
        """
        model, rows = self._model_for(X)
        return model.predict_proba(rows, offset)

    @available_if(has_probabilities)  # type: ignore[untyped-decorator]
    def predict_log_proba(self, X: Any, offset: Any = None) -> Array:
        """The logarithms of the probabilities.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n, d), or source
        offset : array-like of shape (n,) or (n, k), optional
            Added to the scores.

        Returns
        -------
        ndarray of shape (n, n_classes)
        """
        return np.log(self.predict_proba(X, offset))  # type: ignore[no-any-return]

    def score(self, X: Any, y: Any = None, sample_weight: Any = None, *, offset: Any = None) -> float:
        """The accuracy; of several labels the share of the rows all labels of which are right.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n, d), or source
            A source of :mod:`mbgd_rs.sources` brings its targets and weights itself.
        y : array-like of shape (n,) or (n, k)
        sample_weight : array-like of shape (n,), optional
        offset : array-like of shape (n,) or (n, k), optional

        Returns
        -------
        float
        """
        truth, weight = truth_of(X, y, sample_weight)
        return float(accuracy_score(truth, self.predict(X, offset), sample_weight=weight))
