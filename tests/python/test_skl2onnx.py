"""skl2onnx converts our estimators, alone and in pipelines; onnxruntime says what they say."""

import subprocess
import sys

import mbgd_rs as mb
import numpy as np
import pytest

pytest.importorskip("sklearn")
runtime = pytest.importorskip("onnxruntime")
skl2onnx = pytest.importorskip("skl2onnx")

from mbgd_rs.sklearn import MBGDClassifier, MBGDRegressor  # noqa: E402
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits  # noqa: E402
from sklearn.ensemble import VotingClassifier  # noqa: E402
from sklearn.pipeline import make_pipeline  # noqa: E402
from sklearn.preprocessing import StandardScaler  # noqa: E402

HOW = {"max_iter": 3, "tol": None, "optimizer": "adam", "random_state": 0}
CLOSE = {"rtol": 2e-5, "atol": 2e-5}


def said(model, X, **options):
    graph = skl2onnx.to_onnx(model, X[:1], **options)
    session = runtime.InferenceSession(graph.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(None, {"X": X})


@pytest.mark.parametrize("kind", ["int", "text", "bool"])
@pytest.mark.parametrize("loss", ["log_loss", "hinge", "modified_huber", "focal", "crammer_singer", "huber"])
def test_classifiers_in_a_pipeline(loss, kind):
    for load in (load_breast_cancer, load_digits):
        X, y = load(return_X_y=True)
        X = X.astype(np.float32)
        y = {"int": y, "text": np.array(list("abcdefghij"))[y], "bool": y > 0}[kind]
        model = make_pipeline(StandardScaler(), MBGDClassifier(loss=loss, **HOW)).fit(X, y)
        label, numbers = said(model, X, options={"zipmap": False})
        np.testing.assert_array_equal(label, model.predict(X))
        if hasattr(model, "predict_proba"):
            wanted = model.predict_proba(X)
        else:
            wanted = model.decision_function(X)
            wanted = wanted if wanted.ndim == 2 else np.stack([-wanted, wanted], axis=1)
        np.testing.assert_allclose(numbers, wanted, **CLOSE)
        label, dicts = said(model, X)
        np.testing.assert_array_equal(label, model.predict(X))
        np.testing.assert_allclose([list(one.values()) for one in dicts], wanted, **CLOSE)


def test_several_labels():
    X, digit = load_digits(return_X_y=True)
    X, y = X.astype(np.float32), np.stack([digit > 4, digit % 2 == 0, digit == 3], axis=1).astype(int)
    for loss in ("log_loss", "squared_error"):
        model = MBGDClassifier(loss=loss, **HOW).fit(X, y)
        label, numbers = said(model, X, options={"zipmap": False})
        np.testing.assert_array_equal(label, model.predict(X))
        wanted = model.predict_proba(X) if loss == "log_loss" else model.decision_function(X)
        np.testing.assert_allclose(numbers, wanted, **CLOSE)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("loss", ["squared_error", "quantile", "poisson", "tweedie"])
def test_regressors(loss, dtype):
    X, y = load_diabetes(return_X_y=True)
    X, y = X.astype(dtype), y / 100
    model = make_pipeline(StandardScaler(), MBGDRegressor(loss=loss, max_iter=20, tol=None)).fit(X, y)
    (prediction,) = said(model, X)
    assert prediction.dtype == dtype
    np.testing.assert_allclose(prediction[:, 0], model.predict(X), **(CLOSE if dtype == np.float32 else {}))


def test_several_outputs_of_integer_rows():
    X, y = load_digits(return_X_y=True)
    X, y = X.astype(np.int64), np.stack([y, -y], axis=1) / 10
    model = MBGDRegressor(loss="huber", optimizer=mb.optimizers.Adam(0.1), max_iter=20, tol=None).fit(X, y)
    (prediction,) = said(model, X)
    np.testing.assert_allclose(prediction, model.predict(X), **CLOSE)


def test_within_an_ensemble():
    X, y = load_breast_cancer(return_X_y=True)
    X = (X / X.max(axis=0)).astype(np.float32)
    parts = [("one", MBGDClassifier(**HOW)), ("other", MBGDClassifier(loss="focal", **HOW))]
    model = VotingClassifier(parts, voting="soft", flatten_transform=False).fit(X, y)
    label, numbers = said(model, X, options={"zipmap": False})
    np.testing.assert_array_equal(label, model.predict(X))
    np.testing.assert_allclose(numbers, model.predict_proba(X), **CLOSE)


@pytest.mark.parametrize(
    "imports",
    ["import skl2onnx; from mbgd_rs.sklearn import MBGDClassifier",
     "from mbgd_rs.sklearn import MBGDClassifier; import skl2onnx",
     "from mbgd_rs.sklearn import MBGDClassifier; from importlib.util import find_spec\n"
     "find_spec('skl2onnx'); import skl2onnx"],
)  # fmt: skip
def test_the_order_of_imports_does_not_matter(imports):
    code = (
        f"import numpy as np; {imports}\n"
        "X = np.eye(4, dtype=np.float32)\n"
        "model = MBGDClassifier(max_iter=2, tol=None).fit(X, [0, 1, 0, 1])\n"
        "print(len(skl2onnx.to_onnx(model, X).graph.output))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=100)
    assert done.stdout.strip() == "2", done.stderr


def test_the_estimators_do_not_import_it():
    code = "import sys, mbgd_rs.sklearn; print('skl2onnx' in sys.modules or 'onnx' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=100)
    assert done.stdout.strip() == "False", done.stderr


@pytest.mark.parametrize(
    "model", [mb.models.MLP((5, 3), ("gelu", "leaky_relu")), mb.models.FactorizationMachine(3)], ids=str
)
def test_other_models(model):
    X, y = load_breast_cancer(return_X_y=True)
    X = StandardScaler().fit_transform(X).astype(np.float32)
    several = np.stack([y, X[:, 0] > 0], axis=1).astype(int)
    for targets in (y, X[:, 0].astype(int) % 3, several):
        classifier = MBGDClassifier(model=model, **HOW).fit(X, targets)
        label, numbers = said(classifier, X, options={"zipmap": False})
        np.testing.assert_array_equal(label, classifier.predict(X))
        np.testing.assert_allclose(numbers, classifier.predict_proba(X), **CLOSE)
    for targets in (X[:, 1], X[:, :2]):
        regressor = make_pipeline(StandardScaler(), MBGDRegressor(model=model, **HOW)).fit(X, targets)
        (predicted,) = said(regressor, X)
        wanted = regressor.predict(X)
        np.testing.assert_allclose(predicted.reshape(wanted.shape), wanted, **CLOSE)
