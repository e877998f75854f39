"""Checkpoints in folders: whose they are, which are kept, which is resumed, and writes that fail."""

import dataclasses
import os
import pickle
import shutil
import sys

import mbgd_rs as mb
import numpy as np
import pytest
from checkpoint_runs import HOW, STRAIGHT, Leaving, X, Y, file_of, same, steps_in
from mbgd_rs.stopping import MaxSeconds, MaxSteps, NoImprovement, TargetLoss


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
