"""`fit` of every ready-made source gives the bits of the same rows in memory."""

import mbgd_rs as mb
import numpy as np
import pandas as pd
import pytest
from mbgd_rs.sources import Arrays, Chunks, Npy, Parquet, Svmlight, spool
from sklearn.datasets import dump_svmlight_file

pytest.importorskip("pyarrow")
RNG = np.random.default_rng(21)
N = 300
X = RNG.standard_normal((N, 4)).astype(np.float32)
Y = (X[:, 0] > X[:, 1]).astype(int)
WEIGHTS = RNG.uniform(0.5, 2, N).astype(np.float32)


def npy(folder):
    for name, array in (("X", X), ("y", Y), ("w", WEIGHTS)):
        np.save(folder / f"{name}.npy", array)
    return Npy(*(folder / f"{name}.npy" for name in "Xyw"), rows=64)


def frame():
    columns = {f"x{j}": X[:, j] for j in range(4)}
    return pd.DataFrame(
        columns | {"city": np.array(["a", "b", "c"])[RNG.integers(0, 3, N)], "y": Y, "w": WEIGHTS}
    )


def parquet(folder, **arguments):
    frame().to_parquet(folder / "a.parquet", row_group_size=64)
    return Parquet(folder / "a.parquet", target="y", weight="w", **arguments)


def svmlight(folder):
    dump_svmlight_file(X, Y, str(folder / "a.svm"), zero_based=False)
    return Svmlight(folder / "a.svm", rows=64)


def part(chunk):
    rows = slice(64 * chunk, 64 * chunk + 64)
    return X[rows], Y[rows], WEIGHTS[rows]


SOURCES = {
    "npy": npy,
    "parquet": lambda folder: parquet(folder, categories="auto"),
    "hashed": lambda folder: parquet(folder, hashed=8),
    "svmlight": svmlight,
    "chunks": lambda folder: Chunks(part, 5),
    "spooled": lambda folder: spool(parquet(folder, categories="auto"), folder / "spooled", rows=64),
    "spooled sparse": lambda folder: spool(svmlight(folder), folder / "spooled", rows=64),
}


@pytest.mark.parametrize("name", SOURCES)
@pytest.mark.parametrize("loss", ["log_loss", "squared_error"])
def test_bits_are_those_of_the_rows_in_memory(tmp_path, name, loss):
    source = SOURCES[name](tmp_path)
    assert source.chunk_rows == (64, 64, 64, 64, 44)
    read = [source.read(chunk) for chunk in range(source.n_chunks)]
    weights = [chunk.sample_weight for chunk in read] if source.has_weights else None
    parts = Arrays([chunk.X for chunk in read], [chunk.y for chunk in read], weights)
    options = {"loss": loss, "optimizer": mb.optimizers.SGD(0.05), "batch_size": 16, "epochs": 3}
    trained, wanted = mb.fit(source, **options), mb.fit(parts, **options)
    np.testing.assert_array_equal(trained.coef, wanted.coef)
    np.testing.assert_array_equal(trained.history.epoch_loss, wanted.history.epoch_loss)
    assert trained.coef.dtype == np.float32
