"""SAGA on sparse rows of many columns moves those of its batch; others make up for what they have missed."""

import pickle
from pathlib import Path

import mbgd_rs as mb
import numpy as np
import pytest
import scipy.sparse as sp
from mbgd_rs import reference
from mbgd_rs.batch_sizes import Growing, NormTest
from mbgd_rs.optimizers import SAGA
from mbgd_rs.penalties import L1, L2
from mbgd_rs.preconditioners import Nystrom
from mbgd_rs.stopping import MaxSteps, NoImprovement
from test_same_bits import run_with
from test_solver_against_reference import assert_equal_runs, difference

N, D = 300, 900
OPTIMIZERS = {
    "diagonal": SAGA(preconditioner="diagonal"),
    "plain": SAGA(preconditioner=None),
    "given rate": SAGA(0.05, preconditioner="diagonal"),
}
TARGETS = {
    "two classes": ("log_loss", lambda z: (z[:, 0] > 0).astype(int)),
    "softmax": ("log_loss", lambda z: z.argmax(axis=1)),
    "two numbers": ("squared_error", lambda z: z[:, :2]),
    "counts": ("poisson", lambda z: np.floor(np.exp(np.minimum(z[:, 0], 3)))),
}


def data(targets="two classes", dtype="float64", seed=0, d=D):
    """Rows of about six entries, columns of several scales, rows and columns without any."""
    rng = np.random.default_rng(seed)
    X = sp.random_array((N, d), density=6 / d, format="csr", rng=rng, data_sampler=rng.standard_normal)
    z = X @ rng.normal(size=(d, 3)) + rng.normal(size=(N, 3))
    X = sp.csr_array(X * 10.0 ** rng.uniform(-1, 1, d)).astype(dtype)
    loss, of = TARGETS[targets]
    y = of(z)
    return X, y.astype(dtype) if y.dtype.kind == "f" else y, loss


def cut(X, y, n_steps, **given):
    """A run that was ended after so many steps, pickled, and gone on with; and where it was cut."""
    begun = mb.fit(X, y, stop=MaxSteps(n_steps), **given)
    begun = pickle.loads(pickle.dumps(begun))
    return mb.fit(X, y, resume=begun, **given | {"epochs": given["epochs"] - begun.n_epochs}), begun


def is_behind(result):
    """Whether columns had steps to make up for, where the run was cut."""
    return len(result.state["touched"]) > 0


@pytest.mark.parametrize("penalty", [None, L2(0.1), L2(1e-12)], ids=str)
@pytest.mark.parametrize(
    ("targets", "optimizer"),
    [*((targets, "diagonal") for targets in TARGETS), ("softmax", "plain"), ("two numbers", "given rate")],
)
def test_every_step_is_that_of_the_reference(targets, optimizer, penalty):
    """Which moves all columns: parameters, objectives and norms of gradients of all steps."""
    X, y, loss = data(targets)
    ours, expected = assert_equal_runs(
        X, y, loss=loss, penalty=penalty, optimizer=OPTIMIZERS[optimizer], batch_size=16, epochs=4
    )
    assert difference(ours.history.epoch_loss, expected.history["epoch_loss"]) < 1e-9


def test_long_gaps_between_the_entries_of_a_column():
    """Batches of one row, and a penalty that the metric of rare columns feels."""
    X, y, loss = data()
    for alpha in (1.0, 1e-4):
        assert_equal_runs(
            X, y, loss=loss, penalty=L2(alpha), optimizer=OPTIMIZERS["diagonal"], batch_size=1, epochs=3
        )


def test_single_precision():
    X, y, loss = data(dtype="float32")
    given = {"loss": loss, "penalty": L2(1e-3), "optimizer": OPTIMIZERS["diagonal"]}
    assert_equal_runs(X, y, 2e-3, **given, batch_size=16, epochs=4)


@pytest.mark.parametrize(
    "options",
    [
        {"fit_intercept": False}, {"accumulate": 3, "batch_size": 5}, {"drop_last": True}, {"shuffle": False},
        {"shuffle": "block"}, {"validation": 0.25}, {"batch_size": Growing(4, 2, every=1)},
        {"sample_weight": np.where(np.arange(N) % 5 == 0, 0.0, np.linspace(0.1, 3, N))},
        {"batch_size": NormTest(8)}, {"average": "polyak"}, {"clip_norm": 0.1}, {"penalty": L1(1e-3)},
        {"penalty": L2(np.linspace(0, 0.1, D))}, {"optimizer": "svrg"}, {"batch_size": "full"},
    ],
    ids=lambda options: ", ".join(map(str, options)),
)  # fmt: skip
def test_options_together(options):
    """Also those with which all columns are moved."""
    X, y, loss = data()
    given = {"loss": loss, "penalty": L2(1e-3), "optimizer": OPTIMIZERS["diagonal"], "batch_size": 16}
    if options.get("optimizer") == "svrg":
        options = {"optimizer": mb.optimizers.SVRG(preconditioner="diagonal")}
    assert_equal_runs(X, y, **given | {"epochs": 3} | options)


def test_the_default_of_wide_rows():
    X, y, loss = data(d=4100)
    given = {"loss": loss, "penalty": L2(1e-4), "batch_size": 16, "epochs": 2}
    ours, expected = mb.fit(X, y, **given), reference.fit(X, y, **given, optimizer=OPTIMIZERS["diagonal"])
    assert ours.solver.preconditioner == "diagonal"
    assert difference(ours.coef, expected.coef) < 1e-9
    assert is_behind(mb.fit(X, y, **given, stop=MaxSteps(30)))


def test_rare_columns_of_dense_rows_end_in_the_same_place():
    X, y, loss = data()
    given = {"loss": loss, "penalty": L2(0.01), "fit_intercept": False, "batch_size": 16, "epochs": 400}
    given |= {"optimizer": OPTIMIZERS["diagonal"], "stop": mb.stopping.Converged(1e-12)}
    sparse, dense = (mb.fit(rows, y, **given) for rows in (X, X.toarray()))
    np.testing.assert_allclose(sparse.coef, dense.coef, atol=1e-6 * np.abs(dense.coef).max())


def test_the_noise_of_gradients():
    """The norm of a gradient is that of all columns, whichever are moved."""
    X, y, loss = data()
    given = {"loss": loss, "penalty": L2(0.01), "optimizer": OPTIMIZERS["diagonal"], "batch_size": 16}
    ours, expected = (of.fit(X, y, **given, epochs=4, record="noise").history for of in (mb, reference))
    for name in ("trace", "batch_squared_norm", "variance_along"):
        theirs = expected[f"noise_{name}"]
        np.testing.assert_allclose(ours.noise_records[name], theirs, rtol=1e-9, err_msg=name)


# ---- one run in pieces


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("targets", ["two classes", "two numbers"])
def test_resumed_at_any_step(targets, optimizer):
    """Of 19 steps an epoch, with new metrics after the second and the sixth of the first."""
    X, y, loss = data(targets, dtype="float32" if targets == "two numbers" else "float64")
    given = {"loss": loss, "penalty": L2(0.01), "optimizer": OPTIMIZERS[optimizer], "batch_size": 16}
    given |= {"epochs": 3, "record": "step"}
    whole = mb.fit(X, y, **given)
    for n_steps in (1, 2, 3, 6, 7, 18, 19, 20, 30, 38, 56):
        again, begun = cut(X, y, n_steps, **given)
        assert is_behind(begun) == (n_steps % 19 > 0)
        for name in ("coef", "intercept"):
            assert np.asarray(getattr(again, name)).tobytes() == np.asarray(getattr(whole, name)).tobytes()
        for name in ("step_loss", "epoch_loss", "gradient_norm", "learning_rate"):
            np.testing.assert_array_equal(getattr(again.history, name), getattr(whole.history, name), name)
        assert pickle.dumps(again.state["solver"]) == pickle.dumps(whole.state["solver"])
        assert again.state["params"].tobytes() == whole.state["params"].tobytes()


def test_what_is_recorded_changes_no_bits():
    X, y, loss = data()
    given = {"loss": loss, "penalty": L2(0.01), "optimizer": OPTIMIZERS["diagonal"], "batch_size": 16}
    plain = mb.fit(X, y, epochs=3, **given)
    for more in (
        {"record": ("step", "path", "full_loss", "noise")},
        {"validation": (X[:20], y[:20]), "stop": NoImprovement(patience=50, restore_best=False)},
        {"callback": lambda progress: None},
    ):
        assert mb.fit(X, y, epochs=3, **given, **more).coef.tobytes() == plain.coef.tobytes()


@pytest.mark.parametrize("change", ["penalty", "metric", "rows"])
def test_resumed_within_an_epoch_as_another_run(change):
    """Columns make up for the steps that were made, whatever the steps from there on are."""
    X, y, loss = data()
    given = {"loss": loss, "penalty": L2(0.01), "optimizer": OPTIMIZERS["diagonal"], "batch_size": 16}
    begun = mb.fit(X, y, epochs=3, stop=MaxSteps(30), **given)
    expected = reference.fit(X, y, epochs=3, stop=MaxSteps(30), **given)
    assert is_behind(begun)
    assert difference(begun.coef, expected.coef) < 1e-9
    if change == "penalty":
        given["penalty"] = L2(0.02)
    elif change == "metric":
        given["optimizer"] = SAGA(preconditioner=Nystrom(4))
    else:
        y = y.copy()
        y[:100] = 1 - y[:100]
    # One step more is not far from where the run was, as it would be from where columns were last touched.
    again = mb.fit(X, y, epochs=1, resume=begun, stop=MaxSteps(1), **given)
    stale = mb.fit(X, y, epochs=3, stop=MaxSteps(20), **given)
    assert np.abs(again.coef - begun.coef).max() < np.abs(stale.coef - begun.coef).max()
    finished = mb.fit(X, y, epochs=100, resume=begun, **given)
    optimum = mb.fit(X, y, epochs=100, **given)
    assert difference(finished.coef, optimum.coef) < 0.05


# ---- decisions


def test_an_epoch_that_is_taken_back():
    """A rate that is far too long for the columns that all rows have, in epochs of few steps."""
    X, y, _ = data()
    X = sp.csr_array(sp.hstack([X, np.full((N, 3), 5.0)]))
    given = {"loss": "squared_error", "optimizer": SAGA(2.0, preconditioner="diagonal"), "batch_size": 8}
    ours, _ = assert_equal_runs(X, y.astype(float), penalty=L2(0.01), epochs=6, **given)
    assert ours.solver.share < 0.5


@pytest.mark.parametrize(("rate", "alpha"), [(1e3, 1.0), (50.0, 10.0), (1e6, 1.0)])
def test_steps_that_leave_the_finite_numbers(rate, alpha):
    """They are not made, and the run goes back within the epoch, several times."""
    X, y, _ = data()
    given = {
        "loss": "squared_error",
        "penalty": L2(alpha),
        "optimizer": SAGA(rate, preconditioner="diagonal"),
        "batch_size": 4,
    }
    given |= {"epochs": 4, "record": "step"}
    ours, expected = mb.fit(X, y.astype(float), **given), reference.fit(X, y.astype(float), **given)
    assert ours.solver.share < 0.1
    np.testing.assert_allclose(ours.history.step_loss, expected.history["step_loss"], rtol=1e-6)
    for n_steps in (40, 100, 101, 102, 103, 130, 250):
        again, _ = cut(X, y.astype(float), n_steps, **given)
        np.testing.assert_array_equal(again.history.step_loss, ours.history.step_loss)
        assert again.coef.tobytes() == ours.coef.tobytes()


# ---- bits


def coefficients(n_threads):
    results = []
    for dtype in ("float32", "float64"):
        X, y, loss = data("softmax", dtype=dtype, d=6000)
        given = {"loss": loss, "penalty": L2(0.01), "optimizer": OPTIMIZERS["diagonal"], "epochs": 3}
        for batch_size in (16, 100):
            results.append(
                mb.fit(X, y, batch_size=batch_size, n_threads=n_threads, **given).coef.tobytes().hex()
            )
    return results


def test_the_same_bits_on_every_number_of_threads():
    assert coefficients(3) == coefficients(1)


@pytest.mark.parametrize("tier", ["scalar", "avx2"])
def test_the_same_bits_on_every_instruction_set(tier):
    program = f"""
import sys
sys.path.insert(0, {str(Path(__file__).parent)!r})
from test_solver_lazy import coefficients
print(" ".join(coefficients(2)))
"""
    run = run_with(tier, program)
    if "not possible on this processor" in run.stderr:
        pytest.skip(f"no {tier} on this machine")
    assert run.returncode == 0, run.stderr
    assert run.stdout.split() == coefficients(1)


@pytest.mark.parametrize("preconditioner", ["diagonal", None])
@pytest.mark.parametrize("batch_size", [1, 2])
def test_batches_without_an_entry_move_the_intercept(batch_size, preconditioner):
    rng = np.random.default_rng(0)
    X = sp.random_array((240, 40), density=0.06, format="csr", rng=rng)
    y = X @ rng.normal(size=40) + 3 + 0.3 * rng.normal(size=240)
    assert (np.diff(X.indptr) == 0).sum() > 10
    how = {"optimizer": SAGA(preconditioner=preconditioner), "batch_size": batch_size, "epochs": 3}
    runs = [mb.fit(X, y, **how), reference.fit(X, y, **how)]
    np.testing.assert_allclose(runs[0].coef, runs[1].coef, rtol=0, atol=1e-9)
    np.testing.assert_allclose(runs[0].intercept, runs[1].intercept, rtol=0, atol=1e-9)
