"""Checkpoints of runs on sources, which are runs on one window of the rows after the other."""

import os
import shutil
import sys

import mbgd_rs as mb
import numpy as np
import pytest
from checkpoint_runs import file_of, steps_in
from mbgd_rs.sampling import Block
from mbgd_rs.sources import Arrays
from mbgd_rs.stopping import MaxSteps, NoImprovement
from scipy.sparse import csr_matrix, random_array

RNG = np.random.default_rng(8)
N, D = 503, 6
X = RNG.normal(size=(N, D))
Y = X @ RNG.normal(size=D) + RNG.normal(size=N)
WIDE = csr_matrix(random_array((N, 900), density=0.01, rng=RNG, format="csr"))
SGD = mb.optimizers.SGD(0.02, momentum=0.5)
PATIENT = NoImprovement("validation_loss", patience=99, restore_best=True)
JUDGED = {"validation": (X[:50], Y[:50]), "stop": PATIENT}
CASES = {
    "streaks": (X, {"optimizer": SGD, "batch_size": 3}),
    "in order, Adam": (X, {"optimizer": mb.optimizers.Adam(0.01), "batch_size": 20, "shuffle": False}),
    "lazy": (WIDE, {"optimizer": mb.optimizers.FTRL(0.1, l1=0.01), "batch_size": 20}),
    "averaged, accumulated": (X, {"optimizer": SGD, "batch_size": 7, "average": "polyak", "accumulate": 3}),
    "best model": (X, {"optimizer": SGD, "batch_size": 20, **JUDGED}),
    "metrics, records": (
        X,
        {
            "optimizer": SGD,
            "batch_size": 20,
            "record": "step",
            "validation": (X[:50], Y[:50]),
            "metrics": {"error": lambda a, b: abs(a - b).mean()},
        },
    ),
}


def arguments_of(case):
    rows, how = CASES[case]
    return {"X": Arrays(rows, Y, rows=40), "shuffle": Block(window=3), "seed": 2, "epochs": 3, **how}


def assert_same(ours, theirs):
    assert ours.coef.tobytes() == theirs.coef.tobytes()
    for name in ("n_steps", "n_epochs", "best_epoch", "stop_reason"):
        assert getattr(ours, name) == getattr(theirs, name), name
    for name in ("params", "n_averaged", "epoch", "step", "loss_sum"):
        assert np.array_equal(ours.state[name], theirs.state[name]), name
    assert all(map(np.array_equal, ours.state["memory"], theirs.state["memory"]))
    for name in ("epoch_loss", "validation_loss", "step_loss", "learning_rate", "epoch_steps"):
        np.testing.assert_array_equal(getattr(ours.history, name), getattr(theirs.history, name), name)
    for name, values in theirs.history.metrics.items():
        np.testing.assert_array_equal(ours.history.metrics[name], values)
    assert (np.diff(ours.history.epoch_elapsed) >= 0).all()


@pytest.mark.parametrize("case", CASES)
def test_to_the_bit(case, tmp_path):
    how = arguments_of(case)
    straight = mb.fit(**how)
    every_step = mb.Checkpoint(tmp_path / "steps", "1 step", keep=None)
    every_epoch = mb.Checkpoint(tmp_path / "epochs", keep=None)
    assert_same(mb.fit(**how, checkpoint=[every_step, every_epoch]), straight)
    n = straight.n_steps
    assert steps_in(tmp_path / "steps") == list(range(1, n + 1))
    assert steps_in(tmp_path / "epochs") == straight.history.epoch_steps.tolist()
    per_epoch = n // 3
    for n_steps in sorted({1, 7, n // 4, per_epoch - 1, per_epoch, per_epoch + 1, n // 2, n - 1, n}):
        folder = tmp_path / str(n_steps)
        folder.mkdir()
        file = file_of(tmp_path / "steps", n_steps)
        loaded = mb.load(file)
        assert loaded.n_steps == n_steps
        assert loaded.stop_reason == ("epochs" if n_steps == n else "interrupted")
        shutil.copy(file, folder)
        assert_same(mb.fit(**how, resume="auto", checkpoint=mb.Checkpoint(folder)), straight)
        left = {**how, "epochs": 3 - loaded.n_epochs}
        if n_steps < n:
            assert_same(mb.fit(**left, resume=file), straight)


def test_a_run_that_is_cut_again_and_again(tmp_path):
    how = {**arguments_of("in order, Adam"), "checkpoint": mb.Checkpoint(tmp_path, "2 epochs")}
    straight = mb.fit(**arguments_of("in order, Adam"))

    class Leaving:
        every_steps = 10

        def on_step(self, progress):
            sys.exit()

    for n_steps in range(10, straight.n_steps, 10):
        with pytest.raises(SystemExit) as caught:
            mb.fit(**how, resume="auto", callback=Leaving())
        assert steps_in(tmp_path)[-1] == caught.value.result.n_steps == n_steps
    assert_same(mb.fit(**how, resume="auto", callback=Leaving()), straight)
    assert mb.fit(**how, resume="auto").n_steps == straight.n_steps
    stopped = mb.fit(**{**how, "checkpoint": mb.Checkpoint(tmp_path / "stopped")}, stop=MaxSteps(31))
    assert (stopped.n_steps, stopped.stop_reason) == (31, "max_steps")
    assert steps_in(tmp_path / "stopped") == [26, 31]


def test_by_seconds(tmp_path):
    how = arguments_of("streaks")
    straight = mb.fit(**how)
    often = mb.Checkpoint(tmp_path / "often", "0.000001 seconds", keep=None)
    assert_same(mb.fit(**how, checkpoint=[often, mb.Checkpoint(tmp_path / "seldom", "1 hour")]), straight)
    assert len(steps_in(tmp_path / "often")) > 3
    assert steps_in(tmp_path / "seldom") == [straight.n_steps]


@pytest.mark.parametrize("n", [1, 5, 78])
def test_a_write_that_fails(n, tmp_path, monkeypatch):
    """At the first step, later, and after the last one."""
    how = arguments_of("lazy")
    straight = mb.fit(**how)
    replace, calls = os.replace, []

    def fail(*names):
        calls.append(names)
        if len(calls) == n:
            raise OSError("gone")
        replace(*names)

    with monkeypatch.context() as patched:
        patched.setattr("os.replace", fail)
        with pytest.raises(OSError, match="gone") as caught:
            mb.fit(**how, checkpoint=mb.Checkpoint(tmp_path, "1 step", keep=None))
    assert len(calls) == n
    assert caught.value.result.n_steps == n
    assert steps_in(tmp_path) == list(range(1, n))
    assert_same(mb.fit(**how, resume="auto", checkpoint=mb.Checkpoint(tmp_path)), straight)
