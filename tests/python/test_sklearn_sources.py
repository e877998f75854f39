"""Estimators that are fitted on sources."""

import mbgd_rs as mb
import numpy as np
import pytest
from mbgd_rs.sampling import Block
from mbgd_rs.sklearn import MBGDClassifier, MBGDRegressor
from mbgd_rs.sources import Arrays
from sklearn.base import clone

rng = np.random.default_rng(0)
X = rng.standard_normal((1500, 6))
LABELS = np.array(["a", "b", "c"])[
    (X @ rng.standard_normal((6, 3)) + 0.5 * rng.standard_normal((1500, 3))).argmax(1)
]
NUMBERS = X @ rng.standard_normal(6) + rng.standard_normal(1500)


def test_a_classifier_on_a_source():
    source = Arrays(X, LABELS, rows=200)
    model = MBGDClassifier(random_state=0).fit(source)
    assert model.classes_.tolist() == ["a", "b", "c"]
    assert model.n_features_in_ == 6
    assert model.score(X, LABELS) > 0.8
    arguments = model.result_.arguments
    same = mb.fit(
        source,
        loss="log_loss",
        penalty=mb.penalties.L2(1e-4),
        epochs=model.n_iter_,
        seed=arguments["seed"],
        optimizer=mb.optimizers.Adagrad(0.1),
    )
    assert arguments["optimizer"] == mb.optimizers.Adagrad(0.1)
    np.testing.assert_array_equal(model.coef_, same.coef)


def test_a_regressor_on_a_source():
    model = MBGDRegressor(random_state=0).fit(Arrays(X, NUMBERS, rows=200))
    assert model.score(X, NUMBERS) > 0.7
    assert model.coef_.shape == (6,)
    source = Arrays(X, NUMBERS, rows=200)
    judged = MBGDRegressor(random_state=0, max_iter=5, tol=None).fit(source, X_val=X, y_val=NUMBERS)
    assert len(judged.validation_scores_) == judged.n_iter_


def test_partial_fit_over_the_chunks_is_fit_of_the_source():
    """Where chunks have whole batches, and rows come as they are."""
    given = {"random_state": 0, "shuffle": False, "batch_size": 50, "tol": None}
    source = Arrays(X, LABELS, rows=250)
    whole = MBGDClassifier(max_iter=2, **given).fit(source)
    by_chunk = MBGDClassifier(**given)
    for _ in range(2):
        for chunk in range(source.n_chunks):
            rows, labels, _ = source.read(chunk)
            by_chunk.partial_fit(rows, labels, classes=["a", "b", "c"])
    np.testing.assert_array_equal(by_chunk.coef_, whole.coef_)
    np.testing.assert_array_equal(by_chunk.intercept_, whole.intercept_)


def test_class_weights_and_windows():
    source = Arrays(X, LABELS, rows=200)
    model = MBGDClassifier(
        random_state=1,
        class_weight="balanced",
        shuffle=Block(window=3),
        max_iter=3,
        tol=None,
        optimizer="adam",
    )
    in_memory = clone(model).set_params(shuffle=Block(200, 3)).fit(X, LABELS)
    model.set_params(batch_size=in_memory.result_.batch_size).fit(source)
    np.testing.assert_array_equal(model.coef_, in_memory.coef_)


@pytest.mark.parametrize(
    ("params", "given", "message"),
    [
        ({}, {"y": LABELS}, "y must be None where X is a source, which has its own, got ndarray"),
        ({}, {"sample_weight": np.ones(1500)}, "sample_weight must be None where X is a source"),
        ({"early_stopping": True}, {}, "early_stopping must be False where X is a source"),
        ({"optimizer": "saga"}, {}, "optimizer must be one with a learning rate of its own"),
    ],
    ids=str,
)
def test_what_a_source_cannot_have(params, given, message):
    model = MBGDClassifier(**params)
    with pytest.raises(ValueError, match=message):
        model.fit(Arrays(X, LABELS, rows=200), **given)
    assert not hasattr(model, "n_features_in_")


def test_predictions_and_scores_for_a_source():
    weights = rng.random(1500)
    source = Arrays(X, LABELS, weights, rows=200)
    model = MBGDClassifier(random_state=0, optimizer="adam", max_iter=2, tol=None).fit(source)
    for name in ("predict", "decision_function", "predict_proba", "predict_log_proba"):
        np.testing.assert_array_equal(getattr(model, name)(source), getattr(model, name)(X))
    assert model.score(source) == model.score(X, LABELS, weights)
    numbers = Arrays(X, NUMBERS, weights, rows=200)
    of_numbers = MBGDRegressor(random_state=0, optimizer="adam", max_iter=2, tol=None).fit(numbers)
    np.testing.assert_array_equal(of_numbers.predict(numbers), of_numbers.predict(X))
    assert of_numbers.score(numbers) == of_numbers.score(X, NUMBERS, weights)
    with pytest.raises(ValueError, match="y must be None where X is a source, which has its own"):
        model.score(source, LABELS)
    with pytest.raises(ValueError, match="y must be given where X is not a source, got None"):
        model.score(X)
    with pytest.raises(ValueError, match="X must be a source of 6 columns, as in fit, got 5"):
        model.predict(Arrays(X[:, :5], None))


@pytest.mark.parametrize("kind", [MBGDClassifier, MBGDRegressor])
def test_a_source_has_to_have_targets(kind):
    with pytest.raises(ValueError, match=r"y must be given .*got None at row 0"):
        kind().fit(Arrays(X, None, rows=200))


@pytest.mark.parametrize("kind", [MBGDClassifier, MBGDRegressor])
def test_raw_columns_are_warned_of(kind):
    raw = Arrays(X * [1, 1, 1, 1, 1, 1000], LABELS if kind is MBGDClassifier else NUMBERS, rows=200)
    given = {"max_iter": 1, "tol": None}
    with pytest.warns(UserWarning, match="spreads differ .*Give standardize=True"):
        kind(**given).fit(raw)
    kind(**given, standardize=True).fit(raw)
    kind(**given, optimizer="adam").fit(raw)
    kind(**given, learning_rate="constant", eta0=1e-9).fit(raw)
