"""A model in ONNX: its graph, as the package `onnx` has it."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import _core
from ..model_file import replace_file
from ..trained_model import TrainedModel
from .onnx_graph import Graph, graph_of

if TYPE_CHECKING:
    from onnx import ModelProto

__all__ = ["OPSET", "made_model"]

OPSET, IR_VERSION = 17, 8
"""Of 2022, which every runtime of today reads."""


def made_model(model: TrainedModel, path: str | os.PathLike[str] | None, dtype: Any) -> ModelProto:
    """The model, and a file of it if there is a path."""
    kind = np.dtype(dtype)
    if kind not in (np.float32, np.float64):
        raise ValueError(f"dtype must be float32 or float64, got {kind}")
    try:
        import onnx
        from onnx import helper, numpy_helper
    except ImportError as error:
        raise ImportError("to_onnx needs onnx: pip install 'mbgd_rs[onnx]'") from error
    graph = graph_of(model, kind)
    proto = helper.make_graph(
        [
            helper.make_node(node.operator, node.inputs, [node.output], **typed(node.attributes))
            for node in graph.nodes
        ],
        "mbgd_rs",
        [helper.make_tensor_value_info("X", helper.np_dtype_to_tensor_dtype(kind), ["n", model.n_columns])],
        [outside(graph, i) for i in range(len(graph.outputs))],
        [numpy_helper.from_array(array, name) for name, array in graph.constants.items()],
    )
    made = helper.make_model(
        proto,
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
        producer_name="mbgd_rs",
        producer_version=_core.__version__,
        doc_string=f"{model.model} of loss {model.loss_object}",
    )
    if model.feature_names is not None:
        helper.set_model_props(made, {"feature_names": json.dumps(list(map(str, model.feature_names)))})
    onnx.checker.check_model(made, full_check=True)
    if path is not None:
        replace_file(path, made.SerializeToString())
    return made


def typed(attributes: dict[str, Any]) -> dict[str, Any]:
    """Attributes that are types of NumPy, as ONNX numbers them."""
    from onnx import helper

    return {
        name: helper.np_dtype_to_tensor_dtype(np.dtype(value)) if isinstance(value, type) else value
        for name, value in attributes.items()
    }


def outside(graph: Graph, i: int) -> Any:
    """What the outside is told of an output."""
    from onnx import helper

    name, dtype, n_columns = graph.outputs[i]
    shape: list[str | int | None] = ["n"] if n_columns is None else ["n", n_columns]
    return helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(dtype), shape)
