"""Rows that come in chunks: the same bits as at once, whatever happens to the estimator in between."""

import copy
import io
import pickle
import tempfile
from pathlib import Path

import joblib
import mbgd_rs as mb
import numpy as np
import pytest
import scipy.sparse
from mbgd_rs.sklearn import MBGDClassifier, MBGDRegressor
from sklearn.base import clone

RNG = np.random.default_rng(1)
N, B = 240, 16
X = RNG.normal(size=(N, 6))
OF_THREE = np.argmax(X[:, :3] + RNG.normal(size=(N, 3)), axis=1)
Y = X @ RNG.normal(size=6) + RNG.normal(size=N)
COUNTS = RNG.poisson(np.exp(0.3 * X[:, 0]))
CHUNKS = np.split(np.arange(N), [B, 3 * B, 3 * B + 64, 11 * B])
"""Of one, two, four and more batches."""
OPTIMIZERS = [
    mb.optimizers.SGD(0.05),
    mb.optimizers.SGD(mb.schedules.InverseScaling(0.1), momentum=0.9, nesterov=True),
    mb.optimizers.Adam(mb.schedules.Cosine(0.01, 12)),
    mb.optimizers.Adagrad(0.1),
    mb.optimizers.FTRL(0.1, l1=0.01),
    mb.optimizers.RMSprop(0.01),
    mb.optimizers.ScheduleFreeSGD(0.1),
]


def pickled(model):
    return pickle.loads(pickle.dumps(model))


def dumped(model):
    file = io.BytesIO()
    joblib.dump(model, file)
    file.seek(0)
    return joblib.load(file)


def saved(model):
    with tempfile.TemporaryDirectory() as folder:
        model.save(Path(folder) / "model", state=True)
        return mb.load(Path(folder) / "model")


CASES = [
    (MBGDClassifier(penalty="l2", alpha=1e-2), OF_THREE),
    (MBGDClassifier(loss="hinge", penalty="elasticnet", alpha=1e-2), OF_THREE > 0),
    (MBGDClassifier(loss="huber", penalty=None, clip_norm=0.5), OF_THREE),
    (MBGDRegressor(average=True), Y),
    (MBGDRegressor(loss="poisson", alpha=0.1), COUNTS),
]


@pytest.mark.parametrize(
    "in_between", [copy.deepcopy, pickled, dumped, saved], ids=["copy", "pickle", "joblib", "file"]
)
@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=lambda o: type(o).__name__)
def test_chunks_are_one_epoch_bit_for_bit(optimizer, in_between):
    for model, y in CASES:
        if model.average and "Free" in type(optimizer).__name__:
            continue  # which is an average itself
        for rows in (X, X.astype(np.float32), scipy.sparse.csr_array(X * (X > 0.5))):
            how = {"optimizer": optimizer, "batch_size": B, "shuffle": False}
            at_once = clone(model).set_params(**how, max_iter=1, tol=None).fit(rows, y)
            parts = clone(model).set_params(**how)
            classes = {"classes": np.unique(y)} if isinstance(model, MBGDClassifier) else {}
            for chunk in CHUNKS:
                parts.partial_fit(rows[chunk], y[chunk], **classes)
                parts, classes = in_between(parts), {}
            np.testing.assert_array_equal(parts.coef_, at_once.coef_)
            np.testing.assert_array_equal(parts.intercept_, at_once.intercept_)
            assert parts.coef_.dtype == rows.dtype
            assert parts.t_ == at_once.t_ == N // B + 1
            assert len(parts.loss_curve_) == len(CHUNKS)
            assert parts.n_iter_ == 1


def test_shuffled_epochs_of_all_rows_are_those_of_a_fit():
    how = {"learning_rate": "constant", "eta0": 0.1, "batch_size": 7, "random_state": 3, "alpha": 1e-3}
    at_once = MBGDClassifier(**how, max_iter=4, tol=None).fit(X, OF_THREE)
    parts = MBGDClassifier(**how)
    for _ in range(4):
        parts.partial_fit(X, OF_THREE, classes=[2, 1, 0])
    np.testing.assert_array_equal(parts.coef_, at_once.coef_)
    assert parts.loss_curve_ == at_once.loss_curve_


def test_after_a_fit_and_after_changed_parameters_it_begins_from_what_is_shown():
    fitted = MBGDClassifier(random_state=0, alpha=1e-2).fit(X, OF_THREE)
    before = fitted.score(X, OF_THREE)
    fitted.partial_fit(X[:20], OF_THREE[:20])
    assert fitted.score(X, OF_THREE) > before - 0.1
    model = MBGDRegressor(optimizer=mb.optimizers.SGD(1e-9)).partial_fit(X, Y)
    model.coef_ = np.arange(6.0)
    model.partial_fit(X, Y)
    np.testing.assert_allclose(model.coef_, np.arange(6.0), atol=1e-6)


def test_a_loss_may_be_changed_on_the_way():
    model = MBGDClassifier(learning_rate="constant").partial_fit(X, OF_THREE, classes=[0, 1, 2])
    model.set_params(loss="hinge").partial_fit(X, OF_THREE)
    assert model.result_.loss == "hinge"


def test_chunks_take_on_the_type_of_the_first():
    model = MBGDRegressor().partial_fit(X[:50].astype(np.float32), Y[:50])
    model.partial_fit(X[50:], Y[50:])
    assert model.coef_.dtype == np.float32


def test_the_default_learns_from_chunks_that_are_seen_once():
    X, y = 0.1 * RNG.normal(size=(4000, 8)), None
    y = (X @ RNG.normal(size=8) > 0).astype(int)
    model = MBGDClassifier(random_state=0, standardize=True)
    for chunk in np.split(np.arange(4000), 20):
        model.partial_fit(X[chunk], y[chunk], classes=[0, 1])
    assert model.score(X, y) > 0.9


def test_what_partial_fit_refuses_leaves_the_estimator_as_it_was():
    model = MBGDClassifier()
    with pytest.raises(ValueError, match="classes must be passed on the first call to partial_fit"):
        model.partial_fit(X, OF_THREE)
    with pytest.raises(ValueError, match="early_stopping should be False with partial_fit"):
        MBGDClassifier(early_stopping=True).partial_fit(X, OF_THREE, classes=[0, 1, 2])
    with pytest.raises(ValueError, match="class_weight 'balanced' is not supported for partial_fit"):
        MBGDClassifier(class_weight="balanced").partial_fit(X, OF_THREE, classes=[0, 1, 2])
    with pytest.raises(ValueError, match="y must have labels among 0, 1, 2, got"):
        model.partial_fit(X, OF_THREE + 7, classes=[0, 1, 2])
    assert not hasattr(model, "n_features_in_")
    model.partial_fit(X, OF_THREE, classes=[0, 1, 2])
    before = copy.deepcopy(vars(model))
    for bad in (
        lambda: model.partial_fit(X, OF_THREE, classes=[0, 1]),
        lambda: model.partial_fit(X[:, :4], OF_THREE),
        lambda: model.partial_fit(np.full_like(X, np.nan), OF_THREE),
        lambda: model.partial_fit(X, OF_THREE, sample_weight=-np.ones(N)),
    ):
        with pytest.raises(ValueError):
            bad()
        assert vars(model).keys() == before.keys()
        np.testing.assert_array_equal(model.coef_, before["coef_"])
        assert model.n_features_in_ == 6


def test_whole_weights_are_repeated_rows_in_expectation():
    """Of real mini-batches: over many orders the mean of the parameters is the same, within its own error."""
    s = RNG.integers(0, 4, size=60)
    rows = np.repeat(np.arange(60), s)
    x, y = X[:60], OF_THREE[:60] > 0

    def parameters(x, y, weights, batch_size, seed):
        # As many epochs of the weighted rows as make the same number of steps.
        model = MBGDClassifier(
            learning_rate="constant", eta0=0.05, batch_size=batch_size, alpha=0.01, tol=None, max_iter=20,
            random_state=seed,
        )  # fmt: skip
        model.fit(x, y, sample_weight=weights)
        return np.append(model.coef_, model.intercept_)

    n_batches = 10
    weighted = np.array([parameters(x, y, s, 60 // n_batches, seed) for seed in range(200)])
    repeated = np.array([
        parameters(x[rows], y[rows], None, -(-len(rows) // n_batches), seed) for seed in range(200)
    ])  # fmt: skip
    error = np.sqrt(weighted.var(axis=0) / 200 + repeated.var(axis=0) / 200)
    distance = np.abs(weighted.mean(axis=0) - repeated.mean(axis=0))
    assert (distance < 4 * error + 1e-2 * np.abs(repeated.mean(axis=0))).all()
    unweighted = np.array([parameters(x, y, None, 6, seed) for seed in range(20)]).mean(axis=0)
    assert np.abs(unweighted - repeated.mean(axis=0)).max() > 10 * distance.max()
