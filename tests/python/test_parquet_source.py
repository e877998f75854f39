"""`sources.Parquet`: against pandas on the same files."""

import decimal
import pickle
import sys
import zlib

import mbgd_rs as mb
import numpy as np
import pandas as pd
import pytest
from mbgd_rs.sources import Parquet, arrow, parquet
from source_cases import everything, read_into

pa = pytest.importorskip("pyarrow")
pq = pytest.importorskip("pyarrow.parquet")
RNG = np.random.default_rng(11)
N = 40
CITIES = np.array(["Rome", "Paris", "Lima", "Åre"])[RNG.integers(0, 4, N)]


def table():
    """A column of each kind."""
    return pa.table(
        {
            "f4": RNG.standard_normal(N).astype(np.float32),
            "f8": RNG.standard_normal(N),
            "f2": pa.array(RNG.standard_normal(N).astype(np.float16)),
            "i1": RNG.integers(-9, 9, N).astype(np.int8),
            "u8": RNG.integers(0, 9, N).astype(np.uint64),
            "bool": RNG.integers(0, 2, N) > 0,
            "price": pa.array(
                [decimal.Decimal(cents) / 100 for cents in range(-9, N - 9)], pa.decimal128(9, 2)
            ),
            "city": CITIES,
            "kind": pa.array(np.array(["a", "b"])[RNG.integers(0, 2, N)]).dictionary_encode(),
            "user": RNG.integers(0, 1000, N),
            "y": RNG.integers(0, 3, N),
            "weight": RNG.uniform(0.5, 2, N),
        }
    )


NUMBERS = ["f4", "f8", "f2", "i1", "u8", "bool", "price"]


@pytest.fixture
def save(tmp_path):
    def saved(name, given, **options):
        path = tmp_path / f"{name}.parquet"
        pq.write_table(given, path, **{"row_group_size": 7, **options})
        return path

    return saved


def as_numbers(given, names):
    return given.select(names).to_pandas().astype(np.float64).to_numpy()


@pytest.mark.parametrize("compression", ["none", "snappy", "zstd"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("size", [1, 7, N])
def test_columns_of_numbers(save, compression, dtype, size):
    given = table()
    path = save("a", given, compression=compression, row_group_size=size)
    source = Parquet(path, target="y", weight="weight", columns=NUMBERS, dtype=dtype)
    got, y, weights = everything(source)
    np.testing.assert_array_equal(got, as_numbers(given, NUMBERS).astype(dtype))
    np.testing.assert_array_equal(y, given["y"])
    np.testing.assert_array_equal(weights, given["weight"])
    assert source.chunk_rows == tuple(np.diff([*range(0, N, size), N]))
    assert source.feature_names == tuple(NUMBERS)
    assert not source.is_sparse
    assert source.where(source.n_chunks - 1, 0) == f"row {N - source.chunk_rows[-1]} of {str(path)!r}"


def test_columns_are_in_the_order_asked_for_and_all_others_by_default(save):
    given = table().drop(["city", "kind"])
    path = save("a", given)
    assert Parquet(path, target="y", weight="weight").feature_names == (*NUMBERS, "user")
    source = Parquet(path, target=None, columns=["u8", "f4"])
    np.testing.assert_array_equal(everything(source)[0], as_numbers(given, ["u8", "f4"]).astype(np.float32))
    assert source.targets(0) == (None, None)


@pytest.mark.parametrize("name", ["y", "f8", "bool", "price", "city", "kind"])
def test_targets_of_every_kind(save, name):
    given = table()
    y = everything(Parquet(save("a", given), target=name, columns=["f4"]))[1]
    wanted = given[name].to_pandas().to_numpy()
    np.testing.assert_array_equal(y, wanted.astype(float) if name == "price" else wanted)


def test_several_targets(save):
    given = table()
    y = everything(Parquet(save("a", given), target=["f8", "i1"], columns=["f4"]))[1]
    np.testing.assert_array_equal(y, as_numbers(given, ["f8", "i1"]))


@pytest.mark.parametrize("sparse", [None, True, False])
def test_text_becomes_a_column_for_each_value(save, sparse):
    given = table()
    path = save("a", given)
    columns = ["f4", "city", "i1", "kind", "f8"]
    source = Parquet(path, target="y", columns=columns, categories="auto", sparse=sparse, dtype="float64")
    assert source.is_sparse == bool(sparse)
    wanted = pd.get_dummies(given.select(columns).to_pandas(), columns=["city", "kind"])[
        ["f4", *(f"city_{city}" for city in ("Lima", "Paris", "Rome", "Åre")), "i1", "kind_a", "kind_b", "f8"]
    ]
    np.testing.assert_array_equal(everything(source)[0], wanted.to_numpy(float))
    assert source.feature_names == tuple(name.replace("_", "=") for name in wanted.columns)
    if sparse:
        assert source.n_entries == N * len(columns)


def test_categories_that_are_given(save):
    path = save("a", table())
    cities = ["Rome", "Oslo", "Paris", "Åre", "Lima"]
    source = Parquet(path, target="y", columns=["city", "i1"], categories={"city": cities})
    got = everything(source)[0]
    assert got[:, 1].sum() == 0
    np.testing.assert_array_equal(np.array(cities)[got[:, :5].argmax(axis=1)], CITIES)
    found = {"city": "auto", "user": "auto"}
    source = Parquet(path, target="y", columns=["city", "user"], categories=found)
    assert source.n_columns == len(set(CITIES)) + len(set(pq.read_table(path)["user"].to_pylist()))
    with pytest.raises(
        ValueError, match=r"among the categories 'Rome', 'Lima' in column 'city', got .* at row \d+ of"
    ):
        everything(Parquet(path, target="y", columns=["city"], categories={"city": ["Rome", "Lima"]}))


@pytest.mark.parametrize("sparse", [None, False])
def test_text_and_integers_are_hashed_alike_everywhere(save, sparse):
    given = table()
    path = save("a", given)
    columns = ["city", "f4", "user"]
    source = Parquet(path, target="y", columns=columns, hashed={"city": 8, "user": 100}, sparse=sparse)
    assert source.is_sparse == (sparse is None)
    assert source.feature_names is None
    got = everything(source)[0]
    wanted = np.zeros((N, 109), np.float32)
    wanted[:, 8] = given["f4"]
    for row, (city, user) in enumerate(zip(CITIES, given["user"].to_pylist(), strict=True)):
        wanted[row, zlib.crc32(f"city={city}".encode()) % 8] = 1
        wanted[row, 9 + zlib.crc32(f"user={user}".encode()) % 100] = 1
    np.testing.assert_array_equal(got, wanted)
    if sparse is None:
        mb.fit(source.read(0).X, source.read(0).y * 1.0, epochs=1, optimizer="sgd", loss="huber")


def test_all_columns_of_text_hashed_but_those_with_categories(save):
    path = save("a", table())
    source = Parquet(path, target="y", columns=["city", "kind"], categories={"kind": "auto"}, hashed=16)
    assert source.n_columns == 18
    assert source.is_sparse


def test_several_files_and_empty_ones(save, tmp_path):
    given = table().select(["f4", "y"])
    for part, rows in enumerate((given[:10], given[:0], given[10:])):
        save(f"part-{part}", rows)
    (tmp_path / "_SUCCESS").touch()
    for paths in (tmp_path, str(tmp_path / "part-*.parquet")):
        source = Parquet(paths, target="y")
        got, y, _ = everything(source)
        np.testing.assert_array_equal(got, as_numbers(given, ["f4"]).astype(np.float32))
        np.testing.assert_array_equal(y, given["y"])
        assert source.where(2, 1) == f"row 1 of {str(tmp_path / 'part-2.parquet')!r}"
    with pytest.raises(ValueError, match=r"paths must have at least one row, got none in .*part-1.parquet'"):
        Parquet(tmp_path / "part-1.parquet", target="y")


@pytest.mark.parametrize(
    ("other", "message"),
    [
        (
            {"a": [1.0], "y": [1]},
            r"columns must be in every file, once, got 'b', which .*1.parquet' does not have",
        ),
        (
            {"a": [1.0], "b": [1.5], "y": [1]},
            "column .b. must have the same type in all files, got int64 in .*0.parquet. and double in .*1",
        ),
    ],
)
def test_files_of_other_columns_are_refused(save, tmp_path, other, message):
    save("0", pa.table({"a": [1.0], "b": [1], "y": [1]}))
    save("1", pa.table(other))
    with pytest.raises((TypeError, ValueError), match=message):
        Parquet(tmp_path, target="y")


def test_text_may_be_stored_in_several_ways(save, tmp_path):
    text = pa.array(["b", "a", "b"])
    for part, column in enumerate((text, text.cast(pa.large_string()), text.dictionary_encode())):
        save(f"{part}", pa.table({"a.b": column, "y": column}))
    got, y, _ = everything(Parquet(tmp_path, target="y", categories="auto"))
    assert got.tolist() == [[0, 1], [1, 0], [0, 1]] * 3
    assert y.tolist() == ["b", "a", "b"] * 3


@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize(
    ("column", "value"),
    [
        (pa.array([0.5] * 9 + [None]), "null"),
        (pa.array([1] * 9 + [None]), "null"),
        (pa.array([True] * 9 + [None]), "null"),
        (pa.array([0.5] * 9 + [np.nan], pa.float32()), "NaN"),
        (pa.array(["a"] * 9 + [None]), "null"),
        (pa.array(["a"] * 9 + [None]).dictionary_encode(), "null"),
    ],
)
def test_what_is_missing_is_refused_when_it_is_read(save, sparse, column, value):
    path = save("a", pa.table({"fine": np.arange(10.0), "x": column, "y": np.arange(10)}))
    categories = None if column.type in (pa.float64(), pa.float32(), pa.int64(), pa.bool_()) else {"x": ["a"]}
    source = Parquet(path, target="y", sparse=sparse, categories=categories)
    source.read(0)
    with pytest.raises(
        ValueError,
        match=rf"X must be without missing values, got {value} at row 9 of .*a.parquet', column 'x': impute",
    ):
        source.read(1)


def test_missing_targets_and_weights(save):
    gaps = pa.array([1.0] * 9 + [None])
    path = save("a", pa.table({"x": np.arange(10.0), "gaps": gaps, "text": pa.array(["a"] * 9 + [None])}))
    for name in ("gaps", "text"):
        with pytest.raises(
            ValueError, match=rf"y must be without .* null at row 9 of .*'{name}': leave these rows out"
        ):
            Parquet(path, target=name, columns=["x"]).targets(1)
    with pytest.raises(ValueError, match=r"sample_weight must be without .* null at row 9 of"):
        Parquet(path, target=None, weight="gaps", columns=["x"]).targets(1)


def test_infinities_are_no_nan(save):
    path = save("a", pa.table({"x": [np.inf, -np.inf, 1e300], "y": [1, 2, 3]}))
    assert everything(Parquet(path, target="y"))[0].tolist() == [[np.inf], [-np.inf], [np.inf]]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "X must be of numbers, got text in column 'city': leave it out by columns=, give categories="),
        ({"target": "z"}, "columns must be in every file, once, got 'z'"),
        ({"weight": "y"}, "columns, target and weight must be different columns, got 'y' twice"),
        ({"columns": ["f4", "y"]}, "must be different columns, got 'y' twice"),
        ({"columns": []}, "columns must be at least one, got none"),
        ({"weight": "city"}, "column 'city' must be of numbers, got string: leave it out"),
        ({"target": ["f4", "city"]}, "several targets must be of numbers, got string in column 'city'"),
        ({"categories": 3}, 'categories must be "auto", a dict of lists or None, got 3'),
        ({"categories": {"z": ["a"]}}, "categories must name columns of X, .*, got 'z'"),
        ({"categories": {"city": "all"}}, r"categories\['city'\] must be \"auto\" or a list, got 'all'"),
        (
            {"categories": {"city": ["a", "a"]}, "hashed": 3},
            "categories of 'city' must be distinct, and at least one",
        ),
        (
            {"categories": {"city": []}, "hashed": 3},
            "categories of 'city' must be distinct, and at least one",
        ),
        ({"hashed": {"z": 3}}, "hashed must name columns of X, .*, got 'z'"),
        ({"hashed": {"city": 0}}, r"hashed\['city'\] must be >= 1, got 0"),
        ({"hashed": 0}, "hashed must be >= 1, got 0"),
        ({"hashed": 3, "categories": "auto"}, "hashed must be a dict of columns where categories is"),
        (
            {"hashed": {"city": 3}, "categories": {"city": "auto"}},
            "must be of columns that are not hashed, got 'city'",
        ),
        (
            {"hashed": {"f4": 3, "city": 3, "kind": 3}},
            "of text, integers or booleans, got float in column 'f4'",
        ),
        ({"hashed": 3, "sparse": 1}, "sparse must be a bool, got 1"),
        ({"hashed": 3, "dtype": "int32"}, "dtype must be float32 or float64, got 'int32'"),
    ],
)
def test_wrong_arguments_are_refused(save, arguments, message):
    with pytest.raises((TypeError, ValueError), match=message):
        Parquet(save("a", table()), **{"target": "y", **arguments})


def test_columns_of_other_types_are_refused(save):
    days = pa.array(np.array(["2020-01-01"], "M8[ns]"))
    for column, kind in ((days, "timestamp"), (pa.array([[1]]), "list"), (pa.array([b"a"]), "binary")):
        with pytest.raises(TypeError, match=f"column 'x' must be of numbers or text, got {kind}"):
            Parquet(save("a", pa.table({"x": column, "y": [1]})), target="y")


def test_files_that_are_not_parquet_or_change(save, tmp_path):
    (tmp_path / "a.parquet").write_text("hello")
    with pytest.raises(ValueError, match=r"paths must be files of Parquet, got .*a.parquet'"):
        Parquet(tmp_path, target="y")
    source = Parquet(save("a", table()), target="y", columns=["f4"])
    before = source.fingerprint()
    assert pickle.loads(pickle.dumps(source)).fingerprint() == before
    save("a", table()[:-5])
    assert source.fingerprint() != before
    with pytest.raises(ValueError, match=r"a.parquet' must not change while it is a source"):
        source.read(0)


def test_a_column_with_too_many_values_is_not_made_columns_of(save, monkeypatch):
    monkeypatch.setattr(parquet, "MOST_CATEGORIES", 3)
    with pytest.raises(
        ValueError, match=r"categories of 'city' must be given or hashed=.*, got more than 3 values"
    ):
        Parquet(save("a", table()), target="y", columns=["city"], categories="auto")


def test_huge_row_groups_are_warned_of(save, monkeypatch):
    path = save("a", table(), row_group_size=20)
    monkeypatch.setattr(parquet, "HUGE_ROWS", 19)
    with pytest.warns(
        UserWarning, match=r"row group 0 of .*a.parquet' has 20 rows, 0 MiB: several .*spool"
    ) as caught:
        Parquet(path, target="y", columns=["f4"])
    assert len(caught) == 1
    assert caught[0].filename == __file__


def test_blocks_of_columns_and_tiles_of_rows(save, monkeypatch):
    given = pa.table({f"x{j}": RNG.standard_normal(999) for j in range(10)} | {"y": np.arange(999)})
    monkeypatch.setattr(arrow, "TILE_LINES", 1)
    monkeypatch.setattr(arrow, "TILE_COLUMNS", 2)
    monkeypatch.setattr(arrow, "FEW_COLUMNS", 2)
    monkeypatch.setattr(parquet, "DECODED_BYTES", 1)
    monkeypatch.setattr(parquet, "LEAST_COLUMNS", 3)
    path = save("a", given, row_group_size=500)
    source = Parquet(path, target="y", dtype="float64")
    np.testing.assert_array_equal(everything(source)[0], given.drop(["y"]).to_pandas().to_numpy())
    np.testing.assert_array_equal(
        everything(Parquet(path, target="y", dtype="float64", sparse=True))[0], everything(source)[0]
    )


def test_reading_takes_no_memory_of_python_beside_the_chunk(save):
    given = pa.table({f"x{j}": RNG.standard_normal(40_000) for j in range(30)} | {"y": np.arange(40_000)})
    source = Parquet(save("a", given, row_group_size=20_000), target="y", dtype="float64")
    got, peak = read_into(source, 1)
    np.testing.assert_array_equal(got, given.drop(["y"])[20_000:].to_pandas().to_numpy())
    assert peak < got.nbytes / 10


def test_without_pyarrow_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    with pytest.raises(ImportError, match=r"Parquet needs pyarrow: pip install 'mbgd_rs\[parquet\]'"):
        Parquet("a.parquet", target="y")


@pytest.mark.parametrize("kind", [pa.decimal128(38, 3), pa.decimal256(50, 3), pa.decimal128(15, 0)])
def test_decimals_of_any_width(save, kind):
    given = [decimal.Decimal(7), decimal.Decimal(-3), decimal.Decimal(12)]
    path = save("a", pa.table({"x": pa.array(given, kind), "y": [1, 2, 3]}))
    assert everything(Parquet(path, target="y"))[0].tolist() == [[7], [-3], [12]]


@pytest.mark.parametrize("index", [None, "id", "level"])
def test_the_index_of_pandas_is_no_column(tmp_path, index):
    frame = pd.DataFrame({"a": RNG.standard_normal(N), "y": RNG.standard_normal(N)})
    frame.index = pd.Index(np.arange(N) * 7 + 3, name=None if index == "level" else index)
    names = ["a"]
    if index is None:
        frame = frame.reset_index(drop=True)
    path = tmp_path / "a.parquet"
    frame.to_parquet(path)
    assert Parquet(path, target="y").feature_names == tuple(names)
    if index is not None:
        written = "__index_level_0__" if index == "level" else index
        source = Parquet(path, target="y", columns=["a", written])
        assert source.feature_names == ("a", written)
        np.testing.assert_array_equal(source.read(0).X[:, 1], frame.index)
        assert Parquet(path, target="y", weight=written).feature_names == ("a",)
