"""`minimize` as a run: stopped, judged, resumed, interrupted, drawn."""

import copy
import pickle

import matplotlib as mpl
import mbgd_rs as mb
import numpy as np
import pytest
from mbgd_rs import batch_sizes, optimizers, sampling, stopping

RNG = np.random.default_rng(0)
X = RNG.normal(size=(50, 4))
Y = X @ RNG.normal(size=4) + RNG.normal(size=50)


def squared_error(w, X_b, y_b):
    error = X_b @ w["coef"] + w["intercept"] - y_b
    return float((error**2).mean() / 2), {"coef": X_b.T @ error / len(y_b), "intercept": error.mean()}


def start():
    return {"coef": np.zeros(4), "intercept": np.zeros(())}


def flat(result):
    return np.append(result.params["coef"], result.params["intercept"])


HOW = {
    "adam": {"optimizer": "adam", "batch_size": 8},
    "momentum": {"optimizer": optimizers.SGD(0.02, momentum=0.9), "batch_size": 7, "drop_last": True},
    "schedule-free": {"optimizer": optimizers.ScheduleFreeSGD(0.1), "batch_size": 8},
    "plateau": {"optimizer": optimizers.SGD(mb.schedules.Plateau(0.1, n_iter_no_change=1)), "batch_size": 8},
    "growing": {"optimizer": "adam", "batch_size": batch_sizes.Growing(4, 2.0)},
    "weighted": {"optimizer": "adam", "batch_size": 8, "shuffle": sampling.Weighted(np.arange(50.0))},
    "judged": {"optimizer": "adam", "batch_size": 8, "validation": 0.2},
}


@pytest.mark.parametrize("n_steps", [None, 3, 10])
@pytest.mark.parametrize("kind", HOW)
def test_k_epochs_and_then_m_are_k_plus_m(kind, n_steps):
    how = HOW[kind]
    whole = mb.minimize(squared_error, start(), X, Y, epochs=7, **how)
    stop = None if n_steps is None else stopping.MaxSteps(n_steps)
    part = mb.minimize(squared_error, start(), X, Y, epochs=3, stop=stop, **how)
    part = pickle.loads(pickle.dumps(part))
    later = mb.minimize(squared_error, start(), X, Y, epochs=7 - part.n_epochs, resume=part, **how)
    np.testing.assert_array_equal(flat(later), flat(whole))
    assert (
        (later.n_steps, later.n_epochs)
        == (whole.n_steps, whole.n_epochs)
        == (later.history.step_loss.size, 7)
    )
    for name in ("step_loss", "epoch_loss", "validation_loss"):
        np.testing.assert_array_equal(getattr(later.history, name), getattr(whole.history, name))
    assert (np.diff(later.history.elapsed) >= 0).all()


def test_rules_go_on_with_what_they_have_seen():
    rule = stopping.NoImprovement("validation_loss", tol=0.01, patience=4, restore_best=True)
    how = {**HOW["adam"], "validation": (X[:20] + 1, Y[:20]), "stop": rule}
    whole = mb.minimize(squared_error, start(), X, Y, epochs=400, **how)
    assert whole.stop_reason == "no_improvement"
    part = mb.minimize(squared_error, start(), X, Y, epochs=whole.n_epochs - 2, **how)
    later = mb.minimize(squared_error, start(), X, Y, epochs=400, resume=part, **how)
    assert (later.n_epochs, later.best_epoch) == (whole.n_epochs, whole.best_epoch)
    np.testing.assert_array_equal(flat(later), flat(whole))
    best = 1 + int(np.argmin(whole.history.validation_loss))
    assert whole.best_epoch == best
    assert squared_error(whole.params, X[:20] + 1, Y[:20])[0] == whole.history.validation_loss[best - 1]


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError])
@pytest.mark.parametrize("where", ["fun", "callback"])
def test_what_ends_a_run_from_outside_leaves_the_run_so_far(where, error):
    n_calls = 0

    def fun(*args):
        nonlocal n_calls
        n_calls += 1
        if where == "fun" and n_calls == 18:
            raise error
        return squared_error(*args)

    def callback(progress):
        if where == "callback" and progress.epoch == 2:
            raise error

    how = HOW["adam"]
    with pytest.raises(error) as raised:
        mb.minimize(fun, start(), X, Y, epochs=5, callback=callback, **how)
    part = raised.value.result
    assert part.stop_reason == "interrupted"
    assert part.n_steps == (17 if where == "fun" else 14)
    n_calls = 100
    later = mb.minimize(squared_error, start(), X, Y, epochs=5 - part.n_epochs, resume=part, **how)
    np.testing.assert_array_equal(
        flat(later), flat(mb.minimize(squared_error, start(), X, Y, epochs=5, **how))
    )


def test_a_step_that_was_cut_off_is_not_resumed():
    def step(self, state, params, grad):
        if state.n_steps == 3:
            raise KeyboardInterrupt
        optimizers.SGD.step(self, state, params, grad)

    cut = type("SGD", (optimizers.SGD,), {"step": step})(0.1)
    with pytest.raises(KeyboardInterrupt) as raised:
        mb.minimize(squared_error, start(), X, Y, optimizer=cut, batch_size=8)
    assert raised.value.result.state is None
    with pytest.raises(ValueError, match="resume must be a run that ended between two steps"):
        mb.minimize(squared_error, start(), X, Y, resume=raised.value.result)


def test_defaults_and_bad_arguments():
    result = mb.minimize(lambda w, x: (float((w**2).sum()), 2 * w), np.ones(2), np.ones((600, 1)), epochs=1)
    assert result.n_steps == 3  # of 256 rows
    with pytest.raises(ValueError, match="X must have at least 1 dimension, got a scalar"):
        mb.minimize(squared_error, start(), X=0.5)
    with pytest.raises(ValueError, match="monitor must be one of 'loss', got 'validation_loss'"):
        mb.minimize(squared_error, start(), X, Y, stop=stopping.NoImprovement("validation_loss"))
    with pytest.raises(TypeError, match="resume must be a MinimizeResult, got FitResult"):
        mb.minimize(squared_error, start(), X, Y, resume=mb.fit(X, Y))
    with pytest.raises(ValueError, match="params must have the structure and the shapes"):
        mb.minimize(squared_error, [np.zeros(3)], X, Y, resume=mb.minimize(squared_error, start(), X, Y))
    with pytest.raises(ValueError, match=r"validation must have 2 array\(s\)"):
        mb.minimize(squared_error, start(), X, Y, validation=(X,))
    only = mb.minimize(squared_error, start(), X, Y, callback=lambda progress: progress.loss, epochs=2)
    assert only.n_epochs == 2
    ended = mb.minimize(squared_error, start(), X, Y, callback=lambda progress: True, epochs=2)
    assert (ended.n_epochs, ended.stop_reason) == (1, "callback")


def test_a_result_is_short_and_can_be_drawn():
    mpl.use("Agg")
    how = {"validation": 0.2, "epochs": 4}
    many = mb.minimize(lambda w, x: (float((w**2).mean()), 2 * w / w.size), np.ones(100_000), X, **how)
    assert len(repr(many)) < 200
    assert "100000 numbers in 1 array(s)" in repr(many)
    fitted = mb.fit(X, Y, **how, metrics={"bias": lambda t, p: np.mean(p - t)}, record="full_loss")
    for result in (many, fitted):
        assert result.stop_reason.prose in result._repr_html_()
        assert "(4,)" in result.history._repr_html_()
        ax = result.plot()
        lines = {line.get_label(): line.get_ydata() for line in ax.get_lines()}
        np.testing.assert_array_equal(lines["training"], result.history.epoch_loss)
        np.testing.assert_array_equal(lines["validation"], result.history.validation_loss)
    assert mb.plotting.training_curves(fitted, ax=ax) is ax
    right = fitted.plot().figure.axes[1]
    np.testing.assert_array_equal(right.get_lines()[0].get_ydata(), fitted.history.metrics["bias"])


def test_a_history_becomes_a_data_frame():
    pd = pytest.importorskip("pandas")
    how = {
        "optimizer": optimizers.SGD(0.1),
        "batch_size": 10,
        "epochs": 3,
        "metrics": {"m": lambda t, p: 2.0},
    }
    frame = pd.DataFrame(mb.fit(X, Y, validation=0.2, **how).history.to_dict())
    names = "epoch epoch_loss epoch_elapsed epoch_steps validation_loss batch_size m"
    assert list(frame.columns) == names.split()
    assert frame["epoch"].tolist() == [1, 2, 3]
    history = mb.fit(X, Y, record=("step", "full_loss", "path"), **how).history
    by_step = pd.DataFrame(history.to_dict("step"))
    assert len(by_step) == 15
    np.testing.assert_array_equal(by_step["step_loss"], history.step_loss)
    np.testing.assert_array_equal(by_step["path_4"], history.path[:, 4])
    assert "full_loss" in by_step
    assert "full_loss" not in history.to_dict()
    assert copy.deepcopy(history).to_dict()["m"].tolist() == [2.0] * 3
    with pytest.raises(ValueError, match="by must be 'epoch' or 'step', got 'row'"):
        history.to_dict("row")
