"""snapml: IBM's LogisticRegression and LinearRegression (coordinate descent), which solve to a tolerance."""

import os
from typing import Any

from race.peer import COARSE, Peer, Solve, Solver
from race.solvers.problem import L2, Problem


def by(n_threads: int | None) -> Solve:
    def solve(X: Any, y: Any, problem: Problem, max_iter: float) -> tuple[Any, Any]:
        from snapml import LinearRegression, LogisticRegression

        kind = LogisticRegression if problem.loss == "log_loss" else LinearRegression
        model = kind(
            regularizer=L2 * len(y), fit_intercept=True, n_jobs=n_threads or os.cpu_count(), tol=0.0,
            max_iter=int(max_iter), random_state=0,
        )  # fmt: skip
        model.fit(X, y)
        return model.coef_, model.intercept_

    return solve


def takes(problem: Problem) -> bool:
    """Of ten classes it would solve another problem, one against the rest."""
    return problem.loss in ("log_loss", "squared_error") and problem.k == 1


PEERS = [
    Peer(
        name,
        ("snapml",),
        ("snapml",),
        solver=Solver(by(n_threads), takes, settings=COARSE, penalises_intercept=True),
        note="IBM's coordinate descent in the dual, its default; it penalises the intercept, too",
    )
    for name, n_threads in (("snapml", None), ("snapml, 1 thread", 1))
]
