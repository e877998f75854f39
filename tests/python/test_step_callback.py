"""Callbacks with a method `on_step`, which are told of steps within an epoch."""

import mbgd_rs as mb
import numpy as np
import pytest
from mbgd_rs import optimizers
from mbgd_rs.stopping import MaxSteps
from scipy.sparse import csr_array

N, D, N_STEPS = 200, 6, 13  # of an epoch of 16 rows a step
RNG = np.random.default_rng(3)
X = RNG.normal(size=(N, D)) * (RNG.random((N, D)) < 0.4)
Y = X @ RNG.normal(size=D) + RNG.normal(size=N)
HOW = {"batch_size": 16, "optimizer": optimizers.SGD(0.05, momentum=0.5), "penalty": mb.penalties.L2(0.01)}


class Watcher:
    """Keeps what it is told; acts after a step."""

    def __init__(self, every_steps=1, wants_params=False, at=None, act=lambda: None):
        self.every_steps, self.wants_params = every_steps, wants_params
        self.at, self.act = at, act
        self.steps = []

    def on_step(self, progress):
        self.steps.append(progress)
        return self.act() if progress.n_steps == self.at else None

    def told(self, name):
        return np.array([getattr(progress, name) for progress in self.steps])


class EpochsToo(Watcher):
    def __call__(self, progress):
        self.steps.append(progress)


SETTINGS = {
    "momentum": {},
    "single rows": {"batch_size": 1, "optimizer": optimizers.SGD(0.02), "epochs": 1},
    "adam, clipped": {"optimizer": optimizers.Adam(mb.schedules.InverseScaling(0.1)), "clip_norm": 0.1},
    "saga": {"optimizer": "saga", "epochs": 3},
    "average": {"average": "ema", "accumulate": 2},
    "standardize": {"standardize": True},
    "softmax": {"loss": "log_loss", "optimizer": "sgd"},
}


@pytest.mark.parametrize("every", [1, 5])
@pytest.mark.parametrize("is_sparse", [False, True])
@pytest.mark.parametrize("name", SETTINGS)
def test_what_is_told_is_what_is_recorded(name, is_sparse, every):
    how = {**HOW, "epochs": 2, **SETTINGS[name]}
    y = np.digitize(Y, [-1, 1]) if name == "softmax" else Y
    rows = csr_array(X) if is_sparse else X
    watcher = Watcher(every, wants_params=True)
    unseen = mb.fit(rows, y, **how)
    seen = mb.fit(rows, y, **how, callback=watcher)
    recorded = mb.fit(rows, y, **how, record=("step", "path")).history
    assert seen.coef.tobytes() == unseen.coef.tobytes()
    assert seen.history.epoch_loss.tobytes() == unseen.history.epoch_loss.tobytes()
    at = np.arange(every - 1, len(recorded.step_loss), every)
    np.testing.assert_array_equal(watcher.told("n_steps"), at + 1)
    for told, name_ in (
        ("loss", "step_loss"),
        ("learning_rate", "learning_rate"),
        ("gradient_norm", "gradient_norm"),
        ("batch_size", "batch_size"),
    ):
        np.testing.assert_array_equal(watcher.told(told), getattr(recorded, name_)[at])
    params = [np.append(progress.coef, progress.intercept) for progress in watcher.steps]
    np.testing.assert_array_equal(params, recorded.path[at])
    assert (np.diff(watcher.told("elapsed")) >= 0).all()
    assert watcher.told("epoch")[-1] in (how["epochs"] - 1, how["epochs"])


def test_parameters_are_told_on_demand_only():
    watcher = Watcher()
    mb.fit(X, Y, **HOW, epochs=1, callback=watcher)
    assert len(watcher.steps) == N_STEPS
    assert all(progress.coef is None and progress.intercept is None for progress in watcher.steps)


def test_steps_and_epochs_come_in_their_order():
    watcher = EpochsToo(every_steps=5)
    mb.fit(X, Y, **HOW, epochs=2, callback=watcher, metrics={"size": lambda y, p: np.abs(p).max()})
    kinds = [type(progress).__name__ for progress in watcher.steps]
    assert kinds == ["StepProgress"] * 2 + ["Progress"] + ["StepProgress"] * 3 + ["Progress"]
    assert watcher.told("n_steps").tolist() == [5, 10, 13, 15, 20, 25, 26]


@pytest.mark.parametrize("at", [1, 7, 13, 14, 26])
@pytest.mark.parametrize("optimizer", ["auto", "adam", optimizers.SGD()])
def test_a_run_that_a_step_ends_goes_on_to_the_bit(at, optimizer):
    how = {**HOW, "optimizer": optimizer, "validation": 0.2, "batch_size": 13}
    whole = mb.fit(X, Y, **how, epochs=3)
    part = mb.fit(X, Y, **how, epochs=3, callback=Watcher(at=at, act=lambda: True))
    assert part.stop_reason is mb.StopReason.CALLBACK
    assert part.n_steps == at
    watcher = Watcher(every_steps=4)
    again = mb.fit(X, Y, **how, epochs=3 - part.n_epochs, resume=part, callback=watcher)
    assert again.coef.tobytes() == whole.coef.tobytes()
    assert again.history.epoch_loss.tobytes() == whole.history.epoch_loss.tobytes()
    assert again.history.validation_loss.tobytes() == whole.history.validation_loss.tobytes()
    assert all(told % 4 == 0 and told > at for told in watcher.told("n_steps"))


@pytest.mark.parametrize("answer", [1, "yes", np.array([True]), None, False])
def test_nothing_else_than_true_ends_a_run(answer):
    assert mb.fit(X, Y, **HOW, epochs=1, callback=Watcher(at=2, act=lambda: answer)).n_steps == N_STEPS


@pytest.mark.parametrize("at", [4, N_STEPS, N_STEPS + 3])
@pytest.mark.parametrize("kind", [ZeroDivisionError, KeyboardInterrupt])
def test_an_exception_carries_the_run_so_far(kind, at):
    def fail():
        raise kind("in a step")

    with pytest.raises(kind, match="in a step") as raised:
        mb.fit(X, Y, **HOW, epochs=3, callback=Watcher(at=at, act=fail))
    part = raised.value.result
    assert part.n_steps == at
    assert part.stop_reason is mb.StopReason.INTERRUPTED
    again = mb.fit(X, Y, **HOW, epochs=3 - part.n_epochs, resume=part)
    assert again.coef.tobytes() == mb.fit(X, Y, **HOW, epochs=3).coef.tobytes()


def test_rules_and_records_go_along():
    watcher = Watcher()
    r = mb.fit(X, Y, **HOW, epochs=3, stop=MaxSteps(9), record="step", callback=watcher)
    assert r.n_steps == len(watcher.steps) == 9
    np.testing.assert_array_equal(r.history.step_loss, watcher.told("loss"))


def test_nothing_is_told_of_rows_that_are_not_finite():
    big = np.tile(X, (200, 1))
    big[-1, 2] = np.nan
    watcher = Watcher(every_steps=1000)
    with pytest.raises(ValueError, match="X must be finite, got NaN at row 39999, column 2"):
        mb.fit(big, np.tile(Y, 200), **{**HOW, "batch_size": 1}, callback=watcher, epochs=1)
    assert not watcher.steps


@pytest.mark.parametrize(
    ("every", "wants_params", "kind", "message"),
    [
        (0, False, ValueError, r"callback\.every_steps must be >= 1, got 0"),
        (1.5, False, TypeError, r"callback\.every_steps must be an integer, got 1\.5"),
        (1, "yes", TypeError, r"callback\.wants_params must be a bool, got 'yes'"),
    ],
)
def test_what_makes_no_sense_is_refused(every, wants_params, kind, message):
    with pytest.raises(kind, match=message):
        mb.fit(X, Y, callback=Watcher(every, wants_params))
    with pytest.raises(TypeError, match="callback must be callable or have a method on_step, got 3"):
        mb.fit(X, Y, callback=3)
