"""Runs of solvers have the same bits for all threads and instruction sets, and in however many pieces."""

import hashlib
import json
import pickle
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from mbgd_rs.batch_sizes import NormTest
from mbgd_rs.optimizers import SAGA, SGD, SVRG
from mbgd_rs.penalties import L1, L2
from mbgd_rs.preconditioners import Nystrom
from mbgd_rs.stopping import MaxSteps
from solver_cases import case
from test_same_bits import must_have, run_with

OPTIMIZERS = {
    "saga": SAGA(),
    "saga, plain": SAGA(preconditioner=None),
    "saga, nystrom": SAGA(preconditioner="nystrom"),
    "saga, given rate": SAGA(0.1),
    "svrg": SVRG(),
    "svrg, diagonal": SVRG(preconditioner="diagonal"),
    "svrg, every second epoch": SVRG(preconditioner=Nystrom(3), snapshot_every=2),
    "sgd": SGD(preconditioner="auto"),
    "sgd, momentum": SGD(0.005, momentum=0.5, preconditioner="newton"),
}
LOSSES = ["squared_error of two", "log_loss, softmax", "poisson"]
OPTIONS = {
    "plain": {},
    "validation": {"validation": 0.2},
    "accumulate": {"accumulate": 2},
    "ema": {"average": "ema"},
    "polyak": {"average": "polyak"},
    "growing": {"batch_size": NormTest(8)},
    "clip": {"clip_norm": 0.5},
    "blocks": {"shuffle": "block", "drop_last": True},
}


def runs(**options):
    """Everything that is computed, by case."""
    for dtype in ("float32", "float64"):
        for is_sparse in (False, True):
            for loss in LOSSES:
                problem = case(loss, L2(1e-3), is_sparse, dtype, n=500, d=21)
                for name, optimizer in OPTIMIZERS.items():
                    for batch_size in (23, 400):
                        run = problem.fit(
                            optimizer,
                            epochs=2,
                            batch_size=batch_size,
                            record=("step", "full_loss"),
                            **options,
                        )
                        label = f"{dtype}, {is_sparse}, {loss}, {name}, {batch_size}"
                        yield label, run
    # Large enough for metrics to be built by several threads.
    for name in ("saga", "saga, nystrom", "svrg"):
        problem = case("log_loss", L2(1e-3), n=2300, d=120)
        yield name, problem.fit(OPTIMIZERS[name], epochs=2, batch_size=64, **options)


def digest_of(run):
    digest = hashlib.sha256()
    h = run.history
    for array in (run.coef, run.intercept, h.step_loss, h.gradient_norm, h.learning_rate, h.full_loss):
        digest.update(np.ascontiguousarray(array).tobytes())
    digest.update(repr(run.solver).encode())
    return digest.hexdigest()


@cache
def fingerprints(n_threads):
    return {label: digest_of(run) for label, run in runs(n_threads=n_threads)}


@pytest.mark.parametrize("n_threads", [2, 3, 7])
def test_threads(n_threads):
    assert fingerprints(n_threads) == fingerprints(1)


@pytest.mark.parametrize("tier", ["scalar", "avx2", "avx512", "neon"])
def test_instruction_sets(tier):
    program = f"""
import json, sys
sys.path.insert(0, {str(Path(__file__).parent)!r})
from test_solver_bits import fingerprints
print(json.dumps(fingerprints(n_threads=2)))
"""
    run = run_with(tier, program)
    if "not possible on this processor" in run.stderr and not must_have(tier):
        pytest.skip(f"no {tier} on this machine")
    assert run.returncode == 0, run.stderr
    assert json.loads(run.stdout) == fingerprints(1)


def assert_same(pieces, whole):
    for name in ("coef", "intercept"):
        assert np.asarray(getattr(pieces, name)).tobytes() == np.asarray(getattr(whole, name)).tobytes()
    assert (pieces.n_steps, pieces.n_epochs) == (whole.n_steps, whole.n_epochs)
    for name in ("step_loss", "epoch_loss", "learning_rate", "gradient_norm", "validation_loss"):
        ours, theirs = getattr(pieces.history, name), getattr(whole.history, name)
        np.testing.assert_array_equal(ours, theirs, name)
    ours, theirs = pieces.state["solver"], whole.state["solver"]
    assert pickle.dumps(ours["variate"]) == pickle.dumps(theirs["variate"])
    assert pieces.solver == whole.solver


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("options", OPTIONS)
def test_resumed_at_any_step(options, optimizer):
    """Cut within epochs and at their ends, pickled, and gone on with."""
    for i, loss in enumerate(("squared_error", "log_loss, softmax", "poisson")):
        problem = case(loss, L2(1e-3), is_sparse=i == 1, dtype="float32" if i == 2 else "float64", n=70)
        given = {"batch_size": 8, "record": "step", "seed": 3, **OPTIONS[options]}
        whole = problem.fit(OPTIMIZERS[optimizer], epochs=4, **given)
        steps = [*range(1, 5), *range(5 + i, whole.n_steps, 4)]
        for n in steps:
            begun = problem.fit(OPTIMIZERS[optimizer], epochs=4, stop=MaxSteps(n), **given)
            begun = pickle.loads(pickle.dumps(begun))
            left = 4 - begun.n_epochs
            assert_same(problem.fit(OPTIMIZERS[optimizer], epochs=left, resume=begun, **given), whole)


@pytest.mark.parametrize("optimizer", ["saga", "saga, plain", "svrg, diagonal"])
def test_resumed_with_a_kink_in_the_penalty(optimizer):
    problem = case("log_loss", L1(0.02), n=70)
    given = {"batch_size": 8, "record": "step"}
    whole = problem.fit(OPTIMIZERS[optimizer], epochs=4, **given)
    for n in range(1, whole.n_steps):
        begun = problem.fit(OPTIMIZERS[optimizer], epochs=4, stop=MaxSteps(n), **given)
        left = 4 - begun.n_epochs
        assert_same(problem.fit(OPTIMIZERS[optimizer], epochs=left, resume=begun, **given), whole)


class Cut(Exception):
    """Raised by a callback."""


@pytest.mark.parametrize("error", [Cut, KeyboardInterrupt])
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_gone_on_with_after_an_interruption(optimizer, error):
    problem = case("log_loss, softmax", L2(1e-3), n=70)
    given = {"batch_size": 8, "record": "step"}

    def callback(progress):
        if progress.epoch == 2:
            raise error

    whole = problem.fit(OPTIMIZERS[optimizer], epochs=4, **given)
    with pytest.raises(error) as raised:
        problem.fit(OPTIMIZERS[optimizer], epochs=4, callback=callback, **given)
    begun = raised.value.result
    assert_same(problem.fit(OPTIMIZERS[optimizer], epochs=4 - begun.n_epochs, resume=begun, **given), whole)
