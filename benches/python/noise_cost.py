"""What it costs to record the noise of gradients: a table in Markdown.

`python benches/python/noise_cost.py`. Epochs with and without, in turns; the ratio is that of their medians.
"""

from __future__ import annotations

import sys

import mbgd_rs as mb
import numpy as np

SHAPES = [(20_000, 30), (20_000, 784), (200_000, 100), (1_000_000, 28)]
N_TURNS = 15


def seconds(X: np.ndarray, y: np.ndarray, batch_size: int, record: str, n_epochs: int) -> float:
    """Of an epoch, the median of several."""
    sgd = mb.optimizers.SGD(0.01)
    run = mb.fit(X, y, loss="log_loss", optimizer=sgd, batch_size=batch_size, epochs=n_epochs, record=record)
    return float(np.median(np.diff(run.history.epoch_elapsed, prepend=0)))


def main() -> None:
    """Print the table."""
    print("| n x d | b | epoch, ms | with noise, ms | ratio |\n|---|--:|--:|--:|--:|")
    rng = np.random.default_rng(0)
    for n, d in SHAPES:
        X = rng.standard_normal((n, d), dtype=np.float32)
        y = X[:, 0] + rng.standard_normal(n) > 0
        for batch_size in (32, 256, 4096):
            n_epochs = max(3, 500_000 // n)
            turns = [
                [seconds(X, y, batch_size, record, n_epochs) for record in ("epoch", "noise")]
                for _ in range(N_TURNS)
            ]
            plain, noisy = np.median(turns, axis=0) * 1e3
            print(
                f"| {n:,} x {d} | {batch_size} | {plain:.3g} | {noisy:.3g} | {noisy / plain:.2f} |",
                flush=True,
            )


if __name__ == "__main__":
    sys.exit(main())
