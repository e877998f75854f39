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

from . import (
    averages,
    batch_sizes,
    diagnostics,
    landscapes,
    losses,
    optimizers,
    penalties,
    plotting,
    preconditioners,
    reference,
    sampling,
    schedules,
    stopping,
)
from ._core import __version__
from .auto_batch_size import AutoBatchSize
from .auto_rate import AutoRate
from .batches import Batches, minibatches
from .callbacks import Progress, StepProgress
from .errors import ConvergenceWarning, DivergenceError
from .history import History
from .loading import load
from .metrics import Metric
from .minimization import minimize
from .minimize_result import MinimizeResult
from .objective import gradient
from .result import FitResult
from .solver import Solver
from .standardization import Standardization
from .stop_reason import StopReason
from .threads import get_num_threads, set_num_threads, show_versions, simd_tier
from .training import fit

if TYPE_CHECKING:
    from .sklearn import MBGDClassifier as MBGDClassifier
    from .sklearn import MBGDOneClassSVM as MBGDOneClassSVM
    from .sklearn import MBGDRegressor as MBGDRegressor

__all__ = [
    "AutoBatchSize",
    "AutoRate",
    "Batches",
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
    "diagnostics",
    "fit",
    "get_num_threads",
    "gradient",
    "landscapes",
    "load",
    "losses",
    "minibatches",
    "minimize",
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
    "stopping",
]

ESTIMATORS = ("MBGDClassifier", "MBGDOneClassSVM", "MBGDRegressor")
"""Names that need scikit-learn, which is imported when one of them is first asked for."""


def __getattr__(name: str) -> Any:
    """The estimators, and the package they are in, where they are asked for."""
    if name == "sklearn" or name in ESTIMATORS:
        module = import_module(".sklearn", __name__)
        return module if name == "sklearn" else getattr(module, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    """The public names, and not the files they come from."""
    return sorted([*__all__, *ESTIMATORS])
