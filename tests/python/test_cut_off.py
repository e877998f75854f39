"""Runs that an exception ends from outside: it stays what it is and takes the run so far along."""

import signal
import subprocess
import sys
import warnings

import mbgd_rs as mb
import numpy as np
import pytest
from mbgd_rs import optimizers, stopping, training

RNG = np.random.default_rng(1)
X = RNG.normal(size=(100, 4))
Y = X @ RNG.normal(size=4) + RNG.normal(size=100)
HOW = {"optimizer": optimizers.SGD(0.05, momentum=0.5), "batch_size": 10, "seed": 2}


class Odd(Exception):
    """One of the caller's own."""


@pytest.mark.parametrize("error", [Odd, KeyboardInterrupt])
@pytest.mark.parametrize(
    "wrapped", [lambda rate: rate, lambda rate: mb.schedules.Warmup(rate, 3)], ids=["", "warm-up"]
)
def test_a_learning_rate_that_raises_leaves_the_run_so_far(error, wrapped):
    def rate(t):
        if t == 27:
            raise error("at step 27")
        return 0.05

    how = {**HOW, "optimizer": optimizers.SGD(wrapped(rate))}
    with pytest.raises(error, match="at step 27") as raised:
        mb.fit(X, Y, **how, epochs=5)
    part = raised.value.result
    n_done = 3 if wrapped(1) != 1 else 2  # a warm-up of 3 steps asks for step t - 3
    assert (part.n_epochs, part.stop_reason) == (n_done, "interrupted")
    steady = {**HOW, "optimizer": optimizers.SGD(wrapped(lambda t: 0.05))}
    later = mb.fit(X, Y, **steady, epochs=5 - n_done, resume=part)
    np.testing.assert_array_equal(later.coef, mb.fit(X, Y, **steady, epochs=5).coef)


def test_a_learning_rate_that_is_none_leaves_the_run_so_far():
    for wrong, error in ((-0.1, ValueError), ("fast", TypeError), (np.nan, ValueError)):
        how = {**HOW, "optimizer": optimizers.SGD(lambda t, wrong=wrong: 0.05 if t < 15 else wrong)}
        with pytest.raises(error, match="learning_rate") as raised:
            mb.fit(X, Y, **how, epochs=5)
        assert raised.value.result.n_epochs == 1


@pytest.mark.parametrize("when", ["as the core returns", "while the result is made"])
def test_a_signal_on_the_way_back_leaves_the_whole_run(monkeypatch, when):
    def after(function):
        def called(*args, **kwargs):
            function(*args, **kwargs)
            monkeypatch.undo()
            raise KeyboardInterrupt

        return called

    expected = mb.fit(X, Y, **HOW, epochs=5)
    if when == "as the core returns":
        monkeypatch.setattr(mb._core, "fit", after(mb._core.fit))
    else:
        monkeypatch.setattr(training, "make_result", after(training.make_result))
    with pytest.raises(KeyboardInterrupt) as raised:
        mb.fit(X, Y, **HOW, epochs=3)
    part = raised.value.result
    assert (part.n_epochs, part.stop_reason) == (3, "interrupted")
    np.testing.assert_array_equal(mb.fit(X, Y, **HOW, epochs=2, resume=part).coef, expected.coef)


@pytest.mark.parametrize("error", [KeyboardInterrupt, MemoryError])
def test_an_exception_on_reading_an_option_stays_what_it_is(error):
    def cut(self, name):
        if name in ("n", "alpha", "momentum", "decay") and object.__getattribute__(self, "__dict__").get(
            "armed"
        ):
            raise error
        return object.__getattribute__(self, name)

    choices = {
        "stop": stopping.MaxSteps(5), "penalty": mb.penalties.L2(0.1), "optimizer": optimizers.SGD(0.1),
        "average": mb.averages.EMA(0.9),
    }  # fmt: skip
    for name, choice in choices.items():
        kind = type(type(choice).__name__, (type(choice),), {"__getattribute__": cut})
        odd = kind(*[getattr(choice, of) for of in choice.__dataclass_fields__])
        object.__setattr__(odd, "armed", True)
        with pytest.raises(error):
            mb.fit(X, Y, **{**HOW, name: odd})


@pytest.fixture
def soon():
    """Ctrl-C after some seconds, and again every two seconds: no test waits for ever for one that is lost."""

    def interrupt(*_):
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, interrupt)
    yield lambda seconds: signal.setitimer(signal.ITIMER_REAL, seconds, 2.0)
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, before)


@pytest.mark.alone
@pytest.mark.parametrize("seconds", [0.02, 0.1, 0.3, 0.7])
@pytest.mark.parametrize("instrument", ["compare_strategies", "recommend_batch_size", "step_cost"])
def test_instruments_end_when_they_are_told_to(instrument, seconds, soon):
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(200_000, 20))
    labels = (rows[:, 0] + rng.normal(size=200_000) > 0).astype(int)
    call = getattr(mb.diagnostics, instrument)
    how = {"loss": "log_loss"} | ({"passes": 1000.0} if instrument == "compare_strategies" else {})
    how |= {"n_draws": 1000} if instrument == "step_cost" else {}

    def called():
        soon(seconds)
        call(rows, labels, **how)

    with pytest.raises(KeyboardInterrupt):
        called()


@pytest.mark.alone
@pytest.mark.parametrize("call", ["Batches(10**8, 10).batch(0, 0)", "Batches(10**8, 10).epoch(0)"])
def test_the_first_call_may_be_interrupted(call):
    code = f"""
import signal
import mbgd_rs as mb
def interrupt(*_):
    raise KeyboardInterrupt
signal.signal(signal.SIGALRM, interrupt)
signal.setitimer(signal.ITIMER_REAL, 0.02)
try:
    mb.{call}
    signal.pause()
except KeyboardInterrupt:
    print("interrupted")
"""
    done = subprocess.run([sys.executable, "-c", code], text=True, capture_output=True, timeout=120)
    assert (done.stdout.strip(), done.stderr) == ("interrupted", "")


def test_a_schedule_that_has_ended_is_warned_of():
    n = 5 * 10
    for fall in (mb.schedules.Cosine(0.1, n), mb.schedules.Linear(0.1, n), mb.schedules.Polynomial(0.1, n)):
        how = {**HOW, "optimizer": optimizers.SGD(fall)}
        first = mb.fit(X, Y, **how, epochs=5)
        with pytest.warns(
            UserWarning, match="the learning rate is 0 from step 50 on, and the run begins at step 50"
        ):
            later = mb.fit(X, Y, **how, epochs=2, resume=first)
        np.testing.assert_array_equal(later.coef, first.coef)


def test_a_schedule_that_ends_early_in_a_run_is_warned_of():
    falls = optimizers.SGD(mb.schedules.Cosine(0.1, 20))
    with pytest.warns(
        UserWarning, match=r"rate is 0 in the last 60% of the 50 steps .* counts steps, not epochs"
    ):
        mb.fit(X, Y, **{**HOW, "optimizer": falls}, epochs=5)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        mb.fit(X, Y, **{**HOW, "optimizer": falls}, epochs=2)
