"""Mini-batch gradient descent on the CPU: fast, reproducible to the bit, one small wheel.

>>> import numpy as np
>>> import mbgd_rs as mb
>>> X = np.random.default_rng(0).standard_normal((500, 4))
>>> y = X[:, 0] > X[:, 1]
>>> model = mb.fit(X, y, loss="log_loss", optimizer=mb.optimizers.SGD(learning_rate=0.5), batch_size=32)
>>> bool((model.predict(X) == y).mean() > 0.95)
True
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

import numpy as _numpy  # noqa: F401  # before the core, whose own import of a broken NumPy is a panic

from ._core import __version__
from .late_imports import when_imported

if TYPE_CHECKING:
    from . import (
        averages,
        batch_sizes,
        callbacks,
        diagnostics,
        landscapes,
        losses,
        models,
        optimizers,
        penalties,
        plotting,
        preconditioners,
        reference,
        sampling,
        schedules,
        sources,
        stopping,
    )
    from . import sklearn as sklearn
    from .auto_batch_size import AutoBatchSize
    from .auto_rate import AutoRate
    from .batches import Batches, minibatches
    from .checkpoint import Checkpoint
    from .errors import ConvergenceWarning, DivergenceError
    from .history import History
    from .loading import load
    from .metrics import Metric
    from .minimization import minimize
    from .minimize_result import MinimizeResult
    from .objective import gradient
    from .progress import Progress, StepProgress
    from .result import FitResult
    from .sklearn import MBGDClassifier as MBGDClassifier
    from .sklearn import MBGDOneClassSVM as MBGDOneClassSVM
    from .sklearn import MBGDRegressor as MBGDRegressor
    from .solver import Solver
    from .standardization import Standardization
    from .stop_reason import StopReason
    from .threads import get_num_threads, set_num_threads, show_versions, simd_tier
    from .training import fit

__all__ = [
    "AutoBatchSize",
    "AutoRate",
    "Batches",
    "Checkpoint",
    "ConvergenceWarning",
    "DivergenceError",
    "FitResult",
    "History",
    "Metric",
    "MinimizeResult",
    "Progress",
    "Solver",
    "Standardization",
    "StepProgress",
    "StopReason",
    "__version__",
    "averages",
    "batch_sizes",
    "callbacks",
    "diagnostics",
    "fit",
    "get_num_threads",
    "gradient",
    "landscapes",
    "load",
    "losses",
    "minibatches",
    "minimize",
    "models",
    "optimizers",
    "penalties",
    "plotting",
    "preconditioners",
    "reference",
    "sampling",
    "schedules",
    "set_num_threads",
    "show_versions",
    "simd_tier",
    "sources",
    "stopping",
]

ESTIMATORS = ("MBGDClassifier", "MBGDOneClassSVM", "MBGDRegressor")
"""Names that need scikit-learn: not among those that ``from mbgd_rs import *`` imports."""
MODULES = (
    "averages",
    "batch_sizes",
    "callbacks",
    "diagnostics",
    "landscapes",
    "losses",
    "models",
    "optimizers",
    "penalties",
    "plotting",
    "preconditioners",
    "reference",
    "sampling",
    "schedules",
    "sources",
    "stopping",
)
HOMES = {
    "AutoBatchSize": "auto_batch_size",
    "AutoRate": "auto_rate",
    "Batches": "batches",
    "Checkpoint": "checkpoint",
    "ConvergenceWarning": "errors",
    "DivergenceError": "errors",
    "FitResult": "result",
    "History": "history",
    "MBGDClassifier": "sklearn",
    "MBGDOneClassSVM": "sklearn",
    "MBGDRegressor": "sklearn",
    "Metric": "metrics",
    "MinimizeResult": "minimize_result",
    "Progress": "progress",
    "Solver": "solver",
    "Standardization": "standardization",
    "StepProgress": "progress",
    "StopReason": "stop_reason",
    "fit": "training",
    "get_num_threads": "threads",
    "gradient": "objective",
    "load": "loading",
    "minibatches": "batches",
    "minimize": "minimization",
    "set_num_threads": "threads",
    "show_versions": "threads",
    "simd_tier": "threads",
}
"""The public names, and the files they come from: each is imported when it is first asked for."""

when_imported("threadpoolctl", lambda module: import_module(".threadpool", __name__).register(module))


if not TYPE_CHECKING:  # to type checkers there are no other names

    def __getattr__(name: str) -> Any:
        """A public name that nobody has asked for yet."""
        if name in MODULES or name == "sklearn":
            return import_module(f".{name}", __name__)
        if name not in HOMES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        value = getattr(import_module(f".{HOMES[name]}", __name__), name)
        globals()[name] = value
        return value


def __dir__() -> list[str]:
    """The public names, and not the files they come from."""
    return sorted([*__all__, *ESTIMATORS])
