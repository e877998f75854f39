"""Steps on a factorization machine's table where it lies have the bits of steps on copies of its rows.

On many sparse columns the rows of the table that a batch has are moved in place, where nobody looks at steps.
With `record=("step",)` they are copied, moved and put back: both ways have to agree in every bit, for every
number of threads.
"""

import mbgd_rs as mb
import numpy as np
import pytest
import scipy.sparse as sp
from mbgd_rs.models import FactorizationMachine

N_ROWS = 700
N_COLUMNS = 30_000
OPTIMIZERS = {
    "sgd": mb.optimizers.SGD(learning_rate=0.3),
    "schedule": mb.optimizers.SGD(learning_rate=mb.schedules.Cosine(0.3, 20)),
    "adagrad": mb.optimizers.Adagrad(learning_rate=0.1, initial_accumulator_value=0.1),
    "adam": mb.optimizers.Adam(learning_rate=0.02),
    "adamw": mb.optimizers.AdamW(learning_rate=0.02, weight_decay=0.1),
    "rmsprop": mb.optimizers.RMSprop(learning_rate=0.01, momentum=0.5),
    "adadelta": mb.optimizers.Adadelta(learning_rate=1.0),
}


def rows_of(dtype=np.float32, n_fields=9, skewed=True, index=np.int32, seed=0):
    """Rows with a column of every field but some, in no order; rows share many columns if they are skewed."""
    rng = np.random.default_rng(seed)
    of_field = N_COLUMNS // n_fields
    u = rng.random((N_ROWS, n_fields))
    columns = (of_field**u - 1 if skewed else of_field * u).astype(np.int64) + of_field * np.arange(n_fields)
    columns = rng.permuted(columns, axis=1)
    kept = rng.random((N_ROWS, n_fields)) < 0.8
    kept[5] = False
    indptr = np.concatenate([[0], np.cumsum(kept.sum(axis=1))]).astype(index)
    values = rng.standard_normal(kept.sum()).astype(dtype)
    X = sp.csr_matrix((values, columns[kept].astype(index), indptr), shape=(N_ROWS, N_COLUMNS))
    return X, rng.choice(["no", "yes"], N_ROWS), rng.choice([0.0, 0.5, 1.0, 3.0], N_ROWS)


def fitted(X, y, **arguments):
    arguments = {
        "model": FactorizationMachine(8),
        "loss": "log_loss",
        "epochs": 2,
        "batch_size": 256,
        "seed": 1,
    } | arguments
    try:
        return mb.fit(X, y, **arguments)
    except mb.DivergenceError as error:
        return error.result


def bits(result):
    arrays = [result.state["params"], *result.state["memory"], result.history.epoch_loss]
    scalars = (result.n_steps, str(result.stop_reason), result.state["loss_sum"])
    return [np.asarray(array).tobytes() for array in arrays], scalars


def assert_same_bits(X, y, threads=(1, 2), **arguments):
    expected = fitted(X, y, record=("step",), n_threads=1, **arguments)
    for n_threads in threads:
        assert bits(fitted(X, y, n_threads=n_threads, **arguments)) == bits(expected), n_threads
    return expected


@pytest.mark.parametrize("optimizer", OPTIMIZERS.values(), ids=OPTIMIZERS)
@pytest.mark.parametrize("skewed", [False, True], ids=["uniform", "skewed"])
def test_every_rule(optimizer, skewed):
    X, y, weights = rows_of(skewed=skewed)
    assert_same_bits(X, y, (1, 2, 3, 7), optimizer=optimizer, sample_weight=weights)


@pytest.mark.parametrize("batch_size", [1, 7, 64, 65, 129, 500, "full"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_every_batch_size(batch_size, dtype):
    X, y, _ = rows_of(dtype, index=np.int64)
    assert_same_bits(X, y, (1, 3), batch_size=batch_size, optimizer="adagrad", epochs=1)


@pytest.mark.parametrize("rank", [1, 7, 15, 16, 40])
@pytest.mark.parametrize("n_classes", [1, 2, 3])
def test_every_width_of_a_row(rank, n_classes):
    X, y, _ = rows_of()
    rng = np.random.default_rng(2)
    y = rng.standard_normal(N_ROWS) if n_classes == 1 else rng.integers(n_classes, size=N_ROWS)
    loss = "squared_error" if n_classes == 1 else "log_loss"
    assert_same_bits(X, y, model=FactorizationMachine(rank), loss=loss, optimizer=OPTIMIZERS["adagrad"])


@pytest.mark.parametrize(
    "arguments",
    [
        {"fit_intercept": False},
        {"shuffle": False},
        {"shuffle": "block", "drop_last": True},
        {"replacement": True},
        {"offset": np.linspace(-1, 1, N_ROWS)},
        {"accumulate": 3, "batch_size": 50},
        {"penalty": mb.penalties.L2(1e-3)},
        {"clip_norm": 0.1},
        {"average": "polyak"},
        {"stop": mb.stopping.MaxSteps(4)},
    ],
    ids=lambda arguments: next(iter(arguments)),
)
def test_options(arguments):
    X, y, _ = rows_of()
    assert_same_bits(X, y, **arguments, optimizer=OPTIMIZERS["adagrad"])


def test_columns_that_come_twice_in_a_row():
    X, y, _ = rows_of()
    X.indices[1::3] = X.indices[::3][: len(X.indices[1::3])]
    X.has_canonical_format = False
    assert_same_bits(X, y, optimizer=OPTIMIZERS["adagrad"])


def test_resumed_runs():
    X, y, _ = rows_of()
    whole = fitted(X, y, epochs=4, optimizer=OPTIMIZERS["adagrad"])
    first = fitted(X, y, epochs=1, optimizer=OPTIMIZERS["adagrad"], n_threads=2)
    second = fitted(X, y, epochs=3, optimizer=OPTIMIZERS["adagrad"], n_threads=1, resume=first)
    assert bits(second)[0][0] == bits(whole)[0][0]


@pytest.mark.parametrize("n_threads", [1, 2])
def test_a_step_that_would_become_non_finite_is_not_made(n_threads):
    X, y, _ = rows_of()
    optimizer = mb.optimizers.SGD(learning_rate=1e25)
    expected = fitted(X, y, record=("step",), optimizer=optimizer)
    got = fitted(X, y, n_threads=n_threads, optimizer=optimizer)
    assert str(got.stop_reason) == str(expected.stop_reason)
    assert "diverged" in str(got.stop_reason).lower()
    assert bits(got) == bits(expected)
    assert np.isfinite(got.state["params"]).all()
