"""Models beyond linear: equal bits for all threads and instruction sets, and of runs in pieces."""

import hashlib
import json
import pickle
from pathlib import Path

import mbgd_rs as mb
import numpy as np
import pytest
import scipy.sparse as sp
from mbgd_rs import optimizers, stopping
from mbgd_rs.choices import members_of
from mbgd_rs.models import MLP, FactorizationMachine
from mbgd_rs.penalties import L1, L2, ElasticNet
from test_same_bits import must_have, run_with

N_THREADS = [1, 2, 3, 7]
SEEN = ("step", "full_loss", "noise")


def data(n=350, d=43, dtype=np.float64):
    """Rows, dense and with few entries, and targets of all kinds."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n, d))
    z = X @ rng.normal(size=(d, 3)) / 5 + rng.normal(size=(n, 3))
    few = sp.csr_array(X * (rng.random(X.shape) < 0.15))
    targets = {
        "one": z[:, 0].astype(dtype),
        "three": z.astype(dtype),
        "classes": z.argmax(axis=1),
        "two classes": z[:, 0] > 0,
        "labels": z > 0,
        "counts": np.floor(np.abs(3 * z[:, 0])).astype(dtype),
    }
    return {"dense": X.astype(dtype), "sparse": few.astype(dtype)}, targets, rng.uniform(0, 2, n)


def cases(is_slow=False):
    """Batches that are shared by threads, and some that are not; rows of all kinds; all rules.

    Some of them, if it is slow: fused multiply-adds without instructions for them are.
    """
    adam, momentum = optimizers.Adam(0.01), optimizers.SGD(0.02, momentum=0.9)
    wide = MLP((100, 30, 17), ("relu", "gelu", "tanh"), dropout=0.3)
    networks = {
        "without layers": ("three", {"model": MLP(()), "optimizer": adam}),
        "one unit": ("one", {"model": MLP(1, "logistic"), "optimizer": momentum}),
        "relu": ("classes", {"model": MLP(64), "optimizer": adam, "penalty": L2(0.01)}),
        "wide": ("classes", {"model": wide, "optimizer": adam, "class_weight": "balanced"}),
        "silu": ("two classes", {"model": MLP((33, 9), "silu", init="he_normal"), "optimizer": momentum}),
        "leaky": ("labels", {"model": MLP((40, 8), ("leaky_relu", "identity")), "optimizer": momentum}),
        "counts": ("counts", {"model": MLP(20, "tanh"), "optimizer": adam, "penalty": L1(0.01)}),
    }
    penalty = ElasticNet({"coef": 0.02, "factors": 0.01}, 0.5)
    machines = {
        "rank 1": ("one", {"model": FactorizationMachine(1), "optimizer": momentum, "penalty": L1(0.01)}),
        "rank 8": ("three", {"model": FactorizationMachine(8), "optimizer": adam, "penalty": penalty}),
        "rank 17": ("classes", {"model": FactorizationMachine(17), "optimizer": "adagrad"}),
        "labels": ("labels", {"model": FactorizationMachine(5), "optimizer": momentum, "penalty": L2(0.01)}),
        "two": ("two classes", {"model": FactorizationMachine(4), "optimizer": optimizers.FTRL(0.1)}),
    }
    loss_of = {"classes": "log_loss", "two classes": "hinge", "labels": "focal", "counts": "poisson"}
    for dtype in (np.float32, np.float64):
        rows, targets, s = data(dtype=dtype)
        for kind, (name, (of, options)) in [
            (kind, case) for kind in rows for case in [*networks.items(), *machines.items()]
        ]:
            for batch_size in (100,) if is_slow else (5, 100, 300, "full"):
                label = f"{name}, {kind}, {np.dtype(dtype)}, batch_size={batch_size}"
                options = {"loss": loss_of.get(of, "squared_error"), "clip_norm": 5.0, **options}
                epochs = 1 if batch_size in (5, 100) else 3
                more = {"batch_size": batch_size, "epochs": epochs, "sample_weight": s, "record": SEEN}
                yield label, (rows[kind], targets[of]), {**options, **more}
        for name, rule in members_of(optimizers.Optimizer).items():
            if name in ("saga", "svrg") or (
                is_slow and name != {4: "sgd", 8: "adam"}[np.dtype(dtype).itemsize]
            ):
                continue
            average = None if name.startswith("schedule_free") else "ema"
            # Many weights, whose sum over threads and whose update are shared by them.
            for model in (MLP((400, 40), dropout=0.1), FactorizationMachine(150)):
                options = {
                    "model": model,
                    "optimizer": rule(**({"learning_rate": 0.01} if name != "dog" else {})),
                }
                options |= {"penalty": ElasticNet(1e-3, 0.5), "batch_size": 200, "epochs": 1}
                label = f"{name}, {model.name}, {np.dtype(dtype)}"
                yield label, (rows["dense"], targets["three"]), {**options, "average": average}


def digest(*arrays):
    """SHA-256 of the bytes of arrays."""
    result = hashlib.sha256()
    for array in arrays:
        result.update(np.ascontiguousarray(array).tobytes())
    return result.hexdigest()


def flat(result):
    """The parameters of a result as one vector."""
    return result.model.join(result.params, result.n_columns, result.n_outputs, result.dtype)


def fingerprints(n_threads, is_slow=False):
    """Of all cases, of what is computed."""
    mb.set_num_threads(n_threads)
    found = {}
    for label, (X, y), options in cases(is_slow):
        r = mb.fit(X, y, **options)
        h = r.history
        noise = h.noise_records if h.noise_records is not None and len(h.noise_records) else np.zeros(0)
        seen = [noise[name] for name in noise.dtype.names or ()]
        score = r.decision_function(X)
        gradient = mb.gradient(X, y, r, loss=options.get("loss", "squared_error"), model=options["model"])
        joined = r.model.join(gradient[1], r.n_columns, r.n_outputs, r.dtype)
        records = [h.step_loss, h.gradient_norm, h.epoch_loss, h.full_loss]
        found[label] = digest(flat(r), *records, *seen, score, gradient[0], joined)
    return found


@pytest.fixture
def all_threads():
    before = mb.get_num_threads()
    yield
    mb.set_num_threads(before)


@pytest.fixture(scope="module")
def expected():
    before = mb.get_num_threads()
    found = fingerprints(1)
    mb.set_num_threads(before)
    return found


@pytest.mark.parametrize("n_threads", N_THREADS[1:])
def test_threads(expected, n_threads, all_threads):
    assert fingerprints(n_threads) == expected


@pytest.mark.parametrize("tier", ["scalar", "avx2", "avx512", "neon"])
def test_instruction_sets(expected, tier):
    folder = str(Path(__file__).parent)
    program = f"""
import json, sys
sys.path.insert(0, {folder!r})
from test_model_bits import fingerprints
print(json.dumps(fingerprints(n_threads=2, is_slow={tier == "scalar"})))
"""
    run = run_with(tier, program)
    if "not possible on this processor" in run.stderr and not must_have(tier):
        pytest.skip(f"no {tier} on this machine")
    assert run.returncode == 0, run.stderr
    found = json.loads(run.stdout)
    assert found.keys() == {label for label, *_ in cases(is_slow=tier == "scalar")}
    assert found == {label: expected[label] for label in found}


# ---- in pieces

PIECES = {
    "network": {"model": MLP((12, 7), ("relu", "tanh"), dropout=0.4), "optimizer": optimizers.Adam(0.01)},
    "network with momentum": {
        "model": MLP((9,), "gelu", dropout=0.2),
        "optimizer": optimizers.SGD(mb.schedules.Cosine(0.05, 60), momentum=0.9),
        "penalty": L2({"coefs": [0.1, 0.0]}),
        "average": "polyak",
        "accumulate": 2,
    },
    "network, schedule-free": {
        "model": MLP(6, "silu", dropout=0.5),
        "optimizer": optimizers.ScheduleFreeAdamW(0.02),
        "validation": 0.2,
        "stop": stopping.NoImprovement("validation_loss", patience=50, restore_best=True),
    },
    "network whose batches grow": {
        "model": MLP(6, dropout=0.3),
        "optimizer": optimizers.SGD(0.05),
        "batch_size": mb.batch_sizes.NormTest(8, 0.7),
    },
    "machine": {"model": FactorizationMachine(3), "optimizer": optimizers.Adam(0.01)},
    "machine with momentum": {
        "model": FactorizationMachine(3),
        "optimizer": optimizers.SGD(0.02, momentum=0.9, weight_decay=0.01),
        "penalty": ElasticNet(0.01, 0.5),
    },
    "machine, each block": {
        "model": FactorizationMachine(2),
        "optimizer": optimizers.SGD(0.02, momentum=0.5),
        "penalty": ElasticNet({"coef": 0.01, "factors": 0.1}, 0.5),
        "replacement": True,
    },
    "machine, ftrl": {
        "model": FactorizationMachine(2),
        "optimizer": optimizers.FTRL(0.1, l1=0.01),
        "average": "ema",
        "shuffle": "once",
    },
    "machine, dog": {"model": FactorizationMachine(2), "optimizer": optimizers.DoG(), "drop_last": True},
}
N_EPOCHS = 4


def problem(kind, dtype, n=203, d=9):
    """Rows and classes."""
    rng = np.random.default_rng(4)
    X = rng.normal(size=(n, d))
    if kind == "sparse":
        X *= rng.random(X.shape) < 0.2
    y = np.digitize(X[:, 0] + X[:, 1] * X[:, 2] + rng.normal(size=n), [-0.5, 0.5])
    return (sp.csr_array(X.astype(dtype)) if kind == "sparse" else X.astype(dtype)), y


def arguments_of(name):
    shared = {"loss": "log_loss", "batch_size": 16, "seed": 7, "record": ("step", "path")}
    return {**shared, **PIECES[name]}


def stops(n_steps):
    """Ways to end the first piece: after a step, within an epoch, after one, by a callback."""
    for n in (1, 5, n_steps // 2, n_steps - 1):
        yield {"epochs": N_EPOCHS, "stop": stopping.MaxSteps(n)}
    yield {"epochs": 2}
    yield {"epochs": N_EPOCHS, "callback": EndAt(n_steps // 2)}
    yield {"epochs": N_EPOCHS, "callback": lambda progress: progress.epoch == 3}


class EndAt:
    """Ends a run after a step."""

    def __init__(self, n_steps):
        self.n_steps = n_steps

    def on_step(self, progress):
        return progress.n_steps == self.n_steps


def with_rules(arguments, first):
    """The arguments of a first piece, with the rules of both."""
    rules = [options["stop"] for options in (arguments, first) if "stop" in options]
    return {**arguments, **first, "stop": rules or None}


def assert_same_run(pieces, whole):
    assert flat(pieces).tobytes() == flat(whole).tobytes()
    assert (pieces.n_steps, pieces.n_epochs, pieces.best_epoch) == (
        whole.n_steps, whole.n_epochs, whole.best_epoch,
    )  # fmt: skip
    for name in ("epoch_loss", "validation_loss", "step_loss", "learning_rate", "gradient_norm", "path"):
        np.testing.assert_array_equal(getattr(pieces.history, name), getattr(whole.history, name), name)
    assert all(map(np.array_equal, pieces.state["memory"], whole.state["memory"]))


@pytest.mark.parametrize("kind", ["dense", "sparse"])
@pytest.mark.parametrize("name", PIECES)
def test_a_run_in_pieces_is_the_run_in_one(name, kind, tmp_path):
    for dtype in (np.float32, np.float64):
        (X, y), arguments = problem(kind, dtype), arguments_of(name)
        whole = mb.fit(X, y, **arguments, epochs=N_EPOCHS)
        assert whole.n_epochs == N_EPOCHS
        for i, first in enumerate(stops(whole.n_steps)):
            begun = mb.fit(X, y, **with_rules(arguments, first), n_threads=1 + i % 3)
            assert 0 < begun.n_steps < whole.n_steps
            begun.save(tmp_path / "begun.safetensors", state=True)
            for saved in (
                begun,
                pickle.loads(pickle.dumps(begun)),
                mb.load(tmp_path / "begun.safetensors"),
            ):
                left = N_EPOCHS - begun.n_epochs
                assert_same_run(mb.fit(X, y, **arguments, epochs=left, resume=saved), whole)


@pytest.mark.parametrize("kind", ["dense", "sparse"])
@pytest.mark.parametrize("name", PIECES)
def test_a_run_in_many_pieces(name, kind):
    (X, y), arguments = problem(kind, np.float64), arguments_of(name)
    whole = mb.fit(X, y, **arguments, epochs=N_EPOCHS)
    first = with_rules(arguments, {"stop": stopping.MaxSteps(3)})
    result = mb.fit(X, y, **first, epochs=N_EPOCHS)
    while result.n_epochs < N_EPOCHS:
        rest = N_EPOCHS - result.n_epochs
        before = result.n_steps
        result = mb.fit(X, y, **first, epochs=rest, resume=pickle.loads(pickle.dumps(result)))
        assert result.n_steps > before
    assert_same_run(result, whole)


@pytest.mark.parametrize("name", PIECES)
def test_looking_changes_nothing(name):
    for kind in ("dense", "sparse"):
        (X, y), arguments = problem(kind, np.float64), {**arguments_of(name), "epochs": 2}
        expected = flat(mb.fit(X, y, **{**arguments, "record": "epoch"})).tobytes()
        for looked in (
            {"record": ("step", "full_loss", "path", "noise")},
            {"metrics": {"accuracy": lambda a, b: np.mean(a == b)}},
            {"callback": EndAt(-1)},
            {"record": "epoch", "callback": lambda progress: progress.params and None},
        ):
            if name == "network whose batches grow" and "noise" in looked.get("record", ()):
                continue  # their noise is recorded anyway
            assert flat(mb.fit(X, y, **{**arguments, **looked})).tobytes() == expected, looked


def test_a_step_of_dropout_depends_on_its_place_alone():
    # The same epoch by steps of one batch and of many, whose rows have the same masks.
    X, y = problem("dense", np.float64)
    options = {
        "model": MLP((12, 7), dropout=0.5),
        "loss": "log_loss",
        "seed": 5,
        "epochs": 1,
        "record": "path",
    }
    one = mb.fit(X, y, batch_size=32, optimizer=optimizers.SGD(0.1), **options)
    two = mb.fit(X, y, batch_size=16, accumulate=2, optimizer=optimizers.SGD(0.1), **options)
    assert len(one.history.path) == len(two.history.path) == 7
    np.testing.assert_allclose(one.history.path, two.history.path, rtol=1e-12, atol=1e-14)
