"""Three roads down the same valley (S1, S3, S6)."""

import matplotlib
import mbgd_rs as mb
import numpy as np
import pytest
from sklearn.datasets import load_digits

matplotlib.use("Agg")


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((2000, 8)) * np.geomspace(1, 0.3, 8)
    return X, X @ rng.standard_normal(8) + rng.standard_normal(2000)


@pytest.fixture(scope="module")
def roads(data):
    return mb.diagnostics.compare_strategies(*data, batch_size=50, passes=5)


def test_all_have_the_same_budget(roads):
    assert roads.names == ("BGD", "SGD", "MBGD")
    assert roads.batch_sizes.tolist() == [2000, 1, 50]
    assert roads.n_steps.tolist() == [5, 10_000, 200]
    assert roads.passes.tolist() == [5, 5, 5]


def test_the_losses_are_those_of_the_same_fits(data, roads):
    """What is reported is what `fit` does with these batch sizes, rates and steps."""
    X, y = data
    for i in range(3):
        sgd = mb.optimizers.SGD(roads.learning_rates[i])
        run = mb.fit(X, y, optimizer=sgd, batch_size=int(roads.batch_sizes[i]), epochs=5)
        assert run.n_steps == roads.n_steps[i]
        assert mb.gradient(X, y, run)[0] == pytest.approx(roads.final_loss[i], rel=1e-12)
        assert roads.losses[i][-1] == roads.final_loss[i]
        assert roads.steps[i][-1] == roads.n_steps[i]
        assert (np.diff(roads.seconds[i]) >= 0).all()
        assert roads.final_loss[i] < roads.start_loss


def test_batches_win_on_a_budget_of_passes(roads):
    """S1: BGD has too few steps and SGD too much noise."""
    bgd, sgd, mbgd = roads.final_loss
    assert mbgd < bgd
    assert mbgd <= sgd * 1.01


def test_paths_are_smooth_erratic_and_between(data):
    """S3. With independent noise alone, the broken version of a signal, 50 cosines in 9 dimensions would
    have a mean of 0 with a standard deviation of 1 / sqrt(9 * 50) = 0.05: MBGD's and BGD's are beyond six
    of these. At one seed in ten MBGD ends lowest with twice the usual rate, and is then hardly smoother than
    SGD: hence the median of five."""
    roads = [
        mb.diagnostics.compare_strategies(*data, batch_size=50, passes=5, seed=seed) for seed in range(5)
    ]
    bgd, sgd, mbgd = np.median([road.cosine for road in roads], axis=0)
    assert bgd > mbgd > sgd
    assert mbgd > 0.3
    assert abs(sgd) < 0.3


def test_the_loss_over_all_rows_rises_now_and_then(data):
    """S6. About a third of SGD's steps and a quarter of MBGD's lead up; a record of the batches' own losses
    would rise after half of them, and one that only falls after none."""
    roads = mb.diagnostics.compare_strategies(*data, batch_size=50, passes=5, n_looked=200)
    bgd, sgd, mbgd = roads.rise_fraction
    assert bgd == 0
    assert 0.2 < sgd < 0.48
    assert 0.1 < mbgd < 0.48


def test_the_loss_of_full_batches_falls_at_every_step():
    """S1, S3. On these rows a rate of twice the length ends lower after ten steps, but rises on the way."""
    X, y = load_digits(return_X_y=True)
    X = X / 16
    roads = mb.diagnostics.compare_strategies(X, y, loss="log_loss", passes=10)
    assert roads.steps[0].tolist() == list(range(1, 11))
    assert (np.diff(roads.losses[0], prepend=roads.start_loss) < 0).all()
    assert roads.rise_fraction[0] == 0
    longer = mb.optimizers.SGD(2 * roads.learning_rates[0])
    run = mb.fit(X, y, loss="log_loss", optimizer=longer, batch_size="full", epochs=10, record="full_loss")
    assert run.history.full_loss[-1] < roads.final_loss[0]
    assert (np.diff(run.history.full_loss) > 0).any()


def test_a_budget_of_seconds(data):
    roads = mb.diagnostics.compare_strategies(*data, seconds=1e-3, n_looked=20)
    assert (roads.n_steps >= 1).all()
    assert roads.n_steps[1] >= roads.n_steps[0]
    assert roads.plot(x="seconds").get_xlabel() == "seconds of training"


def test_batches_of_all_rows_are_gradient_descent():
    X = np.arange(6.0)[:, None]
    roads = mb.diagnostics.compare_strategies(X, X[:, 0], batch_size=100, passes=2)
    assert roads.batch_sizes.tolist() == [6, 1, 6]
    assert roads.final_loss[0] == roads.final_loss[2]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"passes": 1, "seconds": 1}, "passes and seconds exclude each other, got 1 and 1"),
        ({"passes": 0}, "passes must be finite and > 0, got 0"),
        ({"seconds": -1.0}, "seconds must be finite and > 0, got -1"),
        ({"batch_size": 0}, "batch_size must be >= 1, got 0"),
        ({"n_looked": 0}, "n_looked must be >= 1, got 0"),
    ],
)
def test_arguments_are_checked(data, arguments, message):
    with pytest.raises(ValueError, match=message):
        mb.diagnostics.compare_strategies(*data, **arguments)
