"""What is said of mini-batch descent and shown in the gallery holds: S1, S2, S3, S6, S10 and S11."""

import subprocess
import sys
from pathlib import Path

import mbgd_rs as mb
import numpy as np
import pytest


def data(seed, n=512, d=5, dtype=np.float64):
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, d)).astype(dtype)
    return X, (X @ rng.standard_normal(d) + rng.standard_normal(n)).astype(dtype)


# S1: three roads by one call.


@pytest.mark.parametrize("batch_size", ["full", 1, 7])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_s1_each_road_is_that_of_the_reference(batch_size, dtype):
    X, y = data(0, n=100, dtype=dtype)
    how = {"batch_size": batch_size, "epochs": 3, "optimizer": mb.optimizers.SGD(0.02), "record": "step"}
    ours, reference = mb.fit(X, y, **how), mb.reference.fit(X, y, **how)
    assert ours.n_steps == reference.n_steps == 3 * len(mb.Batches(100, batch_size))
    tolerance = 1e-4 if dtype == np.float32 else 1e-12
    np.testing.assert_allclose(ours.coef, reference.coef, tolerance, tolerance)
    # Half the square of a residual that is nearly nothing has fewer digits: on one row it has been 8e-6.
    np.testing.assert_allclose(
        ours.history.step_loss, reference.history["step_loss"], tolerance, tolerance**2
    )


# S2: bounded memory. The system enforces the bound, so that there is nothing to be lucky about.

IN_48_MB = """
import resource, sys
from pathlib import Path
import mbgd_rs as mb, numpy as np
X = np.memmap(sys.argv[1], sys.argv[2], "r").reshape(-1, 128)
y = np.arange(len(X)) % 7 / 7
def megabytes(name):
    status = dict(line.split(":") for line in Path("/proc/self/status").read_text().splitlines())
    return int(status[name].split()[0]) / 1024
mb.fit(X[:1000], y[:1000], batch_size=64, epochs=1)
before = megabytes("RssAnon")
resource.setrlimit(resource.RLIMIT_DATA, (int((megabytes("VmData") + 48) * 2**20),) * 2)
rate = mb.optimizers.SGD(0.01)
print(eval(sys.argv[3]), megabytes("RssAnon") - before)
"""


@pytest.fixture(scope="module", params=["float32", "float64"])
def large_file(request, tmp_path_factory):
    path = tmp_path_factory.mktemp("s2") / request.param
    some = np.random.default_rng(0).standard_normal(2**20 // np.dtype(request.param).itemsize)
    with path.open("wb") as file:
        for _ in range(160):
            some.astype(request.param).tofile(file)
    yield path
    path.unlink()


def run_in_48_mb(path, expression):
    arguments = [sys.executable, "-c", IN_48_MB, str(path), path.name, expression]
    return subprocess.run(arguments, capture_output=True, text=True, timeout=120)


needs_proc = pytest.mark.skipif(
    not sys.platform.startswith("linux") or not Path("/proc/self/status").exists(), reason="limits of Linux"
)
WAYS = {
    "block": 'mb.fit(X, y, batch_size=256, epochs=1, optimizer=rate, shuffle="block").n_steps',
    "full": "mb.fit(X, y, batch_size=256, epochs=1, optimizer=rate).n_steps",
    "all rows": 'mb.fit(X, y, batch_size="full", epochs=2, optimizer=rate).n_steps',
    "auto": "mb.fit(X, y, batch_size=256, epochs=1, shuffle='block').n_steps",
    "minibatches": "sum(1 for _ in mb.minibatches(X, y, batch_size=256, shuffle='block'))",
}


@needs_proc
@pytest.mark.parametrize("way", WAYS)
def test_s2_a_file_of_160_mb_is_trained_on_in_48_mb(large_file, way):
    run = run_in_48_mb(large_file, WAYS[way])
    assert run.returncode == 0, run.stderr
    n_steps, grown = run.stdout.split()
    n_rows = 160 * 2**20 // (128 * np.dtype(large_file.name).itemsize)
    assert int(n_steps) == (2 if way == "all rows" else n_rows // 256)
    assert float(grown) < 32


@needs_proc
@pytest.mark.parametrize("copy", ["np.array(X)", "np.asfortranarray(X)"])
def test_s2_a_copy_of_the_data_would_be_noticed(large_file, copy):
    run = run_in_48_mb(large_file, f"mb.fit({copy}, y, batch_size=256, epochs=1, optimizer=rate).n_steps")
    assert run.returncode != 0
    assert "MemoryError" in run.stderr


# S3: how straight a path is: the mean cosine of the angles between each step and the next.


def straightness(batch_size, seed):
    X, y = data(seed)
    run = mb.fit(X, y, batch_size=batch_size, epochs=40 if batch_size == "full" else 2, seed=seed,
                 optimizer=mb.optimizers.SGD(0.02), record="path")  # fmt: skip
    steps = np.diff(np.concatenate([np.zeros((1, X.shape[1] + 1)), run.history.path]), axis=0)
    lengths = np.linalg.norm(steps, axis=1)
    return np.mean(np.sum(steps[1:] * steps[:-1], axis=1) / (lengths[1:] * lengths[:-1]))


def test_s3_the_larger_the_batch_the_straighter_the_path():
    # Of 10,000 sets like these none had another order: with 95% confidence 30 sets fail by chance with a
    # probability below 30 * 3e-4 = 1%. Three roads of the same noise have any given order in one of six sets.
    for seed in range(30):
        full, batch, one = (straightness(b, seed) for b in ("full", 32, 1))
        assert full > batch > one
    orders = [np.argsort([straightness(8, seed + k) for k in (0, 1000, 2000)]) for seed in range(30)]
    assert any(order.tolist() != [2, 1, 0] for order in orders)


# S6: the loss over all rows sometimes rises after a step on a batch, and not after a short step on all rows.


def rises(batch_size, rate_times_l, seed):
    """Share of the steps after which the loss over all rows is higher than before."""
    X, y = data(seed)
    largest = np.linalg.eigvalsh(np.c_[X, np.ones(len(X))].T @ np.c_[X, np.ones(len(X))])[-1] / len(X)
    sgd = mb.optimizers.SGD(rate_times_l / largest)
    run = mb.fit(X, y, batch_size=batch_size, epochs=60 if batch_size == "full" else 1, seed=seed,
                 optimizer=sgd, record=("step", "full_loss"))  # fmt: skip
    losses = np.r_[np.mean(y**2) / 2, run.history.full_loss]
    return np.mean(np.diff(losses) > 1e-13 * losses[:-1])


def test_s6_short_steps_on_all_rows_never_rise():
    # Exact: the squared error falls along its gradient for every rate below 2 / L, and rises beyond.
    for seed in range(10):
        assert [rises("full", rate, seed) for rate in (0.01, 0.5, 1.0, 1.5, 1.99)] == [0.0] * 5
        assert rises("full", 2.2, seed) > 0.5


def test_s6_steps_on_batches_sometimes_rise():
    # In 10,000 runs of 64 steps the share was between 0.33 and 0.59, 0.46 +- 0.04, so that 30 runs fail by
    # chance with a probability below 1e-5. Steps along the gradient of all rows have a share of 0, as above.
    shares = [rises(8, 0.5, seed) for seed in range(30)]
    assert min(shares) > 0.25
    assert max(shares) < 0.7


# S10: batches that are always the same can lead round in a circle, and new ones do not.

SORTED_X, SORTED_Y = np.ones((64, 1)), np.repeat([4.0, -2.0], 32)
CIRCLE = {"fit_intercept": False, "optimizer": mb.optimizers.SGD(0.5), "batch_size": 32}


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_s10_opposing_batches_bring_the_parameters_back_exactly(dtype):
    X = SORTED_X.astype(dtype)
    run = mb.fit(X, SORTED_Y, **CIRCLE, shuffle=False, epochs=100, record="path")
    assert run.history.path[:, 0].tolist() == [2.0, 0.0] * 100
    assert run.coef[0] == 0.0
    _, (slope, _) = mb.gradient(X, SORTED_Y, ([0.0], 0.0))
    assert slope[0] == -1.0  # though there is a way down


def deviations(ends, n_epochs):
    """Of the mean and the variance of ends from what uniform permutations give, in standard errors.

    An epoch moves w to (1 - r)^2 w + r (1 - r) m + r (2 - m) for a rate r and the mean m of the first batch,
    whose variance is 9 / 32 * 32 / 63 (hypergeometric).
    """
    rate, factor = 0.5, 0.25
    mean = 1 - factor**n_epochs
    variance = rate**4 / 7 * (1 - factor ** (2 * n_epochs)) / (1 - factor**2)
    centred = np.asarray(ends) - mean
    error = np.sqrt(np.mean((centred**2 - variance) ** 2) / len(ends))
    return (
        abs(np.mean(centred)) / np.sqrt(variance / len(ends)),
        abs(np.mean(centred**2) - variance) / max(error, 1e-300),
    )


def test_s10_new_permutations_every_epoch_cure_it():
    # Two deviations of 4.5 standard errors each: fails by chance with a probability of 1.4e-5.
    ends = [mb.fit(SORTED_X, SORTED_Y, **CIRCLE, epochs=10, seed=seed).coef[0] for seed in range(2000)]
    assert max(deviations(ends, 10)) < 4.5


def turned(seed):
    return lambda epoch: np.roll(np.arange(64), 11 * seed + 17 * epoch)


@pytest.mark.parametrize("broken", ["sorted", "once", "turned"])
def test_s10_broken_shuffles_are_caught(broken):
    def end(seed):
        if broken == "turned":
            return mb.reference.fit(SORTED_X, SORTED_Y, **CIRCLE, epochs=10, orders=turned(seed)).coef[0]
        shuffle = {"sorted": False, "once": "once"}[broken]
        return mb.fit(SORTED_X, SORTED_Y, **CIRCLE, epochs=10, seed=seed, shuffle=shuffle).coef[0]

    assert max(deviations([end(seed) for seed in range(2000)], 10)) > 6


# S11: an epoch is one pass over the data, a step is one update.


@pytest.mark.parametrize(
    ("n", "batch_size", "n_steps", "n_full_steps"),
    [
        (1, 1, 1, 1),
        (1, 5, 1, 1),
        (10, 1, 10, 10),
        (10, 3, 4, 3),
        (10, 5, 2, 2),
        (10, 9, 2, 1),
        (10, 10, 1, 1),
        (10, 11, 1, 1),
        (10, "full", 1, 1),
        (1000, 256, 4, 3),
        (65_537, 64, 1025, 1024),
    ],
)
@pytest.mark.parametrize("drop_last", [False, True])
def test_s11_steps_of_an_epoch(n, batch_size, n_steps, n_full_steps, drop_last):
    expected = n_full_steps if drop_last else n_steps
    how = {"batch_size": batch_size, "drop_last": drop_last}
    X = np.linspace(-1, 1, n)[:, None]
    batches = mb.Batches(n, **how)
    assert len(batches) == len(list(batches.epoch(3))) == expected
    rows = np.concatenate(list(batches.epoch(3)))
    assert len(np.unique(rows)) == len(rows) == (min(expected * batches.batch_size(0), n) if drop_last else n)
    rate = mb.optimizers.SGD(0.1)
    for fit in (mb.fit, mb.reference.fit):
        run = fit(X, X[:, 0], **how, optimizer=rate, epochs=2)
        assert (run.n_steps, run.n_epochs) == (2 * expected, 2)
    assert sum(1 for _ in mb.minibatches(X, **how, epochs=2)) == 2 * expected
    if n < 1000:
        run = mb.minimize(lambda w, x: (0.0, w), np.zeros(1), X, **how, epochs=2)
        assert (run.n_steps, run.n_epochs) == (2 * expected, 2)
