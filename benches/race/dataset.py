"""The rows of a case: made from a fixed seed, or read from files, and kept in a folder for all processes."""

import gzip
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Dataset:
    """Rows, dense or CSR, of float32, and their targets: integer labels, or numbers."""

    X: Any
    y: Any
    folder: Path
    """Where a peer may leave files that it makes of these rows."""


GENERATED = {
    "normal": "standard normal, labels of a noisy linear rule",
    "mixed": "the same labels; the columns mixed by a matrix with singular values from 3 to 0.03",
    "counts": "correlated normal columns, Poisson counts of mean 0.4",
    "digits": "ten classes of images, a fifth of whose pixels are not zero; a tenth of the labels is drawn",
    "clicks": "39 fields of a category each, by Zipf's law; every category a column, wherever a hash puts it",
}
"""Kinds of rows that are made: the first word of their names. Numbers of rows and columns follow it."""
FILES = {
    "a9a": ["a9a.svm.gz"],
    "mnist10k": ["mnist10k-images.idx3.gz", "mnist10k-labels.idx1.gz"],
    "housing": ["california-housing.csv.gz"],
}
"""Files of the real sets."""


def kind(name: str) -> str:
    return name.split("-")[0]


def is_made(name: str) -> bool:
    return kind(name) in GENERATED


def data_folder() -> Path | None:
    """The folder named by the environment variable DATA, or one beside the checkout, or None."""
    folder = Path(os.environ.get("DATA") or Path(__file__).parents[3] / "shared" / "data")
    return folder if folder.is_dir() else None


def origin(name: str) -> str:
    """Where the rows of this name come from, in words."""
    if is_made(name):
        return GENERATED[kind(name)]
    where = data_folder()
    return "the real set" if where and files(name, where) else "generated, of the same shape and sparsity"


def files(name: str, folder: Path) -> list[Path]:
    """The files of a real set, or an empty list if one is missing."""
    found = [folder / file for file in FILES[name]]
    return found if all(path.exists() for path in found) else []


def make(name: str, folder: Path) -> None:
    """Write the rows of this name into `folder`, if they are not there."""
    if (folder / f"{name}.y.npy").exists():
        return
    where = data_folder()
    real = files(name, where) if where and not is_made(name) else []
    if name == "a9a":
        X, y = read_svmlight(real[0]) if real else like_a9a()
    elif name == "mnist10k":
        X, y = read_mnist(*real) if real else digits(10_000, 784)
    elif name == "housing":
        X, y = read_housing(*real) if real else like_housing()
    else:
        make = {"normal": normal, "mixed": mixed, "counts": counts, "digits": digits, "clicks": clicks}
        X, y = make[kind(name)](*(int(count) for count in name.split("-")[1:]))
    if isinstance(X, np.ndarray):
        np.save(folder / f"{name}.X.npy", X)
    else:
        for part in ("data", "indices", "indptr", "shape"):
            np.save(folder / f"{name}.{part}.npy", getattr(X, part))
    np.save(folder / f"{name}.y.npy", y)


def load(name: str, folder: Path) -> Dataset:
    """What `make` has written, in memory of this process."""
    y = np.load(folder / f"{name}.y.npy")
    if not (folder / f"{name}.data.npy").exists():
        return Dataset(np.load(folder / f"{name}.X.npy"), y, folder)
    from scipy.sparse import csr_matrix

    *parts, shape = (
        np.load(folder / f"{name}.{part}.npy") for part in ("data", "indices", "indptr", "shape")
    )
    return Dataset(csr_matrix(tuple(parts), shape=tuple(shape)), y, folder)


def normal(n: int, d: int) -> tuple[Any, Any]:
    """Standard normal columns and two classes by a noisy linear rule."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((n, d), dtype=np.float32)
    score = X @ rng.standard_normal(d, dtype=np.float32)
    return X, (score + 3 * rng.standard_normal(n, dtype=np.float32) > 0).astype(np.int64)


def mixed(n: int, d: int) -> tuple[Any, Any]:
    """The rows of `normal` times a matrix whose singular values fall from 3 to 0.03; the labels stay."""
    X, y = normal(n, d)
    rng = np.random.default_rng(1)
    left, right = (np.linalg.qr(rng.standard_normal((d, d)))[0] for _ in range(2))
    return X @ (left * np.geomspace(3, 0.03, d) @ right).astype(np.float32), y


def counts(n: int, d: int) -> tuple[Any, Any]:
    """Columns that have half of their variance in common with the one before, and Poisson counts."""
    rng = np.random.default_rng(2)
    X = rng.standard_normal((n, d), dtype=np.float32)
    for j in range(1, d):
        X[:, j] = (X[:, j - 1] + X[:, j]) * np.float32(np.sqrt(0.5))
    w = 0.5 * rng.standard_normal(d) / np.sqrt(d)
    rate = np.exp(X @ w - 0.9 - np.var(X @ w) / 2)
    return X, rng.poisson(rate).astype(np.float32)


def digits(n: int, d: int) -> tuple[Any, Any]:
    """Ten classes of images, a fifth of whose pixels are not zero."""
    rng = np.random.default_rng(0)
    y = rng.integers(0, 10, n)
    shown = np.where(rng.random(n) < 0.1, rng.integers(0, 10, n), y)
    X = (rng.random((10, d), dtype=np.float32) / 2)[shown] + rng.random((n, d), dtype=np.float32) / 2
    return np.where(X > 0.66, X, np.float32(0)), y


def clicks(n: int, d: int) -> tuple[Any, Any]:
    """Fields of 10 to d / 5 categories; columns of categories are drawn, as by a hash without collisions."""
    from scipy.sparse import csr_matrix

    n_fields = 39
    rng = np.random.default_rng(3)
    share = np.geomspace(10, d / 5, n_fields)
    sizes = (share * d / share.sum()).astype(int)
    columns = np.empty((n, n_fields), np.int32)
    for field, (first, size) in enumerate(zip(np.cumsum(sizes) - sizes, sizes, strict=True)):
        below = np.cumsum(1 / np.arange(1, size + 1))
        columns[:, field] = first + np.searchsorted(below, below[-1] * rng.random(n))
    columns = np.sort(rng.permutation(d).astype(np.int32)[columns])
    factors = rng.standard_normal((d, 4), dtype=np.float32)[columns]
    pairs = (factors.sum(1) ** 2 - (factors**2).sum(1)).sum(1)
    score = rng.standard_normal(d)[columns].sum(1) / 4 + pairs / pairs.std()
    y = (score + rng.logistic(size=n) > np.quantile(score, 0.8)).astype(np.int64)
    ends = np.arange(0, columns.size + 1, n_fields, dtype=np.int32)
    return csr_matrix((np.ones(columns.size, np.float32), columns.ravel(), ends), shape=(n, d)), y


def read_svmlight(path: Path) -> tuple[Any, Any]:
    """The 123 columns of a9a with indices of 32 bits, which scikit-learn's SGDClassifier insists on."""
    from sklearn.datasets import load_svmlight_file

    X, y = load_svmlight_file(str(path), n_features=123, dtype=np.float32)
    X.indices, X.indptr = X.indices.astype(np.int32), X.indptr.astype(np.int32)
    return X, (y > 0).astype(np.int64)


def like_a9a() -> tuple[Any, Any]:
    """Rows of 14 ones, one of each group of columns, as a table of categories gives them."""
    from scipy.sparse import csr_matrix

    n, d, n_groups = 32_560, 123, 14
    rng = np.random.default_rng(0)
    edges = np.linspace(0, d, n_groups + 1).astype(int)
    columns = np.column_stack([rng.integers(*edges[g : g + 2], n) for g in range(n_groups)])
    ends = np.arange(0, n * n_groups + 1, n_groups, dtype=np.int32)
    X = csr_matrix((np.ones(n * n_groups, np.float32), columns.ravel().astype(np.int32), ends), shape=(n, d))
    return X, (np.cos(columns).sum(1) + rng.standard_normal(n) > 0).astype(np.int64)


def read_mnist(images: Path, labels: Path) -> tuple[Any, Any]:
    """Pixels from 0 to 1, and the digits."""
    pixels = np.frombuffer(gzip.decompress(images.read_bytes()), np.uint8, offset=16).reshape(-1, 784)
    digits = np.frombuffer(gzip.decompress(labels.read_bytes()), np.uint8, offset=8)
    return (pixels / np.float32(255)).astype(np.float32), digits.astype(np.int64)


def read_housing(path: Path) -> tuple[Any, Any]:
    """Its columns as they are and one for each of the five places; the target in units of 100,000 dollars.

    Numbers of bedrooms that are missing are the median of the others.
    """
    head, *lines = gzip.decompress(path.read_bytes()).decode().splitlines()
    columns = dict(zip(head.split(","), zip(*(line.split(",") for line in lines), strict=True), strict=True))
    place = np.array(columns.pop("ocean_proximity"))
    y = np.array(columns.pop("median_house_value"), np.float32) / np.float32(100_000)
    X = np.array([[float(entry or "nan") for entry in column] for column in columns.values()]).T
    X = np.where(np.isnan(X), np.nanmedian(X, axis=0), X)
    return np.column_stack([X, place[:, None] == np.unique(place)]).astype(np.float32), y


def like_housing() -> tuple[Any, Any]:
    """As many rows, of columns whose scales are those of housing."""
    rng = np.random.default_rng(0)
    n = 20_640
    scales = np.array([2.0, 2.1, 12.6, 2182, 421, 1132, 382, 1.9])
    means = np.array([-119.6, 35.6, 28.6, 2636, 538, 1425, 500, 3.9])
    Z = rng.standard_normal((n, 8))
    places = np.eye(5)[rng.choice(5, n, p=[0.44, 0.32, 0.11, 0.12, 0.01])]
    y = 2 + Z @ rng.uniform(-0.5, 0.5, 8) + 0.6 * rng.standard_normal(n)
    return np.column_stack([Z * scales + means, places]).astype(np.float32), y.astype(np.float32)
