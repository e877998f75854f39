"""A run resumed under another objective: what was best under the old one means nothing any more."""

import mbgd_rs as mb
import numpy as np
import pytest
from mbgd_rs import optimizers as o
from mbgd_rs import schedules, stopping

OPTIMIZERS = {
    "automatic": o.SGD(),
    "automatic, momentum": o.SGD(momentum=0.5),
    "constant": o.SGD(0.05),
    "plateau": o.SGD(schedules.Plateau(0.05, n_iter_no_change=1, tol=1e-3)),
    "adam": o.Adam(0.02),
    "schedule-free": o.ScheduleFreeSGD(0.1),
}


def rows(seed, coef, n=1500):
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, 3))
    return X, X @ coef + 0.1 * rng.standard_normal(n)


@pytest.mark.parametrize("name", OPTIMIZERS)
@pytest.mark.parametrize("rule", [None, stopping.NoImprovement(patience=60, restore_best=True)])
def test_new_rows_are_learned(name, rule):
    how = {"optimizer": OPTIMIZERS[name], "stop": rule, "batch_size": 32}
    first = mb.fit(*rows(0, [1.0, 0.0, 0.0]), epochs=20, **how)
    X, y = rows(1, [0.0, -3.0, 2.0])
    second = mb.fit(X, y + 5, epochs=60, resume=first, **how)
    np.testing.assert_allclose(second.coef, [0.0, -3.0, 2.0], atol=0.1)
    assert second.intercept == pytest.approx(5.0, abs=0.1)


@pytest.mark.parametrize(
    "changed",
    [
        {"sample_weight": np.r_[np.zeros(750), np.ones(750)]},
        {"penalty": mb.penalties.L2(1.0)},
        {"penalty": mb.penalties.L1(0.5)},
    ],
    ids=["weights", "l2", "l1"],
)
def test_other_weights_and_penalties_are_another_objective(changed):
    X, y = rows(0, [1.0, 2.0, 3.0])
    if "sample_weight" in changed:
        y[750:] *= -1
    first = mb.fit(X, y, epochs=20, batch_size=32)
    resumed = mb.fit(X, y, epochs=60, batch_size=32, resume=first, **changed)
    fresh = mb.fit(X, y, epochs=80, batch_size=32, **changed)
    np.testing.assert_allclose(resumed.coef, fresh.coef, atol=0.05)


def test_validation_rows_that_change_are_judged_anew():
    X, y = rows(0, [1.0, 2.0, 3.0])
    rule = stopping.NoImprovement("validation_loss", patience=50, restore_best=True)
    how = {"optimizer": o.SGD(0.01), "batch_size": 32, "stop": rule}
    first = mb.fit(X, y, epochs=5, validation=(X[:200], y[:200]), **how)
    # Against the grain of training: the first epoch of the new run is its best.
    second = mb.fit(X, y, epochs=5, validation=(X[:200], -y[:200]), resume=first, **how)
    assert second.best_epoch == 6
    assert second.state["stopping"][0]["best"] == second.history.validation_loss[5]


@pytest.mark.parametrize("name", OPTIMIZERS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_same_objective_is_resumed_to_the_bit(name, dtype):
    X, y = rows(0, [1.0, 2.0, 3.0])
    rule = stopping.NoImprovement(tol=1e-3, patience=40, restore_best=True)
    how = {"optimizer": OPTIMIZERS[name], "batch_size": 32, "stop": rule, "validation": 0.2}
    whole = mb.fit(X.astype(dtype), y, epochs=9, **how)
    part = mb.fit(X.astype(dtype), y, epochs=4, n_threads=2, **how)
    again = mb.fit(X.astype(dtype), y, epochs=5, resume=part, **how)
    assert part.state["fingerprint"] is not None
    assert again.coef.tobytes() == whole.coef.tobytes()
    assert again.best_epoch == whole.best_epoch
    assert again.history.epoch_loss.tobytes() == whole.history.epoch_loss.tobytes()


N = 800
LAW, OTHER_LAW = [1.0, 0.0, 0.0], [0.0, -3.0, 2.0]
EVERY_OPTIMIZER = {
    "sgd": o.SGD(0.05),
    "momentum": o.SGD(0.02, momentum=0.9),
    "automatic": o.SGD(),
    "automatic, momentum": o.SGD(momentum=0.5),
    "adagrad": o.Adagrad(0.5),
    "rmsprop": o.RMSprop(0.01),
    "adadelta": o.Adadelta(),
    "adam": o.Adam(0.02),
    "adamw": o.AdamW(0.02, weight_decay=0.0),
    "nadam": o.NAdam(0.02),
    "radam": o.RAdam(0.02),
    "adamax": o.Adamax(0.02),
    "lion": o.Lion(0.005, weight_decay=0.0),
    "ftrl": o.FTRL(1.0),
    "sgld": o.SGLD(0.05, temperature=0.0),
    "schedule_free_sgd": o.ScheduleFreeSGD(0.3),
    "schedule_free_adamw": o.ScheduleFreeAdamW(0.05),
    "dog": o.DoG(),
    "plateau": o.SGD(schedules.Plateau(0.05, n_iter_no_change=1, tol=1e-3)),
    "plateau, relative": o.Adam(schedules.Plateau(0.02, n_iter_no_change=1, tol_mode="relative")),
}
AVERAGING = {
    "last": {},
    "polyak": {"average": "polyak"},
    "ema": {"average": mb.averages.EMA(0.999)},
    "best": {"stop": stopping.NoImprovement(patience=1000, restore_best=True)},
    "best of polyak": {"average": "polyak", "stop": stopping.NoImprovement(patience=1000, restore_best=True)},
}
X1, Y1 = rows(0, LAW, N)
X2, Y2 = rows(1, OTHER_LAW, N)
HALF = np.r_[np.zeros(N // 2), np.ones(N // 2)]
MIXED = np.where(HALF == 1, Y1, 3 - Y1)
CHANGES = {
    "rows": ((X1, Y1, {}), (X2, Y2 + 5, {})),
    "weights": ((X1, MIXED, {"sample_weight": 1 - HALF}), (X1, MIXED, {"sample_weight": HALF})),
    "offsets": ((X1, Y1, {}), (X1, Y1, {"offset": 2 - X1[:, 1]})),
    "l2": ((X1, Y1 + 3, {}), (X1, Y1 + 3, {"penalty": mb.penalties.L2(1.0)})),
    "less l2": ((X1, Y1 + 3, {"penalty": mb.penalties.L2(1.0)}), (X1, Y1 + 3, {})),
    "l1": ((X1, Y1 + 3, {}), (X1, Y1 + 3, {"penalty": mb.penalties.L1(0.5)})),
}


def left_out(name, change, how):
    """Why a combination is left out, if it is."""
    if "average" in how and "schedule_free" in name:
        return "the model is an average already"
    if "average" in how and name.startswith("automatic"):
        return "an average has steps of trials that were taken back, also in a new run"
    if name == "ftrl" and change == "l1":
        return "the closed form has the penalty of all steps at once, as its documentation says"
    return None


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("averaging", AVERAGING)
@pytest.mark.parametrize("name", EVERY_OPTIMIZER)
def test_every_optimizer_comes_as_near_to_the_new_optimum_as_a_new_run_from_there(name, averaging, change):
    how = {"optimizer": EVERY_OPTIMIZER[name], "batch_size": 32, **AVERAGING[averaging]}
    if reason := left_out(name, change, how):
        pytest.skip(reason)
    (A, a, before), (B, b, now) = CHANGES[change]
    first = mb.fit(A, a, epochs=150, **how, **before)
    second = mb.fit(B, b, epochs=40, **how, **now, resume=first)
    new = mb.fit(B, b, epochs=40, **how, **now, init=first)
    best = mb.fit(B, b, epochs=300, batch_size="full", **now)
    at_start, resumed, fresh, least = (mb.gradient(B, b, m, **now)[0] for m in (first, second, new, best))
    assert resumed - least < max(0.04 * (at_start - least), 2 * (fresh - least))


@pytest.mark.parametrize("optimizer", ["sgd", "adam", "plateau", "schedule_free_sgd", "automatic"])
def test_the_best_by_other_validation_rows_is_none(optimizer):
    how = {
        "optimizer": EVERY_OPTIMIZER[optimizer],
        "batch_size": 32,
        "stop": stopping.NoImprovement("validation_loss", patience=1000, restore_best=True),
    }
    X, y = X2, Y2 + 5
    first = mb.fit(X, y, epochs=30, validation=(X, -y), **how)
    second = mb.fit(X, y, epochs=10, validation=(X, y), resume=first, **how)
    assert second.best_epoch > 30
    assert second.history.validation_loss[second.best_epoch - 1] == second.history.validation_loss[30:].min()


@pytest.mark.parametrize("name", ["sgd", "adam", "automatic", "schedule_free_sgd"])
@pytest.mark.parametrize("average", ["polyak", None])
def test_an_average_of_the_same_objective_goes_on_to_the_bit(name, average):
    if average and "schedule_free" in name:
        pytest.skip("is an average")
    how = {"optimizer": EVERY_OPTIMIZER[name], "batch_size": 32, "average": average}
    whole = mb.fit(X1, Y1, epochs=7, **how)
    part = mb.fit(X1, Y1, epochs=3, **how, n_threads=2)
    assert mb.fit(X1, Y1, epochs=4, **how, resume=part).coef.tobytes() == whole.coef.tobytes()


ENDED = {
    "cosine": schedules.Cosine(0.1, 200),
    "linear": schedules.Linear(0.1, 200),
    "warmed up": schedules.Warmup(schedules.Cosine(0.1, 150), 50),
    "one cycle": schedules.OneCycle(0.1, 200),
    "exponential": schedules.Exponential(0.1, 0.9),
    "a plateau of an ended one": schedules.Plateau(schedules.Polynomial(0.1, 200)),
}


@pytest.mark.parametrize("name", ENDED)
def test_a_schedule_that_has_ended_says_so(name):
    how = {"optimizer": o.SGD(ENDED[name]), "batch_size": 40}
    first = mb.fit(X1, Y1, epochs=10, **how)
    with pytest.warns(UserWarning, match="and the run begins at step 200: (nothing|hardly anything) will be"):
        mb.fit(X2, Y2, epochs=2, **how, resume=first)


@pytest.mark.parametrize(
    "rate",
    [0.1, schedules.InverseScaling(0.1, 1.0), schedules.Cosine(0.1, 400), schedules.CosineRestarts(0.1, 50)],
)
def test_a_schedule_that_goes_on_says_nothing(rate):
    first = mb.fit(X1, Y1, epochs=10, batch_size=40, optimizer=o.SGD(rate))
    mb.fit(X1, Y1, epochs=1, batch_size=40, optimizer=o.SGD(rate), resume=first)


def test_a_rate_given_as_a_function_is_not_asked_whether_it_has_ended():
    asked = []

    def rate(t):
        asked.append(t)
        return 0.1

    first = mb.fit(X1, Y1, epochs=2, batch_size=100, optimizer=o.SGD(schedules.Warmup(rate, 3)))
    mb.fit(X1, Y1, epochs=1, batch_size=100, optimizer=o.SGD(schedules.Warmup(rate, 3)), resume=first)
    assert len(asked) == len(set(asked)) or max(asked) < 24
