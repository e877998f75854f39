"""Tiny and huge numbers: what has no unit does not depend on one, and nothing is lost in silence."""

import mbgd_rs as mb
import numpy as np
import pytest
from mbgd_rs import optimizers, reference, sampling, schedules, stopping

RNG = np.random.default_rng(2)
X = RNG.normal(size=(80, 3))
TRUE = np.array([1.0, 2.0, -3.0])
Y = X @ TRUE + 0.5
NOISY = Y + RNG.normal(size=80)
LABELS = X[:, 0] > 0
SGD = optimizers.SGD(0.1)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("unit", [1e-300, 1e-45, 1e-42, 1e-30, 1e25, 1e50, 1e300])
def test_weights_have_no_unit(dtype, unit):
    s = RNG.uniform(0.2, 3, 80)
    options = {"optimizer": SGD, "batch_size": 16, "epochs": 3}
    expected = mb.fit(X.astype(dtype), NOISY, sample_weight=s, **options)
    result = mb.fit(X.astype(dtype), NOISY, sample_weight=s * unit, **options)
    np.testing.assert_allclose(result.coef, expected.coef, rtol=20 * np.finfo(dtype).eps)
    spec = reference.fit(X.astype(dtype), NOISY, sample_weight=s * unit, **options)
    np.testing.assert_allclose(result.coef, spec.coef, rtol=1e-4 if dtype == np.float32 else 1e-9)


def test_likelihood_weights_find_weighted_least_squares():
    s = np.exp(-RNG.uniform(95, 103, 80))
    A = np.c_[X, np.ones(80)] * np.sqrt(s / s.max())[:, None]
    exact = np.linalg.lstsq(A, NOISY * np.sqrt(s / s.max()), rcond=None)[0]
    r = mb.fit(X.astype("f4"), NOISY, sample_weight=s, optimizer=SGD, batch_size="full", epochs=1500)
    np.testing.assert_allclose([*r.coef, r.intercept], exact, atol=1e-4)


@pytest.mark.parametrize("s", [1.7e308, 1e-310])
@pytest.mark.parametrize(
    "class_weight", ["balanced", {True: 1e-200, False: 2e-200}, {True: 1e300, False: 2e300}]
)
def test_weights_of_classes_have_no_unit_either(s, class_weight):
    options = {"loss": "log_loss", "optimizer": SGD, "epochs": 2}
    like = class_weight if class_weight == "balanced" else {True: 1.0, False: 2.0}
    expected = mb.fit(X, LABELS, class_weight=like, **options)
    result = mb.fit(X, LABELS, sample_weight=np.full(80, s), class_weight=class_weight, **options)
    np.testing.assert_allclose(result.coef, expected.coef, rtol=1e-12)


@pytest.mark.parametrize("unit", [1e-50, 1e50])
def test_a_wrong_weight_is_named_as_it_was_given(unit):
    s = np.full(80, unit)
    for wrong in (-unit, np.nan, np.inf):
        s[7] = wrong
        with pytest.raises(ValueError, match=r"sample_weight must be finite and >= 0, got .* at row 7"):
            mb.fit(X.astype("f4"), Y, sample_weight=s)


@pytest.mark.parametrize("unit", [1e-305, 1e-30, 1e30, 1e300])
def test_sampling_weights_have_no_unit(unit):
    w = RNG.uniform(0.2, 3, 80)
    expected = [rows.tolist() for rows in mb.Batches(80, 16, shuffle=sampling.Weighted(w)).epoch(0)]
    found = [rows.tolist() for rows in mb.Batches(80, 16, shuffle=sampling.Weighted(w * unit)).epoch(0)]
    assert found == expected


@pytest.mark.parametrize("batch_size", [32, "full"])
@pytest.mark.parametrize("unit", [1e-35, 1e-30, 1e-25, 1e-19, 1.0, 1e12, 1e17, 1e19])
def test_targets_in_any_unit(unit, batch_size):
    rows, y = X.astype("f4"), (Y * unit).astype("f4")
    for optimizer in ("sgd", SGD):
        result = mb.fit(rows, y, optimizer=optimizer, batch_size=batch_size, epochs=200)
        np.testing.assert_allclose(result.coef.astype(float) / unit, TRUE, atol=2e-3)
    start = mb.gradient(rows, y, (np.zeros(3), 0.0))[0]
    assert start == pytest.approx(np.mean(np.square(y.astype(float))) / 2, rel=1e-5)
    noted = mb.fit(
        rows, y, optimizer=SGD, batch_size="full", epochs=1, validation=(rows, y), record="full_loss"
    )
    first = mb.gradient(rows, y, noted)[0]
    assert noted.history.epoch_loss[0] == pytest.approx(start, rel=1e-5)
    np.testing.assert_allclose(
        [noted.history.full_loss[0], noted.history.validation_loss[0]], first, rtol=1e-5
    )
    spec = reference.fit(rows, y, optimizer=SGD, batch_size="full", epochs=1)
    assert spec.history["epoch_loss"][0] == pytest.approx(start, rel=1e-5)


@pytest.mark.parametrize("unit", [1e17, 1e19])
def test_huge_targets_within_a_tolerance(unit):
    loss = mb.losses.SquaredEpsilonInsensitive(0.0)
    rows, y = X.astype("f4"), (Y * unit).astype("f4")
    result = mb.fit(rows, y, loss=loss, epochs=200, batch_size=32)
    np.testing.assert_allclose(result.coef.astype(float) / unit, TRUE, atol=2e-3)
    start = mb.gradient(rows, y, (np.zeros(3), 0.0), loss=loss)[0]
    assert start == pytest.approx(np.mean(np.square(y.astype(float))), rel=1e-5)


def test_several_targets_in_tiny_units():
    Y2 = np.c_[Y, -Y] * 1e-30
    result = mb.fit(X.astype("f4"), Y2, epochs=200, batch_size=32)
    np.testing.assert_allclose(result.coef / 1e-30, [TRUE, -TRUE], atol=2e-3)


@pytest.mark.parametrize("of", ["y", "X", "init"])
def test_what_does_not_fit_single_precision_is_said_to_be_that(of):
    rows = X.astype("f4")
    model = mb.fit(rows, Y, optimizer=SGD, epochs=1)
    large = Y.copy()
    large[3] = 1e39
    calls = {
        "y": lambda: mb.fit(rows, large),
        "X": lambda: model.predict(np.where(np.arange(80)[:, None] == 3, 1e39, X)),
        "init": lambda: mb.fit(rows, Y, init=(np.full(3, 1e39), 0.0)),
    }
    what = r'init\["coef"\]' if of == "init" else of
    with pytest.raises(ValueError, match=rf"{what} must be within the range of float32, .*got 1e\+39 at row"):
        calls[of]()
    with pytest.raises(ValueError, match=r"validation: X must be within the range of float32"):
        mb.fit(rows, Y, validation=(X * 1e39, Y))
    with pytest.raises(ValueError, match=r"y must be within the range of float32.*scale y"):
        mb.fit(rows, Y * 1e-50)


@pytest.mark.parametrize("mode", ["min", "max"])
@pytest.mark.parametrize("relative", [False, True])
@pytest.mark.parametrize("value", [0.0, -0.0, 1.0, -3.0, 1e300, np.inf, -np.inf, np.nan])
def test_a_value_that_stays_the_same_is_no_improvement(mode, relative, value):
    for tol in (0.0, 1e-4):
        rule = stopping.NoImprovement("m", tol=tol, patience=3, mode=mode, relative=relative)
        result = mb.fit(X, Y, optimizer=SGD, epochs=50, metrics={"m": lambda t, p: value}, stop=rule)
        assert result.n_epochs == 4 if np.isfinite(value) else result.n_epochs == 3
        assert result.stop_reason == "no_improvement"


def test_what_counts_as_an_improvement():
    values = iter([np.nan, 5.0, 5.0, 4.0, np.inf, 4.0, 3.9999999, 3.0, 3.0, 3.0, 3.0])
    rule = stopping.NoImprovement("m", tol=1e-4, patience=3, restore_best=True)
    result = mb.fit(X, Y, optimizer=SGD, epochs=50, metrics={"m": lambda t, p: next(values)}, stop=rule)
    # nan waits; 5, 4 and, three epochs later, 3 improve: 4.0 and 3.9999999 and infinity do not.
    assert (result.n_epochs, result.best_epoch) == (7, 7)


@pytest.mark.parametrize("mode", ["absolute", "relative"])
def test_a_plateau_falls_where_the_loss_stays_the_same(mode):
    for tol in (0.0, 1e-3):
        sgd = optimizers.SGD(schedules.Plateau(1.0, factor=0.5, n_iter_no_change=2, tol=tol, tol_mode=mode))
        w = np.zeros(1)
        state = sgd.init(w)
        for _ in range(5):
            sgd.end_epoch(state, 0.0)
        assert state.plateau[0] == 0.25  # the first is an improvement, and then twice two are none
        for loss in (np.nan, np.inf, -1.0):
            sgd.end_epoch(state, loss)
        assert state.plateau[1] == -1.0
    nan_first = optimizers.SGD(schedules.Plateau(1.0, tol_mode=mode))
    state = nan_first.init(w)
    nan_first.end_epoch(state, np.nan)
    nan_first.end_epoch(state, 2.0)
    assert state.plateau[1] == 2.0


def test_schedules_of_no_steps():
    s = schedules
    assert [s.Warmup(s.Constant(0.1), n_steps=0)(t) for t in range(3)] == [0.1] * 3
    for fall in (s.Linear, s.Cosine, s.Polynomial):
        none = fall(0.3, n_steps=0, final_learning_rate=0.1)
        assert [none(t) for t in range(3)] == [0.1] * 3
        assert [reference.schedules.learning_rate_at(none, t) for t in range(3)] == [0.1] * 3
        assert fall(0.3, n_steps=20 * 80 / 16) == fall(0.3, n_steps=100)
        with pytest.raises(TypeError, match=r"n_steps must be an integer, got 2\.5"):
            fall(0.3, n_steps=2.5)
