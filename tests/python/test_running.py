"""What happens to a run from outside: callbacks, progress bars, resuming, Ctrl-C, threads, forks."""

import multiprocessing
import os
import pickle
import re
import signal
import subprocess
import sys
import threading
import time
import warnings

import mbgd_rs as mb
import numpy as np
import pytest
from mbgd_rs import optimizers, schedules

RNG = np.random.default_rng(0)
X = RNG.normal(size=(203, 5))
Y = X @ RNG.normal(size=5) + RNG.normal(size=203)
LABELS = (Y > 0).astype(int) + (Y > 1)  # three classes
ARGUMENTS = {"loss": "log_loss", "batch_size": 16, "epochs": 4}


def same_bits(a, b):
    """Whether two results have the same parameters, to the bit."""
    return all(
        np.asarray(u).dtype == np.asarray(v).dtype and np.asarray(u).tobytes() == np.asarray(v).tobytes()
        for u, v in [(a.coef, b.coef), (a.intercept, b.intercept)]
    )


# ---- callbacks and progress


def test_a_callback_is_told_of_every_epoch():
    told = []
    result = mb.fit(X, LABELS, **ARGUMENTS, callback=told.append)
    assert [p.epoch for p in told] == [1, 2, 3, 4]
    assert [p.n_steps for p in told] == [13, 26, 39, 52]
    assert [p.loss for p in told] == result.history.epoch_loss.tolist()
    assert [p.elapsed for p in told] == result.history.epoch_elapsed.tolist()
    assert told[-1].coef.tolist() == result.coef.tolist()
    assert told[-1].intercept.tolist() == result.intercept.tolist()
    assert told[0].coef.tolist() != told[-1].coef.tolist()  # copies, not views of what goes on changing


def test_a_callback_stops_the_run():
    result = mb.fit(X, LABELS, **ARGUMENTS, callback=lambda progress: progress.epoch == 2)
    assert result.stop_reason is mb.StopReason.CALLBACK
    assert (result.n_epochs, result.n_steps) == (2, 26)
    assert same_bits(result, mb.fit(X, LABELS, **{**ARGUMENTS, "epochs": 2}))


def test_what_a_callback_does_to_its_arguments_does_not_matter():
    def vandalise(progress):
        progress.coef[:] = np.nan
        progress.intercept[:] = np.nan

    assert same_bits(mb.fit(X, LABELS, **ARGUMENTS, callback=vandalise), mb.fit(X, LABELS, **ARGUMENTS))


@pytest.mark.parametrize("error", [RuntimeError("of the callback"), KeyboardInterrupt(), SystemExit(3)])
def test_an_exception_of_a_callback_ends_the_run_and_propagates(error):
    calls = []

    def callback(progress):
        calls.append(progress)
        raise error

    with pytest.raises(type(error)) as caught:
        mb.fit(X, LABELS, **ARGUMENTS, callback=callback)
    assert caught.value is error
    assert len(calls) == 1
    assert mb.fit(X, LABELS, **ARGUMENTS).n_epochs == 4


@pytest.mark.parametrize("answer", [1, 0.7, "yes", np.ones(3), [True], None])
def test_only_true_ends_a_run(answer):
    whole = mb.fit(X, LABELS, **ARGUMENTS)
    assert mb.fit(X, LABELS, **ARGUMENTS, callback=lambda progress: answer).n_epochs == whole.n_epochs
    assert mb.fit(X, LABELS, **ARGUMENTS, callback=lambda progress: np.bool_(True)).n_epochs == 1


def test_a_callback_may_fit():
    def callback(progress):
        mb.fit(X, Y, epochs=1, optimizer="sgd")

    assert same_bits(mb.fit(X, LABELS, **ARGUMENTS, callback=callback), mb.fit(X, LABELS, **ARGUMENTS))


def test_a_progress_bar_is_shown(capsys):
    with_bar = mb.fit(X, LABELS, **ARGUMENTS, progress=True)
    shown = capsys.readouterr().err
    assert "4/4" in shown
    assert "loss=" in shown
    assert same_bits(with_bar, mb.fit(X, LABELS, **ARGUMENTS))


def test_without_tqdm_there_is_a_warning(monkeypatch):
    monkeypatch.setitem(sys.modules, "tqdm.auto", None)
    with pytest.warns(UserWarning, match=re.escape("pip install 'mbgd_rs[progress]'")) as caught:
        result = mb.fit(X, LABELS, **ARGUMENTS, progress=True)
    assert caught[0].filename == __file__
    assert result.n_epochs == 4


# ---- going on

OPTIMIZERS = {
    "plain": optimizers.SGD(learning_rate=0.1),
    "momentum": optimizers.SGD(learning_rate=0.05, momentum=0.9),
    "nesterov": optimizers.SGD(learning_rate=0.05, momentum=0.8, nesterov=True),
    "adam": optimizers.Adam(learning_rate=0.05),
    "inverse scaling": optimizers.SGD(schedules.InverseScaling(0.5, 0.5), momentum=0.5),
    "warm-up, cosine": optimizers.Adam(schedules.Warmup(schedules.Cosine(0.1, 40), 20)),
}
DIVISIONS = {
    "full": {},
    "once": {"shuffle": "once"},
    "as they come": {"shuffle": False, "drop_last": True},
    "replacement": {"replacement": True},
}


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("division", DIVISIONS)
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_k_epochs_and_m_more_are_k_plus_m(optimizer, division, dtype):
    arguments = {
        **DIVISIONS[division],
        "loss": "log_loss",
        "penalty": mb.penalties.ElasticNet(0.01, 0.5),
        "optimizer": OPTIMIZERS[optimizer],
        "batch_size": 16,
        "record": ("step", "path"),
        "seed": 7,
    }
    rows = X.astype(dtype)
    whole = mb.fit(rows, LABELS, **arguments, epochs=5)
    first = mb.fit(rows, LABELS, **arguments, epochs=2)
    after_pickle = pickle.loads(pickle.dumps(first))
    for begun in (first, after_pickle):
        both = mb.fit(rows, LABELS, **arguments, epochs=3, resume=begun)
        assert same_bits(both, whole)
        assert (both.n_steps, both.n_epochs) == (whole.n_steps, 5)
        for record in ("epoch_loss", "step_loss", "learning_rate", "gradient_norm", "path"):
            assert np.array_equal(getattr(both.history, record), getattr(whole.history, record)), record
        assert (np.diff(both.history.elapsed) >= 0).all()
        assert (np.diff(both.history.epoch_elapsed) >= 0).all()


def test_a_run_that_was_stopped_goes_on():
    stopped = mb.fit(X, LABELS, **ARGUMENTS, callback=lambda progress: progress.epoch == 3)
    both = mb.fit(X, LABELS, **{**ARGUMENTS, "epochs": 1}, resume=stopped)
    assert same_bits(both, mb.fit(X, LABELS, **ARGUMENTS))
    assert both.stop_reason is mb.StopReason.EPOCHS


def test_no_epochs_more_change_nothing():
    first = mb.fit(X, LABELS, **ARGUMENTS)
    again = mb.fit(X, LABELS, **{**ARGUMENTS, "epochs": 0}, resume=first)
    assert same_bits(first, again)
    assert (again.n_steps, again.n_epochs) == (first.n_steps, first.n_epochs)


def test_resuming_does_not_change_the_first_result():
    first = mb.fit(X, LABELS, **ARGUMENTS, optimizer="adam")
    before = pickle.dumps(first)
    mb.fit(X, LABELS, **ARGUMENTS, optimizer="adam", resume=first)
    assert pickle.dumps(first) == before


def test_an_unpickled_model_predicts():
    first = mb.fit(X, LABELS, **ARGUMENTS)
    again = pickle.loads(pickle.dumps(first))
    assert again.predict_proba(X).tobytes() == first.predict_proba(X).tobytes()
    assert again.predict(X).tolist() == first.predict(X).tolist()


@pytest.mark.parametrize(
    "y", [Y, LABELS, LABELS > 0, np.c_[Y, -Y]], ids=["1 output", "3 classes", "2", "2 outputs"]
)
def test_a_warm_start_begins_where_it_is_told(y):
    loss = "squared_error" if y.dtype == float else "log_loss"
    first = mb.fit(X, y, loss=loss)
    pair = first.coef, first.intercept
    for init in (first, pair, [np.asarray(part).tolist() for part in pair]):
        still = mb.fit(X, y, loss=loss, init=init, epochs=0)
        assert same_bits(still, first)
        assert (still.n_steps, still.n_epochs) == (0, 0)
        step = mb.fit(X, y, loss=loss, init=init, epochs=1, batch_size="full", record="step")
        value, _ = mb.gradient(X, y, first, loss=loss)
        assert step.history.step_loss[0] == pytest.approx(value, rel=1e-14)


# ---- Ctrl-C

INTERRUPTED = """
import os, signal, sys, threading, time
import numpy as np
import mbgd_rs as mb

n_rows, d, batch_size, epochs, n_threads = map(int, sys.argv[1:])
X = np.random.default_rng(0).standard_normal((n_rows, d), dtype=np.float32)
y = X[:, 0] > 0
sent = []

def interrupt():
    time.sleep(0.3)
    sent.append(time.perf_counter())
    os.kill(os.getpid(), signal.SIGINT)

def fit(epochs):
    return mb.fit(X, y, loss="log_loss", batch_size=batch_size, epochs=epochs, n_threads=n_threads)

fit(1)  # what is imported late is there then
threading.Thread(target=interrupt, daemon=True).start()
try:
    fit(epochs)
except KeyboardInterrupt:
    print("interrupted after", time.perf_counter() - sent[0])
print("steps afterwards", fit(1).n_steps)
"""


@pytest.mark.alone
@pytest.mark.skipif(os.name == "nt", reason="sends a signal")
@pytest.mark.parametrize(
    ("n_rows", "d", "batch_size", "n_threads"),
    [
        pytest.param(2_000, 10, 1, 1, id="small steps"),
        pytest.param(20_000, 30, 256, 2, id="two threads"),
        pytest.param(150_000, 100, 150_000, 1, id="one large step"),
        pytest.param(150_000, 100, 150_000, 2, id="one large step, two threads"),
    ],
)
def test_ctrl_c_is_heard_and_breaks_nothing(n_rows, d, batch_size, n_threads):
    arguments = [n_rows, d, batch_size, 10**9, n_threads]
    done = subprocess.run(
        [sys.executable, "-c", INTERRUPTED, *map(str, arguments)], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    heard, afterwards = done.stdout.splitlines()
    seconds = float(heard.removeprefix("interrupted after "))
    print(f"KeyboardInterrupt after {seconds * 1e3:.0f} ms")
    assert seconds < 2  # 0.1 s on a machine that does nothing else
    assert afterwards == f"steps afterwards {-(-n_rows // batch_size)}"


@pytest.mark.alone
@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="sets a timer")
def test_an_exception_of_a_signal_handler_propagates():
    def handler(signum, frame):
        raise TimeoutError("of the handler")

    before = signal.signal(signal.SIGALRM, handler)
    signal.setitimer(signal.ITIMER_REAL, 0.1)
    try:
        with pytest.raises(TimeoutError, match="of the handler"):
            mb.fit(X, Y, epochs=10**9)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


# ---- threads and processes


@pytest.mark.alone
def test_other_python_threads_run_meanwhile():
    rows = np.zeros((20_000, 50), np.float32)
    counts, done = [0], threading.Event()

    def count():
        while not done.is_set():
            counts[0] += 1
            time.sleep(0.001)

    counter = threading.Thread(target=count)
    counter.start()
    before = counts[0]
    start = time.perf_counter()
    mb.fit(rows, np.zeros(20_000), epochs=10**9, callback=lambda progress: progress.elapsed > 0.3)
    seconds, made = time.perf_counter() - start, counts[0] - before
    done.set()
    counter.join()
    assert made > 50 * seconds  # a thousand a second on an idle machine, none if the interpreter were held


def test_fits_in_several_threads_at_once_do_not_mix():
    def run(seed):
        return mb.fit(X, LABELS, **{**ARGUMENTS, "epochs": 50}, seed=seed, n_threads=2)

    expected = [run(seed) for seed in range(4)]
    got = [None] * 4

    def store(seed):
        got[seed] = run(seed)

    threads = [threading.Thread(target=store, args=[seed]) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(same_bits(a, b) for a, b in zip(got, expected, strict=True))


def large_fit():
    """A fit that is worth threads."""
    rows = np.random.default_rng(1).normal(size=(20_000, 60))
    return mb.fit(rows, rows[:, 0], batch_size=8192, epochs=2, n_threads=2, optimizer="sgd")


@pytest.fixture
def forks():
    """Forks of a process with threads are what is tested here; Python 3.12 and later warn of them."""
    if not hasattr(os, "fork"):
        pytest.skip("needs fork")
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".*use of fork.*", DeprecationWarning)
        yield


@pytest.mark.usefixtures("forks")
def test_a_forked_child_fits():
    expected = large_fit()  # starts the threads that the child will not have
    child = os.fork()
    if child == 0:  # nothing of pytest may run in the child
        code = 1
        try:
            signal.alarm(30)
            code = 0 if same_bits(large_fit(), expected) else 2
        finally:
            os._exit(code)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0
    assert same_bits(large_fit(), expected)


def fit_in_child(connection):
    """What a forked process is to do."""
    connection.send(large_fit())
    connection.close()


@pytest.mark.usefixtures("forks")
def test_a_process_of_multiprocessing_fits():
    expected = large_fit()
    context = multiprocessing.get_context("fork")
    ours, theirs = context.Pipe()
    process = context.Process(target=fit_in_child, args=[theirs])
    process.start()
    theirs.close()
    try:
        assert ours.poll(30), "the child hangs"
        assert same_bits(ours.recv(), expected)
    finally:
        process.kill()
        process.join()


LEAK = """
import resource
import numpy as np
import mbgd_rs as mb

X = np.random.default_rng(0).normal(size=(2000, 50))
y = X[:, 0] > 0

def use(n):
    for seed in range(n):
        result = mb.fit(
            X, y, loss="log_loss", epochs=2, seed=seed, n_threads=2, record=("step", "path"),
            optimizer="adam", sample_weight=np.ones(2000), callback=lambda progress: False,
        )
        result.predict_proba(X)
        list(mb.minibatches(X, y, batch_size=500))
        try:
            mb.fit(X, y, loss="log_loss", callback=lambda progress: 1 / 0)
        except ZeroDivisionError:
            pass
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

first = use(50)
print(use(200) - first)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads kilobytes as Linux gives them")
def test_memory_does_not_grow_over_repeated_fits():
    done = subprocess.run([sys.executable, "-c", LEAK], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) < 8_000  # kilobytes; a leak of X would be 800 at each of the 200 turns


def test_shared_input_is_not_written_to_by_concurrent_fits():
    rows = X.copy()
    rows.flags.writeable = False
    threads = [threading.Thread(target=mb.fit, args=(rows, Y)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert rows.tobytes() == X.tobytes()
