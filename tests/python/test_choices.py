"""Names: every list of them, in types, docstrings and documents, is that of the classes that have them."""

import re
import typing
from pathlib import Path

import mbgd_rs as mb
import numpy as np
import pytest
from mbgd_rs import (
    _core,
    averages,
    batch_sizes,
    losses,
    models,
    optimizers,
    penalties,
    preconditioners,
    sampling,
    schedules,
    stopping,
)
from mbgd_rs.arguments import RecordName
from mbgd_rs.choices import Choice, as_name, members_of, names_of

ROOT = Path(__file__).parents[2]
X = np.array([[1.0, 0.5], [2.0, -1.0], [3.0, 0.0], [4.0, 1.0]])
Y = np.array([1.0, 2.0, 3.0, 5.0])
FAMILIES = {
    "loss": (losses.Loss, losses.LossName),
    "penalty": (penalties.Penalty, penalties.PenaltyName),
    "optimizer": (optimizers.Optimizer, optimizers.OptimizerName),
    "average": (averages.Average, averages.AverageName),
}
"""The argument of fit, the family, and the type of its names."""
OF_OPTIMIZERS = {"preconditioner": (preconditioners.Preconditioner, preconditioners.PreconditionerName)}
"""The argument of optimizers, the family, and the type of its names."""
OF_MODELS = {"model": (models.Model, models.ModelName)}
"""The same of models, until `fit` takes them."""
NAMED = FAMILIES | OF_OPTIMIZERS | OF_MODELS
WITH_PRECONDITIONER = [optimizers.SGD, optimizers.SAGA, optimizers.SVRG]
CHOSEN = {"optimizer": {"auto"}, "preconditioner": {"auto"}}
"""What else an argument may be named: then what it is to be is found out."""
UNNAMED = {
    schedules.Schedule: schedules,
    batch_sizes.BatchSizes: batch_sizes,
    stopping.StopRule: stopping,
    sampling.Sampling: sampling,
}
"""Families whose members have no names, and where they are."""


def test_there_is_no_other_family():
    assert {family for family, _ in NAMED.values()} | set(UNNAMED) == set(Choice.__subclasses__())


@pytest.mark.parametrize("argument", NAMED)
def test_every_name_of_the_type_has_a_class_and_the_other_way_round(argument):
    family, names = NAMED[argument]
    assert names_of(family) == typing.get_args(names) == tuple(members_of(family))
    assert all(kind.name == name for name, kind in members_of(family).items())
    takers = WITH_PRECONDITIONER if argument in OF_OPTIMIZERS else [mb.fit]
    for taker in takers if argument not in OF_MODELS else []:
        hint = typing.get_type_hints(taker)[argument]
        assert family in typing.get_args(hint)
        assert named_in(hint) == {*typing.get_args(names)} | CHOSEN.get(argument, set())


def named_in(hint):
    """All strings of literals in a type."""
    parts = typing.get_args(hint)
    return {part for part in parts if isinstance(part, str)}.union(*map(named_in, parts))


def test_other_names_of_arguments_are_types_too():
    hints = typing.get_type_hints(mb.fit)
    assert named_in(hints["record"]) == set(typing.get_args(RecordName))
    assert named_in(hints["shuffle"]) == set(typing.get_args(sampling.ShuffleName))
    assert named_in(hints["batch_size"]) == {"full", "auto"}
    monitor = typing.get_type_hints(stopping.NoImprovement)["monitor"]
    assert named_in(monitor) == {"loss", "validation_loss"}


@pytest.mark.parametrize("argument", FAMILIES)
def test_names_and_objects_are_the_same(argument):
    family, _ = FAMILIES[argument]
    for kind in members_of(family).values():
        y = Y > 2 if argument == "loss" and kind.is_classification else Y
        if argument == "penalty" and kind.name.startswith("group"):
            y = np.column_stack([Y, -Y])
        options = {"optimizer": mb.optimizers.SGD(0.01), "epochs": 2, "batch_size": 2}
        by_object = mb.fit(X, y, **{**options, argument: kind()})
        for name in (kind.name, kind.name.upper()):
            by_name = mb.fit(X, y, **{**options, argument: name})
            np.testing.assert_array_equal(by_name.coef, by_object.coef)


@pytest.mark.parametrize("optimizer", WITH_PRECONDITIONER)
@pytest.mark.parametrize("kind", members_of(preconditioners.Preconditioner).values())
def test_names_of_preconditioners_and_objects_are_the_same(kind, optimizer):
    options = {"epochs": 2, "batch_size": 2}
    by_object = mb.fit(X, Y, optimizer=optimizer(preconditioner=kind()), **options)
    for name in (kind.name, kind.name.upper(), kind.__name__):
        by_name = mb.fit(X, Y, optimizer=optimizer(preconditioner=name), **options)
        np.testing.assert_array_equal(by_name.coef, by_object.coef)


def test_optimizers_without_a_preconditioner_are_the_others():
    kinds = members_of(optimizers.Optimizer).values()
    assert [kind for kind in kinds if "preconditioner" in typing.get_type_hints(kind)] == WITH_PRECONDITIONER
    assert optimizers.SAGA(preconditioner="Auto") == optimizers.SAGA()


@pytest.mark.parametrize("family", UNNAMED)
def test_families_without_names_have_all_that_their_module_shows(family):
    module = UNNAMED[family]
    shown = [getattr(module, name) for name in module.__all__]
    kinds = [kind for kind in shown if isinstance(kind, type) and kind is not family]
    assert sorted(kind.__name__ for kind in kinds) == sorted(members_of(family))


@pytest.mark.parametrize(
    "module", [losses, models, penalties, optimizers, averages, schedules, preconditioners]
)
def test_modules_show_their_members(module):
    kinds = (kind for kind in vars(module).values() if kind in Choice.__subclasses__())
    (family,) = (kind for kind in kinds if kind.__module__.startswith(module.__name__))
    assert {kind.__name__ for kind in members_of(family).values()} <= set(module.__all__)
    assert len(module.__all__) == len(set(module.__all__))
    assert all(hasattr(module, name) for name in module.__all__)


@pytest.mark.parametrize("family", [*(family for family, _ in NAMED.values()), *UNNAMED])
def test_what_members_have_in_common_is_no_member(family):
    with pytest.raises(TypeError, match=rf"{family.__name__} is what .* have in common: make one of them"):
        family()


def test_a_name_is_given_once():
    with pytest.raises(TypeError, match="name must be one of none, got 'huber' for Again"):

        class Again(losses.Loss, name="huber"):
            pass


# ---- the core


def core_names(folder):
    """What the files of a folder of the core are named after."""
    code = "".join(path.read_text() for path in (ROOT / "src" / folder).glob("*.rs"))
    return set(re.findall(r"const NAME: &'static str = \"(\w+)\"", code))


def test_the_core_knows_the_same_names():
    with pytest.raises(ValueError, match="loss must be one of") as caught:
        _core.check_loss("", losses.Huber())
    known = re.search("one of (.*), got", str(caught.value))[1]
    assert sorted(known.split(", ")) == sorted(names_of(losses.Loss))
    assert core_names("gradient/loss") == set(names_of(losses.Loss))
    assert core_names("update") == {kind.__name__ for kind in members_of(optimizers.Optimizer).values()}
    assert core_names("update/schedule") - {"auto"} == set(members_of(schedules.Schedule))


# ---- documents


@pytest.mark.parametrize("argument", ["loss", "penalty", "optimizer"])
def test_the_docstring_of_fit_has_every_name(argument):
    for name in names_of(FAMILIES[argument][0]):
        assert f'"{name}"' in mb.fit.__doc__, name
    assert not re.search(r"^ *<\w+>", mb.fit.__doc__, flags=re.MULTILINE)


@pytest.mark.parametrize("argument", NAMED)
def test_docstrings_say_the_name(argument):
    for name, kind in members_of(NAMED[argument][0]).items():
        assert f'"{name}"' in kind.__doc__, kind


def test_the_readme_has_every_name():
    page = (ROOT / "README.md").read_text()
    quoted = set(re.findall(r"`(?:\w+\.)?(\w+)`", page))
    assert {*names_of(losses.Loss), *names_of(penalties.Penalty)} <= quoted
    for family in (optimizers.Optimizer, averages.Average, preconditioners.Preconditioner, *UNNAMED):
        names = {kind.__name__ for kind in members_of(family).values()} - {"Block", "Stratified"}
        assert names <= quoted, names - quoted


def test_the_guide_has_every_loss_and_penalty():
    pages = "".join(page.read_text() for page in (ROOT / "docs/guide").glob("*.rst"))
    kinds = {**members_of(losses.Loss), **members_of(penalties.Penalty)}
    assert not {
        name for name, kind in kinds.items() if not re.search(rf"\b({name}|{kind.__name__})\b", pages)
    }


def test_dir_shows_what_is_public():
    assert dir(mb) == sorted([*mb.__all__, *mb.ESTIMATORS])


# ---- errors


@pytest.mark.parametrize(
    ("argument", "given", "meant"),
    [
        ("loss", "mse", "squared_error"),
        ("loss", "squared_loss", "squared_error"),
        ("loss", "SquaredError", "squared_error"),
        ("loss", "mae", "absolute_error"),
        ("loss", "logistic", "log_loss"),
        ("loss", "log", "log_loss"),
        ("loss", "cross_entropy", "log_loss"),
        ("loss", "binary_crossentropy", "log_loss"),
        ("loss", "hubber", "huber"),
        ("loss", "zzz", None),
        ("penalty", "ridge", "l2"),
        ("penalty", "lasso", "l1"),
        ("penalty", "elastic_net", "elasticnet"),
        ("optimizer", "Adm", "adam"),
        ("optimizer", "rms_prop", "rmsprop"),
        ("optimizer", "lbfgs", None),
        ("optimizer", "sag", "saga"),
        ("average", "swa", "polyak"),
        ("shuffle", "random", "full"),
        ("record", "steps", "step"),
        ("batch_size", "all", None),
    ],
)
def test_errors_point_to_the_name_that_is_meant(argument, given, meant):
    with pytest.raises(ValueError, match=rf"{argument} must be .*, got {given!r}") as caught:
        mb.fit(X, Y, **{argument: given})
    hint = "" if meant is None else f": did you mean {meant!r}?"
    assert str(caught.value).endswith(f"got {given!r}{hint}")


def test_errors_point_to_the_preconditioner_that_is_meant():
    with pytest.raises(ValueError, match=r"'newton', got 'newtn': did you mean 'newton'\?$"):
        optimizers.SAGA(preconditioner="newtn")


@pytest.mark.parametrize(
    ("argument", "given", "meant"),
    [
        ("loss", "Huber", "huber"),
        ("penalty", "L1", "l1"),
        ("optimizer", "AdamW", "adamw"),
        ("optimizer", "SAGA", "saga"),
        ("optimizer", "Auto", "auto"),
        ("optimizer", "RMSProp", "rmsprop"),
        ("average", "EMA", "ema"),
        ("shuffle", "Full", "full"),
        ("shuffle", True, "full"),
        ("shuffle", "BLOCK", "block"),
        ("record", "Step", "step"),
        ("batch_size", "Full", "full"),
    ],
)
def test_names_in_other_letters_mean_the_same(argument, given, meant):
    options = {"optimizer": mb.optimizers.SGD(0.01), "epochs": 10}
    model, same = (mb.fit(X, Y, **{**options, argument: value}) for value in (given, meant))
    np.testing.assert_array_equal(model.coef, same.coef)
    assert repr(model.history) == repr(same.history)
    assert mb.fit(X, Y, **{**options, argument: meant}, resume=model).n_epochs == 20


def test_a_name_that_two_others_are_like_but_for_case_is_refused():
    with pytest.raises(ValueError, match="kind must be one of 'Step', 'STEP', got 'step': did you mean"):
        as_name("kind", "step", ["Step", "STEP"])


@pytest.mark.parametrize(
    ("argument", "hint"),
    [
        ("learning_rate", r"give optimizer=mb\.optimizers\.SGD\(learning_rate=\.\.\.\)"),
        ("lr", r"give optimizer=mb\.optimizers\.SGD\(learning_rate=\.\.\.\)"),
        ("momentum", r"give optimizer=mb\.optimizers\.SGD\(.*momentum"),
        ("alpha", r"give penalty=mb\.penalties\.L2\(alpha=\.\.\.\)"),
        ("l1_ratio", r"give penalty=mb\.penalties\.ElasticNet"),
        ("tol", r"give stop=mb\.stopping\.NoImprovement\(tol=\.\.\., patience=\.\.\.\)"),
        ("max_iter", "did you mean 'epochs'"),
        ("random_state", "did you mean 'seed'"),
        ("n_jobs", "did you mean 'n_threads'"),
        ("progress_bar", "did you mean 'progress'"),
        ("validation_fraction", "did you mean 'validation'"),
        ("warm_start", "did you mean 'resume'"),
        ("batchsize", "did you mean 'batch_size'"),
        ("epoch", "did you mean 'epochs'"),
        ("sample_weights", "did you mean 'sample_weight'"),
    ],
)
def test_unknown_arguments_of_fit_point_to_the_right_one(argument, hint):
    with pytest.raises(TypeError, match=rf"^fit\(\) has no argument '{argument}': {hint}"):
        mb.fit(X, Y, **{argument: 1})


def test_unknown_arguments_without_a_likeness_are_refused_all_the_same():
    with pytest.raises(TypeError, match=r"^fit\(\) has no argument 'zzzz'$"):
        mb.fit(X, Y, zzzz=1)
    with pytest.raises(TypeError, match=r"^minimize\(\) has no argument 'n_jobs'$"):  # it has no threads
        mb.minimize(lambda w, x: (0.0, w), np.zeros(1), X, batch_size=1, n_jobs=2)


@pytest.mark.parametrize(
    ("kind", "name", "meant"),
    [
        (optimizers.SGD, "lr", "learning_rate"),
        (optimizers.Adam, "beta_1", "betas"),
        (penalties.L2, "C", "alpha"),
        (losses.Huber, "delta", "epsilon"),
        (models.MLP, "hidden_layer_sizes", "hidden"),
        (models.MLP, "zzzz", None),
    ],
)
def test_unknown_arguments_of_objects_point_to_the_right_one(kind, name, meant):
    hint = rf": did you mean '{meant}'\?" if meant else ""
    with pytest.raises(TypeError, match=rf"^{kind.__name__}\(\) has no argument '{name}'{hint}$"):
        kind(**{name: 1})


def test_a_class_in_the_place_of_an_object_points_to_an_object():
    with pytest.raises(TypeError, match=r"an instance, got .*: did you mean SGD\(\)\?$"):
        mb.fit(X, Y, optimizer=optimizers.SGD)


def test_sizes_of_layers_are_one_argument():
    with pytest.raises(TypeError, match=r"got 32: give MLP\(\(64, 32\)\) for hidden layers"):
        models.MLP(64, 32)


def test_errors_name_auto_where_it_may_be():
    with pytest.raises(TypeError, match=r"^optimizer must be one of 'auto', 'sgd', "):
        mb.fit(X, Y, optimizer=None)
    with pytest.raises(ValueError, match=r"^optimizer must be one of 'sgd', "):
        mb.minimize(lambda w, x: (0.0, w), np.zeros(2), X, optimizer="sdg")
