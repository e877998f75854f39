"""`mb.sources`: the protocol, arrays, functions, and spooled rows."""

import inspect
import os
import pickle

import mbgd_rs as mb
import numpy as np
import pandas as pd
import pytest
from mbgd_rs import sources
from mbgd_rs.sources import Arrays, Chunk, Chunks, Npy, Source, check_source, checked_chunk, spool
from scipy import sparse
from source_cases import everything, read_into

RNG = np.random.default_rng(3)
X = RNG.standard_normal((23, 4))
Y = RNG.integers(0, 3, 23)
WEIGHTS = RNG.uniform(0.5, 2, 23)


def test_every_name_is_a_source_or_documented_as_something_else():
    for name in sources.__all__:
        thing = getattr(sources, name)
        assert inspect.getdoc(thing)
        if inspect.isclass(thing) and issubclass(thing, Source):
            for verb in ("read", "targets", "where", "fingerprint"):
                assert inspect.getdoc(getattr(thing, verb)), (name, verb)
    assert mb.sources is sources


class Computed(Source):
    chunk_rows = (2, 3)
    n_columns = 1
    dtype = np.dtype(np.float32)

    def read(self, chunk, out=None):
        X = self.room(chunk, out)
        X[:] = chunk
        return Chunk(X, np.zeros(len(X)))


def test_the_protocol_alone():
    with Computed() as source:
        assert (source.n_rows, source.n_chunks, source.has_weights, source.is_sparse) == (5, 2, False, False)
        assert source.feature_names is None
        assert source.n_entries is None
        got, y, weights = everything(source)
        assert got.tolist() == [[0], [0], [1], [1], [1]]
        assert y.tolist() == [0] * 5
        assert weights is None
        assert repr(source) == "<Computed: 5 rows in 2 chunks, 1 columns, float32>"
        assert source.fingerprint() == Computed().fingerprint() != Arrays(X, Y).fingerprint()


@pytest.mark.parametrize(
    ("out", "message"),
    [
        (
            np.empty((2, 1)),
            r"out must be an array of float32 of shape \(2, 1\), got float64 of shape \(2, 1\)",
        ),
        (np.empty((3, 1), np.float32), r"got float32 of shape \(3, 1\)"),
        ([[0.0], [0.0]], r"got <class 'list'>"),
        (np.empty((4, 1), np.float32)[::2], "out must be writable, aligned and in C order"),
        (np.broadcast_to(np.float32(0), (2, 1)), "out must be writable"),
    ],
)
def test_a_wrong_out_is_refused(out, message):
    with pytest.raises(ValueError, match=message):
        Computed().read(0, out)


@pytest.mark.parametrize("chunk", [-1, 2])
def test_chunks_that_are_not_there(chunk):
    with pytest.raises(IndexError, match=f"chunk must be >= 0 and < 2, got {chunk}"):
        Computed().read(chunk)


@pytest.mark.parametrize(
    ("attribute", "value", "message"),
    [
        ("chunk_rows", [2, 3], "chunk_rows of Computed must be a tuple"),
        ("chunk_rows", (), "chunk_rows of Computed must be a tuple of at least one"),
        ("chunk_rows", (2, 0), r"chunk_rows\[1\] of Computed must be >= 1, got 0"),
        ("n_columns", 0, "n_columns of Computed must be >= 1, got 0"),
        ("n_columns", 1.0, "n_columns of Computed must be an integer, got 1.0"),
        ("dtype", np.dtype(int), "dtype of Computed must be float32 or float64"),
        ("feature_names", ("a", "b"), "feature_names of Computed must be 1 names"),
    ],
)
def test_attributes_are_checked(attribute, value, message):
    source = Computed()
    setattr(source, attribute, value)
    with pytest.raises((TypeError, ValueError), match=message):
        check_source(source)


@pytest.mark.parametrize(
    ("read", "message"),
    [
        ([0, 1], "what is read of chunk 0 of Computed must be a tuple"),
        ((np.zeros((3, 1), np.float32), np.zeros(3)), r"must have shape \(2, 1\), got \(3, 1\)"),
        ((np.zeros((2, 1)), np.zeros(2)), "must have dtype float32, got float64"),
        (
            (sparse.csr_array((2, 1), dtype=np.float32), np.zeros(2)),
            "must be an array as announced",
        ),
        ((np.zeros((2, 1), np.float32), np.zeros(3)), r"y of chunk 0 of Computed must have shape \(2,\)"),
        ((np.zeros((2, 1), np.float32), np.zeros(2), np.ones(2)), "must be None as announced, got weights"),
    ],
)
def test_what_is_read_is_checked(read, message):
    with pytest.raises((TypeError, ValueError), match=message):
        checked_chunk(Computed(), 0, read)


LAYOUTS = {
    "float64": X,
    "float32": X.astype(np.float32),
    "float16": X.astype(np.float16),
    "integers": (10 * X).astype(np.int16),
    "bools": X > 0,
    "big-endian": X.astype(">f8"),
    "Fortran": np.asfortranarray(X),
    "strided": np.repeat(X, 2, axis=0)[::2, ::-1],
    "list": X.tolist(),
    "objects": X.astype(object),
    "frame": pd.DataFrame(X, columns=list("abcd")),
    "sparse": sparse.csr_matrix(X * (X > 0)),
    "sparse columns": sparse.csc_array(X * (X > 0)),
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("rows", [1, 7, 23, 100])
def test_arrays_have_the_rows_and_the_type_that_fit_would_see(layout, rows):
    given = LAYOUTS[layout]
    source = Arrays(given, Y, WEIGHTS, rows=rows)
    got, y, weights = everything(source)
    wanted = given.toarray() if hasattr(given, "toarray") else np.asarray(given, np.result_type(got))
    np.testing.assert_array_equal(got, wanted)
    np.testing.assert_array_equal(y, Y)
    np.testing.assert_array_equal(weights, WEIGHTS)
    assert source.dtype == mb.fit(given, WEIGHTS, epochs=1, optimizer="sgd").coef.dtype
    assert source.is_sparse == layout.startswith("sparse")
    assert max(source.chunk_rows) == min(rows, 23)
    assert source.feature_names == (tuple("abcd") if layout == "frame" else None)


def test_parts_are_chunked_each_for_itself():
    source = Arrays(
        [X[:10], X[10:13].astype(np.float32), X[:0], X[13:]], [Y[:10], Y[10:13], Y[:0], Y[13:]], rows=8
    )
    assert source.chunk_rows == (8, 2, 3, 8, 2)
    assert source.dtype == np.float64
    got, y, _ = everything(source)
    np.testing.assert_allclose(got, X, rtol=1e-6)
    np.testing.assert_array_equal(y, Y)
    assert source.where(3, 1) == "row 1 of part 3"
    assert Arrays(X, Y, rows=8).where(2, 1) == "row 17"


def test_sparse_parts():
    matrix = sparse.random_array((40, 9), density=0.2, format="csr", rng=np.random.default_rng(0))
    single = matrix[:15].astype(np.float32)
    source = Arrays([single, matrix[15:]], [np.zeros(15), np.ones(25)], rows=10)
    got, y, _ = everything(source)
    np.testing.assert_array_equal(got, np.concatenate([single.toarray(), matrix[15:].toarray()]))
    assert source.n_entries == matrix.nnz
    assert y.sum() == 25
    with pytest.raises(ValueError, match="out must be None where rows are sparse"):
        source.read(0, np.empty((10, 9)))


def test_rows_in_place_are_not_copied():
    assert np.shares_memory(Arrays(X, Y, rows=5).read(1).X, X)
    got, peak = read_into(Arrays(np.repeat(X, 4000, axis=0), np.repeat(Y, 4000), rows=50_000), 1)
    np.testing.assert_array_equal(got, np.repeat(X, 4000, axis=0)[50_000:])
    assert peak < got.nbytes / 20


def test_converting_a_memory_map_takes_no_copy(tmp_path):
    mapped = np.memmap(tmp_path / "rows", ">i4", "w+", shape=(30_000, 20))
    mapped[:] = np.arange(mapped.size).reshape(mapped.shape)
    got, peak = read_into(Arrays(mapped, np.zeros(30_000)), 0)
    np.testing.assert_array_equal(got, mapped)
    assert peak < got.nbytes / 10


@pytest.mark.parametrize("y", [Y, Y.astype(str), Y.astype(object), X[:, :2], list("ab" * 11 + "a"), None])
def test_targets_of_any_kind(y):
    got = everything(Arrays(X, y, rows=9))[1]
    if y is None:
        assert got is None
    else:
        np.testing.assert_array_equal(got, np.asarray(y))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((X, Y[:-1]), r"y must have shape \(23,\) or \(23, k\), got \(22,\)"),
        ((X[0], Y), r"X must have 2 dimensions, got shape \(4,\)"),
        ((X[:, :0], Y), r"X must have at least one column, got shape \(23, 0\)"),
        ((X[:0], Y[:0]), "X must have at least one row, got none"),
        (([], Y), "X must have at least one part, got an empty list"),
        ((X, Y, WEIGHTS[:3]), r"sample_weight must have shape \(23,\), got \(3,\)"),
        ((X, Y, None, 0), "rows must be >= 1, got 0"),
        ((X.astype(str), Y), "X must be an array of real numbers"),
        (([X, X], Y), r"y must be a list of 2 arrays, as X is, got"),
        (([X, X], [Y]), r"y must be a list of 2 arrays, as X is, got 1"),
        (([X, X[:, 1:]], [Y, Y]), r"X\[1\] must have 4 columns as X\[0\], got shape \(23, 3\)"),
        (([X, X], [Y, X]), r"y\[1\] must have columns as y\[0\], got shape \(23, 4\)"),
        (
            ([X, sparse.csr_matrix(X)], [Y, Y]),
            r"X must be sparse in all parts or in none",
        ),
        (([X, X.astype(str)], [Y, Y]), r"X\[1\] must be an array of real numbers"),
    ],
)
def test_wrong_arrays_are_refused(arguments, message):
    with pytest.raises((TypeError, ValueError), match=message):
        Arrays(*arguments)


def test_fingerprints_differ_with_content_shape_and_chunks():
    changed = X.copy()
    changed[0, 0] += 1
    given = [
        (X, Y),
        (changed, Y),
        (X[1:], Y[1:]),
        (X.astype(np.float32), Y),
        (X, Y, WEIGHTS),
        (X, Y, None, 5),
    ]
    assert len({Arrays(*arguments).fingerprint() for arguments in given}) == len(given)
    assert Arrays(X, Y).fingerprint() == Arrays(X.copy(), Y.copy()).fingerprint()


def of_rows(chunk):
    rows = slice(5 * chunk, 5 * chunk + 5)
    return X[rows], Y[rows], WEIGHTS[rows]


def test_chunks_of_a_function():
    source = Chunks(of_rows, 5)
    assert source.chunk_rows == (5, 5, 5, 5, 3)
    got, y, weights = everything(source)
    np.testing.assert_array_equal(got, X)
    np.testing.assert_array_equal(y, Y)
    np.testing.assert_array_equal(weights, WEIGHTS)
    assert source.where(1, 2) == "row 2 of chunk 1"
    assert pickle.loads(pickle.dumps(source)).fingerprint() == source.fingerprint()
    single = Chunks(of_rows, chunk_rows=source.chunk_rows, dtype="float32", feature_names="abcd")
    np.testing.assert_array_equal(everything(single)[0], X.astype(np.float32))
    assert single.feature_names == tuple("abcd")
    np.testing.assert_array_equal(read_into(single, 4)[0], X[20:].astype(np.float32))


def test_chunk_rows_spare_a_pass():
    asked = []
    Chunks(lambda chunk: (asked.append(chunk), of_rows(chunk))[1], chunk_rows=[5, 5, 5, 5, 3])
    assert asked == [0]


def test_sparse_chunks():
    source = Chunks(lambda chunk: (sparse.csr_array(X[chunk::5] > 0), Y[chunk::5]), 5)
    assert source.is_sparse
    np.testing.assert_array_equal(everything(source)[0][:5], X[::5] > 0)


@pytest.mark.parametrize(
    ("second", "message"),
    [
        ((X[:5],), r"function must give \(X, y\) or \(X, y, sample_weight\), got tuple for chunk 1"),
        ((X[:5, 1:], Y[:5], WEIGHTS[:5]), r"X of chunk 1 must have 4 columns, got shape \(5, 3\)"),
        ((X[:5], Y[:4], WEIGHTS[:5]), r"y of chunk 1 must have shape \(5,\) or \(5, k\), got \(4,\)"),
        ((X[:5], Y[:5], WEIGHTS[:4]), r"sample_weight of chunk 1 must have shape \(5,\), got \(4,\)"),
        ((X[:5], Y[:5]), "sample_weight of chunk 1 must be given as that of chunk 0, got none"),
        ((X[:4], Y[:4], WEIGHTS[:4]), "chunk 1 must have 5 rows as announced, got 4"),
        ((X[:0], Y[:0], WEIGHTS[:0]), r"X of chunk 1 must have rows and columns, got shape \(0, 4\)"),
        ((sparse.csr_array(X[:5]), Y[:5], WEIGHTS[:5]), "X of chunk 1 must be an array as that of chunk 0"),
        ((X[:5].astype(str), Y[:5], WEIGHTS[:5]), "X of chunk 1 must be an array of real numbers"),
    ],
)
def test_chunks_that_are_not_as_announced(second, message):
    source = Chunks(lambda chunk: second if chunk else of_rows(0), chunk_rows=[5, 5])
    with pytest.raises((TypeError, ValueError), match=message):
        source.read(1)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"function": 3, "n_chunks": 2}, "function must be callable"),
        ({}, "n_chunks or chunk_rows must be given, got neither"),
        ({"n_chunks": 0}, "n_chunks must be >= 1, got 0"),
        ({"chunk_rows": [5, 0]}, r"chunk_rows\[1\] must be >= 1, got 0"),
        ({"n_chunks": 3, "chunk_rows": [5, 5]}, "chunk_rows must be 3 numbers, got 2"),
        ({"chunk_rows": [4, 5]}, "chunk 0 must have 4 rows as announced, got 5"),
        ({"n_chunks": 2, "dtype": "int8"}, "dtype must be float32 or float64, got 'int8'"),
        (
            {"n_chunks": 2, "feature_names": ["a"]},
            "feature_names must be 4 names",
        ),
    ],
)
def test_wrong_arguments_of_chunks(arguments, message):
    with pytest.raises((TypeError, ValueError), match=message):
        Chunks(**{"function": of_rows, **arguments})


@pytest.mark.parametrize("y", [Y, X[:, :2], np.array(["a", "bb", "ccc"])[Y], None])
@pytest.mark.parametrize("weights", [WEIGHTS, None])
def test_spooled_rows_are_those_of_the_source(tmp_path, y, weights):
    frame = pd.DataFrame(X.astype(np.float32), columns=list("abcd"))
    source = Arrays(frame, y, weights, rows=5)
    spooled = spool(source, tmp_path / "spooled", rows=9)
    assert isinstance(spooled, Npy)
    assert spooled.chunk_rows == (9, 9, 5)
    assert spooled.feature_names == tuple("abcd")
    for given, again in zip(everything(source), everything(spooled), strict=True):
        np.testing.assert_array_equal(given, again)
        assert given is None or given.dtype == again.dtype


@pytest.mark.parametrize("kind", [np.int32, np.int64])
def test_spooled_rows_may_be_sparse(tmp_path, kind):
    matrix = sparse.random_array((40, 9), density=0.2, format="csr", rng=np.random.default_rng(0))
    matrix.indices, matrix.indptr = matrix.indices.astype(kind), matrix.indptr.astype(kind)
    parts = [matrix[:15], matrix[15:]]
    given = Arrays(parts, [np.zeros(15), np.ones(25)], [np.ones(15), np.ones(25)], rows=10)
    counted = Chunks(lambda chunk: (parts[chunk], np.zeros(len(parts[chunk].indptr) - 1)), 2)
    for number, source in enumerate((given, counted)):
        spooled = spool(source, tmp_path / f"{number}", rows=16)
        assert spooled.is_sparse
        assert spooled.chunk_rows == (16, 16, 8)
        for wanted, got in zip(everything(source), everything(spooled), strict=True):
            np.testing.assert_array_equal(wanted, got)
        assert spooled.fingerprint() == spool(source, tmp_path / f"{number}", rows=16).fingerprint()
        assert spooled.n_entries == matrix.nnz
        assert spooled.where(1, 3).startswith("row 19 of ")


def test_spooled_rows_are_used_again_until_the_source_changes(tmp_path):
    first = spool(Arrays(X, Y), tmp_path)
    before = first.fingerprint()
    assert spool(Arrays(X.copy(), Y), tmp_path, rows=3).chunk_rows[0] == 3
    assert before == spool(Arrays(X, Y), tmp_path).fingerprint()
    other = spool(Arrays(X + 1, Y), tmp_path)
    assert other.fingerprint() != before
    np.testing.assert_array_equal(everything(other)[0], X + 1)
    with pytest.raises(ValueError, match=r"X.npy' must not change while it is a source"):
        first.read(0)
    for damage in ("{", "[]", '{"sizes": 3}'):
        (tmp_path / "spool.json").write_text(damage)
        np.testing.assert_array_equal(everything(spool(Arrays(X, Y), tmp_path))[0], X)
    os.truncate(tmp_path / "X.npy", 100)
    np.testing.assert_array_equal(everything(spool(Arrays(X, Y), tmp_path))[0], X)


def test_what_was_not_spooled_to_the_end_is_not_taken_for_the_rows(tmp_path):
    def broken(chunk):
        if chunk == 3:
            raise OSError("the cable is out")
        return of_rows(chunk)

    source = Chunks(broken, chunk_rows=[5, 5, 5, 5, 3])
    spool(Arrays(X, Y), tmp_path)
    with pytest.raises(OSError, match="the cable is out"):
        spool(source, tmp_path)
    assert sorted(os.listdir(tmp_path)) == ["X.npy", "y.npy"]
    np.testing.assert_array_equal(everything(spool(Arrays(X, Y), tmp_path))[0], X)


def test_what_cannot_be_spooled_is_refused(tmp_path):
    with pytest.raises(TypeError, match="y must be of numbers or text to be written, got object"):
        spool(Arrays(X, np.array([*"ab" * 11, 3.0], object)), tmp_path)
    kinds = Chunks(lambda chunk: (X[:5], Y[:5] + (0.5 if chunk else 0)), 2)
    with pytest.raises(TypeError, match=r"chunk 0, int64, in all chunks, got float64 in chunk 1"):
        spool(kinds, tmp_path)
    columns = Chunks(lambda chunk: (X[:5], X[:5, :2] if chunk else X[:5]), 2)
    with pytest.raises(
        ValueError, match=r"y must have the same columns in all chunks, got shape \(5, 2\) in chunk 1"
    ):
        spool(columns, tmp_path)
    with pytest.raises(ValueError, match="rows must be >= 1, got 0"):
        spool(Arrays(X, Y), tmp_path, rows=0)
