"""cyanure: Catalyst, QNing, SVRG and MISO, which solve to a tolerance."""

from typing import Any

import numpy as np
from race.peer import COARSE, Peer, Solve, Solver
from race.solvers.problem import L2, Problem


def by(solver: str) -> Solve:
    def solve(X: Any, y: Any, problem: Problem, max_iter: float) -> tuple[Any, Any]:
        from cyanure.estimators import Classifier, Regression

        how: dict[str, Any] = {
            "penalty": "l2", "lambda_1": L2, "solver": solver, "max_iter": int(max_iter), "tol": 1e-12,
            "fit_intercept": True, "verbose": False,
        }  # fmt: skip
        is_classes = problem.loss == "log_loss"
        model = Classifier(loss="logistic", **how) if is_classes else Regression(**how)
        model.fit(X, y)
        return np.asarray(model.coef_).T, model.intercept_  # a column for each class

    return solve


PEERS = [
    Peer(
        f"cyanure {solver}",
        ("cyanure",),
        ("cyanure.estimators",),
        solver=Solver(by(solver), lambda problem: problem.loss != "poisson", settings=COARSE),
        note="Catalyst, QNing, SVRG and MISO, the choice its own" if solver == "auto" else "",
    )
    for solver in ("auto", "qning-svrg", "catalyst-miso")
]
