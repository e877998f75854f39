"""Models as estimators of scikit-learn say what they say here, to rounding."""

import mbgd_rs as mb
import numpy as np
import pytest
from mbgd_rs.choices import members_of
from mbgd_rs.losses import Loss

datasets = pytest.importorskip("sklearn.datasets")

from sklearn.base import is_classifier, is_regressor  # noqa: E402
from sklearn.calibration import CalibratedClassifierCV  # noqa: E402
from sklearn.frozen import FrozenEstimator  # noqa: E402
from sklearn.utils.validation import check_is_fitted  # noqa: E402

WITHOUT = ("log_cosh", "smooth_hinge", "focal")
LOSSES = {name: loss() for name, loss in members_of(Loss).items() if name not in WITHOUT} | {
    "one against the rest": mb.losses.LogLoss(multi_class="ovr"),
    "quantile 0.9": mb.losses.Quantile(quantile=0.9),
    "huber 0.3": mb.losses.Huber(epsilon=0.3),
    "tweedie 1.2": mb.losses.Tweedie(power=1.2),
    "tweedie 0": mb.losses.Tweedie(power=0),
}
CLASSIFICATION = {name: loss for name, loss in LOSSES.items() if loss.is_classification}
REGRESSION = {name: loss for name, loss in LOSSES.items() if not loss.is_classification}
ADAM = mb.optimizers.Adam(0.1)
CLOSE = {np.float32: {"rtol": 1e-4, "atol": 1e-4}, np.float64: {"rtol": 1e-9, "atol": 1e-12}}


def assert_says_the_same(estimator, model, X):
    close = CLOSE[X.dtype.type]
    check_is_fitted(estimator)
    assert estimator.n_features_in_ == X.shape[1]
    if model.classes is None:
        assert is_regressor(estimator)
        said = estimator.predict(X)
        assert said.shape == model.predict(X).shape
        np.testing.assert_allclose(said, model.predict(X), **close)
        return
    assert is_classifier(estimator)
    np.testing.assert_array_equal(estimator.predict(X), model.predict(X))
    np.testing.assert_allclose(estimator.decision_function(X), model.decision_function(X), **close)
    if model.loss in ("log_loss", "modified_huber"):
        np.testing.assert_allclose(estimator.predict_proba(X), model.predict_proba(X), **close)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("loss", CLASSIFICATION.values(), ids=CLASSIFICATION)
def test_classifiers(loss, dtype):
    for load in (datasets.load_breast_cancer, datasets.load_digits):
        X, y = load(return_X_y=True)
        X = (X / X.max(axis=0).clip(1e-3)).astype(dtype)
        for labels in (y, np.array(list("abcdefghij"))[y], y > 0, y / 2):
            model = mb.fit(X, labels, loss=loss, optimizer="adam", epochs=3)
            estimator = model.to_sklearn()
            assert estimator.classes_.dtype == model.classes.dtype
            assert_says_the_same(estimator, model, X)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("loss", CLASSIFICATION.values(), ids=CLASSIFICATION)
def test_several_labels(loss, dtype):
    X, digit = datasets.load_digits(return_X_y=True)
    X, y = (X / 16).astype(dtype), np.stack([digit % 2 == 0, digit > 4, digit == 7], axis=1)
    model = mb.fit(X, y, loss=loss, optimizer="adam", epochs=3)
    assert_says_the_same(model.to_sklearn(), model, X)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("loss", REGRESSION.values(), ids=REGRESSION)
def test_regressions(loss, dtype):
    X, y = datasets.load_diabetes(return_X_y=True)
    X, y = X.astype(dtype), y / 100
    for several in (y, y[:, None], np.stack([y, y[::-1]], axis=1)):
        for fit_intercept in (True, False):
            model = mb.fit(X, several, loss=loss, optimizer=ADAM, epochs=20, fit_intercept=fit_intercept)
            assert_says_the_same(model.to_sklearn(), model, X)


def test_names_are_those_of_the_frame():
    pandas = pytest.importorskip("pandas")
    X, y = datasets.load_diabetes(return_X_y=True, as_frame=True)
    model = mb.fit(X, y / 100, epochs=5, optimizer=ADAM)
    estimator = model.to_sklearn()
    assert list(estimator.feature_names_in_) == list(X.columns)
    np.testing.assert_allclose(estimator.predict(X), model.predict(X))
    with pytest.raises(ValueError, match="feature names"):
        estimator.predict(X.rename(columns={"bmi": "z"}))
    numbered = pandas.DataFrame(X.to_numpy(), columns=range(1, 11))
    assert not hasattr(mb.fit(numbered, y / 100, epochs=5, optimizer=ADAM).to_sklearn(), "feature_names_in_")


def test_what_wraps_estimators_takes_it():
    X, y = datasets.load_breast_cancer(return_X_y=True)
    estimator = mb.fit(X, y, loss="hinge", standardize=True, optimizer="adam").to_sklearn()
    calibrated = CalibratedClassifierCV(FrozenEstimator(estimator)).fit(X, y)
    assert (calibrated.predict(X) == y).mean() > 0.9


def test_the_model_is_not_shared():
    X, y = datasets.load_diabetes(return_X_y=True)
    model = mb.fit(X, y / 100, optimizer=ADAM, epochs=5)
    before = model.coef.copy()
    model.to_sklearn().coef_[:] = 0
    np.testing.assert_array_equal(model.coef, before)


@pytest.mark.parametrize("name", WITHOUT)
def test_losses_that_scikit_learn_does_not_have(name):
    X, y = datasets.load_breast_cancer(return_X_y=True)
    model = mb.fit(X, y, loss=name, optimizer="adam", epochs=1)
    with pytest.raises(ValueError, match=r"loss must be one of an estimator of scikit-learn .*, got \w+\("):
        model.to_sklearn()
