"""SAGA, SVRG and preconditioned SGD against the reference: the same steps at the same rates, to rounding."""

import mbgd_rs as mb
import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from mbgd_rs import reference
from mbgd_rs.batch_sizes import Growing, NormTest
from mbgd_rs.optimizers import SAGA, SGD, SVRG
from mbgd_rs.penalties import L1, L2, ElasticNet, GroupElasticNet, GroupL1
from mbgd_rs.preconditioners import Diagonal, Newton, Nystrom
from mbgd_rs.sampling import Weighted
from mbgd_rs.schedules import InverseScaling
from mbgd_rs.stopping import MaxSteps, NoImprovement

TOLERANCE = {"float64": 1e-9, "float32": 2e-3}

KINDS = {  # loss, and what targets are
    "squared_error": ("squared_error", "real"),
    "3 outputs": ("squared_error", "3 real"),
    "huber": ("huber", "real"),
    "log_cosh": ("log_cosh", "real"),
    "squared_epsilon_insensitive": ("squared_epsilon_insensitive", "real"),
    "poisson": ("poisson", "counts"),
    "gamma": ("gamma", "positive"),
    "tweedie": ("tweedie", "positive"),
    "log_loss": ("log_loss", "2 classes"),
    "softmax": ("log_loss", "3 classes"),
    "one against the rest": ("squared_hinge", "3 classes"),
    "labels": ("log_loss", "3 labels"),
    "squared_hinge": ("squared_hinge", "2 classes"),
    "modified_huber": ("modified_huber", "2 classes"),
    "smooth_hinge": ("smooth_hinge", "2 classes"),
    "focal": ("focal", "2 classes"),
}
WITH_KINK = {
    "hinge": ("hinge", "2 classes"),
    "crammer_singer": ("crammer_singer", "3 classes"),
    "absolute_error": ("absolute_error", "real"),
    "quantile": ("quantile", "real"),
}
PRECONDITIONERS = [None, "auto", Diagonal(), Newton(), Nystrom(3)]


def data(kind, n=90, d=9, seed=0, dtype="float64", density=None):
    """Columns of very different scales, shifted if they are dense, and targets that depend on them."""
    rng = np.random.default_rng(seed)
    columns = rng.normal(size=(n, d)) + (0.5 if density is None else 0)
    if density is not None:
        columns *= rng.random((n, d)) < density
    z = columns @ rng.normal(size=(d, 3)) / np.sqrt(d) + rng.normal(size=(n, 3))
    z[:3] = 3 * np.eye(3) - 1  # every class is there
    X = (columns * 10.0 ** rng.uniform(-1, 1, d)).astype(dtype)
    _, targets = (KINDS | WITH_KINK)[kind]
    y = {
        "real": z[:, 0].astype(dtype), "3 real": z.astype(dtype), "counts": np.floor(np.exp(z[:, 0])),
        "positive": np.exp(z[:, 0] / 2), "2 classes": z[:, 0] > 0, "3 classes": z.argmax(axis=1),
        "3 labels": (z > 0).astype(int),
    }[targets]  # fmt: skip
    return X if density is None else sp.csr_array(X), y


def difference(got, expected):
    """Relative to the largest entry. A step that was taken back may have had no finite gradient."""
    assert np.shape(got) == np.shape(expected)
    is_finite = np.isfinite(expected)
    np.testing.assert_array_equal(np.isfinite(got), is_finite)
    got, expected = np.asarray(got)[is_finite], np.asarray(expected)[is_finite]
    return np.abs(got - expected).max() / max(np.abs(expected).max(), np.finfo(float).tiny)


def assert_equal_runs(X, y, tolerance=TOLERANCE["float64"], **arguments):
    """The same parameters after every step, and the same decisions, which are seen in the rates."""
    arguments = {"record": ("step", "path")} | arguments
    ours, expected = mb.fit(X, y, **arguments), reference.fit(X, y, **arguments)
    assert ours.n_steps == expected.n_steps
    rates = ours.history.learning_rate, expected.history["learning_rate"]
    np.testing.assert_allclose(*rates, rtol=100 * tolerance)
    assert difference(ours.history.path, expected.history["path"]) < tolerance
    assert difference(ours.history.step_loss, expected.history["step_loss"]) < tolerance
    assert difference(ours.history.gradient_norm, expected.history["gradient_norm"]) < tolerance
    model = [np.append(result.coef, result.intercept) for result in (ours, expected)]
    assert difference(*model) < tolerance
    return ours, expected


@pytest.mark.parametrize("density", [None, 0.4], ids=["dense", "sparse"])
@pytest.mark.parametrize("preconditioner", PRECONDITIONERS, ids=str)
@pytest.mark.parametrize("kind", KINDS | WITH_KINK)
def test_every_loss_in_every_metric(kind, preconditioner, density):
    X, y = data(kind, density=density)
    for rule in (SAGA, SVRG, SGD):
        if rule is SGD and preconditioner is None:
            continue  # its automatic rate is no solver's
        assert_equal_runs(
            X, y, loss=(KINDS | WITH_KINK)[kind][0], penalty=L2(1e-3), batch_size=16, epochs=3,
            optimizer=rule(preconditioner=preconditioner),
        )  # fmt: skip


@pytest.mark.parametrize("preconditioner", PRECONDITIONERS, ids=str)
@pytest.mark.parametrize("rule", [SAGA, SVRG], ids=lambda rule: rule.__name__)
def test_single_precision(rule, preconditioner):
    X, y = data("log_loss", dtype="float32")
    assert_equal_runs(
        X, y, TOLERANCE["float32"], loss="log_loss", penalty=L2(0.01), batch_size=16, epochs=4,
        optimizer=rule(preconditioner=preconditioner),
    )  # fmt: skip


@pytest.mark.parametrize("preconditioner", ["auto", "nystrom", "diagonal"])
@pytest.mark.parametrize(("n", "d", "batch_size"), [(2100, 40, 16), (4100, 5, 64)])
def test_samples_of_many_rows(n, d, batch_size, preconditioner):
    """Two samples of different rows; then there is not a new metric in every epoch."""
    X, y = data("log_loss", n=n, d=d)
    assert_equal_runs(
        X, y, loss="log_loss", penalty=L2(1e-3), batch_size=batch_size, epochs=4,
        optimizer=SAGA(preconditioner=preconditioner),
    )  # fmt: skip


# ---- options together


@st.composite
def runs(draw):
    """Rows, targets, and arguments that go together."""
    choose = lambda *values: draw(st.sampled_from(values))  # noqa: E731 - short, for it is said often
    seed, kind = draw(st.integers(0, 2**64 - 1)), choose(*KINDS)
    n, d = choose(40, 90, 200), choose(1, 4, 13, 30)
    X, y = data(kind, n, d, seed, density=choose(None, 0.3))
    rng = np.random.default_rng(seed)
    outputs = (3,) if "3" in KINDS[kind][1] else ()
    alpha = rng.uniform(0, 0.1, choose((d,), (*outputs, d)))
    penalty = choose(
        None, L2(0.1), L2(1e-4), L1(0.02), ElasticNet(0.05, 0.3), L2(alpha), ElasticNet(alpha, 0.4),
        GroupL1(0.05), GroupElasticNet(alpha[..., :d] if alpha.ndim == 1 else 0.05, 0.5),
    )  # fmt: skip
    is_smooth = penalty is None or isinstance(penalty, L2)
    rule = choose(SAGA, SVRG, SGD)
    options = {"learning_rate": choose("auto", "auto", 1e-3, InverseScaling(0.01))}
    options["preconditioner"] = (
        choose("auto", "diagonal", "newton", "nystrom", Nystrom(choose(1, 2, 8)))
        if is_smooth
        else choose("auto", "diagonal")
    )
    if rule is SVRG:
        options["snapshot_every"] = choose(1, 2)
    if rule is SGD:
        options |= choose({}, {"momentum": 0.8}, {"momentum": 0.5, "nesterov": True, "weight_decay": 0.01})
    elif draw(st.booleans()):
        options["preconditioner"] = None
    weights = rng.uniform(0, 2, n) * ((np.arange(n) < 3) + (rng.random(n) < 0.8)) + (np.arange(n) < 3)
    return (X, y), {
        "loss": KINDS[kind][0], "penalty": penalty, "optimizer": rule(**options), "seed": seed,
        "fit_intercept": choose(True, True, False), "sample_weight": choose(None, weights),
        "batch_size": choose(1, 7, 16, "full", "auto", Growing(4, 2, every=1)), "epochs": choose(1, 2, 4),
        "accumulate": choose(1, 1, 3), "shuffle": choose("full", "once", False, "block"),
        "validation": choose(None, 0.25), "clip_norm": choose(None, None, 0.5),
        "average": choose(None, None, "polyak", "ema"),
    }  # fmt: skip


@settings(max_examples=150, deadline=None, derandomize=True)
@given(runs())
def test_options_together(run):
    (X, y), arguments = run
    assert_equal_runs(X, y, **arguments)


# ---- what is looked at, and what is decided


@pytest.mark.parametrize("batch_size", [16, NormTest(8)], ids=str)
@pytest.mark.parametrize("optimizer", [SAGA(), SVRG(), SGD(preconditioner="auto")], ids=str)
def test_noise_is_that_of_corrected_gradients(optimizer, batch_size):
    X, y = data("softmax")
    ours, expected = assert_equal_runs(
        X, y, loss="log_loss", optimizer=optimizer, batch_size=batch_size, epochs=4,
        record=("step", "path", "noise"),
    )  # fmt: skip
    for name in ("trace", "batch_squared_norm"):
        assert difference(ours.history.noise_records[name], expected.history[f"noise_{name}"]) < 1e-9


@pytest.mark.parametrize("drawn", ["replacement", "weighted", "unbiased"])
def test_preconditioned_descent_on_drawn_rows(drawn):
    X, y = data("log_loss")
    weights = 1 + np.arange(len(y)) % 3
    how = {
        "replacement": {"replacement": True},
        "weighted": {"shuffle": Weighted(weights)},
        "unbiased": {"shuffle": Weighted(weights, correct_bias=True)},
    }[drawn]
    assert_equal_runs(
        X, y, loss="log_loss", optimizer=SGD(preconditioner="auto"), batch_size=16, epochs=3, **how
    )


@pytest.mark.parametrize("optimizer", [SAGA(), SVRG(), SGD(preconditioner="auto")], ids=str)
@pytest.mark.parametrize(
    "rule", [MaxSteps(8), NoImprovement(tol=1e-2, patience=1, restore_best=True)], ids=str
)
def test_rules_of_stopping(rule, optimizer):
    X, y = data("log_loss")
    ours, expected = assert_equal_runs(
        X, y, loss="log_loss", optimizer=optimizer, batch_size=16, epochs=12, stop=rule
    )
    assert ours.stop_reason == expected.stop_reason


WENT_BACK = {  # and there was a rate too long
    "to the start of the best epoch": ("3 outputs", SAGA(preconditioner="newton"), 1, 0),
    "to its end": ("squared_error", SGD(preconditioner="diagonal"), 8, 1),
    "with a snapshot": ("huber", SVRG(preconditioner=None), 64, 0),
}


@pytest.mark.parametrize("case", WENT_BACK)
def test_the_safeguard_goes_back_where_the_reference_does(case):
    kind, optimizer, batch_size, seed = WENT_BACK[case]
    X, y = data(kind, d=4, seed=seed)
    init = (np.full(4, 3.0), 0.0) if kind == "huber" else None
    ours, _ = assert_equal_runs(
        X, y, loss=KINDS[kind][0], optimizer=optimizer, batch_size=batch_size, epochs=8, seed=seed, init=init
    )
    rates = ours.history.learning_rate
    assert rates[-1] < 0.7 * rates[0]


def test_a_run_that_went_back_goes_on():
    """The best epoch was better on its way than where it ended, and better than the optimum is."""
    X, y = data("3 outputs", d=4)
    result = mb.fit(
        X, y, optimizer=SAGA(preconditioner="newton"), batch_size=1, epochs=30, record="full_loss"
    )
    least = np.linalg.lstsq(np.column_stack([X, np.ones(len(y))]), y, rcond=None)[1].sum() / (2 * len(y))
    assert result.history.full_loss[-1] == pytest.approx(least, rel=1e-9)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("preconditioner", [*PRECONDITIONERS, "nystrom"], ids=str)
def test_without_an_intercept_it_stays_zero(preconditioner, dtype):
    X, y = data("3 outputs", d=30, dtype=dtype)
    optimizer = SAGA(preconditioner=preconditioner)
    result = mb.fit(X, y, fit_intercept=False, optimizer=optimizer, batch_size=8, epochs=3)
    assert (result.intercept == 0).all()


def test_a_sketch_of_a_sample_of_less_rank():
    """Constant, equal and one-hot columns: what the sketch is does not hang on rounding."""
    rng = np.random.default_rng(0)
    categories = np.eye(6)[rng.integers(6, size=90)]
    x = rng.normal(size=(90, 4))
    X, y = np.column_stack([categories, x, x, np.ones(90)]), categories @ np.arange(6) + x[:, 0]
    # With 16 it is all of the curvature, singular but for a damping of 1e-6: rounding grows by as much.
    for rank, tolerance in ((2, 1e-12), (8, 1e-12), (12, 1e-12), (15, 1e-12), (16, 1e-8)):
        how = {"optimizer": SAGA(preconditioner=Nystrom(rank)), "batch_size": 8, "epochs": 4}
        assert_equal_runs(X, y, tolerance, **how)


@pytest.mark.parametrize("preconditioner", PRECONDITIONERS, ids=str)
@pytest.mark.parametrize("d", [1, 3])
def test_outlying_rows(d, preconditioner):
    """Where damping does not help, since all of the curvature is along one direction, steps are short."""
    rng = np.random.default_rng(1)
    X = rng.standard_t(2, size=(200, d))
    y = X[:, 0] + rng.normal(size=200)
    ours, _ = assert_equal_runs(X, y, optimizer=SAGA(preconditioner=preconditioner), batch_size=1, epochs=20)
    least = np.linalg.lstsq(np.column_stack([X, np.ones(200)]), y, rcond=None)[1].sum() / 400
    assert mb.gradient(X, y, ours)[0] < 1.01 * least


@pytest.mark.parametrize("preconditioner", ["auto", "diagonal", None])
def test_a_column_of_few_entries(preconditioner):
    """Fewer than a hundredth of the rows have any: what is large for one row is nothing for most."""
    X = np.zeros((320, 1))
    X[[7, 99, 300], 0] = [1.0, -2.0, 3.0]
    y = 2 * X[:, 0]
    optimizer = SAGA(preconditioner=preconditioner)
    ours, _ = assert_equal_runs(X, y, fit_intercept=False, optimizer=optimizer, batch_size=1, epochs=25)
    assert ours.coef == pytest.approx([2.0], rel=1e-2)
