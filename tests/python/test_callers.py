"""Warnings name the line that has called the package, however deep in it they come from."""

import warnings

import mbgd_rs as mb
import numpy as np
import pytest
from mbgd_rs import optimizers, schedules

RNG = np.random.default_rng(0)
X = RNG.standard_normal((60, 3))
PRICES = X @ [1.0, -2.0, 0.5]
LABELS = (PRICES > 0).astype(int)
ENDED = optimizers.SGD(schedules.Linear(0.1, n_steps=4))


def resumed(rows):
    given = {"optimizer": ENDED, "batch_size": 15, "seed": 0}
    before = mb.fit(*rows, **given, epochs=1)
    return mb.fit(*rows, **given, epochs=1, resume=before)


CASES = {
    "labels without a loss": lambda: mb.fit(X, LABELS),
    "a rate that bounds steps": lambda: mb.fit(X, 1e6 * PRICES, optimizer="adam"),
    "a schedule at its end": lambda: resumed((X, PRICES)),
    "a schedule at its end, of a source": lambda: resumed((mb.sources.Arrays(X, PRICES),)),
    "far targets of log_cosh": lambda: mb.fit(X, 1e6 * PRICES, loss="log_cosh"),
    "no convergence": lambda: mb.fit(
        X, LABELS, loss="log_loss", optimizer=optimizers.SAGA(), stop=mb.stopping.Converged(1e-300)
    ),
    "no convergence of an estimator": lambda: mb.MBGDClassifier(max_iter=1, tol=1e-300).fit(X, LABELS),
}


@pytest.mark.parametrize("case", CASES)
def test_warnings_name_the_line_of_the_call(case):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        CASES[case]()
    assert caught
    assert {warning.filename for warning in caught} == {__file__}


def test_a_damaged_checkpoint_is_named_where_the_run_goes_on(tmp_path):
    keeps_all = mb.Checkpoint(tmp_path, every="epoch", keep=3)
    mb.fit(X, PRICES, optimizer="sgd", epochs=2, checkpoint=keeps_all)
    newest = sorted(tmp_path.iterdir())[-1]
    newest.write_bytes(newest.read_bytes()[:-1])
    with pytest.warns(UserWarning, match="older checkpoint") as caught:
        mb.fit(X, PRICES, optimizer="sgd", epochs=2, resume=tmp_path)
    assert {warning.filename for warning in caught} == {__file__}
