"""Callbacks and the progress bar."""

import sys

import mbgd_rs as mb
import numpy as np
import pytest

RNG = np.random.default_rng(0)
X = RNG.normal(size=(50, 3))
Y = X[:, 0] + 1


def test_told_after_every_epoch():
    told = []
    result = mb.fit(X, Y, batch_size=10, epochs=4, callback=told.append, record="path")
    assert [p.epoch for p in told] == [1, 2, 3, 4]
    assert [p.n_steps for p in told] == [5, 10, 15, 20]
    np.testing.assert_array_equal([p.loss for p in told], result.history.epoch_loss)
    np.testing.assert_array_equal([p.elapsed for p in told], result.history.epoch_elapsed)
    for p in told:
        assert p.coef.shape == (3,)
        assert np.shape(p.intercept) == ()
        np.testing.assert_array_equal(np.append(p.coef, p.intercept), result.history.path[p.n_steps - 1])
    assert result.stop_reason == "epochs"


def test_shapes_are_those_of_the_result():
    told = []
    result = mb.fit(X, np.arange(50) % 3, loss="log_loss", epochs=1, callback=told.append)
    np.testing.assert_array_equal(told[0].coef, result.coef)
    np.testing.assert_array_equal(told[0].intercept, result.intercept)


def test_it_does_not_change_the_result():
    def callback(progress):
        progress.coef[...] = np.nan

    np.testing.assert_array_equal(mb.fit(X, Y, callback=callback).coef, mb.fit(X, Y).coef)


@pytest.mark.parametrize("answer", [True, np.True_])
def test_true_stops(answer):
    result = mb.fit(X, Y, epochs=9, callback=lambda p: answer if p.epoch == 3 else None)
    assert result.n_epochs == 3
    assert result.stop_reason == "callback"
    assert result.stop_reason is mb.StopReason.CALLBACK
    np.testing.assert_array_equal(result.coef, mb.fit(X, Y, epochs=3).coef)


@pytest.mark.parametrize("kind", [LookupError, KeyboardInterrupt, SystemExit])
def test_exceptions_come_through(kind):
    def callback(progress):
        if progress.epoch == 2:
            raise kind("mine")

    with pytest.raises(kind, match="mine"):
        mb.fit(X, Y, callback=callback)
    assert mb.fit(X, Y).n_epochs == 10


def test_a_fit_within_a_fit():
    inner = []
    mb.fit(X, Y, epochs=2, n_threads=2, callback=lambda p: inner.append(mb.fit(X, Y, n_threads=2)))
    np.testing.assert_array_equal(inner[0].coef, mb.fit(X, Y).coef)


def test_progress_bar(capsys):
    result = mb.fit(X, Y, epochs=3, progress=True)
    assert result.n_epochs == 3
    assert "3/3" in capsys.readouterr().err
    resumed = mb.fit(X, Y, epochs=2, progress=True, resume=result, callback=lambda p: None)
    assert resumed.n_epochs == 5


def test_no_bar_without_tqdm(monkeypatch):
    monkeypatch.setitem(sys.modules, "tqdm", None)
    monkeypatch.setitem(sys.modules, "tqdm.auto", None)
    with pytest.warns(UserWarning, match="tqdm"):
        result = mb.fit(X, Y, epochs=3, progress=True)
    assert result.n_epochs == 3
