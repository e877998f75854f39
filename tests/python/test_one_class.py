"""The one-class support vector machine: steps and optimum of scikit-learn's, and what has no targets."""

import pickle

import mbgd_rs as mb
import numpy as np
import pytest
from mbgd_rs import optimizers, reference
from mbgd_rs.losses import OneClass
from mbgd_rs.penalties import L2
from mbgd_rs.stopping import MaxSteps
from scipy.sparse import csr_array
from sklearn.linear_model import SGDOneClassSVM
from sklearn.svm import OneClassSVM

N, D = 200, 3
RNG = np.random.default_rng(2)
X = RNG.normal([2.0, 1.0, 0.5], [0.5, 1.0, 0.3], size=(N, D))
S = RNG.uniform(0.2, 2, N)


@pytest.mark.parametrize("is_sparse", [False, True])
@pytest.mark.parametrize("nu", [0.1, 0.5, 1.0])
def test_single_rows_in_order_are_the_steps_of_scikit_learn(nu, is_sparse):
    theirs = SGDOneClassSVM(
        nu=nu, shuffle=False, max_iter=5, tol=None, learning_rate="constant", eta0=0.01, average=False
    ).fit(X)
    ours = mb.fit(
        csr_array(X) if is_sparse else X,
        None,
        loss=OneClass(nu),
        penalty=L2(nu),
        optimizer=optimizers.SGD(0.01),
        batch_size=1,
        shuffle=False,
        epochs=5,
        init=(np.zeros(D), 1.0),  # an offset of 0
    )
    np.testing.assert_allclose(ours.coef, theirs.coef_, rtol=1e-10)
    assert 1 - ours.intercept == pytest.approx(theirs.offset_[0], rel=1e-10)
    np.testing.assert_allclose(ours.decision_function(X) - 1, theirs.decision_function(X), rtol=1e-9)
    np.testing.assert_array_equal(ours.predict(X), theirs.predict(X))


@pytest.mark.parametrize("nu", [0.1, 0.3])
@pytest.mark.parametrize("weighted", [False, True])
def test_the_optimum_is_that_of_the_one_class_svm(nu, weighted):
    # libsvm has a total of nu n for any weights: of mean 1 they are ours.
    s = S / S.mean() if weighted else None
    theirs = OneClassSVM(kernel="linear", nu=nu, tol=1e-10).fit(X, sample_weight=s)
    how = {"loss": OneClass(nu), "penalty": L2(nu), "sample_weight": s}
    sgd = optimizers.SGD(mb.schedules.InverseScaling(1.0, 0.6), preconditioner="newton")
    average = mb.averages.Polyak(start=10_000)
    ours = mb.fit(X, None, optimizer=sgd, batch_size=20, epochs=2000, average=average, **how)
    # Up to scaling: libsvm's is n nu, or the sum of the weights, times ours.
    w, rho = theirs.coef_.ravel(), -theirs.intercept_[0]
    least = [mb.gradient(X, None, (w * c, 1 - rho * c), **how)[0] for c in np.geomspace(1e-4, 10, 2001)]
    value, _ = mb.gradient(X, None, ours, **how)
    assert value == pytest.approx(min(least), abs=2e-6)
    ours_direction = np.append(ours.coef, 1 - ours.intercept)
    theirs_direction = np.append(w, rho)
    cosine = ours_direction @ theirs_direction
    cosine /= np.linalg.norm(ours_direction) * np.linalg.norm(theirs_direction)
    assert cosine > 1 - 1e-5
    if not weighted:
        assert (ours.predict(X) == theirs.predict(X)).mean() > 0.97  # those on the border aside
        assert (ours.predict(X) < 0).mean() == pytest.approx(nu, abs=0.03)


@pytest.mark.parametrize(
    "optimizer", ["auto", optimizers.SGD(), optimizers.SGD(preconditioner="newton"), "saga"]
)
def test_rates_that_choose_themselves_come_near(optimizer):
    nu = 0.2
    how = {"loss": OneClass(nu), "penalty": L2(nu)}
    sgd = optimizers.SGD(mb.schedules.InverseScaling(1.0, 0.6), preconditioner="newton")
    average = mb.averages.Polyak(start=10_000)
    near = mb.fit(X, None, optimizer=sgd, batch_size=20, epochs=2000, average=average, **how)
    found = mb.fit(X, None, optimizer=optimizer, epochs=200, **how)
    best, value = (mb.gradient(X, None, model, **how)[0] for model in (near, found))
    assert value <= best + 0.02 * abs(best)


OPTIONS = {
    "accumulate, weights": {"optimizer": "adam", "accumulate": 2, "sample_weight": S},
    "momentum": {"optimizer": optimizers.SGD(0.02, momentum=0.9), "batch_size": 1},
    "automatic": {"optimizer": optimizers.SGD()},
    "all rows": {"optimizer": optimizers.SGD(), "batch_size": "full"},
    "saga": {"optimizer": "saga", "epochs": 4},
    "svrg": {"optimizer": "svrg", "epochs": 4},
    "preconditioned": {"optimizer": optimizers.SGD(preconditioner="diagonal"), "epochs": 4},
    "validation": {"optimizer": "sgd", "validation": 0.2},
    "no penalty, offsets": {"optimizer": "sgd", "penalty": None, "offset": S - 1},
}


@pytest.mark.parametrize("options", OPTIONS)
def test_every_run_is_that_of_the_reference(options):
    how = {"loss": OneClass(0.3), "penalty": L2(0.3), "epochs": 2, "batch_size": 20} | OPTIONS[options]
    ours, theirs = mb.fit(X, None, **how), reference.fit(X, np.ones(N), **how)
    np.testing.assert_allclose(ours.coef, theirs.coef, rtol=0, atol=1e-9)
    np.testing.assert_allclose(ours.intercept, theirs.intercept, rtol=0, atol=1e-9)
    np.testing.assert_allclose(ours.history.epoch_loss, theirs.history["epoch_loss"], rtol=1e-9)
    if "validation" in how:
        found, expected = ours.history.validation_loss, theirs.history["validation_loss"]
        np.testing.assert_allclose(found, expected, rtol=1e-9)


def test_the_instruments_see_the_slope_of_the_intercept():
    how = {"loss": OneClass(0.4), "penalty": L2(0.4), "batch_sizes": [4], "n_draws": 50}
    at = np.full(D, 0.2), 0.1
    ours = mb.diagnostics.gradient_noise(X, None, at, **how)
    theirs = reference.gradient_noise(X, None, at, **how)
    for name in ("trace", "squared_norm", "noise_scale"):
        assert getattr(ours, name) == pytest.approx(getattr(theirs, name), rel=1e-9)


def test_targets_are_not_looked_at():
    how = {"loss": OneClass(0.2), "penalty": L2(0.2), "epochs": 3, "optimizer": "sgd"}
    none = mb.fit(X, None, **how)
    for y in (np.zeros(N), ["spam"] * N, np.full((N, 2), np.nan)):
        assert mb.fit(X, y, **how).coef.tobytes() == none.coef.tobytes()
    assert mb.fit(X, None, **how, validation=(X[:20], None)).history.validation_loss.shape == (3,)
    truth = np.where(np.arange(N) < 150, 1, -1)
    metric = {"right": lambda y, said: np.mean(y == said)}
    r = mb.fit(X, truth, **how, metrics=metric)
    assert r.history.metrics["right"][-1] == np.mean(r.predict(X) == truth)
    unnamed = mb.fit(X, None, **how, metrics=metric, validation=0.3)
    assert 0 <= unnamed.history.metrics["right"][-1] <= 1


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_run_in_pieces_is_the_run_in_one(dtype):
    how = {"loss": OneClass(0.2), "penalty": L2(0.2), "batch_size": 16}
    rows = X.astype(dtype)
    whole = mb.fit(rows, None, **how, epochs=4)
    part = pickle.loads(pickle.dumps(mb.fit(rows, None, **how, epochs=4, stop=MaxSteps(20), n_threads=2)))
    again = mb.fit(rows, None, **how, epochs=4 - part.n_epochs, resume=part)
    assert again.coef.tobytes() == whole.coef.tobytes()
    assert again.intercept.tobytes() == whole.intercept.tobytes()
    with pytest.raises(ValueError, match=r"resume must be a run of loss OneClass\(nu=0\.3\), got .*nu=0\.2"):
        mb.fit(rows, None, resume=whole, **{**how, "loss": OneClass(0.3)})


def test_standardised_columns_are_those_of_a_scaler():
    mean, spread = X.mean(axis=0), X.std(axis=0)
    how = {"loss": OneClass(0.2), "penalty": L2(0.2), "epochs": 5, "optimizer": optimizers.SGD(0.01)}
    scaled = (X - mean) / spread
    ours, theirs = mb.fit(X, None, standardize=True, **how), mb.fit(scaled, None, **how)
    np.testing.assert_allclose(ours.coef * spread, theirs.coef, atol=1e-12)
    np.testing.assert_allclose(ours.decision_function(X), theirs.decision_function(scaled), rtol=1e-9)
    np.testing.assert_allclose(ours.history.epoch_loss, theirs.history.epoch_loss, rtol=1e-9)


def test_what_makes_no_sense_is_refused():
    with pytest.raises(ValueError, match='fit_intercept must be True for loss "one_class", got False'):
        mb.fit(X, None, loss="one_class", fit_intercept=False)
    with pytest.raises(ValueError, match=r"y must be given for loss 'squared_error', got None"):
        mb.fit(X, None, loss="squared_error")
    with pytest.raises(ValueError, match="class_weight needs a loss of classes"):
        mb.fit(X, None, loss="one_class", class_weight="balanced")
    with pytest.raises(ValueError, match=r"nu must be in \(0, 1\], got 0"):
        OneClass(nu=0)
