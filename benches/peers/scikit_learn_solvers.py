"""scikit-learn's solvers of linear models, in the race in time to a loss."""

from typing import Any

from race.peer import COARSE, Peer, Solve, Solver
from race.solvers.problem import L2, Problem


def smooth(solver: str) -> Solve:
    """LogisticRegression, or PoissonRegressor; the tolerance is so small that `max_iter` decides."""

    def solve(X: Any, y: Any, problem: Problem, max_iter: float) -> tuple[Any, Any]:
        from sklearn.linear_model import LogisticRegression, PoissonRegressor

        how: dict[str, Any] = {"solver": solver, "tol": 1e-12, "max_iter": int(max_iter)}
        if problem.loss == "poisson":
            model = PoissonRegressor(alpha=L2, **how)
        else:
            model = LogisticRegression(C=1 / (L2 * len(y)), **how)
        model.fit(X, y)
        return model.coef_, model.intercept_

    return solve


def ridge(X: Any, y: Any, problem: Problem, _: float) -> tuple[Any, Any]:
    from sklearn.linear_model import Ridge

    model = Ridge(alpha=L2 * len(y)).fit(X, y)
    return model.coef_, model.intercept_


def saga(X: Any, y: Any, problem: Problem, max_iter: float) -> tuple[Any, Any]:
    from sklearn.linear_model import LogisticRegression, Ridge

    how: dict[str, Any] = {"solver": "saga", "tol": 1e-12, "max_iter": int(max_iter), "random_state": 0}
    if problem.loss == "log_loss":
        model = LogisticRegression(C=1 / (L2 * len(y)), **how)
    else:
        model = Ridge(alpha=L2 * len(y), **how)
    model.fit(X, y)
    return model.coef_, model.intercept_


def sgd(X: Any, y: Any, problem: Problem, max_iter: float) -> tuple[Any, Any]:
    from sklearn.linear_model import SGDClassifier, SGDRegressor

    how: dict[str, Any] = {"alpha": L2, "tol": None, "max_iter": int(max_iter), "random_state": 0}
    is_classes = problem.loss == "log_loss"
    model = SGDClassifier(loss="log_loss", **how) if is_classes else SGDRegressor(**how)
    model.fit(X, y)
    return model.coef_, model.intercept_


def classes_or_counts(problem: Problem) -> bool:
    return problem.loss in ("log_loss", "poisson")


def classes_or_squares(problem: Problem) -> bool:
    return problem.loss in ("log_loss", "squared_error")


SOLVERS = {
    "lbfgs": (Solver(smooth("lbfgs"), classes_or_counts), ""),
    "newton-cholesky": (Solver(smooth("newton-cholesky"), classes_or_counts), ""),
    "saga": (Solver(saga, classes_or_squares, settings=COARSE), ""),
    "SGD": (
        Solver(sgd, lambda problem: classes_or_squares(problem) and problem.k == 1, settings=COARSE),
        "SGDClassifier, SGDRegressor; of ten classes it would solve another problem, one against the rest",
    ),
    "Ridge": (
        Solver(ridge, lambda problem: problem.loss == "squared_error", knob="", settings=(1,)),
        "by Cholesky's decomposition, its default on dense rows",
    ),
}
PEERS = [
    Peer(f"scikit-learn {name}", ("scikit-learn",), ("sklearn.linear_model",), solver=solver, note=note)
    for name, (solver, note) in SOLVERS.items()
]
