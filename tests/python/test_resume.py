"""k epochs and then m more are k + m epochs, bit for bit."""

import pickle

import mbgd_rs as mb
import numpy as np
import pytest

RNG = np.random.default_rng(0)
X = RNG.normal(size=(70, 4))
SGD, Adam, S = mb.optimizers.SGD, mb.optimizers.Adam, mb.schedules
OPTIMIZERS = [
    SGD(0.1),
    SGD(0.05, 0.9),
    SGD(S.Cosine(0.1, n_steps=40), 0.9, nesterov=True),
    Adam(S.Warmup(S.InverseScaling(0.1), n_steps=20)),
]
TARGETS = {
    "squared_error": X[:, 0] + 1,
    "log_loss": np.where(X[:, 0] > 0, "yes", "no"),
    "hinge": np.arange(70) % 3,
}


def same(a, b):
    np.testing.assert_array_equal(a.coef, b.coef)
    np.testing.assert_array_equal(a.intercept, b.intercept)
    assert (a.n_steps, a.n_epochs) == (b.n_steps, b.n_epochs)
    assert a.coef.dtype == b.coef.dtype


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("loss", TARGETS)
@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=repr)
@pytest.mark.parametrize("order", [{}, {"shuffle": "once"}, {"replacement": True}, {"drop_last": True}])
def test_resume_is_exact(loss, optimizer, dtype, order):
    options = {"loss": loss, "optimizer": optimizer, "batch_size": 8, "penalty": "elasticnet", **order}
    data = X.astype(dtype), TARGETS[loss]
    whole = mb.fit(*data, epochs=6, **options)
    first = mb.fit(*data, epochs=2, **options)
    middle = mb.fit(*data, epochs=1, resume=pickle.loads(pickle.dumps(first)), **options)
    same(mb.fit(*data, epochs=3, resume=middle, **options), whole)
    # The run resumed is still what it was, and can be resumed again.
    same(mb.fit(*data, epochs=4, resume=first, **options), whole)


def test_history_goes_on():
    options = {"batch_size": 8, "record": ("step", "full_loss", "path")}
    y = TARGETS["squared_error"]
    whole = mb.fit(X, y, epochs=5, **options).history
    history = mb.fit(X, y, epochs=3, resume=mb.fit(X, y, epochs=2, **options), **options).history
    for name in ("epoch_loss", "step_loss", "learning_rate", "gradient_norm", "full_loss", "path"):
        np.testing.assert_array_equal(getattr(history, name), getattr(whole, name), err_msg=name)
    for elapsed in (history.elapsed, history.epoch_elapsed):
        assert (np.diff(elapsed) >= 0).all()


def test_a_stopped_run_goes_on():
    y = TARGETS["log_loss"]
    stopped = mb.fit(X, y, loss="log_loss", epochs=9, callback=lambda p: p.epoch == 4)
    same(mb.fit(X, y, loss="log_loss", epochs=5, resume=stopped), mb.fit(X, y, loss="log_loss", epochs=9))


def test_an_unpickled_model_predicts_and_learns():
    y = TARGETS["log_loss"]
    model = mb.fit(X, y, loss="log_loss", optimizer="adam")
    again = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(again.predict(X), model.predict(X))
    np.testing.assert_array_equal(again.predict_proba(X), model.predict_proba(X))
    assert repr(again) == repr(model)
    assert again.stop_reason is model.stop_reason
    more = mb.fit(X, y, loss="log_loss", optimizer="adam", resume=again)
    assert not np.array_equal(more.coef, model.coef)


def test_what_does_not_fit_is_refused():
    y = TARGETS["squared_error"]
    model = mb.fit(X, y)
    for change, message in (
        ({"X": X[:, :2]}, "resume must.*coef"),
        ({"X": X.astype(np.float32)}, "resume must.*float32"),
        ({"y": np.column_stack([y, y])}, "resume must"),
        ({"loss": "hinge", "y": TARGETS["hinge"]}, "resume must"),
        ({"optimizer": "adam"}, "resume|state|optimizer"),
        ({"init": model}, "init and resume exclude each other"),
    ):
        with pytest.raises(ValueError, match=message):
            mb.fit(**{"X": X, "y": y, "resume": model, **change})


def test_other_batches_from_the_middle_of_an_epoch():
    y = TARGETS["squared_error"]
    with pytest.raises(mb.DivergenceError) as caught:
        mb.fit(X, y, optimizer=SGD(50.0), batch_size=1, epochs=100)
    diverged = caught.value.result
    diverged.state["params"][:] = 0
    result = mb.fit(X, y, batch_size=50, epochs=1, resume=diverged)
    assert np.isfinite(result.coef).all()
    assert np.isfinite(result.history.epoch_loss).all()
