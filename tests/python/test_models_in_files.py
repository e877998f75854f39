"""Results of every model: in files, in pickles, as graphs of ONNX and as estimators of scikit-learn."""

import copy
import dataclasses
import json
import pickle
from pathlib import Path

import mbgd_rs as mb
import numpy as np
import pytest
from mbgd_rs import penalties
from mbgd_rs.model_file.container import pack, unpack
from mbgd_rs.models import MLP, FactorizationMachine
from model_cases import ACTIVATIONS, ADAM, BEYOND, MODELS, TARGETS, D, X, Z, flat, rows_of

Y = Z[:, 0]
DATA = Path(__file__).parent / "data"
KINDS = ["float64", "float32"]


def fitted(model, name="number", kind="float64", **more):
    y, loss = TARGETS[name]
    how = {"optimizer": ADAM, "batch_size": 16, "epochs": 3, "loss": loss, **more}
    return mb.fit(rows_of(kind), y, model=model, **how)


def assert_says_the_same(one, other):
    assert flat(one).tobytes() == flat(other).tobytes()
    assert (one.model, one.is_vector, one.dtype) == (other.model, other.is_vector, other.dtype)
    for name in one.params:
        blocks = [p if isinstance(p, list) else [p] for p in (one.params[name], other.params[name])]
        assert [type(array) for array in blocks[0]] == [type(array) for array in blocks[1]]
        assert [np.shape(array) for array in blocks[0]] == [np.shape(array) for array in blocks[1]]
    assert one.predict(X).tolist() == other.predict(X).tolist()
    assert repr(one) == repr(other)


# ---- files and pickles


@pytest.mark.parametrize("model", MODELS.values(), ids=MODELS)
@pytest.mark.parametrize("name", TARGETS)
@pytest.mark.parametrize("kind", KINDS)
def test_what_was_saved_is_loaded(kind, name, model, tmp_path):
    result = fitted(model, name, kind, standardize=True)
    for state in (False, True):
        result.save(tmp_path / "model", state=state)
        assert_says_the_same(mb.load(tmp_path / "model"), result)
    assert_says_the_same(pickle.loads(pickle.dumps(result)), result)
    assert_says_the_same(copy.deepcopy(result), result)


def test_a_file_has_an_array_for_each_block(tmp_path):
    fitted(MLP((5, 3))).save(tmp_path / "model")
    _, arrays = unpack((tmp_path / "model").read_bytes())
    coefs = {name: array.shape for name, array in arrays.items() if name.startswith("coefs")}
    assert coefs == {"coefs.0": (D, 5), "coefs.1": (5, 3), "coefs.2": (3, 1)}
    assert {"intercepts.0", "intercepts.1", "intercepts.2"} <= set(arrays)


def test_arguments_are_saved_with_their_model_and_strengths(tmp_path):
    how = {"penalty": penalties.L2({"coefs": [0.1, 0.2]})}
    result = fitted(MLP(5, "silu", dropout=0.2, init="he_normal"), **how)
    result.save(tmp_path / "model", state=True)
    loaded = mb.load(tmp_path / "model")
    assert loaded.arguments["model"] == result.model
    more = {"batch_size": 16, "epochs": 2, **how}
    ended = mb.fit(X, Y, resume=loaded, **more, **loaded.arguments)
    assert flat(ended).tobytes() == flat(fitted(result.model, **how, epochs=5)).tobytes()


def written(folder, model, name="number", **more):
    fitted(model, name, **more).save(folder / "model", state=True)
    return unpack((folder / "model").read_bytes())


def refused(folder, document, arrays):
    document = {name: document[name] for name in ("model", "resume", "estimator")}
    (folder / "changed").write_bytes(pack(json.loads(json.dumps(document)), arrays))
    with pytest.raises(ValueError, match="changed must be a model file, as save writes it") as caught:
        mb.load(folder / "changed")
    return str(caught.value)


def test_parameters_of_another_model_are_refused(tmp_path):
    document, arrays = written(tmp_path, MLP((5, 3)))

    def told(change):
        made, found = copy.deepcopy(document), dict(arrays)
        change(made["model"], found)
        return refused(tmp_path, made, found)

    def of_network(**changes):
        return lambda model, _: model["model"]["with"].update(changes)

    assert "params must be 54 numbers of MLP" in told(of_network(hidden={"tuple": [5, 4]}))
    assert "params must be" in told(of_network(hidden={"tuple": [10**6, 10**6]}))  # and nothing is allocated
    assert "at most 2**48 parameters" in told(of_network(hidden={"tuple": [2**40, 2**40]}))
    assert "hidden[0] must be >= 1" in told(of_network(hidden={"tuple": [0]}))
    assert "activation must be one of" in told(of_network(activation="mish"))
    assert "model and is_vector must be a model and a bool" in told(lambda model, _: model.update(model=None))
    assert "a model and a bool" in told(lambda model, _: model.update(is_vector=1))
    assert "params must have coefs, intercepts" in told(lambda model, _: model["params"].pop("coefs"))

    def of_array(name, array):
        return lambda _, found: found.update({name: array})

    assert "must be finite" in told(of_array("coefs.0", np.full((D, 5), np.inf)))
    assert "of one type" in told(of_array("coefs.0", np.zeros((D, 5), np.float32)))
    assert "must be arrays of float32" in told(of_array("coefs.0", np.zeros((D, 5), np.int64)))
    assert 'params["coefs"][1] must have shape' in told(of_array("coefs.1", np.zeros((3, 5))))
    assert "params must be" in told(of_array("coefs.2", np.zeros((3, 2))))


def test_shapes_of_one_output_are_those_of_is_vector(tmp_path):
    for name in ("number", "column"):
        document, arrays = written(tmp_path, FactorizationMachine(2), name)
        document["model"]["is_vector"] = name == "column"
        assert "params must have the shapes of is_vector=" in refused(tmp_path, document, arrays)
    document, arrays = written(tmp_path, MLP(2), "numbers")
    document["model"]["is_vector"] = True
    assert "params must have columns and outputs" in refused(tmp_path, document, arrays)
    document, arrays = written(tmp_path, MLP(2), "two classes")
    document["model"]["classes"] = {"items": ["a", "b", "c"], "of": "object"}
    assert "classes must be as many as outputs say" in refused(tmp_path, document, arrays)


def test_other_models_have_no_one_class(tmp_path):
    document, arrays = written(tmp_path, MLP(2))
    document["model"]["loss"] = {"choice": ["Loss", "one_class"], "with": {"nu": 0.5}}
    assert "loss must be one with targets" in refused(tmp_path, document, arrays)


def test_parameters_that_are_not_finite_are_not_saved(tmp_path):
    result = fitted(MLP(2))
    params = {**result.params, "coefs": [np.full((D, 2), np.nan), np.zeros((2, 1))]}
    with pytest.raises(ValueError, match="params must be finite to be saved"):
        dataclasses.replace(result, params=params).save(tmp_path / "model")


def test_a_network_of_format_2_is_loaded_and_goes_on():
    """Made by `data/make_model_files.py`, with parameters that it was given."""
    loaded = mb.load(DATA / "network_of_format_2.safetensors")
    assert loaded.model == MLP((2, 3), ("relu", "tanh"), dropout=0.25)
    W1, W2, W3 = loaded.params["coefs"]
    np.testing.assert_array_equal(W1, np.array([[1.0, -0.5], [0.25, 2.0], [0.0, -1.0]], np.float32))
    np.testing.assert_array_equal(W2, np.array([[1.0, 0.5, -2.0], [0.125, -1.0, 3.0]], np.float32))
    np.testing.assert_array_equal(W3, np.array([[1.0], [-1.5], [0.5]], np.float32))
    first, second, last = loaded.params["intercepts"]
    assert (first.tolist(), second.tolist(), last.tolist()) == ([0.5, -0.25], [0.0, 1.0, -1.0], [0.75])
    x = np.array([[1.0, 2.0, 3.0]])
    z = np.tanh(np.maximum(x @ W1 + first, 0) @ W2 + second) @ W3 + last
    np.testing.assert_allclose(loaded.decision_function(x), z[:, 0], rtol=1e-6)
    rows, y = np.eye(3, dtype=np.float32), np.array(["no", "yes", "no"])
    ended = mb.fit(rows, y, resume=loaded, epochs=3, batch_size=2, **loaded.arguments)
    assert ended.n_epochs == 3


def test_a_factorization_machine_of_format_2_is_loaded_and_goes_on():
    loaded = mb.load(DATA / "machine_of_format_2.safetensors")
    assert loaded.model == FactorizationMachine(rank=2)
    assert (loaded.params["bias"], loaded.params["coef"].tolist()) == (0.5, [1.0, -1.0, 0.25])
    assert loaded.params["factors"].tolist() == [[1.0, 0.5], [-2.0, 0.0], [0.5, 3.0]]
    x = np.array([1.0, 2.0, 3.0])
    pairs = -2.0 * 2 + (0.5 + 1.5) * 3 + -1.0 * 6
    np.testing.assert_allclose(loaded.predict(x[None]), [0.5 + x @ [1.0, -1.0, 0.25] + pairs])
    ended = mb.fit(np.eye(3), np.arange(3.0), resume=loaded, epochs=3, batch_size=2, **loaded.arguments)
    assert ended.n_epochs == 3


# ---- ONNX

CLOSE = {np.float32: {"rtol": 2e-5, "atol": 2e-5}, np.float64: {"rtol": 1e-11, "atol": 1e-12}}
NETWORKS = [MLP((5, 3), name) for name in ACTIVATIONS] + [MLP((4, 3, 2), ("tanh", "relu", "silu")), MLP(())]
EXPORTED = [*NETWORKS, FactorizationMachine(rank=3), FactorizationMachine(rank=1)]


@pytest.mark.parametrize("model", EXPORTED, ids=str)
@pytest.mark.parametrize("name", TARGETS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_onnx(dtype, name, model):
    pytest.importorskip("onnx")
    runtime = pytest.importorskip("onnxruntime")
    result, rows = fitted(model, name, standardize=True), X.astype(dtype)
    made = result.to_onnx(dtype=dtype)
    assert str(model) in made.doc_string
    close = CLOSE[dtype]
    if dtype == np.float64 and "gelu" in str(model):
        # onnxruntime has no Erf of doubles, and onnx one in single precision.
        from onnx.reference import ReferenceEvaluator

        session, close = ReferenceEvaluator(made), {"rtol": 1e-5, "atol": 1e-5}
    else:
        session = runtime.InferenceSession(made.SerializeToString(), providers=["CPUExecutionProvider"])
    said = session.run(None, {"X": rows})
    if result.classes is None:
        assert said[0].shape == result.predict(rows).shape
        np.testing.assert_allclose(said[0], result.predict(rows), **close)
        return
    wanted = result.predict_proba(rows)
    near = np.abs(wanted - (0.5 if wanted.shape[1] == 2 else np.sort(wanted)[:, -2:-1])).min(axis=1) < 1e-4
    assert (said[0] == result.predict(rows))[~near].all()
    assert said[1].shape == wanted.shape
    np.testing.assert_allclose(said[1], wanted, **close)


# ---- scikit-learn


@pytest.mark.parametrize("activation", ["identity", "logistic", "tanh", "relu"])
@pytest.mark.parametrize("hidden", [(), (5,), (4, 3)])
@pytest.mark.parametrize("kind", KINDS)
def test_to_sklearn(kind, hidden, activation):
    networks = pytest.importorskip("sklearn.neural_network")
    rows = rows_of(kind)
    close = {"rtol": 1e-4, "atol": 1e-4} if rows.dtype == np.float32 else {"rtol": 1e-9, "atol": 1e-12}
    for name in ("number", "column", "numbers", "two classes", "classes", "labels"):
        loss = "log_loss" if "class" in name or name == "labels" else "squared_error"
        result = fitted(MLP(hidden, activation), name, kind, loss=loss)
        made = result.to_sklearn()
        predicted = made.predict(rows)
        assert made.n_features_in_ == D
        if result.classes is None:
            assert predicted.shape == result.predict(rows).shape
            np.testing.assert_allclose(predicted, result.predict(rows), **close)
            inner = made.estimators_[0] if name == "column" else made
            assert isinstance(inner, networks.MLPRegressor)
            assert (inner.n_layers_, inner.out_activation_) == (len(hidden) + 2, "identity")
            continue
        assert isinstance(made, networks.MLPClassifier)
        np.testing.assert_array_equal(predicted, result.predict(rows))
        np.testing.assert_allclose(made.predict_proba(rows), result.predict_proba(rows), **close)
        np.testing.assert_array_equal(made.classes_, [0, 1] if name == "labels" else result.classes)
        assert made.out_activation_ == ("softmax" if name == "classes" else "logistic")
        assert [W.shape for W in made.coefs_] == [W.shape for W in result.params["coefs"]]
        assert made.n_iter_ == result.n_epochs


def test_to_sklearn_of_counts_and_names():
    networks = pytest.importorskip("sklearn.neural_network")
    pd = pytest.importorskip("pandas")
    if "loss" not in networks.MLPRegressor().get_params():
        pytest.skip("MLPRegressor has one loss")
    frame = pd.DataFrame(X, columns=list("abcd"))
    result = mb.fit(frame, TARGETS["counts"][0], model=MLP(3), loss="poisson", optimizer=ADAM, epochs=2)
    made = result.to_sklearn()
    assert made.feature_names_in_.tolist() == list("abcd")
    np.testing.assert_allclose(made.predict(frame), result.predict(frame), rtol=1e-9)


def test_what_scikit_learn_does_not_have():
    pytest.importorskip("sklearn")
    for model, loss, message in (
        (MLP(3, "gelu"), "log_loss", "activation must be the same one of 'identity', .* for to_sklearn, got"),
        (MLP((3, 2), ("relu", "tanh")), "log_loss", "activation must be the same one of"),
        (MLP(3), "hinge", r"loss must be one of a network of scikit-learn for to_sklearn, got Hinge\(\)"),
        (MLP(3), mb.losses.LogLoss("ovr"), "loss must be one of a network of scikit-learn"),
        (FactorizationMachine(), "log_loss", "model must be one of scikit-learn for to_sklearn, got Factor"),
    ):
        result = fitted(model, "classes", loss=loss)
        with pytest.raises(ValueError, match=message):
            result.to_sklearn()


# ---- all that is in the units of the data


@pytest.mark.parametrize("model", BEYOND.values(), ids=BEYOND)
def test_files_keep_the_units(model, tmp_path):
    result = fitted(model, standardize=True)
    result.save(tmp_path / "model", state=True)
    loaded = mb.load(tmp_path / "model")
    how = {"batch_size": 16, "epochs": 2, **loaded.arguments}
    ended = mb.fit(X, Y, resume=loaded, **how)
    assert flat(ended).tobytes() == flat(fitted(model, standardize=True, epochs=5)).tobytes()
