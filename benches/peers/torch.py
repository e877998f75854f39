"""PyTorch: a loop with the gradient by hand, one with `nn`, `autograd` and `optim`, and the DataLoader."""

from collections.abc import Callable, Iterator
from typing import Any

from race.case import Case
from race.dataset import Dataset
from race.peer import Peer, timed

RATE = 0.01


def tensors(data: Dataset) -> tuple[Any, Any]:
    import torch

    return torch.from_numpy(data.X), torch.from_numpy(data.y)


def loop(
    data: Dataset, case: Case, make_step: Callable[[int], Callable[[Any, Any], None]]
) -> Iterator[float]:
    import torch

    X, t = tensors(data)
    t = t.float()
    step = make_step(case.d)

    def epoch() -> None:
        order = torch.randperm(len(X))
        for start in range(0, len(X), case.b):
            rows = order[start : start + case.b]
            step(X[rows], t[rows])

    return timed(epoch)


def by_hand(data: Dataset, case: Case) -> Iterator[float]:
    import torch

    def make_step(d: int) -> Callable[[Any, Any], None]:
        w, c = torch.zeros(d), torch.zeros(())

        def step(x: Any, t: Any) -> None:
            residual = torch.sigmoid(torch.addmv(c, x, w)) - t
            w.addmv_(x.T, residual, alpha=-RATE / len(t))
            c.sub_(residual.mean(), alpha=RATE)

        return step

    with torch.inference_mode():
        yield from loop(data, case, make_step)


def by_modules(data: Dataset, case: Case) -> Iterator[float]:
    import torch

    def make_step(d: int) -> Callable[[Any, Any], None]:
        model, loss = torch.nn.Linear(d, 1), torch.nn.BCEWithLogitsLoss()
        optimizer = torch.optim.SGD(model.parameters(), lr=RATE)

        def step(x: Any, t: Any) -> None:
            optimizer.zero_grad()
            loss(model(x).squeeze(1), t).backward()
            optimizer.step()

        return step

    return loop(data, case, make_step)


def batches(data: Dataset, case: Case) -> Iterator[float]:
    from torch.utils.data import DataLoader, TensorDataset

    loader = DataLoader(TensorDataset(*tensors(data)), batch_size=case.b, shuffle=True)

    def epoch() -> None:
        for _ in loader:
            pass

    return timed(epoch)


def few_rows(case: Case) -> bool:
    return case.b == 1


TORCH = {"packages": ("torch",), "modules": ("torch",), "extrapolates": few_rows, "on_request": True}
PEERS = [
    Peer("PyTorch by hand", races={"dense": by_hand, "memory": by_hand}, note="gradient by hand", **TORCH),
    Peer("PyTorch nn", races={"dense": by_modules}, note="`nn.Linear`, autograd, `optim.SGD`", **TORCH),
    Peer("DataLoader", races={"batches": batches}, note="PyTorch's, of a TensorDataset, no workers", **TORCH),
]
