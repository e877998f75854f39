"""Options that work alone, together: averages and monitors, records and resume, metrics and shapes."""

import inspect
import pickle

import mbgd_rs as mb
import numpy as np
import pytest
from mbgd_rs import averages, optimizers, reference, sampling, stopping
from sklearn import metrics as sk

RNG = np.random.default_rng(3)
X = RNG.normal(size=(240, 4))
Y = X @ [1.0, -1.0, 2.0, 0.0] + RNG.normal(size=240)
LABELS = np.where(X[:, 0] + RNG.normal(size=240) > 1, "ill", "well")
SGD = optimizers.SGD(0.1)
EXACT = np.linalg.lstsq(np.c_[X, np.ones(240)], Y, rcond=None)
LEAST = EXACT[1][0] / 480


def averaging():
    """Ways to a model that is not where training is."""
    noisy = {"batch_size": 4}
    yield {"optimizer": optimizers.SGD(0.2), "average": "polyak", **noisy}
    yield {"optimizer": optimizers.SGD(0.2), "average": averages.EMA(0.99), **noisy}
    yield {"optimizer": optimizers.ScheduleFreeSGD(0.3), **noisy}


@pytest.mark.parametrize("how", list(averaging()), ids=str)
def test_a_rule_about_the_loss_looks_at_the_model_that_is_given_back(how):
    target = LEAST * 1.03
    free = mb.fit(X, Y, **how, epochs=40, record="full_loss")
    reached = 1 + int(np.argmax(free.history.full_loss <= target))
    assert free.history.full_loss[reached - 1] <= target
    stopped = mb.fit(X, Y, **how, epochs=40, stop=stopping.TargetLoss(target))
    assert (stopped.n_epochs, stopped.stop_reason) == (reached, "target")
    spec = reference.fit(X, Y, **how, epochs=40, stop=stopping.TargetLoss(target))
    assert spec.n_epochs == reached
    rule = stopping.NoImprovement(tol=0, patience=40, restore_best=True)
    best = mb.fit(X, Y, **how, epochs=40, stop=rule)
    assert best.best_epoch == 1 + int(np.argmin(free.history.full_loss))
    assert mb.gradient(X, Y, best)[0] == pytest.approx(free.history.full_loss.min(), rel=1e-12)


def test_an_automatic_rate_ends_a_run_when_the_model_is_there():
    target = LEAST * 1.01
    stopped = mb.fit(X, Y, batch_size=4, epochs=60, stop=stopping.TargetLoss(target))
    assert (stopped.n_epochs < 60, stopped.stop_reason) == (True, "target")
    assert mb.gradient(X, Y, stopped)[0] <= target


def test_where_the_model_is_where_training_is_the_loss_is_that_of_the_epoch():
    free = mb.fit(X, Y, optimizer=SGD, epochs=10)
    target = free.history.epoch_loss[4]
    stopped = mb.fit(X, Y, optimizer=SGD, epochs=10, stop=stopping.TargetLoss(target))
    assert stopped.n_epochs == 1 + int(np.argmax(free.history.epoch_loss <= target))


RECORDS = [
    "epoch",
    "step",
    "full_loss",
    "path",
    "noise",
    ("step", "full_loss"),
    ("step", "path"),
    ("path", "full_loss"),
]


@pytest.mark.parametrize("later", RECORDS, ids=str)
@pytest.mark.parametrize("first", RECORDS, ids=str)
def test_records_of_a_resumed_run_are_about_all_its_steps_or_epochs(first, later):
    how = {"optimizer": SGD, "batch_size": 50}
    a = mb.fit(X, Y, **how, epochs=2, record=first)
    b = mb.fit(X, Y, **how, epochs=3, resume=a, record=later, stop=stopping.MaxSteps(12))
    whole = mb.fit(X, Y, **how, epochs=5, record=("step", "full_loss", "path"), stop=stopping.MaxSteps(22))
    by_epoch = mb.fit(X, Y, **how, epochs=5, record="full_loss", stop=stopping.MaxSteps(22))
    n_steps, n_epochs = 22, 4
    assert (b.n_steps, b.n_epochs) == (n_steps, n_epochs)
    h = b.history
    assert h.epoch_loss.shape == h.epoch_elapsed.shape == (n_epochs,)
    has_steps = "step" in first or "step" in later
    lengths = {"step_loss": n_steps, "learning_rate": n_steps, "gradient_norm": n_steps, "elapsed": n_steps,
               "batch_size": n_steps if has_steps else n_epochs,
               "full_loss": n_steps if has_steps else n_epochs}  # fmt: skip
    for name, length in lengths.items():
        record = getattr(h, name)
        assert len(record) in (0, length), name
        of_whole = getattr(whole.history if length == n_steps else by_epoch.history, name)
        if len(record) and not name.endswith("elapsed"):
            known = ~np.isnan(record.astype(float))
            np.testing.assert_array_equal(record[known], of_whole[known])
            assert known.any(), name
    recorded = [
        whole.history.path[steps]
        for record, steps in ((first, slice(0, 10)), (later, slice(10, None)))
        if "path" in record
    ]
    path = np.concatenate(recorded or [[]])
    np.testing.assert_array_equal(h.path if len(path) else [], path)
    wanted = {"step_loss": "step", "path": "path", "full_loss": "full_loss"}
    for name, record in wanted.items():
        assert bool(len(getattr(h, name))) == (record in first or record in later), name
    assert isinstance(pickle.loads(pickle.dumps(h)), mb.History)


@pytest.mark.parametrize(
    "way", ["stratified", sampling.Stratified(np.arange(240) % 5), sampling.Block(16, 3)], ids=repr
)
@pytest.mark.parametrize("validation", [0.25, "pair"])
def test_ways_of_sampling_go_with_validation_metrics_and_averages(way, validation):
    given = (X[:60], LABELS[:60]) if validation == "pair" else validation
    options = {"loss": "log_loss", "optimizer": SGD, "shuffle": way, "validation": given, "batch_size": 20}
    options |= {
        "metrics": {"right": lambda t, p: np.mean(t == p)},
        "average": "polyak",
        "class_weight": "balanced",
    }
    whole = mb.fit(X, LABELS, **options, epochs=5)
    part = mb.fit(X, LABELS, **options, epochs=2)
    later = mb.fit(X, LABELS, **options, epochs=3, resume=part)
    np.testing.assert_array_equal(later.coef, whole.coef)
    np.testing.assert_array_equal(later.history.metrics["right"], whole.history.metrics["right"])
    np.testing.assert_array_equal(later.history.validation_loss, whole.history.validation_loss)


def auc(y_true, score):
    """The share of pairs in the right order."""
    high, low = score[y_true == "well"], score[y_true == "ill"]
    return np.mean((high[:, None] > low) + 0.5 * (high[:, None] == low))


METRICS = {
    "function of scores": lambda: mb.Metric(auc, needs="score"),
    "function of sklearn": lambda: sk.roc_auc_score,
    "scorer": lambda: sk.get_scorer("roc_auc"),
    "name": lambda: "roc_auc",
}


@pytest.mark.parametrize("kind", METRICS)
@pytest.mark.parametrize("validation", [None, 0.25])
def test_the_area_under_the_curve_is_that_of_the_scores(kind, validation):
    result = mb.fit(
        X, LABELS, loss="log_loss", optimizer=SGD, metrics={"auc": METRICS[kind]()}, validation=validation
    )
    rows = np.arange(240)
    if validation:
        strata = (LABELS == "well").astype(np.uintp)
        rows = np.asarray(mb._core.split(240, validation, strata, 0)[1])
    expected = auc(LABELS[rows], result.decision_function(X[rows]))
    assert result.history.metrics["auc"][-1] == pytest.approx(expected, rel=1e-12)


def test_names_of_scikit_learn():
    three = np.digitize(X[:, 0], [-0.5, 0.5])
    names = ["accuracy", "neg_log_loss", "f1_macro", "roc_auc_ovr"]
    result = mb.fit(X, three, loss="log_loss", optimizer=SGD, metrics=names)
    proba = result.predict_proba(X)
    expected = {
        "accuracy": np.mean(result.predict(X) == three),
        "neg_log_loss": np.log(proba[np.arange(240), three]).mean(),
        "f1_macro": sk.f1_score(three, result.predict(X), average="macro"),
        "roc_auc_ovr": sk.roc_auc_score(three, proba, multi_class="ovr"),
    }
    for name, value in expected.items():
        assert result.history.metrics[name][-1] == pytest.approx(value, rel=1e-9), name
    rule = stopping.NoImprovement("r2", mode="max", patience=3, restore_best=True)
    regression = mb.fit(X, Y, optimizer=SGD, metrics="r2", stop=rule, epochs=50)
    best = regression.history.metrics["r2"].max()
    assert best == pytest.approx(1 - np.mean((regression.predict(X) - Y) ** 2) / Y.var(), rel=1e-9)
    sk_function = mb.fit(X, LABELS, loss="log_loss", optimizer=SGD, metrics=[sk.log_loss, sk.accuracy_score])
    p = sk_function.predict_proba(X)[np.arange(240), (LABELS == "well").astype(int)]
    assert sk_function.history.metrics["log_loss"][-1] == pytest.approx(-np.log(p).mean(), rel=1e-9)


def test_metrics_that_make_no_sense():
    with pytest.raises(ValueError, match=r"metrics must be names that .*get_scorer_names.*got 'acuracy'"):
        mb.fit(X, LABELS, loss="log_loss", metrics="acuracy")
    with pytest.raises(ValueError, match="needs must be one of 'prediction', 'score', 'proba', got 'scores'"):
        mb.Metric(auc, needs="scores")
    with pytest.raises(TypeError, match="function must be callable, got 'auc'"):
        mb.Metric("auc")
    with pytest.raises(ValueError, match="metrics must have different names, got auc, auc"):
        mb.fit(X, LABELS, loss="log_loss", metrics=[mb.Metric(auc, needs="score"), auc])


def test_metrics_by_name_without_scikit_learn(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "sklearn.metrics", None)
    with pytest.raises(ImportError, match=r"mbgd_rs\[sklearn\]"):
        mb.fit(X, LABELS, loss="log_loss", metrics="accuracy")


BEST_JUDGED = stopping.NoImprovement("validation_loss", restore_best=True)
BEST_R2 = stopping.NoImprovement("r2", mode="max", restore_best=True)
OTHER = np.random.default_rng(8).normal(size=(240, 4))
OTHER_Y = OTHER @ [0.0, 1.0, 0.0, -1.0] + 0.1 * np.random.default_rng(9).normal(size=240)


@pytest.mark.parametrize(
    "how",
    [
        {}, {"batch_size": "full"}, {"optimizer": SGD}, {"optimizer": SGD, "average": averages.EMA(0.9)},
        {"optimizer": optimizers.SGD(mb.schedules.Plateau(0.1, n_iter_no_change=2))},
        {"optimizer": SGD, "stop": stopping.NoImprovement(restore_best=True, patience=10)},
        {"optimizer": SGD, "validation": 0.25, "stop": BEST_JUDGED},
        {"optimizer": SGD, "metrics": "r2", "stop": BEST_R2},
        {"stop": stopping.NoImprovement(restore_best=True, patience=10)},
    ],
    ids=str,
)  # fmt: skip
def test_a_run_resumed_on_rows_of_another_law_learns_that_law(how):
    first = mb.fit(X, Y, epochs=20, **how)
    later = mb.fit(OTHER, OTHER_Y, epochs=60, resume=first, **how)
    exact = np.linalg.lstsq(np.c_[OTHER, np.ones(240)], OTHER_Y, rcond=None)[0]
    np.testing.assert_allclose(later.coef, exact[:4], atol=0.05)
    if later.best_epoch is not None:
        assert later.best_epoch > first.n_epochs


@pytest.mark.parametrize(
    "how", [{}, {"batch_size": "full"}, {"stop": stopping.NoImprovement(restore_best=True)}], ids=str
)
def test_a_run_resumed_under_another_penalty_minimises_that(how):
    penalty = mb.penalties.L1(0.3)
    first = mb.fit(X, Y, epochs=20, **how)
    later = mb.fit(X, Y, epochs=80, resume=first, penalty=penalty, **how)
    fresh = mb.fit(X, Y, epochs=200, penalty=penalty, batch_size="full")
    np.testing.assert_allclose(later.coef, fresh.coef, atol=0.05)


def test_what_is_the_best_is_kept_where_the_objective_stays():
    rule = stopping.NoImprovement("validation_loss", restore_best=True, patience=100)
    how = {"optimizer": SGD, "stop": rule, "validation": (X[:50], Y[:50])}
    whole = mb.fit(X, Y, epochs=12, **how)
    later = mb.fit(X, Y, epochs=6, resume=mb.fit(X, Y, epochs=6, **how), **how)
    assert later.best_epoch == whole.best_epoch
    np.testing.assert_array_equal(later.coef, whole.coef)


@pytest.mark.parametrize("strength", [1.0, 0.1])
@pytest.mark.parametrize("kind", ["L1", "L2", "ElasticNet"])
def test_strengths_of_coefficients_have_their_shape(kind, strength):
    Y2 = np.c_[Y, X[:, 3]]
    alpha = strength * RNG.uniform(0, 1, (2, 4))
    make = getattr(mb.penalties, kind)
    how = {"optimizer": SGD, "batch_size": "full", "epochs": 300}
    together = mb.fit(X, Y2, penalty=make(alpha), **how).coef
    apart = [mb.fit(X, Y2[:, c], penalty=make(alpha[c]), **how).coef for c in (0, 1)]
    np.testing.assert_allclose(together, apart, rtol=1e-10, atol=1e-12)
    for wrong in (alpha.T, alpha.reshape(-1, 1), alpha[:1], alpha.ravel()[:3]):
        with pytest.raises(ValueError, match="alpha must have"):
            mb.fit(X, Y2, penalty=make(wrong), **how)
        with pytest.raises(ValueError, match="alpha must have"):
            mb.gradient(X, Y2, (np.zeros((2, 4)), np.zeros(2)), penalty=make(wrong))


def test_signatures_show_what_is_the_default():
    assert inspect.signature(mb.fit).parameters["loss"].default == "squared_error"
