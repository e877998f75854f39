"""The core against the reference on sparse rows, in thousands of random runs: each follows the same path."""

import random

import mbgd_rs as mb
import numpy as np
import pytest
import scipy.sparse as sp
from mbgd_rs import optimizers as o
from mbgd_rs import reference
from mbgd_rs.penalties import L1, L2, ElasticNet, GroupElasticNet, GroupL1

# Few steps on random data are not meant to come anywhere.
pytestmark = pytest.mark.filterwarnings("ignore:.* cannot reach the targets:UserWarning")

TOLERANCE = 1e-9
FROZEN = {  # columns that a batch does not have stay as they are
    "adam": o.Adam(0.05),
    "amsgrad": o.Adam(0.05, amsgrad=True, weight_decay=0.05),
    "adamw": o.AdamW(0.05, weight_decay=0.1),
    "nadam": o.NAdam(0.05),
    "radam": o.RAdam(0.05, betas=(0.8, 0.9)),
    "adamax": o.Adamax(0.05),
    "rmsprop": o.RMSprop(0.03, momentum=0.5),
    "adadelta": o.Adadelta(1.0, eps=1e-3),
    "lion": o.Lion(0.02),
}
MOVED = {  # they move as on dense rows
    "sgd": o.SGD(0.1),
    "momentum": o.SGD(0.05, momentum=0.8),
    "nesterov, weight decay": o.SGD(0.05, momentum=0.5, nesterov=True, weight_decay=0.1),
    "adagrad": o.Adagrad(0.1),
    "ftrl": o.FTRL(0.3, l1=0.01),
    "dog": o.DoG(),
    "sgld": o.SGLD(0.01, temperature=1e-3),
    "schedule-free": o.ScheduleFreeSGD(0.1),
    "schedule-free adamw": o.ScheduleFreeAdamW(0.05),
}
UNIFORM = ("lion", "sgd", "momentum", "nesterov, weight decay", "dog", "sgld", "schedule-free")
"""Rules with one step size for all parameters, as the proximal map of a group needs."""
OUTPUTS = {
    "one": ("squared_error", ()),
    "three": ("huber", (3,)),
    "two classes": ("log_loss", ()),
    "three classes": ("log_loss", (3,)),
}


N_CASES, N_PARTS = 1000, 4


def draw(case, forms, names):
    """The arguments of a random run with one of these optimizers, and a penalty of one of these forms."""
    choose, rng = random.Random(case), np.random.default_rng(case)
    n, d = choose.choice([6, 20, 45]), choose.choice([1, 5, 12, 80])
    X = sp.random(n, d, choose.choice([0.03, 0.15, 0.5]), format="csr", random_state=case)
    kind = choose.choice(list(OUTPUTS))
    z = X @ rng.normal(size=(d, 3)) + rng.normal(size=(n, 3))
    z[:3] = 3 * np.eye(3) - 1  # every class is there
    y = {"one": z[:, 0], "three": z, "two classes": z[:, 0] > 0, "three classes": z.argmax(axis=1)}[kind]
    loss, outputs = OUTPUTS[kind]
    form, optimizer = choose.choice(forms), choose.choice(list(names))
    if form == "group" and optimizer not in UNIFORM:
        form = "vector"
    alpha = rng.uniform(0, 0.1, choose.choice([(d,), (*outputs, d)]) if form == "vector" else (d,))
    penalty = {
        "none": None,
        "one": choose.choice([L2(0.1), L1(0.02), ElasticNet(0.1, 0.3)]),
        "vector": choose.choice([L2, L1, ElasticNet])(alpha),
        "group": choose.choice([GroupL1, GroupElasticNet])(choose.choice([0.05, alpha])),
    }[form]
    init = rng.normal(size=(*outputs, d)), rng.normal(size=outputs)
    # Of many strengths, rules that move all columns clip by all of them.
    clip_norm = choose.choice([None, None, 0.5, 3.0]) if form in ("none", "one") else None
    average = None if optimizer.startswith("schedule-free") else choose.choice([None, "polyak", "ema"])
    return (X, y), {
        "loss": loss, "penalty": penalty, "optimizer": names[optimizer], "seed": case, "epochs": 2,
        "batch_size": choose.choice([1, 2, 7, "full"]), "accumulate": choose.choice([1, 1, 3]),
        "fit_intercept": choose.choice([True, False]), "init": choose.choice([None, init]),
        "sample_weight": choose.choice([None, rng.uniform(0.1, 2, n)]),
        "shuffle": choose.choice(["full", False]), "record": ("step", "path"),
        "clip_norm": clip_norm, "average": average,
    }  # fmt: skip


def is_close(got, expected):
    """Within the tolerance of the largest entry, or of 1."""
    got, expected = np.asarray(got), np.asarray(expected)
    scale = max(1.0, np.abs(expected).max(initial=0))
    return got.shape == expected.shape and bool((np.abs(got - expected) <= TOLERANCE * scale).all())


def assert_same(case, *of):
    """The paths, and the losses, with the penalty of columns that a batch does not have."""
    data, arguments = draw(case, *of)
    ours, expected = mb.fit(*data, **arguments), reference.fit(*data, **arguments)
    for name in ("path", "step_loss", "epoch_loss"):
        assert is_close(getattr(ours.history, name), expected.history[name]), (case, name, arguments)
    for name in ("coef", "intercept"):
        assert is_close(getattr(ours, name), getattr(expected, name)), (case, name, arguments)


@pytest.mark.parametrize("part", range(N_PARTS))
def test_one_strength(part):
    for case in range(part, N_CASES, N_PARTS):
        assert_same(case, ["none", "one"], {**FROZEN, **MOVED})


@pytest.mark.parametrize("part", range(N_PARTS))
def test_many_strengths_and_groups_where_columns_move(part):
    for case in range(part, N_CASES, N_PARTS):
        assert_same(case, ["vector", "group"], MOVED)


@pytest.mark.parametrize("part", range(N_PARTS))
def test_many_strengths_and_groups_where_columns_are_frozen(part):
    for case in range(part, N_CASES, N_PARTS):
        assert_same(case, ["vector", "group"], FROZEN)


@pytest.mark.parametrize("clip", [{"clip_value": 0.1}, {"clip_norm": 0.1}], ids=repr)
@pytest.mark.parametrize("optimizer", [o.SGD(0.05), o.Adam(0.05)])
def test_clipped_are_the_columns_of_the_batch(optimizer, clip):
    # The l2 part of the others is above the limit: 0.1 * 5.
    X = sp.random(40, 20, 0.05, format="csr", random_state=1)
    y, init = np.random.default_rng(1).normal(size=40), (5 * np.ones(20), 0.0)
    options = {"penalty": L2(0.1), "batch_size": 4, "init": init, "record": "path", **clip}
    fits = [fit(X, y, optimizer=optimizer, **options) for fit in (mb.fit, reference.fit)]
    assert is_close(fits[0].history.path, fits[1].history["path"])
