"""`fit(model=...)` and `gradient(model=...)`: every model with all else that a fit has."""

import math
import warnings

import mbgd_rs as mb
import numpy as np
import pandas as pd
import pytest
import scipy.sparse
from mbgd_rs import averages, models, optimizers, penalties, reference, stopping
from mbgd_rs.models import MLP, FactorizationMachine
from model_cases import ADAM, BEYOND, MODELS, TARGETS, D, N, X, Z, flat, n_outputs, rows_of, scores_of

Y = Z[:, 0]


def of_models(test):
    return pytest.mark.parametrize("model", MODELS.values(), ids=MODELS)(test)


def of_others(test):
    return pytest.mark.parametrize("model", BEYOND.values(), ids=BEYOND)(test)


def of_targets(test):
    return pytest.mark.parametrize("name", TARGETS)(test)


def same(one, other):
    """Equal bits of two results."""
    assert flat(one).tobytes() == flat(other).tobytes()


def options(**more):
    return {"optimizer": ADAM, "batch_size": 16, "epochs": 3, **more}


# ---- results


@of_models
@of_targets
@pytest.mark.parametrize("kind", ["float64", "float32", "sparse", "sparse float32"])
def test_predictions_follow_from_the_parameters(kind, name, model):
    (y, loss), rows = TARGETS[name], rows_of(kind)
    result = mb.fit(rows, y, model=model, loss=loss, **options())
    k, is_vector = n_outputs(name)
    assert (result.n_columns, result.n_outputs, result.is_vector) == (D, k, is_vector)
    assert (result.dtype, result.model, result.n_params) == (rows.dtype, model, sum(model.size(D, k)))
    z = scores_of(result, rows)
    tolerance = {"rtol": 1e-4, "atol": 1e-4} if rows.dtype == np.float32 else {"rtol": 1e-9, "atol": 1e-9}
    said = result.decision_function(rows)
    assert said.shape == ((N,) if is_vector else (N, k))
    assert said.dtype == rows.dtype
    np.testing.assert_allclose(said.reshape(N, k), z, **tolerance)
    predicted = result.predict(rows)
    if result.classes is None:
        means = np.exp(z) if loss == "poisson" else z
        np.testing.assert_allclose(predicted, means.reshape(said.shape), **tolerance)
        return
    index = said.argmax(axis=1) if k == 3 else (said > 0).astype(int)
    np.testing.assert_array_equal(predicted, result.classes[index])
    probabilities = result.predict_proba(rows)
    assert probabilities.shape == (N, 2 if is_vector else k)
    if name != "labels":
        np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-5)


@of_targets
def test_blocks_have_the_shapes_that_models_say(name):
    (y, loss), (k, is_vector) = TARGETS[name], n_outputs(name)
    lead = () if is_vector else (k,)
    for model in MODELS.values():
        result = mb.fit(X, y, model=model, loss=loss, **options(epochs=1))
        assert tuple(result.params) == model.blocks
        shapes = {
            block: [a.shape for a in values] if isinstance(values, list) else np.shape(values)
            for block, values in result.params.items()
        }
        if isinstance(model, MLP):
            layers = model.layers(D, k)
            assert shapes == {"coefs": layers, "intercepts": [(n_out,) for _, n_out in layers]}
        elif isinstance(model, FactorizationMachine):
            assert shapes == {"bias": lead, "coef": (*lead, D), "factors": (*lead, D, 3)}
        else:
            assert shapes == {"coef": (*lead, D), "intercept": lead}
        assert np.isscalar(result.params.get("bias", result.params.get("intercept"))) or not is_vector or (
            isinstance(model, MLP)
        )  # fmt: skip


@of_others
def test_coef_and_intercept_are_of_linear_models(model):
    result = mb.fit(X, Y, model=model, **options(epochs=1))
    for name in ("coef", "intercept"):
        assert not hasattr(result, name)
        blocks = ", ".join(f'"{block}"' for block in model.blocks)
        with pytest.raises(
            AttributeError, match=f"model '{model.name}' has no {name}: its params has {blocks}"
        ):
            getattr(result, name)
    linear = mb.fit(X, Y, **options())
    assert linear.coef is linear.params["coef"]
    assert linear.intercept is linear.params["intercept"]


@of_models
def test_a_result_shows_itself(model):
    result = mb.fit(X, Y, model=model, **options(epochs=1))
    shown, table = repr(result), result._repr_html_()
    if model.name == "linear":
        assert "coef=float64[4]" in shown
    else:
        assert f"model={model}, n_params={result.n_params}, dtype=float64" in shown
    assert type(model).__name__ in table
    for block in model.blocks:
        assert f">{block}<" in table


def test_models_by_name():
    for name, model in (
        ("linear", models.Linear()),
        ("mlp", MLP()),
        ("factorization_machine", FactorizationMachine()),
    ):
        same(mb.fit(X, Y, model=name, **options()), mb.fit(X, Y, model=model, **options()))
    same(mb.fit(X, Y, **options()), mb.fit(X, Y, model="linear", **options()))
    same(mb.fit(X, Y, model="MLP", **options()), mb.fit(X, Y, model="mlp", **options()))


# ---- against the reference

OPTIONS = {
    "weights": {"sample_weight": np.linspace(0, 2, N)},
    "offset": {"offset": np.sin(np.arange(N))},
    "validation": {"validation": 0.25},
    "accumulate": {"accumulate": 3},
    "clip": {"clip_norm": 0.5},
    "cut off": {"clip_value": 0.05},
    "average": {"average": averages.EMA(0.9)},
    "l2": {"penalty": penalties.L2(0.1)},
    "l1": {"penalty": penalties.L1(0.01)},
    "elastic net": {"penalty": penalties.ElasticNet(0.02, 0.5)},
    "without intercepts": {"fit_intercept": False},
    "replacement": {"replacement": True},
    "stratified": {"shuffle": mb.sampling.Stratified(np.arange(N) % 3)},
    "momentum": {"optimizer": optimizers.SGD(0.02, momentum=0.9)},
    "schedule": {"optimizer": optimizers.Adam(mb.schedules.Cosine(0.02, 12))},
    "schedule free": {"optimizer": optimizers.ScheduleFreeSGD(0.05)},
    "decay": {"optimizer": optimizers.AdamW(0.01, weight_decay=0.5)},
    "noise": {"record": ("noise", "step", "full_loss", "path")},
    "norm test": {"batch_size": mb.batch_sizes.NormTest(8)},
}


@of_models
@pytest.mark.parametrize("name", OPTIONS)
def test_every_option_is_as_in_the_reference(name, model):
    given = {**options(seed=3), **OPTIONS[name]}
    ours, theirs = mb.fit(X, Y, model=model, **given), reference.fit(X, Y, model=model, **given)
    np.testing.assert_allclose(flat(ours), model.join(theirs.params, D, 1), rtol=1e-8, atol=1e-10)
    np.testing.assert_allclose(ours.history.epoch_loss, theirs.history["epoch_loss"], rtol=1e-9)
    if name == "noise":
        np.testing.assert_allclose(ours.history.path, theirs.history["path"], rtol=1e-8, atol=1e-10)
        np.testing.assert_allclose(ours.history.full_loss, theirs.history["full_loss"], rtol=1e-9)
        np.testing.assert_allclose(ours.history.gradient_norm, theirs.history["gradient_norm"], rtol=1e-8)


@of_others
@of_targets
def test_every_target_is_as_in_the_reference(name, model):
    y, loss = TARGETS[name]
    given = options(loss=loss, class_weight="balanced" if "classes" in name else None)
    ours, theirs = mb.fit(X, y, model=model, **given), reference.fit(X, y, model=model, **given)
    np.testing.assert_allclose(
        flat(ours), model.join(theirs.params, D, ours.n_outputs), rtol=1e-8, atol=1e-10
    )


# ---- the gradient


@of_models
@of_targets
def test_the_gradient_is_that_of_the_value(name, model):
    y, loss = TARGETS[name]
    k, is_vector = n_outputs(name)
    w = np.random.default_rng(1).normal(size=sum(model.size(D, k))) / 2
    how = {"loss": loss, "model": model, "penalty": penalties.L2(0.1), "sample_weight": np.linspace(0, 2, N)}

    def value_at(w):
        return mb.gradient(X, y, model.split(w, D, k, is_vector), **how)[0]

    _, gradient = mb.gradient(X, y, model.split(w, D, k, is_vector), **how)
    assert isinstance(gradient, tuple if model.name == "linear" else dict)
    along = model.join(gradient, D, k)
    for direction in np.random.default_rng(2).normal(size=(5, len(w))):
        step = 1e-6 * direction
        slope = (value_at(w + step) - value_at(w - step)) / 2e-6
        assert along @ direction == pytest.approx(slope, rel=2e-6, abs=2e-6)


@of_models
def test_where_a_gradient_may_be_asked_for(model):
    result = mb.fit(X, Y, model=model, **options())
    value, gradient = mb.gradient(X, Y, result)  # of the model of the result
    forms = (result.params, tuple(result.params.values()), list(result.params.values()))
    for params in forms:
        again, other = mb.gradient(X, Y, params, model=model)
        assert again == value
        assert model.join(other, D, 1).tobytes() == model.join(gradient, D, 1).tobytes()
    assert mb.gradient(X, Y, result, rows=[])[0] == 0
    z = scores_of(result, X)[:, 0]
    assert value == pytest.approx(((z - Y) ** 2).mean() / 2, rel=1e-12)  # no unit is dropped
    assert mb.gradient(X, Y, result, rows=[3, 3])[0] == pytest.approx((z[3] - Y[3]) ** 2 / 2, rel=1e-12)


# ---- where training begins, and goes on


@of_others
def test_a_run_begins_where_the_model_says(model):
    for seed in (0, 7):
        begun = mb.fit(X, Z, model=model, **options(epochs=0, seed=seed))
        np.testing.assert_array_equal(flat(begun), model.start(D, 2, seed))
    single = mb.fit(X.astype("f4"), Z, model=model, **options(epochs=0, seed=7))
    np.testing.assert_array_equal(flat(single), model.start(D, 2, 7).astype("f4"))


@of_models
@pytest.mark.parametrize("name", ["number", "column", "numbers", "classes", "two classes"])
def test_begins_by_init(name, model):
    y, loss = TARGETS[name]
    first = mb.fit(X, y, model=model, loss=loss, **options())
    how = options(loss=loss, model=model, seed=5)
    expected = mb.fit(X, y, init=first, **how)
    for init in (first.params, tuple(first.params.values())):
        same(mb.fit(X, y, init=init, **how), expected)
    same(mb.fit(X, y, init=first, **{**how, "epochs": 0}), first)


@of_others
def test_bad_starts(model):
    first, block = mb.fit(X, Y, model=model, **options(epochs=1)), model.blocks[0]
    wrong = [
        (3.0, TypeError, "init must be a dict or a tuple of .*, or a FitResult, got 3.0"),
        ({}, ValueError, f"init must have the keys .* for model {model.name!r}, got none"),
        ((1.0,), ValueError, f"init must be . blocks, .*, for model {model.name!r}, got 1"),
        (mb.fit(X, Y, epochs=1), ValueError, 'init must have the keys .* got "coef", "intercept"'),
        (mb.fit(X[:, :3], Y, model=model, **options(epochs=1)), ValueError, r"init\[.* must have shape .*"),
        ({**first.params, block: "abc"}, TypeError, rf'init\["{block}"\] must be .*'),
    ]
    for init, kind, message in wrong:
        with pytest.raises(kind, match=message):
            mb.fit(X, Y, model=model, init=init, **options())
    nan = model.split(np.full(first.n_params, np.nan), D, 1, True)
    with pytest.raises(ValueError, match=r'init\[".*\] must be finite, got NaN at '):
        mb.fit(X, Y, model=model, init=nan, **options())


def test_resumed_under_another_model():
    before = mb.fit(X, Y, model=MLP(5), **options())
    for model in ("linear", MLP(6), MLP(5, "tanh"), MLP(5, dropout=0.5), FactorizationMachine()):
        with pytest.raises(ValueError, match=r"resume must be a run of model .*, got MLP\(hidden=\(5,\).*"):
            mb.fit(X, Y, model=model, resume=before, **options())
    with pytest.raises(ValueError, match=r"resume must be a run of model MLP.*, got Linear"):
        mb.fit(X, Y, model=MLP(5), resume=mb.fit(X, Y, **options()), **options())


INTERRUPTED = {
    "plain": {},
    "averaged": {"average": "ema", "clip_norm": 1.0},
    "accumulated": {"accumulate": 2, "penalty": penalties.ElasticNet(1e-2, 0.5)},
    "weighted": {
        "shuffle": mb.sampling.Weighted(np.linspace(1, 2, N)),
        "sample_weight": np.linspace(0, 2, N),
    },
    "validated": {"validation": 0.25},
    "standardized": {"standardize": True},
    "growing": {"batch_size": mb.batch_sizes.NormTest(8)},
    "schedule free": {"optimizer": optimizers.ScheduleFreeAdamW(0.01)},
}


@of_models
@pytest.mark.parametrize("name", INTERRUPTED)
@pytest.mark.parametrize("kind", ["float64", "float32", "sparse"])
def test_a_run_that_resumes_is_one_that_did_not_stop(kind, name, model, tmp_path):
    rows, how = rows_of(kind), {**options(model=model), **INTERRUPTED[name]}
    whole = mb.fit(rows, Y, **{**how, "epochs": 4})
    part, n = None, whole.n_steps
    for stop in (n // 5, n // 2, n - 1, n):  # within epochs, mostly
        done = 0 if part is None else part.n_steps
        part = mb.fit(rows, Y, **how | {"epochs": 4}, resume=part, stop=stopping.MaxSteps(stop - done))
    same(part, whole)
    begun = mb.fit(rows, Y, **{**how, "epochs": 1})
    begun.save(tmp_path / "run", state=True)
    loaded = mb.load(tmp_path / "run")
    how = {key: value for key, value in how.items() if key not in loaded.arguments}
    same(mb.fit(rows, Y, resume=loaded, **loaded.arguments, **{**how, "epochs": 3}), whole)


@of_models
def test_threads_do_not_change_bits(model):
    rng = np.random.default_rng(5)
    rows = rng.normal(size=(1200, 37)).astype("f4")
    y = np.tanh(rows[:, :3]).sum(axis=1) + rows[:, 1] * rows[:, 2]
    for data in (rows, scipy.sparse.csr_array(rows * (rng.random(rows.shape) < 0.2))):
        for batch_size in (30, 500):
            how = {
                "model": model,
                "optimizer": ADAM,
                "batch_size": batch_size,
                "epochs": 2,
                "record": "full_loss",
            }
            one, *others = [mb.fit(data, y, n_threads=n, **how) for n in (1, 2, 3, 7)]
            for other in others:
                same(other, one)
                assert other.history.full_loss.tobytes() == one.history.full_loss.tobytes()


# ---- defaults


@of_others
def test_defaults_beyond_linear(model):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        result = mb.fit(X, Y, model=model)
        given = mb.fit(
            X,
            Y,
            model=model,
            optimizer=optimizers.Adam(1e-3),
            batch_size=N,
            epochs=200,
            stop=stopping.NoImprovement(tol=1e-4, patience=10),
        )
    same(result, given)
    assert result.arguments["optimizer"] == optimizers.Adam()
    assert (result.solver.optimizer, result.batch_size) == ("adam", N)
    assert model.name in result.solver.reason
    assert given.solver is None
    many = np.tile(X, (3, 1))
    assert mb.fit(many, np.tile(Y, 3), model=model, epochs=1).batch_size == 200
    patient = stopping.NoImprovement(tol=0, patience=200)
    assert mb.fit(X[:9], Y[:9], model=model, stop=patient).n_epochs == 200
    assert (
        mb.fit(X, Y, model=model, optimizer="sgd" if model.name == "linear" else ADAM, epochs=2).n_epochs == 2
    )


@of_others
def test_what_only_linear_models_have_is_refused(model):
    name = model.name
    refused = [
        ({"optimizer": "saga"}, "model must be 'linear' for SAGA"),
        ({"optimizer": "svrg"}, "model must be 'linear' for SVRG"),
        (
            {"optimizer": optimizers.SGD(0.1, preconditioner="diagonal")},
            "model must be 'linear' for a precond",
        ),
        ({"optimizer": "sgd"}, "model must be 'linear' for learning_rate \"auto\""),
        (
            {"loss": "one_class", "y": None},
            f"loss must be one with targets for model {name!r}, got 'one_class'",
        ),
        ({"penalty": "group_l1"}, f"penalty must not be one of groups for model {name!r}"),
        (
            {"penalty": penalties.L2(np.ones(D))},
            f"alpha must be a number, or a dict .* for model {name!r}, got",
        ),
        ({"penalty": penalties.L2({"weights": 1.0})}, "alpha must be a dict with keys of .*, got 'weights'"),
        ({"stop": stopping.Converged()}, "stop must not have Converged"),
    ]
    for arguments, message in refused:
        with pytest.raises(ValueError, match=message) as caught:
            mb.fit(**{"X": X, "y": Y, "model": model, "epochs": 1} | arguments)
        assert name in str(caught.value) or "stop" in arguments or "keys" in message


def test_models_that_are_none():
    for model, kind, message in (
        (
            "mpl",
            ValueError,
            "model must be one of 'linear', 'mlp', 'factorization_machine', got 'mpl'",
        ),
        ("FM", ValueError, "did you mean 'factorization_machine'"),
        (MLP, TypeError, "model must be one of .*, an instance, got"),
        (3, TypeError, "model must be one of .*, got 3"),
    ):
        with pytest.raises(kind, match=message):
            mb.fit(X, Y, model=model)
    for name, meant in (
        ("hidden_layer_sizes", "model=mb.models.MLP"),
        ("activation", "model=mb.models.MLP"),
        ("rank", "model=mb.models.Fac"),
    ):
        with pytest.raises(TypeError, match=f"fit\\(\\) has no argument '{name}': give {meant}"):
            mb.fit(X, Y, **{name: 3})


# ---- options together


@of_models
@of_targets
def test_options_together(name, model):
    y, loss = TARGETS[name]
    told, steps = [], []

    class Watcher:
        every_steps, wants_params = 3, True

        def __call__(self, progress):
            told.append(progress)

        def on_step(self, progress):
            steps.append(progress)

    how = {
        "model": model,
        "loss": loss,
        "optimizer": optimizers.AdamW(mb.schedules.Warmup(0.01, 5), weight_decay=0.1),
        "penalty": penalties.ElasticNet(1e-3, 0.3),
        "sample_weight": np.linspace(0.5, 2, N),
        "class_weight": {"yes": 2.0} if name == "two classes" else None,
        "offset": np.full((N, n_outputs(name)[0]), 0.1),
        "standardize": True,
        "validation": 0.2,
        "metrics": {"size": lambda y_true, y_pred: len(y_pred)},
        "stop": stopping.NoImprovement("validation_loss", patience=50, restore_best=True),
        "average": "polyak",
        "clip_norm": 1.0,
        "accumulate": 2,
        "batch_size": 7,
        "record": ("step", "path", "full_loss", "noise"),
        "callback": Watcher(),
        "epochs": 4,
    }
    result = mb.fit(X, y, **how)
    half = mb.fit(X, y, **{**how, "epochs": 2})
    again = mb.fit(X, y, **{**how, "epochs": 2, "resume": half})
    same(again, result)
    assert again.best_epoch == result.best_epoch
    np.testing.assert_array_equal(again.history.path, result.history.path)
    np.testing.assert_array_equal(again.history.validation_loss, result.history.validation_loss)
    assert result.history.path.shape == (result.n_steps, result.n_params)
    assert np.isfinite(result.history.full_loss).all()
    assert result.history.metrics["size"].tolist() == [18.0] * 4
    first = told[:4]
    assert [p.epoch for p in first] == [1, 2, 3, 4]
    best = first[result.best_epoch - 1]
    blocks = best.params
    assert model.join(blocks, D, result.n_outputs).tobytes() == flat(result).tobytes()
    assert (first[-1].validation_loss, steps[0].n_steps) == (result.history.validation_loss[-1], 3)
    assert tuple(steps[0].params) == model.blocks
    np.testing.assert_array_equal(model.join(steps[0].params, D, result.n_outputs), result.history.path[2])
    for progress in (best, steps[0]):
        if model.name == "linear":
            assert progress.coef is progress.params["coef"]
        else:
            with pytest.raises(AttributeError, match="has no coef of another model: it has params"):
                progress.coef  # noqa: B018


@of_models
def test_the_path_is_of_flat_vectors(model):
    result = mb.fit(X, Z, model=model, **options(record=("path", "full_loss")))
    np.testing.assert_array_equal(result.history.path[-1], flat(result))
    by_step = mb.fit(X, Z, model=model, **options(record=("path", "full_loss", "step"))).history
    for w, value in zip(by_step.path[:3], by_step.full_loss, strict=False):
        found = mb.gradient(X, Z, model.split(w, D, 2, False), model=model)[0]
        assert found == pytest.approx(value, rel=1e-12)


@of_models
def test_names_of_columns(model):
    frame = pd.DataFrame(X, columns=["a", "b", "c", "d"])
    result = mb.fit(frame, Y, model=model, **options())
    same(result, mb.fit(X, Y, model=model, **options()))
    assert result.feature_names == ("a", "b", "c", "d")
    np.testing.assert_array_equal(result.predict(frame), result.predict(X))
    with pytest.raises(ValueError, match="X must have the columns of fit, in its order"):
        result.predict(frame[["b", "a", "c", "d"]])
    with pytest.raises(ValueError, match="X must have 4 columns, as in fit, got shape"):
        result.predict(X[:, :3])


@of_models
def test_the_smallest_data(model):
    for rows, y in ((X[:1], Y[:1]), (X[:5, :1], Y[:5]), (X[:1, :1], Y[:1]), (X[:3], Y[:3])):
        for batch_size in (1, 2, 1000, "full", "auto"):
            how = {"model": model, "optimizer": ADAM, "batch_size": batch_size, "epochs": 2}
            result = mb.fit(rows, y, **how)
            sparse = mb.fit(scipy.sparse.csr_array(rows), y, **how)
            for found, data in ((result, rows), (sparse, scipy.sparse.csr_array(rows))):
                np.testing.assert_allclose(found.predict(data), scores_of(found, rows)[:, 0], rtol=1e-12)


@of_models
def test_without_intercepts(model):
    result = mb.fit(X, Z, model=model, fit_intercept=False, **options())
    n_weights = model.size(D, 2).n_weights
    assert not flat(result)[n_weights:].any()
    kept = model.split(np.arange(1.0, result.n_params + 1) / 1e3, D, 2, False)
    moved = mb.fit(X, Z, model=model, fit_intercept=False, init=kept, **options())
    np.testing.assert_array_equal(flat(moved)[n_weights:], model.join(kept, D, 2)[n_weights:])
    assert (flat(moved)[:n_weights] != model.join(kept, D, 2)[:n_weights]).all()


@of_others
def test_divergence(model):
    with pytest.raises(mb.DivergenceError) as caught:
        mb.fit(1e3 * X, 1e9 * Y, model=model, optimizer=optimizers.SGD(1e6), batch_size=10, epochs=50)
    assert np.isfinite(flat(caught.value.result)).all()
    assert caught.value.result.model == model


def test_strengths_of_blocks_reach_the_core():
    model = FactorizationMachine(rank=2)
    free = mb.fit(X, Y, model=model, penalty=penalties.L1({"factors": 5.0}), **options(epochs=60))
    assert not free.params["factors"].any()
    assert free.params["coef"].all()
    kept = mb.fit(X, Y, model=model, penalty=penalties.L1({"coef": 5.0}), **options(epochs=60))
    assert not kept.params["coef"].any()
    assert kept.params["factors"].all()
    network = MLP(3)
    first, second = (
        mb.fit(X, Y, model=network, penalty=penalties.L1({"coefs": alpha}), **options(epochs=90))
        for alpha in ([5.0, 0.0], [0.0, 5.0])
    )
    assert not first.params["coefs"][0].any()
    assert first.params["coefs"][1].all()
    assert not second.params["coefs"][1].any()
    assert second.params["coefs"][0].any()
    same(
        mb.fit(X, Y, model=network, penalty=penalties.L2({"coefs": 0.5}), **options()),
        mb.fit(X, Y, model=network, penalty=penalties.L2(0.5), **options()),
    )
    assert math.isfinite(first.history.epoch_loss[-1])
