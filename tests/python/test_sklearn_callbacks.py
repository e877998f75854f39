"""What is called after each epoch of an estimator, and scikit-learn's own callbacks."""

import itertools

import mbgd_rs as mb
import numpy as np
import pytest
from mbgd_rs.sklearn import MBGDClassifier, MBGDRegressor
from sklearn.base import clone

RNG = np.random.default_rng(3)
X = RNG.normal(size=(200, 4))
OF_THREE = np.argmax(X[:, :3] + 0.3 * RNG.normal(size=(200, 3)), axis=1)
Y = X[:, 0] + 0.1 * RNG.normal(size=200)
LABELS = (X[:, :2] > 0).astype(int)


def test_callbacks_are_called_after_each_epoch_and_can_end_the_fit():
    seen = []
    other = []
    how = {"random_state": 0, "learning_rate": "constant", "tol": None, "max_iter": 10}
    callbacks = [lambda p: seen.append(p) or p.epoch == 4, lambda p: other.append(p.loss)]
    model = MBGDClassifier(callbacks=callbacks, **how).fit(X, OF_THREE)
    assert [p.epoch for p in seen] == [1, 2, 3, 4]
    assert other == model.loss_curve_
    assert isinstance(seen[0], mb.Progress)
    assert model.n_iter_ == 4
    assert model.result_.stop_reason == "callback"
    single = MBGDClassifier(callbacks=callbacks[0], **how)
    assert clone(single).fit(X, OF_THREE).n_iter_ == 4
    single.set_params(callbacks=lambda p: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        single.fit(X, OF_THREE)
    assert not hasattr(single, "coef_")


def test_steps_are_told_to_those_who_ask():
    class Steps:
        def __init__(self, every_steps, last=None):
            self.every_steps, self.last = every_steps, last
            self.wants_params = every_steps == 4
            self.seen = []

        def on_step(self, progress):
            self.seen.append((progress.n_steps, progress.coef is not None))
            return progress.n_steps == self.last

    epochs = []
    how = {"batch_size": 20, "learning_rate": "constant", "max_iter": 3, "tol": None}
    alone = Steps(3)
    MBGDRegressor(callbacks=alone, **how).fit(X, Y)
    assert alone.seen == [(t, False) for t in range(3, 31, 3)]
    four, six = Steps(4), Steps(6, last=18)
    model = MBGDRegressor(callbacks=[four, six, epochs.append], **how).fit(X, Y)
    assert [t for t, _ in four.seen] == [4, 8, 12, 16]
    assert all(has_params for _, has_params in four.seen)
    assert [t for t, _ in six.seen] == [6, 12, 18]
    assert [p.epoch for p in epochs] == [1]
    assert model.t_ == 19


def test_verbose_prints_a_line_for_each_epoch(capsys):
    MBGDRegressor(verbose=1, max_iter=3, tol=None, early_stopping=True, random_state=0).fit(X, Y)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(":")[0] for line in lines] == ["epoch 1", "epoch 2", "epoch 3"]
    for line in lines:
        assert ": loss " in line
        assert "validation loss" in line
        assert ", score " in line
    MBGDRegressor(max_iter=3, tol=None).fit(X, Y)
    assert capsys.readouterr().out == ""


callback = pytest.importorskip("sklearn.callback", reason="scikit-learn has callbacks from 1.9 on")


class Recorder:
    """Writes down all tasks, and asks for the end after some of them."""

    def __init__(self, last=None):
        self.last = last
        self.events = []
        self.scores = []

    def setup(self, estimator, context):
        self.events.append("setup")

    def teardown(self, estimator, context):
        self.events.append("teardown")

    def on_fit_task_begin(self, estimator, context):
        self.events.append(("begin", context.task_name, context.task_id))

    def on_fit_task_end(self, estimator, context, *, X=None, y=None, metadata=None, fitted_estimator=None):
        self.events.append(("end", context.task_name, context.task_id))
        if fitted_estimator is not None:
            self.scores.append(fitted_estimator.score(X, y))
            self.weights = metadata
        return self.last is not None and context.task_name == "epoch" and context.task_id == self.last


def test_every_epoch_is_a_task_of_the_fit():
    recorder = Recorder()
    model = MBGDClassifier(random_state=0, max_iter=3, tol=None).set_callbacks(recorder)
    model.fit(X, OF_THREE, sample_weight=np.ones(200))
    epochs = [[("begin", "epoch", i), ("end", "epoch", i)] for i in range(3)]
    inner = list(itertools.chain.from_iterable(epochs))
    assert recorder.events == ["setup", ("begin", "fit", 0), *inner, ("end", "fit", 0), "teardown"]
    assert recorder.scores[-1] == recorder.scores[-2] == model.score(X, OF_THREE)
    assert recorder.weights["sample_weight"].sum() == 200


@pytest.mark.parametrize("how", [{}, {"loss": "hinge"}, {"loss": "squared_error"}], ids=str)
@pytest.mark.parametrize("y", [OF_THREE > 0, OF_THREE, LABELS], ids=["two", "three", "labels"])
def test_the_estimator_of_an_epoch_is_fitted_and_the_stop_is_honoured(how, y):
    recorder = Recorder(last=1)
    model = MBGDClassifier(random_state=0, **how).set_callbacks(recorder).fit(X, y)
    assert model.n_iter_ == 2
    assert model.result_.stop_reason == "callback"
    assert recorder.scores[1] == recorder.scores[2] == model.score(X, y)
    begun = [event for event in recorder.events if event[0] == "begin"]
    assert len(begun) == 3


def test_a_run_that_converges_ends_the_task_that_it_does_not_need():
    recorder = Recorder()
    model = MBGDRegressor(random_state=0).set_callbacks(recorder).fit(X, Y)
    assert model.result_.stop_reason == "converged"
    assert sum(event[:2] == ("begin", "epoch") for event in recorder.events) == model.n_iter_ + 1
    assert sum(event[:2] == ("end", "epoch") for event in recorder.events) == model.n_iter_ + 1
    assert len(recorder.scores) == model.n_iter_ + 1  # and that of the fit


def test_scoring_monitor():
    monitor = callback.ScoringMonitor(scoring=["accuracy", "neg_log_loss"])
    model = MBGDClassifier(random_state=0, max_iter=4, tol=None).set_callbacks(monitor).fit(X, OF_THREE)
    rows = [row for row in monitor.get_logs().data if row["task_name"] == "epoch"]
    assert [row["task_id"] for row in rows] == [0, 1, 2, 3]
    assert rows[-1]["accuracy"] == model.score(X, OF_THREE)
    assert rows[-1]["neg_log_loss"] > rows[0]["neg_log_loss"]


def test_progress_bar():
    pytest.importorskip("rich", reason="which the bar is drawn with")
    model = MBGDRegressor(random_state=0, max_iter=3).set_callbacks(callback.ProgressBar())
    model.set_params(tol=None).fit(X, Y)
    assert model.n_iter_ == 3


def test_after_an_error_callbacks_are_torn_down_and_nothing_is_left():
    recorder = Recorder()
    model = MBGDRegressor(callbacks=lambda p: 1 / 0).set_callbacks(recorder)
    with pytest.raises(ZeroDivisionError):
        model.fit(X, Y)
    assert recorder.events[-1] == "teardown"
    assert not [name for name in vars(model) if name.startswith("_callback")]
