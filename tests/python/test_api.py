"""What the package promises: names, immutable arguments, results that do not depend on threads or SIMD."""

import dataclasses
import inspect
import os
import pickle
import re
import subprocess
import sys

import mbgd_rs as mb
import numpy as np
import pytest

X = np.random.default_rng(0).normal(size=(1000, 33))
Y = X[:, 0] * 2 + 1
OBJECTS = [
    mb.losses.SquaredError(),
    mb.losses.LogLoss(),
    mb.losses.Hinge(),
    mb.penalties.L1(),
    mb.penalties.L2(alpha=0.5),
    mb.penalties.ElasticNet(l1_ratio=0.5),
    mb.optimizers.SGD(),
    mb.optimizers.Adam(learning_rate=mb.schedules.Constant(0.5)),
    mb.schedules.Constant(0.1),
    mb.schedules.InverseScaling(0.1),
    mb.schedules.Cosine(0.1, 100),
    mb.schedules.Warmup(mb.schedules.Cosine(0.1, 100), 10),
]


@pytest.mark.parametrize("thing", OBJECTS, ids=repr)
def test_choices_are_values(thing):
    assert pickle.loads(pickle.dumps(thing)) == thing
    assert hash(dataclasses.replace(thing)) == hash(thing)
    assert eval(repr(thing), {**vars(mb.losses), **vars(mb.penalties), **vars(mb.optimizers),
                              **vars(mb.schedules)}) == thing  # fmt: skip
    for field in dataclasses.fields(thing):
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(thing, field.name, 1)


def test_schedules_are_functions_of_the_step():
    s = mb.schedules
    t = np.arange(200)
    by_name = {
        s.Constant(0.1): np.full(200, 0.1),
        s.InverseScaling(0.1, 0.5): 0.1 / np.sqrt(t + 1),
        s.Cosine(0.1, 50, 0.01): 0.01 + 0.09 * (1 + np.cos(np.pi * np.minimum(t / 50, 1))) / 2,
        s.Warmup(s.Constant(0.1), 9): 0.1 * np.minimum((t + 1) / 10, 1),
    }
    for schedule, expected in by_name.items():
        np.testing.assert_allclose([schedule(int(i)) for i in t], expected, rtol=1e-14, atol=1e-17)
        sgd = mb.optimizers.SGD(schedule)
        recorded = mb.fit(X[:200], Y[:200], optimizer=sgd, batch_size=1, epochs=1, record="step").history
        np.testing.assert_array_equal(recorded.learning_rate, [schedule(int(i)) for i in t])


def test_signatures_are_those_promised():
    def names(function):
        return list(inspect.signature(function).parameters)

    promised = (
        "X y sample_weight offset class_weight classes loss model penalty fit_intercept standardize "
        "optimizer batch_size shuffle replacement drop_last memory_limit epochs init resume validation "
        "metrics stop accumulate average clip_norm clip_value seed n_threads record callback checkpoint "
        "progress verbose comm sync_every"
    )
    assert " ".join(names(mb.fit)) == promised
    assert " ".join(names(mb.gradient)) == "X y params rows loss model penalty sample_weight offset"
    assert " ".join(names(mb.Batches)) == "n batch_size shuffle replacement drop_last seed"
    positional = [p.name for p in inspect.signature(mb.fit).parameters.values() if p.kind != p.KEYWORD_ONLY]
    assert positional == ["X", "y"]


def test_everything_public_is_documented():
    for name in mb.__all__:
        thing = getattr(mb, name)
        assert thing.__doc__, name
        if inspect.isclass(thing) or inspect.isfunction(thing):
            for method, value in vars(thing).items() if inspect.isclass(thing) else ():
                if inspect.isfunction(value) and not method.startswith("_"):
                    assert value.__doc__, f"{name}.{method}"


def test_history_records_what_is_asked_for():
    def recorded(record):
        history = mb.fit(X, Y, epochs=2, batch_size=100, record=record, optimizer="sgd").history
        return {f.name: getattr(history, f.name).shape for f in dataclasses.fields(history)
                if f.name != "metrics" and getattr(history, f.name).size}  # fmt: skip

    epoch = {"epoch_loss": (2,), "epoch_elapsed": (2,), "epoch_steps": (2,), "batch_size": (2,)}
    step = dict.fromkeys(("step_loss", "learning_rate", "gradient_norm", "elapsed", "batch_size"), (20,))
    assert recorded("epoch") == epoch
    assert recorded("step") == {**epoch, **step}
    assert recorded("full_loss") == {**epoch, "full_loss": (2,)}
    assert recorded(["step", "full_loss", "path"]) == {**epoch, **step, "full_loss": (20,), "path": (20, 34)}


def test_full_loss_is_the_objective():
    penalty = mb.penalties.ElasticNet(0.1, 0.5)
    arguments = {"epochs": 2, "record": "full_loss", "penalty": penalty}
    result = mb.fit(X, Y, **arguments, optimizer=mb.optimizers.SGD(0.01))
    np.testing.assert_allclose(
        result.history.full_loss[-1], mb.gradient(X, Y, result, penalty=penalty)[0], rtol=1e-12
    )
    # A rate that chooses itself may give back better parameters than the last.
    result = mb.fit(X, Y, **arguments)
    assert mb.gradient(X, Y, result, penalty=penalty)[0] <= result.history.full_loss[-1] * (1 + 1e-12)


def test_clip_norm():
    sgd = mb.optimizers.SGD(0.01)
    free = mb.fit(X, Y, epochs=1, record=("step", "path"), batch_size=100, optimizer=sgd)
    clipped = mb.fit(X, Y, epochs=1, record=("step", "path"), batch_size=100, optimizer=sgd, clip_norm=0.5)
    assert (free.history.gradient_norm > 0.5).all()
    path = np.vstack([np.zeros(34), clipped.history.path])
    np.testing.assert_allclose(np.linalg.norm(np.diff(path, axis=0), axis=1), 0.5 * 0.01, rtol=1e-10)


def test_repr_of_a_result_says_how_it_went():
    text = repr(mb.fit(X, Y, epochs=2, optimizer="sgd"))
    for part in ("squared_error", "33", "float64", "n_epochs=2", "n_steps=8", "epochs"):
        assert part in text
    assert mb.StopReason.EPOCHS.prose


def run(code, **environment):
    done = subprocess.run([sys.executable, "-c", code], env={**os.environ, **environment}, text=True,
                          capture_output=True, timeout=100)  # fmt: skip
    return done.stdout.strip(), done.stderr


def test_number_of_threads():
    code = "import mbgd_rs as mb; print(mb.get_num_threads())"
    assert run(code, RAYON_NUM_THREADS="3", OMP_NUM_THREADS="5")[0] == "3"
    assert run(code, RAYON_NUM_THREADS="", OMP_NUM_THREADS="5")[0] == "5"
    assert run(code, RAYON_NUM_THREADS="0", OMP_NUM_THREADS="4,2")[0] == "4"
    assert run(code, RAYON_NUM_THREADS="many", OMP_NUM_THREADS="")[0] == str(len(os.sched_getaffinity(0)))
    assert run("import mbgd_rs as mb; mb.set_num_threads(6); print(mb.get_num_threads())")[0] == "6"


def test_import_is_light_and_silent():
    heavy = "{'scipy', 'sklearn', 'pandas', 'matplotlib', 'tqdm', 'onnx'}"
    out, err = run(f"import sys, mbgd_rs; print(*{heavy}.intersection(sys.modules))")
    assert (out, err) == ("", "")


def test_show_versions(capsys):
    mb.show_versions()
    printed = capsys.readouterr().out
    assert mb.__version__ in printed
    assert np.__version__ in printed
    assert re.search("scalar|avx|neon", printed)
