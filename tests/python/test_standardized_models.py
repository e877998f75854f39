"""`standardize=True` of every model: it trains on scaled columns, all else is in the units of the data."""

import mbgd_rs as mb
import numpy as np
import pytest
import scipy.sparse
from mbgd_rs import optimizers, penalties, stopping
from mbgd_rs.models import MLP, FactorizationMachine, Linear
from mbgd_rs.models.model import Change
from model_cases import ADAM, MODELS, flat, scores_of
from sklearn.preprocessing import StandardScaler

RNG = np.random.default_rng(8)
N, D = 120, 4
SIZES, PLACES = np.array([1.0, 1e3, 1e-4, 20.0]), np.array([0.0, 3e3, 3e-4, -7.0])
STANDARD = RNG.normal(size=(N, D))
X = STANDARD * SIZES + PLACES
Y = 2e3 + 1e2 * (STANDARD[:, 0] * STANDARD[:, 1] + RNG.normal(size=N) / 4)
Y2 = np.stack([Y, 50 * STANDARD[:, 2]], axis=1)
LABELS = np.array(["a", "b", "c"])[np.digitize(STANDARD[:, 0] * STANDARD[:, 1], [-0.5, 0.5])]
WEIGHT = RNG.uniform(0, 3, N)


def of_models(test):
    return pytest.mark.parametrize("model", MODELS.values(), ids=MODELS)(test)


# ---- the algebra


def scores_at(model, w, k, x):
    """The scores by the formulas, of one row after the other."""
    blocks = model.split(w, x.shape[1], k, False)
    if isinstance(model, FactorizationMachine):
        z = []
        for row in x:
            pairs = [
                sum(V[i] @ V[j] * row[i] * row[j] for i in range(len(row)) for j in range(i + 1, len(row)))
                for V in blocks["factors"]
            ]
            z.append(blocks["bias"] + blocks["coef"] @ row + pairs)
        return np.array(z)

    class Result:
        params = blocks

    Result.model = model
    return scores_of(Result, x)


@of_models
@pytest.mark.parametrize("k", [1, 3])
@pytest.mark.parametrize("parts", ["all", "columns", "scores", "scale alone"])
def test_changed_parameters_have_the_changed_scores(parts, k, model):
    rng = np.random.default_rng(3)
    x = rng.normal(size=(7, D))
    w = rng.normal(size=sum(model.size(D, k)))
    up, down, shift = rng.uniform(0.5, 2, D), rng.uniform(0.5, 2, D), rng.normal(size=D)
    change = {
        "all": Change(up, down, shift, 3.0, rng.normal(size=k)),
        "columns": Change(up, 1.0, shift, 1.0, None),
        "scores": Change(1.0, 1.0, None, 0.25, rng.normal(size=k)),
        "scale alone": Change(1.0, down, None, 2.0, None),
    }[parts]
    moved = x if change.shift is None else x + change.shift
    expected = change.scale * scores_at(model, w, k, moved * change.up / change.down)
    if change.offset is not None:
        expected = expected + change.offset
    found = scores_at(model, model.changed(w, D, k, change), k, x)
    np.testing.assert_allclose(found, expected, rtol=1e-11, atol=1e-11)
    several = np.stack([w, 2 * w, w - 1])
    each = np.stack([model.changed(row, D, k, change) for row in several])
    np.testing.assert_array_equal(model.changed(several, D, k, change), each)


@of_models
def test_there_and_back(model):
    rng = np.random.default_rng(4)
    w = rng.normal(size=sum(model.size(D, 2)))
    units = mb.Standardization(
        mean=PLACES, scale=SIZES, y_mean=np.array([3.0, -4.0]), y_scale=7.0, loss_scale=49.0
    )
    back = units.params_of(units.params_in_units(w, model, 2), model, 2)
    np.testing.assert_allclose(back, w, rtol=1e-9, atol=1e-9)


# ---- fits


@of_models
@pytest.mark.parametrize("kind", ["equal", "weighted", "without intercept", "sparse"])
@pytest.mark.parametrize("targets", ["number", "numbers", "classes", "counts"])
def test_a_fit_is_one_on_scaled_columns_and_targets(targets, kind, model):
    y, loss = {
        "number": (Y, "squared_error"),
        "numbers": (Y2, "squared_error"),
        "classes": (LABELS, "log_loss"),
        "counts": (np.arange(N) % 7, "poisson"),
    }[targets]
    centred = kind in ("equal", "weighted")
    how = {"loss": loss, "model": model, "optimizer": ADAM, "epochs": 4, "batch_size": 16, "seed": 2}
    how |= {"fit_intercept": kind != "without intercept", "record": ("full_loss", "step")}
    weight = WEIGHT if kind == "weighted" else None
    rows = scipy.sparse.csr_array(X) if kind == "sparse" else X
    ours = mb.fit(rows, y, standardize=True, sample_weight=weight, **how)
    scaler = StandardScaler(with_mean=centred).fit(X, sample_weight=weight)
    columns = scaler.transform(X)
    mean, size = 0.0, 1.0
    if loss == "squared_error":
        mean = np.average(y, axis=0, weights=weight) if kind != "without intercept" else 0.0
        size = float(np.sqrt(np.average(((y - mean).reshape(N, -1) ** 2).mean(axis=1), weights=weight)))
        y = (y - mean) / size
    if kind == "sparse":
        columns = scipy.sparse.csr_array(columns)
    theirs = mb.fit(columns, y, sample_weight=weight, **how)
    expected = size * theirs.decision_function(columns) + mean
    found = ours.decision_function(rows)
    np.testing.assert_allclose(found, expected, rtol=1e-7, atol=1e-7 * np.abs(expected).max())
    np.testing.assert_allclose(ours.history.full_loss, size**2 * theirs.history.full_loss, rtol=1e-8)
    np.testing.assert_allclose(ours.history.step_loss, size**2 * theirs.history.step_loss, rtol=1e-8)
    if targets != "classes":
        assert (ours.standardization.y_scale == pytest.approx(size)) or loss == "poisson"


@of_models
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_starts_and_paths_are_in_the_units_of_the_data(dtype, model):
    rows, how = X.astype(dtype), {"model": model, "optimizer": ADAM, "batch_size": 32, "standardize": True}
    first = mb.fit(rows, Y2, epochs=3, record=("path", "step", "full_loss"), **how)
    np.testing.assert_array_equal(first.history.path[-1], flat(first))
    again = mb.fit(rows, Y2, epochs=0, init=first, **how)
    close = {"rtol": 1e-9} if dtype == np.float64 else {"rtol": 1e-4, "atol": 0.05}
    np.testing.assert_allclose(again.predict(rows), first.predict(rows), **close)
    last = mb.gradient(rows, Y2, first)[0]
    rel = 1e-10 if dtype == np.float64 else 1e-4
    assert first.history.full_loss[-1] == pytest.approx(last, rel=rel)
    begun = mb.fit(rows, Y2, epochs=0, **how)
    units = begun.standardization
    if model != Linear():  # drawn in the units of training
        start = model.start(D, 2, 0, dtype)
        np.testing.assert_array_equal(flat(begun), units.params_in_units(start, model, 2))


@of_models
def test_a_column_far_from_zero_keeps_its_digits(model):
    far = STANDARD + np.array([100.0, 0.0, 30.0, 0.0])
    how = {"model": model, "optimizer": optimizers.SGD(0.05), "epochs": 5, "standardize": True}
    result, double = mb.fit(far.astype("f4"), Y.astype("f4"), **how), mb.fit(far, Y, **how)
    np.testing.assert_allclose(result.predict(far.astype("f4")), double.predict(far), rtol=2e-4)


@of_models
def test_callbacks_and_rules_are_in_the_units_of_the_data(model):
    told = []

    def callback(progress):
        told.append(progress)

    how = {"model": model, "optimizer": ADAM, "standardize": True, "batch_size": 16, "validation": (X, Y)}
    result = mb.fit(X, Y, epochs=4, callback=callback, **how)
    at_end = told[-1]
    assert model.join(at_end.params, D, 1).tobytes() == flat(result).tobytes()
    assert at_end.validation_loss == pytest.approx(mb.gradient(X, Y, result)[0], rel=1e-9)
    target = stopping.TargetLoss(told[1].validation_loss, monitor="validation_loss")
    stopped = mb.fit(X, Y, epochs=9, stop=target, **how)
    losses = [progress.validation_loss for progress in told]
    assert stopped.n_epochs == 1 + int(np.argmax(np.array(losses) <= losses[1]))


@pytest.mark.parametrize(
    "model", [m for m in MODELS.values() if m != Linear()], ids=[name for name in MODELS if name != "linear"]
)
@pytest.mark.parametrize("cost", ["l2", "l1", "elasticnet", "decay", "ftrl", "blocks"])
def test_strengths_are_those_of_training(cost, model):
    """Nothing is translated: one factor would not do for all layers, or for weights and factors."""
    how = {"model": model, "epochs": 4, "batch_size": 16}
    alpha = dict.fromkeys(model.weight_blocks, 0.05)
    how |= {
        "decay": {"optimizer": optimizers.SGD(0.05, weight_decay=0.1)},
        "ftrl": {"optimizer": optimizers.FTRL(0.05, l1=0.01, l2=0.1)},
        "blocks": {"optimizer": ADAM, "penalty": penalties.ElasticNet(alpha, 0.3)},
    }.get(cost, {"optimizer": ADAM, "penalty": cost if cost not in ("decay", "ftrl") else None})
    ours = mb.fit(X, Y, standardize=True, **how)
    scaler = StandardScaler().fit(X)
    mean, size = Y.mean(), Y.std()
    theirs = mb.fit(scaler.transform(X), (Y - mean) / size, **how)
    expected = size * theirs.predict(scaler.transform(X)) + mean
    np.testing.assert_allclose(ours.predict(X), expected, rtol=1e-7)
    np.testing.assert_allclose(ours.history.epoch_loss, size**2 * theirs.history.epoch_loss, rtol=1e-8)


def test_weights_outside_of_the_type_are_refused():
    tiny = X.astype("f4") * np.array([1.0, 1e-38, 1.0, 1.0], "f4")
    for model in (MLP(3), FactorizationMachine(2)):
        with pytest.raises(ValueError, match="X must be float64: column 1 has a spread of"):
            mb.fit(tiny, Y.astype("f4"), model=model, optimizer=ADAM, standardize=True)


@of_models
def test_constant_columns_and_one_row(model):
    rows = X.copy()
    rows[:, 2] = 4.0
    result = mb.fit(rows, Y, model=model, optimizer=ADAM, epochs=2, standardize=True)
    assert np.isfinite(result.predict(rows)).all()
    one = mb.fit(rows[:1], Y[:1], model=model, optimizer=ADAM, epochs=2, standardize=True)
    assert np.isfinite(one.predict(rows[:1])).all()
