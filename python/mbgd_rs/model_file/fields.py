"""The fields of a result in a file: how each is written, and what is asked of it when it is read."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import _core
from ..auto_batch_size import AutoBatchSize
from ..auto_rate import AutoRate
from ..history import History
from ..losses import Loss
from ..solver import Solver
from ..standardization import Standardization
from ..stop_reason import StopReason
from .values import CannotBeSavedError, Reading, Writing

__all__ = ["model_fields", "model_of", "resuming_fields", "resuming_of"]

Array = NDArray[Any]
PLAIN = ("coef", "intercept", "classes", "n_steps", "n_epochs", "batch_size", "best_epoch", "feature_names")
RECORDS: dict[str, type[Any]] = {
    "auto_batch_size": AutoBatchSize,
    "auto_rate": AutoRate,
    "solver": Solver,
    "standardization": Standardization,
}
MOST_HISTORY = 1 << 20
"""Bytes of a history up to which it is saved with a model that cannot go on."""
KINDS = {"str": str, "int": int, "float": int | float, "None": None, "Array": np.ndarray}
"""Annotations of records, as what an instance is checked by."""


def model_fields(result: Any, writing: Writing, *, with_all_history: bool) -> dict[str, Any]:
    """What predicting, and looking at a model, need."""
    made = {name: writing.value(name, np.asarray(getattr(result, name))) for name in ("coef", "intercept")}
    if not (np.isfinite(result.coef).all() and np.isfinite(result.intercept).all()):
        raise ValueError("coef and intercept must be finite to be saved")
    made |= {name: writing.value(name, getattr(result, name)) for name in PLAIN[2:]}
    made |= {name: record_fields(name, getattr(result, name), writing) for name in RECORDS}
    made["loss"] = writing.value("loss", result.loss_object)
    made["stop_reason"] = result.stop_reason.value
    made["history"] = history_fields(result.history, writing, most=None if with_all_history else MOST_HISTORY)
    return made


def model_of(saved: dict[str, Any], reading: Reading) -> dict[str, Any]:
    """The same as arguments of a result, each checked on its own and against the others."""
    known = {*PLAIN, *RECORDS, "loss", "stop_reason", "history"}
    check_names("model", saved, known)
    read = {name: reading.value(saved[name]) for name in PLAIN}
    read |= {name: record_of(kind, saved[name], reading) for name, kind in RECORDS.items()}
    loss = reading.value(saved["loss"])
    if not isinstance(loss, Loss):
        raise ValueError(f"loss must be a loss, got {loss!r:.100}")
    read |= {"loss": loss.name, "loss_object": loss, "stop_reason": StopReason(saved["stop_reason"])}
    read["history"] = history_of(saved["history"], reading)
    check_parameters(read)
    read["intercept"] = read["intercept"][()]
    for name in ("n_steps", "n_epochs", "batch_size", "best_epoch"):
        is_none = read[name] is None and name == "best_epoch"
        if not is_none and (type(read[name]) is not int or not 0 <= read[name] < 1 << 63):
            raise ValueError(f"{name} must be a count, got {read[name]!r:.100}")
    names, n_columns = read["feature_names"], read["coef"].shape[-1]
    if names is not None and (not isinstance(names, tuple) or len(names) != n_columns):
        raise ValueError(f"feature_names must be {n_columns} names or None, got {names!r:.100}")
    if read["standardization"] is not None:
        check_standardization(read["standardization"], read["coef"])
    return read


def check_parameters(read: dict[str, Any]) -> None:
    """That coefficients, intercepts, classes and loss are those of one model."""
    coef, intercept, classes = read["coef"], read["intercept"], read["classes"]
    for name in ("coef", "intercept"):
        array = read[name]
        if not isinstance(array, np.ndarray) or array.dtype not in (np.float32, np.float64):
            raise ValueError(f"{name} must be an array of float32 or float64, got {array!r:.100}")
        if not np.isfinite(array).all():
            raise ValueError(f"{name} must be finite")
    if coef.ndim not in (1, 2) or not coef.size:
        raise ValueError(f"coef must have shape (d,) or (k, d), got {coef.shape}")
    if intercept.shape != coef.shape[:-1] or intercept.dtype != coef.dtype:
        raise ValueError(
            f"intercept must have shape {coef.shape[:-1]} and type {coef.dtype}, got {intercept.shape} and "
            f"{intercept.dtype}"
        )
    if (classes is not None) != read["loss_object"].is_classification:
        raise ValueError(f"classes must be there if, and only if, loss is of classes, got {classes!r:.100}")
    if classes is None:
        return
    if not isinstance(classes, np.ndarray) or classes.ndim != 1 or len(classes) < 2:
        raise ValueError(f"classes must be an array of at least 2 labels, got {classes!r:.100}")
    n_outputs = 1 if coef.ndim == 1 else len(coef)
    if (len(classes) > 2 or coef.ndim == 1) and n_outputs != (len(classes) if len(classes) > 2 else 1):
        raise ValueError(f"classes must be as many as coef says, {coef.shape}, got {len(classes)}")


def check_standardization(units: Standardization, coef: Array) -> None:
    """That the means and scales are those of the columns and outputs of the model."""
    n_outputs = 1 if coef.ndim == 1 else len(coef)
    for name, n in (("mean", coef.shape[-1]), ("scale", coef.shape[-1]), ("y_mean", n_outputs)):
        array = getattr(units, name)
        if array is not None and not (array.shape == (n,) and np.isfinite(array.astype(np.float64)).all()):
            raise ValueError(f"standardization.{name} must be {n} finite numbers, got {array!r:.100}")
    for name in ("scale", "y_scale", "loss_scale"):
        number = np.asarray(getattr(units, name))
        if not (np.isfinite(number).all() and (number > 0).all()):
            raise ValueError(f"standardization.{name} must be finite and > 0, got {number!r:.100}")


def resuming_fields(result: Any, writing: Writing) -> dict[str, Any]:
    """What going on needs. An optimizer whose learning rate is a function of the user's is left out."""
    if result.state is None:
        raise ValueError("state must be False for a model that was loaded from a file without its state")
    arguments = {}
    for name, value in result.arguments.items():
        try:
            arguments[name] = writing.value(f"arguments.{name}", value)
        except CannotBeSavedError:
            if name != "optimizer":
                raise
    return {
        "state": writing.value("state", result.state),
        "arguments": arguments,
        "data": writing.value("data", result.data),
    }


def resuming_of(saved: Any, reading: Reading, model: dict[str, Any]) -> dict[str, Any]:
    """The same as arguments of a result; there is nothing to go on from in a file without."""
    if saved is None:
        return {"state": None}
    check_names("resume", saved, {"state", "arguments", "data"})
    read: dict[str, Any] = {name: reading.value(saved[name]) for name in ("state", "data")}
    read["arguments"] = {str(name): reading.value(value) for name, value in saved["arguments"].items()}
    _core.check_state(read["state"])
    params = read["state"]["params"]
    n_params = model["coef"].size + model["intercept"].size
    if params.dtype != model["coef"].dtype or params.shape != (n_params,):
        raise ValueError(
            f"the state must have {n_params} parameters of {model['coef'].dtype}, got {params.shape} of "
            f"{params.dtype}"
        )
    if not isinstance(read["data"], dict | None):
        raise ValueError(f"data must be a dict or None, got {read['data']!r:.100}")
    return read


def record_fields(place: str, record: Any, writing: Writing) -> dict[str, Any] | None:
    """A dataclass of numbers, text and arrays, or None."""
    if record is None:
        return None
    return {of.name: writing.value(f"{place}.{of.name}", getattr(record, of.name)) for of in fields(record)}


def record_of(kind: type[Any], saved: Any, reading: Reading) -> Any:
    """The same, with fields of the types that they are annotated by."""
    if saved is None:
        return None
    check_names(kind.__name__, saved, {of.name for of in fields(kind)})
    read = {name: reading.value(value) for name, value in saved.items()}
    for of in fields(kind):
        value = read[of.name]
        allowed = [KINDS[name] for name in str(of.type).split(" | ")]
        if isinstance(value, bool) or not any(
            value is None if one is None else isinstance(value, one) for one in allowed
        ):
            raise ValueError(f"{kind.__name__}.{of.name} must be of {of.type}, got {value!r:.100}")
    return kind(**read)


def history_fields(history: History, writing: Writing, *, most: int | None) -> dict[str, Any] | None:
    """What was recorded, metrics by "metrics.name"; None if that is too large."""
    recorded = {of.name: getattr(history, of.name) for of in fields(history) if of.name != "metrics"}
    recorded |= {f"metrics.{name}": array for name, array in history.metrics.items()}
    if most is not None and sum(array.nbytes for array in recorded.values()) > most:
        return None
    return {name: writing.value(f"history.{name}", array) for name, array in recorded.items()}


def history_of(saved: Any, reading: Reading) -> History:
    """A history as it was saved, or an empty one."""
    if saved is None:
        return History()
    read = {name: reading.value(value) for name, value in saved.items()}
    metrics = {name.removeprefix("metrics."): read.pop(name) for name in list(read) if "." in name}
    for name, array in {**read, **metrics}.items():
        n_dimensions = 2 if name == "path" else 1
        if not isinstance(array, np.ndarray) or array.ndim != n_dimensions:
            raise ValueError(f"history.{name} must be an array of {n_dimensions} dimensions")
    return History(**read, metrics=metrics)


def check_names(what: str, saved: Any, known: set[str]) -> None:
    """That a section has what it is to have, and nothing else."""
    if not isinstance(saved, dict) or saved.keys() != known:
        got = sorted(saved) if isinstance(saved, dict) else saved
        raise ValueError(f"{what} must have {', '.join(sorted(known))}, got {got!r:.200}")
