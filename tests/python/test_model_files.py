"""Model files: what was saved is what is loaded, whatever it is, and a run goes on from it bit for bit."""

import dataclasses
import datetime
import os
import stat
import subprocess
import sys
from pathlib import Path

import mbgd_rs as mb
import numpy as np
import pytest
from mbgd_rs import optimizers, replacing, schedules, stopping
from mbgd_rs.choices import members_of
from mbgd_rs.losses import Loss
from mbgd_rs.model_file import read_model, write_model
from mbgd_rs.model_file.values import FAMILIES, Reading, Writing
from mbgd_rs.optimizers import Optimizer

RNG = np.random.default_rng(7)
N, D = 90, 4
X = RNG.standard_normal((N, D))
NUMBERS = np.exp(0.3 * X @ [1.0, -1.0, 0.5, 0.0] + 0.1 * RNG.standard_normal(N))
INDEX = RNG.integers(0, 3, N)
# With every class among the first rows of each kind.
INDEX[:3] = [0, 1, 2]
LABELS = {
    "int64": np.array([-3, 5, 2**40]),
    "int8": np.array([-128, 0, 127], np.int8),
    "uint64": np.array([0, 1, 2**64 - 1], np.uint64),
    "float32": np.array([-1.5, 0.0, 2.0], np.float32),
    "float16": np.array([-1.5, 0.0, 2.0], np.float16),
    "str": np.array(["", "naïve", "日本"]),
    "wide str": np.array(["a", "b", "c"], "<U12"),
    "bytes": np.array([b"a", b"bc", b"\xff"]),
    "objects": np.array(["x", "longer", "z"], object),
    "dates": np.array(["2020-01-01", "2021-06-30", "2022-01-01"], "datetime64[D]"),
    "durations": np.array([1, 2, 30], "timedelta64[250ms]"),
}
if hasattr(np.dtypes, "StringDType"):
    LABELS["StringDType"] = np.array(["a", "bcd", "é" * 20], np.dtypes.StringDType())
CLASSIFICATION = [loss for loss in members_of(Loss).values() if loss.is_classification]
REGRESSION = [loss for loss in members_of(Loss).values() if not loss.is_classification]
OPTIONS = {
    "huber": {"epsilon": 0.7},
    "quantile": {"quantile": 0.9},
    "tweedie": {"power": 1.3},
    "smooth_hinge": {"smoothing": 0.5},
    "focal": {"gamma": 1.5},
}


def saved_and_loaded(result, folder, **options):
    path = folder / "model.safetensors"
    result.save(path, **options)
    return mb.load(path)


def assert_same(ours, theirs, place="result"):
    """That two values are equal in type, shape and every bit."""
    assert type(ours) is type(theirs), place
    if isinstance(ours, np.ndarray):
        assert ours.dtype == theirs.dtype, place
        assert ours.shape == theirs.shape, place
        if ours.dtype.kind in "OT":
            assert ours.tolist() == theirs.tolist(), place
        elif ours.dtype.names is None:
            assert ours.tobytes() == theirs.tobytes(), place
        else:
            for name in ours.dtype.names:
                assert_same(ours[name], theirs[name], f"{place}.{name}")
    elif isinstance(ours, dict):
        assert list(ours) == list(theirs), place
        for key in ours:
            assert_same(ours[key], theirs[key], f"{place}.{key}")
    elif isinstance(ours, list | tuple):
        assert len(ours) == len(theirs), place
        for i, (one, other) in enumerate(zip(ours, theirs, strict=True)):
            assert_same(one, other, f"{place}[{i}]")
    elif dataclasses.is_dataclass(ours):
        for of in dataclasses.fields(ours):
            assert_same(getattr(ours, of.name), getattr(theirs, of.name), f"{place}.{of.name}")
    elif isinstance(ours, float | np.floating):
        assert np.asarray(ours).tobytes() == np.asarray(theirs).tobytes(), place
    else:
        assert ours == theirs, place


def assert_same_but_for_resuming(loaded, result):
    assert loaded.state is None
    assert loaded.arguments == {}
    assert loaded.data is None
    kept = {of.name for of in dataclasses.fields(result)} - {"state", "arguments", "data"}
    for name in kept:
        assert_same(getattr(loaded, name), getattr(result, name), name)


@pytest.mark.parametrize("kind", LABELS)
@pytest.mark.parametrize("n_classes", [2, 3])
def test_labels_of_every_kind(kind, n_classes, tmp_path):
    y = LABELS[kind][INDEX % n_classes]
    for dtype in (np.float32, np.float64):
        rows = X.astype(dtype)
        for loss in CLASSIFICATION:
            result = mb.fit(rows, y, loss=loss(**OPTIONS.get(loss.name, {})), optimizer="adam", epochs=1)
            loaded = saved_and_loaded(result, tmp_path)
            assert_same_but_for_resuming(loaded, result)
            assert_same(loaded.predict(rows), result.predict(rows))
    assert_same(saved_and_loaded(result, tmp_path, state=True), result)


@pytest.mark.parametrize("loss", CLASSIFICATION)
@pytest.mark.parametrize("y", [INDEX == 1, np.eye(3, dtype=int)[INDEX]], ids=["bools", "several labels"])
def test_bools_and_several_labels(loss, y, tmp_path):
    result = mb.fit(X, y, loss=loss(), optimizer="adam", epochs=1)
    loaded = saved_and_loaded(result, tmp_path, state=True)
    assert_same(loaded, result)
    assert_same(loaded.predict(X), result.predict(X))
    assert loaded.has_several_labels == result.has_several_labels


@pytest.mark.parametrize("loss", REGRESSION)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    "y", [NUMBERS, NUMBERS[:, None], np.stack([NUMBERS, NUMBERS[::-1]], 1)], ids=np.shape
)
def test_losses_of_numbers(loss, dtype, y, tmp_path):
    for standardize in (False, True):
        result = mb.fit(
            X.astype(dtype),
            y,
            loss=loss(**OPTIONS.get(loss.name, {})),
            optimizer="adam",
            standardize=standardize,
            epochs=2,
            batch_size=16,
        )
        for state in (False, True):
            loaded = saved_and_loaded(result, tmp_path, state=state)
            if state:
                assert_same(loaded, result)
            else:
                assert_same_but_for_resuming(loaded, result)
        assert_same(loaded.predict(X), result.predict(X))


def test_all_that_a_run_can_have(tmp_path):
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(X, columns=["a", 1, ("b", "ü"), "d.e"])
    result = mb.fit(
        frame,
        LABELS["objects"][INDEX],
        loss="log_loss",
        penalty="elasticnet",
        shuffle=mb.sampling.Weighted(RNG.uniform(1, 2, N)),
        validation=(X, LABELS["objects"][INDEX]),
        metrics={"accuracy": lambda a, b: (a == b).mean(), "one.more": lambda a, b: 0.5},
        record=("step", "path", "full_loss", "noise"),
        stop=stopping.NoImprovement("validation_loss", patience=100, restore_best=True),
        standardize=True,
        batch_size=16,
        epochs=12,
    )
    loaded = saved_and_loaded(result, tmp_path, state=True)
    assert loaded.feature_names == ("a", 1, ("b", "ü"), "d.e")
    assert loaded.history.noise_records.size
    assert loaded.best_epoch is not None
    arguments = dict(loaded.arguments)
    ours, theirs = arguments.pop("shuffle"), result.arguments["shuffle"]
    assert_same(ours, theirs)
    assert arguments == {name: value for name, value in result.arguments.items() if name != "shuffle"}
    assert_same(loaded, result)
    assert_same(loaded.history.noise, result.history.noise)
    with pytest.raises(ValueError, match="X must have the columns of fit"):
        loaded.predict(frame.rename(columns={"a": "z"}))


def test_what_was_chosen_by_itself(tmp_path):
    rows = np.random.default_rng(0).standard_normal((70_000, 2)).astype(np.float32)
    y = rows[:, 0] > rows[:, 1]
    result = mb.fit(rows, y, loss="log_loss", optimizer="sgd", epochs=1)
    assert result.auto_batch_size is not None
    assert result.auto_rate is not None
    assert_same_but_for_resuming(saved_and_loaded(result, tmp_path), result)
    result = mb.fit(X, NUMBERS)
    assert result.solver.reason is not None
    assert_same_but_for_resuming(saved_and_loaded(result, tmp_path), result)


def test_a_large_history_stays_with_the_state(tmp_path):
    result = mb.fit(X, NUMBERS, optimizer="adam", epochs=400, batch_size=1, record=("step", "path"))
    assert saved_and_loaded(result, tmp_path).history.path.size == 0
    assert (tmp_path / "model.safetensors").stat().st_size < 10_000
    assert_same(saved_and_loaded(result, tmp_path, state=True), result)


RUNS = {name: optimizer() for name, optimizer in members_of(Optimizer).items()} | {
    "rate by a schedule": optimizers.SGD(schedules.Warmup(schedules.Cosine(0.1, 40), 20), momentum=0.9),
    "rate on a plateau": optimizers.Adam(
        schedules.Plateau(schedules.InverseScaling(0.1), n_iter_no_change=1)
    ),
    "in a metric": optimizers.SGD(preconditioner=mb.preconditioners.Nystrom(rank=2)),
    "snapshots": optimizers.SVRG(snapshot_every=2, preconditioner="newton"),
}
MORE = {
    "rate on a plateau": {"validation": 0.25},
    "sgd": {"average": "polyak", "standardize": True, "validation": 0.2},
    "adam": {"shuffle": "block", "drop_last": True, "accumulate": 2},
    "saga": {"shuffle": mb.sampling.Stratified(INDEX), "standardize": True},
    "ftrl": {"replacement": True, "fit_intercept": False, "seed": 2**64 - 1},
    "momentum": {"shuffle": False},
}


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", RUNS)
def test_a_run_goes_on_bit_for_bit(name, dtype, tmp_path):
    given = {"loss": "log_loss", "optimizer": RUNS[name]} | MORE.get(name, {})
    others = {key: given.pop(key) for key in ("average", "accumulate") if key in given}
    others |= {"batch_size": 8, "record": "step", "penalty": mb.penalties.L2(0.01)}
    rows, y = X.astype(dtype), LABELS["str"][INDEX]
    whole = mb.fit(rows, y, **given, **others, epochs=5)
    for stop in (stopping.MaxSteps(7), stopping.MaxSteps(whole.n_steps // 5 * 2)):
        begun = mb.fit(rows, y, **given, **others, epochs=5, stop=stop)
        loaded = saved_and_loaded(begun, tmp_path, state=True)
        assert_same(loaded, begun)
        left = 5 - begun.n_epochs
        ended = mb.fit(rows, y, **others, epochs=left, resume=loaded, **loaded.arguments)
        for field in ("coef", "intercept", "n_steps", "n_epochs"):
            assert_same(getattr(ended, field), getattr(whole, field), field)
        for field in ("epoch_loss", "step_loss", "learning_rate", "gradient_norm"):
            assert_same(getattr(ended.history, field), getattr(whole.history, field), field)
        # Saved once more, and in the middle of the next epoch.
        again = saved_and_loaded(ended, tmp_path, state=True)
        assert_same(again, ended)


def test_a_growing_batch_goes_on(tmp_path):
    how = {"batch_size": mb.batch_sizes.NormTest(4), "optimizer": optimizers.SGD(0.05)}
    whole = mb.fit(X, NUMBERS, **how, epochs=6)
    loaded = saved_and_loaded(mb.fit(X, NUMBERS, **how, epochs=3), tmp_path, state=True)
    ended = mb.fit(X, NUMBERS, batch_size=how["batch_size"], epochs=3, resume=loaded, **loaded.arguments)
    assert_same(ended.coef, whole.coef)


@pytest.mark.parametrize(
    "rate",
    [lambda t: 0.1 / (t + 1), schedules.Warmup(lambda t: 0.1, 3)],
    ids=["function", "within a schedule"],
)
def test_a_function_as_a_rate_is_left_out(rate, tmp_path):
    how = {"batch_size": 8, "loss": "log_loss"}
    optimizer = optimizers.SGD(rate)
    whole = mb.fit(X, INDEX, **how, optimizer=optimizer, epochs=4)
    loaded = saved_and_loaded(mb.fit(X, INDEX, **how, optimizer=optimizer, epochs=2), tmp_path, state=True)
    assert "optimizer" not in loaded.arguments
    assert loaded.arguments["loss"] == mb.losses.LogLoss()
    ended = mb.fit(X, INDEX, batch_size=8, epochs=2, resume=loaded, optimizer=optimizer, **loaded.arguments)
    assert_same(ended.coef, whole.coef)


def test_without_its_state_a_model_is_where_another_begins(tmp_path):
    result = mb.fit(X, NUMBERS, optimizer="adam", epochs=2)
    loaded = saved_and_loaded(result, tmp_path)
    with pytest.raises(ValueError, match=r"resume must be a run with its state, got one from a file without"):
        mb.fit(X, NUMBERS, resume=loaded)
    with pytest.raises(ValueError, match="state must be False for a model that was loaded"):
        loaded.save(tmp_path / "again", state=True)
    assert_same(saved_and_loaded(loaded, tmp_path), loaded)
    how = {"optimizer": "adam", "epochs": 2}
    assert_same(mb.fit(X, NUMBERS, **how, init=loaded).coef, mb.fit(X, NUMBERS, **how, init=result).coef)
    assert mb.gradient(X, NUMBERS, loaded)[0] == mb.gradient(X, NUMBERS, result)[0]


def test_a_run_that_diverged_or_was_interrupted_is_saved(tmp_path):
    def interrupt(progress):
        raise KeyboardInterrupt

    with pytest.raises(mb.DivergenceError) as raised:
        mb.fit(1e10 * X, NUMBERS, optimizer=optimizers.SGD(1e9), epochs=9)
    assert_same(saved_and_loaded(raised.value.result, tmp_path, state=True), raised.value.result)
    with pytest.raises(KeyboardInterrupt) as raised:
        mb.fit(X, NUMBERS, optimizer="adam", epochs=9, callback=interrupt)
    assert_same(saved_and_loaded(raised.value.result, tmp_path, state=True), raised.value.result)


s = schedules
EXAMPLES = [
    *(loss(**OPTIONS.get(name, {})) for name, loss in members_of(Loss).items()),
    *RUNS.values(),
    s.Constant(0.1), s.Optimal(1e-3), s.InverseScaling(0.1, 0.3), s.Exponential(1, 0.1 + 0.2),
    s.Polynomial(0.1, 9), s.Linear(0.1, 9), s.Step(0.1, 3), s.MultiStep(0.1, [2, 5]),
    s.Piecewise([3, 7], [0.1, 1 / 3, 1e-300]), s.Cosine(0.1, 5), s.CosineRestarts(0.1, 5, 2),
    s.OneCycle(0.1, 50, three_phase=True), s.Plateau(s.Warmup(s.Step(0.5, 2), 3)), s.Warmup(0.1, 2),
    mb.preconditioners.Diagonal(), mb.preconditioners.Nystrom(3), mb.preconditioners.Newton(),
    mb.averages.Polyak(3), mb.averages.EMA(0.9), mb.batch_sizes.Growing(3, 1.5), mb.batch_sizes.NormTest(8),
    mb.batch_sizes.PerEpoch([1, 2, 4]), mb.penalties.L2([1.0, 2.0]), mb.penalties.L1(np.float32(0.1)),
    mb.penalties.ElasticNet([[1.0], [2.0]], 0.5), mb.penalties.GroupL1([0.5, 0.25]),
    mb.penalties.GroupElasticNet(0.5, 0.25), mb.penalties.L2({"coef": 0.1, "factors": 1 / 3}),
    mb.penalties.L1({"coefs": [0.1, 0.0]}), mb.models.Linear(), mb.models.MLP((4, 3), ("relu", "gelu"), 0.1),
    mb.models.FactorizationMachine(4, 1 / 3), mb.sampling.Block(3, 2),
    mb.sampling.Weighted([1, 2, 3], correct_bias=True), mb.sampling.Stratified(["a", "b", "a"]),
    mb.sampling.Sharded(shards=4), mb.sampling.Block([3, 1, 2], 2),
    mb.sampling.Stratified(), stopping.NoImprovement("accuracy", mode="max"), stopping.TargetLoss(-1 / 3),
    stopping.Converged(), stopping.MaxSteps(3), stopping.MaxSeconds(0.5),
]  # fmt: skip


def read_again(value):
    writing = Writing()
    written = writing.value("place", value)
    reading = Reading(writing.arrays)
    read = reading.value(written)
    assert not reading.arrays
    return read


@pytest.mark.parametrize("choice", EXAMPLES, ids=repr)
def test_choices_are_read_as_they_were(choice):
    assert_same(read_again(choice), choice)


def test_every_choice_of_every_family_is_among_the_examples():
    for family in FAMILIES.values():
        for member in members_of(family).values():
            assert any(type(example) is member for example in EXAMPLES), member


@pytest.mark.parametrize(
    "value",
    [
        None, True, 0, -1, 2**200, 0.1, -0.0, 5e-324, np.inf, -np.inf, np.nan, "", "\ud800\x00\"", [], (), {},
        [1, (2.5, [None])], {"a": {1: "b", (2,): np.arange(3)}, 3.5: ()}, np.zeros((0, 3)), np.zeros(()),
        np.arange(24, dtype=np.int16).reshape(2, 3, 4), np.array([[True, False]]), np.array([["a"], ["bc"]]),
        np.array([1, "a", None, (2, 3), [4]], object), np.array("text"), np.zeros(0, "U3"),
        np.array([(1, 2.5)], [("a", int), ("b", float)]), np.zeros(0, [("a", int)]),
        np.array(["NaT", 5], "m8[s]"),
    ],
    ids=repr,
)  # fmt: skip
def test_values_are_read_as_they_were(value):
    assert_same(read_again(value), value)


def test_arrays_of_every_order_are_read_as_native_ones():
    for given in (np.arange(6, dtype=">i4"), np.arange(6.0)[::-2], np.asfortranarray(np.ones((2, 3))),
                  np.array(["ab", "c"], ">U2")):  # fmt: skip
        read = read_again(given)
        np.testing.assert_array_equal(read, given)
        assert read.dtype.isnative
        assert read.flags.c_contiguous
        assert read.flags.writeable


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("feature_names", ("a", "b", "c", datetime.date(2020, 1, 1)), r"feature_names.3 must be of numbers"),
        ("classes", np.array([1 + 2j, 3]), r"classes must be an array of .* got complex128 of shape \(2,\)"),
        ("classes", np.array([object(), 1], object), r"classes.0 must be of numbers"),
        ("arguments", {"shuffle": len}, r"arguments.shuffle must be of numbers"),
    ],
)
def test_what_cannot_be_saved_is_named(field, value, message, tmp_path):
    result = mb.fit(X, INDEX == 1, loss="log_loss", epochs=1)
    with pytest.raises(TypeError, match=message):
        dataclasses.replace(result, **{field: value}).save(tmp_path / "model", state=True)
    assert list(tmp_path.iterdir()) == []


def test_errors_of_paths_and_arguments(tmp_path):
    result = mb.fit(X, NUMBERS, epochs=1)
    with pytest.raises(FileNotFoundError):
        mb.load(tmp_path / "none")
    with pytest.raises(FileNotFoundError):
        result.save(tmp_path / "none" / "model")
    with pytest.raises(OSError):
        mb.load(tmp_path)
    with pytest.raises(OSError):
        result.save(tmp_path)
    with pytest.raises(TypeError, match="state must be a bool"):
        result.save(tmp_path / "model", state=1)
    with pytest.raises(ValueError, match="params must be finite"):
        dataclasses.replace(result, params=result.params | {"coef": np.full(D, np.nan)}).save(
            tmp_path / "model"
        )
    assert list(tmp_path.iterdir()) == []
    result.save(str(tmp_path / "model"))
    assert_same(mb.load(str(tmp_path / "model")).coef, result.coef)


def test_the_same_model_has_the_same_bytes(tmp_path):
    result = mb.fit(X, NUMBERS, optimizer="saga", epochs=3)
    for name in ("one", "two"):
        result.save(tmp_path / name, state=True)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


def test_other_readers_of_safetensors_find_the_arrays(tmp_path):
    safetensors = pytest.importorskip("safetensors.numpy")
    result = mb.fit(X, INDEX, loss="log_loss", standardize=True, epochs=1)
    result.save(tmp_path / "model")
    arrays = safetensors.load_file(tmp_path / "model")
    np.testing.assert_array_equal(arrays["coef"], result.coef)
    np.testing.assert_array_equal(arrays["standardization.mean"], result.standardization.mean)


class DiskFull(OSError):
    pass


@pytest.mark.parametrize("function", ["fsync", "replace"])
def test_a_write_that_fails_leaves_the_old_file(function, tmp_path, monkeypatch):
    old, new = (mb.fit(X, NUMBERS, epochs=n, optimizer="adam") for n in (1, 2))
    path = tmp_path / "model"
    old.save(path)
    before = path.read_bytes()

    def fail(*_):
        raise DiskFull

    monkeypatch.setattr(replacing.os, function, fail)
    with pytest.raises(DiskFull):
        new.save(path)
    monkeypatch.undo()
    assert [file.name for file in tmp_path.iterdir()] == ["model"]
    assert path.read_bytes() == before
    new.save(path)
    assert_same(mb.load(path).coef, new.coef)


@pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="the limit of a file's size is that of Linux"
)
def test_a_disk_that_is_full_leaves_the_old_file(tmp_path):
    path = tmp_path / "model"
    path.write_bytes(b"old")
    code = (
        "import resource, signal, sys, numpy as np, mbgd_rs as mb\n"
        "result = mb.fit(np.ones((4, 5000)), [0.0, 1.0, 2.0, 3.0], optimizer='adam', epochs=1)\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))\n"
        "try: result.save(sys.argv[1])\n"
        "except OSError as error: print(error.strerror)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(path)], capture_output=True, text=True, timeout=100
    )
    assert done.stdout.strip() == "File too large", done.stderr
    assert path.read_bytes() == b"old"
    assert [file.name for file in tmp_path.iterdir()] == ["model"]


@pytest.mark.skipif(os.name != "posix", reason="modes and links are those of POSIX")
def test_modes_and_links_are_kept(tmp_path):
    result = mb.fit(X, NUMBERS, epochs=1)
    before = os.umask(0o027)
    try:
        result.save(tmp_path / "new")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "new").stat().st_mode) == 0o640
    (tmp_path / "new").chmod(0o604)
    (tmp_path / "link").symlink_to("new")
    result.save(tmp_path / "link")
    assert (tmp_path / "link").is_symlink()
    assert stat.S_IMODE((tmp_path / "new").stat().st_mode) == 0o604
    assert_same(mb.load(tmp_path / "link").coef, result.coef)


def test_an_estimator_is_given_back(tmp_path):
    result = mb.fit(X, NUMBERS, optimizer="adam", epochs=1)
    estimator = {
        "class": "Any",
        "params": {"alpha": 0.1, "penalty": mb.penalties.L1(), "class_weight": {"a": 1.0, 3: 2.0}},
        "t_": np.float64(3),
    }
    write_model(tmp_path / "model", result, state=True, estimator=estimator)
    read = read_model(tmp_path / "model")
    assert_same(read.estimator, estimator | {"t_": 3.0})
    assert_same(mb.FitResult(**read.result), result)


DATA = Path(__file__).parent / "data"


def test_a_classifier_of_format_1_is_loaded_and_goes_on():
    """Made by `data/make_model_files.py`, with parameters that it was given."""
    loaded = mb.load(DATA / "classifier_of_format_1.safetensors")
    assert_same(loaded.coef, np.array([[1.5, -2.25, 0.0], [0.5, 0.125, -1.0], [-2.0, 2.0, 3.0]], np.float32))
    assert_same(loaded.intercept, np.array([0.25, 0.5, -0.75], np.float32))
    assert_same(loaded.classes, np.array(["cat", "dog", "ünicorn"]))
    assert loaded.feature_names == ("height", "weight", "age")
    assert loaded.loss_object == mb.losses.LogLoss()
    warmup = schedules.Warmup(schedules.Cosine(0.01, 100), 10)
    assert loaded.arguments["optimizer"] == optimizers.AdamW(warmup, weight_decay=0.5)
    assert loaded.predict([[1, 0, 0], [0, 0, -1], [0, 0, 1]]).tolist() == ["cat", "dog", "ünicorn"]
    rows, y = np.eye(3, dtype=np.float32), loaded.classes
    ended = mb.fit(rows, y, resume=loaded, epochs=3, **loaded.arguments)
    assert ended.n_epochs == 3
    assert np.isfinite(ended.coef).all()


def test_a_regression_of_format_1_is_loaded_and_goes_on():
    """Trained to y = X W + b, from which the numbers here are."""
    loaded = mb.load(DATA / "regression_of_format_1.safetensors")
    np.testing.assert_allclose(loaded.coef, [[1.0, -2.0], [0.5, 3.0]], rtol=1e-3)
    np.testing.assert_allclose(loaded.intercept, [1.0, -1.0], rtol=1e-3)
    assert loaded.loss_object == mb.losses.Huber(epsilon=0.5)
    assert loaded.solver.optimizer == "saga"
    assert loaded.standardization.y_scale > 0
    assert loaded.history.epoch_loss.shape == (loaded.n_epochs,)
    rows = np.random.default_rng(0).standard_normal((40, 2))
    y = rows @ np.array([[1.0, 0.5], [-2.0, 3.0]]) + [1.0, -1.0]
    ended = mb.fit(rows, y, resume=loaded, epochs=3, batch_size=8, **loaded.arguments)
    assert ended.n_epochs == loaded.n_epochs + 3
    np.testing.assert_allclose(ended.coef, [[1.0, -2.0], [0.5, 3.0]], rtol=1e-3)
