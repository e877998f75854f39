"""The rate that nobody has tuned, beside the best of 12 constant ones: a table in Markdown.

`python benches/python/auto_rate.py [folder]`; the folder may have a9a.svm.gz, california-housing.csv.gz,
mnist10k-images.idx3.gz and mnist10k-labels.idx1.gz. What is not there is left out.
"""

from __future__ import annotations

import csv
import gzip
import sys
from collections.abc import Iterator
from pathlib import Path

import mbgd_rs as mb
import numpy as np
from sklearn import datasets

EPOCHS = 20
EXPONENTS = range(-3, 9)
"""The constants are 2^j / L(b): from far too short to far too long for most sets."""


def bundled() -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
    """scikit-learn's own sets."""
    for name in ("linnerud", "iris", "wine", "diabetes", "breast_cancer", "digits"):
        load = getattr(datasets, f"load_{name}")
        # diabetes as it was measured: scikit-learn's own scaling would make raw and standardised the same
        options = {"scaled": False} if name == "diabetes" else {}
        yield name, *load(return_X_y=True, **options)


def california(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Numeric columns, medians in the place of missing values; the target is the house value."""
    with gzip.open(path, "rt") as file:
        rows = list(csv.DictReader(file))
    names = [name for name in rows[0] if name not in ("ocean_proximity", "median_house_value")]
    X = np.array([[float(row[name] or "nan") for name in names] for row in rows])
    X = np.where(np.isnan(X), np.nanmedian(X, axis=0), X)
    return X, np.array([float(row["median_house_value"]) for row in rows])


def external(folder: Path) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
    """The sets of the folder that are there."""
    if (folder / "california-housing.csv.gz").exists():
        yield "california", *california(folder / "california-housing.csv.gz")
    if (folder / "a9a.svm.gz").exists():
        with gzip.open(folder / "a9a.svm.gz") as file:
            X, y = datasets.load_svmlight_file(file)
        yield "a9a", X.toarray().astype(np.float32), y
    if (folder / "mnist10k-images.idx3.gz").exists():
        pixels, labels = (
            np.frombuffer(gzip.decompress((folder / name).read_bytes()), np.uint8, offset=offset)
            for name, offset in (("mnist10k-images.idx3.gz", 16), ("mnist10k-labels.idx1.gz", 8))
        )
        yield "mnist10k 0..255", pixels.reshape(-1, 784).astype(np.float32), labels
        yield "mnist10k / 255", (pixels.reshape(-1, 784) / 255).astype(np.float32), labels


def standardised(X: np.ndarray) -> np.ndarray:
    """Columns of mean 0 and variance 1; constant ones of 0."""
    scale = X.std(axis=0)
    return ((X - X.mean(axis=0)) / np.where(scale == 0, 1, scale)).astype(X.dtype)


def final_loss(X: np.ndarray, y: np.ndarray, **arguments: object) -> tuple[float, mb.FitResult | None]:
    """The objective over all rows at the model after all epochs; infinity for a run that diverged."""
    try:
        result = mb.fit(X, y, epochs=EPOCHS, n_threads=1, **arguments)
    except mb.DivergenceError:
        return np.inf, None
    return mb.gradient(X, y, result, loss=arguments["loss"])[0], result


def cell(X: np.ndarray, y: np.ndarray, loss: str, batch_size: int | str) -> dict[str, float]:
    """Auto and the grid on one set with one batch size."""
    arguments = {"loss": loss, "batch_size": batch_size}
    start = mb.gradient(
        X, y, mb.fit(X, y, epochs=0, **arguments, optimizer=mb.optimizers.SGD(1.0)), loss=loss
    )
    auto, result = final_loss(X, y, **arguments, optimizer="sgd")
    assert result is not None, "auto never diverges"
    smoothness = result.auto_rate.batch_smoothness
    grid = [
        final_loss(X, y, **arguments, optimizer=mb.optimizers.SGD(2.0**j / smoothness))[0] for j in EXPONENTS
    ]
    best = min(grid)
    return {
        "start": start[0],
        "auto": auto,
        "best": best,
        "exponent": EXPONENTS[int(np.argmin(grid))],
        "ratio": auto / best if best > 0 else np.inf,
        "excess": (auto - best) / (start[0] - best),
        "last": result.auto_rate.learning_rate * smoothness,
    }


def main(folders: list[str]) -> None:
    """Print the table."""
    sets = list(bundled()) + [found for folder in folders for found in external(Path(folder))]
    print(
        "| set | columns | b | loss at start | best constant | at 2^j / L(b) | auto | auto / best | excess |"
    )
    print("|---|---|---|---|---|---|---|---|---|")
    cells = []
    for name, raw, y in sets:
        loss = "squared_error" if name in ("linnerud", "diabetes", "california") else "log_loss"
        versions = [("raw", raw)] + (
            [] if "255" in name and "/" not in name else [("standardised", standardised(raw))]
        )
        for columns, X in versions:
            for b in [b for b in (1, 32, 256) if b < len(X)] + ["full"]:
                found = cell(X, y, loss, b)
                cells.append(found)
                ratio = f"{found['ratio']:.3g}" if found["ratio"] <= 1.05 else f"**{found['ratio']:.3g}**"
                numbers = (
                    f"{found['start']:.4g} | {found['best']:.4g} | {found['exponent']} | {found['auto']:.4g}"
                )
                print(f"| {name} | {columns} | {b} | {numbers} | {ratio} | {max(found['excess'], 0):.2%} |")
                sys.stdout.flush()
    ratios, excesses = (np.array([c[key] for c in cells]) for key in ("ratio", "excess"))
    print(f"\n{len(cells)} cells; within 5% of the best constant: {(ratios <= 1.05).sum()};", end=" ")
    print(f"excess below 5%: {((excesses <= 0.05) | (ratios <= 1.05)).sum()},", end=" ")
    print(f"below 1%: {((excesses <= 0.01) | (ratios <= 1.05)).sum()};", end=" ")
    print(f"better than the best constant: {(ratios < 1).sum()}; largest excess {excesses.max():.1%}")


if __name__ == "__main__":
    main(sys.argv[1:])
