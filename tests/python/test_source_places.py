"""Errors about rows of a source say in which chunk and row, wherever these rows are at that moment."""

import re

import mbgd_rs as mb
import numpy as np
import pytest
from mbgd_rs.sampling import Block
from mbgd_rs.sources import Chunks, Npy
from scipy.sparse import csr_array

RNG = np.random.default_rng(5)
N, ROWS = 130, 20
X = RNG.normal(size=(N, 4))
Y = X[:, 0]
LABELS = np.where(Y > 0, "yes", "no")


def source(X=X, y=Y, weights=None, names=None):
    def read(chunk):
        rows = slice(chunk * ROWS, (chunk + 1) * ROWS)
        return (X[rows], y[rows]) if weights is None else (X[rows], y[rows], weights[rows])

    return Chunks(read, -(-N // ROWS), feature_names=names)


def changed(array, row, value, column=None):
    array = np.array(array)
    array[row if column is None else (row, column)] = value
    return array


def refused(row, given, what, **arguments):
    """Is refused, with the place of a row."""
    how = {"optimizer": "adam", "shuffle": Block(window=2), "batch_size": 33, "epochs": 2, **arguments}
    place = f"{what} at row {row % ROWS} of chunk {row // ROWS}"
    with pytest.raises(ValueError, match=re.escape(place)):
        mb.fit(given, **how)


@pytest.mark.parametrize("kind", [np.array, csr_array, np.float32], ids=["dense", "sparse", "float32"])
@pytest.mark.parametrize("value", [np.nan, -np.inf])
def test_entries_of_any_row_also_of_those_left_over_between_windows(kind, value):
    for row in range(0, N, 3):
        spoilt = source(kind(changed(X, row, value, 2)), names=["a", "b", "c", "d"])
        refused(row, spoilt, f"X must be finite, got {value} in column 'c'")


@pytest.mark.parametrize("row", [*range(0, N, 13), N - 1])
def test_targets_and_weights(row):
    classes = {"loss": "log_loss"}
    refused(row, source(y=changed(Y, row, np.inf)), "y must be finite, got inf")
    refused(row, source(y=changed(abs(Y), row, -1)), "for loss 'poisson', got -1.0", loss="poisson")
    refused(row, source(y=changed(Y > 0, row, 1) * 1.0 + changed(0 * Y, row, np.nan)), "got nan", **classes)
    refused(
        row,
        source(y=changed(LABELS.astype(object), row, "perhaps")),
        "y must have labels among 'no', 'yes', got 'perhaps'",
        classes=["no", "yes"],
        **classes,
    )
    several = changed(np.c_[Y > 0, Y > 1].astype(int), row, 2, 1)
    refused(row, source(y=several), "where it has several labels a row, got 2", **classes)
    weights = changed(np.ones(N), row, -1)
    refused(row, source(weights=weights), "sample_weight must be finite and >= 0, got -1")


@pytest.mark.parametrize("row", [0, 57, N - 1])
@pytest.mark.parametrize("kind", [np.array, csr_array])
def test_rows_to_judge_by(row, kind):
    entries = source(kind(changed(X, row, np.nan, 3)))
    refused(row, source(kind(X)), "X must be finite, got nan in column 3", validation=entries)
    targets = source(kind(X), changed(abs(Y), row, -2))
    given = source(kind(X), abs(Y))
    refused(row, given, "for loss 'poisson', got -2.0", validation=targets, loss="poisson")
    labels = source(kind(X), changed(LABELS.astype(object), row, "perhaps"))
    refused(row, source(kind(X), LABELS), "got 'perhaps'", validation=labels, loss="log_loss")


def test_rows_of_files(tmp_path):
    np.save(tmp_path / "X-0.npy", X)
    np.save(tmp_path / "X-1.npy", changed(X, 7, np.inf, 1))
    for name in ("y-0.npy", "y-1.npy"):
        np.save(tmp_path / name, Y)
    files = Npy(tmp_path / "X-*.npy", tmp_path / "y-*.npy", rows=25)
    with pytest.raises(ValueError, match=r"got inf in column 1 at row 7 of '.*X-1\.npy'"):
        mb.fit(files, optimizer="adam", batch_size=64, shuffle=Block(window=2), epochs=1)


def test_what_is_not_about_a_row_stays_as_it_is():
    with pytest.raises(ValueError, match=r"^rows are late$"):
        mb.fit(source(), optimizer="adam", epochs=1, callback=lambda progress: fails())


def fails():
    raise ValueError("rows are late")
