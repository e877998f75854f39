"""A run that has diverged without leaving the range of its numbers warns."""

import warnings

import mbgd_rs as mb
import numpy as np
import pytest
from mbgd_rs import optimizers, penalties
from mbgd_rs.errors import ConvergenceWarning
from sklearn.datasets import load_breast_cancer, load_diabetes

RNG = np.random.default_rng(0)
X = RNG.standard_normal((300, 4))
Y = X @ [1.0, -2.0, 0.5, 0.0] + 3.0
FAR = 1000 * X
COINS = RNG.integers(2, size=300)
DIVERGING = {
    "raw columns": lambda: mb.fit(FAR, Y, optimizer=optimizers.SGD(1e-5), epochs=6),
    "one epoch": lambda: mb.fit(FAR, Y, optimizer=optimizers.SGD(1e-4), batch_size=8, epochs=1),
    "classes": lambda: mb.fit(FAR, COINS, loss="log_loss", optimizer=optimizers.SGD(1e3), epochs=5),
    "with a penalty": lambda: mb.fit(
        FAR, Y, penalty=penalties.L2(1e-3), optimizer=optimizers.SGD(1e-5, momentum=0.9), epochs=3
    ),
    "an estimator": lambda: mb.MBGDClassifier(learning_rate="constant", eta0=0.1, random_state=0).fit(
        *load_breast_cancer(return_X_y=True)
    ),
}
FINE = {
    "a fitting rate": lambda: mb.fit(X, Y, optimizer=optimizers.SGD(0.1), epochs=6),
    "large targets": lambda: mb.fit(X, 1e6 * Y, optimizer=optimizers.SGD(0.1), epochs=1),
    "a warm start": lambda: mb.fit(
        X, Y, optimizer=optimizers.SGD(0.1), epochs=2, init=([1.0, -2.0, 0.5, 0.0], 3.0)
    ),
    "scaled columns": lambda: mb.fit(FAR, Y, optimizer=optimizers.SGD(0.1), epochs=6, standardize=True),
    "samples of a posterior": lambda: mb.fit(X, Y, optimizer=optimizers.SGLD(0.01, seed=1), epochs=2),
    "raw columns by the default": lambda: mb.fit(*load_diabetes(return_X_y=True, scaled=False)),
}


@pytest.mark.parametrize("case", DIVERGING)
def test_a_loss_that_has_grown_warns(case):
    with pytest.warns(ConvergenceWarning, match="the loss has grown to .*the learning rate is too large"):
        DIVERGING[case]()


@pytest.mark.parametrize("case", FINE)
def test_no_other_warns(case):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        FINE[case]()
