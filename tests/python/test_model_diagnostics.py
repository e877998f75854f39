"""Instruments that look at a point, or compare runs, of every model: against gradients of single rows."""

import mbgd_rs as mb
import numpy as np
import pytest
from mbgd_rs import diagnostics
from mbgd_rs.models import MLP, FactorizationMachine
from model_cases import ADAM, BEYOND, MODELS, TARGETS, D, N, X, Z, flat, n_outputs, rows_of

Y = Z[:, 0]
HOW = {"loss": "squared_error", "penalty": mb.penalties.L2(0.1)}


def of_models(test):
    return pytest.mark.parametrize("model", MODELS.values(), ids=MODELS)(test)


def of_others(test):
    return pytest.mark.parametrize("model", BEYOND.values(), ids=BEYOND)(test)


def gradient_at(model, rows, y, w, k, is_vector, numbers=None, **how):
    """The gradient over some rows, as one vector."""
    params = model.split(w, D, k, is_vector)
    _, gradient = mb.gradient(rows, y, params, model=model, rows=numbers, **how)
    return model.join(gradient, D, k)


def of_rows(model, rows, y, w, k, is_vector, **how):
    return np.array([gradient_at(model, rows, y, w, k, is_vector, [i], **how) for i in range(N)])


@of_models
@pytest.mark.parametrize("name", ["number", "numbers", "classes", "two classes", "labels"])
@pytest.mark.parametrize("kind", ["float64", "sparse"])
def test_the_noise_is_that_of_the_gradients_of_rows(kind, name, model):
    (y, loss), (k, is_vector), rows = TARGETS[name], n_outputs(name), rows_of(kind)
    how = {"loss": loss, "sample_weight": np.linspace(0, 2, N)}
    w = np.random.default_rng(2).normal(size=sum(model.size(D, k))) / 2
    at = model.split(w, D, k, is_vector)
    noise = diagnostics.gradient_noise(rows, y, at, model=model, batch_sizes=[1, 9, N], n_draws=400, **how)
    each = of_rows(model, rows, y, w, k, is_vector, **how)
    g = each.mean(axis=0)
    trace = ((each - g) ** 2).sum(axis=1).mean()
    assert noise.trace == pytest.approx(trace, rel=1e-9)
    assert noise.squared_norm == pytest.approx(g @ g, rel=1e-9)
    expected = trace / np.array([1, 9, N]) * (N - np.array([1, 9, N])) / (N - 1)
    low, high = noise.variance_interval.T
    assert ((low <= expected) & (expected <= high))[:2].sum() >= 1
    np.testing.assert_allclose(noise.variance, expected, rtol=0.3, atol=1e-12)


@of_models
def test_a_result_is_where_it_ended_and_says_which_model(model):
    result = mb.fit(X, Y, model=model, optimizer=ADAM, epochs=3)
    for instrument in (diagnostics.gradient_noise, diagnostics.gradient_bias, diagnostics.gradient_angles):
        one = instrument(X, Y, result, batch_sizes=[8], n_draws=20, **HOW)
        for at in (result.params, tuple(result.params.values())):
            other = instrument(X, Y, at, model=model, batch_sizes=[8], n_draws=20, **HOW)
            assert repr(one) == repr(other)
        begun = mb.fit(X, Y, model=model, optimizer=ADAM, epochs=0, seed=4)
        at_start = instrument(X, Y, begun, batch_sizes=[8], n_draws=20, seed=4, **HOW)
        default = instrument(X, Y, model=model, batch_sizes=[8], n_draws=20, seed=4, **HOW)
        assert repr(at_start) == repr(default)


@of_models
def test_angles_are_those_of_gradients(model):
    w = np.random.default_rng(5).normal(size=sum(model.size(D, 1)))
    at = model.split(w, D, 1, True)
    found = diagnostics.gradient_angles(X, Y, at, model=model, batch_sizes=[N // 2], n_draws=7, seed=3, **HOW)
    # A pair has all rows between its batches, so that the two gradients are 2 G apart around their mean.
    G = gradient_at(model, X, Y, w, 1, True, penalty=HOW["penalty"])
    assert (found.cosine <= 1).all()
    order = mb.Batches(N, N // 2, seed=3)
    cosines = []
    for epoch in range(7):
        a, b = (
            gradient_at(model, X, Y, w, 1, True, order.batch(epoch, i), penalty=HOW["penalty"])
            for i in (0, 1)
        )
        np.testing.assert_allclose((a + b) / 2, G, rtol=1e-9, atol=1e-9)
        cosines.append(a @ b / np.linalg.norm(a) / np.linalg.norm(b))
    assert found.cosine.mean() == pytest.approx(np.mean(cosines), abs=0.3)


@of_models
def test_batches_are_unbiased_and_weighted_ones_are_not(model):
    w = np.random.default_rng(5).normal(size=sum(model.size(D, 1))) / 2
    at = model.split(w, D, 1, True)
    assert diagnostics.gradient_bias(X, Y, at, model=model, **HOW).p_value > 1e-3
    heavy = mb.sampling.Weighted(np.where(Y > 0.5, 5.0, 1.0))
    assert diagnostics.gradient_bias(X, Y, at, model=model, shuffle=heavy, **HOW).p_value < 0.05


@of_models
@pytest.mark.parametrize("kind", ["float64", "sparse"])
def test_recorded_noise_is_that_of_the_batch(kind, model):
    if getattr(model, "dropout", 0):
        pytest.skip("rows have masks then")
    rows, b = rows_of(kind), 30
    how = {"model": model, "optimizer": ADAM, "batch_size": b, "seed": 3}
    run = mb.fit(rows, Y, epochs=3, record="noise", **how)
    same_bits = mb.fit(rows, Y, epochs=3, **how)
    assert flat(run).tobytes() == flat(same_bits).tobytes()
    w = flat(mb.fit(rows, Y, epochs=0, **how))
    batch = mb.Batches(N, b, seed=3).batch(0, 0)
    each = np.array([gradient_at(model, rows, Y, w, 1, True, [i]) for i in batch])
    record = run.history.noise_records[0]
    trace = ((each - each.mean(axis=0)) ** 2).sum() / (b - 1)
    assert record["trace"] == pytest.approx(trace * (N - 1) / N, rel=0.05)
    assert record["batch_squared_norm"] == pytest.approx((each.mean(axis=0) ** 2).sum(), rel=1e-6)


@of_others
def test_strategies_and_costs(model):
    roads = diagnostics.compare_strategies(X, Y, model=model, passes=3, n_looked=5)
    assert roads.names == ("BGD", "SGD", "MBGD")
    assert (roads.final_loss < roads.start_loss).all()
    begun = mb.fit(X, Y, model=model, optimizer=ADAM, epochs=0)
    assert roads.start_loss == pytest.approx(mb.gradient(X, Y, begun)[0], rel=1e-12)
    result = mb.fit(X, Y, model=model, optimizer=ADAM, epochs=9)
    later = diagnostics.compare_strategies(X, Y, result, passes=1, n_looked=5)
    assert later.start_loss == pytest.approx(mb.gradient(X, Y, result)[0], rel=1e-12)
    cost = diagnostics.step_cost(X, Y, model=model, batch_sizes=[1, 8, 64], n_draws=2)
    assert (cost.seconds > 0).all()
    assert (cost.reference_seconds > cost.seconds).all()


def test_what_instruments_do_not_have_for_a_model():
    for model in (MLP(3), FactorizationMachine(2)):
        for given in ({"model": model}, {"at": mb.fit(X, Y, model=model, optimizer=ADAM, epochs=1)}):
            with pytest.raises(
                ValueError, match=f"model must be 'linear' for recommend_batch_size.*{model.name!r}"
            ):
                diagnostics.recommend_batch_size(X, Y, **given)
    with pytest.raises(ValueError, match=r'at\["coefs"\]\[0\] must have shape \(4, 3\)'):
        diagnostics.gradient_noise(
            X, Y, ([np.zeros((2, 3)), np.zeros((3, 1))], [np.zeros(3), np.zeros(1)]), model=MLP(3)
        )
    with pytest.raises(ValueError, match='at must have the keys "coefs", "intercepts"'):
        diagnostics.gradient_noise(X, Y, {"coef": 1.0}, model=MLP(3))
