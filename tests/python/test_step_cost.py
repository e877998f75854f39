"""What a step costs: the line through measured times. No test depends on how long anything takes."""

import matplotlib
import mbgd_rs as mb
import numpy as np
import pytest
from mbgd_rs import _core
from scipy import sparse

matplotlib.use("Agg")
SIZES = [1 << j for j in range(13)]


def times(tau_f, tau_d, disturbance, n_draws=9):
    """Seconds per step of a machine that is as `disturbance(size, draw)` says."""
    return [[(tau_f + b * tau_d) * disturbance(j, i) for i in range(n_draws)] for j, b in enumerate(SIZES)]


def test_the_line_is_that_of_the_times():
    cost = _core.step_cost(SIZES, times(2e-7, 3e-9, lambda size, draw: 1.0))
    assert cost["tau_f"] == pytest.approx(2e-7)
    assert cost["tau_d"] == pytest.approx(3e-9)
    assert cost["seconds"] == pytest.approx([2e-7 + b * 3e-9 for b in SIZES])


@pytest.mark.parametrize("seed", range(10))
def test_a_busy_machine_is_seen_through(seed):
    """A third of the runs took up to ten times as long: both are found to 15 %, where least squares through
    the means is far off."""
    rng = np.random.default_rng(seed)
    slow = np.where(rng.random((13, 9)) < 1 / 3, rng.uniform(2, 10, (13, 9)), rng.uniform(1, 1.05, (13, 9)))
    seconds = times(2e-7, 3e-9, lambda size, draw: slow[size, draw])
    cost = _core.step_cost(SIZES, seconds)
    assert cost["tau_f"] == pytest.approx(2e-7, rel=0.15)
    assert cost["tau_d"] == pytest.approx(3e-9, rel=0.15)
    assert cost["tau_f_interval"][0] <= cost["tau_f"] <= cost["tau_f_interval"][1]
    slope, at_zero = np.polyfit(SIZES, np.mean(seconds, axis=1), 1)
    assert max(abs(at_zero / 2e-7 - 1), abs(slope / 3e-9 - 1)) > 0.15


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("loss", ["squared_error", "log_loss"])
def test_real_steps_cost_something(dtype, loss):
    rng = np.random.default_rng(0)
    X = rng.standard_normal((300, 4)).astype(dtype)
    y = X[:, 0] > 0 if loss == "log_loss" else X[:, 0]
    cost = mb.diagnostics.step_cost(X, y, loss=loss, n_draws=2, sample_weight=np.ones(300))
    assert cost.batch_sizes.tolist() == [1, 2, 4, 8, 16, 32, 64, 128, 256, 300]
    assert (cost.seconds > 0).all()
    assert (cost.reference_seconds > 0).all()
    assert cost.tau_f + cost.tau_d > 0
    assert cost.n_threads == 1
    assert "tau_f" in cost._repr_html_()
    assert cost.plot().get_ylabel() == "seconds per step"


@pytest.mark.parametrize("scale", [1e-30, 1e15])
def test_no_scale_makes_the_timed_runs_diverge(scale):
    X = np.random.default_rng(0).standard_normal((100, 3)) * scale
    cost = mb.diagnostics.step_cost(X, X[:, 0], batch_sizes=[1, 50], n_draws=1, reference=False)
    assert (cost.seconds > 0).all()
    assert cost.reference_seconds.size == 0
    assert np.isnan(cost.reference_tau_f)


def test_sparse_rows_and_a_result_as_start():
    rng = np.random.default_rng(0)
    X = sparse.random_array((200, 30), density=0.1, format="csr", rng=rng)
    y = np.asarray(X.sum(axis=1)).ravel()
    begun = mb.fit(X, y, epochs=1)
    cost = mb.diagnostics.step_cost(X, y, begun, batch_sizes=[1, 10, 100], n_draws=1)
    assert (cost.seconds > 0).all()


def test_one_row_has_one_batch_size():
    for instrument in (mb.diagnostics.step_cost, mb.diagnostics.recommend_batch_size):
        with pytest.raises(ValueError, match="X must have at least 2 rows to tell batch sizes apart, got 1"):
            instrument([[1.0]], [2.0])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"batch_sizes": [4]}, "batch_sizes must be at least 2 that differ, got \\[4\\]"),
        ({"batch_sizes": [4, 4]}, "batch_sizes must be at least 2 that differ"),
        ({"batch_sizes": [0, 4]}, "batch_sizes must be >= 1, got 0"),
        ({"batch_sizes": [1, 51]}, "batch_sizes must be <= 50, got 51"),
        ({"n_draws": 0}, "n_draws must be >= 1, got 0"),
        ({"seed": -1}, "seed must be >= 0, got -1"),
    ],
)
def test_arguments_are_checked(arguments, message):
    X = np.ones((50, 2))
    with pytest.raises(ValueError, match=message):
        mb.diagnostics.step_cost(X, X[:, 0], **arguments)
