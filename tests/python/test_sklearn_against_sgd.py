"""With a row a step, in order, the estimators make the steps of SGDClassifier and SGDRegressor."""

import itertools
import warnings

import numpy as np
import pytest
from mbgd_rs.sklearn import MBGDClassifier, MBGDRegressor
from sklearn.linear_model import Lasso, LogisticRegression, SGDClassifier, SGDRegressor

RNG = np.random.default_rng(0)
X = RNG.normal(size=(300, 7))
OF_THREE = np.argmax(X[:, :3] + 0.5 * RNG.normal(size=(300, 3)), axis=1)
OF_TWO = np.where(OF_THREE > 0, "yes", "no")
Y = X @ RNG.normal(size=7) + RNG.normal(size=300)
LOSSES_OF_NUMBERS = ["squared_error", "huber", "epsilon_insensitive", "squared_epsilon_insensitive"]
LOSSES_OF_CLASSES = ["hinge", "log_loss", "modified_huber", "squared_hinge", "perceptron", *LOSSES_OF_NUMBERS]
SAME_STEPS = {"shuffle": False, "max_iter": 5, "tol": None, "learning_rate": "constant", "eta0": 0.01}
PENALTIES = ["l2", None]
AVERAGES = [False, True, 37]


def assert_same(ours, theirs):
    for name in ("coef_", "intercept_"):
        mine, other = getattr(ours, name), getattr(theirs, name)
        assert mine.shape == other.shape
        np.testing.assert_allclose(mine, other, rtol=0, atol=1e-10 * np.abs(other).max())
    assert (ours.n_iter_, ours.t_) == (theirs.n_iter_, theirs.t_)


@pytest.mark.parametrize("y", [OF_TWO, OF_THREE], ids=["two classes", "three classes"])
@pytest.mark.parametrize("loss", LOSSES_OF_CLASSES)
def test_classifier(loss, y):
    for penalty, average in itertools.product(PENALTIES, AVERAGES):
        how = {"loss": loss, "penalty": penalty, "alpha": 1e-3, "average": average, **SAME_STEPS}
        ours = MBGDClassifier(batch_size=1, multi_class="ovr", **how).fit(X, y)
        theirs = SGDClassifier(**how).fit(X, y)
        assert_same(ours, theirs)
        np.testing.assert_array_equal(ours.predict(X), theirs.predict(X))
        assert ours.score(X, y) == theirs.score(X, y)


@pytest.mark.parametrize("loss", LOSSES_OF_NUMBERS)
def test_regressor(loss):
    for penalty, average, rate in itertools.product(PENALTIES, AVERAGES, ["constant", "invscaling"]):
        how = {
            "loss": loss,
            "penalty": penalty,
            "alpha": 1e-2,
            "average": average,
            "epsilon": 0.3,
            **SAME_STEPS,
        }
        how["learning_rate"] = rate
        ours = MBGDRegressor(batch_size=1, **how).fit(X, Y)
        theirs = SGDRegressor(**how).fit(X, Y)
        assert_same(ours, theirs)
        np.testing.assert_allclose(ours.predict(X), theirs.predict(X), rtol=1e-8)


def test_other_rates_without_an_intercept_and_from_a_given_start():
    start = {"coef_init": np.full((1, 7), 0.3), "intercept_init": [0.2]}
    for rate, fit_intercept in itertools.product(["optimal", "invscaling"], [True, False]):
        how = {"loss": "log_loss", "alpha": 0.05, "fit_intercept": fit_intercept, **SAME_STEPS}
        how["learning_rate"] = rate
        begin = start if fit_intercept else {"coef_init": start["coef_init"]}
        assert_same(
            MBGDClassifier(batch_size=1, **how).fit(X, OF_TWO, **begin),
            SGDClassifier(**how).fit(X, OF_TWO, **begin),
        )


def test_the_end_by_tol_and_the_adaptive_rate():
    for rate, tol in itertools.product(["invscaling", "adaptive"], [1e-2, 1e-3]):
        how = {"learning_rate": rate, "tol": tol, "shuffle": False, "eta0": 0.01, "max_iter": 500,
               "n_iter_no_change": 3}  # fmt: skip
        ours, theirs = MBGDRegressor(batch_size=1, **how).fit(X, Y), SGDRegressor(**how).fit(X, Y)
        assert 3 < ours.n_iter_ < 500
        assert_same(ours, theirs)


def test_partial_fit_and_weights():
    ours = MBGDClassifier(batch_size=1, loss="log_loss", multi_class="ovr", **SAME_STEPS)
    theirs = SGDClassifier(loss="log_loss", **SAME_STEPS)
    s = RNG.uniform(0.5, 2, size=300)
    s /= s.mean()  # ours are scaled to that
    for _ in range(3):
        ours.partial_fit(X, OF_THREE, classes=[0, 1, 2], sample_weight=s)
        theirs.partial_fit(X, OF_THREE, classes=[0, 1, 2], sample_weight=s)
    assert_same(ours, theirs)


def lasso(coef, intercept, alpha):
    return ((X @ coef + intercept - Y) ** 2).mean() / 2 + alpha * np.abs(coef).sum()


def test_l1_leads_to_the_optimum_by_another_rule():
    """The truncated gradient of SGDRegressor is not the proximal step made here; the optimum is the same."""
    alpha = 0.3
    exact = Lasso(alpha=alpha, tol=1e-12).fit(X, Y)
    least = lasso(exact.coef_, exact.intercept_, alpha)
    for how in (
        {},
        {"batch_size": 1, "learning_rate": "invscaling", "eta0": 0.05, "power_t": 0.5, "tol": 1e-7},
    ):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # whether 1000 epochs suffice is not the question
            ours = MBGDRegressor(penalty="l1", alpha=alpha, random_state=0, **how).fit(X, Y)
        assert lasso(ours.coef_, ours.intercept_[0], alpha) < least * (1 + 1e-3)
        if not how:
            np.testing.assert_array_equal(ours.coef_ == 0, exact.coef_ == 0)
            assert (ours.coef_ == 0).any()


def test_defaults_find_the_optimum_of_logistic_regression():
    for penalty, ratio in (("l2", 0), ("l1", 1), ("elasticnet", 0.4)):
        C = 0.1
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # `penalty` is on its way out there
            exact = LogisticRegression(
                C=C, penalty=penalty, l1_ratio=ratio, solver="saga", tol=1e-10, max_iter=10_000
            )
            exact.fit(X, OF_THREE)
        ours = MBGDClassifier(penalty=penalty, l1_ratio=ratio, alpha=1 / (C * 300), tol=1e-10, random_state=0)
        ours.fit(X, OF_THREE)
        np.testing.assert_allclose(ours.coef_, exact.coef_, atol=2e-3)
        np.testing.assert_allclose(ours.predict_proba(X), exact.predict_proba(X), atol=2e-3)
