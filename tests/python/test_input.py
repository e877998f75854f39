"""What comes in: labels of any kind, several targets, weights, where to start."""

import mbgd_rs as mb
import numpy as np
import pandas as pd
import pytest

RNG = np.random.default_rng(0)
X = RNG.normal(size=(90, 4))


def fit(y, loss="log_loss", **options):
    return mb.fit(X, y, loss=loss, **{"epochs": 20, "optimizer": mb.optimizers.SGD(0.3), **options})


@pytest.mark.parametrize("loss", ["log_loss", "hinge"])
@pytest.mark.parametrize(
    "names",
    [
        np.array([0, 1]),
        np.array([-1, 1], np.int8),
        np.array([3, 200], np.uint8),
        np.array([-(2**62), 2**62]),
        np.array([0.5, 7.25], np.float32),
        np.array([False, True]),
        np.array(["no", "yes"]),
        np.array([b"no", b"yes"]),
        np.array(["no", "yes"], object),
        np.array(["a", "b", "c"]),
        np.array([10, 20, 70]),
        np.array([0.0, 0.25, 1e9]),
        np.array([5, 2**40, 2**41]),
        np.array([-128, 0, 127], np.int8),
        np.array([2**64 - 300, 2**64 - 2, 2**64 - 1], np.uint64),
        np.array([-7, 300, 301], ">i2"),
    ],
    ids=str,
)
def test_labels_of_any_kind(names, loss):
    index = (
        np.argsort(np.argsort(X[:, : len(names)], axis=1), axis=1)[:, 0] if len(names) > 2 else X[:, 0] > 0
    )
    index = index.astype(int)
    result = fit(names[index], loss)
    plain = fit(index, loss)
    assert result.classes.dtype == names.dtype.newbyteorder("=")
    np.testing.assert_array_equal(result.classes, names)
    np.testing.assert_array_equal(result.coef, plain.coef)
    np.testing.assert_array_equal(result.predict(X), names[plain.predict(X)])
    assert result.coef.shape == ((4,) if len(names) == 2 else (3, 4))


def test_pandas_labels():
    words = np.where(X[:, 0] > 0, "up", "down")
    expected = fit(words)
    for y in (pd.Series(words), pd.Categorical(words), pd.Series(words, dtype="category"), list(words)):
        result = fit(y)
        np.testing.assert_array_equal(result.coef, expected.coef)
        assert list(result.classes) == ["down", "up"]


def test_a_column_of_labels_is_a_vector():
    y = (X[:, 0] > 0).astype(int)
    np.testing.assert_array_equal(fit(y[:, None]).coef, fit(y).coef)


def test_probabilities_are_those_of_the_scores():
    y = X[:, 0] > 0
    result = fit(y)
    p = result.predict_proba(X)
    np.testing.assert_allclose(p[:, 1], 1 / (1 + np.exp(-result.decision_function(X))), rtol=1e-12)
    np.testing.assert_allclose(p.sum(axis=1), 1, rtol=1e-12)
    result = fit(np.arange(90) % 3)
    p, z = result.predict_proba(X), result.decision_function(X)
    assert p.shape == z.shape == (90, 3)
    np.testing.assert_allclose(p, np.exp(z) / np.exp(z).sum(axis=1, keepdims=True), rtol=1e-12)
    with pytest.raises((ValueError, AttributeError), match="log_loss"):
        fit(y, "hinge").predict_proba(X)


@pytest.mark.parametrize("k", [1, 3])
def test_several_targets(k):
    y = X @ RNG.normal(size=(4, k))
    result = fit(y, "squared_error")
    assert result.coef.shape == (k, 4)
    assert result.intercept.shape == (k,)
    assert result.predict(X).shape == (90, k)
    each = fit(y[:, 0], "squared_error")
    np.testing.assert_allclose(result.coef[0], each.coef, rtol=1e-12)
    assert each.coef.shape == (4,)
    assert np.shape(each.intercept) == ()
    assert each.predict(X).shape == (90,)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_dtype_of_the_result_is_that_of_X(dtype):
    result = mb.fit(X.astype(dtype), X[:, 0].astype(np.float64), record="path", optimizer="sgd")
    arrays = [result.coef, result.intercept, result.history.path, result.predict(X)]
    assert {a.dtype for a in arrays} == {np.dtype(dtype)}
    assert result.history.epoch_loss.dtype == np.float64
    value, (coef, intercept) = mb.gradient(X.astype(dtype), X[:, 0], result)
    assert isinstance(value, float)
    assert coef.dtype == intercept.dtype == dtype


def test_weights_are_relative():
    y = X[:, 0] + 0.1
    s = RNG.uniform(size=90)
    a, b = (fit(y, "squared_error", sample_weight=w) for w in (s, 8 * s))
    np.testing.assert_allclose(a.coef, b.coef, rtol=1e-12)
    # A weight of zero is as good as no row, when all rows are one batch.
    keep = np.arange(90) % 2 == 0
    c = fit(y, "squared_error", sample_weight=keep, batch_size="full")
    d = mb.fit(X[keep], y[keep], batch_size="full", epochs=20, optimizer=mb.optimizers.SGD(0.3))
    np.testing.assert_allclose(c.coef, d.coef, rtol=1e-10)


def test_init():
    y = X[:, 0] * 2
    start = (np.array([1.0, 2.0, 3.0, 4.0]), 5.0)
    kept = tuple(np.copy(part) for part in start)
    result = mb.fit(X, y, init=start, epochs=1, record="path", batch_size=1)
    assert np.abs(result.history.path[0] - [1, 2, 3, 4, 5]).max() < 1
    np.testing.assert_array_equal(start[0], kept[0])
    again = mb.fit(X, y, init=result, epochs=1)
    np.testing.assert_array_equal(
        again.coef, mb.fit(X, y, init=(result.coef, result.intercept), epochs=1).coef
    )
    still = mb.fit(X, y, init=start, epochs=1, fit_intercept=False)
    assert still.intercept == 5.0
    strided = np.zeros(8)
    strided[::2] = start[0]
    np.testing.assert_array_equal(mb.fit(X, y, init=(strided[::2], 5), epochs=1).coef,
                                  mb.fit(X, y, init=start, epochs=1).coef)  # fmt: skip


def test_names_are_default_instances():
    y = X[:, 0] > 0
    by_name = fit(y, "hinge", penalty="l1", optimizer="adam")
    by_object = fit(y, mb.losses.Hinge(), penalty=mb.penalties.L1(), optimizer=mb.optimizers.Adam())
    np.testing.assert_array_equal(by_name.coef, by_object.coef)


def test_numpy_scalars_are_numbers():
    options = {"batch_size": np.int32(8), "epochs": np.uint8(2), "seed": np.uint64(2**64 - 1),
               "optimizer": mb.optimizers.SGD(np.float32(0.25)), "clip_norm": np.float64(1),
               "n_threads": np.int8(1), "drop_last": np.True_, "fit_intercept": np.bool_(False)}  # fmt: skip
    result = mb.fit(X, X[:, 0], **options)
    assert result.n_steps == 2 * (90 // 8)
    assert result.intercept == 0


@pytest.mark.parametrize("loss", ["squared_error", "log_loss", "hinge"])
def test_gradient_of_chosen_rows(loss):
    y = X[:, 0] if loss == "squared_error" else np.arange(90) % 2
    params = (np.ones(4), 0.5)
    rows = [3, 3, 80, 0]
    value, (coef, intercept) = mb.gradient(X, y, params, rows=rows, loss=loss)
    each = [mb.gradient(X, y, params, rows=[row], loss=loss) for row in rows]
    np.testing.assert_allclose(value, np.mean([e[0] for e in each]))
    np.testing.assert_allclose(coef, np.mean([e[1][0] for e in each], axis=0))
    np.testing.assert_allclose(intercept, np.mean([e[1][1] for e in each]))
    everything = mb.gradient(X, y, params, rows=np.arange(90), loss=loss)
    assert everything[0] == mb.gradient(X, y, params, loss=loss)[0]


def test_gradient_at_a_model_knows_its_classes():
    y = np.where(X[:, 0] > 0, "up", "down")
    model = fit(y)
    ups = y == "up"
    value, _ = mb.gradient(X[ups], y[ups], model, loss="log_loss")
    p = model.predict_proba(X[ups])[:, 1]
    np.testing.assert_allclose(value, -np.log(p).mean(), rtol=1e-10)
    with pytest.raises(ValueError, match="labels among 'down', 'up', got 'sideways' at row 1"):
        mb.gradient(X[:2], ["up", "sideways"], model, loss="log_loss")


def test_labels_unseen_in_the_run_resumed():
    y = np.where(X[:, 0] > 0, "up", "down")
    model = fit(y, optimizer="sgd")
    on = mb.fit(X[y == "up"], y[y == "up"], loss="log_loss", resume=model, epochs=1, optimizer="sgd")
    assert on.classes.tolist() == ["down", "up"]
    with pytest.raises(ValueError, match="y must have labels among 'down', 'up', got 'left' at row 1"):
        mb.fit(X[:2], ["up", "left"], loss="log_loss", resume=model, optimizer="sgd")


@pytest.mark.parametrize("bad", [np.ma.masked_array(X, X > 1), X.astype(str).astype(object)])
def test_neither_masks_nor_strings_are_overlooked(bad):
    with pytest.raises(TypeError, match="X must"):
        mb.fit(bad, X[:, 0])
