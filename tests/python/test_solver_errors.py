"""What solvers refuse, by argument and condition, and how they go on with what has changed."""

from dataclasses import replace

import mbgd_rs as mb
import numpy as np
import pytest
from mbgd_rs.optimizers import SAGA, SGD, SVRG
from mbgd_rs.penalties import L1, L2, ElasticNet, GroupL1
from mbgd_rs.preconditioners import Nystrom
from mbgd_rs.sampling import Weighted
from mbgd_rs.stopping import Converged
from solver_cases import N, case, flat, newton_optimum


@pytest.mark.parametrize("options", [{"replacement": True}, {"shuffle": Weighted(np.ones(N))}])
@pytest.mark.parametrize("kind", [SAGA, SVRG])
def test_rows_are_not_drawn(kind, options):
    with pytest.raises(ValueError, match=rf"shuffle must give every row once .* with {kind.__name__}"):
        case("log_loss").fit(kind(), **options)


@pytest.mark.parametrize("optimizer", ["adam", "sgd", SGD(0.1), "schedule_free_sgd"])
def test_only_a_solver_knows_how_far_the_optimum_is(optimizer):
    with pytest.raises(ValueError, match=r"stop must not have Converged with .* only SAGA, SVRG and SGD"):
        case("log_loss").fit(optimizer, stop=Converged())


@pytest.mark.parametrize("penalty", [L1(0.1), ElasticNet(0.1, 0.5), GroupL1(0.1)])
@pytest.mark.parametrize("kind", [SAGA, SVRG, SGD])
def test_a_full_metric_has_no_proximal_map(kind, penalty):
    with pytest.raises(ValueError, match=r"preconditioner must be 'nystrom', .* needs a metric of low rank"):
        case("log_loss", penalty).fit(kind(preconditioner="newton"))


@pytest.mark.parametrize("preconditioner", ["nystrom", Nystrom(3)])
@pytest.mark.parametrize("kind", [SAGA, SVRG, SGD])
def test_groups_need_a_diagonal(kind, preconditioner):
    with pytest.raises(ValueError, match=r"preconditioner must be 'diagonal', .* a penalty of groups"):
        case("log_loss", GroupL1(0.1)).fit(kind(preconditioner=preconditioner))


@pytest.mark.parametrize(
    ("make", "error", "match"),
    [
        (lambda: Nystrom(0), ValueError, "rank must be >= 1, got 0"),
        (lambda: Nystrom(-3), ValueError, "rank must be >= 1, got -3"),
        (lambda: Nystrom(1.5), TypeError, "rank must be an integer, got 1.5"),
        (lambda: Nystrom("many"), TypeError, "rank must be an integer or 'auto', got 'many'"),
        (lambda: SAGA(preconditioner="hessian"), ValueError, "preconditioner must be .* got 'hessian'"),
        (lambda: SVRG(preconditioner=3), TypeError, "preconditioner must be .* got 3"),
        (lambda: SGD(preconditioner="hessian"), ValueError, "preconditioner must be .* got 'hessian'"),
        (lambda: SVRG(snapshot_every=0), ValueError, "snapshot_every must be >= 1, got 0"),
        (lambda: SAGA("fast"), TypeError, "learning_rate must be .* got 'fast'"),
        (lambda: Converged(0), ValueError, "tol must be finite and > 0, got 0"),
        (lambda: Converged(np.inf), ValueError, "tol must be finite and > 0, got inf"),
    ],
)
def test_values_that_make_no_sense(make, error, match):
    with pytest.raises(error, match=match):
        make()


def test_another_solver_does_not_go_on():
    problem = case("log_loss", L2(0.1))
    with pytest.raises(ValueError, match="resume must be a run with optimizer='SVRG', got one with 'SAGA'"):
        problem.fit("svrg", resume=problem.fit("saga", epochs=2), epochs=2)


@pytest.mark.parametrize("kind", [SAGA, SVRG])
def test_other_rows_begin_anew_and_reach_their_optimum(kind):
    problem = case("log_loss", L2(0.1))
    begun = problem.fit(kind(), epochs=3, batch_size=16)
    fewer = replace(problem, X=problem.X[:100], y=problem.y[:100])
    on = fewer.fit(kind(), epochs=200, batch_size=16, resume=begun, stop=Converged(1e-10))
    assert fewer.value(on) == pytest.approx(newton_optimum(fewer), rel=1e-8)


@pytest.mark.parametrize("change", [SAGA(0.05), SAGA(preconditioner="diagonal"), SAGA(preconditioner=None)])
def test_another_metric_or_rate_goes_on(change):
    problem = case("log_loss", L2(0.1))
    begun = problem.fit(SAGA(), epochs=3, batch_size=16)
    on = problem.fit(change, epochs=50, batch_size=16, resume=begun)
    assert problem.value(on) <= problem.value(begun) * (1 + 1e-6)
    assert np.isfinite(flat(on)).all()


@pytest.mark.parametrize(
    ("field", "value", "match"),
    [
        ("variate", ("map", np.zeros(N), np.zeros(7), True), "slopes as they were saved"),
        ("variate", ("table", np.full(N, np.nan), np.zeros(7), True), "finite, got NaN"),
        ("variate", ("table", np.zeros(N), np.zeros(3), True), "must be a vector of"),
        ("centre", np.zeros(2), r"must be vectors of 3 numbers, got 49"),
        ("metric", ((np.inf, 1.0, 0.0), None, np.eye(7).ravel()), "a metric as it was saved"),
        ("metric", ((1.0, 1.0, 0.0), None, np.eye(7).ravel()[:8]), "vectors of 7 numbers"),
        ("share", -np.inf, "share.* must be a finite number"),
        ("refuge", np.zeros(3), r"refuge.* must be a vector of"),
        ("penalty", np.zeros(2), "penalty.* must be 6 numbers, got 2"),
        ("losses", np.array([0.1, np.nan]), "losses.* must be finite, got NaN"),
        ("n_builds", -1, "n_builds.* must be an integer"),
    ],
)
def test_a_changed_state_is_refused_by_the_name_of_the_field(field, value, match):
    problem = case("log_loss", L2(0.1))
    begun = problem.fit(SAGA(), epochs=2)
    begun.state["solver"] = begun.state["solver"] | {field: value}
    with pytest.raises(ValueError, match=match):
        problem.fit(SAGA(), epochs=2, resume=begun)


def test_a_missing_field_is_named():
    problem = case("log_loss", L2(0.1))
    for field in problem.fit(SAGA(), epochs=2).state["solver"]:
        begun = problem.fit(SAGA(), epochs=2)
        del begun.state["solver"][field]
        with pytest.raises(ValueError, match=field):
            problem.fit(SAGA(), epochs=2, resume=begun)


def test_auto_is_not_a_name_of_other_optimizers():
    with pytest.raises((TypeError, ValueError), match="learning_rate"):
        mb.optimizers.Adam(learning_rate="auto")
