"""Messages and warnings that say what is wrong, where, and what to do."""

import warnings

import mbgd_rs as mb
import numpy as np
import pandas as pd
import pytest
from mbgd_rs import losses, optimizers

N = 200
RNG = np.random.default_rng(4)
X = RNG.normal(size=(N, 3))
Y = X @ [1.0, 2.0, 3.0]
FRAME = pd.DataFrame(X, columns=["height", "weight", "age"])
MODEL = mb.fit(FRAME, Y, epochs=2)


def test_columns_are_those_of_fit():
    assert MODEL.feature_names == ("height", "weight", "age")
    np.testing.assert_array_equal(MODEL.predict(FRAME), MODEL.predict(X))
    in_other_order = (
        r"X must have the columns of fit, in its order, got 'age' in place of 'height' at column 0: select"
    )
    for call in (
        lambda frame: MODEL.predict(frame),
        lambda frame: mb.fit(frame, Y, resume=MODEL, epochs=1),
        lambda frame: mb.fit(frame, Y, init=MODEL, epochs=1),
        lambda frame: mb.gradient(frame, Y, MODEL),
    ):
        with pytest.raises(ValueError, match=in_other_order):
            call(FRAME[["age", "weight", "height"]])
        with pytest.raises(ValueError, match=r"got no 'age', and 'years' more"):
            call(FRAME.rename(columns={"age": "years"}))
        with pytest.raises(ValueError, match=r"got no 'height'"):
            call(FRAME[["weight", "age"]])
    with pytest.raises(ValueError, match="validation: " + in_other_order):
        mb.fit(FRAME, Y, validation=(FRAME[["age", "weight", "height"]], Y))
    picked = FRAME[["age", "weight", "height"]][list(MODEL.feature_names)]
    np.testing.assert_array_equal(MODEL.predict(picked), MODEL.predict(FRAME))


def test_arrays_have_no_names():
    plain = mb.fit(X, Y, epochs=1)
    assert plain.feature_names is None
    plain.predict(FRAME)
    assert mb.fit(pd.DataFrame(X), Y, epochs=1).feature_names is None
    numbered = mb.fit(pd.DataFrame(X, columns=[5, 3, 1]), Y, epochs=1)
    with pytest.raises(ValueError, match="got 1 in place of 5 at column 0"):
        numbered.predict(pd.DataFrame(X, columns=[1, 3, 5]))


CELLS = {
    "NaN": (np.nan, ValueError, r"X must be finite, got NaN at row 4, column 1 \('weight'\): impute"),
    "infinity": (np.inf, ValueError, r"X must be finite, got inf at row 4, column 1 \('weight'\)"),
    "NA": (pd.NA, ValueError, r"X must be finite, got NaN at row 4, column 1 \('weight'\): impute"),
    "None": (None, ValueError, r"X must be finite, got NaN at row 4, column 1 \('weight'\): impute"),
    "text": ("tall", TypeError, r"got 'tall' at row 4, column 1 \('weight'\): encode text as numbers"),
    "number as text": (
        "1.5",
        TypeError,
        r"got '1\.5' at row 4, column 1 \('weight'\): encode text as numbers",
    ),
    "a date": (pd.Timestamp("2026-01-01"), TypeError, r"got Timestamp.* at row 4, column 1 \('weight'\)"),
    "a list": ([1], TypeError, r"got \[1\] at row 4, column 1 \('weight'\)"),
}


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("where", ["fit", "predict", "validation"])
def test_a_cell_is_named_by_its_column(cell, where):
    value, kind, message = CELLS[cell]
    frame = FRAME.astype(object)
    frame.iat[4, 1] = value
    calls = {
        "fit": lambda: mb.fit(frame, Y),
        "predict": lambda: MODEL.predict(frame),
        "validation": lambda: mb.fit(FRAME, Y, validation=(frame, Y)),
    }
    with pytest.raises(kind, match=message):
        calls[where]()
    if cell not in ("NaN", "infinity", "None"):
        with pytest.raises(kind, match=r"row 4, column 1"):
            mb.fit(frame.to_numpy(), Y)


def test_nullable_columns_without_gaps_are_numbers():
    nullable = FRAME.round().astype("Int64")
    expected = mb.fit(FRAME.round(), Y, epochs=2)
    np.testing.assert_array_equal(
        mb.fit(nullable, pd.Series(Y).astype("Float64"), epochs=2).coef, expected.coef
    )
    nullable.loc[7, "age"] = pd.NA
    with pytest.raises(ValueError, match=r"row 7, column 2 \('age'\)"):
        mb.fit(nullable, Y)
    gap = pd.Series(Y).astype("Float64")
    gap[9] = pd.NA
    with pytest.raises(ValueError, match=r"y must be finite, got NaN at row 9"):
        mb.fit(X, gap)
    with pytest.raises(ValueError, match=r"sample_weight must be finite and >= 0, got NaN at row 9"):
        mb.fit(X, Y, sample_weight=gap.abs())


MISSING = {
    "list": ["a", "b", float("nan")],
    "list with None": ["a", None, "b"],
    "tuple": ("a", float("nan"), "b"),
    "list with NA": ["a", pd.NA, "b"],
    "object array": np.array(["a", np.nan, "b"], object),
    "numbers": [1, 0, float("nan")],
    "bools": [True, None, False],
    "string dtype": pd.Series(["a", None, "b"], dtype="string"),
}


@pytest.mark.parametrize("kind", MISSING)
def test_missing_labels_are_refused_in_lists_and_in_arrays(kind):
    with pytest.raises(ValueError, match=r"y must be (without missing labels|finite), got .* at row [12]"):
        mb.fit(X[:3], MISSING[kind], loss="log_loss", epochs=1)
    if kind not in ("numbers", "bools"):
        with pytest.raises(ValueError, match="groups must be without missing labels"):
            mb.sampling.Stratified(MISSING[kind])


def test_labels_of_several_types_are_refused_in_lists_and_in_arrays():
    for mixture in ([1, "a", 2], np.array([1, "a", 2], object), ["a", b"b", "c"]):
        with pytest.raises(TypeError, match="labels that can be sorted, got a mixture of types"):
            mb.fit(X[:3], mixture, loss="log_loss", epochs=1)


@pytest.mark.parametrize("loss", ["log_loss", "hinge", "crammer_singer"])
def test_measured_numbers_are_no_labels(loss):
    for y in (Y, Y.astype("f4"), Y.tolist(), Y[:, None], np.round(Y, 1), pd.Series(Y)):
        with pytest.raises(
            ValueError, match=r"y must have labels .*at row \d: for numbers choose a loss of numbers"
        ):
            mb.fit(X, y, loss=loss, epochs=1)
    prices = RNG.integers(100_000, 900_000, N)
    with pytest.warns(
        UserWarning, match=r"y has \d+ different numbers in 200 rows, each of which is a class"
    ):
        mb.fit(X, prices, loss=loss, epochs=1)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        mb.fit(X, np.where(X[:, 0] > 0, 0.25, 0.75), loss=loss, epochs=1)
        mb.fit(X, np.repeat(np.arange(20), 10), loss=loss, epochs=1)
        mb.fit(X, prices.astype(str)[np.arange(N) % 40], loss=loss, epochs=1)


@pytest.mark.parametrize(
    "y",
    [
        X[:, 0] > 0,
        (X[:, 0] > 0).astype(int),
        np.sign(X[:, 0]),
        np.arange(N) % 3,
        np.arange(N) % 10,
        [0.0, 1.0] * 100,
    ],
    ids=["bools", "0 1", "-1 1", "0..2", "0..9", "floats"],
)
def test_labels_without_a_loss_are_asked_about(y):
    with pytest.warns(UserWarning, match=r"loss was not given.*'log_loss'.*'squared_error'"):
        mb.fit(X, y, epochs=1)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        mb.fit(X, y, loss="squared_error", epochs=1)
        mb.fit(X, y, loss=losses.SquaredError(), epochs=1)
        mb.fit(X, y, loss="log_loss", epochs=1)
        mb.fit(X, Y, epochs=1)
        mb.fit(X, RNG.poisson(30, N), epochs=1)


def test_weights_of_labels_that_a_fold_does_not_have():
    y = np.arange(N) % 2
    options = {"loss": "log_loss", "optimizer": optimizers.SGD(0.1), "epochs": 2}
    expected = mb.fit(X, y, class_weight={0: 1.0, 1: 2.0}, **options)
    for absent in ({2: 5.0}, {"other": 5.0}):
        result = mb.fit(X, y, class_weight={0: 1.0, 1: 2.0, **absent}, **options)
        np.testing.assert_array_equal(result.coef, expected.coef)
    with pytest.raises(ValueError, match="class_weight must have labels among 0, 1, got 'one'"):
        mb.fit(X, y, class_weight={0: 1.0, "one": 2.0}, **options)
    with pytest.raises(ValueError, match="class_weight of 2 must be finite and >= 0"):
        mb.fit(X, y, class_weight={0: 1.0, 1: 2.0, 2: -1.0}, **options)


def test_the_module_shows_its_public_names():
    assert sorted(dir(mb)) == sorted([*mb.__all__, *mb.ESTIMATORS])
