"""What the ranks of `test_mpi.py` do: each function is run by all of them, each compares with one process."""

import os
import signal
import sys
import threading
import time
from hashlib import sha256
from pathlib import Path

import mbgd_rs as mb
import numpy as np
import pytest
import scipy.sparse as sp
from mbgd_rs import checkpointing
from mbgd_rs.ranks import Ranks
from mpi4py import MPI

COMM = MPI.COMM_WORLD
RANK, SIZE = COMM.Get_rank(), COMM.Get_size()
N_ROWS = 700
N_FEW = 260


def data(dtype=np.float32, d=400, n=N_ROWS):
    rng = np.random.default_rng(1)
    X = rng.standard_normal((n, d)).astype(dtype)
    score = X[:, 0] - X[:, 1] + 0.1 * rng.standard_normal(n).astype(dtype)
    return X, score, np.digitize(score, [-1.0, 0.0, 1.0])


def sparse(dtype=np.float32, d=1000):
    rng = np.random.default_rng(2)
    X = sp.random_array((N_ROWS, d), density=0.05, rng=rng, format="csr", dtype=dtype)
    score = (np.asarray(X.sum(axis=1)).ravel() - 0.5 * d * 0.05) / 4
    return X, score, np.digitize(score, [-0.5, 0.0, 0.5])


def assert_same(one, other, what):
    """The same run, to the bit."""
    for name, block in one.params.items():
        theirs = other.params[name]
        pairs = zip(block, theirs, strict=True) if isinstance(block, list) else [(block, theirs)]
        assert all(np.array_equal(a, b) for a, b in pairs), (what, name)
    for name in ("n_steps", "n_epochs", "stop_reason"):
        assert getattr(one, name) == getattr(other, name), (what, name)
    for name in ("epoch_loss", "full_loss", "validation_loss", "step_loss", "gradient_norm", "learning_rate"):
        a, b = getattr(one.history, name), getattr(other.history, name)
        assert np.array_equal(np.asarray(a), np.asarray(b), equal_nan=True), (what, name)
    a, b = one.history.noise_records, other.history.noise_records
    assert (a is None) == (b is None), what
    if a is not None:
        assert a.tobytes() == b.tobytes(), what


RUNS = []


def check(what, X, y, **arguments):
    """Runs together; what one process makes of it is compared in the end, of each run by one of the ranks."""
    together = mb.fit(X, y, n_threads=1 + (len(RUNS) + RANK) % 2, comm=COMM, **arguments)
    RUNS.append((what, X, y, arguments, together))


def compare():
    """All ranks have the same parameters, and one process has them, too."""
    for i, (what, X, y, arguments, together) in enumerate(RUNS):
        digest = sha256(together.state["params"].tobytes()).hexdigest()
        assert len(set(COMM.allgather(digest))) == 1, what
        if i % SIZE == RANK:
            assert_same(mb.fit(X, y, n_threads=1, **arguments), together, what)


SGD = mb.optimizers.SGD(learning_rate=0.01, momentum=0.5)
ADAM = mb.optimizers.Adam(learning_rate=0.02)
SAGA = mb.optimizers.SAGA()
SAGA_ALONE = mb.optimizers.SAGA(preconditioner=None)
OPTIMIZERS = {"adam": ADAM, "saga": SAGA}


def bits():
    """Data x models x optimizers x types x batch sizes."""
    for dtype in (np.float32, np.float64):
        for name, (X, score, classes) in {"dense": data(dtype), "sparse": sparse(dtype)}.items():
            mb.models.MLP(hidden=(32, 8), dropout=0.25)
            machine = mb.models.FactorizationMachine(rank=4)
            cases = {
                "linear": {"y": score > 0, "loss": "log_loss"},
                "regression": {"y": score.astype(dtype), "loss": "squared_error"},
                "softmax": {"y": classes, "loss": "log_loss"},
                "network": {
                    "y": classes,
                    "loss": "log_loss",
                    "model": mb.models.MLP(hidden=(32, 8), dropout=0.25),
                },
                "machine": {"y": score > 0, "loss": "log_loss", "model": machine},
            }
            for model, arguments in cases.items():
                for optimizer in (SGD, ADAM, SAGA):
                    if optimizer is SAGA and "model" in arguments:
                        continue
                    sizes = (64, 65, 128, 300, N_ROWS) if optimizer is SGD else (192,)
                    for b in sizes:
                        what = (dtype.__name__, name, model, type(optimizer).__name__, b)
                        check(what, X, **arguments, optimizer=optimizer, batch_size=b, epochs=1, seed=3)
    compare()


def options():
    """What else passes over rows or decides."""
    X, score, classes = data()
    y, plain = score > 0, {"loss": "log_loss", "epochs": 3, "batch_size": 256}
    w = np.linspace(0.5, 2.0, N_ROWS)
    few = X[:, :30].copy()
    check("defaults", few, y, loss="log_loss", penalty="l2")
    check("automatic rate", X, y, **plain, optimizer=mb.optimizers.SGD(learning_rate="auto"))
    check(
        "full batches, automatic rate",
        X,
        y,
        loss="log_loss",
        batch_size="full",
        epochs=5,
        optimizer=mb.optimizers.SGD(learning_rate="auto"),
    )
    check("svrg", few, y, **plain, optimizer=mb.optimizers.SVRG())
    tall, _, _ = data(d=1500)
    shared = {
        "loss": "log_loss",
        "optimizer": mb.optimizers.SAGA(preconditioner=None),
        "batch_size": 512,
        "epochs": 3,
    }
    check("slopes that are told", tall, y, **shared)
    check("slopes of several outputs", tall, classes, **shared)
    check("preconditioner", few, y, **plain, optimizer=mb.optimizers.SAGA(preconditioner="newton"))
    check("records", X, y, **plain, optimizer=ADAM, record=("step", "full_loss", "noise"))
    check("validation", X, y, **plain, optimizer=ADAM, validation=0.3, sample_weight=w, standardize=True)
    check(
        "validation data",
        X,
        y,
        **plain,
        optimizer=ADAM,
        validation=(X[:300], y[:300]),
        stop=mb.stopping.NoImprovement(monitor="validation_loss", patience=1, restore_best=True),
    )
    check(
        "accumulation, average, clipping",
        X,
        y,
        **plain,
        optimizer=ADAM,
        accumulate=2,
        average="polyak",
        clip_norm=0.1,
    )
    check("shards", X, y, **plain, optimizer=ADAM, shuffle=mb.sampling.Sharded(8))
    check("drawn by weight", X, y, **plain, optimizer=SGD, shuffle=mb.sampling.Weighted(w, correct_bias=True))
    check("stratified", X, classes, **plain, optimizer=SGD, shuffle="stratified", class_weight="balanced")
    check("steps", X, y, **plain, optimizer=SGD, stop=mb.stopping.MaxSteps(4))
    check("steps on few rows", X[:, :20], y, loss="log_loss", optimizer=SGD, batch_size=1, epochs=2)
    check(
        "growing batches",
        X,
        y,
        loss="log_loss",
        optimizer=SGD,
        epochs=4,
        batch_size=mb.batch_sizes.NormTest(64),
    )
    check("wide", *wide(), loss="squared_error", optimizer=ADAM, epochs=2, batch_size=128)
    metrics = {"share": lambda truth, said: float(np.mean(truth == said))}
    check(
        "metrics",
        X,
        y,
        **plain,
        optimizer=ADAM,
        metrics=metrics,
        stop=mb.stopping.TargetLoss(0.6, monitor="share", mode="max"),
    )
    many = np.random.default_rng(0).standard_normal((70_000, 4))
    check("automatic batch size", many, many[:, 0] > 0, loss="log_loss", optimizer=ADAM, epochs=1)
    compare()


def bytes_of_columns():
    """Of sparse rows the sums of columns are exchanged that the batch has, and nothing of the others."""
    rng = np.random.default_rng(3)
    n, d, n_few = 8192, 400_000, 3000
    columns = rng.permutation(d)[:n_few][rng.integers(n_few, size=20 * n)]
    X = sp.coo_array(
        (np.ones(20 * n, np.float32), (np.repeat(np.arange(n), 20), columns)), shape=(n, d)
    ).tocsr()
    y = (X @ rng.standard_normal(d)) > 0
    for optimizer in (SGD, ADAM, mb.optimizers.Adagrad(0.1)):
        n_bytes = []
        for n_epochs in (1, 3):
            ranks = Ranks(COMM)
            plain = {"loss": "log_loss", "optimizer": optimizer, "batch_size": 4096, "n_threads": 1}
            r = mb.fit(X, y, **plain, epochs=n_epochs, comm=ranks)
            n_bytes.append(ranks.core.sent()[1])
            ranks.free()
        assert_same(mb.fit(X, y, **plain, epochs=3), r, optimizer)
        of_step = (n_bytes[1] - n_bytes[0]) / 4
        n_copies = np.log2(SIZE) if SIZE & (SIZE - 1) == 0 else 4 * (SIZE - 1)  # of so many pieces at most
        assert 4 * n_few <= of_step <= n_copies * (4 * (n_few + 64) + 100), of_step


def check_own(what, X, y, shards=8, **arguments):
    """The same where each rank has rows of its own, which one process has all of."""
    mine = mb.sampling.Sharded(shards, rows="own")
    rows = mine.rows_of(RANK, SIZE, len(y))
    of_rows = {name: arguments[name] for name in ("sample_weight", "offset") if name in arguments}
    own = {**arguments, **{name: values[rows] for name, values in of_rows.items()}}
    n_threads = 1 + (len(RUNS) + RANK) % 2
    together = mb.fit(X[rows], y[rows], n_threads=n_threads, comm=COMM, shuffle=mine, **own)
    arguments["shuffle"] = mb.sampling.Sharded(shards)
    RUNS.append((what, X, y, arguments, together))


def own_bits():
    """Rows of their own: data x models x optimizers x types x batch sizes."""
    for dtype in (np.float32, np.float64):
        for name, (X, score, classes) in {"dense": data(dtype, d=40), "sparse": sparse(dtype)}.items():
            X, score, classes = X[:N_FEW], score[:N_FEW], classes[:N_FEW]
            network = {"y": classes, "loss": "log_loss", "model": mb.models.MLP(hidden=(16,), dropout=0.25)}
            machine = {"y": score > 0, "loss": "log_loss", "model": mb.models.FactorizationMachine(rank=4)}
            cases = {
                "linear": {"y": score > 0, "loss": "log_loss"},
                "regression": {"y": score.astype(dtype), "loss": "squared_error", "penalty": "elasticnet"},
                "softmax": {"y": classes, "loss": "log_loss"},
                "network": network,
                "machine": machine,
            }
            for model, arguments in cases.items():
                for optimizer in (SGD, ADAM, SAGA_ALONE, mb.optimizers.SVRG(preconditioner=None)):
                    if "model" in arguments and optimizer not in (SGD, ADAM):
                        continue
                    for b in (65, 130, N_FEW) if optimizer is SGD else (100,):
                        what = (dtype.__name__, name, model, optimizer, b)
                        check_own(what, X, **arguments, optimizer=optimizer, batch_size=b, epochs=2, seed=3)
                for b in (1, 7):
                    small = {**arguments, "y": arguments["y"][:30]}
                    what = (dtype.__name__, name, model, b)
                    check_own(
                        what,
                        X[:30],
                        **small,
                        classes=range(4) if model in ("softmax", "network") else None,
                        optimizer=SGD,
                        batch_size=b,
                        epochs=1,
                    )
    compare()


def own_options():
    """Rows of their own, and whatever else passes over rows or asks for something of all of them."""
    X, score, classes = (values[:N_FEW] for values in data(d=30))
    few, few_score, few_classes = (values[:N_FEW] for values in sparse(d=60))
    y, plain = score > 0, {"loss": "log_loss", "epochs": 3, "batch_size": 100}
    w = np.linspace(0.0, 2.0, N_FEW)
    names = np.array(["none", "some", "more", "most"])[classes]
    sgd_auto = mb.optimizers.SGD(learning_rate="auto")
    check_own("defaults", X[:100], y[:100], loss="log_loss", penalty="l2")
    check_own("defaults of numbers", X, score, loss="squared_error", sample_weight=w, epochs=4)
    check_own("defaults of sparse rows", few, few_score > 0, loss="log_loss", penalty="l1", epochs=4)
    check_own("defaults of classes", X, names, loss="log_loss", class_weight="balanced", epochs=3)
    check_own("few shards", X, y, shards=4, **plain, optimizer=ADAM)
    check_own("many shards", X, y, shards=256, **plain, optimizer=ADAM)
    check_own("fewer rows than shards", X[:5], score[:5], shards=16, loss="squared_error", optimizer=ADAM)
    check_own("fewer, by default", X[:21], score[:21], shards=32, loss="squared_error", epochs=3)
    check_own("weights", X, y, **plain, optimizer=ADAM, sample_weight=w, class_weight={True: 3.0})
    check_own("offsets", X, np.exp(score / 4), loss="poisson", offset=w, epochs=3, batch_size=64)
    check_own("automatic rate", X, y, **plain, optimizer=sgd_auto)
    check_own(
        "automatic rate of sparse rows", few, few_score, loss="squared_error", optimizer=sgd_auto, epochs=2
    )
    full = {"loss": "log_loss", "batch_size": "full", "epochs": 5}
    check_own("full batches, automatic rate", X, y, **full, optimizer=sgd_auto)
    check_own("no bound on the curvature", X, np.exp(score / 4), loss="poisson", optimizer=sgd_auto, epochs=2)
    for preconditioner in ("newton", "nystrom", "diagonal"):
        for optimizer in (mb.optimizers.SAGA, mb.optimizers.SVRG):
            check_own(
                preconditioner, X, y, **plain, optimizer=optimizer(preconditioner=preconditioner),
                sample_weight=w,
            )  # fmt: skip
    check_own("kink", X, y, loss="hinge", epochs=3)
    check_own("far targets", X, 1e4 * score, loss="huber", epochs=3)
    check_own("huge targets", X, np.float32(1e18) * score, loss="squared_error", epochs=2)
    check_own("one class", X, np.zeros(N_FEW), loss="squared_error", epochs=1, optimizer=ADAM)
    check_own("standardised", X + 5, score, loss="squared_error", standardize=True, sample_weight=w, epochs=4)
    check_own("standardised and sparse", few, few_classes, **plain, optimizer=ADAM, standardize=True)
    check_own("records", X, y, **plain, optimizer=ADAM, record=("step", "full_loss", "noise", "path"))
    check_own("records of sparse rows", few, few_score > 0, **plain, optimizer=SGD, record=("step", "noise"))
    check_own(
        "validation data",
        X,
        y,
        **plain,
        optimizer=ADAM,
        validation=(X[:100], y[:100]),
        metrics={"share": lambda truth, said: float(np.mean(truth == said))},
        stop=mb.stopping.NoImprovement(monitor="validation_loss", patience=1, restore_best=True),
    )
    check_own(
        "accumulation, average, clipping",
        X,
        y,
        **plain,
        optimizer=ADAM,
        accumulate=3,
        average="polyak",
        clip_norm=0.1,
    )
    check_own("whole batches", X, y, **plain, optimizer=SGD, drop_last=True)
    check_own(
        "growing batches",
        X,
        y,
        loss="log_loss",
        optimizer=SGD,
        epochs=3,
        batch_size=mb.batch_sizes.Growing(30, factor=3.0),
    )
    lists = mb.sampling.Sharded(8, rows="own")
    rows = lists.rows_of(RANK, SIZE, N_FEW)
    listed = mb.fit(X[rows].tolist(), names[rows].tolist(), **plain, optimizer=ADAM, shuffle=lists, comm=COMM)
    alone = mb.fit(X.tolist(), names.tolist(), **plain, optimizer=ADAM, shuffle=mb.sampling.Sharded(8))
    assert_same(listed, alone, "lists")
    assert listed.classes.tolist() == alone.classes.tolist() == ["more", "most", "none", "some"]
    compare()


def own_resumes(path, optimizer):
    """Rows of their own: goes on from a file, if there is one, for an epoch and a part of one."""
    X, score, _ = data(d=30)
    shuffle = mb.sampling.Sharded(8, rows="own")
    rows = shuffle.rows_of(RANK, SIZE, N_ROWS)
    plain = {"loss": "squared_error", "batch_size": 150, "optimizer": OPTIMIZERS[optimizer]}
    before = mb.load(path) if os.path.exists(path) else None
    COMM.Barrier()
    done = 0 if before is None else before.n_epochs
    n_steps = 0 if before is None else before.n_steps
    stop = mb.stopping.MaxSteps(7)
    r = mb.fit(X[rows], score[rows], **plain, epochs=3, shuffle=shuffle, resume=before, stop=stop, comm=COMM)
    COMM.Barrier()
    if RANK == 0:
        r.save(path, state=True)
    whole = mb.sampling.Sharded(8)
    stop = mb.stopping.MaxSteps(n_steps + 7)
    alone = mb.fit(X, score, **plain, epochs=done + 5, shuffle=whole, stop=stop)
    assert r.n_steps == alone.n_steps
    assert np.array_equal(r.coef, alone.coef)


def own_checkpoints(folder):
    """Rows of their own: a checkpoint has the slopes of all rows, and one process goes on from it."""
    X, score, _ = data(d=30)
    shuffle = mb.sampling.Sharded(8, rows="own")
    rows = shuffle.rows_of(RANK, SIZE, N_ROWS)
    plain = {"loss": "squared_error", "batch_size": 150, "optimizer": SAGA, "epochs": 3}
    often = mb.Checkpoint(folder, every="2 steps", keep=9)
    r = mb.fit(X[rows], score[rows], **plain, shuffle=shuffle, checkpoint=often, comm=COMM)
    COMM.Barrier()
    files = sorted(Path(folder).glob("step-*"))
    for file in (files[0], files[-2]):
        before = mb.load(file)
        left = {**plain, "epochs": 3 - before.n_epochs, "shuffle": mb.sampling.Sharded(8)}
        alone = mb.fit(X, score, **left, resume=before)
        assert alone.n_steps == r.n_steps
        assert np.array_equal(alone.coef, r.coef), file


def own_errors():
    """What cannot be is refused by all ranks, by name."""
    X, score, _ = data(d=30)
    shuffle = mb.sampling.Sharded(4, rows="own")
    rows = shuffle.rows_of(RANK, SIZE, N_ROWS)
    plain = {"loss": "squared_error", "optimizer": ADAM, "batch_size": 100, "epochs": 1, "shuffle": shuffle}
    own = {"X": X[rows], "y": score[rows]}
    last = RANK == SIZE - 1
    cases = {
        "X must have the rows of its shards on every rank, of 699 rows in 4 shards": {
            "X": own["X"][last:],
            "y": own["y"][last:],
        },
        "divides shards, 1, where rows='own', got 2": {"shuffle": mb.sampling.Sharded(1, rows="own")},
        "validation must not be a fraction": {"validation": 0.2},
        "metrics need validation rows": {"metrics": {"m": lambda truth, said: 0.0}},
        "the dtype of X": {"X": own["X"].astype(np.float64 if last else np.float32)},
        "the number of columns of X": {"X": own["X"][:, last:]},
        "are given": {"sample_weight": np.ones(len(own["y"])) if last else None},
        "seed": {"seed": int(last)},
        "classes": {"loss": "log_loss", "y": np.zeros(len(own["y"]), int)},
    }
    for message, arguments in cases.items():
        with pytest.raises(ValueError, match=message):
            mb.fit(**{**own, **plain, **arguments, "comm": COMM})
    with pytest.raises((ValueError, RuntimeError), match="y must have"):
        mb.fit(**{**own, **plain, "y": own["y"][last:], "comm": COMM})
    bad = own["X"].copy()
    bad[3, 4] = np.nan if last else 1.0
    with pytest.raises((ValueError, RuntimeError), match="finite"):
        mb.fit(**{**own, **plain, "X": bad, "comm": COMM})
    many = np.zeros((80_000, 2), np.float32)
    part = shuffle.rows_of(RANK, SIZE, len(many))
    with pytest.raises(ValueError, match="batch_size must be given"):
        mb.fit(many[part], many[part, 0], **{**plain, "batch_size": "auto"}, comm=COMM)
    mb.fit(**own, **plain, comm=COMM)  # all is well again
    for optimizer in (ADAM, SAGA):
        if last:
            threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT)).start()
        endless = {**plain, "optimizer": optimizer, "epochs": 10**6}
        with pytest.raises(KeyboardInterrupt if last else RuntimeError) as raised:
            mb.fit(**own, **endless, comm=COMM)
        r = raised.value.result
        whole = {**endless, "epochs": r.n_epochs + 2, "stop": mb.stopping.MaxSteps(5)}
        begun = mb.fit(X, score, **whole, resume=r)
        assert begun.n_steps == r.n_steps + 5
        assert len(set(COMM.allgather(begun.coef.tobytes()))) == 1
    alone = mb.fit(X, score, **plain)
    assert_same(alone, mb.fit(X, score, **plain, comm=MPI.COMM_SELF), "alone")
    assert_same(alone, mb.fit(X, score, **{**plain, "shuffle": mb.sampling.Sharded(4)}), "all")


def wide():
    """Gradients longer than what goes in one message."""
    X, score, _ = data(np.float64, d=20_001, n=256)
    return X, score


def callbacks():
    """Callbacks are rank 0's, and what they say is for all."""
    X, score, _ = data()
    seen, steps = [], []

    class Steps:
        every_steps = 2

        def on_step(self, progress):
            steps.append(progress.n_steps)
            return progress.n_steps == 4

    plain = {"loss": "squared_error", "optimizer": ADAM, "batch_size": 300, "comm": COMM}
    r = mb.fit(
        X, score, **plain, epochs=50, callback=lambda p: seen.append(p.epoch) or p.epoch == 3, verbose=1
    )
    assert (r.n_epochs, r.stop_reason) == (3, "callback")
    assert seen == ([1, 2, 3] if RANK == 0 else [])
    r = mb.fit(X, score, **plain, epochs=50, callback=Steps())
    assert (r.n_steps, r.stop_reason) == (4, "callback")
    assert steps == ([2, 4] if RANK == 0 else [])
    for b in (64, 300):  # without exchanges, and with them
        r = mb.fit(
            X[:, :30], score, **{**plain, "batch_size": b}, epochs=10**7, stop=mb.stopping.MaxSeconds(0.2)
        )
        assert r.stop_reason == "max_seconds"
        assert len(set(COMM.allgather(r.n_steps))) == 1


def errors():
    """What one rank raises ends all, and says why."""
    X, score, _ = data()
    plain = {"loss": "squared_error", "optimizer": ADAM, "batch_size": 300, "comm": COMM}

    def raised(**arguments):
        try:
            mb.fit(X, score, **{**plain, "epochs": 10**6, **arguments})
        except BaseException as error:
            return error
        raise AssertionError("nothing was raised")

    def fails(progress):
        if progress.epoch == 2:
            raise KeyError("of rank 0")

    error = raised(callback=fails)
    assert error.result.n_epochs == 2
    if RANK == 0:
        assert isinstance(error, KeyError)
    else:
        assert isinstance(error, RuntimeError)
        assert str(error).startswith(f"rank 0 of {SIZE} ended the run: KeyError")

    def bad_metric(truth, said):
        if RANK == 1:
            raise OSError("disk")
        return 0.0

    error = raised(metrics={"m": bad_metric})
    assert isinstance(error, OSError if RANK == 1 else RuntimeError), error
    assert RANK == 1 or ("rank 1" in str(error) and "disk" in str(error))

    def bad_rate(t):
        if RANK == SIZE - 1 and t > 20:
            raise ZeroDivisionError("rate")
        return 0.01

    error = raised(optimizer=mb.optimizers.SGD(learning_rate=bad_rate))
    assert isinstance(error, ZeroDivisionError if RANK == SIZE - 1 else RuntimeError), error
    assert RANK == SIZE - 1 or f"rank {SIZE - 1}" in str(error)

    error = raised(seed=-1 if RANK == 0 else 0)  # refused before anything was compared
    assert isinstance(error, ValueError if RANK == 0 else RuntimeError)
    assert "seed" in str(error)

    with np.errstate(all="ignore"):
        error = raised(optimizer=mb.optimizers.SGD(learning_rate=1e30))
    assert isinstance(error, mb.DivergenceError)

    for b in (64, 300):
        if RANK == SIZE - 1:
            threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT)).start()
        error = raised(batch_size=b)
        assert isinstance(error, KeyboardInterrupt if RANK == SIZE - 1 else RuntimeError), error
        assert len(set(COMM.allgather(error.result.n_steps))) == 1
        assert len(set(COMM.allgather(error.result.coef.tobytes()))) == 1
        assert RANK == SIZE - 1 or "interrupted" in str(error)
    mb.fit(X, score, **plain, epochs=1)  # all is well again


def differences():
    """Calls that are not the same are refused by all ranks."""
    X, score, _ = data()
    plain = {"loss": "squared_error", "optimizer": ADAM, "batch_size": 300, "epochs": 1}
    other = X.copy()
    other[-1, 0] = 5.0
    last = RANK == SIZE - 1
    cases = {
        "the shape of X": {"X": X[:-1] if last else X, "y": score[:-1] if last else score},
        "the dtype of X": {"X": X.astype(np.float64) if last else X},
        "values of X": {"X": other if last else X},
        "y": {"y": -score if last else score},
        "seed": {"seed": int(last)},
        "batch_size": {"batch_size": 200 if last else 300},
        "optimizer": {"optimizer": SGD if last else ADAM},
        "loss": {"loss": "huber" if last else "squared_error"},
        "epochs": {"epochs": 2 if last else 1},
        "stop": {"stop": mb.stopping.MaxSteps(3) if last else None},
        "shuffle": {"shuffle": "once" if last else "full"},
        "whether there is validation data": {"validation": (X, score) if last else None},
    }
    for name, arguments in cases.items():
        with pytest.raises(ValueError) as refused:
            mb.fit(**{"X": X, "y": score, **plain, **arguments, "comm": COMM})
        assert f"{name} (" in str(refused.value), name
    for wrong in ("world", 3):
        with pytest.raises(TypeError, match="comm must be a communicator"):
            mb.fit(X, score, **plain, comm=wrong)
    assert_same(mb.fit(X, score, **plain), mb.fit(X, score, **plain, comm=MPI.COMM_SELF), "alone")


def resumes(path):
    """Goes on from a file, if there is one, for an epoch and a part of one."""
    X, score, _ = data()
    before = mb.load(path) if os.path.exists(path) else None
    COMM.Barrier()
    done = 0 if before is None else before.n_epochs
    plain = {"loss": "squared_error", "optimizer": ADAM, "batch_size": 150, "comm": COMM}
    r = mb.fit(X, score, **plain, epochs=3, resume=before, stop=mb.stopping.MaxSteps(7))
    if RANK == 0:
        r.save(path, state=True)
    alone = mb.fit(X, score, **{**plain, "comm": None}, epochs=done + 3)
    assert r.n_steps <= alone.n_steps


def placed(folder):
    """Two of three processes make a run, as workers of another library would."""
    sys.path.insert(0, folder)
    from with_dask import train

    ranks = [0, 2]
    if RANK in ranks:
        loss = train(ranks, 0)
        rng = np.random.default_rng(0)
        X = rng.standard_normal((20_000, 50), dtype=np.float32)
        alone = mb.fit(X, X[:, 0], batch_size=4096, optimizer=mb.optimizers.Adam(), epochs=3)
        assert loss == alone.history.epoch_loss[-1]


def checkpoints(folder):
    """Rank 0 writes them, and all go on from them."""
    X, score, _ = data()
    plain = {"loss": "squared_error", "optimizer": ADAM}
    intervals = ("2 steps", "epoch", "0.002 seconds")
    often = [mb.Checkpoint(f"{folder}/{every}", every=every) for every in intervals]
    few = mb.Checkpoint(f"{folder}/few rows", every="0.002 seconds")
    for b, n_epochs, checkpoint in ((150, 3, often), (150, 5, often), (150, 5, often), (64, 40, few)):
        how = {**plain, "batch_size": b, "epochs": n_epochs}
        r = mb.fit(X, score, **how, checkpoint=checkpoint, resume="auto", comm=COMM)
        alone = mb.fit(X, score, **how)
        assert r.n_steps == alone.n_steps
        assert np.array_equal(r.coef, alone.coef)
    COMM.Barrier()
    assert len(os.listdir(f"{folder}/2 steps")) == 3
    full = OSError("disk full")

    def fails(*_):
        raise full

    if RANK == 0:
        checkpointing.write_checkpoint = fails
    with pytest.raises((OSError, RuntimeError)) as raised:
        mb.fit(X, score, **plain, epochs=9, checkpoint=mb.Checkpoint(f"{folder}/full"), comm=COMM)
    assert raised.value.result.n_epochs == 1
    assert (raised.value is full) == (RANK == 0)


def train_until_killed(folder, X, score, **how):
    """Rank 1 is killed while all train; the others are not to wait for it."""

    def dies():
        while not any(Path(folder).glob("step-*")):
            time.sleep(0.05)
        time.sleep(0.3)
        os.kill(os.getpid(), signal.SIGKILL)

    if RANK == 1:
        threading.Thread(target=dies).start()
    checkpoint = mb.Checkpoint(folder, every="20 steps")
    mb.fit(X, score, **how, optimizer=ADAM, epochs=10**9, checkpoint=checkpoint, comm=COMM)


def killed(folder):
    X, score, _ = data()
    train_until_killed(folder, X, score, batch_size=300)


def run_case(cases):
    """The function among these that the command line names, with the arguments that it has."""
    begin = time.perf_counter()
    cases[sys.argv[1]](*sys.argv[2:])
    COMM.Barrier()
    if RANK == 0:
        print(f"done in {time.perf_counter() - begin:.1f} s")


if __name__ == "__main__":
    run_case(globals())
