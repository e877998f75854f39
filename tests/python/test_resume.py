"""Going on: a run in pieces is, to the bit, the run in one piece, wherever it was cut."""

import copy
import itertools
import os
import pickle
import re
import signal
import subprocess
import sys

import mbgd_rs as mb
import numpy as np
import pytest
from mbgd_rs import optimizers, schedules
from mbgd_rs.stopping import MaxSeconds, MaxSteps, NoImprovement, TargetLoss

RNG = np.random.default_rng(5)
N, D, N_EPOCHS, N_STEPS = 203, 5, 4, 13  # of an epoch of 16 rows a step; 12 with drop_last
X = RNG.normal(size=(N, D))
Y = X @ RNG.normal(size=D) + RNG.normal(size=N)
LABELS = (Y > 0).astype(int) + (Y > 1)
OPTIMIZERS = {
    "plain": optimizers.SGD(learning_rate=0.1),
    "momentum": optimizers.SGD(learning_rate=0.05, momentum=0.9),
    "nesterov": optimizers.SGD(learning_rate=0.05, momentum=0.8, nesterov=True),
    "auto": optimizers.SGD(),
    "auto, momentum": optimizers.SGD(momentum=0.5),
    "adam": optimizers.Adam(learning_rate=0.05),
    "inverse scaling": optimizers.SGD(schedules.InverseScaling(0.5, 0.5), momentum=0.5),
    "warm-up, cosine": optimizers.Adam(schedules.Warmup(schedules.Cosine(0.1, 40), 20)),
}
DIVISIONS = {
    "full": {},
    "once": {"shuffle": "once"},
    "as they come": {"shuffle": False, "drop_last": True},
    "replacement": {"replacement": True},
    "split": {"validation": 0.2, "sample_weight": RNG.uniform(0, 2, N)},
}
BY_STEP = ("step_loss", "learning_rate", "gradient_norm", "path")


class Cut(Exception):
    """Raised by a callback."""


def after(n_epochs, act):
    """A callback that acts after so many epochs."""
    return {"callback": lambda progress: progress.epoch == n_epochs and act()}


def fail():
    raise Cut


def press_ctrl_c():
    raise KeyboardInterrupt


# How the first piece ends.
INTERRUPTIONS = {
    "epochs": {"epochs": 2},
    "first step": {"stop": MaxSteps(1)},
    "within the second epoch": {"stop": MaxSteps(20)},
    "one step before the end of an epoch": {"stop": MaxSteps(11)},
    "at the end of an epoch": {"stop": MaxSteps(26)},
    "no time": {"stop": MaxSeconds(1e-9)},
    "target": {"stop": TargetLoss(1e9)},
    "callback": after(3, lambda: True),
    "exception": after(2, fail),
    "Ctrl-C": after(1, press_ctrl_c),
}


def arguments_of(division, optimizer="adam"):
    return {
        **DIVISIONS[division],
        "loss": "log_loss",
        "penalty": mb.penalties.ElasticNet(0.01, 0.5),
        "optimizer": OPTIMIZERS[optimizer],
        "batch_size": 16,
        "record": ("step", "path"),
        "seed": 7,
        "metrics": {"accuracy": lambda a, b: (a == b).mean()},
    }


def begun(rows, arguments, interruption):
    """The first piece of a run."""
    try:
        return mb.fit(rows, LABELS, **{**arguments, "epochs": N_EPOCHS, **INTERRUPTIONS[interruption]})
    except (Cut, KeyboardInterrupt) as error:
        return error.result


def assert_same_run(pieces, whole):
    """That two results are equal in all but times."""
    for name in ("coef", "intercept"):
        ours, theirs = np.asarray(getattr(pieces, name)), np.asarray(getattr(whole, name))
        assert ours.dtype == theirs.dtype
        assert ours.tobytes() == theirs.tobytes(), name
    assert (pieces.n_steps, pieces.n_epochs, pieces.best_epoch) == (
        whole.n_steps, whole.n_epochs, whole.best_epoch,
    )  # fmt: skip
    for name in ("epoch_loss", "validation_loss", *BY_STEP):
        np.testing.assert_array_equal(getattr(pieces.history, name), getattr(whole.history, name), name)
    assert pieces.history.metrics.keys() == whole.history.metrics.keys()
    for name, values in whole.history.metrics.items():
        np.testing.assert_array_equal(pieces.history.metrics[name], values)
    for name in ("elapsed", "epoch_elapsed"):
        assert (np.diff(getattr(pieces.history, name)) >= 0).all()
    for name in ("step", "n_seen", "loss_sum"):
        assert pieces.state[name] == whole.state[name]
    assert all(map(np.array_equal, pieces.state["memory"], whole.state["memory"]))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("division", DIVISIONS)
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_the_table(optimizer, division, dtype):
    rows, arguments = X.astype(dtype), arguments_of(division, optimizer)
    whole = mb.fit(rows, LABELS, **arguments, epochs=N_EPOCHS)
    for interruption in INTERRUPTIONS:
        first = begun(rows, arguments, interruption)
        assert (first.stop_reason == "interrupted") == (interruption in ("exception", "Ctrl-C"))
        assert 0 < first.n_steps < whole.n_steps
        left = N_EPOCHS - first.n_epochs
        for saved in (first, copy.deepcopy(first), pickle.loads(pickle.dumps(first))):
            assert_same_run(mb.fit(rows, LABELS, **arguments, epochs=left, resume=saved), whole)


def test_a_run_in_many_pieces():
    arguments = arguments_of("full")
    result = mb.fit(X, LABELS, **arguments, epochs=10, stop=MaxSteps(3))
    while result.n_epochs < 10:
        left = 10 - result.n_epochs
        result = mb.fit(X, LABELS, **arguments, epochs=left, stop=MaxSteps(7), resume=result)
    assert_same_run(result, mb.fit(X, LABELS, **arguments, epochs=10))


@pytest.mark.alone
@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="sets a timer")
@pytest.mark.parametrize("record", ["epoch", ("step", "full_loss"), "full_loss"])
def test_interrupted_anywhere(record):
    """A signal ends the run between any two steps, or while something is looked at."""
    rows = np.random.default_rng(0).normal(size=(3000, 20))
    y = rows[:, 0] + rows[:, 1] ** 2
    arguments = {"batch_size": 50, "record": record, "validation": 0.3, "optimizer": "adam"}
    reached = set()

    def run(**options):
        return mb.fit(rows, y, **arguments, **options)

    def handler(signum, frame):
        raise Cut

    before = signal.signal(signal.SIGALRM, handler)
    try:
        run(epochs=1)  # what is imported late is there then
        for seconds in (0.05, 0.06, 0.08, 0.11, 0.5):
            signal.setitimer(signal.ITIMER_REAL, seconds)
            with pytest.raises(Cut) as caught:
                run(epochs=10**9)
            if not hasattr(caught.value, "result"):  # where others keep the machine busy it had not begun
                continue
            first = caught.value.result
            assert first.stop_reason is mb.StopReason.INTERRUPTED
            reached.add((first.n_epochs, first.state["step"]))
            on = run(epochs=2, resume=first)
            whole = run(epochs=first.n_epochs + 2)
            assert on.coef.tobytes() == whole.coef.tobytes()
            names = ["epoch_loss", "validation_loss", *(["full_loss"] if record == "full_loss" else [])]
            for name in names:
                np.testing.assert_array_equal(getattr(on.history, name), getattr(whole.history, name))
            assert on.history.step_loss.tolist() == whole.history.step_loss.tolist()
            assert on.history.full_loss.shape == whole.history.full_loss.shape
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert len(reached) > 1


def test_an_exception_that_takes_no_attributes_is_raised_all_the_same():
    class Closed(Exception):
        __slots__ = ()

        def __setattr__(self, name, value):
            raise AttributeError(name)

    def refuse(progress):
        raise Closed

    with pytest.raises(Closed):
        mb.fit(X, Y, callback=refuse)


# ---- in another process

FIRST = """
import pickle, sys
sys.path.insert(0, {folder!r})
import mbgd_rs as mb
from test_resume import X, LABELS, arguments_of, MaxSteps
arguments = {{**arguments_of({division!r}), "metrics": None}}
result = mb.fit(X, LABELS, **arguments, epochs=4, stop=MaxSteps(18), n_threads={n_threads})
pickle.dump(result, open({path!r}, "wb"))
"""
SECOND = """
import pickle, sys
sys.path.insert(0, {folder!r})
import mbgd_rs as mb
from test_resume import X, LABELS, arguments_of
arguments = {{**arguments_of({division!r}), "metrics": None}}
first = pickle.load(open({path!r}, "rb"))
result = mb.fit(X, LABELS, **arguments, epochs=3, resume=first, n_threads={n_threads})
pickle.dump(result, open({path!r}, "wb"))
"""


@pytest.mark.parametrize("division", ["full", "split"])
def test_from_one_process_to_another(division, tmp_path):
    path = tmp_path / "result.pickle"
    folder = os.path.dirname(__file__)
    for program, n_threads in ((FIRST, 1), (SECOND, 3)):
        program = program.format(folder=folder, division=division, path=str(path), n_threads=n_threads)
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
        done = subprocess.run(
            [sys.executable, "-c", program], env=environment, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
    arguments = {**arguments_of(division), "metrics": None}
    assert_same_run(pickle.loads(path.read_bytes()), mb.fit(X, LABELS, **arguments, epochs=4))


# ---- rules of stopping


@pytest.mark.parametrize("cut", [1, 13, 20, 30, 45, 60])
@pytest.mark.parametrize("monitor", ["loss", "validation_loss", "m"])
def test_a_rule_remembers(monitor, cut):
    def run(**options):
        metric = {"m": lambda y_true, y_pred: float(np.square(y_true - y_pred).mean())}
        rule = NoImprovement(monitor, tol=0.004, patience=3, restore_best=True)
        stop = [rule, *options.pop("stop", ())]
        arguments = {"batch_size": 16, "seed": 3, "validation": 0.4, "metrics": metric, "stop": stop}
        return mb.fit(X, Y, **arguments, optimizer=optimizers.SGD(0.02), **options)

    whole = run(epochs=500)
    assert whole.stop_reason is mb.StopReason.NO_IMPROVEMENT
    assert whole.best_epoch > 3
    first = run(epochs=500, stop=[MaxSteps(cut)])
    assert first.n_steps == cut
    both = run(epochs=500, resume=pickle.loads(pickle.dumps(first)))
    assert_same_run(both, whole)
    assert both.stop_reason is mb.StopReason.NO_IMPROVEMENT
    with pytest.raises(Cut) as caught:
        run(epochs=500, **after(whole.n_epochs - cut // 20 - 1, fail))
    assert_same_run(run(epochs=500, resume=caught.value.result), whole)


def scripted(values):
    told = iter(values)
    return {"m": lambda y_true, y_pred: next(told)}


def test_a_rule_that_has_ended_a_run_waits_anew():
    rule = NoImprovement("m", tol=0, patience=2, restore_best=True)
    options = {"batch_size": 16, "stop": rule, "epochs": 100}
    first = mb.fit(X, Y, **options, metrics=scripted([3, 1, 2, 2]))
    assert (first.n_epochs, first.best_epoch) == (4, 2)
    second = mb.fit(X, Y, **options, metrics=scripted([2, 2]), resume=first)
    assert (second.n_epochs, second.best_epoch) == (6, 2)
    third = mb.fit(X, Y, **options, metrics=scripted([2, 0.5, 2, 2]), resume=second)
    assert (third.n_epochs, third.best_epoch) == (10, 8)
    assert third.coef.tobytes() == mb.fit(X, Y, batch_size=16, epochs=8).coef.tobytes()
    assert third.history.metrics["m"].tolist() == [3, 1, 2, 2, 2, 2, 2, 0.5, 2, 2]


def test_the_best_model_is_that_of_all_pieces_and_training_goes_on_from_the_last():
    rule = NoImprovement("m", patience=100, restore_best=True)
    options = {"batch_size": 16, "optimizer": OPTIMIZERS["plain"]}
    first = mb.fit(X, Y, **options, epochs=3, stop=rule, metrics=scripted([3, 1, 2]))
    on = mb.fit(X, Y, **options, epochs=2, stop=rule, metrics=scripted([5, 5]), resume=first)
    assert on.best_epoch == 2
    assert on.coef.tobytes() == first.coef.tobytes()
    whole = mb.fit(X, Y, **options, epochs=5)
    assert on.state["params"].tolist() == [*whole.coef, whole.intercept]
    without = mb.fit(X, Y, **options, epochs=2, resume=first)
    assert without.coef.tobytes() == whole.coef.tobytes()
    assert without.best_epoch is None


def test_rules_may_change():
    def run(rule, values, resume=None):
        return mb.fit(X, Y, batch_size=16, epochs=100, stop=rule, metrics=scripted(values), resume=resume)

    first = run(NoImprovement("m", patience=2), [3, 1, 2, 2])
    more_patient = run(NoImprovement("m", patience=3, tol=0.5), [2, 2, 2], first)
    assert more_patient.n_epochs == 7
    other_way = run(NoImprovement("m", patience=2, mode="max"), [0, 0, 0], first)
    assert other_way.n_epochs == 7  # the first epoch is its first
    restoring = run(NoImprovement("m", patience=2, restore_best=True), [2, 3, 3], first)
    assert restoring.best_epoch == 5  # what was not kept cannot be given back


def test_records_of_pieces_stay_in_step():
    first = mb.fit(X, Y, epochs=2)
    second = mb.fit(X, Y, epochs=3, validation=(X, Y), metrics=scripted([1, 2, 3]), resume=first)
    third = mb.fit(X, Y, epochs=1, resume=second)
    np.testing.assert_array_equal(np.isnan(third.history.validation_loss), [1, 1, 0, 0, 0, 1])
    np.testing.assert_array_equal(third.history.metrics["m"], [np.nan, np.nan, 1, 2, 3, np.nan])
    assert third.history.epoch_loss.shape == (6,)


def test_times_go_on_over_an_epoch_in_pieces():
    first = mb.fit(X, Y, batch_size=1, epochs=5, stop=MaxSteps(200))
    assert first.n_epochs == 0
    seconds = first.state["seconds"]
    assert seconds > 0
    on = mb.fit(X, Y, batch_size=1, epochs=1, resume=first)
    assert on.history.epoch_elapsed[0] > seconds
    assert on.state["seconds"] > seconds


def test_epochs_of_a_run_begun_within_one():
    first = mb.fit(X, Y, batch_size=16, epochs=5, stop=MaxSteps(20))
    assert (first.n_epochs, first.state["step"]) == (1, 7)
    one = mb.fit(X, Y, batch_size=16, epochs=1, resume=first)
    assert (one.n_epochs, one.n_steps) == (2, 26)
    none = mb.fit(X, Y, batch_size=16, epochs=0, resume=first)
    assert (none.n_epochs, none.n_steps, none.state["step"]) == (1, 20, 7)


def test_the_begun_run_is_not_changed():
    rule = NoImprovement("validation_loss", restore_best=True)
    options = {"batch_size": 16, "optimizer": "adam", "validation": 0.3, "stop": [rule, MaxSteps(30)]}
    first = mb.fit(X, Y, **options)
    before = pickle.dumps(first)
    mb.fit(X, Y, **options, resume=first)
    assert pickle.dumps(first) == before


# ---- what must stay the same

BASE = {"batch_size": 16, "seed": 1, "optimizer": optimizers.SGD(0.05), "epochs": 1}
RMS_LIKE = optimizers.SGD(0.05, momentum=0.5)
REFUSED = [
    ({"seed": 2}, r"resume must be a run with seed=2, got one with 1"),
    ({"seed": 0}, r"resume must be a run with seed=0, got one with 1"),
    ({"shuffle": "once"}, r"resume must be a run with shuffle='once', got one with 'full'"),
    ({"shuffle": False}, r"resume must be a run with shuffle=False, got one with 'full'"),
    ({"replacement": True}, r"resume must be a run with replacement=True, got one with False"),
    ({"drop_last": True}, r"resume must be a run with drop_last=True, got one with False"),
    ({"fit_intercept": False}, r"resume must be a run with fit_intercept=False, got one with True"),
    ({"validation": 0.2}, r"resume must be a run with validation=0\.2, got one with None"),
    (
        {"optimizer": RMS_LIKE},
        r"resume must be a run of SGD\(.*\), got one of an optimizer with another memory",
    ),
    ({"loss": "log_loss", "y": LABELS}, r"resume must be a run of loss 'log_loss', got 'squared_error'"),
]
REFUSED_WITHIN_AN_EPOCH = [
    ({"batch_size": 8}, r"resume must be a run with batch_size 8, for it ended within an epoch, got 16"),
    ({"X": X[:100], "y": Y[:100]},
     r"resume must be a run with n_rows=100, for it ended within an epoch, got one with 203"),
]  # fmt: skip
ALLOWED = [
    {"penalty": "l1"},
    {"optimizer": optimizers.SGD(0.5)},
    {"optimizer": optimizers.SGD(schedules.InverseScaling(0.1))},
    {"clip_norm": 1.0},
    {"n_threads": 2},
    {"record": "step"},
    {"validation": (X, Y)},
    {"metrics": lambda a, b: 1.0},
    {"stop": NoImprovement()},
    {"sample_weight": np.ones(N)},
    {"epochs": 3},
]


@pytest.mark.parametrize(
    ("changes", "message", "cut"),
    [(*case, cut) for case, cut in itertools.product(REFUSED, (20, 26))]
    + [(*case, 20) for case in REFUSED_WITHIN_AN_EPOCH],
)
def test_what_would_change_the_run_is_refused(changes, message, cut):
    first = mb.fit(X, Y, **{**BASE, "epochs": 5, "stop": MaxSteps(cut)})
    with pytest.raises(ValueError) as caught:
        mb.fit(**{"X": X, "y": Y, **BASE, **changes, "resume": first})
    assert re.fullmatch(message, str(caught.value)), str(caught.value)


def test_another_split_is_refused():
    first = mb.fit(X, Y, **BASE, validation=0.2)
    for validation in (0.3, None, (X, Y)):
        with pytest.raises(ValueError, match=r"resume must be a run with validation=.*, got one with 0\.2"):
            mb.fit(X, Y, **BASE, validation=validation, resume=first)


@pytest.mark.parametrize("changes", ALLOWED, ids=lambda changes: next(iter(changes)))
def test_what_may_change_at_any_time(changes):
    first = mb.fit(X, Y, **{**BASE, "epochs": 5, "stop": MaxSteps(20)})
    assert mb.fit(X, Y, **{**BASE, **changes, "resume": first}).n_steps >= 26


@pytest.mark.parametrize("changes", [change for change, _ in REFUSED_WITHIN_AN_EPOCH], ids=["batch", "rows"])
def test_what_may_change_between_epochs(changes):
    first = mb.fit(X, Y, **BASE)
    assert mb.fit(**{"X": X, "y": Y, **BASE, **changes, "resume": first}).n_epochs == 2


def test_a_warm_start_has_nothing_to_keep():
    first = mb.fit(X, Y, **BASE, stop=MaxSteps(5))
    options = {**BASE, "seed": 9, "optimizer": "adam", "batch_size": 3}
    for init in (first, (first.coef, first.intercept)):
        result = mb.fit(X, Y, **options, init=init)
        assert result.n_epochs == 1
        assert result.n_steps == 68


def test_a_state_beyond_its_epoch_is_refused():
    first = mb.fit(X, Y, **BASE, stop=MaxSteps(5))
    first.state["step"] = 14
    with pytest.raises(ValueError, match="resume must be at a step within an epoch, got step 14 of 13"):
        mb.fit(X, Y, **BASE, resume=first)
