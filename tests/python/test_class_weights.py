"""Weights of classes."""

import mbgd_rs as mb
import numpy as np
import pytest
from mbgd_rs import reference
from sklearn.utils.class_weight import compute_class_weight

RNG = np.random.default_rng(0)
X = RNG.normal(size=(90, 4))
LABELS = {
    "two": np.where(X[:, 0] > 0.7, "yes", "no"),
    "three": np.digitize(X[:, 0], [-0.5, 1.0]) * 10,
    "bools": X[:, 1] > 1,
}
WEIGHTS = {
    "two": {"yes": 3.0}, "three": {0: 0.5, 10: 2, 20: 0}, "bools": {True: np.float32(4), False: 1},
}  # fmt: skip
OPTIONS = {"loss": "log_loss", "optimizer": "sgd", "epochs": 3, "batch_size": 16}


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("balanced", [False, True])
@pytest.mark.parametrize("kind", LABELS)
def test_class_weights_are_weights_of_rows(kind, balanced, weighted):
    y = LABELS[kind]
    class_weight = "balanced" if balanced else WEIGHTS[kind]
    s = RNG.uniform(0.5, 2, len(y)) if weighted else None
    classes = np.unique(y)
    if balanced:
        by_class = compute_class_weight("balanced", classes=classes, y=y, sample_weight=s)
    else:
        by_class = np.array([class_weight.get(label, 1.0) for label in classes.tolist()], float)
    rows = by_class[np.searchsorted(classes, y)] * (1 if s is None else s)
    result = mb.fit(X, y, sample_weight=s, class_weight=class_weight, **OPTIONS)
    expected = mb.fit(X, y, sample_weight=rows, **OPTIONS)
    np.testing.assert_allclose(result.coef, expected.coef, rtol=1e-12)
    spec = reference.fit(X, y, sample_weight=s, class_weight=class_weight, **OPTIONS)
    np.testing.assert_allclose(result.coef, spec.coef, rtol=1e-10, atol=1e-12)


def test_balanced_weights_are_those_of_repeated_rows():
    y, times = LABELS["three"], RNG.integers(1, 4, 90)
    options = {"loss": "hinge", "batch_size": "full", "class_weight": "balanced"}
    options |= {"epochs": 5, "optimizer": "sgd"}
    weighted = mb.fit(X, y, sample_weight=times, **options)
    repeated = mb.fit(np.repeat(X, times, axis=0), np.repeat(y, times), **options)
    np.testing.assert_allclose(weighted.coef, repeated.coef, rtol=1e-10)


def test_a_run_goes_on_where_a_class_is_missing():
    y = LABELS["three"]
    first = mb.fit(X, y, **OPTIONS)
    later = mb.fit(X[y > 0], y[y > 0], resume=first, class_weight="balanced", **OPTIONS)
    assert np.isfinite(later.coef).all()
    assert later.classes.tolist() == [0, 10, 20]


NAMES = "class_weight must have labels among 'no', 'yes', got "
NUMBERS = "class_weight must have labels among 0, 10, 20, got "
OF_NO = "class_weight of 'no' must be "
REFUSED = {
    "unknown label": ("two", {"maybe": 2.0}, ValueError, NAMES + "'maybe'"),
    "another type": ("two", {1: 2.0}, ValueError, NAMES + "1"),
    "unknown number": ("three", {5: 2.0}, ValueError, NUMBERS + "5"),
    "string for numbers": ("three", {"x": 2.0}, ValueError, NUMBERS + "'x'"),
    "negative": ("two", {"no": -1}, ValueError, OF_NO + r"finite and >= 0, got -1\.0"),
    "NaN": ("two", {"no": np.nan}, ValueError, OF_NO + "finite and >= 0, got nan"),
    "no number": ("two", {"no": "much"}, TypeError, OF_NO + "a number, got 'much'"),
    "name": ("two", "equal", ValueError, "class_weight must be a dict, 'balanced' or None, got 'equal'"),
    "list": ("two", [1, 2], TypeError, r"class_weight must be a dict, 'balanced' or None, got \[1, 2\]"),
    "all zero": ("two", {"no": 0, "yes": 0}, ValueError, "sample_weight must be positive for at least one"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused(name):
    kind, class_weight, error, message = REFUSED[name]
    with pytest.raises(error, match=message):
        mb.fit(X, LABELS[kind], class_weight=class_weight, **OPTIONS)


def test_class_weights_need_one_label_a_row():
    with pytest.raises(ValueError, match="class_weight needs a loss of classes"):
        mb.fit(X, X[:, 0], class_weight="balanced")
    with pytest.raises(ValueError, match="class_weight must be None where y has several labels a row"):
        mb.fit(X, X[:, :2] > 0, class_weight={1: 2.0}, loss="log_loss")


def test_a_wrong_weight_of_a_row_is_said_as_it_was_given():
    s = np.ones(90)
    s[5] = -1
    with pytest.raises(ValueError, match="sample_weight must be finite and >= 0, got -1 at row 5"):
        mb.fit(X, LABELS["two"], sample_weight=s, class_weight={"yes": 2.0}, **OPTIONS)
