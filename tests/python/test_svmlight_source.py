"""`sources.Svmlight`: against the reader of scikit-learn."""

import gzip
import io
import json
import os
import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mbgd_rs.sources import Svmlight, spool, svmlight, svmlight_text
from scipy import sparse
from sklearn.datasets import dump_svmlight_file, load_svmlight_file
from source_cases import everything


def written(path, text):
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def random_text(n, d, density=0.3, seed=0, comment=""):
    rng = np.random.default_rng(seed)
    matrix = sparse.random_array((n, d), density=density, format="csr", rng=rng)
    matrix.data = rng.standard_normal(matrix.nnz) * 10.0 ** rng.integers(-12, 12, matrix.nnz)
    file = io.BytesIO()
    dump_svmlight_file(matrix, rng.integers(-1, 3, n), file, zero_based=False, comment=comment)
    return file.getvalue()


@pytest.mark.parametrize("rows", [1, 7, 64, 1000])
@pytest.mark.parametrize("block", [1, 50, 1 << 20])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_rows_are_those_of_scikit_learn(tmp_path, monkeypatch, rows, block, dtype):
    monkeypatch.setattr(svmlight_text, "BLOCK_BYTES", block)
    path = written(tmp_path / "a.svm", random_text(64, 20))
    X, y = load_svmlight_file(path, dtype=dtype)
    source = Svmlight(path, dtype=dtype, rows=rows)
    got, labels, weights = everything(source)
    np.testing.assert_array_equal(got, X.toarray())
    np.testing.assert_array_equal(labels, y)
    assert labels.dtype == np.int64
    assert weights is None
    assert max(source.chunk_rows) == min(rows, 64)
    assert source.n_entries == X.nnz
    assert source.where(source.n_chunks - 1, 0) == f"row {64 - source.chunk_rows[-1]} of {str(path)!r}"


numbers = st.one_of(
    st.floats(allow_nan=False), st.integers(0, 9), st.floats(allow_nan=False).map(lambda x: f"{x:.4g}")
)
entries = st.dictionaries(st.integers(1, 30), numbers, max_size=6).map(lambda row: sorted(row.items()))
ends = st.sampled_from(["\n", "\r\n", " \n", "\t\n", "\n\n", " # 3:4 qid:7 : words\n", "\n# a comment\n"])
gaps = st.sampled_from([" ", "  ", "\t", " qid:3 "])


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(numbers, entries, ends, gaps), min_size=1, max_size=8), st.integers(1, 4))
def test_texts_of_any_shape(tmp_path_factory, rows, chunk):
    text = "".join(
        f"{label}{gap}{gap.join(f'{column}:{value}' for column, value in row)}{end}"
        for label, row, end, gap in rows
    )
    if text.count("qid:3") and any(gap.count("qid") and len(row) != 1 for _, row, _, gap in rows):
        text = text.replace("qid:3", "")  # scikit-learn knows it before the first entry only
    path = written(tmp_path_factory.mktemp("any") / "a.svm", text)
    X, y = load_svmlight_file(path, n_features=30, zero_based=False)
    source = Svmlight(path, n_columns=30, dtype="float64", rows=chunk, zero_based=False)
    got, labels, _ = everything(source)
    np.testing.assert_array_equal(got, X.toarray())
    np.testing.assert_array_equal(labels, y)


def test_several_files_have_the_columns_of_all(tmp_path):
    texts = [random_text(10, 5, seed=1), b"\n# nothing\n", random_text(7, 12, density=0.6, seed=2)]
    for part, text in enumerate(texts):
        written(tmp_path / f"{part}.svm", text)
    source = Svmlight(tmp_path, rows=6)
    got, y, _ = everything(source)
    X, labels = load_svmlight_file(io.BytesIO(b"".join(texts)), dtype=np.float32)
    assert source.chunk_rows == (6, 4, 6, 1)
    np.testing.assert_array_equal(got, X.toarray())
    np.testing.assert_array_equal(y, labels)
    assert sorted(name for name in os.listdir(tmp_path) if "index" in name) == [
        f"{part}.svm.mbgd-index" for part in range(3)
    ]
    assert Svmlight(tmp_path).fingerprint() != source.fingerprint()
    assert pickle.loads(pickle.dumps(source)).fingerprint() == source.fingerprint()


@pytest.mark.parametrize(
    ("zero_based", "text", "wanted"),
    [
        ("auto", "1 1:5", [[5]]),
        ("auto", "1 0:5 1:6", [[5, 6]]),
        (True, "1 1:5", [[0, 5]]),
        (False, "1 2:5", [[0, 5]]),
        ("auto", "1\n2", [[0], [0]]),
    ],
)
def test_where_columns_begin(tmp_path, zero_based, text, wanted):
    source = Svmlight(written(tmp_path / "a.svm", text), zero_based=zero_based)
    assert everything(source)[0].tolist() == wanted


def test_labels_with_fractions_are_floats(tmp_path):
    source = Svmlight(written(tmp_path / "a.svm", "1.5 1:5\n2 1:1"))
    assert everything(source)[1].tolist() == [1.5, 2.0]


def test_index_files(tmp_path, monkeypatch):
    path = written(tmp_path / "a.svm", random_text(20, 5))
    asked = []
    made = svmlight.made
    monkeypatch.setattr(svmlight, "made", lambda file, rows: (asked.append(rows), made(file, rows))[1])
    first = Svmlight(path, rows=6)
    assert Svmlight(path, rows=6).chunk_rows == first.chunk_rows
    assert asked == [6]
    Svmlight(path, rows=7)
    assert asked == [6, 7]
    index = tmp_path / "a.svm.mbgd-index"
    whole = json.loads(index.read_text())
    for damage in ("", "[]", "{}", json.dumps({**whole, "rows": [1]}), json.dumps({**whole, "rows": ["6"]})):
        index.write_text(damage)
        np.testing.assert_array_equal(
            everything(Svmlight(path, rows=7))[0], everything(Svmlight(path, rows=20))[0]
        )
    other = tmp_path / "indexes"
    Svmlight(path, rows=6, index=other)
    (name,) = os.listdir(other)
    assert name.startswith("a.svm.")
    n_asked = len(asked)
    Svmlight(path, rows=6, index=other)
    assert len(asked) == n_asked
    written(path, random_text(21, 5))
    assert Svmlight(path, rows=6, index=other).n_rows == 21
    with pytest.raises(ValueError, match=r"a.svm' must not change while it is a source"):
        first.read(0)


def test_a_folder_that_cannot_be_written_to(tmp_path, monkeypatch):
    def refused(path, content):
        raise PermissionError(path)

    path = written(tmp_path / "a.svm", "1 1:2")
    monkeypatch.setattr(svmlight, "replace_file", refused)
    assert everything(Svmlight(path))[0].tolist() == [[2]]
    with pytest.raises(PermissionError):
        Svmlight(path, index=tmp_path / "cache")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("x 1:2", "a label that is a number, got 'x'"),
        ("1:2 3:4", "a label that is a number, got '1:2'"),
        ("1,2 3:4", "a label that is a number, got '1,2'"),
        ("1-2 3:4", "a label that is a number, got '1-2'"),
        ("1 3:4 5", "entries as 3:0.5, a column and a value, got '5'"),
        ("1 3:4 5: 6", "entries as 3:0.5, a column and a value, got '5:'"),
        ("1 3:4 :6", "entries as 3:0.5, a column and a value, got ':6'"),
        ("1 3:4 5:6:7", "entries as 3:0.5, a column and a value, got '5:6:7'"),
        ("1 3:4 5:6x", "entries as 3:0.5, a column and a value, got '5:6x'"),
        ("1 3:4 5:1.2.3", "entries as 3:0.5, a column and a value, got '5:1.2.3'"),
        ("1 3:4 5:1-2", "entries as 3:0.5, a column and a value, got '5:1-2'"),
        ("1 3:4 -5:6", "entries as 3:0.5, a column and a value, got '-5:6'"),
        ("1 3:4 5.5:6", "entries as 3:0.5, a column and a value, got '5.5:6'"),
        ("1 3:4 3:6", "ascending columns, got 3 after 3"),
        ("1 3:4 2:6", "ascending columns, got 2 after 3"),
        ("1 3:4 9999999999999999999:6", r"columns < 2\*\*59, got 9999999999999999999"),
        ("1 3:4 ä:6", "entries as 3:0.5, a column and a value, got 'ä:6'"),
    ],
)
def test_lines_that_are_not_of_the_format(tmp_path, line, message):
    path = written(tmp_path / "a.svm", f"1 1:0.5 9:2\n\n# words\n-1 1:1\n{line}\n1 2:3\n")
    with pytest.raises(ValueError, match=f"row 2 of '.*a.svm' must have {message}"):
        everything(Svmlight(path, rows=2))


@pytest.mark.parametrize(
    ("text", "arguments", "message"),
    [
        ("", {}, "paths must have at least one row, got none in .*a.svm'"),
        ("\n# words\n", {}, "paths must have at least one row, got none in .*a.svm'"),
        ("1 7:2", {"n_columns": 6}, "n_columns must be >= 7, the columns of the files, got 6"),
        (
            "1 0:2",
            {"zero_based": False},
            "zero_based must be True or 'auto' where there is a column 0, got False",
        ),
        ("1 0:2", {"zero_based": "no"}, "zero_based must be a bool or \"auto\", got 'no'"),
        ("1 0:2", {"rows": 0}, "rows must be >= 1, got 0"),
        ("1 0:2", {"dtype": int}, "dtype must be float32 or float64, got <class 'int'>"),
        (
            gzip.compress(b"1 1:2\n", mtime=0),
            {},
            "paths must not be compressed, got .*a.svm': decompress it first",
        ),
    ],
)
def test_what_is_refused(tmp_path, text, arguments, message):
    with pytest.raises(ValueError, match=message):
        Svmlight(written(tmp_path / "a.svm", text), **arguments)


def test_out_is_refused(tmp_path):
    with pytest.raises(ValueError, match="out must be None where rows are sparse"):
        Svmlight(written(tmp_path / "a.svm", "1 1:2")).read(0, np.empty((1, 1), np.float32))


def test_it_can_be_spooled(tmp_path):
    source = Svmlight(written(tmp_path / "a.svm", random_text(64, 20)), rows=10)
    spooled = spool(source, tmp_path / "spooled", rows=30)
    assert spooled.chunk_rows == (30, 30, 4)
    for wanted, got in zip(everything(source), everything(spooled), strict=True):
        np.testing.assert_array_equal(wanted, got)
