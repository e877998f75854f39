"""Data frames, tables, series and tensors of other libraries: the models of arrays, and errors by name."""

import datetime

import mbgd_rs as mb
import numpy as np
import pytest
import scipy.sparse

RNG = np.random.default_rng(4)
N = 60
NAMES = ("age", "weight", "height")
X = RNG.normal(size=(N, 3))
Y = X @ [1.0, -2.0, 0.5] + 0.1 * RNG.normal(size=N)
SGD = mb.optimizers.SGD(0.1)


def fit(rows, targets=Y, **options):
    return mb.fit(rows, targets, **{"optimizer": SGD, "epochs": 2, "batch_size": 16, **options})


def pandas_frame(columns):
    return pytest.importorskip("pandas").DataFrame(columns)


def nullable_frame(columns):
    return pandas_frame(columns).convert_dtypes()


def arrow_backed_frame(columns):
    pytest.importorskip("pyarrow")
    return pandas_frame(columns).convert_dtypes(dtype_backend="pyarrow")


def polars_frame(columns):
    return pytest.importorskip("polars").DataFrame(columns, nan_to_null=False)


def arrow_table(columns):
    return pytest.importorskip("pyarrow").table(columns)


def arrow_batch(columns):
    return pytest.importorskip("pyarrow").record_batch(columns)


FRAMES = {
    f.__name__: f
    for f in (pandas_frame, nullable_frame, arrow_backed_frame, polars_frame, arrow_table, arrow_batch)
}
every_frame = pytest.mark.parametrize("made_by", FRAMES.values(), ids=FRAMES)


def columns(rows=X, **others):
    return {**{name: rows[:, j] for j, name in enumerate(NAMES)}, **others}


@every_frame
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_frame_gives_the_model_of_its_array(made_by, dtype):
    rows = X.astype(dtype)
    frame, expected = made_by(columns(rows)), fit(rows)
    result = fit(frame)
    assert result.coef.dtype == dtype
    np.testing.assert_array_equal(result.coef, expected.coef)
    assert result.feature_names == NAMES
    np.testing.assert_array_equal(result.predict(frame), expected.predict(rows))
    assert mb.gradient(frame, Y, result)[0] == mb.gradient(rows, Y, expected)[0]
    judged = fit(frame, validation=(frame, Y))
    assert judged.history.validation_loss.shape == (2,)
    for X_b, row_numbers in mb.minibatches(frame, batch_size=7, return_rows=True):
        assert X_b.dtype == dtype
        np.testing.assert_array_equal(X_b, rows[row_numbers])


@every_frame
def test_columns_of_several_types_become_one_matrix(made_by):
    whole, flags = np.arange(N) % 7 - 3, X[:, 0] > 0
    frame = made_by({"a": X[:, 0].astype(np.float32), "b": whole, "c": flags})
    expected = np.column_stack([X[:, 0].astype(np.float32), whole, flags]).astype(np.float64)
    np.testing.assert_array_equal(fit(frame).coef, fit(expected).coef)
    (got,) = mb.minibatches(frame, batch_size="full", shuffle=False)
    np.testing.assert_array_equal(got, expected)


def test_more_rows_than_are_filled_at_once():
    long = RNG.normal(size=(5000, 3))
    (got,) = mb.minibatches(polars_frame(columns(long)), batch_size="full", shuffle=False)
    np.testing.assert_array_equal(got, long)


@every_frame
def test_columns_in_another_order_are_refused_by_name(made_by):
    result = fit(made_by(columns()))
    turned = {name: X[:, NAMES.index(name)] for name in ("weight", "age", "height")}
    frame = made_by(turned)
    with pytest.raises(ValueError, match="got 'weight' in place of 'age' at column 0: select them by X"):
        result.predict(frame)
    picked = frame.select(list(NAMES)) if hasattr(frame, "select") else frame[list(NAMES)]
    np.testing.assert_array_equal(result.predict(picked), result.predict(X))
    with pytest.raises(ValueError, match="got no 'age', and 'years' more"):
        result.predict(made_by({"years": X[:, 0], "weight": X[:, 1], "height": X[:, 2]}))


def test_names_are_those_of_any_library():
    result = fit(polars_frame(columns()))
    for made_by in FRAMES.values():
        np.testing.assert_array_equal(result.predict(made_by(columns())), result.predict(X))


WITH_GAPS = {
    "float": [None if i == 7 else 0.5 for i in range(N)],
    "int": [None if i == 7 else i for i in range(N)],
    "bool": [None if i == 7 else i % 2 == 0 for i in range(N)],
}


@every_frame
@pytest.mark.parametrize("kind", WITH_GAPS)
def test_a_gap_is_named_by_column_and_row(made_by, kind):
    frame = made_by(columns(weight=WITH_GAPS[kind]))
    message = r"X must be finite, got NaN at row 7, column 1 \('weight'\): impute what is missing"
    with pytest.raises(ValueError, match=message):
        fit(frame)
    with pytest.raises(ValueError, match=message):
        fit(made_by(columns())).predict(frame)


@every_frame
def test_text_is_named_by_its_columns(made_by):
    frame = made_by(columns(weight=["heavy"] * N, height=["tall"] * N))
    message = (
        r"X must be an array of numbers, got 'heavy' at row 0, column 1 \('weight'\), and text in 'height' "
        "too: encode text as numbers first, as sklearn.preprocessing.OneHotEncoder"
    )
    for call in (lambda: fit(frame), lambda: mb.minibatches(frame, batch_size=2)):
        with pytest.raises(TypeError, match=message):
            call()


@every_frame
def test_dates_are_no_numbers_of_days(made_by):
    days = [datetime.date(2026, 1, 1 + i % 28) for i in range(N)]
    times = [datetime.datetime(2026, 1, 1 + i % 28) for i in range(N)]
    with pytest.raises(TypeError, match=r"column 1 \('weight'\): "):
        fit(made_by(columns(weight=days)))
    with pytest.raises(TypeError, match=r"got datetime64\[.*\] at row 0, column 2 \('height'\): turn dates"):
        fit(made_by(columns(height=times)))


def test_categories_are_text():
    pandas, polars = pytest.importorskip("pandas"), pytest.importorskip("polars")
    words = ["low", "high"] * (N // 2)
    for frame in (
        pandas_frame(columns(weight=pandas.Categorical(words))),
        polars_frame(columns(weight=polars.Series(words, dtype=polars.Categorical))),
        arrow_table(columns(weight=pytest.importorskip("pyarrow").array(words).dictionary_encode())),
    ):
        with pytest.raises(TypeError, match=r"got 'low' at row 0, column 1 \('weight'\)"):
            fit(frame)


def test_a_plan_of_a_query_has_no_rows_yet():
    lazy = polars_frame(columns()).lazy()
    with pytest.raises(TypeError, match=r"X must be data, got a LazyFrame: pass X\.collect\(\)"):
        fit(lazy)


# ---- targets


def series_of(values):
    """The same values as each library has them."""
    pandas, polars, arrow = map(pytest.importorskip, ("pandas", "polars", "pyarrow"))
    array = arrow.array(values)
    plain = pandas.Series(values)
    return [
        plain,
        plain.astype(object),
        plain.convert_dtypes(),
        plain.convert_dtypes(dtype_backend="pyarrow"),
        polars.Series(values),
        array,
        arrow.chunked_array([array[:20], array[20:]]),
    ]


def test_targets_and_weights_of_any_library():
    s = RNG.uniform(0.5, 2, N)
    expected = fit(X, Y, sample_weight=s)
    for y, weights in zip(series_of(Y), series_of(s), strict=True):
        np.testing.assert_array_equal(fit(X, y, sample_weight=weights).coef, expected.coef)
        for _, y_b, rows in mb.minibatches(X, y, batch_size=9, return_rows=True):
            np.testing.assert_array_equal(y_b, Y[rows])


@pytest.mark.parametrize(
    "labels",
    [
        np.where(X[:, 0] > 0, "up", "down"),
        X[:, 0] > 0,
        np.arange(N) % 3,
        np.array(["a", "bb", "c"])[np.arange(N) % 3],
    ],
    ids=["text", "bools", "numbers", "three words"],
)
def test_labels_of_any_library(labels):
    expected = fit(X, labels, loss="log_loss")
    for y in series_of(labels.tolist()):
        result = fit(X, y, loss="log_loss", shuffle="stratified")
        assert result.classes.tolist() == expected.classes.tolist()
        np.testing.assert_array_equal(fit(X, y, loss="log_loss").coef, expected.coef)
        for _, y_b, rows in mb.minibatches(X, y, batch_size=9, return_rows=True, shuffle="stratified"):
            assert y_b.tolist() == labels[rows].tolist()


@pytest.mark.parametrize("labels", [["a", "b"], [True, False], [1, 2]], ids=str)
def test_missing_labels_of_any_library(labels):
    given = [None if i == 5 else labels[i % 2] for i in range(N)]
    for y in series_of(given):
        with pytest.raises(ValueError, match=r"y must be (without missing labels|finite), got .* at row 5"):
            fit(X, y, loss="log_loss")


@every_frame
def test_targets_of_several_columns(made_by):
    both = {"first": Y, "second": 2 * Y}
    np.testing.assert_array_equal(fit(X, made_by(both)).coef, fit(X, np.column_stack([Y, 2 * Y])).coef)
    flags = {"first": Y > 0, "second": Y < 1}
    expected = fit(X, np.column_stack([Y > 0, Y < 1]), loss="log_loss")
    np.testing.assert_array_equal(fit(X, made_by(flags), loss="log_loss").coef, expected.coef)
    gap = made_by({"first": Y, "second": [None if i == 4 else 1.0 for i in range(N)]})
    with pytest.raises(ValueError, match=r"y must be finite, got NaN at row 4, column 1 \('second'\)"):
        fit(X, gap)
    with pytest.raises(ValueError, match=r"several labels a row, got 3 at row 0, column 1 \('second'\)"):
        fit(X, made_by({"first": Y > 0, "second": np.full(N, 3)}), loss="log_loss")


def test_a_frame_of_one_column_may_have_labels():
    words = np.where(X[:, 0] > 0, "up", "down")
    expected = fit(X, words, loss="log_loss")
    for made_by in FRAMES.values():
        frame = made_by({"trend": words.tolist()})
        np.testing.assert_array_equal(fit(X, frame, loss="log_loss").coef, expected.coef)
        for _, y_b, rows in mb.minibatches(X, frame, batch_size=9, return_rows=True):
            assert y_b[:, 0].tolist() == words[rows].tolist()


# ---- memory of others


class Tensor:
    """What speaks DLPack and nothing else, and does not know NumPy."""

    def __init__(self, array, device=(1, 0)):
        self.array, self.device = array, device

    def __dlpack__(self, **options):
        return self.array.__dlpack__(**options)

    def __dlpack_device__(self):
        return self.device


def test_dlpack():
    expected = fit(X)
    np.testing.assert_array_equal(fit(Tensor(X), Tensor(Y)).coef, expected.coef)
    np.testing.assert_array_equal(expected.predict(Tensor(X)), expected.predict(X))
    labels = (Y > 0).astype(np.int64)
    np.testing.assert_array_equal(
        fit(X, Tensor(labels), loss="log_loss").coef, fit(X, labels, loss="log_loss").coef
    )
    for X_b, y_b, rows in mb.minibatches(Tensor(X), Tensor(Y), batch_size=8, return_rows=True):
        np.testing.assert_array_equal(X_b, X[rows])
        np.testing.assert_array_equal(y_b, Y[rows])
    with pytest.raises(TypeError, match=r"X must be in the memory of the CPU, .* got device \(2, 1\): copy"):
        fit(Tensor(X, device=(2, 1)))


def test_what_refuses_to_become_an_array_is_named():
    class PartOfAGraph(Tensor):
        def __array__(self, *_, **__):
            raise RuntimeError("call detach() first")

    with pytest.raises(
        TypeError, match=r"y must be an array in the memory of the CPU: call detach\(\) first"
    ):
        fit(X, PartOfAGraph(Y))


def test_tensors_of_torch():
    torch = pytest.importorskip("torch")
    rows = torch.from_numpy(X)
    np.testing.assert_array_equal(fit(rows, torch.from_numpy(Y)).coef, fit(X).coef)
    with pytest.raises(TypeError, match=r"X must be an array in the memory of the CPU: .*requires grad"):
        fit(rows.clone().requires_grad_())


def test_memory_maps_are_read_in_place(tmp_path):
    for name, array in (("X", X), ("y", Y)):
        np.save(tmp_path / f"{name}.npy", array)
    mapped = [np.load(tmp_path / f"{name}.npy", mmap_mode="r") for name in ("X", "y")]
    np.testing.assert_array_equal(fit(*mapped).coef, fit(X).coef)


@pytest.mark.parametrize("format", ["csr", "csc", "coo", "lil", "dok", "bsr", "dia"])
@pytest.mark.parametrize("kind", [scipy.sparse.csr_array, scipy.sparse.csr_matrix])
@pytest.mark.parametrize("index", [np.int32, np.int64])
def test_sparse_rows_of_any_format(format, kind, index):
    csr = kind(np.where(RNG.random((N, 5)) < 0.4, RNG.normal(size=(N, 5)), 0))
    csr.indices, csr.indptr = csr.indices.astype(index), csr.indptr.astype(index)
    np.testing.assert_array_equal(fit(csr.asformat(format)).coef, fit(csr).coef)
    np.testing.assert_allclose(fit(csr).coef, fit(csr.toarray()).coef, rtol=1e-10)
