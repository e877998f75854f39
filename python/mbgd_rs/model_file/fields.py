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
from ..models import Linear, Model
from ..solver import Solver
from ..standardization import Standardization
from ..stop_reason import StopReason
from .values import CannotBeSavedError, Reading, Writing

__all__ = ["model_fields", "model_of", "resuming_fields", "resuming_of"]

Array = NDArray[Any]
PLAIN = ("classes", "n_steps", "n_epochs", "batch_size", "best_epoch", "feature_names")
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
    if not all(np.isfinite(array).all() for array in arrays_of(result.params)):
        raise ValueError("params must be finite to be saved")
    params = {
        name: block if isinstance(block, list) else np.asarray(block) for name, block in result.params.items()
    }
    made: dict[str, Any] = {"params": {name: writing.value(name, block) for name, block in params.items()}}
    made |= {name: writing.value(name, getattr(result, name)) for name in ("model", "is_vector", *PLAIN)}
    made |= {name: record_fields(name, getattr(result, name), writing) for name in RECORDS}
    made["loss"] = writing.value("loss", result.loss_object)
    made["stop_reason"] = result.stop_reason.value
    made["history"] = history_fields(result.history, writing, most=None if with_all_history else MOST_HISTORY)
    return made


def model_of(saved: dict[str, Any], reading: Reading, format: int) -> dict[str, Any]:
    """The same as arguments of a result, each checked on its own and against the others."""
    of_params = ("coef", "intercept") if format == 1 else ("params", "model", "is_vector")
    check_names("model", saved, {*of_params, *PLAIN, *RECORDS, "loss", "stop_reason", "history"})
    read = {name: reading.value(saved[name]) for name in PLAIN}
    read |= {name: record_of(kind, saved[name], reading) for name, kind in RECORDS.items()}
    loss = reading.value(saved["loss"])
    if not isinstance(loss, Loss):
        raise ValueError(f"loss must be a loss, got {loss!r:.100}")
    read |= {"loss": loss.name, "loss_object": loss, "stop_reason": StopReason(saved["stop_reason"])}
    read["history"] = history_of(saved["history"], reading)
    read |= linear_of(saved, reading) if format == 1 else params_of(saved, reading)
    n_columns, n_outputs = check_parameters(read)
    check_classes(read, n_outputs)
    for name in ("n_steps", "n_epochs", "batch_size", "best_epoch"):
        is_none = read[name] is None and name == "best_epoch"
        if not is_none and (type(read[name]) is not int or not 0 <= read[name] < 1 << 63):
            raise ValueError(f"{name} must be a count, got {read[name]!r:.100}")
    names = read["feature_names"]
    if names is not None and (not isinstance(names, tuple) or len(names) != n_columns):
        raise ValueError(f"feature_names must be {n_columns} names or None, got {names!r:.100}")
    if read["standardization"] is not None:
        check_standardization(read["standardization"], n_columns, n_outputs)
    return read


def linear_of(saved: dict[str, Any], reading: Reading) -> dict[str, Any]:
    """The parameters in a file of format 1, which knew linear models alone."""
    params = {name: reading.value(saved[name]) for name in ("coef", "intercept")}
    return {"params": params, "model": Linear(), "is_vector": np.ndim(params["coef"]) == 1}


def params_of(saved: dict[str, Any], reading: Reading) -> dict[str, Any]:
    """The parameters, and of which model they are."""
    params = {name: reading.value(block) for name, block in saved["params"].items()}
    return {"params": params, **{name: reading.value(saved[name]) for name in ("model", "is_vector")}}


def check_parameters(read: dict[str, Any]) -> tuple[int, int]:
    """That blocks are those of the model, of one type and finite; the numbers of columns and of outputs."""
    params, model, is_vector = read["params"], read["model"], read["is_vector"]
    if not isinstance(model, Model) or not isinstance(is_vector, bool):
        raise ValueError(
            f"model and is_vector must be a model and a bool, got {model!r:.100}, {is_vector!r:.9}"
        )
    check_names("params", params, set(model.blocks))
    arrays = arrays_of(params)
    for array in arrays:
        if not isinstance(array, np.ndarray) or array.dtype not in (np.float32, np.float64):
            raise ValueError(f"params must be arrays of float32 or float64, got {array!r:.100}")
        if array.dtype != arrays[0].dtype:
            raise ValueError(f"params must be of one type, got {arrays[0].dtype} and {array.dtype}")
        if not np.isfinite(array).all():
            raise ValueError("params must be finite")
    n_columns, n_outputs = model.dimensions(params)
    if min(n_columns, n_outputs) < 1 or (is_vector and n_outputs != 1):
        raise ValueError(f"params must have columns and outputs, got {n_columns} and {n_outputs}")
    n_params = sum(model.size(n_columns, n_outputs))
    if sum(array.size for array in arrays) != n_params:
        raise ValueError(f"params must be {n_params} numbers of {model}")
    flat = model.join(params, n_columns, n_outputs, arrays[0].dtype, argument="params")
    expected = model.split(flat, n_columns, n_outputs, is_vector)
    if list(map(np.shape, arrays_of(expected))) != list(map(np.shape, arrays)):
        raise ValueError(f"params must have the shapes of is_vector={is_vector}")
    read["params"] = {name: params[name] if isinstance(params[name], list) else params[name][()]
                      for name in model.blocks}  # fmt: skip
    return n_columns, n_outputs


def arrays_of(params: dict[str, Any]) -> list[Array]:
    """All arrays of all blocks."""
    return [array for block in params.values() for array in (block if isinstance(block, list) else [block])]


def check_classes(read: dict[str, Any], n_outputs: int) -> None:
    """That classes and loss are those of the model."""
    classes, is_vector, loss = read["classes"], read["is_vector"], read["loss_object"]
    if not loss.has_targets and not isinstance(read["model"], Linear):
        raise ValueError(f"loss must be one with targets for {read['model']}, got {loss}")
    if (classes is not None) != loss.is_classification:
        raise ValueError(f"classes must be there if, and only if, loss is of classes, got {classes!r:.100}")
    if classes is None:
        return
    if not isinstance(classes, np.ndarray) or classes.ndim != 1 or len(classes) < 2:
        raise ValueError(f"classes must be an array of at least 2 labels, got {classes!r:.100}")
    if (len(classes) > 2 or is_vector) and n_outputs != (len(classes) if len(classes) > 2 else 1):
        raise ValueError(f"classes must be as many as outputs say, {n_outputs}, got {len(classes)}")


def check_standardization(units: Standardization, n_columns: int, n_outputs: int) -> None:
    """That the means and scales are those of the columns and outputs of the model."""
    for name, n in (("mean", n_columns), ("scale", n_columns), ("y_mean", n_outputs)):
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
    arrays = arrays_of(model["params"])
    n_params, dtype = sum(np.size(array) for array in arrays), np.asarray(arrays[0]).dtype
    if params.dtype != dtype or params.shape != (n_params,):
        raise ValueError(
            f"the state must have {n_params} parameters of {dtype}, got {params.shape} of {params.dtype}"
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
