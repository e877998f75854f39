"""What skl2onnx is to do with the estimators, in a pipeline or on their own."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from ..export.onnx_graph import Graph, Output, graph_of
from ..result import FitResult

__all__ = ["register_converters"]

OPSET = 13
"""From which version on all operators are what they are here."""
OPTIONS = {
    "zipmap": [True, False, "columns"],
    "nocl": [True, False],
    "output_class_labels": [False, True],
}
"""What users of skl2onnx may ask for, where there are classes."""


def register_converters(estimators: list[type[Any]]) -> None:
    """Tell skl2onnx how these are converted."""
    from skl2onnx import update_registered_converter

    for estimator in estimators:
        has_classes = hasattr(estimator, "predict_proba") or hasattr(estimator, "decision_function")
        options = OPTIONS if has_classes else None
        update_registered_converter(
            estimator, f"MbgdRs{estimator.__name__}", set_types, convert, options=options
        )


def set_types(operator: Any) -> None:
    """The types and shapes of what comes out."""
    n = operator.inputs[0].get_first_dimension()
    for variable, output in zip(operator.outputs, graph_for(operator).outputs, strict=True):
        variable.type = tensor_type(output)([n] if output.n_columns is None else [n, output.n_columns])


def convert(scope: Any, operator: Any, container: Any) -> None:
    """The nodes and constants of the model, by names that are not taken."""
    from onnx import helper

    graph = graph_for(operator)
    names = {"X": operator.inputs[0].full_name}
    names |= {
        output.name: variable.full_name
        for output, variable in zip(graph.outputs, operator.outputs, strict=True)
    }
    if not is_of(operator, graph.dtype):
        names["X"] = scope.get_unique_variable_name("X")
        to = helper.np_dtype_to_tensor_dtype(graph.dtype)
        add_node(scope, container, "Cast", [operator.inputs[0].full_name], names["X"], {"to": to})
    for name, array in graph.constants.items():
        names[name] = scope.get_unique_variable_name(name)
        kind = helper.np_dtype_to_tensor_dtype(array.dtype)
        flat = [value.encode() if isinstance(value, str) else value for value in array.ravel().tolist()]
        container.add_initializer(names[name], kind, list(array.shape), flat)
    for node in graph.nodes:
        names.setdefault(node.output, scope.get_unique_variable_name(node.output))
        attributes = {
            name: helper.np_dtype_to_tensor_dtype(np.dtype(value)) if isinstance(value, type) else value
            for name, value in node.attributes.items()
        }
        inputs = [names[name] for name in node.inputs]
        add_node(scope, container, node.operator, inputs, names[node.output], attributes)


def add_node(
    scope: Any, container: Any, kind: str, inputs: list[str], output: str, attributes: dict[str, Any]
) -> None:
    """An operator of the standard set."""
    name = scope.get_unique_operator_name(kind)
    container.add_node(kind, inputs, [output], op_domain="", op_version=OPSET, name=name, **attributes)


def graph_for(operator: Any) -> Graph:
    """The graph of an estimator: in doubles where X is of doubles."""
    from skl2onnx.common.data_types import DoubleTensorType

    is_double = isinstance(operator.inputs[0].type, DoubleTensorType)
    kind = np.dtype(np.float64 if is_double else np.float32)
    return graph_of(model_of(operator.raw_operator), kind, as_matrices=True)


def is_of(operator: Any, kind: np.dtype[Any]) -> bool:
    """Whether X is of a type already."""
    from skl2onnx.common.data_types import DoubleTensorType, FloatTensorType

    return isinstance(operator.inputs[0].type, DoubleTensorType if kind == np.float64 else FloatTensorType)


def model_of(estimator: Any) -> FitResult:
    """The model of an estimator, with its classes also where the loss is one of numbers; bools as 0 and 1."""
    model: FitResult = estimator._current_model()
    if not hasattr(estimator, "classes_"):
        return model
    classes = np.array([0, 1]) if estimator._has_several_labels else estimator.classes_
    return replace(model, classes=classes.astype(np.int64) if classes.dtype == bool else classes)


def tensor_type(output: Output) -> Any:
    """What skl2onnx calls a tensor of a type."""
    from skl2onnx.common import data_types

    return {
        "b": data_types.BooleanTensorType,
        "i": data_types.Int64TensorType,
        "O": data_types.StringTensorType,
        "f": data_types.DoubleTensorType if output.dtype == np.float64 else data_types.FloatTensorType,
    }[output.dtype.kind]
