"""Training on standardised columns: as on a copy by StandardScaler, all results in the units of the data."""

import pickle

import mbgd_rs as mb
import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from mbgd_rs import averages, losses, optimizers, penalties, schedules, stopping
from sklearn.metrics import r2_score
from sklearn.preprocessing import StandardScaler

N = 240
RNG = np.random.default_rng(5)
SIZES, PLACES = np.array([1.0, 1e3, 1e-4, 20.0]), np.array([0.0, 1e6, 3e-3, -7.0])
X = RNG.normal(size=(N, 4)) * SIZES + PLACES
STANDARD = (X - PLACES) / SIZES
Y = 2e5 + 1e5 * (STANDARD @ [1.0, -0.5, 0.3, 0.0]) + 2e4 * RNG.normal(size=N)
LABELS = np.where(STANDARD[:, 0] + RNG.normal(size=N) > 0.3, "yes", "no")
KINDS = np.array(["a", "b", "c"])[np.digitize(STANDARD[:, 0] + RNG.normal(size=N), [-0.5, 0.5])]
WEIGHT = RNG.uniform(0, 3, N) * (RNG.random(N) > 0.1)
SGD = optimizers.SGD(0.1)
LOSSES_IN_UNITS_OF_Y = [
    losses.SquaredError(),
    losses.AbsoluteError(),
    losses.Huber(5e4),
    losses.EpsilonInsensitive(1e4),
    losses.SquaredEpsilonInsensitive(1e4),
    losses.Quantile(0.8),
]


def scaled(weight=None, rows=slice(None), **how):
    """The columns by scikit-learn, and the scaler."""
    weight = None if weight is None else weight[rows]
    scaler = StandardScaler(**how).fit(X[rows], sample_weight=weight)
    return scaler.transform(X), scaler


def in_units(model, scaler, y_mean=0.0, y_scale=1.0):
    """Coefficients and intercept on X, of a model on scaled columns and targets."""
    coef = model.coef * y_scale / scaler.scale_
    mean = 0 if scaler.mean_ is None else scaler.mean_
    return coef, y_mean + y_scale * model.intercept - coef @ mean


def assert_same_model(ours, coef, intercept, rtol=1e-9):
    size = np.abs(coef * np.sqrt(np.mean(X**2, axis=0))).max() + np.abs(intercept).max()
    np.testing.assert_allclose(
        ours.coef * np.abs(X).max(0), coef * np.abs(X).max(0), rtol=0, atol=rtol * size
    )
    np.testing.assert_allclose(ours.intercept, intercept, rtol=0, atol=rtol * size)


@pytest.mark.parametrize("weight", [None, WEIGHT], ids=["equal", "weighted"])
@pytest.mark.parametrize("loss", ["log_loss", "hinge", "poisson", "log_cosh"])
def test_losses_without_units_are_those_on_scaled_columns(loss, weight):
    y = {"poisson": np.arange(N) % 7, "log_cosh": STANDARD[:, 0]}.get(loss, LABELS)
    how = {"loss": loss, "optimizer": SGD, "epochs": 5, "batch_size": 16, "sample_weight": weight}
    ours = mb.fit(X, y, standardize=True, penalty="elasticnet", **how)
    columns, scaler = scaled(weight)
    shift = np.average(y, weights=weight) if loss == "log_cosh" else 0
    theirs = mb.fit(columns, y - shift if shift else y, penalty="elasticnet", **how)
    assert_same_model(ours, *in_units(theirs, scaler, shift))
    np.testing.assert_allclose(ours.history.epoch_loss, theirs.history.epoch_loss, rtol=1e-9)
    assert (ours.predict(X) == theirs.predict(columns)).all() or loss in ("poisson", "log_cosh")


@pytest.mark.parametrize("optimizer", [
    "sgd", "adagrad", "rmsprop", "adadelta", "adam", "adamw", "nadam", "radam", "adamax", "lion", "ftrl",
    optimizers.SGLD(1e-3, temperature=0.0), "schedule_free_sgd", "schedule_free_adamw", "dog",
], ids=str)  # fmt: skip
def test_every_optimizer_moves_as_on_scaled_columns_and_targets(optimizer):
    how = {"optimizer": optimizer, "epochs": 6, "batch_size": 32}
    ours = mb.fit(X, Y, standardize=True, **how)
    columns, scaler = scaled()
    mean, size = Y.mean(), Y.std()
    theirs = mb.fit(columns, (Y - mean) / size, **how)
    assert_same_model(ours, *in_units(theirs, scaler, mean, size))
    np.testing.assert_allclose(ours.history.epoch_loss, size**2 * theirs.history.epoch_loss, rtol=1e-9)


@pytest.mark.parametrize("loss", LOSSES_IN_UNITS_OF_Y, ids=lambda loss: loss.name)
@pytest.mark.parametrize(
    "penalty",
    [
        None,
        penalties.L2(0.1),
        penalties.L1(1e3),
        penalties.ElasticNet(0.2, 0.3),
        penalties.ElasticNet([0.1, 0.2, 0.0, 0.3], 0.9),
    ],
    ids=str,
)
def test_the_objective_is_that_of_the_columns_scaled_and_the_targets_as_they_are(loss, penalty):
    """`full_loss` is the loss in units of y plus the penalty of the coefficients of the scaled columns."""
    how = {"loss": loss, "penalty": penalty, "optimizer": "adam", "epochs": 3, "batch_size": 32}
    ours = mb.fit(X, Y, standardize=True, record=("full_loss", "step"), **how)
    columns, scaler = scaled()
    coef = ours.coef * scaler.scale_
    intercept = ours.intercept + ours.coef @ scaler.mean_
    value, _ = mb.gradient(columns, Y, (coef, intercept), loss=loss, penalty=penalty)
    assert ours.history.full_loss[-1] == pytest.approx(value, rel=1e-9)


@pytest.mark.parametrize("loss", LOSSES_IN_UNITS_OF_Y, ids=lambda loss: loss.name)
def test_penalties_have_the_optimum_that_they_have_on_unscaled_targets(loss):
    """Where targets are scaled, strengths are, so that the optimum is that of the columns scaled alone."""
    y = (Y - 2e5) / 1e4 + 3
    lengths = {name: getattr(loss, name) / 1e4 for name in loss.lengths}
    loss = type(loss)(**lengths) if lengths else loss
    columns, _ = scaled()
    schedule = schedules.Cosine(0.5, 4000)
    for penalty in (penalties.L2(0.3), penalties.ElasticNet(0.4, 0.5)):
        how = {"loss": loss, "penalty": penalty, "batch_size": "full", "epochs": 4000}
        ours = mb.fit(X, y, standardize=True, optimizer=optimizers.SGD(schedule), **how, record="full_loss")
        theirs = mb.fit(columns, y, optimizer=optimizers.SGD(schedule), **how, record="full_loss")
        assert ours.history.full_loss.min() == pytest.approx(theirs.history.full_loss.min(), rel=5e-3)


def test_groups_and_vectors_of_strengths_are_of_scaled_columns():
    many = np.c_[Y, -Y + 1e4 * STANDARD[:, 2], 3e5 * STANDARD[:, 1]]
    columns, scaler = scaled()
    for penalty in (
        penalties.GroupL1(2e3),
        penalties.GroupElasticNet(5.0, 0.8),
        penalties.L1([1e3, 0, 5, 1e5]),
    ):
        ours = mb.fit(
            X, many, standardize=True, penalty=penalty, optimizer=SGD, epochs=400, batch_size="full"
        )
        theirs = mb.fit(columns, many, penalty=penalty, optimizer=SGD, epochs=400, batch_size="full")
        coef = theirs.coef / scaler.scale_
        np.testing.assert_allclose(ours.coef * scaler.scale_, theirs.coef, atol=1e-4 * 1e5)
        np.testing.assert_array_equal(ours.coef == 0, coef == 0)


def test_without_intercept_columns_are_scaled_only():
    ours = mb.fit(X, Y, standardize=True, fit_intercept=False, optimizer="adam", epochs=5)
    columns, scaler = scaled(with_mean=False)
    size = np.sqrt(np.mean(Y**2))
    theirs = mb.fit(columns, Y / size, fit_intercept=False, optimizer="adam", epochs=5)
    assert ours.intercept == 0
    assert ours.standardization.mean is None
    assert ours.standardization.y_mean is None
    np.testing.assert_allclose(ours.coef, theirs.coef * size / scaler.scale_, rtol=1e-9)


@pytest.mark.parametrize("weight", [None, WEIGHT], ids=["equal", "weighted"])
def test_sparse_rows_are_scaled_only(weight):
    entries = X * (RNG.random(X.shape) < 0.4)
    matrix = sp.csr_matrix(entries)
    ours = mb.fit(matrix, Y, standardize=True, optimizer=SGD, epochs=4, sample_weight=weight)
    scaler = StandardScaler(with_mean=False).fit(matrix, sample_weight=weight)
    np.testing.assert_allclose(ours.standardization.scale, scaler.scale_, rtol=1e-12)
    mean = np.average(Y, weights=weight)
    size = np.sqrt(np.average((Y - mean) ** 2, weights=weight))
    theirs = mb.fit(
        scaler.transform(matrix), (Y - mean) / size, optimizer=SGD, epochs=4, sample_weight=weight
    )
    np.testing.assert_allclose(ours.coef, theirs.coef * size / scaler.scale_, rtol=1e-8)
    np.testing.assert_array_equal(matrix.toarray(), entries)  # that of the caller is as it was


def test_entries_of_one_place_add_up_before_they_are_squared():
    twice = sp.csr_matrix(
        (np.array([1.0, 2.0, 5.0, 3.0]), np.array([1, 1, 0, 1]), np.array([0, 2, 3, 4])), (3, 2)
    )
    once = sp.csr_matrix(twice.toarray())
    a = mb.fit(twice, [1.0, 2.0, 4.0], standardize=True, epochs=2)
    b = mb.fit(once, [1.0, 2.0, 4.0], standardize=True, epochs=2)
    np.testing.assert_allclose(a.standardization.scale, np.std(once.toarray(), axis=0), rtol=1e-15)
    np.testing.assert_allclose(a.coef, b.coef, rtol=1e-12)


def everything(**changed):
    """A fit with all options together."""
    return {
        "loss": losses.Huber(5e4),
        "penalty": penalties.ElasticNet([1e-3, 2e-3, 0.0, 1e-3], 0.5),
        "optimizer": optimizers.SGD(schedules.Plateau(0.2, n_iter_no_change=2, tol=1e6)),
        "standardize": True,
        "sample_weight": WEIGHT,
        "validation": 0.2,
        "metrics": {"r2": lambda y, z: r2_score(y, z)},
        "stop": stopping.NoImprovement("validation_loss", patience=50, restore_best=True),
        "record": ("step", "full_loss", "path"),
        "average": averages.EMA(0.9),
        "batch_size": 16,
        "clip_norm": 2.0,
        "accumulate": 2,
        **changed,
    }


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("first", [1, 3])
def test_a_run_is_resumed_to_the_bit(dtype, first):
    x = X.astype(dtype)
    whole = mb.fit(x, Y, epochs=6, **everything())
    part = mb.fit(x, Y, epochs=first, n_threads=2, **everything())
    part = pickle.loads(pickle.dumps(part))
    rest = mb.fit(x, Y, epochs=6 - first, resume=part, **everything())
    assert rest.coef.tobytes() == whole.coef.tobytes()
    assert rest.intercept.tobytes() == whole.intercept.tobytes()
    for name in ("epoch_loss", "step_loss", "full_loss", "validation_loss", "path"):
        assert getattr(rest.history, name).tobytes() == getattr(whole.history, name).tobytes(), name
    assert rest.history.metrics["r2"].tobytes() == whole.history.metrics["r2"].tobytes()
    assert part.arguments["standardize"] is True


def test_the_end_of_an_epoch_plays_no_part_in_resuming():
    whole = mb.fit(X, Y, standardize=True, epochs=4, batch_size=16)
    part = mb.fit(X, Y, standardize=True, epochs=4, batch_size=16, stop=stopping.MaxSteps(22))
    rest = mb.fit(X, Y, resume=part, **part.arguments, epochs=3, batch_size=16)
    assert rest.coef.tobytes() == whole.coef.tobytes()


def test_other_rows_are_resumed_with_the_first_moments():
    half = N // 2
    first = mb.fit(X[:half], Y[:half], standardize=True, optimizer="adam", epochs=3)
    second = mb.fit(X[half:] * 3, Y[half:], standardize=True, optimizer="adam", epochs=3, resume=first)
    assert second.standardization is first.standardization
    columns, scaler = scaled(rows=slice(half))
    mean, size = Y[:half].mean(), Y[:half].std()
    a = mb.fit(columns[:half], (Y[:half] - mean) / size, optimizer="adam", epochs=3)
    b = mb.fit(scaler.transform(X[half:] * 3), (Y[half:] - mean) / size, optimizer="adam", epochs=3, resume=a)
    assert_same_model(second, *in_units(b, scaler, mean, size))


def test_what_cannot_be_resumed_is_refused():
    plain, standard = mb.fit(X, LABELS, loss="log_loss", epochs=1, optimizer=SGD), None
    with pytest.raises(ValueError, match="resume must be a run with standardize=True, got one with False"):
        mb.fit(X, LABELS, loss="log_loss", resume=plain, standardize=True, optimizer=SGD)
    standard = mb.fit(X, LABELS, loss="log_loss", epochs=1, standardize=True)
    with pytest.raises(ValueError, match="resume must be a run with standardize=False, got one with True"):
        mb.fit(X, LABELS, loss="log_loss", resume=standard)
    with pytest.raises(ValueError, match="X must be dense, as in the run to be resumed"):
        mb.fit(sp.csr_matrix(X), LABELS, loss="log_loss", resume=standard, standardize=True)
    with pytest.raises(TypeError, match="standardize must be a bool, got 'yes'"):
        mb.fit(X, Y, standardize="yes")


def test_sparse_rows_first_and_dense_ones_later_have_the_same_units():
    near = STANDARD * SIZES
    how = {"standardize": True, "epochs": 2, "optimizer": SGD, "batch_size": 16}
    first = mb.fit(sp.csr_matrix(near), Y, **how)
    dense = mb.fit(near, Y, **how, resume=first)
    sparse = mb.fit(sp.csr_matrix(near), Y, **how, resume=first)
    np.testing.assert_allclose(dense.coef, sparse.coef, rtol=1e-9)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("y", [Y, LABELS, KINDS, np.c_[Y, 5 - Y / 3]], ids=["one", "two", "three", "outputs"])
def test_a_start_is_in_the_units_of_the_data(y, dtype):
    loss = "squared_error" if y.dtype.kind == "f" else "log_loss"
    begun = mb.fit(X.astype(dtype), y, loss=loss, standardize=True, epochs=2, optimizer=SGD)
    again = mb.fit(X.astype(dtype), y, loss=loss, standardize=True, epochs=0, init=begun)
    rtol = 1e-9 if dtype == np.float64 else 3e-3  # a column at 1e6 of spread 1e3
    np.testing.assert_allclose(again.coef, begun.coef, rtol=rtol)
    np.testing.assert_allclose(again.intercept, begun.intercept, rtol=rtol)
    pair = mb.fit(
        X.astype(dtype), y, loss=loss, standardize=True, epochs=1, init=(begun.coef, begun.intercept)
    )
    assert pair.coef.dtype == dtype


@pytest.mark.parametrize(
    "y", [LABELS, KINDS, np.c_[LABELS == "yes", STANDARD[:, 1] > 0]], ids=["two", "three", "k"]
)
def test_classes_and_weights_of_classes(y):
    several = y.ndim == 2
    how = {"loss": "log_loss", "optimizer": SGD, "epochs": 4, "class_weight": None if several else "balanced"}
    ours = mb.fit(X, y, standardize=True, **how)
    if several:
        weight = None
    else:
        _, index, counts = np.unique(y, return_inverse=True, return_counts=True)
        weight = (1 / counts)[index]
    columns, scaler = scaled(weight)
    theirs = mb.fit(columns, y, **how)
    np.testing.assert_allclose(ours.coef, theirs.coef / scaler.scale_, rtol=1e-8, atol=1e-12)
    np.testing.assert_allclose(ours.predict_proba(X), theirs.predict_proba(columns), rtol=1e-8)


@pytest.mark.parametrize("weight", [None, WEIGHT], ids=["equal", "weighted"])
def test_validation_rows_have_the_scales_of_the_rows_learned_from(weight):
    how = {"optimizer": SGD, "epochs": 4, "batch_size": 16, "sample_weight": weight}
    by_fraction = mb.fit(X, Y, standardize=True, validation=0.25, seed=3, **how)
    learned, held = mb._core.split(N, 0.25, None, 3)
    assert by_fraction.standardization.mean == pytest.approx(
        np.average(X[learned], axis=0, weights=None if weight is None else weight[learned]), rel=1e-12
    )
    s = {} if weight is None else {"sample_weight": weight[learned]}
    given_weight = () if weight is None else (weight[held],)
    by_pair = mb.fit(
        X[learned],
        Y[learned],
        standardize=True,
        validation=(X[held], Y[held], *given_weight),
        seed=3,
        **how | s,
    )
    np.testing.assert_allclose(by_pair.coef, by_fraction.coef, rtol=1e-9)
    np.testing.assert_allclose(
        by_pair.history.validation_loss, by_fraction.history.validation_loss, rtol=1e-9
    )
    squares = (by_pair.predict(X[held]) - Y[held]) ** 2 / 2
    expected = np.average(squares, weights=None if weight is None else weight[held])
    assert by_pair.history.validation_loss[-1] == pytest.approx(expected, rel=1e-9)


def test_what_is_shown_and_asked_on_the_way_is_in_the_units_of_the_data():
    seen = []
    result = mb.fit(
        X, Y, standardize=True, optimizer=SGD, epochs=4, batch_size=16, record="path", validation=0.2,
        callback=seen.append, metrics={"mae": lambda y, z: np.abs(y - z).mean()},
    )  # fmt: skip
    for epoch, progress in enumerate(seen):
        assert progress.loss == result.history.epoch_loss[epoch]
        assert progress.validation_loss == result.history.validation_loss[epoch]
        assert progress.metrics["mae"] == result.history.metrics["mae"][epoch]
        flat = result.history.path[result.history.epoch_steps[epoch] - 1]
        np.testing.assert_array_equal(progress.coef, flat[:-1])
        assert progress.intercept == flat[-1]
    np.testing.assert_array_equal(seen[-1].coef, result.coef)
    assert 0 < result.history.metrics["mae"][-1] < 3e4
    assert 1e8 < result.history.epoch_loss[-1] < 1e9


def test_rules_about_losses_are_in_the_units_of_the_data():
    free = mb.fit(X, Y, standardize=True, optimizer=optimizers.SGD(0.01), epochs=30, validation=0.2)
    for monitor in ("loss", "validation_loss"):
        losses_ = free.history.epoch_loss if monitor == "loss" else free.history.validation_loss
        how = {"standardize": True, "optimizer": optimizers.SGD(0.01), "epochs": 30, "validation": 0.2}
        target = mb.fit(X, Y, **how, stop=stopping.TargetLoss(losses_[9] * (1 + 1e-9), monitor))
        assert (target.n_epochs, target.stop_reason) == (10, "target")
        tol = (losses_[14] - losses_[15]) * 1.0001
        patient = mb.fit(X, Y, **how, stop=stopping.NoImprovement(monitor, tol=tol, patience=1))
        assert patient.n_epochs == 1 + int(np.argmax(losses_[1:] > losses_[:-1] - tol)) + 1
        relative = mb.fit(
            X, Y, **how, stop=stopping.NoImprovement(monitor, tol=0.5, relative=True, patience=1)
        )
        assert relative.n_epochs == 2


def test_what_belongs_to_the_objective_is_translated_for_every_optimizer():
    """Weight decay that is a gradient is the l2 penalty of the same strength, whatever the units."""
    for loss in (losses.AbsoluteError(), losses.SquaredError()):
        how = {"loss": loss, "standardize": True, "epochs": 3, "batch_size": 32}
        decayed = mb.fit(X, Y, optimizer=optimizers.SGD(0.01, weight_decay=1e-4), **how)
        penalised = mb.fit(X, Y, optimizer=optimizers.SGD(0.01), penalty=penalties.L2(1e-4), **how)
        np.testing.assert_allclose(decayed.coef, penalised.coef, rtol=1e-9)
    # SGLD draws from exp(-f / temperature): for squared errors the intercept has the variance `temperature`.
    temperature = 1e6
    sgld = optimizers.SGLD(0.05, temperature=temperature)
    drawn = mb.fit(X, Y, optimizer=sgld, standardize=True, batch_size="full", epochs=20_000, record="path")
    units = drawn.standardization
    at_mean = drawn.history.path[2000:, -1] + drawn.history.path[2000:, :-1] @ units.mean
    assert at_mean.std() == pytest.approx(np.sqrt(temperature), rel=0.1)
    # FTRL's own strengths are of a sum of losses in the units of y.
    strong = mb.fit(X, Y, optimizer=optimizers.FTRL(1.0, l1=1e8), standardize=True, epochs=2)
    weak = mb.fit(X, Y, optimizer=optimizers.FTRL(1.0, l1=1.0), standardize=True, epochs=2)
    assert (strong.coef == 0).all()
    assert (weak.coef != 0).all()


def housing(n=20_000):
    """Columns of very different sizes, and prices."""
    rng = np.random.default_rng(0)
    columns = np.c_[
        rng.lognormal(1.2, 0.45, n), rng.integers(1, 52, n), rng.lognormal(1.6, 0.3, n),
        rng.lognormal(7.0, 0.7, n), rng.uniform(32, 42, n), rng.uniform(-124, -114, n),
    ]  # fmt: skip
    price = 45_000 * columns[:, 0] + 900 * columns[:, 1] - 30_000 * (columns[:, 4] - 37) + 5e4
    return columns, price + 3e4 * rng.normal(size=n)


@pytest.mark.parametrize("optimizer", ["adam", "adamw", "nadam", "radam", "adamax", "rmsprop", "adagrad",
                                       "adadelta", "ftrl", "schedule_free_adamw", "sgd"])  # fmt: skip
def test_prices_are_learned_with_default_settings(optimizer):
    columns, price = housing()
    exact = np.c_[columns, np.ones(len(price))]
    best = r2_score(price, exact @ np.linalg.lstsq(exact, price)[0])
    model = mb.fit(columns, price, optimizer=optimizer, standardize=True, epochs=30)
    assert r2_score(price, model.predict(columns)) > best - 0.05


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_columns_of_any_size_and_constant_ones(dtype):
    x = (STANDARD * [1e-12, 1e12, 1.0, 1e-25]).astype(dtype)
    x = np.c_[x, np.full(N, dtype(7.25)), np.full(N, dtype(1e12)), np.zeros(N, dtype)]
    y = STANDARD @ [1.0, 2.0, 3.0, 4.0]
    model = mb.fit(x, y, standardize=True, epochs=100, batch_size=16)
    assert np.isfinite(model.coef).all()
    np.testing.assert_array_equal(model.standardization.scale[4:], 1)
    np.testing.assert_array_equal(model.coef[4:], 0)
    assert r2_score(y, model.predict(x)) > 1 - 1e-4
    without = mb.fit(
        x[:, :5], y, standardize=True, fit_intercept=False, epochs=5, optimizer=optimizers.SGD(0.01)
    )
    assert np.isfinite(without.coef).all()
    assert without.standardization.scale[4] == 1


def test_a_column_far_from_zero_keeps_its_digits():
    near = STANDARD[:, :1]
    far = near + 1e6
    a, b = (mb.fit(x, Y, standardize=True, epochs=20, batch_size=16) for x in (near, far))
    np.testing.assert_allclose(a.coef, b.coef, rtol=1e-8)
    huge = mb.fit(near * 1e300, Y, standardize=True, epochs=20, batch_size=16)
    np.testing.assert_allclose(huge.coef * 1e300, a.coef, rtol=1e-9)
    tiny = mb.fit(near * 1e-300, Y / 1e5, standardize=True, epochs=20, batch_size=16)
    np.testing.assert_allclose(tiny.coef * 1e-300 * 1e5, a.coef, rtol=1e-8)


def test_coefficients_outside_of_the_type_are_refused():
    x = (STANDARD * [1e-34, 1, 1, 1]).astype(np.float32)
    with pytest.raises(ValueError, match=r"X must be float64: column 0 has a spread of 9\.\d+e-35, beside"):
        mb.fit(x, Y, standardize=True)
    tiny = STANDARD.astype(np.float32) * np.float32(1e-30)
    large = STANDARD.astype(np.float32) * np.float32(1e30), LABELS
    with pytest.raises(ValueError, match="X must be within the range of float32 once standardised"):
        mb.fit(tiny, LABELS, loss="log_loss", standardize=True, validation=large)


@pytest.mark.parametrize("make", [
    np.asfortranarray, lambda x: np.repeat(x, 2, axis=0)[::2], pd.DataFrame, lambda x: x.tolist(),
    lambda x: np.lib.stride_tricks.as_strided(x, x.shape, x.strides, writeable=False),
], ids=["fortran", "strided", "frame", "list", "read-only"])  # fmt: skip
def test_any_input_is_taken_and_left_alone(make):
    given_ = make(X.copy())
    model = mb.fit(given_, list(Y), standardize=True, epochs=2)
    assert model.coef.tobytes() == mb.fit(X, Y, standardize=True, epochs=2).coef.tobytes()
    np.testing.assert_array_equal(np.asarray(given_), X)


def test_one_row():
    model = mb.fit([[3.0, 1e6]], [150.0], standardize=True, epochs=3)
    assert model.predict([[3.0, 1e6]]) == pytest.approx([150.0])
    mb.fit([[3.0, 1e6]], ["a"], classes=["a", "b"], loss="log_loss", standardize=True, epochs=3)


def test_errors_are_those_of_the_data_as_given():
    bad = X.copy()
    bad[7, 2] = np.nan
    with pytest.raises(ValueError, match="X must be finite, got NaN at row 7, column 2"):
        mb.fit(bad, Y, standardize=True)
    with pytest.raises(ValueError, match="validation: X must be finite, got NaN at row 7, column 2"):
        mb.fit(X, Y, standardize=True, validation=(bad, Y))
    with pytest.raises(ValueError, match="X must be finite, got NaN at row 7, column 2"):
        mb.fit(bad, Y, standardize=True, resume=mb.fit(X, Y, standardize=True, epochs=1))
    with pytest.raises(ValueError, match="y must be finite, got inf at row 2"):
        mb.fit(X, np.where(np.arange(N) == 2, np.inf, Y), standardize=True)
    with pytest.raises(ValueError, match="sample_weight"):
        mb.fit(X, Y, standardize=True, sample_weight=-WEIGHT - 1)
    with pytest.raises(ValueError, match="sample_weight"):
        mb.fit(X, Y, standardize=True, sample_weight=np.zeros(N))


def test_an_interrupted_run_has_its_result_in_the_units_of_the_data():
    def interrupt(progress):
        if progress.epoch == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt) as raised:
        mb.fit(X, Y, standardize=True, optimizer=SGD, epochs=5, callback=interrupt)
    part = raised.value.result
    two = mb.fit(X, Y, standardize=True, optimizer=SGD, epochs=2)
    assert part.coef.tobytes() == two.coef.tobytes()
    whole = mb.fit(X, Y, standardize=True, optimizer=SGD, epochs=5)
    rest = mb.fit(X, Y, standardize=True, optimizer=SGD, epochs=3, resume=part)
    assert rest.coef.tobytes() == whole.coef.tobytes()
    with pytest.raises(mb.DivergenceError) as diverged:
        mb.fit(X, Y, standardize=True, optimizer=optimizers.SGD(1e3), epochs=500)
    assert np.isfinite(diverged.value.result.coef).all()


def test_bits_are_the_same_for_every_number_of_threads():
    made = [mb.fit(X, Y, epochs=2, n_threads=n, **everything()).coef.tobytes() for n in (1, 2, 3)]
    assert len(set(made)) == 1


def test_targets_in_double_are_centred_before_they_are_rounded_to_the_type_of_x():
    y = 1e8 + STANDARD[:, 0]  # float32 has 8 between its numbers there
    model = mb.fit(STANDARD.astype(np.float32), y, standardize=True, epochs=30, batch_size=16)
    np.testing.assert_allclose(model.coef, [1, 0, 0, 0], atol=1e-3)


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    n=st.integers(2, 40),
    d=st.integers(1, 5),
    exponent=st.integers(-12, 12),
    far=st.sampled_from([0.0, 1.0, 1e6]),
    dtype=st.sampled_from([np.float32, np.float64]),
    loss=st.sampled_from(["squared_error", "absolute_error", "log_loss"]),
    weighted=st.booleans(),
    center=st.booleans(),
)
def test_moments_and_models_are_those_of_scikit_learn(
    seed, n, d, exponent, far, dtype, loss, weighted, center
):
    rng = np.random.default_rng(seed)
    far = far if center else 0.0  # columns far from 0 that nobody centres have no good rate
    x = ((rng.normal(size=(n, d)) + far) * 10.0**exponent).astype(dtype)
    y = rng.normal(size=n) * 10.0**-exponent if loss != "log_loss" else np.arange(n) % 2
    weight = rng.uniform(0.1, 2, n) if weighted else None
    exact = x.astype(float)
    mean = np.average(exact, axis=0, weights=weight)
    scale = np.sqrt(np.average((exact - mean) ** 2, axis=0, weights=weight))
    assume((scale > 4 * np.finfo(dtype).eps * np.abs(exact).max(axis=0)).all())  # else columns are constant
    ours = mb.fit(
        x, y, loss=loss, sample_weight=weight, fit_intercept=center, standardize=True, epochs=2, optimizer=SGD
    )
    units = ours.standardization
    np.testing.assert_allclose(units.scale, scale, rtol=1e-6 if dtype == np.float32 else 1e-9)
    if center:
        np.testing.assert_allclose(
            units.mean, mean, rtol=1e-7 if dtype == np.float32 else 1e-12, atol=1e-6 * scale.max()
        )
    prediction = ours.predict(exact) if loss != "log_loss" else ours.decision_function(exact)
    assert np.isfinite(prediction).all()
    assert np.isfinite(ours.coef).all()
    path = mb.fit(x, y, loss=loss, sample_weight=weight, fit_intercept=center, standardize=True, epochs=2,
                  optimizer=SGD, record="path").history.path  # fmt: skip
    np.testing.assert_array_equal(path[-1, :-1], ours.coef)
