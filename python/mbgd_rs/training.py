"""Training: `fit`."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from . import _core
from .averages import Average
from .batch_sizes import BatchSizes, NormTest
from .choices import Loss, Penalty, resolve_average, resolve_optimizer
from .class_weights import ClassWeight
from .errors import DivergenceError
from .inputs import as_flag, as_float, as_integer, as_params
from .objective import Problem, make_problem
from .optimizers import Optimizer
from .result import AutoBatchSize, FitResult, History, StopReason
from .resuming import check_arguments, raise_with
from .sampling import Shuffle, among, described, n_positions, resolve_shuffle
from .stopping import StopRule, resolve_stop
from .threads import resolve_n_threads
from .validation import Metric, Metrics, make_validation, resolve_metrics

__all__ = ["Progress", "fit"]

Array = NDArray[Any]
AfterEpoch = Callable[..., tuple[bool, list[float], BaseException | None]]
RECORDS = ("epoch", "step", "full_loss", "path", "noise")


@dataclass(frozen=True)
class Progress:
    """What a callback is told after every epoch.

    Attributes
    ----------
    epoch : int
        Epochs completed, in the whole run.
    n_steps : int
        Updates made.
    loss : float
        Mean of the objective during the epoch, as ``history.epoch_loss`` has it.
    elapsed : float
        Seconds since the call of fit.
    coef, intercept : ndarray
        Copies of the parameters, shaped as in :class:`FitResult`.
    validation_loss : float or None
        Mean loss over the validation rows, if there are any.
    metrics : dict of str to float
        Metrics of the model as it is.
    """

    epoch: int
    n_steps: int
    loss: float
    elapsed: float
    coef: Array
    intercept: Any
    validation_loss: float | None = None
    metrics: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Training:
    """How to minimise, as the core reads it."""

    optimizer: Optimizer
    batches: _core.Batches
    epochs: int
    accumulate: int
    average: Average | None
    clip_norm: float | None
    clip_value: float | None
    record: tuple[bool, bool, bool, bool]
    n_threads: int
    init: Array | None
    state: dict[str, Any] | None
    callback: AfterEpoch | None
    validation: Problem | None
    split: tuple[Array, Array] | None
    stop: tuple[StopRule, ...]
    metrics: list[str]
    chooses_batch_size: int | None


def resolve_batch_size(batch_size: Any, n_rows: int, sees_noise: bool = False) -> int | BatchSizes:
    """Rows of a batch, at most all, or an object that has them by epoch, or by the noise if that is seen."""
    if isinstance(batch_size, NormTest) and not sees_noise:
        raise ValueError(f"batch_size must not depend on the noise, which only fit sees, got {batch_size!r}")
    if isinstance(batch_size, BatchSizes):
        return batch_size
    if isinstance(batch_size, str):
        if batch_size not in ("auto", "full"):
            raise ValueError(f"batch_size must be an integer, 'full' or 'auto', got {batch_size!r}")
        return n_rows if batch_size == "full" else min(256, n_rows)
    return min(as_integer("batch_size", batch_size, 1), n_rows)


def resolve_record(record: Any) -> tuple[bool, bool, bool, bool]:
    """Whether to record steps, full losses, the path and the noise."""
    known = ", ".join(map(repr, RECORDS))
    try:
        names = (record,) if isinstance(record, str) else tuple(record)
    except TypeError:
        raise TypeError(f"record must be one or some of {known}, got {record!r}") from None
    for name in names:
        if name not in RECORDS:
            raise ValueError(f"record must be one or some of {known}, got {name!r}")
    return "step" in names, "full_loss" in names, "path" in names, "noise" in names


def fit(
    X: Any,
    y: ArrayLike,
    *,
    sample_weight: ArrayLike | None = None,
    class_weight: ClassWeight = None,
    loss: str | Loss = "squared_error",
    penalty: str | Penalty | None = None,
    fit_intercept: bool = True,
    optimizer: str | Optimizer = "sgd",
    batch_size: int | Literal["full", "auto"] | BatchSizes = "auto",
    shuffle: Shuffle = "full",
    replacement: bool = False,
    drop_last: bool = False,
    epochs: int = 10,
    init: Any = None,
    resume: FitResult | None = None,
    validation: float | tuple[ArrayLike, ...] | None = None,
    metrics: Mapping[str, Metric] | Sequence[Metric] | Metric | None = None,
    stop: StopRule | Sequence[StopRule] | None = None,
    accumulate: int = 1,
    average: str | Average | None = None,
    clip_norm: float | None = None,
    clip_value: float | None = None,
    seed: int = 0,
    n_threads: int | None = None,
    record: str | Iterable[str] = "epoch",
    callback: Callable[[Progress], Any] | None = None,
    progress: bool = False,
) -> FitResult:
    """Train a linear model by mini-batch gradient descent.

    Minimises ``mean_i s_i loss(x_i . w + b, y_i) + penalty(w)``, the weights s scaled to mean 1, the
    intercept b free of penalty; the elastic net's is ``alpha (l1_ratio |w|_1 + (1 - l1_ratio)/2 |w|^2)``.
    Each step uses the gradient on one batch, ``(1/b) sum_i s_i slope_i x_i``. The result is the same, to the
    bit, for every number of threads.

    Parameters
    ----------
    X : array-like or sparse matrix of shape (n, d)
        Rows. float32 and float64 arrays in C order are used in place, and so are CSR matrices and arrays of
        scipy.sparse with such values and indices of 32 or 64 bits; anything else is converted once. Do not
        change it during the fit. See Notes for sparse rows.
    y : array-like of shape (n,) or (n, k)
        Targets: numbers for a regression, labels of any dtype for a classification; with shape (n, k), k > 1,
        and a loss of classes, 0 or 1 or bools for each of k labels.
    sample_weight : array-like of shape (n,), optional
        How much each row counts, >= 0; scaled to mean 1.
    class_weight : dict, "balanced" or None, optional
        How much the rows of each label count, multiplied with `sample_weight`; labels that a dict does not
        have count 1. "balanced" gives all classes the same weight, as in scikit-learn.
    loss : str or object of mbgd_rs.losses, default="squared_error"
        Of numbers "squared_error", "absolute_error", "huber", "epsilon_insensitive",
        "squared_epsilon_insensitive", "quantile", "log_cosh", "poisson", "gamma", "tweedie"; of classes
        "log_loss", "hinge", "squared_hinge", "modified_huber", "perceptron", "smooth_hinge", "focal",
        "crammer_singer".
    penalty : {"l2", "l1", "elasticnet", "group_l1", "group_elasticnet"}, object of mbgd_rs.penalties or None
    fit_intercept : bool, default=True
        Without, the intercept stays where it begins, at 0.
    optimizer : str or object of mbgd_rs.optimizers, default="sgd"
        Also has the learning rate; that of "sgd" chooses itself, :class:`mbgd_rs.optimizers.SGD` says how.
        Names are "sgd", "adagrad", "rmsprop", "adadelta", "adam", "adamw", "nadam", "radam", "adamax",
        "lion", "ftrl", "sgld", "schedule_free_sgd", "schedule_free_adamw" and "dog".
    batch_size : int, "full", "auto" or object of mbgd_rs.batch_sizes, default="auto"
        Rows of a step; more than n means all, as "full" does. "auto" is min(256, n) for fewer than 65,536
        rows; of more rows some are trained on before, and their noise says how large batches are to be, see
        :class:`mbgd_rs.AutoBatchSize`; :func:`mbgd_rs.diagnostics.recommend_batch_size` measures more. An
        object lets it grow from epoch to epoch, :class:`mbgd_rs.batch_sizes.NormTest` as the noise asks.
    shuffle : {"full", "once", "block", "stratified", False} or object of mbgd_rs.sampling, default="full"
        A new permutation every epoch; one that keeps reads local; one by which every batch has the classes in
        proportion; the same one every epoch; or the rows as they come. Objects say more, or draw by weights.
    replacement : bool, default=False
        Draw every row of a batch from all rows; needs shuffle="full".
    drop_last : bool, default=False
        Leave out a last batch of fewer than `batch_size` rows.
    epochs : int, default=10
        Passes over the data, in addition to those of `resume`. If that ended in the middle of an epoch, the
        rest of this is the first.
    init : pair (coef, intercept) or FitResult, optional
        Where to begin; zeros by default.
    resume : FitResult, optional
        A run to go on with, given the same data and arguments: k epochs and then m more are, to the bit, what
        k + m epochs would have been, wherever the first run ended. Loss, kind of optimizer, `fit_intercept`,
        `shuffle`, `replacement`, `drop_last`, `seed` and a `validation` fraction must be those of that run.
        Hyperparameters of the optimizer, penalty, `clip_norm`, `batch_size` and the rows may change, the last
        two only between epochs; what is recorded and what ends the run may change at any time.
    validation : float, pair (X, y) or triple (X, y, sample_weight), optional
        Rows to judge the model by, whose mean loss, without the penalty, is ``history.validation_loss``. A
        fraction in (0, 1) sets rows of X aside by `seed`, rounded to the nearest number, from every class its
        share; training has the others, in their order. Nothing is copied.
    metrics : dict of str to callable, callable or sequence of callables, optional
        ``metric(y_true, y_pred) -> float``, looked at after every epoch on the validation rows, or on all
        rows without these, with what `predict` says; kept in ``history.metrics`` by the names in the dict, or
        of the functions.
    stop : rule of mbgd_rs.stopping or sequence of rules, optional
        When to end before all epochs are done, and whether to give back the best parameters.
    accumulate : int, default=1
        Batches of a step: one update along the gradient on so many batches together, a mean over their rows,
        as one batch of all of them would give. What an epoch has left is a step of its own. Steps of
        schedules, records and averages are updates.
    average : {"polyak", "ema"}, object of mbgd_rs.averages or None
        Predict with an average of the parameters after every step. Not with a schedule-free optimizer, whose
        model is an average already. A resumed run may begin to average, or cease to.
    clip_norm : float, optional
        Scale gradients with a larger 2-norm, over coefficients and intercepts, down to this.
    clip_value : float, optional
        Cut the entries of gradients off at plus and minus this; excludes `clip_norm`.
    seed : int, default=0
        Of all shuffles and draws, in [0, 2**64).
    n_threads : int, optional
        At most so many; by default :func:`mbgd_rs.get_num_threads`.
    record : "epoch", "step", "full_loss", "path", "noise" or several of them, default="epoch"
        What `history` has besides the loss of each epoch, see :class:`mbgd_rs.History`. "noise" is
        how noisy the gradients are, see :class:`mbgd_rs.diagnostics.RecordedNoise`.
    callback : callable, optional
        Called with a :class:`Progress` after every epoch; a true return value ends the run. An exception it
        raises, or that of Ctrl-C, is raised here; its attribute `result` is the run so far, to be resumed.
    progress : bool, default=False
        Show a progress bar; needs tqdm.

    Returns
    -------
    FitResult

    Raises
    ------
    ValueError, TypeError
        For arguments that make no sense, with the name, the condition and the value.
    DivergenceError
        If the run leaves the finite numbers; its `result` has the last finite parameters.

    Notes
    -----
    A step on sparse rows costs what the batch has entries, however many columns there are:

    - With SGD the result is that of a dense copy, to rounding, also with momentum, l1, l2 and weight decay.
      What the steps missed do to a coefficient is made up for when it is next wanted, all at once.
    - The same is true of Adagrad and FTRL, with l1 or without. With an l2 penalty or weight decay, which have
      no closed form there, they move all coefficients in every step; FTRL's own `l2` is not one.
    - With Adam, AdamW, NAdam, RAdam, Adamax, RMSprop, Adadelta and Lion the coefficients of columns that a
      batch does not have rest, with all that is remembered of them, and no penalty acts on them (as with
      PyTorch's SparseAdam). That is another method than on dense rows.
    - The other optimizers, and averages, move all coefficients in every step, as on dense rows.

    With ``learning_rate="auto"``, the default of SGD, each step is on all columns. On sparse rows with very
    many columns give a rate.

    Entries of the same row and column add up. `clip_norm` and ``history.gradient_norm`` are about the
    gradient of the step, which for a batch with fewer entries than half of the columns has no l2 part of
    columns that it does not have. To record steps, full losses or the path costs a look at all columns each
    time.

    Examples
    --------
    >>> import numpy as np
    >>> import mbgd_rs as mb
    >>> rng = np.random.default_rng(0)
    >>> X = rng.standard_normal((1000, 3))
    >>> y = X @ [1.0, -2.0, 0.5] + 4.0
    >>> result = mb.fit(X, y, optimizer=mb.optimizers.SGD(learning_rate=0.1), batch_size=32, epochs=20)
    >>> result.coef.round(6), round(float(result.intercept), 6)
    (array([ 1. , -2. ,  0.5]), 4.0)
    >>> result.n_steps  # 20 epochs of ceil(1000 / 32) steps
    640
    """
    problem = make_problem(X, y, sample_weight, loss, penalty, fit_intercept, resume, class_weight)
    n_rows = len(problem.X)
    if init is not None and resume is not None:
        raise ValueError("init and resume exclude each other: a resumed run begins where the other ended")
    rule = resolve_optimizer(optimizer)
    key = as_integer("seed", seed, 0, 2**64 - 1)
    named = resolve_metrics(metrics)
    judged = make_validation(validation, problem, y, key, needs_data=bool(named))
    has_labels = problem.classes is not None and problem.y.shape[1] == 1
    labels = problem.y[:, 0] if has_labels else None
    if judged.split is not None:
        n_rows = len(judged.split[0])
        shuffle, labels = among(shuffle, judged.split[0]), None if labels is None else labels[judged.split[0]]
    arguments = {
        "optimizer": type(rule).__name__,
        "fit_intercept": problem.fit_intercept,
        "shuffle": described(shuffle),
        "replacement": replacement,
        "drop_last": drop_last,
        "seed": key,
        "validation": judged.fraction,
        "n_rows": n_rows,
    }
    is_auto = isinstance(batch_size, str) and batch_size == "auto"
    chosen = resume.auto_batch_size if isinstance(resume, FitResult) else None
    if is_auto and chosen is not None:
        batch_size = chosen.batch_size
    batches = _core.Batches(
        n_rows,
        resolve_batch_size(batch_size, n_positions(shuffle, n_rows), sees_noise=True),
        resolve_shuffle(shuffle, lambda: labels),
        as_flag("replacement", replacement),
        as_flag("drop_last", drop_last),
        key,
    )
    if resume is not None:
        check_resume(resume, problem, rule, batches, batch_size)
        check_arguments(resume, arguments)
    n_epochs = as_integer("epochs", epochs, 0)
    measured = Metrics.of(named, judged)
    with progress_bar(progress, n_epochs) as show:
        training = Training(
            rule,
            batches,
            n_epochs,
            as_integer("accumulate", accumulate, 1, 2**62),
            resolve_average(average),
            None if clip_norm is None else as_float("clip_norm", clip_norm),
            None if clip_value is None else as_float("clip_value", clip_value),
            resolve_record(record),
            resolve_n_threads(n_threads),
            None if init is None else as_params("init", init, problem.n_outputs, problem.X),
            None if resume is None else resume.state,
            after_epoch(problem, callback, show, measured),
            judged.problem,
            judged.split,
            resolve_stop(stop),
            list(named),
            key if is_auto and resume is None and n_epochs > 0 else None,
        )
        run = _core.fit(problem, training)
    size = run.pop("chosen_batch_size")
    chosen = chosen if size is None else AutoBatchSize(*size)
    if "raised" in run:
        run["stop_reason"] = ("interrupted", "")
    run["history"]["noise_records"] = structured(run["history"]["noise_records"])
    run["history"]["metrics"] = measured.history(len(run["history"]["epoch_loss"]))
    result = make_result(problem, run, resume, arguments, chosen)
    if result.stop_reason is StopReason.INTERRUPTED:
        raise_with(run.pop("raised"), result)
    if result.stop_reason is StopReason.DIVERGED:
        epoch, step = run["diverged_at"]
        raise DivergenceError(run["stop_reason"][1], epoch, step, result)
    return result


def structured(columns: dict[str, Array]) -> Array:
    """Columns of the same length as one array with fields."""
    records = np.empty(len(columns["step"]), [(name, column.dtype) for name, column in columns.items()])
    for name, column in columns.items():
        records[name] = column
    return records


def make_result(
    problem: Problem,
    run: dict[str, Any],
    before: FitResult | None,
    arguments: dict[str, Any],
    auto_batch_size: AutoBatchSize | None = None,
) -> FitResult:
    """What the core gave back, for users."""
    seconds = 0.0 if before is None else before.state["seconds"]
    run["state"]["seconds"] = seconds + run["seconds"]
    coef, intercept = problem.split(run["params"])
    history = History(**run["history"])
    return FitResult(
        coef=coef,
        intercept=intercept,
        classes=problem.classes,
        history=history if before is None else before.history.followed_by(history, seconds),
        n_steps=run["state"]["n_steps"],
        n_epochs=run["state"]["epoch"],
        stop_reason=StopReason(run["stop_reason"][0]),
        state=run["state"],
        loss=problem.loss_name,
        batch_size=run["batch_size"],
        loss_object=problem.loss,
        best_epoch=run["best_epoch"],
        arguments=arguments,
        auto_batch_size=auto_batch_size,
    )


def check_resume(
    resume: Any, problem: Problem, optimizer: Optimizer, batches: _core.Batches, batch_size: Any
) -> None:
    """That a run can be gone on with, on this data."""
    if not isinstance(resume, FitResult):
        raise TypeError(f"resume must be a FitResult, got {type(resume).__name__}")
    if resume.stop_reason is StopReason.DIVERGED:
        raise ValueError("resume must be a run that did not diverge; its parameters can be given as init")
    if resume.loss != problem.loss_name:
        raise ValueError(f"resume must be a run of loss {problem.loss_name!r}, got {resume.loss!r}")
    if resume.loss_object != problem.loss:
        raise ValueError(f"resume must be a run of loss {problem.loss}, got {resume.loss_object}")
    if resume.coef.dtype != problem.X.dtype:
        raise ValueError(f"resume must be a run on {problem.X.dtype}, got {resume.coef.dtype}")
    if resume.coef.shape[-1] != problem.X.shape[1] or np.size(resume.intercept) != problem.n_outputs:
        raise ValueError(
            f"resume must be a run with {problem.n_outputs} x {problem.X.shape[1]} coefficients, "
            f"got coef of shape {resume.coef.shape}"
        )
    memory = len(resume.state["memory"]), len(resume.state["scalars"])
    if memory != _core.init_optimizer(optimizer):
        raise ValueError(f"resume must be a run of {optimizer}, got one of an optimizer with another memory")
    keeps_growing = isinstance(batch_size, NormTest) and resume.state.get("growth") is not None
    size = resume.batch_size if keeps_growing else batches.batch_size(resume.state["epoch"])
    if resume.state["step"] > 0 and resume.batch_size != size:
        raise ValueError(
            f"resume must be a run with batch_size {size}, for it ended within an epoch, "
            f"got {resume.batch_size}"
        )


def model_of(problem: Problem, params: Array) -> FitResult:
    """A model in the middle of its run, to predict with."""
    state = {"n_steps": 0, "epoch": 0}
    run = {"params": params, "state": state, "history": {}, "stop_reason": ("interrupted", "")}
    return make_result(problem, {**run, "seconds": 0.0, "best_epoch": None, "batch_size": 0}, None, {})


def check_callback(callback: Any) -> None:
    """That there is none, or one to be called."""
    if callback is not None and not callable(callback):
        raise TypeError(f"callback must be callable, got {callback!r}")


def after_epoch(
    problem: Problem,
    callback: Callable[[Progress], Any] | None,
    show: Callable[[float], None] | None,
    metrics: Metrics,
) -> AfterEpoch | None:
    """What the core is to call after every epoch, if anything."""
    check_callback(callback)
    if callback is None and show is None and not metrics.named:
        return None

    def call(
        epoch: int, n_steps: int, loss: float, elapsed: float, params: Array, validation_loss: float | None
    ) -> tuple[bool, list[float], BaseException | None]:
        if show is not None:
            show(loss)
        measured = metrics.measure(model_of(problem, params).predict) if metrics.named else {}
        values = list(measured.values())
        if callback is None:
            return False, values, None
        coef, intercept = problem.split(params)
        told = Progress(epoch, n_steps, loss, elapsed, coef, intercept, validation_loss, measured)
        try:
            return bool(callback(told)), values, None
        except BaseException as error:  # the core raises it, but the rules must not miss the values
            return True, values, error

    return call


@contextmanager
def progress_bar(progress: bool, n_epochs: int) -> Any:
    """A function to be told the loss of every epoch, or None without tqdm or the wish for it."""
    if not as_flag("progress", progress):
        yield None
        return
    try:
        from tqdm.auto import tqdm
    except ImportError:
        warnings.warn("progress=True needs tqdm: pip install 'mbgd_rs[progress]'", stacklevel=4)
        yield None
        return
    with tqdm(total=n_epochs, unit="epoch") as bar:

        def show(loss: float) -> None:
            bar.set_postfix(loss=f"{loss:.4g}", refresh=False)
            bar.update()

        yield show
