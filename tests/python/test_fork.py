"""A forked child can train, whatever its parent has done before."""

import multiprocessing
import os
import warnings

import mbgd_rs as mb
import numpy as np
import pytest

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
X = np.random.default_rng(0).normal(size=(30_000, 20))
Y = X[:, 0].copy()


def everything(_=None):
    """All that uses threads."""
    model = mb.fit(X, Y, epochs=2, batch_size=4096, n_threads=2)
    gathered = sum(float(batch[0, 0]) for batch in mb.minibatches(X, batch_size=20_000))
    return model.coef.tobytes(), model.predict(X).tobytes(), gathered, mb.gradient(X, Y, model)[0]


def in_child(seconds=60):
    """Whether a forked child gets the same results within some time."""
    expected = everything()
    read, write = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # Python's, about threads and fork
        child = os.fork()
    if child == 0:
        status = 1
        try:
            import signal

            signal.alarm(seconds)
            status = 0 if everything() == expected else 2
        finally:
            os._exit(status)
    os.close(write)
    os.close(read)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_fork_after_fit():
    mb.set_num_threads(2)
    try:
        assert in_child()
        assert in_child()
        everything()
    finally:
        mb.set_num_threads(os.cpu_count())


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_multiprocessing(method):
    expected = everything()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        with multiprocessing.get_context(method).Pool(2) as pool:
            assert pool.map_async(everything, range(3)).get(timeout=100) == [expected] * 3
