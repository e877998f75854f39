"""The Rust core. What users see is built on it in the package; its names may change in any version."""

from typing import Any, final

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "Batches",
    "__version__",
    "available_threads",
    "check",
    "check_loss",
    "fit",
    "gather",
    "gradient",
    "init_optimizer",
    "learning_rate_at",
    "predict",
    "simd_tier",
    "simd_tiers",
    "step_optimizer",
]

__version__: str

@final
class Batches:
    def __new__(
        cls, n: int, batch_size: int, shuffle: str | bool, replacement: bool, drop_last: bool, seed: int
    ) -> Batches: ...
    @property
    def n_steps(self) -> int: ...
    @property
    def batch_size(self) -> int: ...
    def order(self, epoch: int) -> NDArray[np.uintp]: ...
    def batch(self, epoch: int, step: int) -> NDArray[np.uintp]: ...

def available_threads() -> int: ...
def check(choice: Any) -> None: ...
def check_loss(name: str, choice: Any) -> None: ...
def fit(objective: Any, training: Any) -> dict[str, Any]: ...
def gather(
    values: NDArray[np.uint8], rows: NDArray[np.uintp], out: NDArray[np.uint8], n_threads: int
) -> None: ...
def gradient(
    objective: Any, params: NDArray[Any], rows: list[int] | None, n_threads: int
) -> tuple[float, NDArray[Any]]: ...
def init_optimizer(optimizer: Any) -> tuple[int, int]: ...
def learning_rate_at(learning_rate: Any, t: int) -> float: ...
def predict(
    x: NDArray[Any],
    params: NDArray[Any],
    n_outputs: int,
    link: tuple[str, Any, int],
    n_threads: int,
) -> NDArray[Any]: ...
def simd_tier() -> str: ...
def simd_tiers() -> list[str]: ...
def step_optimizer(
    optimizer: Any,
    n_steps: int,
    memory: list[NDArray[Any]],
    scalars: list[float],
    params: NDArray[Any],
    grad: NDArray[Any],
) -> list[float]: ...
