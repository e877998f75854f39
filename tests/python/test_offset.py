"""Offsets: known parts of scores, in fits, gradients, predictions, validation and instruments."""

import pickle

import mbgd_rs as mb
import numpy as np
import pytest
from mbgd_rs import diagnostics, losses, optimizers, reference
from mbgd_rs.choices import members_of
from mbgd_rs.stopping import Converged, MaxSteps, NoImprovement
from scipy.optimize import minimize
from scipy.sparse import csr_array
from sklearn.linear_model import PoissonRegressor

N, D = 240, 5
RNG = np.random.default_rng(8)
X = RNG.normal(size=(N, D)) * (RNG.random((N, D)) < 0.6)
Z = X @ RNG.normal(size=(D, 3)) * 0.4 + 0.2
EXPOSURE = RNG.uniform(0.2, 5, N)
S = RNG.uniform(0.2, 2, N)
OFFSETS = RNG.normal(size=(N, 3))
COUNTS = RNG.poisson(EXPOSURE * np.exp(Z[:, 0])).astype(float)
LABELS = (Z + OFFSETS + RNG.gumbel(size=Z.shape)).argmax(axis=1)
LOG_EXPOSURE = np.log(EXPOSURE)

# The loss, targets and offsets, by what is tested.
PROBLEMS = {
    **{
        name: (kind(), (LABELS > 0) if kind.is_classification else np.abs(Z[:, 0]) + 0.1, OFFSETS[:, 0])
        for name, kind in members_of(losses.Loss).items()
    },
    "two outputs": (losses.Huber(0.5), Z[:, :2] + OFFSETS[:, :2] + 0.1, OFFSETS[:, :2]),
    "one output in a column": (losses.LogCosh(), Z[:, :1], OFFSETS[:, :1]),
    "softmax": (losses.LogLoss(), LABELS, OFFSETS),
    "one against the rest": (losses.LogLoss(multi_class="ovr"), LABELS, OFFSETS),
    "all classes at once": (losses.CrammerSinger(), LABELS, OFFSETS),
    "labels": (losses.Focal(), Z > 0, OFFSETS),
}
TOLERANCE = {"float64": 1e-12, "float32": 2e-5}


def params_of(y, loss):
    coef = mb.fit(X, y, loss=loss, epochs=0).coef
    rng = np.random.default_rng(1)
    return rng.normal(size=coef.shape) * 0.3, rng.normal(size=coef.shape[:-1])


def beside(coef, k):
    """Coefficients with one more column for each output, which it alone has with coefficient 1."""
    return np.append(coef, 1.0) if coef.ndim == 1 else np.hstack([coef, np.eye(k)])


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("is_sparse", [False, True])
@pytest.mark.parametrize("name", PROBLEMS)
def test_an_offset_is_a_column_with_a_coefficient_of_one(name, is_sparse, dtype):
    loss, y, o = PROBLEMS[name]
    rows = X.astype(dtype)
    coef, intercept = params_of(y, loss)
    columns = o.reshape(N, -1)
    wide = np.hstack([X, columns]).astype(dtype)
    some = [3, 3, 200, *range(100)]
    how = {"loss": loss, "penalty": None, "sample_weight": S, "rows": some}
    given = csr_array(rows) if is_sparse else rows
    value, gradient = mb.gradient(given, y, (coef, intercept), offset=o, **how)
    expected_value, expected = mb.gradient(wide, y, (beside(coef, columns.shape[1]), intercept), **how)
    assert value == pytest.approx(expected_value, rel=10 * TOLERANCE[dtype])
    np.testing.assert_allclose(gradient[0], expected[0][..., :D], atol=TOLERANCE[dtype])
    np.testing.assert_allclose(gradient[1], expected[1], atol=TOLERANCE[dtype])
    theirs_value, theirs = reference.gradient(rows, y, (coef, intercept), offset=o, **how)
    assert value == pytest.approx(theirs_value, rel=10 * TOLERANCE[dtype])
    np.testing.assert_allclose(gradient[0], theirs[0], atol=TOLERANCE[dtype])


@pytest.mark.parametrize("name", ["poisson", "softmax", "two outputs"])
def test_the_gradient_is_the_slope_of_the_value(name):
    loss, y, o = PROBLEMS[name]
    coef, intercept = params_of(y, loss)
    how = {"loss": loss, "offset": o, "penalty": "l2"}
    _, (by_coef, by_intercept) = mb.gradient(X, y, (coef, intercept), **how)
    for index in np.ndindex(coef.shape):
        step = np.zeros_like(coef)
        step[index] = 1e-5
        high, low = (mb.gradient(X, y, (coef + sign * step, intercept), **how)[0] for sign in (1, -1))
        assert (high - low) / 2e-5 == pytest.approx(by_coef[index], abs=1e-8)
    high, low = (mb.gradient(X, y, (coef, intercept + e), **how)[0] for e in (1e-5, -1e-5))
    assert (high - low) / 2e-5 == pytest.approx(np.sum(by_intercept), abs=1e-8)


@pytest.mark.parametrize("alpha", [0.0, 0.01])
@pytest.mark.parametrize("optimizer", ["auto", "svrg", optimizers.SAGA(preconditioner=None)])
@pytest.mark.parametrize("is_sparse", [False, True])
def test_counts_over_exposures_have_the_optimum_of_scikit_learn(optimizer, is_sparse, alpha):
    # Of rates, weighted by exposures: their loss is the mean over the sum of the weights.
    theirs = PoissonRegressor(alpha=alpha, tol=1e-13, max_iter=500, solver="newton-cholesky")
    theirs.fit(X, COUNTS / EXPOSURE, sample_weight=EXPOSURE)
    penalty = mb.penalties.L2(alpha * EXPOSURE.mean()) if alpha else None
    ours = mb.fit(
        csr_array(X) if is_sparse else X,
        COUNTS,
        loss="poisson",
        offset=LOG_EXPOSURE,
        penalty=penalty,
        optimizer=optimizer,
        epochs=3000,
        stop=Converged(tol=1e-15),
        batch_size=16,
    )
    np.testing.assert_allclose(ours.coef, theirs.coef_, atol=1e-8)
    assert ours.intercept == pytest.approx(theirs.intercept_, abs=1e-8)
    np.testing.assert_allclose(ours.predict(X), theirs.predict(X), rtol=1e-7)
    np.testing.assert_allclose(ours.predict(X, LOG_EXPOSURE), theirs.predict(X) * EXPOSURE, rtol=1e-7)


def test_the_default_finds_the_optimum_of_classes_with_offsets():
    def objective(flat):
        W, b = flat[: 3 * D].reshape(3, D), flat[3 * D :]
        z = X @ W.T + b + OFFSETS
        p = np.exp(z - np.logaddexp.reduce(z, axis=1, keepdims=True))
        r = (p - np.eye(3)[LABELS]) * S[:, None] / S.sum()
        losses_ = np.logaddexp.reduce(z, axis=1) - z[np.arange(N), LABELS]
        gradient = np.append((r.T @ X + 0.02 * W).ravel(), r.sum(axis=0))
        return (S * losses_).sum() / S.sum() + 0.01 * (W**2).sum(), gradient

    best = minimize(objective, np.zeros(3 * D + 3), jac=True, method="BFGS", options={"gtol": 1e-12})
    how = {"loss": "log_loss", "penalty": mb.penalties.L2(0.02), "sample_weight": S}
    ours = mb.fit(X, LABELS, offset=OFFSETS, stop=Converged(tol=1e-15), epochs=500, **how)
    np.testing.assert_allclose(ours.coef.ravel(), best.x[: 3 * D], atol=1e-7)


@pytest.mark.parametrize("loss", ["gamma", losses.Tweedie(1.5), "poisson"])
def test_a_run_begins_at_the_best_intercept_beside_the_offsets(loss):
    y = EXPOSURE * np.exp(RNG.normal(size=N) / 2) * np.exp(3)
    how = {"loss": loss, "offset": LOG_EXPOSURE, "sample_weight": S}
    start = mb.fit(X, y, epochs=0, **how)
    assert start.intercept > 2
    _, (_, slope) = mb.gradient(X, y, start, **how)
    assert slope == pytest.approx(0, abs=1e-10)


OPTIONS = {
    "plain": {"optimizer": optimizers.SGD(0.05)},
    "single rows": {"optimizer": optimizers.SGD(0.02, momentum=0.5), "batch_size": 1},
    "momentum, l1": {"optimizer": optimizers.SGD(0.02, momentum=0.9), "penalty": mb.penalties.L1(0.01)},
    "adam, accumulate, weights": {"optimizer": "adam", "accumulate": 3, "sample_weight": S},
    "automatic rate": {"optimizer": optimizers.SGD()},
    "automatic rate, all rows": {"optimizer": optimizers.SGD(), "batch_size": "full"},
    "saga": {"optimizer": "saga", "epochs": 4},
    "svrg": {"optimizer": "svrg", "epochs": 4},
    "saga, plain": {"optimizer": optimizers.SAGA(preconditioner=None), "epochs": 4},
    "newton": {"optimizer": optimizers.SGD(preconditioner="newton"), "epochs": 4},
    "nystrom": {"optimizer": optimizers.SGD(preconditioner=mb.preconditioners.Nystrom(3)), "epochs": 4},
    "drawn by weights": {
        "optimizer": optimizers.SGD(0.05),
        "shuffle": mb.sampling.Weighted(S, correct_bias=True),
    },
    "replacement, average": {"optimizer": "adam", "replacement": True, "average": "polyak"},
    "validation": {"optimizer": "sgd", "validation": 0.25, "sample_weight": S},
    "noise": {"optimizer": "sgd", "record": ("epoch", "step", "noise")},
}


@pytest.mark.parametrize("name", ["squared_error", "poisson", "softmax", "two outputs", "hinge"])
@pytest.mark.parametrize("options", OPTIONS)
def test_every_run_is_that_of_the_reference(name, options):
    loss, y, o = PROBLEMS[name]
    how = {"epochs": 2, "batch_size": 20, "loss": loss, "offset": o, **OPTIONS[options]}
    ours, theirs = mb.fit(X, y, **how), reference.fit(X, y, **how)
    assert ours.n_steps == theirs.n_steps
    np.testing.assert_allclose(ours.coef, theirs.coef, rtol=0, atol=1e-9)
    np.testing.assert_allclose(ours.intercept, theirs.intercept, rtol=0, atol=1e-9)
    np.testing.assert_allclose(ours.history.epoch_loss, theirs.history["epoch_loss"], rtol=1e-9)
    if "validation" in how:
        np.testing.assert_allclose(ours.history.validation_loss, theirs.history["validation_loss"], rtol=1e-9)
    if options == "noise":
        trace = theirs.history["noise_trace"]
        np.testing.assert_allclose(ours.history.noise_records["trace"], trace, rtol=1e-9)


@pytest.mark.parametrize("batch_size", [1, 20, 100])
@pytest.mark.parametrize("options", ["plain", "momentum, l1", "adam, accumulate, weights", "saga, plain"])
def test_sparse_rows_are_trained_on_as_a_dense_copy(options, batch_size):
    if options.startswith("adam") and batch_size < 100:
        pytest.skip("another method on sparse rows")
    loss, y, o = PROBLEMS["softmax"]
    how = {"epochs": 3, "loss": loss, "offset": o, **OPTIONS[options], "batch_size": batch_size}
    np.testing.assert_allclose(
        mb.fit(csr_array(X), y, **how).coef, mb.fit(X, y, **how).coef, rtol=0, atol=1e-9
    )


@pytest.mark.parametrize("standardize", [False, True])
@pytest.mark.parametrize("name", ["squared_error", "huber", "quantile", "log_cosh"])
def test_offsets_of_numbers_are_taken_off_the_targets(name, standardize):
    # Of a loss of z - y, for one target of two: the second has an offset of its own.
    y, o = 50 + 30 * Z[:, :2], 20 * OFFSETS[:, :2] + 7
    how = {
        "loss": name,
        "epochs": 5,
        "optimizer": optimizers.SGD(0.01),
        "batch_size": 16,
        "standardize": standardize,
        "validation": 0.2,
    }
    ours, theirs = mb.fit(X, y, offset=o, **how), mb.fit(X, y - o, **how)
    np.testing.assert_allclose(ours.coef, theirs.coef, rtol=1e-9)
    np.testing.assert_allclose(ours.history.validation_loss, theirs.history.validation_loss, rtol=1e-9)
    np.testing.assert_allclose(ours.predict(X, o), theirs.predict(X) + o, rtol=1e-9)


@pytest.mark.parametrize("is_sparse", [False, True])
def test_a_standardised_run_has_the_same_optimum(is_sparse):
    raw = X * np.geomspace(1e-2, 1e3, D) + (0 if is_sparse else 40)
    rows = csr_array(raw) if is_sparse else raw
    how = {"loss": "poisson", "offset": LOG_EXPOSURE, "epochs": 500, "stop": Converged(tol=1e-14)}
    plain, scaled = (mb.fit(rows, COUNTS, standardize=on, **how) for on in (False, True))
    np.testing.assert_allclose(scaled.coef, plain.coef, rtol=1e-5)
    np.testing.assert_allclose(
        scaled.predict(rows, LOG_EXPOSURE), plain.predict(rows, LOG_EXPOSURE), rtol=1e-6
    )


def test_offsets_of_validation_rows():
    held_out, rest = slice(0, 60), slice(60, None)
    how = {"loss": "poisson", "optimizer": optimizers.SGD(0.01), "epochs": 3}
    pair = mb.fit(X[rest], COUNTS[rest], offset=LOG_EXPOSURE[rest], **how,
                  validation=(X[held_out], COUNTS[held_out], None, LOG_EXPOSURE[held_out]))  # fmt: skip
    at_end, _ = mb.gradient(
        X[held_out], COUNTS[held_out], pair, loss="poisson", offset=LOG_EXPOSURE[held_out]
    )
    assert pair.history.validation_loss[-1] == pytest.approx(at_end, rel=1e-12)
    for weight, offset in ((S[held_out], None), (S[held_out], LOG_EXPOSURE[held_out])):
        rows = (X[held_out], COUNTS[held_out], weight, offset)
        ours = mb.fit(X[rest], COUNTS[rest], offset=LOG_EXPOSURE[rest], **how, validation=rows)
        theirs = reference.fit(X[rest], COUNTS[rest], offset=LOG_EXPOSURE[rest], **how, validation=rows)
        found, expected = ours.history.validation_loss, theirs.history["validation_loss"]
        np.testing.assert_allclose(found, expected, rtol=1e-9)


@pytest.mark.parametrize("validation", [None, 0.3, "rows"])
def test_metrics_see_the_offsets_of_their_rows(validation):
    if validation == "rows":
        validation = (X[:50], LABELS[:50], None, OFFSETS[:50])
    seen = []

    def accuracy(truth, said):
        seen.append(said)
        return np.mean(truth == said)

    metrics = {"ours": accuracy, "theirs": "accuracy", "loss_of_all": "neg_log_loss"}
    how = {"loss": "log_loss", "optimizer": optimizers.SGD(0.1), "epochs": 2, "seed": 3}
    r = mb.fit(X, LABELS, offset=OFFSETS, validation=validation, metrics=metrics, **how)
    if isinstance(validation, float):
        _, rows = reference.split(N, 0.3, LABELS, 3)
    else:
        rows = slice(None) if validation is None else slice(50)
    np.testing.assert_array_equal(seen[-1], r.predict(X[rows], OFFSETS[rows]))
    np.testing.assert_array_equal(r.history.metrics["ours"], r.history.metrics["theirs"])
    p = r.predict_proba(X[rows], OFFSETS[rows])[np.arange(N)[: len(OFFSETS[rows])], LABELS[rows]]
    assert r.history.metrics["loss_of_all"][-1] == pytest.approx(np.log(p).mean(), rel=1e-12)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", ["poisson", "softmax", "labels", "log_loss", "two outputs"])
def test_predictions_are_those_of_scores_with_offsets(name, dtype):
    loss, y, o = PROBLEMS[name]
    r = mb.fit(X.astype(dtype), y, loss=loss, epochs=1, optimizer="sgd")
    scores = r.decision_function(X, o)
    np.testing.assert_allclose(scores, X @ r.coef.T + r.intercept + o, atol=TOLERANCE[dtype])
    np.testing.assert_allclose(r.decision_function(csr_array(X), offset=o), scores, atol=TOLERANCE[dtype])
    if name == "softmax":
        np.testing.assert_array_equal(r.predict(X, o), scores.argmax(axis=1))
        np.testing.assert_allclose(
            r.predict_proba(X, o), np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True), rtol=1e-4
        )
    elif name == "poisson":
        np.testing.assert_allclose(r.predict(X, o), np.exp(scores), rtol=1e-5)
    elif name == "log_loss":
        np.testing.assert_allclose(r.predict_proba(X, o)[:, 1], 1 / (1 + np.exp(-scores)), rtol=1e-5)


@pytest.mark.parametrize("optimizer", ["auto", "svrg", "adam", optimizers.SGD(), optimizers.SGD(0.02)])
@pytest.mark.parametrize("n_first", [1, 17, 30])
def test_a_run_in_pieces_is_the_run_in_one(optimizer, n_first):
    how = {"loss": "poisson", "offset": LOG_EXPOSURE, "optimizer": optimizer, "batch_size": 24}
    whole = mb.fit(X, COUNTS, epochs=4, **how)
    part = mb.fit(X, COUNTS, epochs=4, stop=MaxSteps(n_first), n_threads=2, **how)
    part = pickle.loads(pickle.dumps(part))
    again = mb.fit(X, COUNTS, epochs=4 - part.n_epochs, resume=part, **how)
    assert again.coef.tobytes() == whole.coef.tobytes()
    assert again.history.epoch_loss.tobytes() == whole.history.epoch_loss.tobytes()


@pytest.mark.parametrize("optimizer", ["auto", optimizers.SGD(), optimizers.SGD(0.02)])
def test_other_offsets_are_another_objective(optimizer):
    rule = None if optimizer == "auto" else NoImprovement(patience=1000, restore_best=True)
    how = {"optimizer": optimizer, "batch_size": 24, "stop": rule}
    y = Z[:, 0] + OFFSETS[:, 0]
    first = mb.fit(X, y, offset=OFFSETS[:, 0], epochs=60, **how)
    second = mb.fit(X, y, epochs=60, resume=first, **how)
    fresh = mb.fit(X, y, epochs=200, **how)
    if rule is not None:
        assert second.best_epoch > 60  # although no loss comes near that of the exact fit before
    np.testing.assert_allclose(second.coef, fresh.coef, atol=1e-9 if rule is None else 0.05)


@pytest.mark.parametrize("n_threads", [2, 3])
def test_bits_do_not_depend_on_threads(n_threads):
    big = np.tile(X, (20, 1))
    how = {"loss": "log_loss", "offset": np.tile(OFFSETS, (20, 1)), "batch_size": 3000, "epochs": 2}
    one, several = (mb.fit(big, np.tile(LABELS, 20), **how, n_threads=n) for n in (1, n_threads))
    assert one.coef.tobytes() == several.coef.tobytes()


def test_a_size_that_chooses_itself_knows_the_offsets():
    n = 70_000
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(n, 3))
    o = rng.normal(size=n) * 5
    y = rows @ [1.0, -1.0, 0.5] + rng.normal(size=n)
    how = {"optimizer": optimizers.SGD(0.02), "epochs": 1}
    ours, theirs = mb.fit(rows, y + o, offset=o, **how), mb.fit(rows, y, **how)
    assert ours.auto_batch_size.batch_size == theirs.auto_batch_size.batch_size
    assert ours.auto_batch_size.noise_scale == pytest.approx(theirs.auto_batch_size.noise_scale, rel=1e-9)
    again = reference.fit(rows, y + o, offset=o, **how)
    np.testing.assert_allclose(ours.coef, again.coef, atol=1e-9)


def test_nobody_is_warned_of_targets_that_offsets_explain():
    y = Z[:, 0] + 1e6
    mb.fit(X, y, offset=np.full(N, 1e6), optimizer="adam", epochs=20)
    with pytest.warns(UserWarning, match="cannot reach the targets"):
        mb.fit(X, y, optimizer="adam", epochs=20)


INSTRUMENTS = {
    "noise": (diagnostics.gradient_noise, {"batch_sizes": [1, 8]}, ("variance", "noise_scale")),
    "bias": (diagnostics.gradient_bias, {"batch_sizes": [8]}, ("bias_norm", "p_value")),
    "angles": (diagnostics.gradient_angles, {"batch_sizes": [8]}, ("cosine",)),
    "strategies": (diagnostics.compare_strategies, {"passes": 2}, ("final_loss", "start_loss", "cosine")),
}


@pytest.mark.parametrize("name", INSTRUMENTS)
def test_instruments_look_at_the_objective_with_offsets(name):
    instrument, how, fields = INSTRUMENTS[name]
    y, o = Z[:, 0] + RNG.normal(size=N), OFFSETS[:, 0]
    with_offset, without = instrument(X, y + o, offset=o, **how), instrument(X, y, **how)
    for field in fields:
        np.testing.assert_allclose(getattr(with_offset, field), getattr(without, field), rtol=1e-7)


def test_instruments_that_take_the_time_are_given_offsets():
    y, o = Z[:, 0] + RNG.normal(size=N), OFFSETS[:, 0]
    cost = diagnostics.step_cost(X, y, offset=o, batch_sizes=[1, 64], n_draws=1)
    assert (cost.seconds > 0).all()
    how = {"batch_sizes": [32, 64, 128], "tolerance": 0.3, "n_draws": 2}
    advice = diagnostics.recommend_batch_size(X, y + 1e3 * o, offset=1e3 * o, **how)
    assert advice.target < 10  # of targets without their offsets


def test_theirs_are_those_of_the_reference():
    loss, y, o = PROBLEMS["softmax"]
    ours = diagnostics.gradient_angles(X, y, loss=loss, offset=o, batch_sizes=[4], n_draws=50)
    theirs = reference.gradient_angles(X, y, loss=loss, offset=o, batch_sizes=[4], n_draws=50)
    np.testing.assert_allclose(ours.cosine, theirs, atol=1e-9)


def changed(array, at, value):
    array = array.copy()
    array[at] = value
    return array


@pytest.mark.parametrize(("loss", "y", "o", "message"), [
    ("poisson", COUNTS, LOG_EXPOSURE[1:], r"offset must have shape \(240,\) or \(240, 1\), .*, got \(239,\)"),
    ("poisson", COUNTS, OFFSETS, r"offset must have shape \(240,\) or \(240, 1\), .*, got \(240, 3\)"),
    ("log_loss", LABELS, OFFSETS[:, 0], r"offset must have shape \(240, 3\), a number .*, got \(240,\)"),
    ("log_loss", LABELS, OFFSETS[:, :2], r"offset must have shape \(240, 3\), .*, got \(240, 2\)"),
    ("poisson", COUNTS, 1.0, r"offset must have shape .*, got \(\)"),
    ("poisson", COUNTS, changed(LOG_EXPOSURE, 7, np.nan), r"offset must be finite, got NaN at row 7"),
    ("log_loss", LABELS, changed(OFFSETS, (9, 2), np.inf), r"offset must be finite, got inf at row 9.*mn 2"),
    ("poisson", COUNTS, COUNTS.astype(str), r"offset must be an array of real numbers, got dtype"),
])  # fmt: skip
def test_what_is_no_offset(loss, y, o, message):
    with pytest.raises((ValueError, TypeError), match=message):
        mb.fit(X, y, loss=loss, offset=o)
    with pytest.raises((ValueError, TypeError), match=message):
        mb.gradient(X, y, mb.fit(X, y, loss=loss, epochs=0), loss=loss, offset=o)
    with pytest.raises((ValueError, TypeError), match=message):
        mb.fit(X, y, loss=loss, epochs=0).decision_function(X, o)
    with pytest.raises((ValueError, TypeError), match="validation: " + message):
        mb.fit(X, y, loss=loss, validation=(X, y, None, o))


def test_offsets_fit_the_type_of_the_rows():
    with pytest.raises(ValueError, match=r"offset must be within the range of float32.*got 1e\+300 at row 4"):
        mb.fit(X.astype("f4"), COUNTS, offset=changed(LOG_EXPOSURE, 4, 1e300))
    with pytest.raises(ValueError, match=r"validation must be .*, got 5 items"):
        mb.fit(X, COUNTS, validation=(X, COUNTS, None, None, None))
    with pytest.raises(TypeError, match=r"did you mean 'offset'\?"):
        mb.fit(X, COUNTS, exposure=EXPOSURE)
