"""A model as a graph of standard operators of ONNX: what each node computes, without the package `onnx`.

The formulas are those of `predict` and `predict_proba`, each named as its loss is.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..losses import Focal, Gamma, LogLoss, Loss, ModifiedHuber, OneClass, Poisson, Tweedie
from ..models import MLP, FactorizationMachine
from ..trained_model import TrainedModel

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


def graph_of(model: TrainedModel, dtype: np.dtype[Any], *, as_matrices: bool = False) -> Graph:
    """The graph of a model, from "X" of shape (n, d) and a type to "prediction", or to "label" and another.

    The other is "probabilities", or "scores" where the loss has no probabilities. With `as_matrices` one
    number a row is a column, and two classes have a score each.
    """
    graph = Graph(dtype)
    k, scores = model.n_outputs, scores_of(graph, model)
    n_columns = None if model.is_vector and not as_matrices else k
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


def scores_of(graph: Graph, model: TrainedModel) -> str:
    """The scores of rows, of shape (n, k)."""
    params, k = model.params, model.n_outputs
    if isinstance(model.model, MLP):
        return layers(graph, model.model, params)
    if isinstance(model.model, FactorizationMachine):
        scores = linear_scores(graph, params["coef"], params["bias"], k)
        return graph.node(
            "Add", scores, interactions(graph, np.reshape(params["factors"], (k, -1, model.model.rank)))
        )
    return linear_scores(graph, params["coef"], params["intercept"], k)


def linear_scores(graph: Graph, coef: Array, intercept: Any, k: int) -> str:
    """``X coef^T + intercept``."""
    W, b = graph.constant(coef.reshape(k, -1)), graph.constant(np.reshape(intercept, k))
    return graph.node("Gemm", "X", W, b, transB=1)


def interactions(graph: Graph, factors: Array) -> str:
    """``1/2 sum_f [(sum_j v_jf x_j)^2 - sum_j v_jf^2 x_j^2]``, of factors of shape (k, d, rank)."""
    k, d, rank = factors.shape
    V = factors.swapaxes(0, 1).reshape(d, k * rank)
    sums = graph.node("MatMul", "X", graph.constant(V))
    squares = graph.node("MatMul", graph.node("Mul", "X", "X"), graph.constant(V.astype(np.float64) ** 2))
    terms = graph.node("Sub", graph.node("Mul", sums, sums), squares)
    return graph.node("MatMul", terms, graph.constant(np.repeat(np.eye(k) / 2, rank, axis=0)))


def layers(graph: Graph, model: MLP, params: dict[str, Any]) -> str:
    """The scores of a network."""
    a = "X"
    for W, b, activation in zip(
        params["coefs"], params["intercepts"], (*model.activations, "identity"), strict=True
    ):
        a = ACTIVATIONS[activation](graph, graph.node("Gemm", a, graph.constant(W), graph.constant(b)))
    return a


def leaky_relu(graph: Graph, z: str) -> str:
    """``max(z, 0.01 z)``. The operator of this name is not there for doubles in all runtimes."""
    return graph.node("Max", z, graph.node("Mul", z, graph.constant(0.01)))


def gelu(graph: Graph, z: str) -> str:
    """``z (1 + erf(z / sqrt(2))) / 2``."""
    erf = graph.node("Erf", graph.node("Mul", z, graph.constant(math.sqrt(0.5))))
    half = graph.node("Mul", z, graph.constant(0.5))
    return graph.node("Add", half, graph.node("Mul", half, erf))


def silu(graph: Graph, z: str) -> str:
    """``z / (1 + exp(-z))``."""
    return graph.node("Mul", z, graph.node("Sigmoid", z))


ACTIVATIONS: dict[str, Callable[[Graph, str], str]] = {
    "identity": lambda graph, z: z,
    "relu": lambda graph, z: graph.node("Relu", z),
    "leaky_relu": leaky_relu,
    "tanh": lambda graph, z: graph.node("Tanh", z),
    "logistic": lambda graph, z: graph.node("Sigmoid", z),
    "gelu": gelu,
    "silu": silu,
}


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
