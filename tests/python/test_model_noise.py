"""The noise of gradients of every model: against gradients of single rows, one by one, and the reference."""

import math

import mbgd_rs as mb
import numpy as np
import pytest
import scipy.sparse as sp
from mbgd_rs import reference
from mbgd_rs.diagnostics import gradient_angles, gradient_bias, gradient_noise
from mbgd_rs.models import MLP, FactorizationMachine, Linear
from mbgd_rs.penalties import L2, ElasticNet
from mbgd_rs.reference.random import random_words
from mbgd_rs.sampling import Block, Stratified, Weighted

N, D = 60, 5
MODELS = {
    "linear": Linear(),
    "network": MLP((7, 4), ("tanh", "gelu")),
    "relu": MLP((20,)),
    "without layers": MLP(()),
    "machine": FactorizationMachine(3),
    "large machine": FactorizationMachine(20),
}
OUTPUTS = {"one": 1, "three": 3, "classes": 3, "labels": 3, "counts": 1}
LOSSES = {"classes": "log_loss", "labels": "modified_huber", "counts": "poisson"}
TOLERANCES = {np.float64: 1e-9, np.float32: 5e-4}
DRAWS = {"n_draws": 16, "seed": 5}
WAYS = {
    "full": {},
    "replacement": {"replacement": True},
    "block": {"shuffle": Block(rows=5, window=3)},
    "stratified": {"shuffle": Stratified(np.arange(N) % 3)},
    "corrected": {"shuffle": Weighted(1.0 + np.arange(N) % 3, correct_bias=True)},
}


def of_models(test):
    return pytest.mark.parametrize("model", MODELS.values(), ids=MODELS)(test)


def data(targets, model, dtype=np.float64, is_sparse=False):
    """Rows, targets, arguments and a point, as a dict of blocks and flat."""
    rng = np.random.default_rng(0)
    X, z = rng.normal(size=(N, D)), rng.normal(size=(N, 3))
    X = np.where(rng.random((N, D)) < 0.4, 0, X) if is_sparse else X
    y = {
        "one": z[:, 0],
        "three": z,
        "classes": np.arange(N) % 3,
        "labels": z > 0,
        "counts": rng.poisson(np.exp(z[:, 0])),
    }[targets]
    k = OUTPUTS[targets]
    w = (rng.normal(size=sum(model.size(D, k))) / 3).astype(dtype)
    options = {
        "loss": LOSSES.get(targets, "squared_error"),
        "sample_weight": rng.uniform(0, 3, N),
        "offset": rng.normal(size=(N,) if k == 1 else (N, k)) / 3,
        "model": model,
    }
    rows = X.astype(dtype)
    return (sp.csr_array(rows) if is_sparse else rows), y, options, model.split(w, D, k, k == 1)


def gradient(X, y, at, rows=None, **options):
    """The gradient on some rows as one vector."""
    model = options["model"]
    _, blocks = mb.gradient(X, y, at, rows=rows, **options)
    return model.join(blocks, D, model.dimensions(at)[1])


# ---- at a point


@of_models
@pytest.mark.parametrize("dtype", TOLERANCES)
@pytest.mark.parametrize("targets", OUTPUTS)
def test_noise_is_that_of_the_reference(targets, dtype, model):
    for is_sparse in (False, True):
        X, y, options, at = data(targets, model, dtype, is_sparse)
        for fit_intercept, penalty in ((True, None), (False, L2(0.1)), (True, ElasticNet(0.3, 0.5))):
            how = {**options, "fit_intercept": fit_intercept, "penalty": penalty, **DRAWS}
            found = gradient_noise(X, y, at, batch_sizes=[1, 4, 30, N], **how)
            expected = reference.gradient_noise(X, y, at, batch_sizes=[1, 4, 30, N], **how)
            if found.reason:  # a noise scale of which next to nothing is known is not given
                assert math.isnan(found.noise_scale)
                del expected.noise_scale
            for name, value in vars(expected).items():
                if hasattr(found, name):
                    r = TOLERANCES[dtype]
                    np.testing.assert_allclose(getattr(found, name), value, rtol=r, atol=r, err_msg=name)


@of_models
@pytest.mark.parametrize("way", WAYS)
def test_bias_and_angles_are_those_of_the_reference(way, model):
    for targets in OUTPUTS:
        X, y, options, at = data(targets, model)
        how = {**options, "penalty": ElasticNet(0.1, 0.5), "batch_sizes": [1, 7, 20], **DRAWS, **WAYS[way]}
        found = gradient_bias(X, y, at, n_resamples=49, **how)
        expected = reference.gradient_bias(X, y, at, n_resamples=49, **how)
        np.testing.assert_array_equal(found.p_value, expected.p_value)
        for name in ("bias_norm", "chance_norm", "chance_limit"):
            np.testing.assert_allclose(getattr(found, name), getattr(expected, name), rtol=1e-9)
        cosine = reference.gradient_angles(X, y, at, **how)
        np.testing.assert_allclose(gradient_angles(X, y, at, **how).cosine, cosine, atol=1e-9)


@of_models
def test_bias_of_given_batches_by_brute_force(model):
    X, y, options, at = data("classes", model)
    rng = np.random.default_rng(1)
    rows = [rng.integers(N, size=b) for b in (1, 2, 9, 60, 200)]
    found = gradient_bias(X, y, at, rows=rows, **options)
    G = gradient(X, y, at, **options)
    e = np.mean([gradient(X, y, at, batch, **options) - G for batch in rows], axis=0)
    assert found.bias_norm == pytest.approx(np.linalg.norm(e), rel=1e-9)


@of_models
def test_looking_at_a_point_leaves_units_alone(model):
    # Dropout is of steps: at a point nothing is left out.
    if not isinstance(model, MLP):
        return
    X, y, options, at = data("three", model)
    dropped = {**options, "model": MLP(model.hidden, model.activation, dropout=0.7)}
    for instrument in (gradient_noise, gradient_bias, gradient_angles):
        one, other = (instrument(X, y, at, batch_sizes=[8], **how, **DRAWS) for how in (options, dropped))
        assert repr(one) == repr(other)


# ---- along a run


def masks_of(model, seed, epoch, position):
    """What the hidden units of the row at a position of an epoch are multiplied by."""
    widths = [-(-n_units // 4) * 4 for n_units in model.hidden]
    n_words = sum(widths)
    words = random_words(seed, epoch, 37, (position + 1) * n_words)[position * n_words :]
    starts = np.cumsum([0, *widths[:-1]])
    is_kept = words >= math.floor(model.dropout * 2**32)
    return [
        is_kept[start : start + n] / (1 - model.dropout)
        for start, n in zip(starts, model.hidden, strict=True)
    ]


def gradient_of_row(X, y, at, row, masks, **options):
    """That of one row with some units left out: a network whose matrices are multiplied by their masks."""
    if masks is None:
        return gradient(X, y, at, [row], **options)
    model, (first, *others) = options["model"], at["coefs"]
    masked = [mask[:, None] * W for mask, W in zip(masks, others, strict=True)]
    params = {"coefs": [first, *masked], "intercepts": at["intercepts"]}
    _, blocks = mb.gradient(X, y, params, rows=[row], **options)
    first, *others = blocks["coefs"]
    blocks["coefs"] = [first, *(mask[:, None] * W for mask, W in zip(masks, others, strict=True))]
    return model.join(blocks, D, model.dimensions(at)[1])


@pytest.mark.parametrize("is_sparse", [False, True])
@pytest.mark.parametrize("targets", OUTPUTS)
@pytest.mark.parametrize(
    "model", [*MODELS.values(), MLP((7, 4), ("tanh", "silu"), dropout=0.4), MLP(9, dropout=0.6)], ids=str
)
def test_recorded_noise_by_brute_force(model, targets, is_sparse):
    X, y, options, _ = data(targets, model, is_sparse=is_sparse)
    how = {"batch_size": 7, "seed": 3, "epochs": 2, "optimizer": mb.optimizers.SGD(0.01), **options}
    run = mb.fit(X, y, record=("noise", "path"), **how)
    begun, k = mb.fit(X, y, **{**how, "epochs": 0}), OUTPUTS[targets]
    path = [model.join(begun.params, D, k), *run.history.path]
    records = run.history.noise_records
    np.testing.assert_array_equal(records["step"], [0, 8, 16])
    for record in records:
        epoch, in_epoch = divmod(int(record["step"]), 9)
        rows, first = reference.permutation(3, epoch, N)[7 * in_epoch : 7 * in_epoch + 7], 7 * in_epoch
        at = model.split(path[record["step"]], D, k, k == 1)
        has_dropout = getattr(model, "dropout", 0) > 0
        each = np.array([
            gradient_of_row(
                X, y, at, row, masks_of(model, 3, epoch, first + i) if has_dropout else None, **options
            )
            for i, row in enumerate(rows)
        ])  # fmt: skip
        b, g = len(each), each.mean(axis=0)
        trace = ((each - g) ** 2).sum() / (b - 1)
        variance = trace / b * (1 - b / N)
        expected = {
            "batch_size": b,
            "trace": trace,
            "variance": variance,
            "batch_squared_norm": g @ g,
            "squared_norm": g @ g - variance,
        }
        if record["step"] == 0:
            expected["variance_along"] = (each @ g).var(ddof=1)
        for name, value in expected.items():
            assert record[name] == pytest.approx(value, rel=1e-8, abs=1e-12), name


@of_models
def test_batches_that_grow_follow_the_noise(model):
    X, y, options, _ = data("one", model)
    test = mb.batch_sizes.NormTest(4, 0.7)
    how = {"batch_size": test, "epochs": 6, "optimizer": mb.optimizers.SGD(0.02), **options}
    run, expected = mb.fit(X, y, record="step", **how), reference.fit(X, y, record="step", **how)
    np.testing.assert_array_equal(run.history.batch_size, expected.history["batch_size"])
    assert run.history.batch_size.max() > 4


@pytest.mark.parametrize("model", list(MODELS.values())[1:], ids=list(MODELS)[1:])
def test_what_is_for_linear_models_is_refused_by_name(model):
    X, y, _, _ = data("one", model)
    refused = {
        "for SAGA": {"optimizer": "saga"},
        "for SVRG": {"optimizer": "svrg"},
        'for learning_rate "auto"': {"optimizer": "sgd"},
        "for a preconditioner": {"optimizer": mb.optimizers.SGD(0.1, preconditioner="diagonal")},
    }
    for message, options in refused.items():
        with pytest.raises(ValueError, match=f"model must be 'linear' {message}.*, got '{model.name}'"):
            mb.fit(X, y, model=model, **options)
    with pytest.raises(ValueError, match=f"model must be 'linear' for recommend.*got '{model.name}'"):
        mb.diagnostics.recommend_batch_size(X, y, model=model)
