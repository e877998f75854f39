"""Training: `fit`."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any, Literal

from numpy.typing import ArrayLike

from ..agreement import check_same_call
from ..arguments import RecordName
from ..automatic import converges, is_named_auto
from ..averages import Average, AverageName
from ..batch_sizes import BatchSizes
from ..checkpoint import Checkpoint, checkpoints_of
from ..checkpointing import resumption_of
from ..choices import members_of, names_of
from ..class_weights import ClassWeight
from ..docstrings import with_names
from ..growth import warn_of_growth
from ..keywords import with_hints
from ..labels import as_sorted_classes
from ..losses import DEFAULT_LOSS, Loss, LossName
from ..metrics import Metrics
from ..models import Linear, Model, ModelName
from ..objective import make_problem
from ..optimizers import Optimizer, OptimizerName
from ..outcome import make_result
from ..penalties import Penalty, PenaltyName
from ..ranks import Ranks, together
from ..reach import FEWEST_ROWS, warn_of_reach
from ..result import FitResult
from ..resuming import warn_of_the_end
from ..sampling import DEFAULT_SHUFFLE, Shuffle
from ..sources import Source
from ..standardizing import Course
from ..stop_reason import StopReason
from ..stopping import StopRule
from ..watching import Watcher, after_epoch, after_steps, running, watchers_of
from .in_memory import Task, course_in_memory, optimizer_of, rows_of, task_of
from .on_source import fit_source
from .run import ended
from .terms import Length, is_first, length_of, training_of
from .warning import warn_of_labels, warn_of_no_convergence

__all__ = ["fit"]


@with_hints
@with_names(
    regression_losses=[
        name for name, kind in members_of(Loss).items() if kind.has_targets and not kind.is_classification
    ],
    classification_losses=[name for name, kind in members_of(Loss).items() if kind.is_classification],
    models=names_of(Model),
    penalties=names_of(Penalty),
    optimizers=names_of(Optimizer),
)
def fit(
    X: Any,
    y: ArrayLike | None = None,
    *,
    sample_weight: ArrayLike | None = None,
    offset: ArrayLike | None = None,
    class_weight: ClassWeight = None,
    classes: ArrayLike | None = None,
    loss: LossName | Loss = DEFAULT_LOSS,
    model: ModelName | Model = "linear",
    penalty: PenaltyName | Penalty | None = None,
    fit_intercept: bool = True,
    standardize: bool = False,
    optimizer: OptimizerName | Optimizer | Literal["auto"] = "auto",
    batch_size: int | Literal["full", "auto"] | BatchSizes = "auto",
    shuffle: Shuffle = DEFAULT_SHUFFLE,
    replacement: bool = False,
    drop_last: bool = False,
    memory_limit: int | None = None,
    epochs: int | Literal["auto"] = "auto",
    init: Any = None,
    resume: FitResult | str | os.PathLike[str] | None = None,
    validation: float | tuple[ArrayLike, ...] | Source | None = None,
    metrics: Any = None,
    stop: StopRule | Sequence[StopRule] | None = None,
    accumulate: int = 1,
    average: AverageName | Average | None = None,
    clip_norm: float | None = None,
    clip_value: float | None = None,
    seed: int = 0,
    n_threads: int | None = None,
    record: RecordName | Iterable[RecordName] = "epoch",
    callback: Watcher | Sequence[Watcher] | None = None,
    checkpoint: Checkpoint | Sequence[Checkpoint] | None = None,
    progress: bool = False,
    verbose: int = 0,
    comm: Any = None,
    sync_every: int | None = None,
) -> FitResult:
    """Train a model by mini-batch gradient descent: a linear one, or another by `model`.

    Minimises ``mean_i s_i loss(x_i . w + b + o_i, y_i) + penalty(w)``, the weights s scaled to mean 1, the
    offsets o zero unless given, the intercept b free of penalty; the elastic net's is
    ``alpha (l1_ratio |w|_1 + (1 - l1_ratio)/2 |w|^2)``. Other models have other scores than ``x_i . w + b``.
    Each step uses the gradient on one batch, ``(1/b) sum_i s_i slope_i x_i``. The result is the same, to the
    bit, for every number of threads.

    Parameters
    ----------
    X : array-like, data frame or sparse matrix of shape (n, d), or source
        Rows. float32 and float64 arrays in C order, memory maps too, are used in place, and so are CSR
        matrices and arrays of scipy.sparse with such values and indices of 32 or 64 bits; anything else is
        converted once: frames and tables of pandas, polars and pyarrow, whose columns are checked by their
        names from then on, other formats of scipy.sparse, tensors in the memory of the CPU (by DLPack). Do
        not change it during the fit. See Notes for sparse rows, and for sources, :mod:`mbgd_rs.sources`,
        whose rows may be more than memory holds.
    y : array-like of shape (n,) or (n, k), optional
        Targets: numbers for a regression, labels of any dtype for a classification; with shape (n, k), k > 1,
        and a loss of classes, 0 or 1 or bools for each of k labels. Measured numbers are no labels and
        refused. None for the loss "one_class", which has no targets, and for a source, which has its own.
    sample_weight : array-like of shape (n,), optional
        How much each row counts, >= 0; scaled to mean 1.
    offset : array-like of shape (n,) or (n, k), optional
        What is known of the scores beforehand, added to them as it is: a number for each of the k scores of a
        row. For counts over exposures, with loss="poisson", it is the logarithm of the exposure. `predict`
        and its like are given the offsets of their rows.
    class_weight : dict, "balanced" or None, optional
        How much the rows of each label count, in training and in the validation loss, multiplied with
        `sample_weight`; labels that a dict does not have count 1. "balanced" gives all classes the same
        weight in the rows learned from, as in scikit-learn.
    classes : array-like, optional
        All labels that there are, in whatever order, where y may not have each of them: rows that come in
        chunks. By default the labels in y, or those of the model in `init` or `resume`.
    loss : str or object of mbgd_rs.losses, default="squared_error"
        What being wrong costs. Left out while y looks like labels, it warns. Of numbers
        <regression_losses>;
        of classes
        <classification_losses>;
        of rows without targets, to find outliers, "one_class", for linear models.
    model : str or object of mbgd_rs.models, default="linear"
        What rows say of their scores: names are
        <models>.
        An object has the sizes of layers, activations and dropout, or the number of factors. See Notes for
        what only linear models have.
    penalty : str, object of mbgd_rs.penalties or None
        Added to the mean loss; depends on the coefficients alone, not on intercepts. By default there is
        none. A name has the default strength ``alpha=1e-4``; an object has a strength of your choice, or one
        for each block of the model. Names are
        <penalties>.
    fit_intercept : bool, default=True
        Without, intercepts stay where they begin, at 0.
    standardize : bool, default=False
        Train on columns of mean 0 and standard deviation 1, as scikit-learn's StandardScaler makes them, and
        for most losses of numbers on such targets. Coefficients, losses, records and metrics are those of X
        and y as given. See Notes for what then is in which units. The optimizer "auto" needs it for no
        smooth loss; the penalty is then that of the scaled columns.
    optimizer : "auto", str or object of mbgd_rs.optimizers, default="auto"
        Also has the learning rate. "auto" is :class:`mbgd_rs.optimizers.SAGA` for a smooth loss, whose
        steps are made in the metric of the curvature, so that raw columns are as good as standardised
        ones and there is nothing to tune; and ``SGD(preconditioner="diagonal")``, with a rate that
        chooses itself, for a loss with a kink or where rows are drawn with replacement or by weights.
        Of models beyond linear it is :class:`mbgd_rs.optimizers.Adam`. ``result.solver`` says which and
        why. Names are
        <optimizers>.
    batch_size : int, "full", "auto" or object of mbgd_rs.batch_sizes, default="auto"
        Rows of a step; more than n means all, as "full" does. "auto" is min(200, n) of models beyond linear,
        as in scikit-learn's networks; with SAGA and SVRG, 64 for fewer
        than 131,072 rows and else 512; with others min(256, n) for fewer than 65,536 rows, and of more rows
        some are trained on before, and their noise says how large batches are to be, see
        :class:`mbgd_rs.AutoBatchSize`; :func:`mbgd_rs.diagnostics.recommend_batch_size` measures more. An
        object lets it grow from epoch to epoch, :class:`mbgd_rs.batch_sizes.NormTest` as the noise asks.
    shuffle : {"full", "once", "block", "stratified", False} or object of mbgd_rs.sampling, default="full"
        A new permutation every epoch; one that keeps reads local; one by which every batch has the classes in
        proportion; the same one every epoch; or the rows as they come. Objects say more, or draw by weights.
        Of a source it is "block" by default, and may be that, a :class:`mbgd_rs.sampling.Block` or False.
    replacement : bool, default=False
        Draw every row of a batch from all rows; needs shuffle="full".
    drop_last : bool, default=False
        Leave out a last batch of fewer than `batch_size` rows.
    memory_limit : int, optional
        Bytes that rows of a source may take in memory, >= 1: two windows of chunks, of which one is trained
        on while the other one is read. A quarter of what is available by default, of several processes with
        `comm` the least that one of them has. For sources only.
    epochs : int or "auto", default="auto"
        Passes over the data that this call makes, in addition to those of `resume`, unless that is "auto". If
        the run before ended in the middle of an epoch, the rest of this is the first. "auto" is 10; with SAGA
        and SVRG, whose rate is "auto", as many as it takes to converge, at most 100, or 1000 of small data:
        :class:`mbgd_rs.stopping.Converged` is added to `stop`, and a run that does not converge warns. Of
        models beyond linear it is at most 200, as in scikit-learn's networks, and
        ``NoImprovement(tol=1e-4, patience=10)`` is added, unless there is another such rule.
    init : dict, tuple or FitResult, optional
        Where to begin: the parameters by the names of their blocks, as ``result.params`` has them; all of
        them in that order, of a linear model (coef, intercept); or a result, which as a classifier also says
        what the classes are. By default a linear model begins at zeros; with SAGA and SVRG at an intercept
        that suits the targets where the loss has a log link or is "log_cosh". Others begin at random numbers
        drawn by `seed`, see :mod:`mbgd_rs.models`.
    resume : FitResult, path or "auto", optional
        A run to go on with for `epochs` more: a result, the file of one that was saved with its state, or a
        folder of checkpoints, of which the newest is taken. Given the same data and arguments, k epochs and
        then m more are, to the bit, what k + m epochs would have been, wherever the first run ended. Loss,
        model, kind of optimizer, `fit_intercept`, `standardize`, `shuffle`, `replacement`, `drop_last`,
        `seed` and a `validation` fraction must be those of that run; ``**result.arguments`` are these.
        Hyperparameters of the optimizer, penalty, `clip_norm`, `batch_size` and the rows may change, the last
        two only between epochs; what is recorded and what ends the run may change at any time. Where penalty,
        rows, targets, weights or offsets have changed, the best epoch so far, a learning rate that chose
        itself, a plateau with what it has taken off the rate, and an average of parameters are those of
        another objective and begin anew. A schedule that has ended warns.

        "auto" goes on with the newest file that `checkpoint` has written, and begins where there is none, so
        that a call which is begun again, whatever has ended it, ends with the same bits: then `epochs` and
        :class:`mbgd_rs.stopping.MaxSteps` count from the beginning of the run, `init` is only where it
        begins, and a run that has all its epochs, or that another rule or a callback has ended, is given back
        as it is; :class:`mbgd_rs.stopping.MaxSeconds` is a limit of each call.
    validation : float, (X, y), (X, y, sample_weight), (X, y, sample_weight, offset) or source, optional
        Rows to judge the model by, whose mean loss, without the penalty, is ``history.validation_loss``; in
        the place of weights or offsets may be None. A fraction in (0, 1) sets rows of X aside by `seed`,
        rounded to the nearest number, from every class its share; training has the others, in their order.
        Nothing is copied.
    metrics : dict of str to metric, metric or sequence of metrics, optional
        Looked at after every epoch on the validation rows, or on all rows without these, and kept in
        ``history.metrics`` by the names in the dict, or their own. A metric is a function
        ``metric(y_true, y_pred) -> float``, with what `predict` says; a :class:`mbgd_rs.Metric`, which says
        that it needs scores or probabilities; or, with scikit-learn installed, one of its scorers, or the
        name of one, as "roc_auc". Functions of sklearn.metrics that need scores or probabilities get these.
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
        At most so many; by default :func:`mbgd_rs.get_num_threads`, and one where the run is so short that
        to start another would take longer. They do not change the result.
    record : "epoch", "step", "full_loss", "path", "noise" or several of them, default="epoch"
        What `history` has besides the loss of each epoch, see :class:`mbgd_rs.History`. "noise" is
        how noisy the gradients are, see :class:`mbgd_rs.diagnostics.RecordedNoise`.
    callback : callable, object with a method on_step, or list of them, optional
        Called with a :class:`Progress` after every epoch; the answer True of any, and no other, ends the run.
        A method `on_step`, where there is one, is called with a :class:`StepProgress` after every
        `every_steps`-th step, an attribute that is 1 if it is missing, and may end the run after any of them.
        :mod:`mbgd_rs.callbacks` has some that are ready, for TensorBoard and Optuna, say. An exception one
        raises, or that of Ctrl-C or of a learning rate given as a function, is raised here; its
        attribute `result` is the run so far, to be resumed.
    checkpoint : Checkpoint or sequence of them, optional
        Where, and how often, to save the run while it goes on: :class:`mbgd_rs.Checkpoint`.
    progress : bool, default=False
        Show a progress bar; needs tqdm.
    verbose : int, default=0
        Above 0, print a line of text for every epoch.
    comm : mpi4py.MPI.Comm, optional
        The processes that make this run together, each by the same call with the same rows, with rows of its
        own, see :class:`mbgd_rs.sampling.Sharded`, or a source that each reads; needs ``mbgd_rs[mpi]``. Each
        adds up a part of the rows of a step; the result has the bits of one process, and every process gets
        it. `callback`, `progress` and `verbose` are those of rank 0; what they decide, and the clock of
        :class:`~mbgd_rs.stopping.MaxSeconds`, is for all. `n_threads` and `memory_limit` are for each
        process.
    sync_every : int, optional
        Processes make this many steps on their own before they meet: local SGD, another algorithm, whose
        result depends on the number of processes. Of every batch each makes a step on its share, and where
        they meet, as at the end of an epoch, parameters, averages and what the optimizer remembers become the
        means of those of all. With 1 they meet after every step, which is not the default of sharing the sums
        of one step. One process makes its steps as without. The optimizer "auto" is Adagrad(0.1) for linear
        models and Adam for others. Refused are SAGA, SVRG, FTRL, preconditioners, the learning rate
        "auto", :class:`~mbgd_rs.batch_sizes.NormTest`, the records "step", "path" and "noise", and sources.

    Returns
    -------
    FitResult

    Raises
    ------
    ValueError, TypeError
        For arguments that make no sense, with the name, the condition and the value; with `comm` also if the
        processes have made different calls.
    OSError
        If a checkpoint cannot be written; its `result` is the run so far.
    RuntimeError
        With `comm`, if another process was interrupted or has raised an error; it says which, and why.
    DivergenceError
        If the run leaves the finite numbers; its `result` has the last finite parameters.

    Warns
    -----
    ConvergenceWarning
        If ``epochs="auto"`` was to end at the optimum, and all epochs were made before it was there.

    Notes
    -----
    A step on sparse rows costs what the batch has entries, however many columns there are:

    - With SGD at a given rate the result is that of a dense copy, to rounding, also with momentum, l1, l2 and
      weight decay. What the steps missed do to a coefficient is made up for when it is next wanted, all at
      once.
    - The same is true of Adagrad and FTRL, with l1 or without. With an l2 penalty or weight decay, which have
      no closed form there, they move all coefficients in every step; FTRL's own `l2` is not one.
    - With Adam, AdamW, NAdam, RAdam, Adamax, RMSprop, Adadelta and Lion the coefficients of columns that a
      batch does not have rest, with all that is remembered of them, and no penalty acts on them (as with
      PyTorch's SparseAdam). That is another method than on dense rows.
    - The other optimizers, SAGA and SVRG among them, preconditioners, the rate "auto" of SGD, and averages
      move all coefficients in every step, as on dense rows. With many thousands of columns, of which a batch
      has few, that is most of the time: give one of the above, at a rate.

    Only linear models have what follows from a convex objective, or is about single columns; with others it
    is refused: SAGA, SVRG and preconditioners, the learning rate "auto", the loss "one_class", penalties of
    groups and arrays of strengths.

    A source of :mod:`mbgd_rs.sources` is read in windows of several chunks. Every epoch the chunks are
    permuted, and the rows of each window; the result is, to the bit, that of a fit on all rows in memory
    with ``shuffle=result.arguments["shuffle"]``, a :class:`mbgd_rs.sampling.Block` whose blocks are the
    chunks. How many chunks a window has is said by such an object; else it is 8 where chunks are alike,
    which gradients on some of them tell, and otherwise as many as `memory_limit` allows, since chunks
    that differ, as those of sorted rows do, are mixed by large windows only. Labels and weights are found
    by passes over the targets before, the labels not if `classes` are given. What looks at all rows at
    once is refused by name: SAGA, SVRG, preconditioners and the rate "auto", the record "full_loss",
    a `validation` fraction, draws by weights or with replacement. "auto" is Adagrad(0.1) for
    linear models and Adam for others. A rule about the loss of a run with an average looks at the mean
    over the epoch. An exception, as for an entry that is not finite, says in which file and row, and has
    the run up to the window in its attribute `result`.

    With ``standardize=True`` rows that are learned from have weighted means and standard deviations, by which
    all rows are centred and scaled; constant columns have a scale of 1:

    - A source is read three times for that, before the first step, and its targets alone once more where
      they are scaled.
    - Sparse rows, and any without an intercept, are scaled and not centred. X is copied once in its type, of
      sparse rows the values.
    - Where the loss depends on ``z - y`` alone, as do all of numbers without a link, and there is an
      intercept, targets are centred; with offsets, by what is left of the targets without them. All of these
      losses but "log_cosh" have a degree p, 2 for the squared ones and "huber" and 1 for the absolute ones
      and "quantile": then targets are divided by s, the root of their mean square after centring, one for all
      outputs, and an `epsilon` is, too. The loss is s^p times that in training. Targets of links, "log_cosh"
      and classes are not scaled.
    - The penalty is that of the coefficients of the scaled columns and of the targets as given, so that the
      objective is that of a fit after a StandardScaler: strengths are translated to the units of training,
      and so are coupled weight decay, FTRL's `l1` and `l2`, SGLD's temperature, and the tolerances and
      targets of rules and of a plateau.
    - Of models beyond linear, strengths of penalties, weight decay and FTRL's `l1` and `l2` are not
      translated: they are those of training, of scaled columns and targets.
    - Learning rates, `clip_norm`, `clip_value`, ``history.gradient_norm``, ``history.noise_records``,
      ``result.auto_rate`` and ``result.state`` are about the scaled problem.
    - `init` is in the units of the data, what a model begins with otherwise in those of training. A run that
      is resumed keeps the means and scales of the first, also on other rows: ``result.standardization`` has
      them.

    Entries of the same row and column add up. `clip_norm`, `clip_value` and ``history.gradient_norm`` are
    about the gradient of the step, which for a batch with fewer entries than half of the columns has no l2
    part of columns that it does not have. To record steps, full losses or the path costs a look at all
    columns each time.

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
    if comm is not None and not isinstance(comm, Ranks):
        return together(comm, fit, locals())
    checkpoints = checkpoints_of(checkpoint)
    resumption = resumption_of(resume, checkpoints)
    resume = resumption.result
    if init is not None and resume is not None:
        if not resumption.is_same_call:
            raise ValueError("init and resume exclude each other: a resumed run begins where the other ended")
        init = None  # that is where it has begun
    given = dict(locals())
    if isinstance(X, Source):
        return fit_source(X, given)

    rows = rows_of(given)
    problem = make_problem(
        rows.X,
        rows.y,
        sample_weight=rows.sample_weight,
        offset=rows.offset,
        loss=loss,
        model=model,
        penalty=penalty,
        fit_intercept=fit_intercept,
        known=init if resume is None else resume,
        classes=None if classes is None else as_sorted_classes(classes),
    )
    if loss is DEFAULT_LOSS and resume is None:
        warn_of_labels(rows.y)
    chosen = optimizer_of(given, problem, rows.shuffle)
    task = task_of(given, rows, problem, chosen)
    length = length_of(given, chosen.optimizer, task.problem)
    if resume is not None and length.is_over:
        return replace(resume, arguments=task.terms.arguments)
    warn_of_the_end(chosen.optimizer, length.n_made, length.most_steps(task.sampling))
    course = course_in_memory(given, rows, task, length)
    if resume is None:
        warn_of_reach(
            course.trained,
            course.optimizer,
            task.sampling,
            rows=None if task.judged.split is None else task.judged.split[0],
            n_epochs=length.n_epochs,
            accumulate=length.accumulate,
            stop=course.stop,
            start=course.init,
            chooses_batch_size=task.chooses_batch_size and task.sampling.n_rows >= FEWEST_ROWS,
            standardized=standardize,
        )
    watchers = watchers_of(callback, progress, verbose)
    result = run_in_memory(given, task, course, length, watchers)
    if comm is None:
        warn_of_growth(task.problem, chosen.optimizer, result)
    if is_named_auto(epochs) and converges(chosen.optimizer) and result.stop_reason is StopReason.EPOCHS:
        warn_of_no_convergence(result, is_penalised=penalty is not None)
    return result


__test__ = {"fit": fit}
"""The examples of what is behind a decorator are run, too."""


def run_in_memory(
    given: dict[str, Any], task: Task, course: Course, length: Length, watchers: list[Watcher]
) -> FitResult:
    """The result of a run, when it has ended; on several ranks, after all have found that it is the same."""
    comm, resume, problem, judged = given["comm"], given["resume"], course.problem, task.judged
    terms = task.terms if problem is task.problem else replace(task.terms, problem=problem)
    measured = Metrics(task.metrics, judged.X, judged.y, judged.offset)
    shown = watchers if is_first(comm) else []

    def made(run: dict[str, Any]) -> FitResult:
        return make_result(**terms.parts(run, resume, measured))

    writer = terms.writer(given)
    training = training_of(
        given,
        course,
        task.sampling,
        length,
        init=beginning_of(course, resume, task.sampling.seed),
        metrics=task.metrics,
        epochs=length.n_epochs,
        callback=after_epoch(problem, shown, measured),
        step_callback=after_steps(problem, watchers, length.n_made),
        checkpoints=writer.callback(made),
        split=judged.split,
        chooses_batch_size=task.sampling.seed if task.chooses_batch_size and length.n_epochs > 0 else None,
        sync_every=task.sync_every,
    )
    if comm is not None:
        check_same_call(comm, training, problem, course.validation, terms.arguments, resume)
    with running(shown, length.n_epochs):
        return ended(course.trained.at_hand(), training, made, writer, comm)


def beginning_of(course: Course, resume: FitResult | None, seed: int) -> Any:
    """Where the run begins, in the units of training; None for zeros, or where the one before has ended."""
    if course.init is not None or resume is not None or isinstance(course.problem.model, Linear):
        return course.init
    return course.problem.start(seed)
