"""PyTorch: loops over tensors in memory, without a DataLoader; each with the fastest of its Adams.

On small batches one thread was as fast as all, `torch.compile` slower than without.
"""

import time
from collections.abc import Callable
from functools import partial
from typing import Any

from race.dataset import Dataset
from race.models.task import Task, factors, network, scores_of_network
from race.peer import Peer, Trained, Trainer


def epochs(task: Task, step: Callable[[Any], None]) -> list[float]:
    import torch

    seconds = []
    for _ in range(1 + task.n_epochs):
        start = time.perf_counter()
        for rows in torch.randperm(task.n).split(task.b):
            step(rows)
        seconds.append(time.perf_counter() - start)
    return seconds[1:]


def train_network(data: Dataset, task: Task, is_compiled: bool = False) -> Trained:
    import torch
    from torch import nn

    model = nn.Sequential(nn.Linear(task.d, task.width), nn.ReLU(), nn.Linear(task.width, task.k))
    with torch.no_grad():
        for layer, W, b in zip((model[0], model[2]), *network(task), strict=True):
            layer.weight.copy_(torch.from_numpy(W.T))
            layer.bias.copy_(torch.from_numpy(b))
    X, y = torch.from_numpy(data.X), torch.from_numpy(data.y)
    of_scores: Any = nn.CrossEntropyLoss()
    if task.k == 1:
        y, of_scores = y.float()[:, None], nn.BCEWithLogitsLoss()
    optimizer = torch.optim.Adam(model.parameters(), task.rate, fused=True)

    def loss(x: Any, t: Any) -> Any:
        return of_scores(model(x), t)

    if is_compiled:
        loss = torch.compile(loss)

    def step(rows: Any) -> None:
        optimizer.zero_grad(set_to_none=True)
        loss(X.index_select(0, rows), y.index_select(0, rows)).backward()
        optimizer.step()

    seconds = epochs(task, step)
    layers = [model[0], model[2]]
    coefs, intercepts = ([of(layer).detach().numpy() for layer in layers] for of in (weight, bias))
    return Trained(seconds, lambda X: scores_of_network([coef.T for coef in coefs], intercepts, X))


def weight(layer: Any) -> Any:
    return layer.weight


def bias(layer: Any) -> Any:
    return layer.bias


def train_machine(data: Dataset, task: Task) -> Trained:
    import numpy as np
    import torch
    from torch import nn

    start = np.concatenate([np.zeros((task.d, 1), np.float32), factors(task)], axis=1)
    table = nn.Embedding.from_pretrained(torch.from_numpy(start), freeze=False, sparse=True)
    intercept = nn.Parameter(torch.zeros(()))
    columns = torch.from_numpy(data.X.indices.reshape(task.n, -1)).long()
    y = torch.from_numpy(data.y).float()
    of_scores = nn.BCEWithLogitsLoss()
    optimizer = torch.optim.Adagrad([table.weight, intercept], task.rate)

    def scores(j: Any) -> Any:
        parameters = table(j)
        sums = parameters.sum(1)
        pairs = sums[:, 1:].square().sum(1) - parameters[:, :, 1:].square().sum((1, 2))
        return intercept + sums[:, 0] + pairs / 2

    def step(rows: Any) -> None:
        optimizer.zero_grad(set_to_none=True)
        of_scores(scores(columns.index_select(0, rows)), y.index_select(0, rows)).backward()
        optimizer.step()

    seconds = epochs(task, step)
    with torch.inference_mode():
        found = scores(columns).numpy()
    return Trained(seconds, lambda X: found)


PEERS = [
    Peer(
        "PyTorch",
        ("torch",),
        ("torch",),
        trainer=Trainer({"mlp": train_network, "factorization_machine": train_machine}),
        note="`nn`, autograd, `Adam(fused=True)`; of the machine `Embedding(sparse=True)` and `Adagrad`",
        on_request=True,
    ),
    Peer(
        "PyTorch, compiled",
        ("torch",),
        ("torch", "torch._inductor"),
        trainer=Trainer({"mlp": partial(train_network, is_compiled=True)}),
        note="the same, its loss by `torch.compile`",
        on_request=True,
    ),
]
