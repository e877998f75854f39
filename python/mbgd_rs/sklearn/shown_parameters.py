"""The parameters that an estimator shows, in the shapes of scikit-learn, and the model that they make."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from ..models import MLP, Linear
from ..result import FitResult
from .translation import model_of

__all__ = ["PARAMETERS", "ShownParameters"]

Array = NDArray[Any]
PARAMETERS = ("coef_", "intercept_", "coefs_", "intercepts_")
"""Attributes that not every model has."""


def has_coef(estimator: Any) -> bool:
    """Whether a model has coefficients that can be kept sparse: only linear ones have."""
    model = estimator.result_.model if hasattr(estimator, "result_") else model_of(estimator)
    if not isinstance(model, Linear):
        raise AttributeError(f"model must be 'linear' for coef_ to be sparse, got {model.name!r}")
    return True


class ShownParameters:
    """Coefficients and intercepts, which may be changed: predictions are by those that are shown.

    Those of a linear model and of a network have attributes of their own; `params_` has those of any model.
    """

    result_: FitResult
    coef_: Any
    intercept_: Any
    coefs_: list[Array]
    intercepts_: list[Array]
    _intercept_name = "intercept_"

    def _fitted(self, result: FitResult) -> dict[str, Any]:
        """The fitted attributes that follow from a result: parameters, in the shapes of scikit-learn."""
        if isinstance(result.model, Linear):
            return {**self._of_linear(result), "result_": result}
        if isinstance(result.model, MLP):
            copies = {f"{name}_": [array.copy() for array in block] for name, block in result.params.items()}
            return {**copies, "result_": result}
        return {"result_": result}

    def _of_linear(self, result: FitResult) -> dict[str, Any]:
        """Coefficients and intercepts."""
        raise NotImplementedError

    @property
    def params_(self) -> dict[str, Any]:
        """The parameters of the model by the names of their blocks, as `result_` has them."""
        return self._current_model().params

    def _current_model(self) -> FitResult:
        """The result, with the parameters that the estimator shows, which may have been changed."""
        result = self.result_
        if isinstance(result.model, MLP):
            return replace(result, params={"coefs": self.coefs_, "intercepts": self.intercepts_})
        if not isinstance(result.model, Linear):
            return result
        coef = self.coef_.toarray() if sparse.issparse(self.coef_) else np.asarray(self.coef_)
        params = {
            "coef": np.ascontiguousarray(coef.reshape(result.coef.shape)),
            "intercept": self._intercept().reshape(np.shape(result.intercept))[()],
        }
        return replace(result, params=params)

    def _intercept(self) -> Array:
        """The intercepts that the estimator shows."""
        return np.asarray(self.intercept_)

    def _is_as_left(self, result: FitResult) -> bool:
        """Whether the parameters shown are those of a result."""
        shown = self._fitted(result)
        if isinstance(result.model, MLP):
            pairs = ((getattr(self, name), shown[name]) for name in ("coefs_", "intercepts_"))
            return all(np.array_equal(a, b) for now, then in pairs for a, b in zip(now, then, strict=True))
        if not isinstance(result.model, Linear):
            return True
        coef = self.coef_.toarray() if sparse.issparse(self.coef_) else self.coef_
        return np.array_equal(np.ravel(coef), shown["coef_"].ravel()) and np.array_equal(
            getattr(self, self._intercept_name), shown[self._intercept_name]
        )

    @available_if(has_coef)  # type: ignore[untyped-decorator]
    def sparsify(self) -> Any:
        """Keep ``coef_`` as a sparse matrix.

        Worth its while where most coefficients are 0, by an l1 penalty. Predictions stay the same.

        Returns
        -------
        self
        """
        check_is_fitted(self)
        self.coef_ = sparse.csr_matrix(np.atleast_2d(self.coef_))
        return self

    @available_if(has_coef)  # type: ignore[untyped-decorator]
    def densify(self) -> Any:
        """Keep ``coef_`` as an array again.

        Returns
        -------
        self
        """
        check_is_fitted(self)
        if sparse.issparse(self.coef_):
            self.coef_ = self.coef_.toarray().reshape(self._fitted(self.result_)["coef_"].shape)
        return self
