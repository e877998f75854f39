"""Estimators in files: what is loaded is what was saved, and `partial_fit` goes on bit for bit."""

import subprocess
import sys

import mbgd_rs as mb
import numpy as np
import pytest

pytest.importorskip("sklearn")

from mbgd_rs.model_file import read_model, write_model
from mbgd_rs.sklearn import MBGDClassifier, MBGDRegressor
from scipy import sparse
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits
from sklearn.exceptions import NotFittedError

X, DIGIT = load_digits(return_X_y=True)
X = X[:300] / 16
DIGIT = DIGIT[:300]
Y = load_diabetes(return_X_y=True)[1][:300] / 100
HOW = {"max_iter": 3, "tol": None, "random_state": 0}
SEVERAL = np.stack([DIGIT > 4, DIGIT % 2 == 0, DIGIT == 3], axis=1).astype(int)
FITTED = {
    "digits": (MBGDClassifier(**HOW), DIGIT),
    "text": (MBGDClassifier(loss="hinge", **HOW), np.array(list("abcdefghij"))[DIGIT]),
    "two classes": (MBGDClassifier(loss="modified_huber", average=True, **HOW), DIGIT > 4),
    "several labels": (MBGDClassifier(loss="focal", optimizer="adam", **HOW), SEVERAL),
    "loss of numbers": (MBGDClassifier(loss="huber", class_weight="balanced", **HOW), DIGIT),
    "several labels, loss of numbers": (MBGDClassifier(loss="squared_error", **HOW), SEVERAL),
    "objects": (
        MBGDClassifier(
            loss=mb.losses.SmoothHinge(0.5),
            penalty=mb.penalties.L1(0.01),
            optimizer=mb.optimizers.AdamW(mb.schedules.Warmup(mb.schedules.Cosine(0.1, 100), 3)),
            shuffle=mb.sampling.Block(20, 3),
            batch_size=mb.batch_sizes.Growing(8),
            class_weight={0: 2.0, 3: 0.5},
            **HOW,
        ),
        DIGIT,
    ),
    "early stopping": (MBGDClassifier(early_stopping=True, max_iter=9, random_state=0), DIGIT),
    "regression": (MBGDRegressor(standardize=True, random_state=0), Y),
    "several outputs": (MBGDRegressor(loss="absolute_error", **HOW), np.stack([Y, -Y], axis=1)),
    "means": (MBGDRegressor(loss="tweedie", power=1.2, **HOW), Y),
}


def saved_and_loaded(estimator, folder, **options):
    estimator.save(folder / "model", **options)
    return mb.load(folder / "model")


def assert_same(ours, theirs):
    """Parameters and all fitted attributes."""
    assert type(ours) is type(theirs)
    assert repr(ours.get_params()) == repr(theirs.get_params())
    assert vars(ours).keys() == vars(theirs).keys()
    for name in vars(theirs).keys() - {"result_", "history_", *theirs.get_params()}:
        one, other = getattr(ours, name), getattr(theirs, name)
        assert type(one) is type(other), name
        if sparse.issparse(one):
            one, other = one.toarray(), other.toarray()
        np.testing.assert_array_equal(one, other, name)
        assert np.asarray(one).dtype == np.asarray(other).dtype, name


@pytest.mark.parametrize("state", [False, True])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", FITTED)
def test_what_is_loaded_is_what_was_saved(name, dtype, state, tmp_path):
    estimator, y = FITTED[name]
    rows = X.astype(dtype)
    fitted = clone(estimator).fit(rows, y)
    loaded = saved_and_loaded(fitted, tmp_path, state=state)
    assert_same(loaded, fitted)
    for method in ("predict", "decision_function", "predict_proba"):
        if hasattr(fitted, method):
            np.testing.assert_array_equal(getattr(loaded, method)(rows), getattr(fitted, method)(rows))
    assert loaded.score(rows, y) == fitted.score(rows, y)
    # It can be fitted again, as it was at first.
    again = loaded.fit(rows, y)
    np.testing.assert_array_equal(again.coef_, fitted.coef_)


@pytest.mark.parametrize("optimizer", ["auto", "adam", "ftrl", mb.optimizers.SGD(0.01, momentum=0.9)])
def test_saving_between_calls_of_partial_fit_changes_nothing(optimizer, tmp_path):
    chunks = [slice(start, start + 50) for start in range(0, 300, 50)]
    straight = MBGDClassifier(optimizer=optimizer, random_state=1, batch_size=10)
    saved = clone(straight)
    for chunk in chunks:
        straight.partial_fit(X[chunk], DIGIT[chunk], classes=range(10))
        saved.partial_fit(X[chunk], DIGIT[chunk], classes=range(10))
        saved = saved_and_loaded(saved, tmp_path, state=True)
        assert_same(saved, straight)


def test_parameters_that_were_changed_and_sparse_ones(tmp_path):
    fitted = MBGDClassifier(penalty="l1", alpha=0.01, **HOW).fit(X, DIGIT)
    fitted.coef_ = fitted.coef_ * 2
    fitted.intercept_ = fitted.intercept_ - 1
    before = fitted.decision_function(X)
    loaded = saved_and_loaded(fitted, tmp_path)
    assert_same(loaded, fitted)
    np.testing.assert_array_equal(loaded.decision_function(X), before)
    loaded = saved_and_loaded(fitted.sparsify(), tmp_path)
    assert sparse.issparse(loaded.coef_)
    assert_same(loaded, fitted)
    np.testing.assert_array_equal(loaded.densify().coef_, fitted.densify().coef_)


def test_names_of_columns_are_checked_by_the_loaded_one(tmp_path):
    frame = load_breast_cancer(as_frame=True)
    fitted = MBGDClassifier(**HOW).fit(frame.data, frame.target)
    loaded = saved_and_loaded(fitted, tmp_path)
    assert loaded.feature_names_in_.tolist() == frame.data.columns.tolist()
    with pytest.raises(ValueError, match="feature names should match"):
        loaded.predict(frame.data.rename(columns={"mean radius": "other"}))


def test_what_cannot_be_saved(tmp_path):
    with pytest.raises(NotFittedError):
        MBGDClassifier().save(tmp_path / "model")
    fitted = MBGDClassifier(callbacks=print, max_iter=1, tol=None).fit(X, DIGIT)
    with pytest.raises(TypeError, match=r"estimator.params.callbacks must be of numbers, text"):
        fitted.save(tmp_path / "model")

    class Derived(MBGDClassifier):
        pass

    with pytest.raises(TypeError, match="must be one of mbgd_rs to be saved, got Derived"):
        Derived(**HOW).fit(X, DIGIT).save(tmp_path / "model")
    assert list(tmp_path.iterdir()) == []


WRONG = {
    "class": ("os.system", None, "FitResult", "check_is_fitted"),
    "params": ({"colour": 1}, None, [], {"self": 1}),
    "attributes": (
        {"fit": 1},
        {"__class__": "x"},
        {"_private": 1},
        {"result_": 1},
        {"coef_": np.full((10, 64), np.nan)},
        {"coef_": np.zeros((10, 63))},
        {"coef_": None},
        {"intercept_": np.full(10, np.inf)},
        {"n_features_in_": 63},
        {"classes_": np.arange(9)},
        {"classes_": 3},
        {},
        None,
    ),
}


@pytest.mark.parametrize("field", WRONG)
def test_made_up_estimators_are_refused(field, tmp_path):
    fitted = MBGDClassifier(**HOW).fit(X, DIGIT)
    fitted.save(tmp_path / "model")
    section = read_model(tmp_path / "model").estimator
    for value in WRONG[field]:
        if value and field == "attributes":
            value = section[field] | value
        write_model(tmp_path / "made_up", fitted.result_, state=False, estimator=section | {field: value})
        with pytest.raises(ValueError, match="made_up must be a model file, as save writes it"):
            mb.load(tmp_path / "made_up")
    for made in ({}, {"class": "MBGDClassifier"}, section | {"more": 1}):
        write_model(tmp_path / "made_up", fitted.result_, state=False, estimator=made)
        with pytest.raises(ValueError, match="made_up must be a model file"):
            mb.load(tmp_path / "made_up")


def test_a_result_is_loaded_without_scikit_learn(tmp_path):
    mb.fit(X, Y, optimizer="adam", epochs=1).save(tmp_path / "model")
    code = "import sys, mbgd_rs as mb; mb.load(sys.argv[1]); print('sklearn' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "model")], capture_output=True, text=True, timeout=100
    )
    assert done.stdout.strip() == "False", done.stderr
