"""A model as a graph of standard operators of ONNX: what each node computes, without the package `onnx`.

The formulas are those of `predict` and `predict_proba`, each named as its loss is.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..losses import Focal, Gamma, LogLoss, Loss, ModifiedHuber, OneClass, Poisson, Tweedie
from .linear_model import LinearModel

__all__ = ["Graph", "Node", "Output", "graph_of"]

Array = NDArray[Any]


class Node(NamedTuple):
    """An operator, the names of its inputs and of its output, and its attributes."""

    operator: str
    inputs: tuple[str, ...]
    output: str
    attributes: dict[str, Any]


class Output(NamedTuple):
    """What a graph says of n rows: its name, the type of its entries, its columns if it is a matrix."""

    name: str
    dtype: np.dtype[Any]
    n_columns: int | None


@dataclass(eq=False)
class Graph:
    """Nodes in the order in which they are computed, and constants."""

    dtype: np.dtype[Any]
    """Of X, and of all that is computed."""
    nodes: list[Node] = field(default_factory=list)
    constants: dict[str, Array] = field(default_factory=dict)
    outputs: list[Output] = field(default_factory=list)

    def constant(self, values: Any, dtype: Any = None) -> str:
        """The name of an array that does not depend on X."""
        name = f"constant_{len(self.constants)}"
        self.constants[name] = np.asarray(values, self.dtype if dtype is None else dtype)
        return name

    def node(self, operator: str, *inputs: str, **attributes: Any) -> str:
        """The name of what an operator computes."""
        name = f"{operator.lower()}_{len(self.nodes)}"
        self.nodes.append(Node(operator, inputs, name, attributes))
        return name

    def output(self, name: str, of: str, *, n_columns: int | None, dtype: Any = None) -> None:
        """Give what was computed to the outside, as a vector or as a matrix."""
        if n_columns is None:
            of = self.node("Squeeze", of, self.constant([1], np.int64))
        self.nodes.append(Node("Identity", (of,), name, {}))
        self.outputs.append(Output(name, np.dtype(self.dtype if dtype is None else dtype), n_columns))


def graph_of(model: LinearModel, dtype: np.dtype[Any], *, as_matrices: bool = False) -> Graph:
    """The graph of a model, from "X" of shape (n, d) and a type to "prediction", or to "label" and another.

    The other is "probabilities", or "scores" where the loss has no probabilities. With `as_matrices` one
    number a row is a column, and two classes have a score each.
    """
    graph = Graph(dtype)
    k = int(np.size(model.intercept))
    coef, intercept = model.coef.reshape(k, -1), np.reshape(model.intercept, k)
    scores = graph.node("Gemm", "X", graph.constant(coef), graph.constant(intercept), transB=1)
    n_columns = None if model.coef.ndim == 1 and not as_matrices else k
    if model.classes is None:
        graph.output("prediction", mean_of(graph, scores, model.loss_object), n_columns=n_columns)
        return graph
    add_labels(graph, scores, model.classes, several=model.has_several_labels, k=k)
    probability = PROBABILITIES.get(type(model.loss_object))
    if probability is None:
        if as_matrices and k == 1:
            scores, n_columns = graph.node("Concat", graph.node("Neg", scores), scores, axis=1), 2
        graph.output("scores", scores, n_columns=n_columns)
        return graph
    many, n_classes = len(model.classes) > 2, len(model.classes)
    if many and isinstance(model.loss_object, LogLoss) and model.loss_object.multi_class == "multinomial":
        made = graph.node("Softmax", scores, axis=1)
    elif many:
        made = add_sum_of_one(graph, probability(graph, scores, model.loss_object), n_classes)
    else:
        made = probability(graph, scores, model.loss_object)
        if not model.has_several_labels:
            of_first = probability(graph, graph.node("Neg", scores), model.loss_object)
            made = graph.node("Concat", of_first, made, axis=1)
    graph.output("probabilities", made, n_columns=k if model.has_several_labels else n_classes)
    return graph


def mean_of(graph: Graph, scores: str, loss: Loss) -> str:
    """What `predict` says of a score, where there are no classes."""
    if isinstance(loss, Poisson | Gamma | Tweedie):
        return graph.node("Exp", scores)
    if isinstance(loss, OneClass):
        is_outlier = graph.node("Less", scores, graph.constant(1))
        return graph.node("Where", is_outlier, graph.constant(-1), graph.constant(1))
    return scores


def add_labels(graph: Graph, scores: str, classes: Array, *, several: bool, k: int) -> None:
    """The class of each row: the first of those with the largest score; of two, the second above 0."""
    labels = labels_of(classes)
    if len(classes) > 2:
        index = graph.node("ArgMax", scores, axis=1, keepdims=1)
    else:
        index = graph.node("Cast", graph.node("Greater", scores, graph.constant(0)), to=np.int64)
    if several:
        graph.output("label", index, n_columns=k, dtype=np.int64)
        return
    label = graph.node("Gather", graph.constant(labels, labels.dtype), index, axis=0)
    graph.output("label", label, n_columns=None, dtype=labels.dtype)


def labels_of(classes: Array) -> Array:
    """The classes as integers of 64 bits, bools, floats or text, which ONNX has."""
    kind = classes.dtype.kind
    if kind == "b" or (kind == "f" and classes.dtype.itemsize in (4, 8)):
        return classes
    if kind in "iu" and int(classes.max()) < 1 << 63:
        return classes.astype(np.int64)
    if kind in "UOT" and all(isinstance(label, str) for label in classes):
        return np.array([str(label) for label in classes], object)
    raise ValueError(f"classes must be integers, bools, floats or text for ONNX, got {classes!r:.100}")


def logistic(graph: Graph, z: str, _: Loss) -> str:
    """``1 / (1 + exp(-z))``."""
    return graph.node("Sigmoid", z)


def modified_huber(graph: Graph, z: str, _: Loss) -> str:
    """``(z + 1) / 2``, z limited to [-1, 1]."""
    limited = graph.node("Clip", z, graph.constant(-1), graph.constant(1))
    return graph.node("Mul", graph.node("Add", limited, graph.constant(1)), graph.constant(0.5))


def focal(graph: Graph, z: str, loss: Any) -> str:
    """``slope(-z) / (slope(-z) + slope(z))``, the slopes being those of y = 1, without their signs."""
    of_first, of_second = focal_slope(graph, z, loss), focal_slope(graph, graph.node("Neg", z), loss)
    return graph.node("Div", of_second, graph.node("Add", of_first, of_second))


def focal_slope(graph: Graph, z: str, loss: Focal) -> str:
    """``(1 - p)**gamma (1 - p - gamma p log(p))``, p being ``1 / (1 + exp(-z))``."""
    minus = graph.node("Neg", z)
    gamma = graph.constant(loss.gamma)
    p, q = graph.node("Sigmoid", z), graph.node("Sigmoid", minus)
    minus_log_p, minus_log_q = softplus(graph, minus), softplus(graph, z)
    weight = graph.node("Exp", graph.node("Neg", graph.node("Mul", gamma, minus_log_q)))
    other = graph.node("Mul", graph.node("Mul", gamma, p), minus_log_p)
    return graph.node("Mul", weight, graph.node("Add", q, other))


def softplus(graph: Graph, z: str) -> str:
    """``log(1 + exp(z))``. The operator of this name is not there for doubles in all runtimes."""
    small = graph.node("Exp", graph.node("Neg", graph.node("Abs", z)))
    return graph.node(
        "Add", graph.node("Relu", z), graph.node("Log", graph.node("Add", small, graph.constant(1)))
    )


PROBABILITIES: dict[type[Loss], Callable[[Graph, str, Any], str]] = {
    LogLoss: logistic,
    ModifiedHuber: modified_huber,
    Focal: focal,
}
"""The probability of the second class at a score, for the losses that have one."""


def add_sum_of_one(graph: Graph, p: str, n_classes: int) -> str:
    """Probabilities of each class against the rest, scaled to the sum 1; equal where all are zero."""
    total = graph.node("ReduceSum", p, graph.constant([1], np.int64), keepdims=1)
    is_zero = graph.node("Equal", total, graph.constant(0))
    return graph.node("Where", is_zero, graph.constant(1 / n_classes), graph.node("Div", p, total))
