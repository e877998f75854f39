"""Batches for a PyTorch loop: the seconds of an epoch with minibatches, with a DataLoader, and with indexing.

``minibatches`` takes the place of the ``DataLoader`` where rows are those of arrays in memory or of memory
maps: a thread of Rust gathers the next ones while the loop computes, and ``torch.from_numpy`` makes tensors
of them without another copy. Run it with ``python examples/loops/pytorch_loop.py``.
"""

import time

import mbgd_rs as mb
import numpy as np

try:
    import torch
    from torch.utils.data import DataLoader, TensorDataset
except ImportError:
    raise SystemExit("this example needs PyTorch: pip install torch") from None

N, D, EPOCHS = 200_000, 50, 3
rng = np.random.default_rng(0)
X = rng.standard_normal((N, D), dtype=np.float32)
y = (X @ rng.standard_normal(D, dtype=np.float32) + rng.standard_normal(N) > 0).astype(np.float32)


def of_minibatches(batch_size, epoch):
    for X_b, y_b in mb.minibatches(X, y, batch_size=batch_size, seed=epoch):
        yield torch.from_numpy(X_b), torch.from_numpy(y_b)


def of_data_loader(batch_size, epoch):
    torch.manual_seed(epoch)
    data = TensorDataset(torch.from_numpy(X), torch.from_numpy(y))
    return DataLoader(data, batch_size=batch_size, shuffle=True)


def of_indexing(batch_size, epoch):
    tensors = torch.from_numpy(X), torch.from_numpy(y)
    order = torch.randperm(N, generator=torch.Generator().manual_seed(epoch))
    for rows in order.split(batch_size):
        yield tensors[0][rows], tensors[1][rows]


def train(batches, batch_size):
    """A logistic regression by SGD: its accuracy, and the seconds of the fastest epoch."""
    torch.manual_seed(0)
    model = torch.nn.Linear(D, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    loss_of = torch.nn.BCEWithLogitsLoss()
    seconds = []
    for epoch in range(EPOCHS):
        start = time.perf_counter()
        for X_b, y_b in batches(batch_size, epoch):
            optimizer.zero_grad()
            loss_of(model(X_b)[:, 0], y_b).backward()
            optimizer.step()
        seconds.append(time.perf_counter() - start)
    with torch.no_grad():
        hits = (model(torch.from_numpy(X))[:, 0] > 0) == (torch.from_numpy(y) > 0)
    return float(hits.float().mean()), min(seconds)


def only_batches(batches, batch_size):
    """Seconds of the fastest epoch in which nothing is done with the batches."""
    seconds = []
    for epoch in range(EPOCHS):
        start = time.perf_counter()
        for _ in batches(batch_size, epoch):
            pass
        seconds.append(time.perf_counter() - start)
    return min(seconds)


print(f"{N:,} rows of {D} columns, float32; seconds of an epoch")
print(f"{'batch size':>10} {'':14} {'batches alone':>14} {'training':>10} {'accuracy':>10}")
for batch_size in (32, 256):
    for name, batches in (
        ("minibatches", of_minibatches),
        ("DataLoader", of_data_loader),
        ("indexing", of_indexing),
    ):
        alone = only_batches(batches, batch_size)
        accuracy, trained = train(batches, batch_size)
        print(f"{batch_size:10} {name:14} {alone:14.3f} {trained:10.3f} {accuracy:10.3f}")
