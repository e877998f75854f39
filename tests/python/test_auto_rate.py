"""A rate that nobody has to tune: its constants, what it promises, and how good it is."""

import mbgd_rs as mb
import numpy as np
import pytest
from mbgd_rs.optimizers import SGD
from sklearn import datasets

RNG = np.random.default_rng(3)
N, D = 200, 5
X = RNG.normal(size=(N, D)) * [1, 3, 0.5, 2, 1] + [0, 1, 0, -1, 2]
SCORE = X @ RNG.normal(size=D)
TARGETS = {
    "squared_error": SCORE + RNG.normal(size=N),
    "log_loss": (SCORE + RNG.normal(size=N) > SCORE.mean()).astype(int),
    "softmax": np.digitize(SCORE + RNG.normal(size=N), np.quantile(SCORE, [0.3, 0.7])),
    "hinge": (SCORE + RNG.normal(size=N) > SCORE.mean()).astype(int),
}
CURVATURE = {"squared_error": 1.0, "log_loss": 0.25, "softmax": 0.5, "hinge": 1.0}


def name(loss):
    return "log_loss" if loss == "softmax" else loss


def is_finite(result):
    return bool(np.isfinite(result.coef).all() and np.isfinite(result.intercept).all())


# ---- the constants


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("is_weighted", [False, True])
@pytest.mark.parametrize("fit_intercept", [False, True])
@pytest.mark.parametrize("loss", TARGETS)
def test_smoothness_is_the_largest_eigenvalue_and_that_of_rows_the_largest_norm(
    loss, fit_intercept, is_weighted, dtype
):
    s = RNG.random(N) if is_weighted else np.ones(N)
    rows = np.column_stack([X, np.full(N, float(fit_intercept))])
    scaled = s / s.mean()
    full = CURVATURE[loss] * np.linalg.eigvalsh((rows.T * scaled) @ rows / N)[-1] + 0.3
    row = CURVATURE[loss] * (scaled * (rows**2).sum(axis=1)).max() + 0.3
    found = mb.fit(
        X.astype(dtype), TARGETS[loss], loss=name(loss), fit_intercept=fit_intercept, epochs=1,
        sample_weight=s if is_weighted else None, penalty=mb.penalties.L2(0.3), batch_size=10,
        optimizer="sgd",
    ).auto_rate  # fmt: skip
    assert found.smoothness == pytest.approx(full, rel=1e-3)
    assert found.smoothness <= full * 1.00001
    assert found.row_smoothness == pytest.approx(row, rel=1e-5)


@pytest.mark.parametrize("replacement", [False, True])
@pytest.mark.parametrize("b", [1, 2, 17, 199, 200])
def test_expected_smoothness_by_batch_size(b, replacement):
    found = mb.fit(
        X,
        TARGETS["squared_error"],
        batch_size=b,
        epochs=1,
        replacement=replacement,
        record="step",
        optimizer="sgd",
    )
    rate = found.auto_rate
    full, row, n = rate.smoothness, rate.row_smoothness, N
    expected = n * (b - 1) / (b * (n - 1)) * full + (n - b) / (b * (n - 1)) * row
    if replacement:
        expected = (b - 1) / b * full + row / b
    assert rate.batch_smoothness == pytest.approx(expected, rel=1e-12)
    assert found.history.learning_rate[0] == pytest.approx(1 / expected, rel=1e-12)


def test_many_rows_are_sampled_for_smoothness_but_all_are_looked_at_for_the_largest():
    rows = np.random.default_rng(0).normal(size=(50_000, 3))
    rows[12_345] = 40
    found = mb.fit(rows, rows[:, 0], epochs=1, optimizer="sgd").auto_rate
    assert found.smoothness == pytest.approx(1.0, rel=0.15)
    assert found.row_smoothness == pytest.approx(3 * 40**2 + 1)


def test_momentum_takes_its_share():
    rates = [
        mb.fit(
            X,
            TARGETS["hinge"],
            loss="hinge",
            batch_size=8,
            epochs=1,
            optimizer=SGD(momentum=m),
            record="step",
        )
        for m in (0.0, 0.9)
    ]
    plain, heavy = (run.history.learning_rate[0] for run in rates)
    assert heavy == pytest.approx(plain / 10)


# ---- what it promises


@pytest.mark.parametrize("momentum", [0.0, 0.9])
@pytest.mark.parametrize("b", [1, 7, 64, "full"])
@pytest.mark.parametrize("loss", TARGETS)
def test_it_goes_the_way_of_the_reference(loss, b, momentum):
    arguments = {
        "loss": name(loss), "batch_size": b, "epochs": 8, "penalty": "elasticnet",
        "optimizer": SGD(momentum=momentum), "record": ("step", "path", "full_loss"),
    }  # fmt: skip
    result = mb.fit(X, TARGETS[loss], **arguments)
    expected = mb.reference.fit(X, TARGETS[loss], **arguments)
    # The rates of full batches come from differences of gradients, which cancel.
    for record in ("learning_rate", "path", "full_loss", "step_loss"):
        np.testing.assert_allclose(
            getattr(result.history, record), expected.history[record], rtol=1e-5, atol=1e-7
        )
    np.testing.assert_allclose(result.coef, expected.coef, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("b", [1, 32, "full"])
@pytest.mark.parametrize("loss", TARGETS)
def test_epochs_then_more_are_all_at_once_bit_for_bit(loss, b):
    arguments = {"loss": name(loss), "batch_size": b, "record": ("step", "path"), "optimizer": "sgd"}
    at_once = mb.fit(X, TARGETS[loss], **arguments, epochs=9)
    run = mb.fit(X, TARGETS[loss], **arguments, epochs=1)
    for epochs in (3, 0, 5):
        run = mb.fit(X, TARGETS[loss], **arguments, epochs=epochs, resume=run)
    assert run.coef.tobytes() == at_once.coef.tobytes()
    assert run.history.path.tobytes() == at_once.history.path.tobytes()
    assert run.history.learning_rate.tobytes() == at_once.history.learning_rate.tobytes()
    assert run.auto_rate == at_once.auto_rate


@pytest.mark.parametrize("b", [32, "full"])
def test_threads_do_not_change_a_bit(b):
    rows = np.random.default_rng(1).normal(size=(20_000, 30)).astype(np.float32)
    y = rows[:, 0] + rows[:, 1] ** 2 > 0.5
    runs = [
        mb.fit(rows, y, loss="log_loss", batch_size=b, epochs=4, n_threads=n, optimizer="sgd")
        for n in (1, 2, 5)
    ]
    assert len({run.coef.tobytes() for run in runs}) == 1
    assert len({run.auto_rate for run in runs}) == 1


def test_another_batch_size_or_a_given_rate_begins_anew():
    y = TARGETS["squared_error"]
    full = mb.fit(X, y, batch_size="full", epochs=3, optimizer="sgd")
    batches = mb.fit(X, y, batch_size=10, epochs=3, resume=full, optimizer="sgd")
    assert (full.auto_rate.method, batches.auto_rate.method) == ("spectral", "trials")
    assert mb.fit(X, y, epochs=1, optimizer=SGD(0.01), resume=full).auto_rate is None
    assert mb.fit(X, y, epochs=0, optimizer="sgd").auto_rate is None


def test_only_fit_can_choose():
    w = np.zeros(2)
    with pytest.raises(ValueError, match=r"learning_rate must be .* where there are no data to choose it by"):
        SGD().step(SGD().init(w), w, w)
    with pytest.raises(ValueError, match="only fit has some, got 'auto'"):
        mb.minimize(lambda w, x: (0.0, w), w, np.zeros(4), batch_size=2, optimizer="sgd")
    with pytest.raises(TypeError, match="a function of the step or 'auto', got 'best'"):
        SGD("best")
    with pytest.raises(
        TypeError,
        match="a function of the step, for only SGD, SAGA and SVRG choose one by themselves, got 'auto'",
    ):
        mb.optimizers.Adam("auto")
    for schedule in (mb.schedules.Warmup, mb.schedules.Plateau):
        with pytest.raises(
            TypeError, match="must be a number, a schedule or a function of the step, got 'auto'"
        ):
            schedule("auto", 3)


# ---- data that a sane person would pass, and others

SCALES = {
    "tiny": np.full(D, 1e-6),
    "huge": np.full(D, 1e6),
    "mixed": np.logspace(-6, 6, D),
    "one huge": np.array([1e6, 1, 1, 1, 1]),
    "constant columns": np.array([0, 0, 1, 1, 0.0]),
    "nothing": np.zeros(D),
}


@pytest.mark.parametrize("momentum", [0.0, 0.9])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("loss", TARGETS)
def test_no_scale_of_the_columns_makes_it_diverge(loss, scale, dtype, momentum):
    rows = (X * SCALES[scale] + (scale == "constant columns")).astype(dtype)
    for b in (1, 32, "full"):
        arguments = {"loss": name(loss), "batch_size": b, "penalty": "l2"}
        result = mb.fit(rows, TARGETS[loss], epochs=5, optimizer=SGD(momentum=momentum), **arguments)
        assert is_finite(result)
        zeros = mb.fit(rows, TARGETS[loss], epochs=0, **arguments)
        start, end = (
            mb.gradient(rows, TARGETS[loss], r, loss=name(loss), penalty="l2")[0] for r in (zeros, result)
        )
        assert end <= start * 1.021, b


@pytest.mark.parametrize("scale", [1e-12, 1e12])
@pytest.mark.parametrize("b", [1, 32, "full"])
def test_targets_of_any_scale(b, scale):
    y = TARGETS["squared_error"] * scale
    plain = mb.fit(X, TARGETS["squared_error"], batch_size=b, epochs=5, optimizer="sgd")
    result = mb.fit(X, y, batch_size=b, epochs=5, optimizer="sgd")
    np.testing.assert_allclose(result.coef, plain.coef * scale, rtol=1e-6)


@pytest.mark.parametrize("n", [1, 2, 3])
@pytest.mark.parametrize("b", [1, 2, "full"])
def test_hardly_any_rows(n, b):
    assert is_finite(mb.fit(X[:n], TARGETS["squared_error"][:n], batch_size=b, epochs=5, optimizer="sgd"))
    if n > 1:
        assert is_finite(
            mb.fit(X[:n], np.arange(n), loss="log_loss", batch_size=b, epochs=5, optimizer="sgd")
        )


def test_weights_that_differ_by_a_million():
    s = 10.0 ** RNG.uniform(-6, 6, N)
    for b in (1, 32, "full"):
        for loss in TARGETS:
            assert is_finite(
                mb.fit(
                    X,
                    TARGETS[loss],
                    loss=name(loss),
                    sample_weight=s,
                    batch_size=b,
                    epochs=5,
                    optimizer="sgd",
                )
            )


@pytest.mark.parametrize("b", [1, 32, "full"])
def test_where_it_begins_far_away(b):
    far = (np.full(D, 1e4), -1e4)
    for loss in ("squared_error", "log_loss", "hinge"):
        result = mb.fit(X, TARGETS[loss], loss=loss, init=far, batch_size=b, epochs=20, optimizer="sgd")
        start, end = (
            mb.gradient(X, TARGETS[loss], at, loss=loss)[0] for at in (far, (result.coef, result.intercept))
        )
        assert end < (0.1 if loss == "squared_error" else 0.5) * start


# ---- how near it comes: benches/python/auto_rate.py has the whole table

SETS = {
    "linnerud": "squared_error",
    "iris": "log_loss",
    "wine": "log_loss",
    "diabetes": "squared_error",
    "breast_cancer": "log_loss",
}


def standardised(rows):
    return (rows - rows.mean(axis=0)) / rows.std(axis=0)


@pytest.mark.parametrize("b", [1, 32, 256, "full"])
@pytest.mark.parametrize("set_", SETS)
def test_standardised_sets_come_near_the_best_of_a_grid_of_constants(set_, b):
    loss = SETS[set_]
    rows, y = getattr(datasets, f"load_{set_}")(return_X_y=True)
    rows = standardised(rows)
    arguments = {"loss": loss, "batch_size": b, "epochs": 20, "n_threads": 1, "optimizer": "sgd"}

    def objective(result):
        return mb.gradient(rows, y, result, loss=loss)[0]

    start = objective(mb.fit(rows, y, **{**arguments, "epochs": 0}))
    auto = mb.fit(rows, y, **arguments)
    losses = []
    for j in range(-3, 9):
        try:
            losses.append(
                objective(
                    mb.fit(
                        rows,
                        y,
                        **{**arguments, "optimizer": SGD(2.0**j / auto.auto_rate.batch_smoothness)},
                    )
                )
            )
        except mb.DivergenceError:
            continue
    best = min(losses)
    assert objective(auto) - best <= 0.05 * (start - best)
    if loss == "squared_error":
        assert objective(auto) <= 1.05 * best


@pytest.mark.parametrize("set_", ["iris", "breast_cancer"])
def test_after_failures_the_rate_comes_back(set_):
    rows, y = getattr(datasets, f"load_{set_}")(return_X_y=True)
    rate = mb.fit(standardised(rows), y, loss="log_loss", batch_size=1, epochs=20, optimizer="sgd").auto_rate
    assert rate.learning_rate * rate.batch_smoothness > 0.5


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_columns_of_zeros_have_a_rate(dtype):
    X = np.zeros((6, 3), dtype)
    Y = np.arange(12.0).reshape(6, 2)
    model = mb.fit(X, Y, loss="huber", fit_intercept=False, batch_size=2, epochs=2, optimizer="sgd")
    assert not model.coef.any()
    assert np.isfinite(
        mb.fit(X + dtype(1e-25), Y, fit_intercept=False, batch_size=2, epochs=2, optimizer="sgd").coef
    ).all()
