"""A rate that nobody has to tune beside everything else that a fit can be asked for."""

import mbgd_rs as mb
import numpy as np
import pytest
import scipy.sparse as sp
from mbgd_rs.optimizers import SGD
from mbgd_rs.stopping import MaxSteps, NoImprovement

RNG = np.random.default_rng(8)
N, D = 203, 4
X = RNG.normal(size=(N, D)) * [1, 3, 0.5, 2]
Y = X @ RNG.normal(size=D) + RNG.normal(size=N)
LABELS = (Y > 0).astype(int)
CASES = {
    "accumulated": {"accumulate": 3},
    "accumulated, all": {"accumulate": 13},
    "accumulated, all that are kept": {"accumulate": 13, "drop_last": True},
    "growing batches": {"batch_size": mb.batch_sizes.Growing(8, 2.0, every=2)},
    "batches of all and then of few": {"batch_size": mb.batch_sizes.PerEpoch([N, 16])},
    "penalty by column": {"penalty": mb.penalties.ElasticNet([0.0, 3.0, 0.1, 1.0], 0.5)},
    "weight decay": {"optimizer": SGD(weight_decay=0.5)},
    "weight decay, all": {"optimizer": SGD(weight_decay=0.5), "batch_size": "full"},
    "dampening": {"optimizer": SGD(momentum=0.9, dampening=0.5)},
    "no momentum left": {"optimizer": SGD(momentum=0.5, dampening=1.0)},
    "drawn by weights": {"shuffle": mb.sampling.Weighted(np.arange(1, N + 1.0))},
    "drawn by weights, corrected": {
        "shuffle": mb.sampling.Weighted(np.arange(1, N + 1.0), correct_bias=True)
    },
    "drawn by weights, corrected, all": {
        "shuffle": mb.sampling.Weighted(np.arange(1, N + 1.0), correct_bias=True), "batch_size": "full"
    },
    "blocks": {"shuffle": "block"},
    "validation": {"validation": 0.3, "sample_weight": RNG.uniform(0, 2, N)},
    "validation, all": {"validation": 0.3, "batch_size": "full"},
    "a model kept": {"validation": 0.3, "stop": NoImprovement("validation_loss", restore_best=True)},
    "steps": {"stop": MaxSteps(30)},
    "average": {"average": mb.averages.Polyak(start=20)},
    "clipped": {"clip_norm": 0.5},
    "clipped entries, all": {"clip_value": 0.5, "batch_size": "full"},
    "huber": {"loss": mb.losses.Huber(0.5)},
    "log cosh, all": {"loss": "log_cosh", "batch_size": "full"},
    "quantile": {"loss": mb.losses.Quantile(0.3)},
    "poisson": {"loss": "poisson", "y": np.round(np.exp(np.clip(Y, -2, 2)))},
    "squared hinge": {"loss": "squared_hinge", "y": LABELS},
    "modified huber, all": {"loss": "modified_huber", "y": LABELS, "batch_size": "full"},
    "smooth hinge": {"loss": mb.losses.SmoothHinge(0.3), "y": LABELS},
    "focal": {"loss": mb.losses.Focal(1.5), "y": LABELS, "class_weight": "balanced"},
    "several targets": {"y": np.column_stack([Y, -Y, X[:, 0]])},
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("kind", [np.asarray, sp.csr_matrix])
def test_it_goes_the_way_of_the_reference(case, kind):
    arguments = {
        "y": Y,
        "batch_size": 16,
        "epochs": 6,
        "record": ("step", "path", "full_loss"),
        "optimizer": "sgd",
        **CASES[case],
    }
    ours, expected = mb.fit(kind(X), **arguments), mb.reference.fit(X, **arguments)
    for record in ("learning_rate", "path", "full_loss", "step_loss"):
        values = getattr(ours.history, record), expected.history[record]
        np.testing.assert_allclose(*values, rtol=1e-5, atol=1e-7, err_msg=record)
    np.testing.assert_allclose(ours.coef, expected.coef, rtol=1e-5, atol=1e-7)
    assert ours.n_steps == expected.n_steps


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("n_first", [1, 5, 13, 27])
def test_a_run_cut_anywhere_is_the_run(case, n_first):
    arguments = {
        "y": Y, "batch_size": 16, "epochs": 4, "record": ("step", "path"), "optimizer": "sgd", **CASES[case]
    }  # fmt: skip
    if "stop" in arguments:
        pytest.skip("cuts by itself")
    whole = mb.fit(X, **arguments)
    run = mb.fit(X, **arguments, stop=MaxSteps(n_first))
    run = mb.fit(X, **{**arguments, "epochs": 4 - run.n_epochs}, resume=run)
    assert run.coef.tobytes() == whole.coef.tobytes()
    assert run.history.path.tobytes() == whole.history.path.tobytes()
    assert run.auto_rate == whole.auto_rate


def test_entries_of_one_column_add_up_before_they_are_squared():
    rows = sp.csr_matrix(([1.0, 2.0, 3.0, 1.0], [2, 0, 2, 1], [0, 3, 4]), shape=(2, 3))
    assert rows.nnz == 4
    found = mb.fit(rows, [1.0, 2.0], epochs=1, optimizer="sgd").auto_rate
    assert found.row_smoothness == pytest.approx(2.0**2 + 4.0**2 + 1)
    dense = mb.fit(rows.toarray(), [1.0, 2.0], epochs=1, optimizer="sgd").auto_rate
    assert found.smoothness == pytest.approx(dense.smoothness, rel=1e-12)


def test_only_the_rows_learned_from_count():
    wild = np.vstack([X, np.full((50, D), 1e6)])
    y = np.append(Y, np.zeros(50))
    weights = np.append(np.ones(N), np.zeros(50))
    split = mb.fit(X, Y, validation=(wild[N:], y[N:]), epochs=1, optimizer="sgd").auto_rate
    assert split == mb.fit(X, Y, epochs=1, optimizer="sgd").auto_rate
    weightless = mb.fit(wild, y, sample_weight=weights, epochs=1, optimizer="sgd").auto_rate
    assert weightless.row_smoothness == pytest.approx(split.row_smoothness * (N + 50) / N)


def test_an_average_or_a_model_kept_comes_before_its_own():
    options = {"batch_size": 16, "epochs": 5, "record": "path", "optimizer": "sgd"}
    averaged = mb.fit(X, Y, **options, average="polyak")
    assert averaged.history.path[-1].tolist() == [*averaged.coef, averaged.intercept]
    scripted = iter([3.0, 1.0, 2.0, 2.0, 2.0])
    rule = NoImprovement("m", patience=9, restore_best=True)
    kept = mb.fit(X, Y, **options, stop=rule, metrics={"m": lambda y_true, y_pred: next(scripted)})
    assert kept.best_epoch == 2
    assert kept.history.path[2 * 13 - 1].tolist() == [*kept.coef, kept.intercept]


def test_a_sparse_run_cut_within_an_epoch_keeps_the_rate_it_was_given():
    rows = sp.csr_matrix(([1.0, 2.0] * 100, np.arange(200) * 7 % 5000, np.arange(201)), shape=(200, 5000))
    y = np.ones(200)
    given = mb.fit(rows, y, batch_size=8, penalty="l2", optimizer=SGD(0.01), stop=MaxSteps(3))
    with pytest.raises(ValueError, match=r"learning_rate must be a number, .* got 'auto'"):
        mb.fit(rows, y, batch_size=8, penalty="l2", resume=given, optimizer="sgd")
