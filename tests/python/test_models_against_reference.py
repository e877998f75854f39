"""Models beyond linear in the core against the reference, in random runs: each follows the same path."""

import random
from collections import Counter

import mbgd_rs as mb
import numpy as np
import pytest
import scipy.sparse as sp
from mbgd_rs import averages, losses, penalties, reference, sampling, schedules, stopping
from mbgd_rs import optimizers as o
from mbgd_rs.batch_sizes import NormTest
from mbgd_rs.choices import members_of
from mbgd_rs.models import MLP, FactorizationMachine, Linear
from mbgd_rs.reference.model import MODELS

# Few steps on random data are not meant to come anywhere.
pytestmark = pytest.mark.filterwarnings("ignore:.* cannot reach the targets:UserWarning")

TOLERANCE = {"float64": 1e-9, "float32": 5e-4}
ACTIVATIONS = ["identity", "relu", "leaky_relu", "tanh", "logistic", "gelu", "silu"]
FALLING = schedules.InverseScaling(0.05)
OPTIMIZERS = {
    "sgd": o.SGD(0.05),
    "momentum": o.SGD(0.02, momentum=0.9),
    "dampening": o.SGD(0.05, momentum=0.8, dampening=0.5, weight_decay=0.02),
    "nesterov": o.SGD(schedules.Cosine(0.03, 30), momentum=0.8, nesterov=True, weight_decay=0.05),
    "adagrad": o.Adagrad(0.05, lr_decay=0.01, eps=1e-6),
    "rmsprop": o.RMSprop(0.01, momentum=0.5, eps=1e-4),
    "rmsprop, centered": o.RMSprop(0.01, centered=True, eps=0.01),
    "adadelta": o.Adadelta(1.0, eps=1e-3),
    "adam": o.Adam(schedules.Warmup(schedules.Cosine(0.02, 50), 4), eps=1e-5),
    "amsgrad": o.Adam(0.01, amsgrad=True, weight_decay=0.05, eps=1e-5),
    "adamw": o.AdamW(schedules.OneCycle(0.02, n_steps=40), weight_decay=0.1, eps=1e-5),
    "nadam": o.NAdam(0.01, weight_decay=0.1, decoupled_weight_decay=True, eps=1e-5),
    "radam": o.RAdam(0.01, betas=(0.8, 0.9), eps=1e-5),
    "adamax": o.Adamax(0.01, eps=1e-5),
    "lion": o.Lion(0.005, weight_decay=0.1),
    "ftrl": o.FTRL(0.1, l1=0.01, l2=0.02),
    "sgld": o.SGLD(FALLING, temperature=1e-4),
    "schedule_free_sgd": o.ScheduleFreeSGD(0.1),
    "schedule_free_adamw": o.ScheduleFreeAdamW(0.02, weight_decay=0.05, eps=1e-5),
    "dog": o.DoG(),
}
STEEP = [
    "adagrad", "rmsprop", "adadelta", "adam", "amsgrad", "adamw", "nadam", "radam", "adamax", "lion",
    "schedule_free_adamw", "dog",
]  # fmt: skip
"""Rules that make whole steps of gradients that are zero but for the rounding of single precision."""
LOSSES = {
    "squared_error": ("one", "outputs"), "absolute_error": ("one",), "huber": ("one", "outputs"),
    "epsilon_insensitive": ("one",), "squared_epsilon_insensitive": ("outputs",),
    "quantile": ("one", "outputs"), "log_cosh": ("one",), "poisson": ("one", "outputs"), "gamma": ("one",),
    "tweedie": ("one",), "log_loss": ("two", "classes", "labels"), "hinge": ("two", "classes"),
    "squared_hinge": ("two",), "modified_huber": ("two", "classes"), "perceptron": ("classes",),
    "smooth_hinge": ("two", "labels"), "focal": ("classes", "labels"), "crammer_singer": ("two", "classes"),
}  # fmt: skip
"""The losses, and the kinds of targets with which each is tried."""
TIED = ("perceptron", "crammer_singer")
"""Losses whose slope jumps where two scores are equal, as they are where a row has no entries."""
OF_CLASSES = [name for name, kind in members_of(losses.Loss).items() if kind.is_classification]
N_CASES, N_PARTS = {"float64": 1600, "float32": 600}, 4
SHAPES = [(1, 1), (5, 3), (40, 1), (40, 16), (63, 5), (65, 17), (150, 7), (150, 33)]


def draw_model(choose, kinds):
    """An architecture: networks of up to three hidden layers, machines of some ranks."""
    if choose.choice(kinds) is FactorizationMachine:
        return FactorizationMachine(choose.choice([1, 3, 8, 17]), choose.choice([0.0, 0.1, 0.3]))
    hidden = choose.choice([(), (1,), (7,), (16,), (33,), (9, 4), (16, 17), (3, 20, 5)])
    activation = choose.choice([choose.choice(ACTIVATIONS), [choose.choice(ACTIVATIONS) for _ in hidden]])
    init = choose.choice(["auto", "auto", "he_uniform", "he_normal", "glorot_uniform", "glorot_normal"])
    return MLP(hidden, activation, choose.choice([0.0, 0.0, 0.3, 0.7]), init)


def draw_penalty(choose, model):
    """None, one strength, or some by the names of blocks."""
    ratio = choose.choice([0.3, 0.8])
    make = choose.choice([penalties.L1, penalties.L2, lambda alpha: penalties.ElasticNet(alpha, ratio)])
    if isinstance(model, MLP):
        by_layer = [choose.choice([0.0, 0.01, 0.1]) for _ in range(len(model.widths) + 1)]
        of_blocks = choose.choice([{"coefs": 0.02}, {"coefs": by_layer}, {"coefs": by_layer}])
    else:
        of_blocks = choose.choice([{"coef": 0.02}, {"factors": 0.05}, {"coef": 0.1, "factors": 0.01}])
    return choose.choice([None, make(choose.choice([0.003, 0.1])), make(of_blocks)])


def draw_rows(choose, rng, n, d):
    """Dense rows, or sparse ones, of which some are empty and some entries stored zeros."""
    X = rng.normal(size=(n, d))
    if choose.random() < 0.5:
        return X
    X *= rng.random((n, d)) < choose.choice([0.05, 0.3, 0.7])
    rows = sp.csr_array(X)
    rows.data[rng.random(rows.nnz) < 0.05] = 0.0
    return rows


def draw_targets(choose, rng, loss, n):
    """Targets that the loss can have, and the shape of the scores of a row."""
    kind = choose.choice(LOSSES[loss])
    z = rng.normal(size=(n, 3))
    match kind:
        case "one" | "outputs":
            y = z[:, 0] if kind == "one" else z
            y = np.abs(y) + 0.1 if loss in ("poisson", "gamma", "tweedie") else y
        case "two" | "classes":
            y = np.arange(n) % min(n, 2 if kind == "two" else 3) - 1
        case _:
            y = z > 0
    return y, () if kind in ("one", "two") else (3,)


def draw_loss(choose, loss):
    """The loss by its name, or with a parameter."""
    some = {
        "huber": losses.Huber(0.5), "quantile": losses.Quantile(0.8), "focal": losses.Focal(1.5),
        "epsilon_insensitive": losses.EpsilonInsensitive(0.2), "tweedie": losses.Tweedie(1.3),
        "log_loss": losses.LogLoss(multi_class="ovr"),
    }  # fmt: skip
    return choose.choice([loss, some.get(loss, loss)])


def draw_sampling(choose, rng, n, is_classes):
    """How rows come."""
    b = choose.choice([1, 3, 7, 16, 33, 64, 100, "full", "auto"])
    b = choose.choice([b, b, b, NormTest(4, 0.8)])
    ways = ["full", "full", "once", False, sampling.Block(8, 3), "replacement", "weighted", "stratified"]
    way, drop_last = choose.choice(ways), isinstance(b, int) and b <= n and choose.random() < 0.3
    if isinstance(b, NormTest) and way in ("weighted", "stratified"):
        way = "full"
    if way == "weighted":
        replacement, correct_bias = choose.choice([(True, False), (True, True), (False, False)])
        way = sampling.Weighted(rng.uniform(0.2, 2, n), replacement=replacement, correct_bias=correct_bias)
    if way == "stratified" and not is_classes:
        way = sampling.Stratified(rng.integers(0, 3, n))
    options = {"replacement": True} if way == "replacement" else {"shuffle": way}
    return {"batch_size": b, "drop_last": drop_last, **options}


def has_inactive_parts(X, model, penalty):
    """Whether gradients may or may not have an l2 part of columns that a batch does not have."""
    return sp.issparse(X) and isinstance(model, FactorizationMachine) and penalty is not None


def draw(case, dtype):
    """The data and arguments of a random run."""
    choose, rng = random.Random(case), np.random.default_rng(case)
    rules = [name for name in OPTIMIZERS if dtype == "float64" or name not in STEEP]
    loss, optimizer = list(LOSSES)[case % len(LOSSES)], rules[case // len(LOSSES) % len(rules)]
    n, d = choose.choice([shape for shape in SHAPES if shape[0] > 1 or loss not in OF_CLASSES])
    # The factors of the only entry of a row have gradients that are zero but for rounding, of which Lion
    # makes whole steps in double precision, too; and so have losses with kinks, and balanced classes.
    if optimizer == "lion" and members_of(losses.Loss)[loss].has_kink:
        optimizer = "rmsprop"
    model = draw_model(choose, [MLP] if optimizer == "lion" else [MLP, MLP, FactorizationMachine])
    X = draw_rows(choose, rng, n, d)
    y, outputs = draw_targets(choose, rng, loss, n)
    X = X.astype(dtype)
    is_exponential = loss in ("poisson", "gamma", "tweedie")  # far from rest, it multiplies rounding
    clip = choose.choice([{}, {}, {"clip_norm": 0.5}, {"clip_norm" if is_exponential else "clip_value": 0.1}])
    penalty = draw_penalty(choose, model)
    if has_inactive_parts(X, model, penalty) and isinstance(penalty.alpha, dict):
        clip = {}  # SGD then clips by all columns
    sizes = draw_sampling(choose, rng, n, y.ndim == 1 and loss in OF_CLASSES)
    if has_inactive_parts(X, model, penalty) and isinstance(sizes["batch_size"], NormTest):
        sizes["batch_size"] = 7
    mean = choose.choice([None, None, "polyak", averages.EMA(0.9, start=3)])
    record = choose.choice([("step", "path"), ("step", "path", "full_loss"), ("step", "path", "noise")])
    has_fraction = choose.random() < 0.2 and n > 10
    by_class = choose.choice([None, {0: 2.0}, None if optimizer == "lion" else "balanced"])
    offset = rng.normal(size=(n, *outputs)) / 3
    # Where a loss with a kink is flat, which epoch is the best is a matter of rounding.
    waiting = stopping.NoImprovement(restore_best=not members_of(losses.Loss)[loss].has_kink)
    options = {
        "loss": draw_loss(choose, loss), "model": model, "penalty": penalty,
        "optimizer": OPTIMIZERS[optimizer], "seed": case, "epochs": 2, "record": record,
        "accumulate": choose.choice([1, 1, 3]), "fit_intercept": choose.random() < 0.8, **clip,
        "average": None if optimizer.startswith("schedule_free") else mean,
        "sample_weight": choose.choice([None, rng.uniform(0.1, 2, n)]),
        "offset": choose.choice([None, None, offset]) if loss not in TIED else offset,
        "class_weight": by_class if y.ndim == 1 and loss in OF_CLASSES else None,
        "validation": 0.25 if has_fraction else None,
        "stop": choose.choice([None, None, stopping.MaxSteps(5), waiting]),
        **sizes,
    }  # fmt: skip
    if has_fraction:
        options |= {"shuffle": "full", "batch_size": choose.choice([5, 32]), "drop_last": False}
    if choose.random() < 0.3:
        k = outputs[0] if outputs else 1
        flat = (0.1 if is_exponential else 0.5) * rng.normal(size=sum(model.size(d, k)))
        options["init"] = model.split(flat, d, k, is_vector=not outputs)
    return (X, y), options


def draws(dtype):
    return (draw(case, dtype) for case in range(N_CASES[dtype]))


def name_of(value):
    """What kind of a value of an option it is."""
    if isinstance(value, str | bool | int | float | None):
        return str(value)
    return getattr(value, "name", type(value).__name__)


def test_what_is_tried():
    tried = Counter()
    for (X, _), options in draws("float64"):
        kinds = {name: name_of(value) for name, value in options.items()}
        del kinds["seed"]
        kinds["X"] = "sparse" if sp.issparse(X) else "dense"
        tried.update((name, kind, other, of) for name, kind in kinds.items() for other, of in kinds.items())
    kinds_of = {name: {kind for key, kind, *_ in tried if key == name} for name, *_ in tried}
    assert kinds_of["model"] == set(members_of(mb.models.Model)) - {"linear"}
    assert kinds_of["optimizer"] == set(members_of(o.Optimizer)) - {"saga", "svrg"}
    assert kinds_of["loss"] == set(members_of(losses.Loss)) - {"one_class"}
    pairs = [("model", "X"), ("model", "loss"), ("optimizer", "loss"), ("optimizer", "penalty")]
    pairs += [
        ("optimizer", "X"),
        ("optimizer", "model"),
        ("model", "shuffle"),
        ("model", "batch_size"),
        ("model", "average"),
    ]
    for one, other in pairs:
        for kind in kinds_of[one]:
            for of in kinds_of[other]:
                assert tried[one, kind, other, of] > 0 or "lion" in (kind, of), (kind, of)


def flattened(model, params):
    return model.join(params, *model.dimensions(params))


def assert_close(case, name, got, expected, tolerance):
    """Within the tolerance of the largest entry, or of 1."""
    got, expected = np.asarray(got, float), np.asarray(expected, float)
    assert got.shape == expected.shape, (case, name)
    scale = max(1.0, np.nanmax(np.abs(expected), initial=0))
    np.testing.assert_allclose(got, expected, rtol=0, atol=tolerance * scale, err_msg=f"{name} of {case}")


def assert_same(case, dtype):
    """What was recorded, and the model; returns whether both runs have come to their end."""
    (X, y), options = draw(case, dtype)
    tolerance = TOLERANCE[dtype]
    try:
        expected = reference.fit(X, y, **options)
    except FloatingPointError:
        with pytest.raises(mb.DivergenceError):
            mb.fit(X, y, **options)
        return False
    ours = mb.fit(X, y, **options)
    assert (ours.n_steps, ours.n_epochs, ours.stop_reason) == (
        expected.n_steps,
        expected.n_epochs,
        expected.stop_reason,
    ), case
    assert ours.dtype == dtype
    model = options["model"]
    assert_close(case, "params", *(flattened(model, fit.params) for fit in (ours, expected)), tolerance)
    recorded = {name: array for name, array in expected.history.items() if not name.endswith("elapsed")}
    if has_inactive_parts(X, model, options["penalty"]):
        for name in ("gradient_norm", "noise_squared_norm", "noise_batch_squared_norm"):
            recorded.pop(name, None)
    for name, array in recorded.items():
        kind = name.removeprefix("noise_")
        got = getattr(ours.history, name) if name == kind else ours.history.noise_records[kind]
        assert_close(case, name, got, array, tolerance)
    return True


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("part", range(N_PARTS))
def test_runs_follow_the_same_path(part, dtype):
    cases = range(part, N_CASES[dtype], N_PARTS)
    n_ended = sum(assert_same(case, dtype) for case in cases)
    assert n_ended > 0.97 * len(cases)


# ---- gradients at points

POINTS = 150


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_gradients_on_chosen_rows(dtype):
    for case in range(POINTS):
        (X, y), options = draw(case, dtype)
        model, rng = options["model"], np.random.default_rng(case)
        of_problem = ("loss", "model", "penalty", "sample_weight", "offset")
        options = {name: options[name] for name in of_problem}
        start = mb.fit(X, y, epochs=0, loss=options["loss"], model=model)
        size = start.n_columns, start.n_outputs
        params = model.split(rng.normal(size=start.n_params).astype(dtype) / 2, *size, start.is_vector)
        n = X.shape[0]
        for rows in (None, [n - 1], [0, 0, n // 2], rng.integers(n, size=200), np.arange(n)[::-1]):
            value, gradient = mb.gradient(X, y, params, rows=rows, **options)
            expected_value, expected = reference.gradient(X, y, params, rows=rows, **options)
            assert_close(case, "value", value, expected_value, TOLERANCE[dtype])
            assert tuple(gradient) == model.blocks
            both = (flattened(model, blocks) for blocks in (gradient, expected))
            assert_close(case, "gradient", *both, TOLERANCE[dtype])


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("is_sparse", [False, True])
def test_without_hidden_layers_or_factors_it_is_the_linear_model(loss, is_sparse):
    rng = np.random.default_rng(5)
    for kind in LOSSES[loss]:
        y, outputs = draw_targets(FixedChoice(kind), rng, loss, 60)
        X = rng.normal(size=(60, 4)) * (rng.random((60, 4)) < 0.6)
        X = sp.csr_array(X) if is_sparse else X
        options = {"loss": loss, "optimizer": o.SGD(0.02, momentum=0.5), "epochs": 3, "batch_size": 7}
        k = outputs[0] if outputs else 1
        coef, intercept = rng.normal(size=(*outputs, 4)), rng.normal(size=outputs)
        linear = mb.fit(X, y, init=(coef, intercept), **options)
        W = coef.reshape(k, 4).T
        network = mb.fit(X, y, model=MLP(()), init=([W], [intercept.reshape(k)]), **options)
        factors = np.zeros((*outputs, 4, 2))
        machine = mb.fit(X, y, model=FactorizationMachine(2), init=(intercept, coef, factors), **options)
        np.testing.assert_allclose(network.params["coefs"][0].T, linear.coef.reshape(k, 4), rtol=1e-10)
        np.testing.assert_allclose(machine.params["coef"], linear.coef, rtol=1e-10)
        np.testing.assert_allclose(machine.params["bias"], linear.intercept, rtol=1e-10)
        assert not machine.params["factors"].any()
        for result in (network, machine):
            np.testing.assert_allclose(result.history.epoch_loss, linear.history.epoch_loss, rtol=1e-10)
            np.testing.assert_allclose(result.decision_function(X), linear.decision_function(X), rtol=1e-9)


class FixedChoice:
    """Chooses what it is told."""

    def __init__(self, chosen):
        self.chosen = chosen

    def choice(self, among):
        assert self.chosen in among
        return self.chosen


# ---- standardised columns

SCALED = [MLP((7, 5), ("tanh", "relu")), MLP(9, "gelu", dropout=0.3), FactorizationMachine(3)]


@pytest.mark.parametrize("model", [Linear(), *SCALED])
@pytest.mark.parametrize("loss", ["squared_error", "huber", "quantile", "log_loss", "poisson"])
def test_standardised_columns_are_those_of_a_scaler(model, loss):
    # Scores of the fit are those of the reference on scaled columns and, of numbers without a link, on scaled
    # targets; the epsilon of "huber" is scaled with them.
    rng = np.random.default_rng(6)
    X = rng.normal(size=(90, 5)) * [1, 100, 0.01, 3, 1] + [5, -300, 0, 40, 7]
    X[:, 4] = 7
    z = X[:, 0] - 5 + X[:, 1] / 100 + rng.normal(size=90) + 30
    targets = {"log_loss": z > 27, "poisson": np.abs(z - 30)}
    y = targets.get(loss, 10 * z)
    mean, scale = X.mean(axis=0), X.std(axis=0)
    scale[4] = 1
    rows = (X - mean) / scale
    if loss in targets:
        mid, size, of_training = 0.0, 1.0, loss
    else:
        mid, size = y.mean(), y.std()
        of_training = losses.Huber(losses.Huber().epsilon / size) if loss == "huber" else loss
    options = {"model": model, "batch_size": 16, "epochs": 4, "optimizer": o.Adam(0.01), "seed": 3}
    ours = mb.fit(X, y, loss=loss, standardize=True, **options)
    expected = reference.fit(rows, y if loss in targets else (y - mid) / size, loss=of_training, **options)
    w = flattened(model, expected.params)
    scores = scores_of(model, w, rows, 1)
    np.testing.assert_allclose(ours.decision_function(X), mid + size * scores, rtol=1e-9, atol=1e-9 * size)
    unit = size ** losses.Loss._members[loss].degree
    np.testing.assert_allclose(ours.history.epoch_loss, unit * expected.history["epoch_loss"], rtol=1e-9)


def scores_of(model, flat, X, k):
    """Scores by the reference."""
    made = MODELS.named(model)(model, X.shape[1], () if k == 1 else (k,), X.dtype, True)
    w = made.zeros()
    w.flat[...] = flat
    return made.scores(w, X, None)
