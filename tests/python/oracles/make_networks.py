"""Writes into networks.json what networks of PyTorch become in some steps of its optimizers, in double.

A case there says which model, loss and optimizer of ours it is about, "model", "loss", "optimizer", and what
is the same in PyTorch, "theirs": the losses of rows, in which `z` are scores and `y` targets, and the
optimizer, in which `groups` are the weights and the intercepts. The rest of a case is written by this script:
where training begins, the mean loss of every step's batch before the step, and the parameters after some
epochs. Batches are the rows in their order. A new case is a line with these, and which of the targets it has;
"penalty" is alpha of alpha / 2 |W|^2, "is_weighted" says whether rows have weights.

Run in an environment of its own, which the tests do not need:

    pip install torch numpy
    python tests/python/oracles/make_networks.py
"""

import itertools
import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F

PATH = Path(__file__).with_name("networks.json")
N, D, BATCH_SIZE = 24, 4, 6
EPOCHS = [1, 10]
ACTIVATIONS = {
    "identity": lambda z: z,
    "relu": F.relu,
    "leaky_relu": lambda z: F.leaky_relu(z, 0.01),
    "tanh": torch.tanh,
    "logistic": torch.sigmoid,
    "gelu": lambda z: F.gelu(z, approximate="none"),
    "silu": F.silu,
}


def numbers(rng: np.random.Generator, *shape: int, scale: float = 1.0) -> list[Any]:
    """Normal numbers with few digits."""
    return np.round(scale * rng.standard_normal(shape), 3).tolist()


def given(rng: np.random.Generator) -> dict[str, Any]:
    """The data of all cases."""
    X = numbers(rng, N, D)
    x = np.array(X)
    y = x[:, 0] * x[:, 1] + x[:, 2]
    return {
        "batch_size": BATCH_SIZE,
        "X": X,
        "sample_weight": np.round(rng.random(N) + 0.5, 3).tolist(),
        "targets": {
            "numbers": np.round(y, 3).tolist(),
            "vectors": np.round(np.column_stack([y, x[:, 3] - y]), 3).tolist(),
            "counts": rng.poisson(np.exp(y / 2)).tolist(),
            "binary": (y > 0).astype(int).tolist(),
            "labels": np.column_stack([y > 0, x[:, 3] > 0]).astype(int).tolist(),
            "classes": np.digitize(y, [-0.5, 0.5]).tolist(),
        },
    }


def run(case: dict[str, Any], data: dict[str, Any], rng: np.random.Generator) -> dict[str, Any]:
    X = torch.tensor(data["X"])
    y = torch.tensor(data["targets"][case["targets"]])
    is_of_classes = case["targets"] == "classes"
    y = y if is_of_classes else y.double().reshape(N, -1)
    s = torch.tensor(data["sample_weight"]) if case.get("is_weighted") else torch.ones(N)
    s = s / s.mean()
    k = 3 if is_of_classes else y.shape[1]
    hidden, activations = case["model"]["hidden"], case["model"]["activation"]
    layers = list(itertools.pairwise([D, *hidden, k]))
    start = {
        "coefs": [numbers(rng, *layer, scale=0.5) for layer in layers],
        "intercepts": [numbers(rng, n_out, scale=0.1) for _, n_out in layers],
    }
    coefs, intercepts = (
        [torch.tensor(array, requires_grad=True) for array in start[name]] for name in ("coefs", "intercepts")
    )
    groups = [{"params": coefs}, {"params": intercepts, "weight_decay": 0.0}]
    optimizer = eval(case["theirs"]["optimizer"], {"torch": torch, "groups": groups})

    def scores(x: torch.Tensor) -> torch.Tensor:
        for W, b, activation in zip(coefs, intercepts, [*activations, "identity"], strict=True):
            x = ACTIVATIONS[activation](x @ W + b)
        return x

    losses, shown = [], {}
    for epoch in range(max(EPOCHS)):
        for first in range(0, N, BATCH_SIZE):
            rows = slice(first, first + BATCH_SIZE)
            of_rows = eval(case["theirs"]["losses"], {"F": F, "z": scores(X[rows]), "y": y[rows]})
            squares = sum((W**2).sum() for W in coefs)
            loss = (s[rows] * of_rows).mean() + case.get("penalty", 0.0) / 2 * squares
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        if epoch + 1 in EPOCHS:
            shown[epoch + 1] = {
                "coefs": [W.tolist() for W in coefs],
                "intercepts": [b.tolist() for b in intercepts],
            }
    return {**case, "start": start, "step_loss": losses, "params_after_epoch": shown}


def main() -> None:
    torch.set_default_dtype(torch.float64)
    torch.set_num_threads(1)
    data = given(np.random.default_rng(0))
    cases = json.loads(PATH.read_text())["cases"]
    made = {name: run(case, data, np.random.default_rng(i)) for i, (name, case) in enumerate(cases.items())}
    head = {"made_with": {"torch": torch.__version__}, **data}
    lines = [f"{json.dumps(name)}: {json.dumps(value)}" for name, value in head.items()]
    of_cases = ",\n".join(f"{json.dumps(name)}: {json.dumps(value)}" for name, value in made.items())
    lines.append(f'"cases": {{\n{of_cases}\n}}')
    PATH.write_text("{\n" + ",\n".join(lines) + "\n}\n")


if __name__ == "__main__":
    main()
