"""glum: IRLS and L-BFGS, which solve to a tolerance."""

from typing import Any

from race.peer import Peer, Solve, Solver
from race.solvers.problem import L2, Problem

FAMILIES = {"log_loss": "binomial", "squared_error": "normal", "poisson": "poisson"}


def by(solver: str) -> Solve:
    def solve(X: Any, y: Any, problem: Problem, max_iter: float) -> tuple[Any, Any]:
        from glum import GeneralizedLinearRegressor

        model = GeneralizedLinearRegressor(
            family=FAMILIES[problem.loss], alpha=L2, l1_ratio=0, solver=solver, max_iter=int(max_iter),
            gradient_tol=1e-12,
        )  # fmt: skip
        model.fit(X, y.astype(X.dtype))
        return model.coef_, model.intercept_

    return solve


PEERS = [
    Peer(
        name,
        ("glum",),
        ("glum",),
        solver=Solver(by(solver), lambda problem: problem.k == 1),
        note=note,
    )
    for name, solver, note in (
        ("glum", "auto", "IRLS, its choice here, or for squares a closed form"),
        ("glum lbfgs", "lbfgs", ""),
    )
]
