"""`standardize=True` of a source: moments and bits of a run on all rows in memory, in the same blocks."""

import mbgd_rs as mb
import numpy as np
import pytest
import scipy.sparse as sp
from mbgd_rs import moments, optimizers, schedules, stopping
from mbgd_rs.sampling import Block
from mbgd_rs.sources import Arrays, Chunks
from sklearn.preprocessing import StandardScaler
from test_source_training import N, Uneven, assert_same, data

LENGTHS = [200, 1, 350, 97, 3, 302, 50]
RNG = np.random.default_rng(9)
WEIGHT = RNG.integers(0, 4, N) * RNG.random(N)
pytestmark = pytest.mark.filterwarnings("ignore:Adam cannot reach the targets")
SIZES = np.array([1, 1e3, 1e-4, 1, 0, 7, 1]), np.array([0, 1e5, 0, 3, 2.5, 0, -1])


def raw(dtype=np.float64, sparse=False, kind="numbers"):
    """Columns of very different sizes, one of them constant."""
    X, y = data(dtype, sparse, kind)
    if not sparse:
        X = (X * SIZES[0] + SIZES[1]).astype(dtype)
    return X, (1e4 + 300 * y if kind in ("numbers", "outputs") else y)


def both(X, y, weight=None, given=None, **on_windows):
    """The run on windows, and that in memory."""
    given = {"optimizer": "adam", "batch_size": 40, "epochs": 2, "standardize": True} | (given or {})
    ours = mb.fit(Uneven(X, y, LENGTHS, weight), shuffle=Block(window=2), **given, **on_windows)
    return ours, mb.fit(X, y, sample_weight=weight, shuffle=Block(LENGTHS, 2), **given)


def assert_same_units(ours, theirs):
    for name in ("mean", "scale", "y_mean", "y_scale", "loss_scale"):
        np.testing.assert_array_equal(
            getattr(ours.standardization, name), getattr(theirs.standardization, name)
        )


@pytest.mark.parametrize("weight", [None, WEIGHT], ids=["equal", "weighted"])
@pytest.mark.parametrize("sparse", [False, True], ids=["dense", "sparse"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    ("kind", "loss"),
    [
        ("binary", "log_loss"),
        ("classes", "hinge"),
        ("labels", "log_loss"),
        ("counts", "poisson"),
        ("numbers", "huber"),
        ("numbers", "log_cosh"),
        ("outputs", "squared_error"),
    ],
)
def test_bits_are_those_of_all_rows_in_memory(kind, loss, dtype, sparse, weight, monkeypatch):
    monkeypatch.setattr(moments, "BLOCK", 200)  # of which the last rows are of the next chunk
    ours, theirs = both(*raw(dtype, sparse, kind), weight, {"loss": loss, "penalty": "l2"})
    assert_same(ours, theirs)
    assert_same_units(ours, theirs)


OPTIONS = {
    "no intercept": {"fit_intercept": False, "penalty": "elasticnet"},
    "network": {"model": mb.models.MLP((4,)), "average": "ema"},
    "machine": {"model": mb.models.FactorizationMachine(rank=2)},
    "decay": {"optimizer": optimizers.SGD(0.05, momentum=0.9, weight_decay=0.01), "accumulate": 3},
    "plateau": {"optimizer": optimizers.SGD(schedules.Plateau(0.3, tol=1.0, tol_mode="absolute"))},
    "records": {"record": ("step", "path", "noise")},
    "start": {"init": {"coef": np.arange(7.0), "intercept": 3.0}},
    "target": {"stop": stopping.TargetLoss(1.4e4), "epochs": 9},
    "drop_last": {"drop_last": True, "batch_size": 333},
    "in memory": {"validation": (raw()[0][:50], raw()[1][:50]), "metrics": {"low": lambda y, z: z.min()}},
}


@pytest.mark.parametrize("options", OPTIONS)
def test_options_have_the_units_of_the_data(options):
    ours, theirs = both(*raw(), None, OPTIONS[options])
    assert_same(ours, theirs)
    np.testing.assert_array_equal(ours.history.path, theirs.history.path)
    for name, measured in ours.history.metrics.items():
        np.testing.assert_array_equal(measured, theirs.history.metrics[name])


def test_a_source_to_judge_by_is_scaled_as_the_rows_learned_from():
    X, y = raw()
    judged = X[:300] * 2 + 1, y[:300] - 50, WEIGHT[:300]
    source = Uneven(judged[0], judged[1], [120, 180], judged[2])
    best = {"stop": stopping.NoImprovement("validation_loss", tol=10.0, patience=1, restore_best=True)}
    given = {**best, "epochs": 12}
    given |= {"optimizer": "adam", "batch_size": 40, "standardize": True, "shuffle": Block(window=2)}
    ours, theirs = (
        mb.fit(Uneven(X, y, LENGTHS), **given, validation=validation) for validation in (source, judged)
    )
    np.testing.assert_allclose(ours.history.validation_loss, theirs.history.validation_loss, rtol=1e-12)
    assert ours.best_epoch == theirs.best_epoch
    np.testing.assert_array_equal(ours.coef, theirs.coef)


@pytest.mark.parametrize("weight", [None, WEIGHT], ids=["equal", "weighted"])
def test_moments_are_those_of_numpy_and_of_a_scaler(weight):
    X, y = raw()
    given = {"standardize": True, "optimizer": "adam", "epochs": 1}
    units = mb.fit(Uneven(X, y, LENGTHS, weight), **given).standardization
    mean = np.average(X, axis=0, weights=weight)
    np.testing.assert_allclose(units.mean, mean, rtol=1e-12)
    deviation = np.sqrt(np.average((X - mean) ** 2, axis=0, weights=weight))
    expected = np.where(SIZES[0] == 0, 1, deviation)
    np.testing.assert_allclose(units.scale, expected, rtol=1e-9)
    if weight is None:
        np.testing.assert_allclose(units.scale, StandardScaler().fit(X).scale_, rtol=1e-9)
    y_mean = np.average(y, weights=weight)
    np.testing.assert_allclose(units.y_mean, [y_mean], rtol=1e-12)
    np.testing.assert_allclose(
        units.y_scale, np.sqrt(np.average((y - y_mean) ** 2, weights=weight)), rtol=1e-9
    )


@pytest.mark.parametrize("size", [1e-300, 1e300])
def test_columns_of_any_size_have_moments(size):
    X = data(np.float64)[0]
    ours, theirs = both(X * size, data(kind="binary")[1], None, {"loss": "log_loss"})
    assert_same_units(ours, theirs)
    np.testing.assert_allclose(ours.standardization.scale, X.std(axis=0) * size, rtol=1e-12)


@pytest.mark.parametrize("n_steps", [7, 26, 40])
def test_a_run_goes_on_with_its_moments(n_steps):
    X, y = raw()
    source = Uneven(X, y, LENGTHS)
    how = {"optimizer": "adam", "batch_size": 40, "standardize": True, "shuffle": Block(window=2)}
    begun = mb.fit(source, **how, epochs=3, stop=stopping.MaxSteps(n_steps))
    n_reads = list(source.n_reads)
    ended = mb.fit(source, **how, epochs=3 - begun.n_epochs, resume=begun)
    assert max(np.array(source.n_reads) - n_reads) <= 5  # no passes for the moments
    assert_same_units(begun, ended)
    straight = mb.fit(source, **how, epochs=3)
    np.testing.assert_array_equal(ended.coef, straight.coef)
    np.testing.assert_array_equal(ended.state["params"], straight.state["params"])
    with pytest.raises(ValueError, match="standardize"):
        mb.fit(source, **{**how, "standardize": False}, resume=begun)


def test_checkpoints_have_the_moments(tmp_path):
    X, y = raw(np.float32)
    how = {"optimizer": "adam", "batch_size": 40, "standardize": True, "shuffle": Block(window=2)}
    source = Uneven(X, y, LENGTHS)
    kept = {"checkpoint": mb.Checkpoint(tmp_path, every="10 steps"), "resume": "auto"}
    mb.fit(source, **how, **kept, epochs=2)
    ended = mb.fit(source, **how, **kept, epochs=3)
    straight = mb.fit(source, **how, epochs=3)
    np.testing.assert_array_equal(ended.coef, straight.coef)
    assert_same_units(mb.load(max(tmp_path.iterdir())), straight)


def test_rows_are_read_three_times_before_the_first_step_and_targets_alone_once_more():
    reads, targets = [], []

    class Counted(Uneven):
        def read(self, chunk, out=None):
            reads.append(chunk)
            return super().read(chunk, out)

        def targets(self, chunk):
            targets.append(chunk)
            rows = slice(self.starts[chunk], self.starts[chunk + 1])
            return self.y[rows], None

    X, y = raw()
    how = {"optimizer": "adam", "shuffle": False, "epochs": 1}
    counts = []
    for standardize in (False, True):
        reads.clear()
        targets.clear()
        mb.fit(Counted(X, y, LENGTHS), **how, standardize=standardize)
        counts.append((len(reads), len(targets)))
    assert counts[1][0] - counts[0][0] == 3 * len(LENGTHS)
    assert counts[1][1] - counts[0][1] == len(LENGTHS) + 1


def test_what_cannot_be_scaled_is_refused_by_its_place():
    X, y = raw()
    spoilt = X.copy()
    spoilt[561, 3] = np.nan
    how = {"optimizer": "adam", "standardize": True}
    for kind in (np.array, sp.csr_array):
        with pytest.raises(ValueError, match="got nan in column 3 at row 10 of chunk 3"):
            mb.fit(Uneven(kind(spoilt), y, LENGTHS), **how)
    wrong = y.copy()
    wrong[561] = np.inf
    with pytest.raises(ValueError, match="y must be finite, got inf at row 10 of chunk 3"):
        mb.fit(Uneven(X, wrong, LENGTHS), **how)
    with pytest.raises(ValueError, match="X must be float64: column 0 has a spread of"):
        mb.fit(Uneven((X * 1e-37).astype("f4"), y, LENGTHS), **how)
    far = sp.csr_array(np.where(np.arange(N)[:, None] == 5, 1e308, 0.0) * np.ones(3))
    begun = mb.fit(Uneven(sp.csr_array(X[:, :3] * 1e-100), y, LENGTHS), **how, epochs=1)
    with pytest.raises(ValueError, match="X must be within the range of float64 once standardised"):
        mb.fit(Uneven(far, y, LENGTHS), **how, epochs=1, resume=begun)


def test_a_single_row_and_a_single_chunk():
    one = mb.fit(Arrays(np.full((1, 2), 3.0), [5.0]), optimizer="adam", standardize=True, epochs=2)
    np.testing.assert_array_equal(one.standardization.mean, [3.0, 3.0])
    np.testing.assert_array_equal(one.standardization.scale, [1.0, 1.0])
    np.testing.assert_allclose(one.predict(np.full((1, 2), 3.0)), [5.0])


def test_the_memory_of_a_source_is_not_changed():
    X, y = raw()
    given = X.copy()
    for values in (X, sp.csr_array(X)):
        chunks = [values[:500], values[500:]]
        source = Chunks(lambda chunk, chunks=chunks: (chunks[chunk], np.split(y, [500])[chunk]), 2)
        mb.fit(source, optimizer="adam", standardize=True, epochs=1, validation=source)
    np.testing.assert_array_equal(X, given)


def test_estimators_standardise_sources():
    from mbgd_rs.sklearn import MBGDRegressor

    X, y = raw()
    how = {
        "optimizer": "adam",
        "batch_size": 40,
        "max_iter": 2,
        "tol": None,
        "standardize": True,
        "random_state": 0,
    }
    ours = MBGDRegressor(**how, shuffle=Block(window=3)).fit(Arrays(X, y, rows=200))
    theirs = MBGDRegressor(**how, shuffle=Block(200, 3)).fit(X, y)
    np.testing.assert_array_equal(ours.coef_, theirs.coef_)
    np.testing.assert_array_equal(ours.predict(X), theirs.predict(X))
