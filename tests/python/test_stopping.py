"""When a run ends, and which of its models it gives back."""

import dataclasses
import itertools
import math
import pickle
import re

import mbgd_rs as mb
import numpy as np
import pytest
from mbgd_rs import reference
from mbgd_rs.optimizers import SGD, Adam
from mbgd_rs.stopping import Converged, MaxSeconds, MaxSteps, NoImprovement, TargetLoss
from sklearn.linear_model import SGDRegressor

RNG = np.random.default_rng(11)
N = 203
X = RNG.normal(size=(N, 5))
Y = X @ RNG.normal(size=5) + RNG.normal(size=N)
SIXTEEN = {"batch_size": 16, "optimizer": SGD(0.01)}  # 13 steps an epoch


def same_bits(a, b):
    return all(
        np.asarray(u).tobytes() == np.asarray(v).tobytes()
        for u, v in [(a.coef, b.coef), (a.intercept, b.intercept)]
    )


def scripted(values):
    """A metric that takes these values, one an epoch."""
    told = iter(values)
    return lambda y_true, y_pred: next(told)


def epoch_of_end(values, rule):
    """The epochs after which the rule ends a run, and the best one, said once more in plain Python."""
    best, n_waited, best_epoch = None, 0, None
    for epoch, value in enumerate(values, start=1):
        cost = value if rule.mode == "min" else -value
        if not math.isfinite(cost):
            n_waited += 1
        else:
            tol = rule.tol * abs(best or 0) if rule.relative else rule.tol
            is_improvement = best is None or (cost < best and cost <= best - tol)
            n_waited = 0 if is_improvement else n_waited + 1
            if best is None or cost < best:
                best, best_epoch = cost, epoch
        if n_waited == rule.patience:
            return epoch, best_epoch, True
    return len(values), best_epoch, False


# ---- the rules

SCRIPTS = {
    "falling": [5.0, 4.0, 3.0, 2.0, 1.0, 0.5, 0.25, 0.125],
    "flat": [1.0] * 8,
    "rising": [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0],
    "saw": [3.0, 4.0, 2.0, 3.0, 1.0, 2.0, 0.5, 1.0],
    "creeping": [1.0, 0.95, 0.9, 0.85, 0.8, 0.75, 0.7, 0.65],
    "negative": [-1.0, -1.05, -2.0, -2.01, -2.02, -2.03, -5.0, -4.0],
    "not numbers": [np.nan, np.inf, 2.0, np.nan, 1.0, -np.inf, np.nan, np.nan],
    "only nan": [np.nan] * 8,
}


@pytest.mark.parametrize("script", SCRIPTS)
def test_no_improvement_as_it_is_documented(script):
    values = SCRIPTS[script]
    for tol, patience, mode, relative in itertools.product(
        (0.0, 0.1, 1.0), (1, 2, 3, 9), ("min", "max"), (False, True)
    ):
        rule = NoImprovement("m", tol, patience, mode, relative, restore_best=True)
        run = {"metrics": {"m": scripted(values)}, "epochs": len(values), "stop": rule}
        result = mb.fit(X, Y, **SIXTEEN, **run)
        n_epochs, best_epoch, is_over = epoch_of_end(values, rule)
        assert (result.n_epochs, result.best_epoch) == (n_epochs, best_epoch), rule
        assert result.stop_reason == ("no_improvement" if is_over else "epochs")
        np.testing.assert_array_equal(result.history.metrics["m"], values[:n_epochs])
        if best_epoch is not None:
            assert same_bits(result, mb.fit(X, Y, **SIXTEEN, epochs=best_epoch))


@pytest.mark.parametrize("tol", [1e-1, 1e-2, 1e-3, 1e-5])
@pytest.mark.parametrize("patience", [1, 3, 5])
def test_the_epochs_of_scikit_learn(tol, patience):
    theirs = SGDRegressor(
        penalty=None, shuffle=False, learning_rate="constant", eta0=0.002, tol=tol,
        n_iter_no_change=patience, max_iter=2000,
    ).fit(X, Y)  # fmt: skip
    rule = NoImprovement(tol=tol, patience=patience)
    ours = mb.fit(X, Y, batch_size=1, shuffle=False, optimizer=SGD(0.002), epochs=2000, stop=rule)
    assert ours.n_epochs == theirs.n_iter_
    assert ours.stop_reason is mb.StopReason.NO_IMPROVEMENT


def test_the_loss_has_the_penalty_in_it():
    """There are no errors from the beginning, but the objective goes on falling: that is an improvement."""
    y = np.sign(X[:, 0])
    rows = y[:, None] * (1 + np.abs(X[:, :1]))
    options = {"loss": "hinge", "penalty": mb.penalties.L2(0.1), "optimizer": SGD(0.05), "epochs": 100}
    rule = NoImprovement(tol=1e-2, patience=2)
    result = mb.fit(rows, y, **options, fit_intercept=False, init=([30.0], 0.0), batch_size="full", stop=rule)
    assert result.n_epochs > 50
    assert result.coef[0] < 25


@pytest.mark.parametrize("monitor", ["loss", "validation_loss"])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_the_reference_agrees(monitor, dtype):
    for tol, patience in itertools.product((1e-3, 1e-2), (1, 4)):
        options = {
            "optimizer": Adam(0.02), "batch_size": 16, "epochs": 200, "validation": 0.3, "seed": 1,
            "stop": [NoImprovement(monitor, tol, patience, restore_best=True), MaxSteps(5000)],
        }  # fmt: skip
        ours, expected = mb.fit(X.astype(dtype), Y, **options), reference.fit(X.astype(dtype), Y, **options)
        assert (ours.n_epochs, ours.stop_reason) == (expected.n_epochs, expected.stop_reason)
        assert ours.stop_reason == "no_improvement"
        np.testing.assert_allclose(ours.coef, expected.coef, rtol=1e-9 if dtype == "float64" else 1e-4)


def test_a_target():
    losses = mb.fit(X, Y, **SIXTEEN, epochs=50).history.epoch_loss
    target = losses[6]
    assert (losses[:6] > target).all()
    result = mb.fit(X, Y, **SIXTEEN, epochs=50, stop=TargetLoss(target))
    assert (result.n_epochs, result.stop_reason) == (7, mb.StopReason.TARGET)
    validated = mb.fit(X, Y, **SIXTEEN, epochs=50, validation=0.2, stop=TargetLoss(1.0, "validation_loss"))
    assert validated.stop_reason == "target"
    below = validated.history.validation_loss <= 1.0
    assert below.tolist() == [False] * (validated.n_epochs - 1) + [True]


def test_a_target_from_below():
    for values, n_epochs in [
        ([0.1, 0.5, 0.9, 1.0], 3),
        ([np.nan, np.inf], 2),
        ([0.9, 0.9], 1),
        ([0.8] * 3, 3),
    ]:
        rule = TargetLoss(0.9, "m", mode="max")
        result = mb.fit(X, Y, metrics={"m": scripted(values)}, epochs=len(values), stop=rule)
        assert result.n_epochs == n_epochs, values
        assert (result.stop_reason == "target") == (max(v for v in values if v == v) >= 0.9)


@pytest.mark.parametrize("n", [1, 5, 12, 13, 14, 26, 27, 38, 39])
def test_steps_allowed(n):
    result = mb.fit(X, Y, **SIXTEEN, epochs=3, stop=MaxSteps(n), record=("step", "path"))
    assert (result.n_steps, result.n_epochs, result.stop_reason) == (n, n // 13, mb.StopReason.MAX_STEPS)
    assert result.history.epoch_loss.shape == (n // 13,)
    assert result.history.step_loss.shape == (n,)
    whole = mb.fit(X, Y, **SIXTEEN, epochs=3, record="path")
    np.testing.assert_array_equal(result.history.path, whole.history.path[:n])
    np.testing.assert_array_equal(result.history.path[-1], [*result.coef, result.intercept])
    expected = reference.fit(X, Y, **SIXTEEN, epochs=3, stop=MaxSteps(n))
    assert (expected.n_steps, expected.n_epochs, expected.stop_reason) == (n, n // 13, "max_steps")
    np.testing.assert_allclose(result.coef, expected.coef, rtol=1e-12)


def test_more_steps_than_there_are():
    result = mb.fit(X, Y, **SIXTEEN, epochs=3, stop=MaxSteps(40))
    assert (result.n_steps, result.stop_reason) == (39, "epochs")
    assert mb.fit(X, Y, epochs=0, stop=MaxSteps(1)).n_steps == 0


def test_seconds_allowed():
    result = mb.fit(X, Y, **SIXTEEN, stop=MaxSeconds(1e-9))
    assert (result.n_steps, result.n_epochs, result.stop_reason) == (1, 0, mb.StopReason.MAX_SECONDS)
    assert mb.fit(X, Y, **SIXTEEN, stop=MaxSeconds(1e9)).n_epochs == 10
    endless = mb.fit(X, Y, batch_size=1, epochs=10**9, stop=MaxSeconds(0.05))
    assert endless.stop_reason == "max_seconds"
    assert endless.n_steps > 0


# ---- several rules, and the callback


def test_the_first_rule_that_is_met_gives_the_reason():
    flat = {"metrics": {"m": lambda y_true, y_pred: 1.0}}
    patient, target = NoImprovement("m", patience=2), TargetLoss(1.0, "m")
    run = {**SIXTEEN, **flat, "epochs": 9}
    assert mb.fit(X, Y, **run, stop=[patient, target]).stop_reason == "target"
    assert mb.fit(X, Y, **run, stop=(patient, MaxSteps(39))).stop_reason == "no_improvement"
    assert mb.fit(X, Y, **run, stop=[MaxSteps(39), patient]).stop_reason == "no_improvement"
    assert mb.fit(X, Y, **run, stop=[NoImprovement("m", patience=1), TargetLoss(0.5, "m")]).n_epochs == 2
    assert mb.fit(X, Y, **run, stop=[]).stop_reason == "epochs"


def test_the_callback_comes_before_the_rules():
    told = []

    def callback(progress):
        told.append(progress.epoch)
        return progress.epoch == 2

    rule = NoImprovement("m", patience=1)
    run = {**SIXTEEN, "metrics": {"m": lambda y_true, y_pred: 1.0}, "callback": callback}
    assert mb.fit(X, Y, **run, stop=rule).stop_reason == "callback"
    assert told == [1, 2]
    told.clear()
    assert mb.fit(X, Y, **run, stop=MaxSteps(20)).stop_reason == "max_steps"
    assert told == [1]  # not of the epoch that was not finished


def test_a_rule_that_is_met_in_the_last_epoch_is_the_reason():
    run = {**SIXTEEN, "metrics": {"m": lambda y_true, y_pred: 1.0}, "epochs": 3}
    assert mb.fit(X, Y, **run, stop=NoImprovement("m", patience=2)).stop_reason == "no_improvement"
    assert mb.fit(X, Y, **run, stop=NoImprovement("m", patience=3)).stop_reason == "epochs"


# ---- the best model


def overfitting():
    """Few rows, many columns: the validation loss falls and then rises."""
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(60, 40))
    return rows, rows[:, 0] + rng.normal(size=60)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("end", ["epochs", "rule", "steps", "callback"])
def test_the_best_model_is_given_back(end, dtype):
    rows, y = overfitting()
    rows = rows.astype(dtype)
    patience = 10 if end == "rule" else 10**6
    rules = [NoImprovement("validation_loss", 0, patience, restore_best=True)]
    options = {"batch_size": 8, "validation": 0.4, "optimizer": SGD(0.01), "epochs": 150, "seed": 4}
    extra = {"stop": rules}
    if end == "steps":
        extra["stop"] = [*rules, MaxSteps(643)]
    if end == "callback":
        extra["callback"] = lambda progress: progress.epoch == 140
    result = mb.fit(rows, y, **options, **extra)
    losses = result.history.validation_loss
    assert result.best_epoch == losses.argmin() + 1
    assert 1 < result.best_epoch < result.n_epochs
    plain = mb.fit(rows, y, **{**options, "epochs": result.best_epoch})
    assert same_bits(result, plain)
    assert result.state["params"].tolist() != [*result.coef, result.intercept]
    last = mb.fit(rows, y, **options, stop=MaxSteps(result.n_steps))
    assert result.state["params"].tolist() == [*last.coef, last.intercept]


def test_the_first_of_equal_models_is_the_best():
    run = {**SIXTEEN, "metrics": {"m": scripted([2.0, 1.0, 1.0, 3.0])}, "epochs": 4}
    result = mb.fit(X, Y, **run, stop=NoImprovement("m", restore_best=True))
    assert result.best_epoch == 2


def test_without_a_finished_epoch_the_last_model_is_given_back():
    rule = NoImprovement(restore_best=True)
    result = mb.fit(X, Y, **SIXTEEN, stop=[rule, MaxSteps(5)])
    assert result.best_epoch is None
    assert same_bits(result, mb.fit(X, Y, **SIXTEEN, stop=MaxSteps(5)))


def test_a_run_that_diverges_gives_its_best_model():
    rows = np.random.default_rng(0).normal(size=(64, 3))
    rule = NoImprovement(patience=10**6, restore_best=True)
    options = {"optimizer": SGD(5.0), "batch_size": "full", "epochs": 10**5, "init": ([1.0, 1.0, 1.0], 0.0)}
    with pytest.raises(mb.DivergenceError) as caught:
        mb.fit(rows, rows[:, 0], **options, stop=rule)
    result = caught.value.result
    assert result.best_epoch == 1
    assert result.stop_reason is mb.StopReason.DIVERGED


def test_no_rule_no_best():
    assert mb.fit(X, Y, epochs=2, validation=0.5, stop=NoImprovement()).best_epoch is None


# ---- the objects


@pytest.mark.parametrize(
    "rule",
    [
        NoImprovement("accuracy", 0.1, 3, "max", True, True),
        TargetLoss(0.5),
        Converged(0.1),
        MaxSteps(7),
        MaxSeconds(2.5),
    ],
)
def test_rules_are_values(rule):
    assert pickle.loads(pickle.dumps(rule)) == rule
    assert hash(dataclasses.replace(rule)) == hash(rule)
    assert eval(repr(rule), vars(mb.stopping)) == rule
    for field in dataclasses.fields(rule):
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(rule, field.name, 1)


def test_every_reason_has_its_prose():
    prose = [reason.prose for reason in mb.StopReason]
    assert len(set(prose)) == len(prose) == 9
    assert mb.StopReason("max_steps") == "max_steps"


BAD_RULES = [
    (lambda: NoImprovement(tol=-1e-9), ValueError, r"tol must be finite and >= 0, got -0\.000000001"),
    (lambda: NoImprovement(tol=np.nan), ValueError, r"tol must be finite and >= 0, got NaN"),
    (lambda: NoImprovement(tol=None), TypeError, r"tol must be a number, got None"),
    (lambda: NoImprovement(patience=0), ValueError, r"patience must be >= 1, got 0"),
    (lambda: NoImprovement(patience=-3), ValueError, r"patience must be >= 1, got -3"),
    (lambda: NoImprovement(patience=2.0), TypeError, r"patience must be an integer, got 2\.0"),
    (lambda: NoImprovement(mode="down"), ValueError, r'mode must be one of "min", "max", got "down"'),
    (lambda: NoImprovement(monitor=3), TypeError, r"monitor must be a string, got 3"),
    (lambda: NoImprovement(relative=1), TypeError, r"relative must be a bool, got 1"),
    (lambda: NoImprovement(restore_best="yes"), TypeError, r"restore_best must be a bool, got 'yes'"),
    (lambda: TargetLoss(np.inf), ValueError, r"value must be finite, got inf"),
    (lambda: TargetLoss("low"), TypeError, r"value must be a number, got 'low'"),
    (lambda: TargetLoss(1.0, mode=None), TypeError, r"mode must be a string, got None"),
    (lambda: Converged(0.0), ValueError, r"tol must be finite and > 0, got 0"),
    (lambda: Converged(np.nan), ValueError, r"tol must be finite and > 0, got NaN"),
    (lambda: Converged("x"), TypeError, r"tol must be a number, got 'x'"),
    (lambda: MaxSteps(0), ValueError, r"n must be >= 1, got 0"),
    (lambda: MaxSteps(1.5), TypeError, r"n must be an integer, got 1\.5"),
    (lambda: MaxSteps(True), TypeError, r"n must be an integer, got True"),
    (lambda: MaxSeconds(0.0), ValueError, r"seconds must be finite and > 0, got 0"),
    (lambda: MaxSeconds(-1), ValueError, r"seconds must be finite and > 0, got -1"),
    (lambda: MaxSeconds(np.inf), ValueError, r"seconds must be finite and > 0, got inf"),
]
KNOWN = (
    r'monitor must be one of "loss"{}, got "{}": "validation_loss" needs validation=, a metric its name in '
    "metrics="
)
KINDS = "NoImprovement, TargetLoss, Converged, MaxSteps, MaxSeconds"
BAD_STOPS = [
    (3, {}, TypeError, rf"stop must be one or several of {KINDS}, or None, got 3"),
    ("no_improvement", {}, TypeError, rf"stop must be one or several of {KINDS}, or None, got 'no_imp.*"),
    (MaxSteps, {}, TypeError, rf"stop must be one or several of {KINDS}, an instance, or None, got .*"),
    ([MaxSteps(3), None], {}, TypeError, rf"stop must be one or several of {KINDS}, or None, got None"),
    (NoImprovement("validation_loss"), {}, ValueError, KNOWN.format("", "validation_loss")),
    (TargetLoss(1.0, "accuracy"), {"validation": 0.5}, ValueError,
     KNOWN.format(', "validation_loss"', "accuracy")),
    (TargetLoss(1.0, "r2"), {"metrics": {"R2": max}}, ValueError, KNOWN.format(', "R2"', "r2")),
    (Converged(), {"optimizer": "sgd"}, ValueError, r"stop must not have Converged with SGD alone: .*"),
    (Converged(), {"optimizer": "adam"}, ValueError, r"stop must not have Converged with Adam alone: .*"),
    ([NoImprovement(restore_best=True)] * 2, {}, ValueError,
     r"restore_best must be True for at most one rule, got 2"),
]  # fmt: skip


@pytest.mark.parametrize(("make", "error", "message"), BAD_RULES)
def test_rules_check_themselves(make, error, message):
    with pytest.raises(error) as caught:
        make()
    assert re.fullmatch(message, str(caught.value)), str(caught.value)


@pytest.mark.parametrize(("stop", "options", "error", "message"), BAD_STOPS)
def test_errors_say_what_is_wrong(stop, options, error, message):
    with pytest.raises(error) as caught:
        mb.fit(X, Y, **options, stop=stop)
    assert re.fullmatch(message, str(caught.value)), str(caught.value)


OF_MODELS_ELSEWHERE = {
    "automatic": (mb.optimizers.SGD(), None),
    "automatic, momentum": (mb.optimizers.SGD(momentum=0.5), None),
    "automatic, averaged": (mb.optimizers.SGD(), "ema"),
    "averaged": (mb.optimizers.SGD(0.05), "polyak"),
    "schedule-free": (mb.optimizers.ScheduleFreeSGD(0.1), None),
}


@pytest.mark.parametrize("name", OF_MODELS_ELSEWHERE)
def test_rules_on_the_loss_monitor_the_model_that_is_given_back_as_the_reference_does(name):
    optimizer, average = OF_MODELS_ELSEWHERE[name]
    ends = set()
    for seed in range(30):
        rng = np.random.default_rng(seed)
        X = rng.standard_normal((60, 4))
        y = X @ rng.standard_normal(4) + rng.standard_normal(60)
        tol, patience, restores = rng.choice([1e-3, 0.05]), int(rng.integers(1, 4)), bool(rng.integers(2))
        rule = mb.stopping.NoImprovement(tol=tol, patience=patience, restore_best=restores)
        how = {
            "optimizer": optimizer, "average": average, "stop": rule, "seed": seed, "epochs": 30,
            "batch_size": rng.choice([5, 16]),
        }  # fmt: skip
        ours, expected = mb.fit(X, y, **how), mb.reference.fit(X, y, **how)
        assert (ours.n_epochs, ours.stop_reason.value) == (expected.n_epochs, expected.stop_reason)
        np.testing.assert_allclose(ours.coef, expected.coef, rtol=1e-7, atol=1e-9)
        ends.add(ours.stop_reason.value)
    assert ends >= {"no_improvement"}


def test_a_target_is_met_by_the_model_and_not_by_trial_iterates():
    """The automatic rate's own iterates hover far above the objective of its model."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((2000, 50))
    y = X @ rng.standard_normal(50) + rng.standard_normal(2000)
    target = 1.02 * np.linalg.lstsq(np.c_[X, np.ones(2000)], y, rcond=None)[1][0] / 4000
    model = mb.fit(
        X,
        y,
        epochs=60,
        batch_size=16,
        record="full_loss",
        stop=mb.stopping.TargetLoss(target),
        optimizer="sgd",
    )
    assert model.stop_reason.value == "target"
    assert model.history.epoch_loss[-1] > target >= model.history.full_loss[-1]
    assert (model.history.full_loss[:-1] > target).all()
