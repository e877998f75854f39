"""Models in ONNX say what they say here, by onnxruntime and on real data."""

import mbgd_rs as mb
import numpy as np
import pytest
from mbgd_rs.choices import members_of
from mbgd_rs.losses import Loss

onnx = pytest.importorskip("onnx")
runtime = pytest.importorskip("onnxruntime")
datasets = pytest.importorskip("sklearn.datasets")

LOSSES = {name: loss() for name, loss in members_of(Loss).items()} | {
    "one against the rest": mb.losses.LogLoss(multi_class="ovr"),
    "focal, strong": mb.losses.Focal(gamma=7.5),
    "tweedie, power 1.9": mb.losses.Tweedie(power=1.9),
}
CLASSIFICATION = {name: loss for name, loss in LOSSES.items() if loss.is_classification}
REGRESSION = {name: loss for name, loss in LOSSES.items() if not loss.is_classification}


def targets(kind, y):
    """The classes of a data set as labels of a kind."""
    return {
        "int64": y,
        "uint8": y.astype(np.uint8),
        "float64": y / 2,
        "str": np.array([f"class {label}" for label in range(10)])[y],
        "objects": np.array([f"c{label}" for label in range(10)], object)[y],
        "bool": y > 0,
    }[kind]


def said(model, X, **options):
    """What onnxruntime says, by the names of the outputs."""
    graph = model.to_onnx(**options)
    session = runtime.InferenceSession(graph.SerializeToString(), providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(None, {"X": X}), strict=True))


def close(dtype):
    return {"rtol": 2e-5, "atol": 2e-5} if dtype == np.float32 else {"rtol": 1e-10, "atol": 1e-12}


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("loss", CLASSIFICATION.values(), ids=CLASSIFICATION)
@pytest.mark.parametrize("kind", ["int64", "uint8", "float64", "str", "objects", "bool"])
def test_classifiers(kind, loss, dtype):
    for load in (datasets.load_breast_cancer, datasets.load_digits):
        X, y = load(return_X_y=True)
        X, y = X.astype(dtype), targets(kind, y)
        model = mb.fit(X, y, loss=loss, optimizer="adam", standardize=True, epochs=4)
        found = said(model, X, dtype=dtype)
        label = found.pop("label")
        np.testing.assert_array_equal(label, model.predict(X))
        assert label.shape == (len(X),)
        ((name, numbers),) = found.items()
        wanted = model.predict_proba if name == "probabilities" else model.decision_function
        assert (name == "probabilities") == (loss.name in ("log_loss", "modified_huber", "focal"))
        assert numbers.dtype == dtype
        assert numbers.shape == wanted(X).shape
        np.testing.assert_allclose(numbers, wanted(X), **close(dtype))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("loss", CLASSIFICATION.values(), ids=CLASSIFICATION)
def test_several_labels(loss, dtype):
    X, digit = datasets.load_digits(return_X_y=True)
    X, y = X.astype(dtype), np.stack([digit % 2 == 0, digit > 4, digit == 7], axis=1)
    model = mb.fit(X, y, loss=loss, optimizer="adam", epochs=4)
    found = said(model, X, dtype=dtype)
    np.testing.assert_array_equal(found.pop("label"), model.predict(X))
    ((name, numbers),) = found.items()
    wanted = model.predict_proba if name == "probabilities" else model.decision_function
    assert numbers.shape == (len(X), 3)
    np.testing.assert_allclose(numbers, wanted(X), **close(dtype))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("loss", REGRESSION.values(), ids=REGRESSION)
def test_regressions(loss, dtype):
    X, y = datasets.load_diabetes(return_X_y=True)
    X, y = X.astype(dtype), y / 100
    for several in (y, y[:, None], np.stack([y, y[::-1]], axis=1)):
        model = mb.fit(X, several, loss=loss, optimizer="adam", standardize=True, epochs=20)
        prediction = said(model, X, dtype=dtype)["prediction"]
        assert prediction.shape == model.predict(X).shape
        assert prediction.dtype == dtype
        np.testing.assert_allclose(prediction, model.predict(X), **close(dtype))


def test_raw_columns_in_single_precision():
    """A model in doubles, of columns from thousandths to thousands, served in single precision."""
    X, y = datasets.load_breast_cancer(return_X_y=True)
    model = mb.fit(X, y, loss="log_loss", penalty="l2")
    found = said(model, X.astype(np.float32))
    np.testing.assert_array_equal(found["label"], model.predict(X))
    np.testing.assert_allclose(found["probabilities"], model.predict_proba(X), atol=1e-4)


def test_saturated_and_equal_scores():
    """Far from the boundary, and on it."""
    rows = np.array([[0.0], [1e-3], [-1e-3], [1.0], [-1.0], [30.0], [-30.0], [1e4], [-1e4]])
    for loss in CLASSIFICATION.values():
        for coef, classes in (([1.0], [0, 1]), ([[1.0], [-1.0], [0.5]], [0, 1, 2])):
            start = np.array(coef), np.zeros(len(coef)) if len(classes) > 2 else 0.0
            y = np.resize(classes, 9)
            model = mb.fit(rows, y, loss=loss, optimizer="adam", epochs=0, init=start)
            found = said(model, rows, dtype=np.float64)
            np.testing.assert_array_equal(found["label"], model.predict(rows))
            if "probabilities" in found:
                np.testing.assert_allclose(found["probabilities"], model.predict_proba(rows), atol=1e-13)


def test_the_file_and_what_it_says_of_itself(tmp_path):
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(np.random.default_rng(0).standard_normal((50, 2)), columns=["a", "b"])
    model = mb.fit(frame, frame["a"] > 0, loss="log_loss", epochs=1)
    made = model.to_onnx(tmp_path / "model.onnx")
    assert onnx.load(tmp_path / "model.onnx") == made
    assert made.producer_name == "mbgd_rs"
    assert [(entry.key, entry.value) for entry in made.metadata_props] == [("feature_names", '["a", "b"]')]
    assert {node.domain for node in made.graph.node} == {""}
    session = runtime.InferenceSession(tmp_path / "model.onnx", providers=["CPUExecutionProvider"])
    (given,) = session.get_inputs()
    assert (given.name, given.type, given.shape) == ("X", "tensor(float)", ["n", 2])
    # A row at a time, as a server gets them.
    one = session.run(["probabilities"], {"X": frame.to_numpy(np.float32)[:1]})[0]
    np.testing.assert_allclose(one, model.predict_proba(frame[:1]), rtol=1e-5)


def test_errors():
    X = np.random.default_rng(0).standard_normal((20, 2))
    dates = np.array(["2020-01-01", "2020-01-02"], "datetime64[D]")
    model = mb.fit(X, np.resize(dates, 20), loss="log_loss", epochs=1)
    with pytest.raises(ValueError, match="classes must be integers, bools, floats or text for ONNX"):
        model.to_onnx()
    with pytest.raises(ValueError, match="dtype must be float32 or float64, got float16"):
        model.to_onnx(dtype=np.float16)
