"""What `batch_size="auto"` chooses for many rows, beside sizes that were given: a table in Markdown.

`python benches/python/auto_batch_size.py`. Ten epochs with the rate that chooses itself; excess is the
objective over all rows above that of a long run with large batches.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

import mbgd_rs as mb
import numpy as np

EPOCHS = 10
SIZES = ("auto", 32, 64, 128, 256, 512, 1024, 4096)


def sets() -> Iterator[tuple[str, np.ndarray, np.ndarray, str]]:
    """Long valleys, with little and with much noise."""
    rng = np.random.default_rng(0)
    for n, d, loss, noise in (
        (200_000, 100, "log_loss", 1.0),
        (1_000_000, 28, "squared_error", 3.0),
        (300_000, 20, "log_loss", 0.3),
        (300_000, 20, "squared_error", 10.0),
    ):
        X = (rng.standard_normal((n, d)) * np.geomspace(1, 0.1, d)).astype(np.float32)
        y = X @ rng.standard_normal(d) + noise * rng.standard_normal(n)
        yield f"{n:,} x {d}, {loss}", X, (y if loss == "squared_error" else y > 0), loss


def main() -> None:
    """Print the table."""
    print("| set | batch_size | rows | B | tau_f / tau_d | excess after 1 | 3 | 10 epochs | ms in all |")
    print("|---|--:|--:|--:|--:|--:|--:|--:|--:|")
    for name, X, y, loss in sets():
        best = mb.fit(X, y, loss=loss, optimizer="sgd", batch_size=4096, epochs=60)
        least = mb.gradient(X, y, best, loss=loss)[0]
        how = {"loss": loss, "optimizer": "sgd", "epochs": EPOCHS}
        for size in SIZES:
            start = time.perf_counter()
            mb.fit(X, y, **how, batch_size=size)
            milliseconds = (time.perf_counter() - start) * 1e3
            run = mb.fit(X, y, **how, batch_size=size, record="full_loss")
            excess = " | ".join(f"{run.history.full_loss[epoch] - least:.1e}" for epoch in (0, 2, 9))
            chosen = run.auto_batch_size
            why = f"{chosen.noise_scale:.0f} | {chosen.cost_ratio:.1f}" if chosen else " | "
            print(
                f"| {name} | {size} | {run.batch_size} | {why} | {excess} | {milliseconds:.0f} |", flush=True
            )


if __name__ == "__main__":
    main()
