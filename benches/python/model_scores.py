"""Held-out scores: networks beside scikit-learn's, factorization machines on ratings; tables in Markdown.

`python benches/python/model_scores.py [folder]`; the folder may have the files that `auto_rate.py` names, and
MovieLens 100k: `u.data` of GroupLens or `ml-100k.inter` of RecBole. What is not there is left out.
"""

from __future__ import annotations

import sys
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import mbgd_rs as mb
import numpy as np
import scipy.sparse as sp
from auto_rate import external
from sklearn.datasets import load_breast_cancer, load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

Array = np.ndarray
N_SEEDS = 30
N_SPLITS = 10
MNIST = {"hidden": (128,), "batch_size": 128, "epochs": 20}
"""The network that is compared after the same epochs."""
FACTORS = {
    "rank": 16,
    "init_scale": 0.1,
    "learning_rate": 0.2,
    "l2 of coef": 3e-5,
    "l2 of factors": 1.5e-4,
    "batch_size": 1024,
}
"""Near the best of some 850 tries drawn at random, on validation rows."""
STRENGTHS = [0.0, 1e-5, 5e-5, 1e-4, 1.5e-4, 2e-4, 5e-4, 1e-3]
"""l2 penalties of factors that are compared."""


def scores_by_defaults(X: Array, y: Array, seed: int, is_classes: bool) -> list[float]:
    """Both networks by their defaults, on standardised columns: score and epochs of ours, then of theirs.

    A score is an accuracy or R^2, of a quarter of the rows.
    """
    stratify = y if is_classes else None
    X, X_test, y, y_test = train_test_split(X, y, random_state=seed, stratify=stratify)
    scaler = StandardScaler().fit(X)
    X, X_test = scaler.transform(X), scaler.transform(X_test)
    loss = "log_loss" if is_classes else "squared_error"
    ours = mb.fit(X, y, loss=loss, model="mlp", seed=seed)
    score = (ours.predict(X_test) == y_test).mean() if is_classes else r2(y_test, ours.predict(X_test))
    theirs = (MLPClassifier if is_classes else MLPRegressor)(random_state=seed).fit(X, y)
    return [score, ours.n_epochs, theirs.score(X_test, y_test), theirs.n_iter_]


def scores_after_epochs(X: Array, y: Array, seed: int) -> list[float]:
    """Both networks on the first 8,000 images, of the others the accuracy."""
    X, X_test, y, y_test = X[:8000], X[8000:], y[:8000], y[8000:]
    how = {"batch_size": MNIST["batch_size"], "epochs": MNIST["epochs"], "optimizer": "adam", "seed": seed}
    ours = mb.fit(X, y, loss="log_loss", model=mb.models.MLP(MNIST["hidden"]), **how)
    theirs = MLPClassifier(
        MNIST["hidden"],
        batch_size=MNIST["batch_size"],
        max_iter=MNIST["epochs"],
        n_iter_no_change=MNIST["epochs"],
        random_state=seed,
    ).fit(X, y)
    return [
        (ours.predict(X_test) == y_test).mean(),
        ours.n_epochs,
        theirs.score(X_test, y_test),
        theirs.n_iter_,
    ]


def r2(y: Array, z: Array) -> float:
    """The coefficient of determination."""
    return float(1 - ((y - z) ** 2).sum() / ((y - y.mean()) ** 2).sum())


def networks(folders: list[str]) -> Iterator[tuple[str, str, Callable[[int], list[float]]]]:
    """The rows of the first table: set, score, and the function of a seed."""
    sets = {name: (X, y) for folder in folders for name, X, y in external(Path(folder))}
    if "mnist10k / 255" in sets:
        X, y = sets["mnist10k / 255"]
        yield "mnist10k, (128,), 20 epochs", "accuracy", lambda seed: scores_after_epochs(X, y, seed)
    for name, load in (("breast_cancer", load_breast_cancer), ("digits", load_digits)):
        bunch = load()
        yield (
            f"{name}, defaults",
            "accuracy",
            lambda seed, b=bunch: scores_by_defaults(b.data, b.target, seed, is_classes=True),
        )
    if "california" in sets:
        X_h, y_h = sets["california"]
        yield (
            "california, defaults",
            "R^2",
            lambda seed: scores_by_defaults(X_h, y_h / 1e5, seed, is_classes=False),
        )


def row(name: str, score: str, of_seed: Callable[[int], list[float]]) -> str:
    """One line of the first table."""
    with warnings.catch_warnings(), threadpool_limits(1):
        warnings.simplefilter("ignore", ConvergenceWarning)
        ours, our_epochs, theirs, their_epochs = np.array([of_seed(seed) for seed in range(N_SEEDS)]).T
    difference = ours - theirs
    error = difference.std(ddof=1) / np.sqrt(N_SEEDS)
    verdict = "no worse" if difference.mean() >= -2 * error else "**worse**"
    return (
        f"| {name} | {score} | {ours.mean():.4f} | {theirs.mean():.4f} | {difference.mean():+.4f} "
        f"| {error:.4f} | {our_epochs.mean():.0f} | {their_epochs.mean():.0f} | {verdict} |"
    )


def ratings(folder: Path) -> tuple[Any, Array] | None:
    """One-hot users and items, and ratings from 1 to 5."""
    found = [path for name in ("u.data", "ml-100k.inter") for path in folder.rglob(name)]
    if not found:
        return None
    lines = found[0].read_text().splitlines()
    table = np.array([line.split("\t")[:3] for line in lines if line[0].isdigit()], np.float32)
    users, items = (np.unique(column, return_inverse=True)[1] for column in table.T[:2])
    columns = np.column_stack([users, users.max() + 1 + items]).astype(np.int32)
    ends = np.arange(0, columns.size + 1, 2, dtype=np.int32)
    return sp.csr_array((np.ones(columns.size, np.float32), columns.ravel(), ends)), table[:, 2]


def rmse(model: Any, X: Any, y: Array) -> float:
    """The root of the mean squared error."""
    return float(np.sqrt(((model.predict(X) - y) ** 2).mean()))


def factors(X: Any, y: Array, split: int, seed: int, **others: Any) -> list[float]:
    """RMSE of the mean, of a linear model and of a machine, its epochs, and its seconds, of one split 90/10.

    The epochs are those at which a tenth of the training rows was predicted best; then all of these are
    learned. The seconds are those of both fits.
    """
    o = {**FACTORS, **others}
    order = np.random.default_rng(split).permutation(len(y))
    test, train = np.split(order, [len(y) // 10])
    X, y, X_test, y_test = X[train], y[train], X[test], y[test]
    start = time.perf_counter()
    how: dict[str, Any] = {
        "model": mb.models.FactorizationMachine(o["rank"], o["init_scale"]),
        "optimizer": mb.optimizers.Adagrad(o["learning_rate"]),
        "penalty": mb.penalties.L2({"coef": o["l2 of coef"], "factors": o["l2 of factors"]}),
        "batch_size": o["batch_size"],
        "seed": seed,
    }
    waits = mb.stopping.NoImprovement(monitor="validation_loss", patience=3, restore_best=True)
    tried = mb.fit(X, y, loss="squared_error", epochs=100, validation=0.1, stop=waits, **how)
    machine = mb.fit(X, y, loss="squared_error", epochs=tried.best_epoch, **how)
    seconds = time.perf_counter() - start
    linear = mb.fit(X, y, loss="squared_error", penalty=mb.penalties.L2(o["l2 of coef"]))
    of_mean = float(np.sqrt(((y_test - y.mean()) ** 2).mean()))
    return [of_mean, rmse(linear, X_test, y_test), rmse(machine, X_test, y_test), machine.n_epochs, seconds]


def print_networks(folders: list[str]) -> None:
    """The first table."""
    print("| set | score | ours | scikit-learn's | difference | its standard error | our epochs | theirs | |")
    print("|---|---|--:|--:|--:|--:|--:|--:|---|")
    for name, score, of_seed in networks(folders):
        print(row(name, score, of_seed), flush=True)


def print_factors(folders: list[str]) -> None:
    """The others."""
    found = next(filter(None, (ratings(Path(folder)) for folder in folders)), None)
    if found is None:
        return
    print("\n| split | seed | mean | linear | factorization machine | epochs | seconds |")
    print("|--:|--:|--:|--:|--:|--:|--:|")
    for split, seed in [*((0, seed) for seed in range(5)), *((split, 0) for split in range(1, N_SPLITS))]:
        mean, linear, machine, epochs, seconds = factors(*found, split, seed)
        scores = f"{mean:.4f} | {linear:.4f} | {machine:.4f}"
        print(f"| {split} | {seed} | {scores} | {epochs} | {seconds:.2f} |", flush=True)
    print("\n| l2 of factors | factorization machine | epochs |")
    print("|--:|--:|--:|")
    for strength in STRENGTHS:
        _, _, machine, epochs, _ = factors(*found, 0, 0, **{"l2 of factors": strength})
        print(f"| {strength:g} | {machine:.4f} | {epochs} |", flush=True)


if __name__ == "__main__":
    print_networks(sys.argv[1:])
    print_factors(sys.argv[1:])
