"""A warning of targets that steps bounded by the learning rate cannot reach, and none otherwise."""

import warnings

import mbgd_rs as mb
import numpy as np
import pytest
import scipy.sparse as sp
from mbgd_rs import optimizers, schedules, stopping
from mbgd_rs.choices import resolve
from mbgd_rs.reach import farthest

RNG = np.random.default_rng(0)
X = RNG.normal(size=(400, 4))
Y = X @ [1.0, -2.0, 0.5, 0.0] + RNG.normal(size=400)
PRICES = 2e5 + 5e4 * Y
BOUNDED = ["adagrad", "rmsprop", "adadelta", "adam", "adamw", "nadam", "radam", "adamax", "lion", "ftrl",
           "schedule_free_adamw"]  # fmt: skip


@pytest.mark.parametrize("make", [np.asarray, sp.csr_matrix, lambda x: x.astype(np.float32)])
@pytest.mark.parametrize("name", BOUNDED)
def test_prices_are_out_of_reach(name, make):
    with pytest.warns(UserWarning, match="cannot reach the targets: .* Give standardize=True, a larger"):
        lost = mb.fit(make(X), PRICES, optimizer=name, batch_size=32, epochs=10)
    spread = np.var(PRICES)
    assert 1 - np.mean((lost.predict(make(X)) - PRICES) ** 2) / spread < 0.8
    with pytest.warns(UserWarning, match="a standard deviation of"):
        mb.fit(make(X), PRICES - 2e5, optimizer=name, batch_size=32, epochs=10)
    mb.fit(make(X), PRICES, optimizer=name, batch_size=32, epochs=10, standardize=True)


@pytest.mark.parametrize("name", [*BOUNDED, "sgd", "dog", "schedule_free_sgd", "sgld"])
def test_targets_within_reach_warn_of_nothing(name):
    for y in (Y, Y / Y.std(), Y + 3, np.zeros(400), Y > 0):
        mb.fit(X, y, optimizer=name, batch_size=32, epochs=1, loss="squared_error")
    mb.fit(X, PRICES > 2e5, loss="log_loss", optimizer=name, epochs=1)
    mb.fit(X, np.exp(np.clip(Y, -2, 2)) * 100, loss="poisson", optimizer="adam", epochs=1)


@pytest.mark.parametrize("name", BOUNDED)
def test_no_parameter_goes_farther_than_is_said(name):

    optimizer = resolve("optimizer", name, optimizers.Optimizer)
    for size in (1.0, 1e4):
        w = np.zeros(1)
        state = optimizer.init(w)
        for t in range(1, 2001):
            optimizer.step(state, w, np.full(1, size))
            if t in (1, 10, 100, 2000):
                moved = abs(optimizer.eval_params(state, w)[0])
                assert moved <= farthest(optimizer, t, size) * (1 + 1e-6)


def test_columns_that_reach_far_and_rates_that_do_are_enough():
    mb.fit(X * 1e6, PRICES - 2e5, optimizer="adam", batch_size=32, epochs=10)
    mb.fit(X, PRICES, optimizer=optimizers.Adam(1e4), batch_size=32, epochs=10)
    mb.fit(X, PRICES, optimizer=optimizers.Adam(schedules.Cosine(1e4, 130)), batch_size=32, epochs=10)
    mb.fit(X, PRICES, optimizer="adam", init=(np.array([5e4, -1e5, 2e4, 0.0]), 2e5), batch_size=32, epochs=1,
           sample_weight=np.ones(400))  # fmt: skip
    with pytest.warns(UserWarning, match="and 3 steps bounded"):
        mb.fit(X, PRICES, optimizer=optimizers.Adam(1e3), batch_size=32, epochs=10, stop=stopping.MaxSteps(3))


def test_a_rate_given_as_a_function_is_not_asked_and_warns_of_nothing():
    asked = []
    mb.fit(
        X, PRICES, optimizer=optimizers.Adam(lambda t: asked.append(t) or 0.001), batch_size="full", epochs=2
    )
    assert asked == [0, 1]


def test_the_warning_points_to_the_call():
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        mb.fit(X, PRICES, optimizer="adam")
    assert [warning.filename for warning in caught] == [__file__]
