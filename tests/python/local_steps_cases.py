"""What the ranks of `test_local_steps.py` do: local SGD, as the reference simulates it."""

import os
import signal
import threading
import time
from pathlib import Path

import mbgd_rs as mb
import numpy as np
import pytest
import scipy.sparse as sp
from mbgd_rs import reference
from mbgd_rs.ranks import Ranks
from mpi_cases import COMM, RANK, SIZE, run_case, train_until_killed

ADAM = mb.optimizers.Adam(learning_rate=0.02)
SGD = mb.optimizers.SGD(0.05)
L2 = mb.penalties.L2(0.02)
BLOCKS = ("coef", "intercept")


def data(n=203, d=7, dtype=np.float64):
    rng = np.random.default_rng(1)
    X = rng.standard_normal((n, d)).astype(dtype)
    score = X[:, 0] - X[:, 1] + 0.1 * rng.standard_normal(n).astype(dtype)
    return X, score, np.digitize(score, [-1.0, 0.0, 1.0])


def sparse(n=203, d=300, dtype=np.float64):
    rng = np.random.default_rng(2)
    X = sp.random_array((n, d), density=6 / d, rng=rng, format="csr", dtype=dtype)
    return X, np.asarray(X.sum(axis=1)).ravel().astype(dtype) - 3


def of_all(*values):
    """Whether all ranks have the same."""
    return len(set(COMM.allgather(values))) == 1


def bytes_of(result):
    state = result.state
    memory = b"".join(np.asarray(v).tobytes() for v in state["memory"])
    return state["params"].tobytes(), memory, np.asarray(state["scalars"]).tobytes()


def same(one, other, what=""):
    assert bytes_of(one) == bytes_of(other), what
    for name in ("n_steps", "n_epochs"):
        assert getattr(one, name) == getattr(other, name), (what, name)
    assert np.array_equal(one.history.epoch_loss, other.history.epoch_loss), what


def check(what, X, y, *, rtol=1e-8, **arguments):
    """All ranks have the same, and what the reference makes of it, to rounding."""
    r = mb.fit(X, y, comm=COMM, n_threads=1 + RANK % 2, **arguments)
    assert of_all(*bytes_of(r), r.n_steps), what
    expected = reference.fit(X, y, n_ranks=SIZE, **arguments)
    assert r.n_steps == expected.n_steps, what
    for name, block in r.params.items():
        theirs = expected.params[name]
        pairs = zip(block, theirs, strict=True) if isinstance(block, list) else [(block, theirs)]
        for ours, array in pairs:
            np.testing.assert_allclose(ours, array, rtol=rtol, atol=rtol, err_msg=str((what, name)))
    losses = expected.history["epoch_loss"]
    np.testing.assert_allclose(r.history.epoch_loss, losses, rtol=max(rtol, 1e-6), err_msg=str(what))
    return r


def bits():
    """Rules, rows, models, and options together."""
    X, score, classes = data()
    plain = {"batch_size": 16, "epochs": 3, "seed": 4}
    rules = [
        SGD,
        mb.optimizers.SGD(0.02, momentum=0.9, nesterov=True, weight_decay=0.01),
        mb.optimizers.SGD(mb.schedules.InverseScaling(0.1)),
        ADAM,
        mb.optimizers.AdamW(0.02, weight_decay=0.1),
        mb.optimizers.NAdam(0.02),
        mb.optimizers.RAdam(0.02),
        mb.optimizers.Adamax(0.02),
        mb.optimizers.RMSprop(0.01, momentum=0.5),
        mb.optimizers.Adagrad(0.2),
        mb.optimizers.Adadelta(1.0),
        mb.optimizers.ScheduleFreeSGD(0.2),
        mb.optimizers.ScheduleFreeAdamW(0.02),
        mb.optimizers.DoG(),
        mb.optimizers.SGLD(0.01, temperature=0.01, seed=3),
    ]
    for rule in rules:
        for k in (1, 3, 100):
            check(
                (type(rule).__name__, k),
                X,
                score,
                loss="squared_error",
                optimizer=rule,
                sync_every=k,
                **plain,
            )
    for k in (1, 5):
        how = {**plain, "sync_every": k}
        for penalty in ("l2", "l1", mb.penalties.ElasticNet(0.01, l1_ratio=0.3)):
            for rule in (SGD, ADAM, mb.optimizers.Adagrad(0.2)):
                check((penalty, k), X, score > 0, loss="log_loss", penalty=penalty, optimizer=rule, **how)
        check("softmax", X, classes, loss="log_loss", optimizer=ADAM, **how)
        network = mb.models.MLP(hidden=(9, 5), dropout=0.25)
        check("network", X, classes, loss="log_loss", model=network, optimizer=ADAM, **how)
        for average in ("polyak", mb.averages.EMA(0.9)):
            check("average", X, score, loss="squared_error", optimizer=SGD, average=average, **how)
        check("clipped", X, score, loss="squared_error", optimizer=SGD, clip_norm=0.5, **how)
        check("accumulated", X, score, loss="squared_error", optimizer=ADAM, accumulate=3, **how)
        w = np.linspace(0.5, 2.0, len(X))
        check("weights", X, score, loss="huber", optimizer=SGD, sample_weight=w, offset=w, **how)
        plateau = mb.schedules.Plateau(0.1, factor=0.5, n_iter_no_change=1, tol=0.3)
        check("plateau", X, score, loss="squared_error", optimizer=mb.optimizers.SGD(plateau), **how)
        for shuffle in ("once", False, "block", mb.sampling.Weighted(w)):
            check("shuffle", X, score, loss="squared_error", optimizer=SGD, shuffle=shuffle, **how)
        check("drawn", X, score, loss="squared_error", optimizer=SGD, replacement=True, drop_last=True, **how)
        for b in (1, 2, 3, 5, 202, "full"):  # of fewer rows than ranks everyone has all
            how = {**how, "batch_size": b}
            check(b, X, score, loss="squared_error", optimizer=mb.optimizers.SGD(0.01), **how)
    few = {**plain, "sync_every": 2}
    check("one column", X[:, :1], score, loss="squared_error", optimizer=ADAM, **few)
    check("few rows", X[:SIZE], score[:SIZE], loss="squared_error", optimizer=ADAM, **few)
    check(
        "single precision",
        *data(dtype=np.float32)[:2],
        rtol=1e-4,
        loss="squared_error",
        optimizer=ADAM,
        **few,
    )


def sparse_rows():
    """Lazily updated columns are up to date where ranks meet."""
    X, score = sparse()
    y = score > 0
    rules = [
        SGD,
        mb.optimizers.SGD(0.05, momentum=0.9, weight_decay=0.01),
        ADAM,
        mb.optimizers.RMSprop(0.01),
        mb.optimizers.Adagrad(0.2),
        mb.optimizers.ScheduleFreeSGD(0.2),
    ]
    machine = mb.models.FactorizationMachine(rank=3)
    for k in (1, 4, 1000):
        how = {"loss": "log_loss", "batch_size": 6, "epochs": 2, "sync_every": k}
        for rule in rules:
            for penalty in (None, "l1", "l2", mb.penalties.ElasticNet(0.01, l1_ratio=0.3)):
                check((type(rule).__name__, penalty, k), X, y, optimizer=rule, penalty=penalty, **how)
            check(("machine", type(rule).__name__, k), X, y, optimizer=rule, model=machine, **how)
        check(("average", k), X, y, optimizer=ADAM, average="polyak", **how)
        strengths = np.linspace(0.0, 0.01, X.shape[1])
        check(("strengths", k), X, y, optimizer=ADAM, penalty=mb.penalties.ElasticNet(strengths), **how)


def resumes(folder):
    """What is gone on with has the bits of what was not ended, wherever it was."""
    (X, score, _), (S, of_sparse) = data(), sparse()
    cases = {
        "dense": (X, score, ADAM),
        "sparse": (S, of_sparse, mb.optimizers.SGD(0.05, momentum=0.5)),
        "sparse, adagrad": (S, of_sparse, mb.optimizers.Adagrad(0.1)),
    }
    for name, (rows, y, rule) in cases.items():
        for k in (1, 5, 1000):
            how = {
                "loss": "squared_error",
                "penalty": "l1",
                "optimizer": rule,
                "batch_size": 10,
                "sync_every": k,
            }
            whole = mb.fit(rows, y, **how, epochs=4, comm=COMM)
            parts = mb.fit(rows, y, **how, epochs=3, comm=COMM)
            same(mb.fit(rows, y, **how, epochs=1, resume=parts, comm=COMM), whole, (name, k))
            for n in (7, 29):
                stop = mb.stopping.MaxSteps(n)
                part = mb.fit(rows, y, **how, epochs=4, stop=stop, comm=COMM)
                assert part.n_steps == min(n + -(n % 21) % k, 21 * -(-n // 21)) or part.n_steps % 21 == 0
                left = 4 - part.n_epochs
                same(mb.fit(rows, y, **how, epochs=left, resume=part, comm=COMM), whole, (name, k, n))
    path = f"{folder}/checkpoints"
    how = {"loss": "squared_error", "optimizer": ADAM, "batch_size": 10, "sync_every": 4, "comm": COMM}
    checkpoint = mb.Checkpoint(path, every="3 steps", keep=100)
    r = mb.fit(X, score, **how, epochs=3, checkpoint=checkpoint)
    COMM.Barrier()
    saved = sorted(int(name.name.split("-")[1].split(".")[0]) for name in Path(path).glob("step-*"))
    # each at the first meeting after a multiple of 3
    assert saved == [4, 8, 12, 16, 20, 21, 25, 29, 33, 37, 41, 42, 46, 50, 54, 58, 62, 63], saved
    for name in sorted(Path(path).glob("step-*")):
        same(mb.fit(X, score, **how, epochs=3 - mb.load(name).n_epochs, resume=mb.load(name)), r, name)


def looks():
    """Callbacks, records, validation and rules are where ranks meet."""
    X, score, _ = data()
    how = {"loss": "squared_error", "optimizer": ADAM, "batch_size": 10, "sync_every": 4, "comm": COMM}
    seen, steps = [], []

    class Steps:
        every_steps = 6

        def on_step(self, progress):
            steps.append((progress.n_steps, progress.batch_size, progress.gradient_norm))
            return progress.n_steps > 30

    r = mb.fit(X, score, **how, epochs=9, callback=Steps())
    assert (r.n_steps, r.stop_reason) == (33, "callback")
    expected = [(8, 40), (12, 40), (20, 40), (25, 40), (33, 40)]
    assert RANK > 0 or [step[:2] for step in steps] == expected, steps
    assert all(np.isnan(norm) for _, _, norm in steps)
    r = mb.fit(X, score, **how, epochs=9, callback=lambda p: seen.append(p.epoch) or p.epoch == 2)
    assert (r.n_epochs, r.stop_reason) == (2, "callback")
    assert seen == ([1, 2] if RANK == 0 else [])
    r = mb.fit(X, score, **how, epochs=9, stop=mb.stopping.MaxSteps(30))
    assert (r.n_steps, r.stop_reason) == (33, "max_steps")
    r = mb.fit(X, score, **how, epochs=5, record="full_loss", validation=(X, score))
    at_end = 0.5 * np.mean((r.predict(X) - score) ** 2)
    np.testing.assert_allclose([r.history.full_loss[-1], r.history.validation_loss[-1]], at_end, rtol=1e-12)
    assert of_all(r.history.full_loss.tobytes(), r.history.validation_loss.tobytes())
    assert np.all(np.diff(r.history.full_loss) < 0)
    r = mb.fit(X, score, **how, epochs=10**7, stop=mb.stopping.MaxSeconds(0.2))
    assert r.stop_reason == "max_seconds"
    assert of_all(r.n_steps)
    rule = mb.stopping.NoImprovement(monitor="validation_loss", patience=2, tol=0.01, restore_best=True)
    r = mb.fit(X, score, **how, epochs=10**4, validation=0.3, stop=rule)
    assert r.stop_reason == "no_improvement"
    assert of_all(r.coef.tobytes(), r.n_epochs)
    for optimizer, model in (("Adagrad", "linear"), ("Adam", mb.models.MLP(hidden=(4,)))):
        r = mb.fit(X, score, loss="squared_error", model=model, epochs=2, sync_every=4, comm=COMM)
        assert type(r.arguments["optimizer"]).__name__ == optimizer


def errors():
    """What ends one rank ends all, where they have last met."""
    X, score, _ = data()
    S, of_sparse = sparse()
    plain = {"loss": "squared_error", "optimizer": ADAM, "batch_size": 10, "comm": COMM, "sync_every": 4}

    def raised(rows=X, y=score, **arguments):
        try:
            mb.fit(rows, y, **{**plain, "epochs": 10**6, **arguments})
        except BaseException as error:
            return error
        raise AssertionError("nothing was raised")

    for k in (4, 10**9):  # many steps without a meeting, too
        n = 300_000 if k > 4 else 200
        rows, y = np.resize(X, (n, 7)), np.resize(score, n)
        has_begun = threading.Event()

        def metric(truth, said, has_begun=has_begun):
            has_begun.set()
            return 0.0

        def interrupts(has_begun=has_begun):
            has_begun.wait()
            time.sleep(0.3)
            os.kill(os.getpid(), signal.SIGINT)

        if RANK == SIZE - 1:
            threading.Thread(target=interrupts).start()
        begin = time.monotonic()
        how = {"sync_every": k, "optimizer": mb.optimizers.SGD(0.01), "validation": (X[:9], score[:9])}
        error = raised(rows, y, metrics={"m": metric}, **how)
        assert isinstance(error, KeyboardInterrupt if RANK == SIZE - 1 else RuntimeError), error
        assert time.monotonic() - begin < 20
        result = error.result
        assert of_all(*bytes_of(result), result.n_steps)
        assert result.n_steps % -(-n // 10) % k == 0, result.n_steps
        n_epochs = min(result.n_epochs + 1, 20)
        expected = mb.fit(rows, y, **{**plain, **how}, epochs=n_epochs)
        part = mb.fit(rows, y, **{**plain, **how}, epochs=n_epochs - 1)
        went_on = mb.fit(
            rows, y, **{**plain, **how}, epochs=1, resume=result if result.n_epochs < 20 else part
        )
        same(went_on, expected, "interrupted")

    def fails(progress):
        if progress.epoch == 2:
            raise KeyError("of rank 0")

    error = raised(callback=fails)
    assert error.result.n_epochs == 2
    assert isinstance(error, KeyError if RANK == 0 else RuntimeError)

    def bad_rate(t):
        if RANK == SIZE - 1 and t > 30:
            raise ZeroDivisionError("rate")
        return 0.01

    error = raised(optimizer=mb.optimizers.SGD(learning_rate=bad_rate))
    assert isinstance(error, ZeroDivisionError if RANK == SIZE - 1 else RuntimeError), error

    # One rank's rows make it diverge: all end with what they had together before.
    far = X.copy()
    far[-1] = 1e160
    for rows, y in ((far, score), (sp.csr_array(far), score)):
        for k in (4, 1000):
            error = raised(rows, y, optimizer=mb.optimizers.SGD(0.01), shuffle=False, sync_every=k)
            assert isinstance(error, mb.DivergenceError), error
            assert of_all(error.epoch, error.step, str(error), *bytes_of(error.result))
            before = [] if k > 4 else [mb.stopping.MaxSteps(20)]
            if before:
                whole = mb.fit(
                    rows,
                    y,
                    **{**plain, "optimizer": mb.optimizers.SGD(0.01)},
                    shuffle=False,
                    epochs=1,
                    stop=before,
                )
                assert error.result.coef.tobytes() == whole.coef.tobytes()
            else:
                assert not error.result.coef.any()
    with np.errstate(all="ignore"):
        error = raised(optimizer=mb.optimizers.SGD(learning_rate=1e200))
        assert isinstance(error, mb.DivergenceError)
        error = raised(S, of_sparse, optimizer=mb.optimizers.SGD(learning_rate=1e200))
        assert isinstance(error, mb.DivergenceError)
    mb.fit(X, score, **plain, epochs=1)  # all is well again
    with pytest.raises(ValueError, match="sync_every"):
        mb.fit(X, score, **{**plain, "sync_every": 4 + RANK}, epochs=1)


def sent(X, y, **arguments):
    """Messages that this rank has sent in a run, and their bytes."""
    ranks = Ranks(COMM)
    r = mb.fit(X, y, n_threads=1, comm=ranks, **arguments)
    n_messages, n_bytes = ranks.core.sent()
    ranks.free()
    return r, n_messages, n_bytes


def messages():
    """Ranks exchange as often as they meet, and no more; of sparse rows what they have touched."""
    X, score, _ = data(n=64 * 200, d=100, dtype=np.float32)
    plain = {"loss": "squared_error", "batch_size": 64, "shuffle": "once", "optimizer": SGD}
    rounds = int(np.ceil(np.log2(SIZE)))
    for k in (1, 4, 16, 200):
        of_epochs = [sent(X, score, **plain, epochs=n, sync_every=k)[1] for n in (1, 2)]
        n = of_epochs[1] - of_epochs[0]
        assert 200 // k * rounds <= n <= (200 // k + 4) * rounds, (k, n)
    wide, of_wide = sparse(n=64 * 40, d=100_000, dtype=np.float32)
    for model in (mb.models.Linear(), mb.models.FactorizationMachine(rank=4)):
        how = {"loss": "log_loss", "optimizer": ADAM, "model": model, "batch_size": 64, "epochs": 1}
        r, _, n_bytes = sent(wide, of_wide > 0, **how, sync_every=4)
        of_all = r.state["params"].nbytes + sum(np.asarray(v).nbytes for v in r.state["memory"])
        assert n_bytes < 10 * of_all / 4, "of ten meetings"


def converges():
    """A small problem is solved, to what the plain algorithm reaches."""
    X, score, _ = data(n=2000, d=20)
    y = score > 0
    best = mb.fit(X, y, loss="log_loss", penalty=L2, epochs=1000)
    for k in (1, 8, 1000):
        rule = mb.optimizers.SGD(mb.schedules.InverseScaling(0.5))
        r = mb.fit(
            X,
            y,
            loss="log_loss",
            penalty=L2,
            optimizer=rule,
            batch_size=32,
            epochs=60,
            sync_every=k,
            comm=COMM,
        )
        values = [mb.gradient(X, y, each, loss="log_loss", penalty=L2)[0] for each in (r, best)]
        assert values[0] - values[1] < 2e-4, (k, values)


def killed(folder):
    X, score, _ = data()
    train_until_killed(folder, X, score, batch_size=10, sync_every=7)


if __name__ == "__main__":
    run_case(globals())
