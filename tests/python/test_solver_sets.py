"""`mb.fit` by its defaults on data sets of scikit-learn, raw and standardised, beside its linear models."""

import warnings
from functools import cache

import mbgd_rs as mb
import numpy as np
import pytest
from mbgd_rs.penalties import L1, L2
from mbgd_rs.stopping import Converged
from sklearn import datasets
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler


def classes(n_classes=2):
    return datasets.make_classification(2000, 20, n_informative=8, n_classes=n_classes, random_state=0)


def numbers():
    return datasets.make_regression(2000, 20, noise=10, random_state=0)


def scaled(X, y):
    return X * np.logspace(-2, 3, 20), y


def shifted(X, y):
    return X + 100, y


SETS = {
    "digits": lambda: datasets.load_digits(return_X_y=True),
    "breast_cancer": lambda: datasets.load_breast_cancer(return_X_y=True),
    "wine": lambda: datasets.load_wine(return_X_y=True),
    "iris": lambda: datasets.load_iris(return_X_y=True),
    "diabetes": lambda: datasets.load_diabetes(return_X_y=True, scaled=False),
    "linnerud": lambda: datasets.load_linnerud(return_X_y=True),
    "classes, scaled": lambda: scaled(*classes()),
    "classes, shifted": lambda: shifted(*classes()),
    "three classes": lambda: classes(3),
    "numbers, scaled": lambda: scaled(*numbers()),
    "numbers, shifted": lambda: shifted(*numbers()),
}
NUMBERS = {"diabetes", "linnerud", "numbers, scaled", "numbers, shifted"}
PARTS = [(name, is_raw) for name in SETS for is_raw in (True, False)]


@cache
def halves(name, is_raw):
    """Rows to learn from and to judge by, and their targets."""
    X, y = SETS[name]()
    learned, judged, y_learned, y_judged = train_test_split(X, y, test_size=0.25, random_state=0)
    if not is_raw:
        scaler = StandardScaler().fit(learned)
        learned, judged = scaler.transform(learned), scaler.transform(judged)
    return learned, judged, y_learned, y_judged


def loss_of(name):
    return "squared_error" if name in NUMBERS else "log_loss"


def score(name, predicted, y):
    if name in NUMBERS:
        return 1 - np.sum((predicted - y) ** 2) / np.sum((y - y.mean(axis=0)) ** 2)
    return np.mean(predicted == y)


@pytest.mark.parametrize(("name", "is_raw"), PARTS)
def test_scores_are_those_of_scikit_learn(name, is_raw):
    """At most 0.01 below, with the same penalty; converged, or warned."""
    X, judged, y, y_judged = halves(name, is_raw)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        ours = mb.fit(X, y, loss=loss_of(name), penalty=L2(1 / len(X)))
    assert (ours.stop_reason == "converged") == (not caught)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = (Ridge() if name in NUMBERS else LogisticRegression()).fit(X, y)
    least = score(name, theirs.predict(judged), y_judged) - 0.01
    assert score(name, ours.predict(judged), y_judged) >= least


def objective(X, y, point, **options):
    coef, intercept = point.coef, point.intercept
    return mb.gradient(X, y, (np.asarray(coef), np.asarray(intercept)), **options)[0]


class Point:
    """A model of scikit-learn, of the shape ours has."""

    def __init__(self, model, y):
        is_one = y.ndim == 1 and model.coef_.size == model.coef_.shape[-1]
        self.coef = model.coef_.ravel() if is_one else model.coef_
        self.intercept = np.ravel(model.intercept_)[0] if is_one else model.intercept_


@cache
def least_objective(name, is_raw):
    """By scikit-learn's second-order solvers."""
    X, _, y, _ = halves(name, is_raw)
    exact = {"solver": "newton-cholesky", "tol": 1e-8, "max_iter": 100}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = (Ridge(solver="svd") if name in NUMBERS else LogisticRegression(**exact)).fit(X, y)
    return objective(X, y, Point(model, y), loss=loss_of(name), penalty=L2(1 / len(X)))


# Nearly separable, or with rare columns: directions of less curvature than a metric takes them to have.
LOOSE = {"digits": 60}


@pytest.mark.parametrize("tol", [1e-2, 1e-4])
@pytest.mark.parametrize(("name", "is_raw"), PARTS)
def test_the_estimated_gap_is_about_the_true_one(name, is_raw, tol):
    """Within 30 tolerances, of the digits 60: it is an estimate and no bound."""
    X, _, y, _ = halves(name, is_raw)
    options = {"loss": loss_of(name), "penalty": L2(1 / len(X))}
    run = mb.fit(X, y, **options, optimizer="saga", epochs=200, stop=Converged(tol))
    if run.stop_reason != "converged":
        return
    assert 0 <= run.solver.gap <= tol
    gap = objective(X, y, run, **options) / least_objective(name, is_raw) - 1
    print(name, is_raw, tol, gap, run.solver.gap, run.n_epochs)
    assert -1e-9 < gap < LOOSE.get(name, 30) * tol


@pytest.mark.parametrize("name", ["diabetes", "breast_cancer", "wine"])
def test_a_penalty_with_a_kink(name):
    """To three times the tolerance of the objective, against a run that ends much later."""
    X, _, y, _ = halves(name, False)
    options = {"loss": loss_of(name), "penalty": L1(0.01)}
    run = mb.fit(X, y, **options)
    best = mb.fit(X, y, **options, optimizer="saga", epochs=4000, stop=Converged(1e-10))
    assert run.stop_reason == "converged"
    gap = objective(X, y, run, **options) / objective(X, y, best, **options) - 1
    assert -1e-9 < gap < 1e-2
