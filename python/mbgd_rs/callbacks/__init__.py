"""Callbacks that are ready: what to do after every epoch of :func:`mbgd_rs.fit` and :func:`mbgd_rs.minimize`.

Their argument `callback` takes one or a list of them. Any function of a :class:`mbgd_rs.Progress` is a
callback. What has to be opened before a run and closed after it is a :class:`Callback`. The
answer True of any of them ends the run.
"""

from .callback import Callback
from .log_dict import LogDict
from .mlflow import MLflow
from .optuna import OptunaPruning
from .print_epochs import PrintEpochs
from .tensorboard import TensorBoard
from .tqdm import Tqdm

__all__ = ["Callback", "LogDict", "MLflow", "OptunaPruning", "PrintEpochs", "TensorBoard", "Tqdm"]
