"""Arguments that other libraries call by another name: errors say what they are called here."""

from __future__ import annotations

import difflib
import functools
import inspect
from collections.abc import Callable
from typing import ParamSpec, TypeVar

__all__ = ["with_hints"]

P = ParamSpec("P")
R = TypeVar("R")

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
    "seed": "random_state random_seed rng key",
    "n_threads": "n_jobs num_threads threads nthread workers num_workers",
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
    "replacement": "replace with_replacement",
    "metrics": "metric scoring",
    "record": "history log",
    "class_weight": "class_weights",
    "standardize": "standardise normalize normalise scale_features standardization scaler",
}
"""Other names of arguments."""


def with_hints(function: Callable[P, R]) -> Callable[P, R]:
    """The function; called with an argument that it does not have, its TypeError says which one is meant."""
    known = inspect.signature(function).parameters

    @functools.wraps(function)
    def checked(*args: P.args, **options: P.kwargs) -> R:
        for name in options:
            if name not in known:
                hint = hint_for(name, tuple(known))
                raise TypeError(f"{function.__name__}() has no argument {name!r}{hint}")
        return function(*args, **options)

    return checked


def hint_for(name: str, known: tuple[str, ...]) -> str:
    """What the argument is called here, of those that are known; empty if nothing is like it."""
    for meant, names in OF_OBJECTS.items():
        if name in names.split() and meant.split("=")[0] in known:
            return f": give {meant}"
    others = {
        other: argument
        for argument, names in OF_ARGUMENTS.items()
        if argument in known
        for other in names.split()
    }
    near = difflib.get_close_matches(name.lower(), [*known, *others], n=1, cutoff=0.75)
    return f": did you mean {others.get(near[0], near[0])!r}?" if near else ""
