"""scikit-learn-intelex: oneDAL's LogisticRegression and Ridge, which solve to a tolerance."""

import os
from typing import Any

from race.peer import Peer, Solve, Solver
from race.solvers.problem import L2, Problem


def logistic(solver: str) -> Solve:
    def solve(X: Any, y: Any, problem: Problem, max_iter: float) -> tuple[Any, Any]:
        from sklearnex.linear_model import LogisticRegression

        os.environ["SKLEARNEX_PREVIEW"] = "1"  # without it newton-cg is scikit-learn's
        model = LogisticRegression(solver=solver, C=1 / (L2 * len(y)), tol=1e-12, max_iter=int(max_iter))
        model.fit(X, y)
        return model.coef_, model.intercept_

    return solve


def ridge(X: Any, y: Any, problem: Problem, _: float) -> tuple[Any, Any]:
    from sklearnex.linear_model import Ridge

    model = Ridge(alpha=L2 * len(y)).fit(X, y)
    return model.coef_, model.intercept_


def takes(problem: Problem) -> bool:
    """It hands sparse rows, and newton-cholesky, to scikit-learn."""
    return problem.loss == "log_loss" and not problem.is_sparse


PEERS = [
    Peer(
        f"scikit-learn-intelex {solver}",
        ("scikit-learn-intelex",),
        ("sklearnex.linear_model",),
        solver=Solver(logistic(solver), takes),
        note=f"oneDAL's LogisticRegression ({solver})",
    )
    for solver in ("lbfgs", "newton-cg")
]
PEERS += [
    Peer(
        "scikit-learn-intelex Ridge",
        ("scikit-learn-intelex",),
        ("sklearnex.linear_model",),
        solver=Solver(ridge, lambda problem: problem.loss == "squared_error", knob="", settings=(1,)),
        note="oneDAL's Ridge",
    )
]
