"""Checkpoints in folders: whose they are, which are kept, which is resumed, and writes that fail."""

import dataclasses
import os
import pickle
import shutil
import subprocess
import sys
import warnings
from datetime import date

import mbgd_rs as mb
import numpy as np
import pytest
from mbgd_rs.stopping import MaxSeconds, MaxSteps, NoImprovement, TargetLoss

X = np.random.default_rng(2).normal(size=(96, 3))
Y = X @ [1.0, -2.0, 3.0] + 1
HOW = {"optimizer": mb.optimizers.Adam(0.02), "batch_size": 16}  # 6 steps an epoch
STRAIGHT = mb.fit(X, Y, **HOW, epochs=6)


def steps_in(folder):
    return [int(name[5:17]) for name in sorted(os.listdir(folder)) if name.startswith("step-")]


def file_of(folder, n_steps):
    return folder / f"step-{n_steps:012d}.safetensors"


def same(ours, theirs):
    return (
        ours.coef.tobytes() == theirs.coef.tobytes()
        and ours.n_steps == theirs.n_steps
        and ours.history.epoch_loss.tobytes() == theirs.history.epoch_loss.tobytes()
    )


def cut(path, n=1):
    path.write_bytes(path.read_bytes()[:-n])


# What a checkpoint is


def test_it_is_a_value():
    one = mb.Checkpoint("runs", every="10 minutes", keep=2)
    assert one == mb.Checkpoint("runs", "10 minutes", np.int64(2))
    assert hash(one) == hash(mb.Checkpoint("runs", "10 minutes", 2))
    assert one != mb.Checkpoint("runs", "10 steps", 2)
    assert repr(one) == "Checkpoint(path='runs', every='10 minutes', keep=2)"
    assert pickle.loads(pickle.dumps(one)) == one
    with pytest.raises(dataclasses.FrozenInstanceError):
        one.keep = 4


@pytest.mark.parametrize(
    ("every", "interval"),
    [
        ("epoch", (1, "epochs")),
        ("5 epochs", (5, "epochs")),
        ("1 step", (1, "steps")),
        ("1000 Steps", (1000, "steps")),
        ("0.5 seconds", (0.5, "seconds")),
        (" 10  minutes ", (600, "seconds")),
        ("1.5 hours", (5400, "seconds")),
    ],
)
def test_intervals(every, interval):
    assert mb.Checkpoint("runs", every).interval == interval


BAD = [
    ({"every": 5}, TypeError, r"every must be text with a unit, as 'epoch', .*, got 5"),
    ({"every": "5"}, ValueError, r"every must be a number, .* and a unit, .*, got '5'"),
    ({"every": "fortnight"}, ValueError, r"every must be a number, .*, got 'fortnight'"),
    ({"every": "-1 steps"}, ValueError, r"every must be a number, .*, got '-1 steps'"),
    ({"every": "0 steps"}, ValueError, r"every must be a whole number of steps, >= 1, got '0 steps'"),
    ({"every": "1.5 epochs"}, ValueError, r"every must be a whole number of epochs, >= 1, got '1.5 epochs'"),
    ({"every": "0 seconds"}, ValueError, r"every must be finite and > 0, got '0 seconds'"),
    ({"every": f"{'9' * 400} hours"}, ValueError, r"every must be finite and > 0, got '9+ hours'"),
    (
        {"every": f"{'9' * 400} steps"},
        ValueError,
        r"every must be a whole number of steps, >= 1, got '9+ steps'",
    ),
    ({"keep": 0}, ValueError, r"keep must be >= 1, got 0"),
    ({"keep": 1.5}, TypeError, r"keep must be an integer, got 1.5"),
    ({"path": 3}, TypeError, r"path must be a str or a path, got 3"),
    ({"path": b"runs"}, TypeError, r"path must be a str or a path, got b'runs'"),
    ({"path": ""}, ValueError, r"path must be the name of a folder, got ''"),
]


@pytest.mark.parametrize(("options", "error", "message"), BAD)
def test_what_it_is_not(options, error, message):
    with pytest.raises(error, match=f"^{message}$"):
        mb.Checkpoint(**{"path": "runs", **options})


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (
            {"checkpoint": "runs"},
            TypeError,
            r"checkpoint must be one or several of .*Checkpoint.*, got 'runs'",
        ),
        (
            {"resume": "auto"},
            ValueError,
            r"resume must be a FitResult or a path if there is no checkpoint=.*",
        ),
        ({"resume": 3}, TypeError, r"resume must be a FitResult, a path or 'auto', got int"),
        (
            {"checkpoints": 3},
            TypeError,
            r"fit\(\) has no argument 'checkpoints': did you mean 'checkpoint'\?",
        ),
    ],
)
def test_arguments(arguments, error, message):
    with pytest.raises(error, match=f"^{message}$"):
        mb.fit(X, Y, **arguments)


# Folders


def test_the_last_ones_are_kept_and_other_files_are_left_alone(tmp_path):
    folder = tmp_path / "of" / "runs"
    folder.mkdir(parents=True)
    others = ["step-1.safetensors", "step-000000000001.txt", "notes", ".step-000000000001.safetensors.tmp"]
    for name in others:
        (folder / name).write_text("mine")
    left_by_a_kill = folder / f".step-000000000007.safetensors.{'0a' * 8}.tmp"
    left_by_a_kill.write_text("half")
    for keep, expected in ((1, [36]), (3, [24, 30, 36]), (None, [6, 12, 18, 24, 30, 36])):
        mb.fit(X, Y, **HOW, epochs=6, checkpoint=mb.Checkpoint(folder, keep=keep))
        ours = {file_of(folder, n).name for n in expected}
        assert set(os.listdir(folder)) == ours | set(others)
        for name in ours:
            assert not same(mb.load(folder / name), STRAIGHT) or name == file_of(folder, 36).name
            (folder / name).unlink()


def test_several_in_one_run(tmp_path):
    by_steps = mb.Checkpoint(tmp_path / "steps", "5 steps", keep=None)
    by_epochs = mb.Checkpoint(tmp_path / "epochs", "4 epochs", keep=None)
    by_time = mb.Checkpoint(tmp_path / "seconds", "0.000000001 seconds", keep=2)
    mb.fit(X, Y, **HOW, epochs=6, checkpoint=[by_steps, by_epochs, by_time])
    assert steps_in(tmp_path / "steps") == [5, 10, 15, 20, 25, 30, 35, 36]
    assert steps_in(tmp_path / "epochs") == [24, 36]
    assert steps_in(tmp_path / "seconds") == [35, 36]
    with pytest.raises(ValueError, match="checkpoint must write into different folders, got "):
        mb.fit(X, Y, checkpoint=[by_steps, mb.Checkpoint(tmp_path / "." / "steps")])


def test_a_resumed_run_is_saved_where_it_would_have_been(tmp_path):
    checkpoint = mb.Checkpoint(tmp_path, "5 steps", keep=None)
    mb.fit(X, Y, **HOW, epochs=3, stop=MaxSteps(13), checkpoint=checkpoint)
    assert steps_in(tmp_path) == [5, 10, 13]
    assert same(mb.fit(X, Y, **HOW, epochs=4, resume=tmp_path, checkpoint=checkpoint), STRAIGHT)
    assert steps_in(tmp_path) == [5, 10, 13, 15, 20, 25, 30, 35, 36]


def test_a_folder_belongs_to_one_run(tmp_path):
    checkpoint = mb.Checkpoint(tmp_path)
    first = mb.fit(X, Y, **HOW, epochs=2, checkpoint=checkpoint)
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    refused = (
        r"checkpoint must write into a folder without checkpoints of another run, got .* with step-0+12\..*"
    )
    other = mb.fit(X, Y, **HOW, seed=1, epochs=2)
    older = file_of(tmp_path, 6)
    for resume in (None, other, older):
        seed = 1 if resume is other else 0
        with pytest.raises(ValueError, match=refused):
            mb.fit(X, Y, **HOW, epochs=1, seed=seed, resume=resume, checkpoint=checkpoint)
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before
    # A run that is gone on with may, however it was given.
    for n_epochs, resume in enumerate((first, file_of(tmp_path, 18), tmp_path, str(tmp_path)), start=3):
        result = mb.fit(X, Y, **HOW, epochs=1, resume=resume, checkpoint=checkpoint)
        assert result.n_epochs == n_epochs
    assert same(result, STRAIGHT)
    elsewhere = mb.Checkpoint(tmp_path / "branch")
    mb.fit(X, Y, **HOW, epochs=1, resume=file_of(tmp_path, 24), checkpoint=elsewhere)
    assert steps_in(tmp_path / "branch") == [30]


def test_folders_are_found_again_from_another_place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "elsewhere").mkdir()
    checkpoint = mb.Checkpoint("runs")
    mb.fit(X, Y, **HOW, epochs=2, checkpoint=checkpoint, callback=lambda _: os.chdir(tmp_path / "elsewhere"))
    assert steps_in(tmp_path / "runs") == [6, 12]


# What is resumed


def test_nothing_to_resume(tmp_path):
    with pytest.raises(FileNotFoundError, match="resume must be a folder or a file that is there"):
        mb.fit(X, Y, resume=tmp_path / "nowhere")
    (tmp_path / "notes").write_text("mine")
    with pytest.raises(
        ValueError, match=r"resume must be a folder with checkpoints, .* resume='auto' begins"
    ):
        mb.fit(X, Y, resume=tmp_path)
    with pytest.raises(ValueError, match="notes must be a model file, as save writes it"):
        mb.fit(X, Y, resume=tmp_path / "notes")
    STRAIGHT.save(tmp_path / "model")
    with pytest.raises(ValueError, match=r"resume must be a run with its state, got .*model without"):
        mb.fit(X, Y, resume=tmp_path / "model")
    pytest.importorskip("sklearn")
    mb.MBGDRegressor().fit(X, Y).save(tmp_path / "estimator", state=True)
    with pytest.raises(ValueError, match=r"resume must be a file of a FitResult, got .* of an estimator"):
        mb.fit(X, Y, resume=tmp_path / "estimator")


def test_a_damaged_checkpoint_is_passed_over(tmp_path):
    checkpoint = mb.Checkpoint(tmp_path, keep=None)
    mb.fit(X, Y, **HOW, epochs=3, checkpoint=checkpoint)
    cut(file_of(tmp_path, 18))
    with pytest.raises(ValueError, match=r"step-0+18\.safetensors must be a model file"):
        mb.fit(X, Y, **HOW, resume=file_of(tmp_path, 18))
    shutil.copytree(tmp_path, tmp_path / "copy")
    for resume, n_epochs in (("auto", 6), (tmp_path / "copy", 4)):
        place = checkpoint if resume == "auto" else mb.Checkpoint(resume, keep=2)
        with pytest.warns(UserWarning, match="an older checkpoint is resumed: .*18.safetensors must be"):
            assert same(mb.fit(X, Y, **HOW, epochs=n_epochs, resume=resume, checkpoint=place), STRAIGHT)
    assert steps_in(tmp_path / "copy") == [30, 36]
    assert mb.load(file_of(tmp_path, 18)).n_steps == 18
    for path in tmp_path.glob("step-*"):
        cut(path, 50)
    with pytest.raises(ValueError, match="resume must be a folder with a whole checkpoint, got none: "):
        mb.fit(X, Y, **HOW, epochs=6, resume="auto", checkpoint=checkpoint)


def test_the_same_call_again(tmp_path):
    """Begun again by the same call a run goes on, until it has ended; then its result is given back."""
    how = {**HOW, "epochs": 6, "resume": "auto", "checkpoint": mb.Checkpoint(tmp_path)}
    start = {"init": (np.zeros(3), 0.0)}  # only where it begins
    for n_epochs in range(1, 6):
        with pytest.raises(SystemExit) as caught:
            mb.fit(X, Y, **how, **start, callback=lambda progress: sys.exit(3))
        assert caught.value.result.n_epochs == n_epochs
        assert mb.load(file_of(tmp_path, 6 * n_epochs)).stop_reason == "interrupted"
    assert same(mb.fit(X, Y, **how, **start), STRAIGHT)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    again = mb.fit(X, Y, **how, callback=lambda progress: pytest.fail("it has ended"))
    assert same(again, STRAIGHT)
    assert again.stop_reason == "epochs"
    assert again.arguments == STRAIGHT.arguments
    assert before == {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    with pytest.raises(ValueError, match="resume must be a run with seed=1"):
        mb.fit(X, Y, **how, seed=1)
    assert mb.fit(X, Y, **{**how, "epochs": 8}).n_epochs == 8
    with pytest.raises(ValueError, match="init and resume exclude each other"):
        mb.fit(X, Y, **HOW, **start, resume=tmp_path)


RULES = {
    "no improvement": (NoImprovement(patience=2, tol=1e9), True),
    "target": (TargetLoss(1e9), True),
    "steps": (MaxSteps(8), True),
    "time": (MaxSeconds(1e-9), False),
}


@pytest.mark.parametrize("rule", RULES)
def test_rules_of_the_same_call(rule, tmp_path):
    """What a rule has ended stays so, but for a limit of time, which is one of each call."""
    rule, is_over = RULES[rule]
    straight = mb.fit(X, Y, **HOW, epochs=6, stop=rule)
    how = {**HOW, "epochs": 6, "resume": "auto", "checkpoint": mb.Checkpoint(tmp_path)}
    first = mb.fit(X, Y, **how, stop=rule)
    assert (first.stop_reason, first.n_steps) == (straight.stop_reason, straight.n_steps)
    second = mb.fit(X, Y, **how, stop=rule)
    assert (second.n_steps == first.n_steps) is is_over
    if is_over:
        how["checkpoint"] = mb.Checkpoint(tmp_path / "interrupted")
        with pytest.raises(SystemExit):
            mb.fit(X, Y, **how, stop=rule, callback=Leaving(5))
        assert same(mb.fit(X, Y, **how, stop=rule), straight)


@dataclasses.dataclass
class Leaving:
    """Leaves after so many steps."""

    n_steps: int

    def on_step(self, progress):
        if progress.n_steps == self.n_steps:
            sys.exit()


def test_a_callback_that_ends_a_run_has_ended_it(tmp_path):
    how = {**HOW, "epochs": 6, "resume": "auto", "checkpoint": mb.Checkpoint(tmp_path)}
    first = mb.fit(X, Y, **how, callback=lambda progress: progress.epoch == 2)
    assert (first.n_epochs, mb.fit(X, Y, **how).n_epochs, mb.fit(X, Y, **how).stop_reason) == (
        2,
        2,
        "callback",
    )
    assert same(mb.fit(X, Y, **HOW, epochs=4, resume=tmp_path), STRAIGHT)


def test_by_defaults(tmp_path):
    """The optimizer, the epochs and the size of batches may all be "auto"."""
    labels = Y > 0
    how = {"loss": "log_loss", "penalty": "l2"}
    straight = mb.fit(X, labels, **how)
    checkpoint = mb.Checkpoint(tmp_path, "3 steps")
    with pytest.raises(SystemExit):
        mb.fit(
            X, labels, **how, resume="auto", checkpoint=checkpoint, callback=Leaving(straight.n_steps // 2)
        )
    ended = mb.fit(X, labels, **how, resume="auto", checkpoint=checkpoint)
    assert same(ended, straight)
    assert ended.stop_reason == straight.stop_reason == "converged"
    assert same(mb.fit(X, labels, **how, resume="auto", checkpoint=checkpoint), straight)


def test_with_everything_that_watches(tmp_path, capsys):
    seen = []
    how = {
        **HOW,
        "epochs": 6,
        "validation": 0.25,
        "stop": NoImprovement("validation_loss", restore_best=True),
    }
    straight = mb.fit(X, Y, **how)
    watchers = [seen.append, mb.callbacks.LogDict(), Leaving(-1)]
    how |= {"checkpoint": mb.Checkpoint(tmp_path, "4 steps"), "metrics": {"r": lambda a, b: 0.5}}
    result = mb.fit(X, Y, **how, progress=True, verbose=1, callback=watchers)
    assert same(result, straight)
    assert len(seen) == 6
    loaded = mb.load(file_of(tmp_path, 28))
    assert loaded.history.metrics["r"].tolist() == [0.5] * loaded.n_epochs
    assert loaded.best_epoch == loaded.n_epochs
    assert capsys.readouterr()


# Failures


def failing_at(monkeypatch, n, error):
    """os.replace fails when it is called for the n-th time, and from then on; a list of all calls."""
    calls, replace = [], os.replace

    def fail(*names):
        calls.append(names)
        if len(calls) >= n:
            raise error
        replace(*names)

    monkeypatch.setattr("os.replace", fail)
    return calls


def test_a_write_that_fails_ends_the_run_with_all_that_was_done(tmp_path, monkeypatch):
    calls = failing_at(monkeypatch, 3, OSError(28, "No space left on device"))
    with pytest.raises(OSError, match="No space left") as caught:
        mb.fit(X, Y, **HOW, epochs=6, checkpoint=mb.Checkpoint(tmp_path, "4 steps"))
    assert len(calls) == 3  # not tried once more
    result = caught.value.result
    assert (result.n_steps, result.stop_reason) == (12, "interrupted")
    monkeypatch.undo()
    assert sorted(os.listdir(tmp_path)) == [file_of(tmp_path, n).name for n in (4, 8)]
    assert same(mb.fit(X, Y, **HOW, epochs=4, resume=result), STRAIGHT)
    assert same(mb.fit(X, Y, **HOW, epochs=6, resume="auto", checkpoint=mb.Checkpoint(tmp_path)), STRAIGHT)


def test_the_last_write_fails(tmp_path, monkeypatch):
    failing_at(monkeypatch, 6, OSError("gone"))
    with pytest.raises(OSError, match="gone") as caught:
        mb.fit(X, Y, **HOW, epochs=6, checkpoint=mb.Checkpoint(tmp_path))
    assert same(caught.value.result, STRAIGHT)
    assert caught.value.result.stop_reason == "epochs"


def test_a_write_fails_after_another_exception(tmp_path, monkeypatch):
    failing_at(monkeypatch, 1, OSError("gone"))
    with pytest.raises(SystemExit) as caught:
        mb.fit(X, Y, **HOW, checkpoint=mb.Checkpoint(tmp_path), callback=Leaving(3))
    assert caught.value.__notes__ == ["the run could not be saved: OSError: gone"]
    assert caught.value.result.n_steps == 3


@pytest.mark.skipif(not hasattr(os, "fork"), reason="limits the size of files")
def test_a_full_disk(tmp_path):
    script = f"""
import resource, sys
import mbgd_rs as mb, numpy as np
X = np.random.default_rng(0).normal(size=(100, 3))
checkpoint = mb.Checkpoint({str(tmp_path)!r}, keep=None)
how = dict(optimizer="adam", batch_size=10, record="step", checkpoint=checkpoint)
mb.fit(X, X[:, 0], epochs=1, optimizer="adam")
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
try:
    mb.fit(X, X[:, 0], epochs=1000, **how)
except OSError as error:
    print(error.errno, error.result.n_epochs)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stderr
    number, n_epochs = map(int, done.stdout.split())
    assert number == 27  # EFBIG
    assert 1 < n_epochs < 1000
    assert steps_in(tmp_path) == [10 * epoch for epoch in range(1, n_epochs)]
    assert len(os.listdir(tmp_path)) == n_epochs - 1
    assert mb.load(file_of(tmp_path, 10 * (n_epochs - 1))).n_epochs == n_epochs - 1


def test_a_run_that_diverges_leaves_the_checkpoints_before(tmp_path):
    how = {"optimizer": mb.optimizers.SGD(3.0), "batch_size": 16, "epochs": 500}
    with pytest.raises(mb.DivergenceError) as caught:
        mb.fit(X, Y, **how, checkpoint=mb.Checkpoint(tmp_path, "1 step"))
    last = steps_in(tmp_path)[-1]
    assert caught.value.step - 2 <= last <= caught.value.step
    with pytest.raises(mb.DivergenceError) as again:
        mb.fit(X, Y, **how, checkpoint=mb.Checkpoint(tmp_path), resume="auto")
    assert again.value.step == caught.value.step


def test_what_a_file_cannot_have_is_refused_before_there_is_anything_to_lose(tmp_path):
    labels = np.array([date(2020, 1, 1), date(2020, 1, 2)], object)[(Y > 0).astype(int)]
    with pytest.raises(TypeError, match=r"classes.* must be of numbers, text, .* to be saved"):
        mb.fit(X, labels, loss="log_loss", checkpoint=mb.Checkpoint(tmp_path), callback=pytest.fail)


def test_not_finite_rows_are_shown_to_nobody(tmp_path):
    rows = np.random.default_rng(0).normal(size=(80_000, 2))
    rows[79_990, 1] = np.nan
    for every in ("1 step", "0.000001 seconds", "epoch"):
        with pytest.raises(ValueError, match="X must be finite, got NaN at row 79990, column 1"):
            mb.fit(rows, rows[:, 0], optimizer="sgd", checkpoint=mb.Checkpoint(tmp_path, every))
        assert not steps_in(tmp_path)


def test_nothing_is_written_without(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        mb.fit(X, Y, **HOW, epochs=2)
    assert not os.listdir(tmp_path)
