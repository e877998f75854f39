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
