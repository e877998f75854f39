"""Estimators end near the optimum, and not where the loss of a solver goes up and down at first."""

import numpy as np
import pytest
from mbgd_rs import MBGDClassifier
from sklearn.datasets import load_breast_cancer, load_digits, load_iris, load_wine
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler


@pytest.mark.parametrize("load", [load_breast_cancer, load_wine, load_iris])
def test_probabilities_are_those_of_logistic_regression(load):
    X, y = load(return_X_y=True)
    X = StandardScaler().fit_transform(X)
    theirs = LogisticRegression(C=1.0, tol=1e-10, max_iter=10_000).fit(X, y).predict_proba(X)
    for seed in range(5):
        ours = MBGDClassifier(alpha=1 / len(y), random_state=seed).fit(X, y)
        assert np.abs(ours.predict_proba(X) - theirs).max() < 0.04


def test_separable_classes_still_end_where_the_loss_is_at_rest():
    X, y = load_digits(return_X_y=True)
    model = MBGDClassifier(random_state=0).fit(X, y)
    assert model.result_.stop_reason.value == "no_improvement"
    assert model.n_iter_ < 200
