"""One epoch of logistic regression in float32: mbgd_rs, the NumPy reference, and one plain read of X.

`make bench` runs this and has `report.py` make the table of `benches/RESULTS.md` from it. The fixed cost of a
call (checking X, encoding labels, starting threads) is left out by subtracting: every time is that of the
epochs alone, as the history of the run has it.
"""

import time
from concurrent.futures import ThreadPoolExecutor

import mbgd_rs as mb
import numpy as np
import pytest
from conftest import classification
from mbgd_rs import reference

SHAPES = [(20_000, 30), (200_000, 100), (1_000_000, 28), (100_000, 784)]
BATCH_SIZES = [1, 32, 256, 4096]
SGD = mb.optimizers.SGD(learning_rate=0.01)
# A NumPy loop over a million single rows takes half a minute an epoch: the first rows tell as much.
REFERENCE_STEPS = 20_000


def shapes(function):
    """Parametrise by shape; the last one varies fastest, so data is made once for each."""
    return pytest.mark.parametrize("shape", SHAPES, ids=lambda s: f"{s[0]}x{s[1]}")(function)


@shapes
@pytest.mark.parametrize("n_threads", [1, mb.get_num_threads()])
def test_read(benchmark, shape, n_threads):
    """The time no epoch can beat out of cache: one plain read of X, its maximum, by so many threads."""
    X, _ = classification(*shape)
    parts = np.array_split(X, n_threads)
    benchmark.extra_info.update(kind="read", n=shape[0], d=shape[1], n_threads=n_threads)
    with ThreadPoolExecutor(n_threads) as pool:
        benchmark.pedantic(lambda: list(pool.map(np.max, parts)), rounds=9, warmup_rounds=1)
    benchmark.extra_info["epoch"] = benchmark.stats.stats.median


@shapes
@pytest.mark.parametrize("batch_size", BATCH_SIZES)
@pytest.mark.parametrize("shuffle", [False, "full"], ids=["sequential", "shuffled"])
@pytest.mark.parametrize("n_threads", [1, mb.get_num_threads()])
def test_mbgd_rs(benchmark, shape, batch_size, shuffle, n_threads):
    """Median epoch of one fit, the first left out."""
    X, y = classification(*shape)
    n_epochs = 12 if shape[0] * shape[1] < 1_000_000 else 6
    benchmark.extra_info.update(
        kind="mbgd_rs", n=shape[0], d=shape[1], b=batch_size, shuffle=bool(shuffle), n_threads=n_threads
    )

    def epochs():
        result = mb.fit(
            X, y, loss="log_loss", optimizer=SGD, batch_size=batch_size, shuffle=shuffle, epochs=n_epochs,
            n_threads=n_threads,
        )  # fmt: skip
        return np.diff(result.history.epoch_elapsed)

    benchmark.extra_info["epoch"] = float(np.median(benchmark.pedantic(epochs, rounds=1)))


@shapes
@pytest.mark.parametrize("batch_size", BATCH_SIZES)
@pytest.mark.parametrize("shuffle", [False, "full"], ids=["sequential", "shuffled"])
def test_reference(benchmark, shape, batch_size, shuffle):
    """The NumPy loop, shuffled by NumPy's own generator, on all threads its BLAS likes to use."""
    n_rows = min(shape[0], REFERENCE_STEPS) if batch_size == 1 else shape[0]
    X, y = (array[:n_rows] for array in classification(*shape))
    benchmark.extra_info.update(
        kind="reference", n=shape[0], d=shape[1], b=batch_size, shuffle=bool(shuffle), n_threads=0
    )
    rng = np.random.default_rng(0)
    orders = (lambda _: rng.permutation(n_rows)) if shuffle else None

    def epoch():
        start = time.perf_counter()
        reference.fit(
            X, y, loss="log_loss", optimizer=SGD, batch_size=batch_size, shuffle=shuffle, epochs=1, record=(),
            orders=orders,
        )  # fmt: skip
        return time.perf_counter() - start

    seconds = [epoch() for _ in range(2)]
    seconds.append(benchmark.pedantic(epoch, rounds=1))
    benchmark.extra_info["epoch"] = float(np.median(seconds)) * shape[0] / n_rows
