"""`optimizer="auto"`: which optimizer is taken, why, for how long, and what the result says of it."""

import pickle
import warnings

import mbgd_rs as mb
import numpy as np
import pytest
from mbgd_rs.optimizers import SAGA, SGD, SVRG
from mbgd_rs.penalties import L1, L2
from mbgd_rs.sampling import Weighted
from scipy.sparse import csr_array
from solver_cases import PROBLEMS, N, case

KINKED = ["absolute_error", "epsilon_insensitive", "quantile", "hinge", "perceptron", "crammer_singer"]


@pytest.mark.parametrize("loss", PROBLEMS)
def test_smooth_losses_are_for_saga(loss):
    problem = case(loss, L2(0.1))
    result = problem.fit("auto")
    assert type(result.arguments["optimizer"]) is SAGA
    assert (result.solver.optimizer, result.solver.reason) == ("saga", "a smooth loss on dense rows")
    assert result.stop_reason == "converged"
    assert 0 <= result.solver.gap <= 1e-4
    assert result.solver.preconditioner == "newton"
    assert 0.3 < result.solver.smoothness < 3
    assert 0 < result.solver.share <= 0.5
    assert result.solver.n_builds >= 1


@pytest.mark.parametrize("loss", KINKED)
def test_losses_with_a_kink_are_for_descent(loss):
    X, y = case("log_loss").X, case("log_loss").y
    result = mb.fit(X, y, loss=loss)
    assert type(result.arguments["optimizer"]) is SGD
    assert result.solver.reason == f"the slope of {loss} jumps, so that gradients keep their noise"
    assert (result.solver.gap, result.solver.n_builds, result.n_epochs) == (None, 1, 10)
    assert result.solver.preconditioner == "diagonal"


@pytest.mark.parametrize("options", [{"replacement": True}, {"shuffle": Weighted(np.ones(N))}])
def test_drawn_rows_are_for_descent(options):
    result = case("log_loss", L2(0.1)).fit("auto", **options)
    assert type(result.arguments["optimizer"]) is SGD
    assert result.solver.reason.startswith("rows are drawn")


def test_sparse_rows_are_not_centred():
    result = case("log_loss", L2(0.1), is_sparse=True).fit("auto")
    assert result.solver.optimizer == "saga"
    assert "sparse" in result.solver.reason
    assert not np.any(result.state["solver"]["centre"])


def test_an_l1_part_takes_a_sketch():
    result = case("log_loss", L1(0.01)).fit("auto")
    assert result.solver.preconditioner.startswith("nystrom of rank ")


def test_many_columns_take_a_sketch():
    problem = case("log_loss", L2(0.1), n=300, d=200)
    result = problem.fit("auto")
    assert result.solver.preconditioner.startswith("nystrom of rank ")


@pytest.mark.parametrize(
    "optimizer", [SAGA(0.1), SVRG(0.1), SGD(0.1), SGD(preconditioner="newton"), "adam", "sgd"]
)
def test_other_runs_have_ten_epochs(optimizer):
    assert case("log_loss", L2(0.1)).fit(optimizer).n_epochs == 10


@pytest.mark.parametrize("optimizer", ["saga", "svrg", SAGA(preconditioner=None)])
def test_runs_of_solvers_end_by_themselves(optimizer):
    result = case("log_loss", L2(0.1)).fit(optimizer)
    assert result.stop_reason == "converged"
    assert result.solver.reason is None


def test_a_rule_of_ones_own_is_the_only_one():
    problem = case("log_loss", L2(0.1))
    runs = [problem.fit("auto", stop=mb.stopping.Converged(tol)) for tol in (1e-2, 1e-8)]
    assert runs[0].n_epochs < problem.fit("auto").n_epochs < runs[1].n_epochs


def test_a_run_without_an_optimum_warns():
    X = case("log_loss").X
    with pytest.warns(mb.ConvergenceWarning) as caught:
        result = mb.fit(X, X[:, 0] > 0, loss="log_loss")
    text = str(caught[0].message)
    for part in ("has not converged in 1000 epochs", "epochs=", "resume=", "Converged(tol=", "separable"):
        assert part in text
    assert f"{result.solver.gap:.1e} of the objective" in text
    assert np.isfinite(result.coef).all()
    assert ((result.decision_function(X) > 0) == (X[:, 0] > 0)).all()


def test_nobody_is_told_to_give_a_penalty_that_is_given():
    X = case("log_loss").X
    with pytest.warns(mb.ConvergenceWarning, match=r"larger tol$"):
        mb.fit(X, X[:, 0] > 0, loss="log_loss", penalty=mb.penalties.L1(1e-12))


def test_epochs_that_are_given_do_not_warn():
    X = case("log_loss").X
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        mb.fit(X, X[:, 0] > 0, loss="log_loss", epochs=20)


@pytest.mark.parametrize(
    "optimizer", ["auto", "svrg", SAGA(preconditioner=None), SGD(preconditioner="diagonal")]
)
def test_what_a_solver_has_found_survives_pickling(optimizer):
    result = case("log_loss", L2(0.1)).fit(optimizer)
    assert pickle.loads(pickle.dumps(result)).solver == result.solver
    assert eval(repr(result.solver), {"Solver": mb.Solver}) == result.solver
    assert eval(repr(result.arguments["optimizer"]), {"SAGA": SAGA, "SVRG": SVRG, "SGD": SGD,
                "Diagonal": mb.preconditioners.Diagonal}) == result.arguments["optimizer"]  # fmt: skip


def test_no_metric_is_none():
    assert case("log_loss", L2(0.1)).fit(SAGA(preconditioner=None)).solver.preconditioner is None
    assert case("log_loss", L2(0.1)).fit("adam").solver is None


def test_targets_of_a_log_link_begin_at_their_mean():
    """Counts of a million are far from exp(0)."""
    X, y = case("poisson").X, case("poisson").y * 1e6
    result = mb.fit(csr_array(X), y, loss="poisson", penalty=L2(0.1))
    assert result.predict(X).mean() == pytest.approx(y.mean(), rel=0.01)
