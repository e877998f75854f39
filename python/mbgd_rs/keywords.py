"""Arguments that other libraries call by another name: errors say what they are called here."""

from __future__ import annotations

import difflib
import functools
import inspect
from collections.abc import Callable, Mapping
from typing import Any, ParamSpec, TypeVar

__all__ = ["check_options", "with_hints"]

P = ParamSpec("P")
R = TypeVar("R")

OF_ESTIMATORS = {
    "alpha=1 / (C * n) for n rows": "C",
    "alpha=l2, with penalty='l2'": "l2 lambda_ reg_alpha reg_lambda",
    "optimizer=mb.optimizers.Adam(learning_rate=...)": "learning_rate_init",
    "schedule=..., or learning_rate='constant' and eta0=...": "lr step_size lr_scheduler scheduler",
    "schedule=..., a number or an object of mb.schedules": "lr_schedule",
    "momentum=..., or optimizer=mb.optimizers.SGD(..., nesterov=True)": "nesterov nesterovs_momentum",
    "n_iter_no_change=...": "patience",
    "optimizer=..., or nothing, since the default converges": "solver method",
    "max_iter=...": "max_fun",
    "X_val and y_val to fit, or early_stopping=True": "validation validation_data eval_set",
    "{name} to fit": "sample_weight X_val y_val offset coef_init intercept_init classes",
}
"""What an estimator has instead, if it is called by these names elsewhere."""
OF_FIT = (
    "stop record metrics checkpoint comm accumulate drop_last clip_value sync_every resume replacement init "
    "memory_limit progress"
)
"""Arguments of `mbgd_rs.fit` that no estimator has."""
OF_OBJECTS = {
    "optimizer=mb.optimizers.SGD(learning_rate=...)": "learning_rate lr eta eta0 step_size",
    "optimizer=mb.optimizers.SGD(learning_rate=mb.schedules.Cosine(...))": "schedule scheduler lr_scheduler",
    "optimizer=mb.optimizers.SGD(learning_rate, momentum=...)": "momentum nesterov dampening",
    "optimizer=mb.optimizers.AdamW(weight_decay=...)": "weight_decay",
    "optimizer=mb.optimizers.Adam(betas=...)": "betas beta_1 beta_2 beta1 beta2 eps",
    "penalty=mb.penalties.L2(alpha=...)": "alpha reg_alpha lambda_ l2 C",
    "penalty=mb.penalties.L1(alpha=...)": "l1",
    "penalty=mb.penalties.ElasticNet(l1_ratio=...)": "l1_ratio",
    "stop=mb.stopping.NoImprovement(tol=..., patience=...)": "tol patience n_iter_no_change early_stopping",
    "stop=mb.stopping.MaxSteps(...)": "max_steps n_steps",
    "stop=mb.stopping.MaxSeconds(...)": "max_seconds timeout max_time",
    "loss=mb.losses.Huber(epsilon=...)": "epsilon",
    "model=mb.models.MLP(hidden=...)": "hidden hidden_layer_sizes layers n_hidden units",
    "model=mb.models.MLP(hidden, activation=...)": "activation activations",
    "model=mb.models.MLP(hidden, dropout=...)": "dropout",
    "model=mb.models.FactorizationMachine(rank=...)": "rank n_factors factors num_factors",
    "loss=mb.losses.Quantile(quantile=...)": "quantile",
}
"""What has the argument, for names that are arguments of an object."""
OF_ARGUMENTS = {
    "epochs": "max_iter n_iter n_epochs num_epochs max_epochs iterations n_iterations maxiter",
    "max_iter": "epochs n_iter n_epochs num_epochs max_epochs iterations n_iterations maxiter",
    "random_state": "seed random_seed rng key",
    "seed": "random_state random_seed rng key",
    "n_threads": "n_jobs num_threads threads nthread workers num_workers",
    "n_jobs": "n_threads num_threads threads nthread workers num_workers",
    "batch_size": "minibatch_size mini_batch_size batchsize",
    "validation": "validation_fraction validation_split validation_data eval_set val",
    "init": "coef_init intercept_init x0 params initial_params",
    "resume": "warm_start resume_from resume_from_checkpoint state",
    "checkpoint": "checkpoints checkpointing checkpoint_path checkpoint_dir ckpt save_path save_every",
    "sample_weight": "sample_weights weights weight",
    "offset": "offsets exposure log_exposure base_margin init_score",
    "loss": "objective criterion loss_fn loss_function",
    "model": "architecture network net",
    "penalty": "regularizer regularization reg",
    "optimizer": "solver method",
    "average": "averaging ema polyak",
    "clip_norm": "max_grad_norm gradient_clip_val clipnorm max_norm",
    "clip_value": "clipvalue",
    "accumulate": "accumulate_grad_batches gradient_accumulation_steps",
    "progress": "progress_bar",
    "callback": "callbacks",
    "callbacks": "callback",
    "replacement": "replace with_replacement",
    "metrics": "metric scoring",
    "record": "history log",
    "class_weight": "class_weights",
    "standardize": "standardise normalize normalise scale_features standardization scaler",
}
"""Other names of arguments."""
OF_CHOICES = {
    "learning_rate": "lr eta eta0 step_size rate learning_rate_init",
    "weight_decay": "wd decay l2",
    "betas": "beta beta1 beta2 beta_1 beta_2",
    "eps": "epsilon",
    "nesterov": "nesterovs_momentum",
    "alpha": "C lambda_ lam l2 l1 strength reg_alpha",
    "epsilon": "delta eps",
    "quantile": "q alpha tau",
    "hidden": "hidden_layer_sizes layers n_hidden units sizes",
    "activation": "activations",
    "rank": "n_factors factors num_factors k",
    "tol": "tolerance min_delta",
    "patience": "n_iter_no_change",
}
"""Other names of what objects have."""


def with_hints(function: Callable[P, R]) -> Callable[P, R]:
    """The function; called with an argument that it does not have, its TypeError says which one is meant."""
    known = tuple(inspect.signature(function).parameters)
    owner, _, name_of_function = function.__qualname__.rpartition(".")
    called = owner if name_of_function == "__init__" else name_of_function

    @functools.wraps(function)
    def checked(*args: P.args, **options: P.kwargs) -> R:
        for name in options:
            if name not in known:
                hint = hint_for_estimator(name, known) if called == owner else hint_for(name, known)
                raise TypeError(f"{called}() has no argument {name!r}{hint}")
        return function(*args, **options)

    return checked


def hint_for(name: str, known: tuple[str, ...]) -> str:
    """What the argument is called here, of those that are known; empty if nothing is like it."""
    for meant, names in OF_OBJECTS.items():
        if name in names.split() and meant.split("=")[0] in known:
            return f": give {meant}"
    return nearest(name, known, OF_ARGUMENTS)


def hint_for_estimator(name: str, known: tuple[str, ...]) -> str:
    """What the parameter of an estimator is called, or where it is, if it is none."""
    for meant, names in OF_ESTIMATORS.items():
        if name in names.split():
            return f": give {meant.format(name=name)}"
    if name in OF_FIT.split():
        return ": it is an argument of mbgd_rs.fit"
    return hint_for(name, tuple(parameter for parameter in known if parameter != "self"))


def check_options(kind: type, options: Mapping[str, Any]) -> None:
    """That a dataclass has all of these fields; else the error says which one is meant."""
    fields: Mapping[str, Any] = getattr(kind, "__dataclass_fields__", options)
    if options.keys() <= fields.keys():
        return
    known = tuple(inspect.signature(kind.__init__).parameters)[1:]  # type: ignore[misc]
    for name in options:
        if name not in known and "options" not in known:
            raise TypeError(f"{kind.__name__}() has no argument {name!r}{nearest(name, known, OF_CHOICES)}")


def nearest(name: str, known: tuple[str, ...], names: Mapping[str, str]) -> str:
    """A question for the argument that is most like it, by its own name or another."""
    others = {
        other.lower(): argument
        for argument, listed in names.items()
        if argument in known
        for other in listed.split()
    }
    near = difflib.get_close_matches(name.lower(), [*known, *others], n=1, cutoff=0.75)
    return f": did you mean {others.get(near[0], near[0])!r}?" if near else ""
