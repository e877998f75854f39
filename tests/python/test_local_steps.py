"""Local SGD: processes that meet now and then. What they do is in `local_steps_cases.py`."""

from pathlib import Path

import mbgd_rs as mb
import numpy as np
import pytest
from test_mpi import run, started

pytest.importorskip("mpi4py", reason="needs mpi4py")

CASES = Path(__file__).with_name("local_steps_cases.py")

pytestmark = pytest.mark.alone


@pytest.mark.parametrize("n_ranks", [3, 4])
def test_every_rule_is_what_the_reference_makes_of_as_many_processes(n_ranks):
    run(n_ranks, "bits", script=CASES)


@pytest.mark.parametrize("n_ranks", [3])
def test_columns_of_sparse_rows_are_up_to_date_where_ranks_meet(n_ranks):
    run(n_ranks, "sparse_rows", script=CASES)


@pytest.mark.parametrize("n_ranks", [3])
def test_what_is_gone_on_with_has_the_same_bits(n_ranks, tmp_path):
    run(n_ranks, "resumes", tmp_path, script=CASES)


@pytest.mark.parametrize("n_ranks", [2])
def test_who_looks_does_so_where_ranks_meet(n_ranks):
    run(n_ranks, "looks", script=CASES)


@pytest.mark.parametrize("n_ranks", [2, 3])
def test_what_ends_one_rank_ends_all_where_they_have_met(n_ranks):
    run(n_ranks, "errors", script=CASES)


@pytest.mark.parametrize("n_ranks", [3, 4])
def test_ranks_exchange_as_often_as_they_meet(n_ranks):
    run(n_ranks, "messages", script=CASES)


@pytest.mark.parametrize("n_ranks", [2])
def test_a_small_problem_is_solved(n_ranks):
    run(n_ranks, "converges", script=CASES)


def test_nobody_waits_for_a_rank_that_is_killed_and_checkpoints_are_whole(tmp_path):
    process = started(2, "killed", tmp_path, script=CASES)
    try:
        process.communicate(timeout=60)
        assert process.returncode != 0
    finally:
        process.kill()
    saved = mb.load(sorted(tmp_path.glob("step-*"))[-1])
    assert saved.n_steps % 21 in (0, 7, 14)  # 203 rows in batches of 10


X = np.random.default_rng(0).standard_normal((60, 3))
Y = X[:, 0] > 0
PLAIN = {"loss": "log_loss", "batch_size": 8, "epochs": 2}


def test_one_process_makes_the_plain_steps():
    for k in (1, 4):
        one = mb.fit(X, Y, **PLAIN, optimizer="adam", sync_every=k)
        other = mb.fit(X, Y, **PLAIN, optimizer="adam")
        assert np.array_equal(one.coef, other.coef)


def test_the_optimizer_that_is_chosen_makes_steps_of_one_kind():
    r = mb.fit(X, Y, **PLAIN, sync_every=4)
    assert r.arguments["optimizer"] == mb.optimizers.Adagrad(0.1)
    assert "on their own" in r.solver.reason if r.solver is not None else True


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"optimizer": "saga"}, "optimizer must not reduce the variance of gradients with sync_every=4"),
        ({"optimizer": mb.optimizers.SVRG(preconditioner=None)}, "with sync_every=4.*got SVRG"),
        (
            {"optimizer": mb.optimizers.SGD(preconditioner="diagonal")},
            "preconditioner must be None with sync_every=4",
        ),
        ({"optimizer": "ftrl"}, "must remember no sums that its parameters follow from.*got FTRL"),
        (
            {"optimizer": mb.optimizers.SGD("auto")},
            "learning_rate must be a number.*sync_every=4.*got 'auto'",
        ),
        ({"batch_size": mb.batch_sizes.NormTest(8)}, "batch_size must be known before.*got a NormTest"),
        ({"record": "step"}, "record must be of epochs with sync_every=4.*got step"),
        ({"record": ("epoch", "path")}, "got path"),
        ({"record": "noise"}, "got noise"),
        ({"sync_every": 0}, "sync_every must be >= 1, got 0"),
        ({"sync_every": -3}, "sync_every must be >= 1, got -3"),
    ],
)
def test_what_cannot_be_done_is_refused_by_name(arguments, message):
    with pytest.raises(ValueError, match=message):
        mb.fit(X, Y, **{**PLAIN, "optimizer": "adam", "sync_every": 4, **arguments})


@pytest.mark.parametrize("wrong", [1.5, "4", [4]])
def test_only_a_number_of_steps_will_do(wrong):
    with pytest.raises(TypeError, match="sync_every"):
        mb.fit(X, Y, **PLAIN, sync_every=wrong)


def test_a_source_is_refused():
    source = mb.sources.Arrays(X, Y)
    with pytest.raises(ValueError, match="sync_every must be None where X is a source, got 4"):
        mb.fit(source, **PLAIN, sync_every=4)
