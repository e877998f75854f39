"""Checkpoints: a run that is saved has the bits of one that is not, and goes on from any to the bit."""

import dataclasses
import os
import shutil

import mbgd_rs as mb
import numpy as np
import pytest
from kills import kill_and_resume
from mbgd_rs import batch_sizes, optimizers, schedules
from mbgd_rs.models import MLP, FactorizationMachine
from mbgd_rs.stopping import MaxSteps, NoImprovement, TargetLoss
from scipy.sparse import csr_array, random_array

RNG = np.random.default_rng(11)
N, D = 130, 5
N_KILLS = int(os.environ.get("MBGD_KILLS", "10"))
X = RNG.normal(size=(N, D))
Y = X @ RNG.normal(size=D) + RNG.normal(size=N)
LABELS = np.array(["a", "b", "c"])[(Y > 0).astype(int) + (Y > 1)]
WIDE = csr_array(random_array((N, 900), density=0.01, rng=RNG, format="csr"))
NARROW = csr_array(X * (X > 0))
SGD, MOMENTUM = optimizers.SGD(0.05), optimizers.SGD(0.02, momentum=0.9)
PLATEAU = schedules.Plateau(0.3, 0.3, n_iter_no_change=1, tol=1.0)
ENET = mb.penalties.ElasticNet(0.01, 0.5)


def rows(batch_size, optimizer=SGD, **others):
    return {"X": X, "y": Y, "batch_size": batch_size, "optimizer": optimizer, **others}


def wide(optimizer, **others):
    return {"X": WIDE, "y": Y > 0, "loss": "log_loss", "batch_size": 8, "optimizer": optimizer, **others}


def accuracy(y_true, y_pred):
    return (y_true == y_pred).mean()


CASES = {
    "streaks of one row": rows(1),
    "streaks of few rows, momentum": rows(7, MOMENTUM, penalty="l2"),
    "streaks, accumulated": rows(3, MOMENTUM, accumulate=4),
    "classes, clipped": rows(16, optimizers.Adam(0.05), y=LABELS, loss="log_loss", clip_norm=0.1),
    "float32, l1": rows(16, optimizers.RMSprop(0.01), X=X.astype("f4"), penalty=ENET),
    "many outputs": rows(16, optimizers.NAdam(0.05), y=np.c_[Y, -Y]),
    "weights, offsets": rows(16, sample_weight=np.abs(Y), offset=Y / 2),
    "replacement": rows(16, optimizers.Adamax(0.05), replacement=True),
    "weighted": rows(16, shuffle=mb.sampling.Weighted(np.abs(Y) + 0.1)),
    "blocks": rows(16, shuffle="block", drop_last=True),
    "stratified": rows(16, y=LABELS, loss="hinge", shuffle="stratified"),
    "function of the step": rows(16, optimizers.SGD(lambda t: 0.1 / (1 + t))),
    "warm-up, cosine": rows(16, optimizers.SGD(schedules.Warmup(schedules.Cosine(0.1, 40), 9))),
    "plateau": rows(16, optimizers.SGD(PLATEAU)),
    "schedule-free": rows(16, optimizers.ScheduleFreeAdamW(0.05)),
    "noise": rows(16, optimizers.SGLD(0.001)),
    "Polyak's average": rows(16, average="polyak"),
    "exponential average": rows(16, optimizers.Adam(0.05), average="ema"),
    "rate auto": rows(16, optimizers.SGD()),
    "rate auto, all rows": rows("full", optimizers.SGD()),
    "SAGA": rows(16, "saga", penalty="l2"),
    "SAGA without a metric": rows(16, optimizers.SAGA(preconditioner=None), penalty="l1"),
    "SVRG": rows(16, "svrg", y=LABELS, loss="log_loss"),
    "preconditioned": rows(16, optimizers.SGD(preconditioner="nystrom")),
    "preconditioned at a rate": rows(16, optimizers.SGD(0.5, preconditioner="newton")),
    "norm test": rows(batch_sizes.NormTest(4, theta=0.5)),
    "growing batches": rows(batch_sizes.Growing(4, 1.5)),
    "accumulated": rows(5, optimizers.Adam(0.05), accumulate=3),
    "best model": rows(
        16, SGD, validation=0.3, stop=NoImprovement("validation_loss", patience=9, restore_best=True)
    ),
    "metrics": rows(16, y=LABELS, loss="log_loss", metrics=accuracy, stop=TargetLoss(2.0, "accuracy", "max")),
    "records": rows(16, MOMENTUM, record=("step", "path", "noise", "full_loss")),
    "standardised": rows(16, X=X * [1, 10, 100, 1, 1] + 5, standardize=True),
    "sparse, few columns": rows(16, X=NARROW),
    "lazy, plain": wide(SGD, penalty="l2"),
    "lazy, momentum, l1": wide(MOMENTUM, penalty=ENET),
    "lazy, nesterov, float32": wide(optimizers.SGD(0.02, momentum=0.9, nesterov=True), X=WIDE.astype("f4")),
    "lazy, weight decay": wide(optimizers.SGD(0.05, weight_decay=0.01)),
    "lazy, Adagrad": wide(optimizers.Adagrad(0.1), penalty="l1"),
    "lazy, FTRL": wide(optimizers.FTRL(0.1, l1=0.01, l2=0.01)),
    "lazy, Adam": wide(optimizers.Adam(0.05), penalty="l1"),
    "lazy, strengths by column": wide(SGD, penalty=mb.penalties.L2(np.geomspace(1e-4, 1e-2, 900))),
    "lazy, averaged": wide(SGD, average="polyak"),
    "lazy, accumulated": wide(MOMENTUM, accumulate=3, penalty="l2"),
    "lazy, SAGA": wide(optimizers.SAGA(preconditioner="diagonal"), penalty="l2"),
    "lazy, SAGA without a metric": wide(optimizers.SAGA(preconditioner=None), penalty="l2"),
    "lazy, best model": wide(SGD, validation=0.2, stop=NoImprovement("validation_loss", restore_best=True)),
    "network, dropout": rows(16, optimizers.Adam(0.01), model=MLP(6, "silu", dropout=0.3)),
    "network, averaged, sparse": wide(optimizers.Adam(0.01), model=MLP(4), average="ema"),
    "factorization machine": rows(16, optimizers.Adam(0.01), model=FactorizationMachine(3)),
    "lazy, factorization machine": wide(optimizers.Adagrad(0.05), model=FactorizationMachine(3)),
}
N_EPOCHS = 4
TIMES = ("seconds", "elapsed", "epoch_elapsed")


def assert_equal(ours, theirs, place):
    """That two values, or dicts and lists of such, have the same bits, times aside."""
    assert type(ours) is type(theirs), place
    if isinstance(ours, dict):
        assert ours.keys() == theirs.keys(), place
        for name in ours.keys() - set(TIMES):
            assert_equal(ours[name], theirs[name], f"{place}.{name}")
    elif isinstance(ours, list | tuple):
        assert len(ours) == len(theirs), place
        for i, (a, b) in enumerate(zip(ours, theirs, strict=True)):
            assert_equal(a, b, f"{place}[{i}]")
    elif isinstance(ours, np.ndarray):
        assert (ours.dtype, ours.shape) == (theirs.dtype, theirs.shape), place
        assert ours.tobytes() == theirs.tobytes(), place
    else:
        assert ours == theirs or (ours != ours and theirs != theirs), place


def assert_same_run(ours, theirs, *, but=()):
    """That two results are the same but for times and these fields."""
    for of in dataclasses.fields(ours):
        if of.name not in ("arguments", "history", "solver", "auto_rate", *but):
            mine, other = getattr(ours, of.name), getattr(theirs, of.name)
            if not dataclasses.is_dataclass(mine):
                assert_equal(mine, other, of.name)
    assert_equal(vars(ours.history), vars(theirs.history), "history")


def saved_in(folder):
    """The steps of the checkpoints in a folder, and their files."""
    return {int(path.name[5:17]): path for path in sorted(folder.iterdir())}


@pytest.mark.parametrize("case", CASES)
def test_to_the_bit(case, tmp_path):
    arguments = CASES[case]
    straight = mb.fit(**arguments, epochs=N_EPOCHS)
    every_step = mb.Checkpoint(tmp_path / "steps", every="1 step", keep=None)
    every_epoch = mb.Checkpoint(tmp_path / "epochs", keep=None)
    saved = mb.fit(**arguments, epochs=N_EPOCHS, checkpoint=[every_step, every_epoch])
    assert_same_run(saved, straight)
    files = saved_in(tmp_path / "steps")
    assert list(files) == list(range(1, straight.n_steps + 1))
    by_epoch = saved_in(tmp_path / "epochs")
    assert list(by_epoch) == straight.history.epoch_steps.tolist()
    n, (first, second, *_) = straight.n_steps, by_epoch
    for n_steps in sorted({1, n // 3, first, min(first + 1, n), second - 1, min(n // 2 + 2, n), n - 1, n}):
        loaded = mb.load(files[n_steps])
        assert loaded.n_steps == n_steps
        loaded.predict(arguments["X"])
        left = {**arguments, "epochs": N_EPOCHS - loaded.n_epochs}
        assert_same_run(mb.fit(**left, resume=files[n_steps]), straight, but=("stop_reason", "batch_size"))
        folder = tmp_path / str(n_steps)
        folder.mkdir()
        shutil.copy(files[n_steps], folder)
        again = mb.fit(**arguments, epochs=N_EPOCHS, resume="auto", checkpoint=mb.Checkpoint(folder))
        assert_same_run(again, straight)


@pytest.mark.parametrize("case", CASES)
def test_a_checkpoint_is_what_a_run_that_ends_there_gives_back(case, tmp_path):
    arguments = CASES[case]
    how = {**arguments, "epochs": N_EPOCHS}
    mb.fit(**how, checkpoint=mb.Checkpoint(tmp_path, every="1 step", keep=None))
    files = saved_in(tmp_path)
    first_epoch = mb.load(files[max(files)]).history.epoch_steps[0]
    for n_steps in {1, len(files) // 2 + 2, len(files) - 1} - {0, first_epoch}:
        rules = arguments.get("stop", ())
        rules = [*(rules if isinstance(rules, tuple) else (rules,)), MaxSteps(n_steps)]
        ended = mb.fit(**{**how, "stop": rules})
        if ended.state["step"] == 0:
            continue
        assert_same_run(mb.load(files[n_steps]), ended, but=("stop_reason",))
    for n_epochs in (1, 2, N_EPOCHS - 1):
        ended = mb.fit(**{**how, "epochs": n_epochs})
        at = ended.n_steps
        if ended.n_epochs == n_epochs and at in files and at != max(files):
            but = ("stop_reason", "params") if ended.auto_rate or ended.solver else ("stop_reason",)
            assert_same_run(mb.load(files[at]), ended, but=but)


@pytest.mark.alone
def test_killed_at_random_times():
    seen, wrong = kill_and_resume(N_KILLS)
    assert not wrong
    assert seen["kills"] == N_KILLS
    assert seen["with progress"] > 0
