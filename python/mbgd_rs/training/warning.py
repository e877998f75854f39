"""Warnings of a call of `fit`, which point to the line of the call: `fit` itself has to raise them."""

from __future__ import annotations

from typing import Any

from ..callers import warn
from ..errors import ConvergenceWarning
from ..labels import looks_like_labels
from ..result import FitResult

__all__ = ["warn_of_labels", "warn_of_no_convergence"]


NO_OPTIMUM = "; where classes are separable and there is no penalty, there is no optimum: give penalty='l2'"


def warn_of_labels(y: Any) -> None:
    """Targets that look like labels are not meant for a regression, if nobody has asked for one."""
    reason = looks_like_labels(y)
    if reason is not None:
        warn(
            f"y {reason} and loss was not given, which makes this a regression: for classes give "
            "loss='log_loss', for numbers loss='squared_error'",
        )


def warn_of_no_convergence(result: FitResult, *, is_penalised: bool) -> None:
    """A run that was to end at the optimum has not come so far."""
    gap = None if result.solver is None else result.solver.gap
    about = "" if gap is None else f", and is about {gap:.1e} of the objective away from the optimum"
    warn(
        f"the run has not converged in {result.n_epochs} epochs{about}: give epochs=, go on with resume=, or "
        f"stop=Converged(tol=...) with a larger tol{'' if is_penalised else NO_OPTIMUM}",
        ConvergenceWarning,
    )
