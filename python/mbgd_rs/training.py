"""Training: `fit`."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from . import _core
from .choices import Loss, Penalty, resolve_optimizer
from .errors import DivergenceError
from .inputs import as_flag, as_float, as_integer, as_params
from .objective import Problem, make_problem
from .optimizers import Optimizer
from .result import FitResult, History, StopReason
from .threads import resolve_n_threads

__all__ = ["Progress", "fit"]

Array = NDArray[Any]
RECORDS = ("epoch", "step", "full_loss", "path")


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
    """

    epoch: int
    n_steps: int
    loss: float
    elapsed: float
    coef: Array
    intercept: Any


@dataclass(frozen=True)
class Training:
    """How to minimise, as the core reads it."""

    optimizer: Optimizer
    batches: _core.Batches
    epochs: int
    clip_norm: float | None
    record: tuple[bool, bool, bool]
    n_threads: int
    init: Array | None
    state: dict[str, Any] | None
    callback: Callable[..., bool] | None


def resolve_batch_size(batch_size: Any, n_rows: int) -> int:
    """Rows of a batch, at most all."""
    if isinstance(batch_size, str):
        if batch_size not in ("auto", "full"):
            raise ValueError(f"batch_size must be an integer, 'full' or 'auto', got {batch_size!r}")
        return n_rows if batch_size == "full" else min(256, n_rows)
    return min(as_integer("batch_size", batch_size, 1), n_rows)


def resolve_record(record: Any) -> tuple[bool, bool, bool]:
    """Whether to record steps, full losses and the path."""
    known = ", ".join(map(repr, RECORDS))
    try:
        names = (record,) if isinstance(record, str) else tuple(record)
    except TypeError:
        raise TypeError(f"record must be one or some of {known}, got {record!r}") from None
    for name in names:
        if name not in RECORDS:
            raise ValueError(f"record must be one or some of {known}, got {name!r}")
    return "step" in names, "full_loss" in names, "path" in names


def fit(
    X: ArrayLike,
    y: ArrayLike,
    *,
    sample_weight: ArrayLike | None = None,
    loss: str | Loss = "squared_error",
    penalty: str | Penalty | None = None,
    fit_intercept: bool = True,
    optimizer: str | Optimizer = "sgd",
    batch_size: int | Literal["full", "auto"] = "auto",
    shuffle: Literal["full", "once", False] = "full",
    replacement: bool = False,
    drop_last: bool = False,
    epochs: int = 10,
    init: Any = None,
    resume: FitResult | None = None,
    clip_norm: float | None = None,
    seed: int = 0,
    n_threads: int | None = None,
    record: str | Iterable[str] = "epoch",
    callback: Callable[[Progress], Any] | None = None,
    progress: bool = False,
) -> FitResult:
    """Train a linear model by mini-batch gradient descent.

    Minimises ``mean_i s_i loss(x_i . w + b, y_i) + alpha (l1_ratio |w|_1 + (1 - l1_ratio)/2 |w|^2)``, the
    weights s scaled to mean 1, the intercept b free of penalty. Each step uses the gradient on one batch,
    ``(1/b) sum_i s_i slope_i x_i``. The result is the same, to the bit, for every number of threads.

    Parameters
    ----------
    X : array-like of shape (n, d)
        Rows. float32 and float64 arrays in C order are used in place, anything else is converted once. Do not
        change it during the fit.
    y : array-like of shape (n,) or (n, k)
        Targets: numbers for a regression, labels of any dtype for a classification.
    sample_weight : array-like of shape (n,), optional
        How much each row counts, >= 0; scaled to mean 1.
    loss : {"squared_error", "log_loss", "hinge"} or object of mbgd_rs.losses
    penalty : {"l2", "l1", "elasticnet"}, object of mbgd_rs.penalties or None
    fit_intercept : bool, default=True
        Without, the intercept stays where it begins, at 0.
    optimizer : {"sgd", "adam"} or object of mbgd_rs.optimizers
        Also has the learning rate. That of "sgd" chooses itself: :class:`mbgd_rs.optimizers.SGD` says how.
    batch_size : int, "full" or "auto", default="auto"
        Rows of a step; more than n means all, as "full" does. "auto" is min(256, n).
    shuffle : {"full", "once", False}, default="full"
        A new permutation every epoch, the same one every epoch, or the rows as they come.
    replacement : bool, default=False
        Draw every row of a batch from all rows; needs shuffle="full".
    drop_last : bool, default=False
        Leave out a last batch of fewer than `batch_size` rows.
    epochs : int, default=10
        Passes over the data, in addition to those of `resume`.
    init : pair (coef, intercept) or FitResult, optional
        Where to begin; zeros by default.
    resume : FitResult, optional
        A run to go on with, given the same data and arguments: k epochs and then m more are, to the bit, what
        k + m epochs would have been.
    clip_norm : float, optional
        Scale batch gradients with a larger 2-norm down to this.
    seed : int, default=0
        Of all shuffles and draws, in [0, 2**64).
    n_threads : int, optional
        At most so many; by default :func:`mbgd_rs.get_num_threads`.
    record : "epoch", "step", "full_loss", "path" or several of them, default="epoch"
        What `history` has besides the loss of each epoch, see :class:`mbgd_rs.History`.
    callback : callable, optional
        Called with a :class:`Progress` after every epoch; a true return value ends the run.
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
    problem = make_problem(X, y, sample_weight, loss, penalty, fit_intercept, resume)
    n_rows = len(problem.X)
    if init is not None and resume is not None:
        raise ValueError("init and resume exclude each other: a resumed run begins where the other ended")
    rule = resolve_optimizer(optimizer)
    size = resolve_batch_size(batch_size, n_rows)
    if resume is not None:
        check_resume(resume, problem, rule, size)
    batches = _core.Batches(
        n_rows,
        size,
        shuffle,
        as_flag("replacement", replacement),
        as_flag("drop_last", drop_last),
        as_integer("seed", seed, 0, 2**64 - 1),
    )
    n_epochs = as_integer("epochs", epochs, 0)
    with progress_bar(progress, n_epochs) as show:
        training = Training(
            rule,
            batches,
            n_epochs,
            None if clip_norm is None else as_float("clip_norm", clip_norm),
            resolve_record(record),
            resolve_n_threads(n_threads),
            None if init is None else as_params("init", init, problem.n_outputs, problem.X),
            None if resume is None else resume.state,
            after_epoch(problem, callback, show),
        )
        run = _core.fit(problem, training)
    result = make_result(problem, batches.batch_size, run, resume)
    if result.stop_reason is StopReason.DIVERGED:
        epoch, step = run["diverged_at"]
        raise DivergenceError(run["stop_reason"][1], epoch, step, result)
    return result


def make_result(
    problem: Problem, batch_size: int, run: dict[str, Any], before: FitResult | None
) -> FitResult:
    """What the core gave back, for users."""
    coef, intercept = problem.split(run["params"])
    history = History(**run["history"])
    return FitResult(
        coef=coef,
        intercept=intercept,
        classes=problem.classes,
        history=history if before is None else before.history.followed_by(history),
        n_steps=run["state"]["n_steps"],
        n_epochs=run["state"]["epoch"],
        stop_reason=StopReason(run["stop_reason"][0]),
        state=run["state"],
        loss=problem.loss_name,
        batch_size=batch_size,
    )


def check_resume(resume: Any, problem: Problem, optimizer: Optimizer, batch_size: int) -> None:
    """That a run can be gone on with, on this data."""
    if not isinstance(resume, FitResult):
        raise TypeError(f"resume must be a FitResult, got {type(resume).__name__}")
    if resume.stop_reason is StopReason.DIVERGED:
        raise ValueError("resume must be a run that did not diverge; its parameters can be given as init")
    if resume.loss != problem.loss_name:
        raise ValueError(f"resume must be a run of loss {problem.loss_name!r}, got {resume.loss!r}")
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
    if resume.state["step"] > 0 and resume.batch_size != batch_size:
        raise ValueError(
            f"resume must be a run with batch_size {batch_size}, for it ended within an epoch, "
            f"got {resume.batch_size}"
        )


def check_callback(callback: Any) -> None:
    """That there is none, or one to be called."""
    if callback is not None and not callable(callback):
        raise TypeError(f"callback must be callable, got {callback!r}")


def after_epoch(
    problem: Problem, callback: Callable[[Progress], Any] | None, show: Callable[[float], None] | None
) -> Callable[..., bool] | None:
    """What the core is to call after every epoch, if anything."""
    check_callback(callback)
    if callback is None and show is None:
        return None

    def call(epoch: int, n_steps: int, loss: float, elapsed: float, params: Array) -> bool:
        if show is not None:
            show(loss)
        if callback is None:
            return False
        coef, intercept = problem.split(params)
        return bool(callback(Progress(epoch, n_steps, loss, elapsed, coef, intercept)))

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
