"""Schedules against the numbers of PyTorch, optax and scikit-learn (see oracles/), and in runs."""

import copy
import json
import pickle
import re
from pathlib import Path

import mbgd_rs as mb
import numpy as np
import pytest
from mbgd_rs import reference, schedules
from mbgd_rs.optimizers import SGD, Adam
from mbgd_rs.schedules import (
    Constant,
    Cosine,
    CosineRestarts,
    Exponential,
    InverseScaling,
    Linear,
    MultiStep,
    OneCycle,
    Optimal,
    Piecewise,
    Plateau,
    Polynomial,
    Step,
    Warmup,
)

ORACLE = json.loads((Path(__file__).parent / "oracles" / "schedules.json").read_text())

SCHEDULES = [
    Constant(0.1),
    Optimal(0.01),
    InverseScaling(0.1),
    Step(0.1, 3, 0.5),
    MultiStep(0.1, [2, 9, 30]),
    Exponential(0.1, 0.99),
    Polynomial(0.1, 60, 2.0, 0.01),
    Linear(0.1, 60),
    Cosine(0.1, 60),
    CosineRestarts(0.1, 4, 2),
    OneCycle(0.1, 60),
    OneCycle(0.1, 60, three_phase=True, anneal_strategy="linear"),
    Piecewise([5, 20], [0.1, 0.05, 0.02]),
    Piecewise(None, np.geomspace(0.1, 0.01, 40)),
    Warmup(Step(0.1, 20), 7),
    Warmup(Warmup(0.1, 5), 3),
    Plateau(0.1, n_iter_no_change=1, tol=0.5),
    Plateau(Cosine(0.1, 80), factor=0.7, n_iter_no_change=1, tol=0.1, tol_mode="relative", cooldown=1),
    Warmup(Plateau(0.1, n_iter_no_change=1, tol=0.5, min_learning_rate=0.01), 10),
    lambda t: 0.1 / (1 + t),
    Warmup(lambda t: 0.1 / (1 + t), 13),
    Plateau(lambda t: 0.1 / (1 + t), n_iter_no_change=1, tol=0.5),
]


def made(options):
    options = {key: made(value) if isinstance(value, dict) else value for key, value in options.items()}
    return getattr(schedules, options.pop("name"))(**options)


def shown(schedule):
    """The same name in every process: without addresses."""
    return re.sub(r" at 0x\w+", "", repr(schedule))


def data(n=45, d=3, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, d))
    return X, X @ np.arange(1.0, d + 1) + rng.normal(size=n)


@pytest.mark.parametrize("case", ORACLE["cases"])
def test_rates_are_those_of_pytorch_optax_and_scikit_learn(case):
    schedule, expected = made(ORACLE["cases"][case]["schedule"]), ORACLE["cases"][case]["learning_rates"]
    assert len(expected) >= 100
    got = [schedule(t) for t in range(len(expected))]
    np.testing.assert_allclose(got, expected, rtol=1e-12, atol=1e-18)
    theirs = [reference.learning_rate_at(schedule, t) for t in range(len(expected))]
    np.testing.assert_allclose(got, theirs, rtol=1e-13, atol=1e-18)


@pytest.mark.parametrize("case", ORACLE["plateaus"])
def test_plateaus_are_those_of_pytorch_and_scikit_learn(case):
    options, expected = ORACLE["plateaus"][case].values()
    optimizer = SGD(Plateau(**options))
    w = np.zeros(1)
    state = optimizer.init(w)
    rates = []
    for loss in ORACLE["losses"]:
        before = w.copy()
        optimizer.step(state, w, np.ones(1))
        rates.append((before - w)[0])
        w[:] = 0
        optimizer.end_epoch(state, loss)
    assert len(set(expected)) >= 4
    np.testing.assert_allclose(rates, expected, rtol=1e-12)


@pytest.mark.parametrize("schedule", SCHEDULES, ids=shown)
def test_a_run_follows_its_schedule_as_the_reference_does(schedule):
    X, y = data()
    options = {"optimizer": SGD(schedule), "batch_size": 10, "epochs": 15, "record": ("step", "path")}
    ours, expected = mb.fit(X, y, **options), reference.fit(X, y, **options)
    np.testing.assert_allclose(ours.history.path, expected.history["path"], rtol=1e-11, atol=1e-11)
    rates = ours.history.learning_rate
    assert rates.shape == (75,)
    np.testing.assert_allclose(rates, expected.history["learning_rate"], rtol=1e-13, atol=1e-18)
    if "Plateau" in repr(schedule):
        assert len(set(rates)) > 1
    else:
        alone = [schedule(t) for t in range(75)]
        np.testing.assert_array_equal(rates, alone)


@pytest.mark.parametrize("schedule", SCHEDULES, ids=shown)
@pytest.mark.parametrize("rule", [SGD, Adam])
def test_a_resumed_run_goes_on_bit_for_bit(schedule, rule):
    X, y = data()
    options = {"optimizer": rule(schedule), "batch_size": 10, "record": "step"}
    whole = mb.fit(X, y, **options, epochs=13)
    part = mb.fit(X, y, **options, epochs=5)
    part = mb.fit(X, y, **options, epochs=2, resume=part)
    part = mb.fit(X, y, **options, epochs=6, resume=pickle.loads(pickle.dumps(part)))
    np.testing.assert_array_equal(part.coef, whole.coef)
    np.testing.assert_array_equal(part.history.learning_rate, whole.history.learning_rate)
    assert part.state["plateau"] == whole.state["plateau"]


@pytest.mark.parametrize("schedule", SCHEDULES, ids=shown)
def test_minimize_and_fit_take_the_same_steps(schedule):
    X, y = data()

    def fun(w, x, z):
        r = x @ w["a"] + w["b"] - z
        return (r @ r) / 2 / len(z), {"a": x.T @ r / len(z), "b": np.array(r.mean())}

    options = {"optimizer": SGD(schedule), "batch_size": 10, "epochs": 12, "seed": 3}
    expected = mb.fit(X, y, **options)
    start = {"a": np.zeros(3), "b": np.zeros(())}
    result = mb.minimize(fun, start, X, y, **options)
    np.testing.assert_allclose(result.params["a"], expected.coef, rtol=1e-10)


@pytest.mark.parametrize("schedule", SCHEDULES[:-3], ids=shown)
def test_schedules_are_values(schedule):
    assert copy.deepcopy(schedule) == schedule
    assert hash(schedule) == hash(pickle.loads(pickle.dumps(schedule)))
    far = schedule(10**15)
    assert np.isfinite(far)
    assert far >= 0


def test_a_rate_of_zero_stands_still():
    X, y = data()
    options = {"batch_size": 45, "record": "path"}
    path = mb.fit(X, y, optimizer=SGD(Linear(0.1, n_steps=4)), epochs=8, **options).history.path
    assert (path[3:] == path[3]).all()
    assert (path[2] != path[3]).any()


@pytest.mark.parametrize("rule", ["ScheduleFreeSGD", "ScheduleFreeAdamW"])
@pytest.mark.parametrize("power", [0.0, 2.0])
def test_first_steps_of_rate_zero_leave_a_schedule_free_model_finite(rule, power):
    rng = np.random.default_rng(0)
    X = rng.standard_normal((40, 3))
    y = X @ [1.0, -2.0, 0.5]
    optimizer = getattr(mb.optimizers, rule)(lambda t: 0.0 if t < 3 else 0.05, weight_lr_power=power)
    how = {"optimizer": optimizer, "batch_size": 10, "seed": 1}
    assert not mb.fit(X, y, epochs=1, stop=mb.stopping.MaxSteps(2), **how).coef.any()
    model, expected = mb.fit(X, y, epochs=5, **how), reference.fit(X, y, epochs=5, **how)
    np.testing.assert_allclose(model.coef, expected.coef, rtol=1e-9)
    assert model.coef.any()


def test_a_function_is_asked_ahead_of_each_epoch_for_its_steps():
    X, y = data()
    asked, epochs = [], []

    def rate(t):
        asked.append((len(epochs), t))
        return 0.1

    mb.fit(X, y, optimizer=SGD(rate), batch_size=20, epochs=3, callback=lambda p: epochs.append(p.epoch))
    assert asked == [(t // 3, t) for t in range(9)]
    asked.clear()
    assert Warmup(rate, 4)(1) == pytest.approx(0.04)
    assert asked == [(3, 0)]


@pytest.mark.parametrize(("value", "shown"), [(np.nan, "nan"), (-1.0, "-1"), (np.inf, "inf")])
def test_a_function_must_give_rates(value, shown):
    X, y = data()
    optimizer = SGD(lambda t: value if t == 7 else 0.1)
    with pytest.raises(
        ValueError, match=rf"learning_rate must .* finite and >= 0, got (?i:{shown}) at step 7"
    ):
        mb.fit(X, y, optimizer=optimizer, batch_size=10, epochs=2)
    optimizer = SGD(lambda t: "fast" if t == 2 else 0.1)
    with pytest.raises(TypeError, match=r"learning_rate must .* numbers, got 'fast' at step 2"):
        mb.fit(X, y, optimizer=optimizer, batch_size=10)


def test_what_a_function_raises_is_raised():
    def rate(t):
        if t == 3:
            raise KeyError("no rate for me")
        return np.float32(0.1)

    X, y = data()
    optimizer = SGD(rate)
    with pytest.raises(KeyError, match="no rate for me"):
        mb.fit(X, y, optimizer=optimizer, batch_size=10)
    w = np.zeros(2)
    state = optimizer.init(w)
    for _ in range(3):
        optimizer.step(state, w, np.ones(2))
    before = w.copy()
    with pytest.raises(KeyError, match="no rate for me"):
        optimizer.step(state, w, np.ones(2))
    np.testing.assert_array_equal(w, before)
    assert state.n_steps == 3


def test_a_plateau_reaches_what_a_constant_rate_hovers_about():
    X, y = data(n=200)
    optimum = np.linalg.lstsq(np.column_stack([X, np.ones(200)]), y, rcond=None)[0]
    options = {"batch_size": 5, "epochs": 80}
    constant = mb.fit(X, y, optimizer=SGD(0.1), **options)
    falling = mb.fit(X, y, optimizer=SGD(Plateau(0.1)), **options)
    assert falling.state["plateau"][0] < 0.2**3
    distances = [np.abs(result.coef - optimum[:-1]).max() for result in (constant, falling)]
    assert distances[1] < distances[0] / 5


REFUSED = [
    (lambda: Optimal(0.0), "alpha must be finite and > 0, got 0"),
    (lambda: Step(0.1, 0), "step_size must be >= 1, got 0"),
    (lambda: Step(0.1, 5, 0.0), "gamma must be finite and > 0, got 0"),
    (lambda: Step(-0.1, 5), "learning_rate must be finite and > 0, got -0.1"),
    (lambda: MultiStep(0.1, [3, 3]), "milestones must be whole .* in increasing order, got 3 at entry 1"),
    (lambda: MultiStep(0.1, [0.5]), "milestones must be whole numbers >= 1 in .*, got 0.5 at entry 0"),
    (lambda: MultiStep(0.1, [[1]]), "milestones must have 1 dimension"),
    (lambda: Exponential(0.1, -1.0), "gamma must be finite and > 0, got -1"),
    (lambda: Polynomial(0.1, 5, 0.0), "power must be finite and > 0, got 0"),
    (lambda: Polynomial(0.1, -1), "n_steps must be >= 0, got -1"),
    (lambda: Linear(0.1, 10, -1.0), "final_learning_rate must be finite and >= 0, got -1"),
    (lambda: CosineRestarts(0.1, 10, 0), "multiplier must be >= 1, got 0"),
    (lambda: OneCycle(0.1, 10, 1.5), "pct_start must be between 0 and 1, got 1.5"),
    (lambda: OneCycle(0.1, 10, 0.6, three_phase=True), "pct_start must be between 0 and 0.5 .*, got 0.6"),
    (lambda: OneCycle(0.1, 10, anneal_strategy="sine"), "anneal_strategy must be one of .*, got"),
    (lambda: OneCycle(0.1, 10, div_factor=0.0), "div_factor must be finite and > 0, got 0"),
    (lambda: Piecewise([1], [0.1]), "values must have 2 entries, one more than boundaries, got 1"),
    (lambda: Piecewise(None, []), "values must have at least one entry, got 0"),
    (lambda: Piecewise([4], [0.1, -1.0]), "values must be finite and >= 0, got -1 at entry 1"),
    (lambda: Plateau(0.1, factor=1.0), "factor must be between 0 and 1, got 1"),
    (lambda: Plateau(0.1, n_iter_no_change=0), "n_iter_no_change must be >= 1, got 0"),
    (lambda: Plateau(0.1, tol=-1.0), "tol must be finite and >= 0, got -1"),
    (lambda: Plateau(0.1, tol_mode="abs"), "tol_mode must be one of \"absolute\", \"relative\", got"),
    (lambda: Plateau(0.1, cooldown=-1), "cooldown must be >= 0, got -1"),
    (lambda: Plateau(Warmup(Plateau(0.1), 3)), "learning_rate of a Plateau must not have a Plateau in it"),
]  # fmt: skip


@pytest.mark.parametrize(("make", "message"), REFUSED)
def test_what_makes_no_sense_is_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize("rate", [Constant, "fast", None, True, [0.1]])
def test_what_is_no_rate_is_refused(rate):
    with pytest.raises(
        TypeError, match=r"learning_rate must be a number, a schedule(,| or) a function of the step"
    ):
        SGD(rate)
