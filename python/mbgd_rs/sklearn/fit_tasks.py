"""scikit-learn's callbacks, there from its version 1.9 on: `fit` is a task, and each epoch a task of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from ..progress import Progress

try:
    from sklearn.callback import CallbackSupportMixin, with_callbacks
except ImportError:  # scikit-learn < 1.9: estimators have no set_callbacks

    class CallbackSupportMixin:  # type: ignore[no-redef]
        """Stands for that of scikit-learn, where there is none."""

    def with_callbacks(method: Any) -> Any:
        """The method as it is."""
        return method


__all__ = ["CallbackSupportMixin", "EpochTasks", "fit_task", "with_callbacks"]

Attributes = Callable[[Progress], dict[str, Any]]


class EpochTasks:
    """Begins and ends a task for every epoch; to be called after each.

    Nobody knows that an epoch is the last until the run has ended: the one that was begun then and never ran
    is ended by `close`, without data.
    """

    def __init__(self, context: Any, estimator: Any, data: dict[str, Any], attributes: Attributes) -> None:
        self.context = context
        self.estimator = estimator
        self.data = data
        self.attributes = attributes
        self.n_ended = 0
        self.task: Any = None
        self.begin()

    def begin(self) -> None:
        """The next epoch, if there may be one more."""
        if self.n_ended < self.context.max_subtasks:
            self.task = self.context.subcontext(task_name="epoch")
            self.task.call_on_fit_task_begin(estimator=self.estimator, **self.data)

    def __call__(self, progress: Progress) -> bool:
        """Ends the task of the epoch; whether a callback asks for the end of the run."""
        task, self.task = self.task, None
        self.n_ended += 1
        stop = task.call_on_fit_task_end(
            estimator=self.estimator,
            **self.data,
            reconstruction_attributes=lambda: self.attributes(progress),
        )
        if not stop:
            self.begin()
        return bool(stop)

    def close(self) -> None:
        """Ends the task of an epoch that was not run."""
        if self.task is not None:
            task, self.task = self.task, None
            task.call_on_fit_task_end(estimator=self.estimator)


class FitTask:
    """The task of a whole fit; without callbacks it does nothing."""

    def __init__(self, estimator: Any, context: Any, data: dict[str, Any]) -> None:
        self.estimator = estimator
        self.context = context
        self.data = data

    @contextmanager
    def epochs(self, attributes: Attributes) -> Iterator[EpochTasks | None]:
        """What is to be called after each epoch; `attributes` are those of the fitted estimator then."""
        if self.context is None:
            yield None
            return
        tasks = EpochTasks(self.context, self.estimator, self.data, attributes)
        yield tasks
        tasks.close()

    def end(self) -> None:
        """The estimator is fitted."""
        if self.context is not None:
            self.context.call_on_fit_task_end(
                estimator=self.estimator, **self.data, reconstruction_attributes={}
            )


def fit_task(estimator: Any, *, max_iter: int, X: Any, y: Any, sample_weight: Any) -> FitTask:
    """Begins the task of a fit, if the estimator has callbacks."""
    metadata = None if sample_weight is None else {"sample_weight": sample_weight}
    data = {"X": X, "y": y, "metadata": metadata}
    if not getattr(estimator, "_skl_callbacks", None):
        return FitTask(estimator, None, data)
    context = estimator._init_callback_context(max_subtasks=max_iter)
    context.call_on_fit_task_begin(estimator=estimator, **data)
    return FitTask(estimator, context, data)
