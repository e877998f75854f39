"""Steps made many in one call have the bits of steps made one by one.

Steps on a few rows each are made in streaks where nobody looks at them. With `record=("step",)` they are made
one by one, by the general path: both have to agree in every bit.
"""

import mbgd_rs as mb
import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st

REGRESSION = [
    "squared_error",
    "absolute_error",
    "huber",
    "epsilon_insensitive",
    "squared_epsilon_insensitive",
    "quantile",
    "log_cosh",
    "poisson",
    "gamma",
    "tweedie",
]
CLASSIFICATION = [
    "log_loss",
    "hinge",
    "squared_hinge",
    "modified_huber",
    "perceptron",
    "smooth_hinge",
    "focal",
    "crammer_singer",
]
OPTIMIZERS = {
    "plain": mb.optimizers.SGD(learning_rate=0.01),
    "schedule": mb.optimizers.SGD(learning_rate=mb.schedules.Cosine(0.02, 50)),
    "function": mb.optimizers.SGD(learning_rate=lambda t: 0.01 / (1 + t)),
    "momentum": mb.optimizers.SGD(learning_rate=0.01, momentum=0.9),
    "dampened": mb.optimizers.SGD(learning_rate=0.01, momentum=0.9, dampening=0.5),
    "nesterov": mb.optimizers.SGD(learning_rate=0.01, momentum=0.9, nesterov=True),
    "decay": mb.optimizers.SGD(learning_rate=0.01, weight_decay=0.1),
    "adam": mb.optimizers.Adam(learning_rate=0.01),
    "amsgrad": mb.optimizers.Adam(learning_rate=mb.schedules.Cosine(0.02, 50), amsgrad=True),
    "adamw": mb.optimizers.AdamW(learning_rate=0.01),
    "adagrad": mb.optimizers.Adagrad(learning_rate=lambda t: 0.1 / (1 + t)),
    "rmsprop": mb.optimizers.RMSprop(learning_rate=0.01),
    "lion": mb.optimizers.Lion(learning_rate=0.01),
    "ftrl": mb.optimizers.FTRL(learning_rate=0.1),
    "nadam": mb.optimizers.NAdam(learning_rate=0.01),
    "dog": mb.optimizers.DoG(),
    "langevin": mb.optimizers.SGLD(learning_rate=1e-3),
    "schedule_free": mb.optimizers.ScheduleFreeAdamW(learning_rate=0.01),
}


@pytest.fixture(scope="module", autouse=True)
def as_users_have_it():
    """All columns move where that is fast: tests elsewhere have others catch up also where it is not."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("MBGD_RS_COLUMNS_FOR_ENTRY", raising=False)
        yield


def problem(loss, n_rows, n_columns, dtype, seed):
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n_rows, n_columns)).astype(dtype)
    noise = rng.standard_normal(n_rows)
    y = np.abs(X[:, 0] + noise) + 0.1 if loss in REGRESSION else np.where(X[:, 0] + noise > 0, "yes", "no")
    if loss in CLASSIFICATION:
        y[:2] = ["yes", "no"]
    weights = rng.choice([0.0, 0.5, 1.0, 3.0], n_rows)
    weights[0] = 1.0
    return X, y.astype(dtype) if loss in REGRESSION else y, weights


def sparse(X, entries, seed):
    """Some entries of rows, in any order, and of some rows a column twice."""
    rng = np.random.default_rng(seed)
    n_rows, n_columns = X.shape
    counts = rng.integers(0, 6, n_rows)
    indptr = np.concatenate([[0], np.cumsum(counts)])
    match entries:
        case "sorted" | "wide":
            columns = [np.sort(rng.permutation(n_columns)[:n]) for n in counts]
            indptr = np.concatenate([[0], np.cumsum([len(row) for row in columns])])
        case "twice":
            columns = [rng.integers(0, min(n_columns, 8), n) for n in counts]
    dtype = np.int64 if entries == "wide" else np.int32
    columns = np.concatenate(columns).astype(dtype)
    values = rng.standard_normal(len(columns)).astype(X.dtype)
    matrix = sp.csr_matrix(X.shape, dtype=X.dtype)
    matrix.data, matrix.indices, matrix.indptr = values, columns, indptr.astype(dtype)
    return matrix


def same_bits(a, b):
    assert a.coef.tobytes() == b.coef.tobytes()
    assert np.asarray(a.intercept).tobytes() == np.asarray(b.intercept).tobytes()
    assert a.history.epoch_loss.tobytes() == b.history.epoch_loss.tobytes()
    assert a.n_steps == b.n_steps
    assert a.stop_reason == b.stop_reason
    for ours, theirs in zip(a.state["memory"], b.state["memory"], strict=True):
        assert ours.tobytes() == theirs.tobytes()
    assert {**a.state, "seconds": 0, "memory": 0, "params": 0}.keys() == b.state.keys()
    assert a.state["loss_sum"] == b.state["loss_sum"]


def fitted(X, y, **arguments):
    try:
        return mb.fit(X, y, **arguments)
    except mb.DivergenceError as error:
        return error.result


def both_ways(X, y, **arguments):
    return fitted(X, y, **arguments), fitted(X, y, record=("step",), **arguments)


@pytest.mark.filterwarnings("ignore:.*cannot reach the targets")
@settings(max_examples=300, deadline=None)
@given(
    loss=st.sampled_from(REGRESSION + CLASSIFICATION),
    optimizer=st.sampled_from(sorted(OPTIMIZERS)),
    dtype=st.sampled_from([np.float32, np.float64]),
    n_rows=st.sampled_from([2, 3, 40, 700]),
    n_columns=st.sampled_from([1, 7, 16, 30, 200, 700]),
    entries=st.sampled_from(["all", "all", "sorted", "wide", "twice"]),
    batch_size=st.sampled_from([1, 2, 5, 8, 31, 63, 64]),
    alpha=st.sampled_from([0.0, 1e-3]),
    is_weighted=st.booleans(),
    fit_intercept=st.booleans(),
    sampling=st.sampled_from(["full", False, "replacement", "weighted", "drop_last", "accumulate"]),
    seed=st.integers(0, 1000),
)
def test_a_streak_has_the_bits_of_its_steps(
    loss,
    optimizer,
    dtype,
    n_rows,
    n_columns,
    entries,
    batch_size,
    alpha,
    is_weighted,
    fit_intercept,
    sampling,
    seed,
):
    X, y, weights = problem(loss, n_rows, n_columns, dtype, seed)
    if entries != "all":
        X = sparse(X, entries, seed)
    arguments = {
        "loss": loss,
        "optimizer": OPTIMIZERS[optimizer],
        "batch_size": min(batch_size, n_rows),
        "epochs": 3,
        "penalty": mb.penalties.L2(alpha) if alpha else None,
        "fit_intercept": fit_intercept,
        "seed": seed,
    }
    if is_weighted:
        arguments["sample_weight"] = weights
    match sampling:
        case "full" | False:
            arguments["shuffle"] = sampling
        case "replacement":
            arguments["replacement"] = True
        case "weighted":
            arguments["shuffle"] = mb.sampling.Weighted(np.arange(1.0, n_rows + 1))
        case "drop_last":
            arguments["drop_last"] = True
        case "accumulate":
            arguments |= {"batch_size": 1, "accumulate": 3}
    same_bits(*both_ways(X, y, **arguments))


DIVERGING = {
    "plain": mb.optimizers.SGD(learning_rate=4.0),
    "momentum": mb.optimizers.SGD(learning_rate=4.0, momentum=0.9),
    "decay": mb.optimizers.SGD(learning_rate=4.0, weight_decay=0.1),
    "lion": mb.optimizers.Lion(learning_rate=1e36),
}


@pytest.mark.parametrize("batch_size", [1, 8])
@pytest.mark.parametrize("name", sorted(DIVERGING))
@pytest.mark.parametrize("entries", ["all", "sorted", "twice"])
def test_a_run_that_diverges_within_a_streak_ends_at_the_same_step(batch_size, name, entries):
    n_columns = 5 if entries == "all" else 300  # so many that plain steps leave other columns alone
    X, y, _ = problem("squared_error", 3000, n_columns, np.float32, 0)
    if entries != "all":
        X = 3 * sparse(X, entries, 0)
    optimizer = DIVERGING[name]
    arguments = {"loss": "squared_error", "optimizer": optimizer, "batch_size": batch_size, "epochs": 2}
    errors = []
    for record in [(), ("step",)]:
        with pytest.raises(mb.DivergenceError) as error:
            mb.fit(X, y, record=record, **arguments)
        errors.append(error.value)
    assert str(errors[0]) == str(errors[1])
    assert errors[0].result.n_steps > 1
    same_bits(errors[0].result, errors[1].result)


@pytest.mark.parametrize("batch_size", [1, 16])
def test_a_streak_can_be_resumed_from_and_into(batch_size):
    X, y, _ = problem("log_loss", 1000, 30, np.float32, 1)
    arguments = {
        "loss": "log_loss",
        "optimizer": OPTIMIZERS["momentum"],
        "batch_size": batch_size,
        "penalty": mb.penalties.L2(1e-3),
    }
    whole = mb.fit(X, y, epochs=4, **arguments)
    middle = mb.fit(X, y, epochs=4, stop=mb.stopping.MaxSteps(whole.n_steps // 2 + 3), **arguments)
    rest = mb.fit(X, y, epochs=4 - middle.n_epochs, resume=middle, **arguments)
    assert rest.coef.tobytes() == whole.coef.tobytes()
