"""Entries of X that are not finite are named, whether X is scanned first or seen in the first epoch."""

import mbgd_rs as mb
import numpy as np
import pytest
from mbgd_rs.choices import members_of

CLASSIFICATION = [name for name, kind in members_of(mb.losses.Loss).items() if kind.is_classification]
REGRESSION = [name for name, kind in members_of(mb.losses.Loss).items() if not kind.is_classification]
N, D = 3000, 96  # more than a mebibyte, up to which X is always scanned first
RNG = np.random.default_rng(0)
X64 = RNG.standard_normal((N, D))
SIGN = X64[:, 0] > 0
CLASSES = np.digitize(X64[:, 1], [-0.5, 0.5])
PLACES = [(0, 0), (N // 2, D // 2), (N - 1, D - 1), (17, D - 1)]
VALUES = [np.nan, np.inf, -np.inf]


def broken(place, value, dtype=np.float32):
    X = X64.astype(dtype)
    X[place] = value
    return X


def refuses(X, y, place, **options):
    value = X[place]
    got = "NaN" if np.isnan(value) else "inf" if value > 0 else "-inf"
    before = X.tobytes()
    options = {"optimizer": mb.optimizers.SGD(0.01), "batch_size": 32, "epochs": 2} | options
    with pytest.raises(
        ValueError, match=rf"^X must be finite, got {got} at row {place[0]}, column {place[1]}\b"
    ):
        mb.fit(X, y, **options)
    assert X.tobytes() == before


@pytest.mark.parametrize("loss", [*CLASSIFICATION, *REGRESSION])
@pytest.mark.parametrize("batch_size", [1, 32, 300, "full"])
def test_with_every_loss(loss, batch_size):
    ys = [SIGN, CLASSES] if loss in CLASSIFICATION else [np.exp(X64[:, 2] / 4)]
    if loss in CLASSIFICATION:
        ys.append(np.column_stack([SIGN, X64[:, 1] > 0]))
    for y in ys:
        for place, value in zip(PLACES, [*VALUES, np.nan], strict=True):
            refuses(broken(place, value), y, place, loss=loss, batch_size=batch_size)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("value", VALUES)
@pytest.mark.parametrize("loss", ["hinge", "log_loss", "perceptron", "squared_error"])
def test_with_large_coefficients_to_begin_with(loss, value, dtype):
    for place in PLACES:
        for scale in (0.0, 1e-3, 1e3, -1e3):
            init = np.full(D, scale), 0.0
            refuses(broken(place, value, dtype), SIGN + 0.0, place, loss=loss, init=init)


OPTIONS = {
    "in sequence": {"shuffle": False},
    "once": {"shuffle": "once"},
    "blocks": {"shuffle": "block"},
    "stratified": {"shuffle": "stratified"},
    "with replacement": {"replacement": True},
    "drawn by weight": {"shuffle": mb.sampling.Weighted(np.arange(N) + 1.0)},
    "the last left out": {"drop_last": True, "batch_size": 7},
    "no epoch": {"epochs": 0},
    "weights": {"sample_weight": np.arange(N) % 2 + 0.0},
    "equal weights": {"sample_weight": np.ones(N)},
    "validation": {"validation": 0.5},
    "validation on others": {"validation": (X64[:50], SIGN[:50])},
    "one step": {"stop": mb.stopping.MaxSteps(1)},
    "early stopping": {"stop": mb.stopping.NoImprovement()},
    "an automatic rate": {"optimizer": "sgd"},
    "an automatic batch size": {"batch_size": "auto"},
    "growing batches": {"batch_size": mb.batch_sizes.NormTest(8)},
    "momentum": {"optimizer": mb.optimizers.SGD(0.01, momentum=0.9), "batch_size": 1},
    "adam": {"optimizer": "adam"},
    "l1": {"penalty": mb.penalties.L1(0.1)},
    "clipped": {"clip_norm": 0.1},
    "cut off": {"clip_value": 0.1},
    "averaged": {"average": "polyak"},
    "accumulated": {"accumulate": 3},
    "all recorded": {"record": ("step", "full_loss", "noise")},
    "one thread": {"n_threads": 1, "batch_size": 1500},
    "two threads": {"n_threads": 2, "batch_size": 1500},
    "no intercept": {"fit_intercept": False},
    "metrics": {"metrics": {"mean": lambda y, said: 0.0}},
}


@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
@pytest.mark.parametrize("loss", ["hinge", "log_loss"])
def test_with_every_option(loss, options):
    for place, value in zip(PLACES, [*VALUES, np.nan], strict=True):
        refuses(broken(place, value), SIGN, place, loss=loss, **options)


SOLVERS = {
    "chosen": "auto",
    "saga": mb.optimizers.SAGA(),
    "saga, a diagonal": mb.optimizers.SAGA(preconditioner="diagonal"),
    "saga, a sketch": mb.optimizers.SAGA(preconditioner=mb.preconditioners.Nystrom(4)),
    "saga, no metric": mb.optimizers.SAGA(preconditioner=None),
    "svrg": mb.optimizers.SVRG(),
    "preconditioned": mb.optimizers.SGD(0.01, preconditioner="diagonal"),
    "a function": mb.optimizers.SAGA(lambda t: 0.01),
}
WITH_SOLVERS = {
    name: OPTIONS[name] for name in ("once", "no epoch", "weights", "validation", "one step", "l1")
}
WITH_SOLVERS |= {"all rows": {"batch_size": "full"}, "until it converged": {"epochs": "auto"}}


@pytest.mark.parametrize("options", WITH_SOLVERS.values(), ids=WITH_SOLVERS)
@pytest.mark.parametrize("solver", SOLVERS.values(), ids=SOLVERS)
def test_with_solvers_that_measure_columns(solver, options):
    for place, value in zip(PLACES, [*VALUES, np.nan], strict=True):
        refuses(broken(place, value), SIGN, place, loss="log_loss", optimizer=solver, **options)


def test_nothing_is_shown_of_such_a_run():
    def callback(progress):
        raise AssertionError("shown")

    for value in VALUES:
        refuses(broken((5, 7), value), SIGN, (5, 7), loss="hinge", callback=callback)


def test_a_run_is_not_resumed_on_them():
    run = mb.fit(X64, SIGN, loss="hinge", optimizer=mb.optimizers.SGD(0.01), batch_size=32, epochs=1)
    state = repr(run.state)
    X = X64.copy()
    X[9, 9] = np.inf
    refuses(X, SIGN, (9, 9), resume=run, loss="hinge", batch_size=32)
    refuses(X, SIGN, (9, 9), init=run, loss="hinge", batch_size=32)
    assert repr(run.state) == state


def test_a_run_that_diverges_on_finite_entries_says_so():
    with pytest.raises(mb.DivergenceError):
        mb.fit(X64, 1e3 * X64[:, 0], optimizer=mb.optimizers.SGD(1e3), batch_size=32, epochs=3)


@pytest.mark.parametrize("wrapped", [lambda rate: rate, lambda rate: mb.schedules.Warmup(rate, 3)])
def test_a_learning_rate_given_as_a_function_is_not_asked(wrapped):
    def rate(t):
        raise AssertionError("X is refused before")

    optimizer = mb.optimizers.SGD(wrapped(rate))
    refuses(broken((7, 7), np.nan), SIGN, (7, 7), loss="log_loss", optimizer=optimizer)
