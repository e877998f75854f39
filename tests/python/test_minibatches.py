"""Batches of rows of whatever users have, gathered by a thread of its own."""

import gc
import os
import signal
import subprocess
import sys
import threading
import time
import weakref
from pathlib import Path

import mbgd_rs as mb
import numpy as np
import pytest
import scipy.sparse
from mbgd_rs.sampling import Block, Stratified, Weighted

RNG = np.random.default_rng(3)
N = 103
X = RNG.normal(size=(N, 5)).astype(np.float32)
Y = RNG.integers(0, 4, N)
SHUFFLES = {
    "full": "full",
    "once": "once",
    "as they come": False,
    "block": Block(rows=4, window=3),
    "weighted": Weighted(RNG.random(N), n_samples=230),
    "without replacement": Weighted(RNG.random(N) * (Y > 0), replacement=False),
    "stratified": "stratified",
}


def rows_of(shuffle, epochs=2, size=16, drop_last=False):
    shuffle = Stratified(Y) if shuffle == "stratified" else shuffle
    return list(mb.Batches(N, size, shuffle, drop_last=drop_last, seed=5).epochs(epochs))


def workers():
    """Threads that gather ahead."""
    names = []
    for task in Path("/proc/self/task").iterdir():
        try:
            names.append((task / "comm").read_text().strip())
        except OSError:
            continue  # it ended meanwhile
    return names.count("mbgd-ahead")


def none_works():
    """Whether all of them have ended: Linux may list a thread for a moment after it was joined."""
    until = time.monotonic() + 10
    while workers() and time.monotonic() < until:
        time.sleep(0.001)
    return workers() == 0


linux = pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="looks into /proc")


# ---- what comes


@pytest.mark.parametrize("drop_last", [False, True])
@pytest.mark.parametrize("name", SHUFFLES)
def test_batches_are_those_of_batches(name, drop_last):
    shuffle = SHUFFLES[name]
    options = {"batch_size": 16, "shuffle": shuffle, "drop_last": drop_last, "epochs": 2, "seed": 5}
    got = list(mb.minibatches(X, Y, **options, return_rows=True))
    expected = rows_of(shuffle, drop_last=drop_last)
    assert len(got) == len(expected)
    for (X_b, y_b, rows), specified in zip(got, expected, strict=True):
        assert rows.dtype == np.intp
        assert rows.tolist() == specified.tolist()
        assert np.array_equal(X_b, X[specified])
        assert np.array_equal(y_b, Y[specified])
    without = list(mb.minibatches(X, Y, **options))
    assert [y_b.tolist() for _, y_b in without] == [y_b.tolist() for _, y_b, _ in got]


def test_any_number_of_arrays_is_taken():
    arrays = [X, Y, np.arange(N) * 2.0, RNG.integers(0, 9, (N, 2, 3)), np.arange(N).astype("U7")]
    for n_arrays in range(1, 6):
        for got, rows in zip(
            mb.minibatches(*arrays[:n_arrays], batch_size=20), mb.Batches(N, 20).epoch(0), strict=True
        ):
            parts = (got,) if n_arrays == 1 else got
            assert len(parts) == n_arrays
            for part, array in zip(parts, arrays[:n_arrays], strict=True):
                assert part.dtype == array.dtype
                assert np.array_equal(part, array[rows])
                assert part.flags.c_contiguous
                assert part.flags.aligned
                assert part.flags.writeable
    (got,) = mb.minibatches(X, None, batch_size="full", shuffle=False)
    assert np.array_equal(got, X)
    single = next(mb.minibatches(X, batch_size=3, return_rows=True))
    assert [part.shape for part in single] == [(3, 5), (3,)]


@pytest.mark.parametrize("size", [1, 16, N])
def test_batches_belong_to_the_user(size):
    kept = list(mb.minibatches(X, Y, batch_size=size, epochs=3))
    for X_b, _ in kept:
        X_b += 1.0
    expected = [X[rows] + 1.0 for rows in mb.Batches(N, size).epochs(3)]
    assert all(np.array_equal(a, b) for (a, _), b in zip(kept, expected, strict=True))


@pytest.mark.parametrize("n_threads", [1, 2, 7])
def test_large_batches_are_gathered_by_any_number_of_threads(n_threads):
    wide = RNG.integers(0, 2**62, (3000, 200))
    for got, rows in zip(
        mb.minibatches(wide, batch_size=2000, n_threads=n_threads),
        mb.Batches(3000, 2000).epoch(0),
        strict=True,
    ):
        assert np.array_equal(got, wide[rows])


# ---- tables


def test_data_frames_and_series_give_arrays():
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(X, columns=list("abcde"), index=np.arange(N)[::-1])
    series = pandas.Series(Y, name="y")
    dates = pandas.Series(pandas.date_range("2026-01-01", periods=N))
    for (X_b, y_b, when), rows in zip(
        mb.minibatches(frame, series, dates, batch_size=10), mb.Batches(N, 10).epoch(0), strict=True
    ):
        assert type(X_b) is np.ndarray
        assert X_b.dtype == np.float32
        assert X_b.flags.c_contiguous
        assert np.array_equal(X_b, X[rows])
        assert np.array_equal(y_b, Y[rows])
        assert np.array_equal(when, dates.to_numpy()[rows])
    mixed = pandas.DataFrame({"a": X[:, 0], "b": ["text"] * N})
    with pytest.raises(TypeError, match=r"X must .* got 'text' at row 0, column 1 \('b'\)"):
        mb.minibatches(mixed, batch_size=2)


def test_whatever_converts_itself_is_taken():
    class Table:  # as polars does
        def to_numpy(self):
            return np.asfortranarray(X)

    (got,) = mb.minibatches(Table(), batch_size="full", shuffle=False)
    assert np.array_equal(got, X)
    assert got.flags.c_contiguous


# ---- sparse matrices

SPARSE = scipy.sparse.random(N, 40, 0.1, format="csr", dtype=np.float64, random_state=0)


def with_index(matrix, index):
    matrix = matrix.copy()
    matrix.indptr, matrix.indices = matrix.indptr.astype(index), matrix.indices.astype(index)
    return matrix


@pytest.mark.parametrize("kind", ["csr_matrix", "csr_array"])
@pytest.mark.parametrize("index", [np.int32, np.int64])
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int8, np.complex128, bool])
def test_sparse_rows_stay_sparse(dtype, index, kind):
    matrix = with_index(getattr(scipy.sparse, kind)(SPARSE).astype(dtype), index)
    for (X_b, y_b), rows in zip(
        mb.minibatches(matrix, Y, batch_size=10, epochs=2), mb.Batches(N, 10).epochs(2), strict=True
    ):
        assert type(X_b) is type(matrix)
        assert X_b.dtype == dtype
        assert X_b.indices.dtype == X_b.indptr.dtype == index
        assert X_b.shape == (len(rows), 40)
        X_b.check_format(full_check=True)
        assert (X_b != matrix[rows]).nnz == 0
        assert (X_b @ np.ones(40)).shape == y_b.shape
        assert X_b.T.shape == (40, len(rows))


def test_sparse_matrices_of_other_kinds_are_converted():
    for other in ("csc", "coo", "lil", "bsr"):
        (got,) = mb.minibatches(SPARSE.asformat(other), batch_size="full", shuffle=False)
        assert got.format == "csr"
        assert (got != SPARSE).nnz == 0
    mixed = with_index(SPARSE, np.int32)
    mixed.indptr = mixed.indptr.astype(np.int64)
    (got,) = mb.minibatches(mixed, batch_size="full", shuffle=False)
    assert (got != SPARSE).nnz == 0
    empty = scipy.sparse.csr_matrix((N, 40))
    assert sum(batch.shape[0] for batch in mb.minibatches(empty, batch_size=7)) == N
    unsorted = scipy.sparse.csr_matrix(([1.0, 2, 3], [3, 1, 1], [0, 3]), shape=(1, 4))
    (got,) = mb.minibatches(unsorted, batch_size=1)
    assert got.indices.tolist() == [3, 1, 1]


@pytest.mark.parametrize(
    ("indptr", "index"),
    [
        ([0, 3, 2, 5], np.int32),
        ([0, 1, 2, 99], np.int64),
        ([-4, 1, 2, 3], np.int32),
        ([0, 2**40, 2**41, 5], np.int64),
    ],
)
def test_malformed_sparse_matrices_are_refused(indptr, index):
    matrix = with_index(scipy.sparse.csr_matrix(np.eye(3)), index)
    matrix.indptr = np.array(indptr, index)
    with pytest.raises(
        ValueError, match=r"indptr must be rising and at most the number of entries, got .* at row"
    ):
        list(mb.minibatches(matrix, batch_size=1))
    assert none_works()


# ---- memory maps


def test_of_a_memory_map_only_the_rows_of_batches_are_read(tmp_path):
    rows, width = 1 << 16, 1 << 20  # 64 GiB, a file of holes
    path = tmp_path / "large"
    with path.open("wb") as file:
        file.truncate(rows * width)
    mapped = np.memmap(path, np.uint8, "r+", shape=(rows, width))
    mapped[1234, :3] = 7, 8, 9
    for i, X_b in enumerate(mb.minibatches(mapped, batch_size=4, shuffle=Block(2, 4))):
        assert type(X_b) is np.ndarray
        assert X_b.shape == (4, width)
        if i == 5:
            break
    weights = np.zeros(rows)
    weights[1234] = 1
    (got,) = mb.minibatches(mapped, batch_size=1, shuffle=Weighted(weights, replacement=False))
    assert got[0, :4].tolist() == [7, 8, 9, 0]
    read_only = np.memmap(path, np.uint8, "r", shape=(rows, width))
    assert next(mb.minibatches(read_only, batch_size=1)).shape == (1, width)


# ---- the thread


@linux
def test_the_thread_ends_with_the_iteration():
    def begun(**options):
        batches = mb.minibatches(X, Y, batch_size=2, epochs=10**6, **options)
        next(batches)
        assert workers() == 1
        return batches

    batches = mb.minibatches(X, batch_size=2)
    assert none_works()  # it begins with the first batch
    assert len(list(batches)) == 52
    assert none_works()
    begun().close()
    assert none_works()
    batches = begun()
    del batches
    gc.collect()
    assert none_works()
    for _ in begun():
        break
    gc.collect()
    assert none_works()

    def fails():
        for _ in mb.minibatches(X, batch_size=2):
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fails()
    gc.collect()
    assert none_works()


def test_iterations_do_not_disturb_each_other():
    def gathered(seed):
        return [y_b.tolist() for _, y_b in mb.minibatches(X, Y, batch_size=3, epochs=20, seed=seed)]

    alone = [gathered(seed) for seed in range(4)]
    together = [mb.minibatches(X, Y, batch_size=3, epochs=20, seed=seed) for seed in range(4)]
    interleaved = list(zip(*together, strict=True))
    for seed in range(4):
        assert [batches[seed][1].tolist() for batches in interleaved] == alone[seed]
    found = {}
    threads = [
        threading.Thread(target=lambda seed=seed: found.update({seed: gathered(seed)})) for seed in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [found[seed] for seed in range(4)] == alone


def test_arrays_live_as_long_as_they_are_read():
    class Own(np.ndarray):
        pass

    array = np.arange(20_000.0).reshape(-1, 10).view(Own)
    expected = array.sum()
    gone = weakref.ref(array)
    batches = mb.minibatches(array, batch_size=7)
    del array
    gc.collect()
    np.empty(20_000).fill(-1)
    assert sum(batch.sum() for batch in batches) == pytest.approx(expected)
    del batches
    gc.collect()
    assert gone() is None


def test_epochs_without_end_are_begun_at_once():
    batches = mb.minibatches(X, batch_size=2, epochs=2**62)
    assert next(batches).shape == (2, 5)
    batches.close()
    assert list(batches) == []


def test_an_epoch_too_late_is_an_error():
    with pytest.raises(ValueError, match=r"epoch must be less than 2\^32, got 4294967296"):
        next(mb.Batches(3, 1).epochs(1, first=2**32))


def run(code):
    done = subprocess.run([sys.executable, "-c", code], text=True, capture_output=True, timeout=100)
    return done.stdout.strip(), done.stderr, done.returncode


@linux
def test_a_forked_child_goes_on_with_a_thread_of_its_own():
    code = """
import os, sys, numpy as np, mbgd_rs as mb
X = np.random.default_rng(0).normal(size=(5000, 40))
expected = [b.sum() for b in mb.minibatches(X, batch_size=8, epochs=2)]
batches = mb.minibatches(X, batch_size=8, epochs=2)
dropped = mb.minibatches(X, batch_size=8, epochs=2)
got = [next(batches).sum() for _ in range(300)]
next(dropped)
child = os.fork()
if child == 0:
    del dropped
    rest = [b.sum() for b in batches]
    os._exit(0 if got + rest == expected else 1)
_, status = os.waitpid(child, 0)
rest = [b.sum() for b in batches]
print(status, got + rest == expected)
"""
    out, err, _ = run(code)
    assert out == "0 True", err


def test_the_interpreter_ends_while_batches_are_gathered():
    code = """
import numpy as np, mbgd_rs as mb
X = np.ones((100_000, 50))
batches = mb.minibatches(X, batch_size=20_000, epochs=10**9)
print(next(batches).shape)
class Keeps: pass
cycle = Keeps(); cycle.itself = cycle; cycle.batches = mb.minibatches(X, batch_size=10, epochs=10**9)
next(cycle.batches)
"""
    assert run(code) == ("(20000, 50)", "", 0)


@pytest.mark.alone
@linux
def test_waiting_for_a_batch_can_be_interrupted():
    n = 10_000_000  # whose order without replacement takes seconds
    batches = mb.minibatches(np.arange(n), batch_size=2, shuffle=Weighted(np.ones(n), replacement=False))

    def interrupt():
        time.sleep(0.1)
        os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=interrupt)
    thread.start()
    with pytest.raises(KeyboardInterrupt):
        next(batches)
    thread.join()
    del batches
    gc.collect()
    assert none_works()


def test_memory_of_batches_is_given_back():
    resource = pytest.importorskip("resource")
    big = np.ones((1000, 2000))
    for _ in mb.minibatches(big, batch_size=500, epochs=3):
        pass
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for _ in mb.minibatches(big, batch_size=500, epochs=100):
        pass
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200_000  # of 1.6 GB gathered


# ---- what is refused

REFUSED = {
    "nothing": (lambda: mb.minibatches(batch_size=2), TypeError, "minibatches must have at least one array"),
    "no rows": (lambda: mb.minibatches(X[:0], batch_size=2), ValueError, "n must be >= 1, got 0"),
    "lengths": (
        lambda: mb.minibatches(X, Y, Y[:-1], batch_size=2),
        ValueError,
        r"arrays\[2\] must have 103 rows",
    ),
    "sparse lengths": (
        lambda: mb.minibatches(X, SPARSE[:9], batch_size=2),
        ValueError,
        "y must have 103 rows",
    ),
    "masked": (
        lambda: mb.minibatches(np.ma.masked_less(X, 0), batch_size=2),
        TypeError,
        "X must not be a masked array",
    ),
    "return_rows": (
        lambda: mb.minibatches(X, batch_size=2, return_rows=1),
        TypeError,
        "return_rows must be a bool, got 1",
    ),
    "n_threads": (
        lambda: mb.minibatches(X, batch_size=2, n_threads=0),
        ValueError,
        "n_threads must be >= 1, got 0",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_makes_no_sense_is_refused_at_once(name):
    call, kind, message = REFUSED[name]
    with pytest.raises(kind, match=message) as caught:
        call()
    assert type(caught.value) is kind


def test_more_than_an_epoch_has_means_all():
    some = Weighted(np.eye(N)[:5].sum(axis=0), replacement=False)
    (got,) = mb.minibatches(X, batch_size=200, shuffle=some, drop_last=True)
    assert sorted(got[:, 0].tolist()) == sorted(X[:5, 0].tolist())
    many = list(mb.minibatches(X, batch_size=200, shuffle=Weighted(np.ones(N), n_samples=300)))
    assert [len(batch) for batch in many] == [200, 100]
