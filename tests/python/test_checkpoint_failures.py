"""Checkpoints that cannot be written, and runs that end otherwise than they should: nothing is lost."""

import os
import subprocess
import sys
from datetime import date

import mbgd_rs as mb
import numpy as np
import pytest
from checkpoint_runs import HOW, STRAIGHT, Leaving, X, Y, file_of, same, steps_in


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
    mb.fit(X, Y, **HOW, epochs=2)
    assert not os.listdir(tmp_path)
