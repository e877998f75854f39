"""What a model is asked: its parameters by name, and what it says about rows."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from . import _core
from .columns import check_names
from .inputs import as_offset, as_rows, as_type
from .losses import Loss
from .models import Linear, Model
from .sources import Source, by_chunk, check_columns
from .threads import resolve_n_threads

__all__ = ["TrainedModel"]

Array = NDArray[Any]


class TrainedModel:
    """Parameters of a model, and predictions by them; what has these attributes derives from it."""

    params: dict[str, Any]
    model: Model
    is_vector: bool
    classes: Array | None
    loss_object: Loss
    feature_names: tuple[Any, ...] | None
    n_epochs: int

    @property
    def coef(self) -> Array:
        """Coefficients of a linear model."""
        return self._of_linear("coef")  # type: ignore[no-any-return]

    @property
    def intercept(self) -> Any:
        """Intercepts of a linear model."""
        return self._of_linear("intercept")

    def _of_linear(self, name: str) -> Any:
        if not isinstance(self.model, Linear):
            blocks = ", ".join(f'"{block}"' for block in self.params)
            raise AttributeError(
                f"a result of model {self.model.name!r} has no {name}: its params has {blocks}"
            )
        return self.params[name]

    @property
    def n_columns(self) -> int:
        """Columns of X, d."""
        return self.model.dimensions(self.params)[0]

    @property
    def n_outputs(self) -> int:
        """Scores of a row, k."""
        return self.model.dimensions(self.params)[1]

    @property
    def n_params(self) -> int:
        """Numbers in all blocks together."""
        return sum(self.model.size(self.n_columns, self.n_outputs))

    @property
    def dtype(self) -> np.dtype[Any]:
        """That of the parameters, and of X."""
        first = next(iter(self.params.values()))
        return np.asarray(first[0] if isinstance(first, list) else first).dtype

    @property
    def has_several_labels(self) -> bool:
        """Whether a row has several labels, each there or not."""
        return self.classes is not None and len(self.classes) == 2 and not self.is_vector

    def decision_function(self, X: Any, offset: ArrayLike | None = None) -> Array:
        """Scores: of a linear model ``X @ coef.T + intercept + offset``.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n, d), or source
            A source of :mod:`mbgd_rs.sources` is read a chunk at a time; its targets are not looked at.
        offset : array-like of shape (n,) or (n, k), optional
            What is added to the scores of these rows, as in :func:`fit`; not of a source.

        Returns
        -------
        ndarray of shape (n,) or (n, k)
            For two classes, above 0 means the second.
        """
        scores = self._predict(X, offset, "scores")
        return scores[:, 0] if self.is_vector else scores

    def predict(self, X: Any, offset: ArrayLike | None = None) -> Array:
        """The value predicted for each row, or its class.

        For a loss with a link, as "poisson", the value is the mean, ``exp`` of the score. Where y had several
        labels a row it is 0 or 1 for each of them.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n, d), or source
            A source of :mod:`mbgd_rs.sources` is read a chunk at a time; its targets are not looked at.
        offset : array-like of shape (n,) or (n, k), optional
            What is added to the scores of these rows, as in :func:`fit`; not of a source.

        Returns
        -------
        ndarray of shape (n,) or (n, k)
        """
        if self.classes is None:
            means = self._predict(X, offset, "means")
            return means[:, 0] if self.is_vector else means
        scores = self.decision_function(X, offset)
        is_one_of_many = len(self.classes) > 2
        index = scores.argmax(axis=1) if is_one_of_many else (scores > 0).astype(np.intp)
        labels: Array = self.classes[index]
        return labels

    def predict_proba(self, X: Any, offset: ArrayLike | None = None) -> Array:
        """The probability of each class for each row, or of each label where y had several a row.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n, d), or source
            A source of :mod:`mbgd_rs.sources` is read a chunk at a time; its targets are not looked at.
        offset : array-like of shape (n,) or (n, k), optional
            What is added to the scores of these rows, as in :func:`fit`; not of a source.

        Returns
        -------
        ndarray of shape (n, n_classes) or (n, k)
            In the order of `classes`, and rows sum to 1; of labels the probability of 1, each on its own.

        Raises
        ------
        ValueError
            If the loss has no probabilities: only "log_loss", "modified_huber" and "focal" have.
        """
        return self._predict(X, offset, "probabilities")

    def _predict(self, X: Any, offset: Any, wanted: str) -> Array:
        if isinstance(X, Source):
            if offset is not None:
                raise ValueError(f"offset must be None where X is a source, got {type(offset).__name__}")
            check_columns(X, self.n_columns, self.feature_names)
            return by_chunk(X, lambda rows: self._predict(rows, None, wanted))
        check_names(X, self.feature_names)
        n_columns, n_outputs = self.model.dimensions(self.params)
        matrix = as_type("X", as_rows(X), self.dtype, of="the model")
        if matrix.shape[1] != n_columns:
            raise ValueError(f"X must have {n_columns} columns, as in fit, got shape {matrix.shape}")
        params = self.model.join(self.params, n_columns, n_outputs, self.dtype, argument="params")
        n_classes = 0 if self.classes is None else len(self.classes)
        link = (wanted, self.loss_object, n_classes)
        known = as_offset(offset, matrix, n_outputs)
        return _core.predict(matrix, known, params, (self.model, n_outputs), link, resolve_n_threads(None))
