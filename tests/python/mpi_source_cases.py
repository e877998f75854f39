"""What the ranks of `test_mpi_sources.py` do: runs on sources, as in `mpi_cases.py`."""

import os
import signal
import threading
import time
from pathlib import Path

import mbgd_rs as mb
import numpy as np
import pytest
import scipy.sparse as sp
from mbgd_rs import checkpointing, sources
from mbgd_rs.sampling import Block
from mbgd_rs.windows import memory
from mpi_cases import ADAM, COMM, N_ROWS, RANK, SGD, SIZE, assert_same, check, compare, data, run_case, sparse

LAST = RANK == SIZE - 1
ROWS = 90
"""Of a chunk."""


def table(X, y, weights=None, lengths=(ROWS,), **given):
    """Rows of arrays, a chunk at a time, by a function."""
    ends = np.cumsum(np.resize(lengths, len(y)))
    ends = np.append(ends[ends < len(y)], len(y))
    begins = np.append(0, ends[:-1])

    def read(chunk):
        rows = slice(begins[chunk], ends[chunk])
        return (X[rows], y[rows]) if weights is None else (X[rows], y[rows], weights[rows])

    return sources.Chunks(read, len(ends), **given)


def written(folder):
    """Files of NumPy, Parquet and svmlight text, once, for all."""
    import pyarrow as pa
    import pyarrow.parquet as pq
    from sklearn.datasets import dump_svmlight_file

    X, score, _ = data()
    folder = Path(folder)
    if RANK == 0:
        np.save(folder / "X.npy", X)
        np.save(folder / "y.npy", score)
        columns = {"y": score > 0} | {f"x{j}": X[:, j] for j in range(300)}
        pq.write_table(pa.table(columns), folder / "rows.parquet", row_group_size=110)
        rows, score, _ = sparse()
        dump_svmlight_file(rows, score > 0, str(folder / "rows.svm"), zero_based=True)
    COMM.Barrier()
    return folder


def bits(folder):
    """Sources x models x optimizers x types x batch sizes x options."""
    folder = written(folder)
    npy = sources.Npy(folder / "X.npy", folder / "y.npy", rows=ROWS)
    parquet = sources.Parquet(folder / "rows.parquet", target="y")
    text = sources.Svmlight(folder / "rows.svm", n_columns=1000, rows=60)
    spooled = sources.Npy(folder / "X.npy", folder / "y.npy", rows=N_ROWS)  # one window
    X, score, classes = data(np.float64)
    weights = np.linspace(0.5, 2.0, N_ROWS)
    chunks = table(X, classes, weights, lengths=(70, 1, 130, 64))
    rows, of_sparse, _ = sparse(np.float64)
    lazy = table(sp.csr_array(rows), of_sparse)
    few = table(X[:, :20], X[:, 0])
    square, log = {"loss": "squared_error"}, {"loss": "log_loss"}
    two, ftrl = {"shuffle": Block(window=2)}, mb.optimizers.FTRL(0.1, l1=0.01)
    ends = mb.stopping.NoImprovement(monitor="validation_loss", patience=2, restore_best=True)
    network = mb.models.MLP(hidden=(32, 8), dropout=0.25)
    for b in (64, 150, 300):
        check(("npy", b), npy, None, **square, **two, optimizer=SGD, batch_size=b, epochs=3)
        check(("sparse", b), text, None, **log, **two, optimizer=ftrl, batch_size=b, epochs=3)
    check("parquet", parquet, None, **log, **two, optimizer=ADAM, batch_size=256, epochs=3, record="step")
    check("defaults", parquet, None, **log, penalty="l2")
    check("one window", spooled, None, **square, optimizer=ADAM, batch_size=256, epochs=3)
    check("in order", npy, None, **square, optimizer=ADAM, batch_size=256, epochs=2, shuffle=False)
    check("network", chunks, None, **log, **two, model=network, batch_size=200, epochs=3, accumulate=2)
    check(
        "balanced, average, noise",
        chunks,
        None,
        **log,
        **two,
        class_weight="balanced",
        average="polyak",
        clip_norm=0.1,
        optimizer=ADAM,
        batch_size=300,
        epochs=3,
        record=("step", "noise"),
        drop_last=True,
    )
    check(
        "standardised", npy, None, **square, **two, optimizer=ADAM, epochs=3, standardize=True, validation=npy
    )
    check("standardised entries", lazy, None, **square, **two, optimizer=ADAM, epochs=2, standardize=True)
    check("lazy", lazy, None, **square, **two, optimizer=SGD, batch_size=128, epochs=3, penalty="l1")
    check("streaks", few, None, **square, **two, optimizer=SGD, batch_size=1, epochs=2)
    check(
        "validation source",
        npy,
        None,
        **square,
        **two,
        optimizer=ADAM,
        batch_size=256,
        epochs=8,
        validation=table(X[:200].astype(np.float32), score[:200]),
        stop=ends,
    )
    check(
        "validation rows, metrics",
        npy,
        None,
        **square,
        **two,
        optimizer=ADAM,
        batch_size=256,
        epochs=9,
        validation=(X[:200].astype(np.float32), score[:200]),
        metrics={"error": lambda truth, said: float(np.abs(truth - said).mean())},
        stop=mb.stopping.TargetLoss(0.5, monitor="error"),
    )
    check("no epochs", npy, None, **square, epochs=0)
    check("steps", npy, None, **square, **two, batch_size=256, stop=mb.stopping.MaxSteps(5))
    compare()


def decisions():
    """Memory, clocks and callbacks are not the same on all ranks: all go by one."""
    X, score, _ = data()
    order = np.argsort(score)
    source = table(X[order], score[order], lengths=(20,))
    plain = {"loss": "squared_error", "optimizer": ADAM, "batch_size": 64, "comm": COMM}
    of_machine = memory.available_memory
    memory.available_memory = lambda: 4 * SIZE * 600_000 if LAST else 2**40
    windows = []
    for limit in (600_000, 10**9):
        alone = mb.fit(source, **{**plain, "comm": None}, epochs=1, memory_limit=limit)
        for given in (None, limit) if limit == 600_000 else (limit,):
            together = mb.fit(source, **plain, epochs=1, memory_limit=given)
            assert_same(alone, together, limit)
            assert together.arguments["shuffle"] == alone.arguments["shuffle"]
        windows.append(alone.arguments["shuffle"].window)
    assert windows[0] < windows[1]
    memory.available_memory = of_machine
    seen = []
    r = mb.fit(source, **plain, epochs=50, callback=lambda p: seen.append(p.epoch) or p.epoch == 3, verbose=1)
    assert (r.n_epochs, r.stop_reason) == (3, "callback")
    assert seen == ([1, 2, 3] if RANK == 0 else [])
    for b in (64, 300):
        how = {**plain, "batch_size": b, "epochs": 10**6}
        r = mb.fit(source, **how, stop=mb.stopping.MaxSeconds(0.3))
        assert r.stop_reason == "max_seconds"
        assert len(set(COMM.allgather((r.n_steps, r.coef.tobytes())))) == 1


def errors(folder):
    """What one rank cannot read ends all, and says why."""
    X, score, _ = data()
    plain = {"loss": "squared_error", "optimizer": ADAM, "batch_size": 300, "comm": COMM}
    two = {"shuffle": Block(window=2)}

    def raised(source, **arguments):
        try:
            mb.fit(source, **{**plain, "epochs": 10**5, **arguments})
        except BaseException as error:
            return error
        raise AssertionError("nothing was raised")

    def check_raised(error, kind, *words, n_steps=True):
        assert isinstance(error, kind if LAST else RuntimeError), error
        wanted = words if LAST else (f"rank {SIZE - 1} of {SIZE} ended the run", *words)
        assert all(word in str(error) for word in wanted), error
        if n_steps:
            assert len(set(COMM.allgather((error.result.n_steps, error.result.coef.tobytes())))) == 1

    own = Path(folder) / str(RANK)
    own.mkdir()
    for name, array in (("X", X), ("y", score)):
        np.save(own / f"{name}.npy", array)
        os.utime(own / f"{name}.npy", ns=(10**18, 10**18))  # as copies are on the disks of machines
    npy = sources.Npy(own / "X.npy", own / "y.npy", rows=ROWS)
    assert mb.fit(npy, **plain, epochs=1).n_epochs == 1
    COMM.Barrier()
    if LAST:
        os.unlink(own / "X.npy")
    check_raised(raised(npy), FileNotFoundError, "X.npy", n_steps=False)

    class Failing:
        """The rows, until this rank has read so many chunks."""

        def __init__(self, left, fail):
            self.left, self.fail = left, fail

        def __call__(self, chunk):
            self.left -= 1
            rows = slice(chunk * ROWS, (chunk + 1) * ROWS)
            if LAST and self.left <= 0:
                return self.fail(X[rows].copy(), score[rows])
            return X[rows], score[rows]

    def is_lost(rows, y):
        raise OSError("disk is gone")

    def is_spoilt(rows, y):
        rows[7, 3] = np.nan
        return rows, y

    def has_no_target(rows, y):
        return rows, np.full(len(y), np.inf, y.dtype)

    for b in (64, 300):
        for fail, kind, word in (
            (is_lost, OSError, "disk is gone"),
            (is_spoilt, ValueError, "got nan in column 3 at row 7 of chunk"),
            (has_no_target, ValueError, "got inf at row 0 of chunk"),
        ):
            source = sources.Chunks(Failing(60, fail), 7)
            check_raised(raised(source, **two, batch_size=b), kind, word)
            source = table(X, score)
            judged = sources.Chunks(Failing(60, fail), 7)
            check_raised(raised(source, **two, batch_size=b, validation=judged), kind, word)

    X[300, 5] = np.inf  # for all
    error = raised(table(X, score), **two)
    assert isinstance(error, ValueError)
    assert "column 5 at row 30 of chunk 3" in str(error)
    X[300, 5] = 0

    with pytest.raises(ValueError, match=r"different values of: .*the source \("):
        mb.fit(table(X[: 600 + LAST], score[: 600 + LAST]), **plain)
    other = np.append(score[:-1], score[-1] + LAST)
    with pytest.raises(RuntimeError, match=r"after epoch 1 the . ranks do not have the same parameters"):
        mb.fit(table(X, other), **two, **{**plain, "batch_size": 64})

    source = table(X, score)
    full = OSError("disk full")
    wrote = checkpointing.write_checkpoint
    if RANK == 0:
        checkpointing.write_checkpoint = lambda *_: (_ for _ in ()).throw(full)
    for every in ("epoch", "2 steps"):
        error = raised(source, **two, checkpoint=mb.Checkpoint(f"{folder}/full {every}", every=every))
        assert (error is full) == (RANK == 0)
        assert RANK == 0 or "rank 0" in str(error)
    checkpointing.write_checkpoint = wrote

    def fails(progress):
        if progress.epoch == 2:
            raise KeyError("of rank 0")

    error = raised(source, **two, callback=fails)
    assert error.result.n_epochs == 2
    assert isinstance(error, KeyError if RANK == 0 else RuntimeError)
    for b in (64, 300):
        if LAST:
            threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT)).start()
        check_raised(raised(source, **two, batch_size=b), KeyboardInterrupt)
    with np.errstate(all="ignore"):
        error = raised(source, **two, optimizer=mb.optimizers.SGD(learning_rate=1e30))
    assert isinstance(error, mb.DivergenceError)
    mb.fit(source, **plain, epochs=1)  # all is well again


def resumes(folder, n_epochs):
    """Goes on from the checkpoints of any number of ranks, for some steps beyond so many epochs."""
    X, score, _ = data()
    source = table(X, score)
    intervals = ("2 steps", "epoch", "0.002 seconds")
    how = {
        "loss": "squared_error",
        "optimizer": ADAM,
        "batch_size": 150,
        "epochs": 20,
        "shuffle": Block(window=2),
        "stop": mb.stopping.MaxSteps(5 * int(n_epochs) + 3),
    }
    often = [mb.Checkpoint(f"{folder}/{every}", every=every) for every in intervals]
    begin = time.perf_counter()
    together = mb.fit(source, **how, checkpoint=often, resume="auto", comm=COMM)
    again = mb.fit(source, **how, checkpoint=often, resume="auto", comm=COMM)
    assert again.n_steps == together.n_steps
    alone = mb.fit(source, **how)
    assert together.n_steps == alone.n_steps == 5 * int(n_epochs) + 3
    assert_same(alone, together, "resumed")
    COMM.Barrier()
    assert len(os.listdir(f"{folder}/2 steps")) == 3
    assert time.perf_counter() - begin < 60


if __name__ == "__main__":
    run_case(globals())
