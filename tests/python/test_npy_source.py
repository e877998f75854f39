"""`sources.Npy`: files of NumPy against numpy.load."""

import os
import pickle
import shutil

import numpy as np
import pytest
from mbgd_rs.sources import Npy
from source_cases import everything, read_into

RNG = np.random.default_rng(5)
X = RNG.standard_normal((31, 6))
Y = RNG.integers(0, 3, 31)
WEIGHTS = RNG.uniform(0.5, 2, 31)


@pytest.fixture
def save(tmp_path):
    def saved(name, array):
        path = tmp_path / f"{name}.npy"
        np.save(path, array)
        return path

    return saved


TYPES = [">f8", ">f4", "<f2", ">f2", "i1", ">i2", "u8", "?", "f4", "f8", "longdouble"]


@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize("rows", [1, 7, 31, None])
def test_rows_of_every_type(save, kind, rows):
    given = (10 * np.abs(X)).astype(kind)
    source = Npy(save("X", given), save("y", Y), save("w", WEIGHTS), rows=rows)
    got, y, weights = everything(source)
    wanted = np.float32 if given.dtype.kind == "f" and given.dtype.itemsize <= 4 else np.float64
    assert got.dtype == wanted
    np.testing.assert_array_equal(got, given.astype(wanted))
    np.testing.assert_array_equal(y, Y)
    np.testing.assert_array_equal(weights, WEIGHTS)


@pytest.mark.parametrize(
    "y", [Y.astype(str), Y.astype("S3"), X[:, :2].astype(">f4"), Y > 0, Y.astype(">i8"), None]
)
def test_targets_of_every_kind(save, y):
    source = Npy(save("X", X), None if y is None else save("y", y), rows=10)
    got = everything(source)[1]
    if y is None:
        assert got is None
    else:
        np.testing.assert_array_equal(got, y)
        assert got.dtype == y.dtype.newbyteorder("=")


@pytest.mark.parametrize("shape", [(1, 1), (1, 5), (5, 1)])
@pytest.mark.parametrize("order", ["C", "F"])
def test_one_row_or_one_column_has_any_order(save, shape, order):
    given = np.asarray(np.arange(5.0)[: shape[0] * shape[1]].reshape(shape), order=order)
    np.testing.assert_array_equal(everything(Npy(save("X", given)))[0], given)


def test_several_files_by_list_pattern_and_folder(tmp_path):
    for part, rows in enumerate((slice(0, 10), slice(10, 10), slice(10, 30), slice(30, 31))):
        np.save(tmp_path / f"X-{part}.npy", X[rows])
        (tmp_path / "y").mkdir(exist_ok=True)
        np.save(tmp_path / "y" / f"{part}.npy", Y[rows])
    for given in (str(tmp_path / "X-?.npy"), [tmp_path / f"X-{part}.npy" for part in range(4)]):
        source = Npy(given, tmp_path / "y", rows=8)
        assert source.chunk_rows == (8, 2, 8, 8, 4, 1)
        got, y, _ = everything(source)
        np.testing.assert_array_equal(got, X)
        np.testing.assert_array_equal(y, Y)
        assert source.where(3, 2) == f"row 10 of {str(tmp_path / 'X-2.npy')!r}"


def test_reading_takes_no_memory_beside_the_chunk_and_writes_nothing_else(save):
    rows = RNG.standard_normal((20_000, 50))
    for given in (rows, rows.astype(">f8"), (100 * rows).astype(np.int16)):
        got, peak = read_into(Npy(save("X", given), rows=8000), 1)
        np.testing.assert_array_equal(got, given[8000:16_000])
        assert peak < got.nbytes / 5


def test_chunks_are_about_16_mebibytes(save):
    source = Npy(save("X", np.zeros((70_000, 100), np.float32)))
    assert source.chunk_rows == (41_943, 28_057)


def test_it_holds_nothing_open_and_goes_to_other_processes(save, monkeypatch, tmp_path):
    path = save("X", X)
    monkeypatch.chdir(tmp_path)
    source = Npy("X.npy")
    monkeypatch.chdir("/")
    there = pickle.loads(pickle.dumps(source))
    np.testing.assert_array_equal(everything(there)[0], X)
    assert there.fingerprint() == source.fingerprint()
    assert source.where(0, 3) == "row 3 of 'X.npy'"
    if os.path.isdir("/proc/self/fd"):
        assert str(path) not in {
            os.path.realpath(f"/proc/self/fd/{fd}") for fd in os.listdir("/proc/self/fd")
        }


def test_files_that_change_are_refused(save, tmp_path):
    path = save("X", X)
    source = Npy(path, rows=8)
    before = source.fingerprint()
    assert Npy(path, rows=9).fingerprint() != before
    shutil.copy2(path, tmp_path / "again.npy")
    save("X", X[:-1])
    assert source.fingerprint() != before
    with pytest.raises(
        ValueError, match=r"X.npy' must not change while it is a source, got 1568 bytes where"
    ):
        source.read(0)
    os.unlink(path)
    with pytest.raises(FileNotFoundError):
        source.read(0)


def test_the_end_of_a_file_that_was_cut_off(save):
    path = save("X", X)
    os.truncate(path, os.path.getsize(path) - 1)
    with pytest.raises(
        ValueError, match=r"X must be whole, got .*X.npy' of 1615 bytes, which needs 1616 for shape"
    ):
        Npy(path)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (
            np.asfortranarray(X),
            r"X must be in C order, got .*X.npy' in Fortran order: save numpy.ascontiguousarray",
        ),
        (X[0], r"X must have 2 dimensions, got shape \(6,\) in .*X.npy'"),
        (X.astype(str), "X must be of real numbers, got <U32 in .*X.npy'"),
        (X.astype(complex), "X must be of numbers or labels, got complex128 in .*X.npy'"),
        (X[:0], "X must have at least one row, got none in .*X.npy'"),
        (X[:, :0], r"X must have columns, got shape \(31, 0\)"),
        (np.zeros((2, 2), [("a", "i4")]), r"X must be of numbers or labels, got \[\('a', '<i4'\)\] in"),
    ],
)
def test_files_of_another_kind_are_refused(save, given, message):
    with pytest.raises((TypeError, ValueError), match=message):
        Npy(save("X", given))


def test_files_that_are_not_of_numpy(tmp_path):
    for content in (b"", b"hello", b"\x93NUMPY\x09\x00v\x00", b"\x93NUMPY\x01\x00v\x00{'descr': "):
        (tmp_path / "X.npy").write_bytes(content)
        with pytest.raises(ValueError, match=r"X must be files of NumPy, got .*X.npy'"):
            Npy(tmp_path / "X.npy")
    np.save(tmp_path / "X.npy", np.array([[None]]), allow_pickle=True)
    with pytest.raises(TypeError, match="X must be of numbers or labels, got object"):
        Npy(tmp_path / "X.npy")


def test_arguments_that_do_not_fit(save, tmp_path):
    path = save("X", X)
    with pytest.raises(ValueError, match=r"y must have 31 rows as .*X.npy', got shape \(30,\) in .*y.npy'"):
        Npy(path, save("y", Y[1:]))
    with pytest.raises(ValueError, match="y must be 1 files, as X is, got 2"):
        Npy(path, [path, path])
    with pytest.raises(ValueError, match=r"sample_weight must have 1 dimensions, got shape \(31, 6\)"):
        Npy(path, save("y", Y), path)
    with pytest.raises(TypeError, match="sample_weight must be of real numbers, got <U21"):
        Npy(path, save("y", Y), save("w", Y.astype(str)))
    with pytest.raises(
        ValueError, match=r"X must have 6 columns as .*, got shape \(31, 5\) in .*narrow.npy'"
    ):
        Npy([path, save("narrow", X[:, 1:])])
    with pytest.raises(ValueError, match=r"y must have columns as .*, got shape \(31, 2\) in"):
        Npy([path, path], [save("y", Y), save("y2", X[:, :2])])
    with pytest.raises(ValueError, match="rows must be >= 1, got 0"):
        Npy(path, rows=0)
    with pytest.raises(ValueError, match="feature_names must be 6 names, one for each column, got 1"):
        Npy(path, feature_names=["a"])
    with pytest.raises(FileNotFoundError, match=r"X must be files, got .*none.npy', which is none"):
        Npy(tmp_path / "none.npy")
    with pytest.raises(
        FileNotFoundError, match=r"X must match files, got .*none-\*.npy', which matches none"
    ):
        Npy(str(tmp_path / "none-*.npy"))
    (tmp_path / "empty").mkdir()
    with pytest.raises(FileNotFoundError, match=r"X must have files .npy, got folder .*empty'"):
        Npy(tmp_path / "empty")
    with pytest.raises(ValueError, match="X must have at least one file, got an empty list"):
        Npy([])
    with pytest.raises(TypeError, match="X must be a path or a list of paths, got 3"):
        Npy(3)
    with pytest.raises(TypeError, match="X must be a path or a list of paths, got array"):
        Npy(X[:1])
