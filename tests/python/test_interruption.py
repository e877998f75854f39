"""Ctrl-C is noticed soon, whatever a call is doing.

The aim is a tenth of a second; what is asserted allows for a machine that does other things. `pytest -s`
prints what was seen.
"""

import signal
import subprocess
import sys

import pytest

pytestmark = [
    pytest.mark.alone,
    pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="sets a timer"),
]

# A signal by a timer of the system: a thread that sends one would need the interpreter.
PROLOGUE = """
import signal, sys, time
import numpy as np
import mbgd_rs as mb

def interrupt(signum, frame):
    raise KeyboardInterrupt

signal.signal(signal.SIGALRM, interrupt)
rng = np.random.default_rng(0)

def waited(call, delay):
    begin = time.perf_counter()
    signal.setitimer(signal.ITIMER_REAL, delay)
    try:
        call()
        signal.setitimer(signal.ITIMER_REAL, 0)
    except KeyboardInterrupt:
        seconds = time.perf_counter() - begin - delay
        # Raised while Python executes text, as a dataclass has it do that is imported, it leaves a mark by
        # which the process kills itself at its end, caught or not. Text that ends well takes the mark away.
        exec("")
        return seconds
    return None
"""

SPARSE = """
from scipy import sparse
n, d = 20_000, 100_000
columns = np.sort(rng.integers(0, d, (n, 10)), axis=1).ravel()
X = sparse.csr_matrix((rng.standard_normal(10 * n), columns, np.arange(n + 1) * 10), shape=(n, d))
y = rng.standard_normal(n)
"""

CONFIGURATIONS = {
    "sgld": "optimizer='sgld'",
    "adagrad with l2": "optimizer='adagrad', penalty='l2'",
    "average": "optimizer=mb.optimizers.SGD(1e-3), average='polyak'",
    "dog": "optimizer='dog'",
    "automatic rate": "optimizer=mb.optimizers.SGD('auto')",
    "schedule-free": "optimizer=mb.optimizers.ScheduleFreeAdamW(1e-3)",
    "strengths": "optimizer=mb.optimizers.SGD(1e-3), penalty=mb.penalties.L1(np.full(d, 1e-4))",
    "recorded loss": "optimizer=mb.optimizers.SGD(1e-3), penalty='l2', record=('step', 'full_loss')",
}


def longest_wait(script: str) -> float:
    """The longest of the waits that a script prints; None for a call that ended before the signal."""
    done = subprocess.run(
        [sys.executable, "-c", PROLOGUE + script], capture_output=True, text=True, timeout=240
    )
    assert done.returncode == 0, done.stderr
    seen = [float(word) for word in done.stdout.split() if word != "None"]
    assert seen, "no call was interrupted"
    print(f"{max(seen) * 1e3:.0f} ms at most, of {len(seen)}")
    return max(seen)


@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_steps_on_sparse_rows_that_move_all_columns(name: str) -> None:
    pytest.importorskip("scipy.sparse")
    fit = f"mb.fit(X, y, batch_size=1, epochs=1000, n_threads=1, {CONFIGURATIONS[name]})"
    assert longest_wait(f"{SPARSE}print(waited(lambda: {fit}, 0.3))") < 2


ROWS = """
n = 1_000_000
X = rng.standard_normal((n, 8), dtype=np.float32)
labels = (X[:, 0] > 0).astype(np.int64)
y = X[:, 0] + 1
quick = dict(loss="log_loss", epochs=1, batch_size=10_000)
model = mb.fit(X[:1000], labels[:1000], **{**quick, "batch_size": 100})
"""

CALLS = {
    "validation": "mb.fit(X, labels, validation=0.3, **quick)",
    "validation and metrics": "mb.fit(X, labels, validation=0.3, metrics={'accuracy': accuracy}, **quick)",
    "weights": "mb.fit(X, labels, sample_weight=np.full(n, 2.0), class_weight='balanced', **quick)",
    "predict": "model.predict(X)",
    "probabilities": "model.predict_proba(X)",
    "gradient": "mb.gradient(X, y, (np.zeros(8), 0.0))",
    "gradient of rows": "mb.gradient(X, y, (np.zeros(8), 0.0), rows=np.arange(n))",
    "batches": "[None for _ in mb.Batches(10_000_000, 1_000_000).epoch(0)]",
    "batches with replacement": "[None for _ in mb.Batches(10**7, 10**6, replacement=True).epoch(0)]",
    "a batch": "mb.Batches(10_000_000, 1_000_000).batch(0, 3)",
    "weighted": "mb.fit(X, y, epochs=1, batch_size=10_000, shuffle=mb.sampling.Weighted(np.full(n, 2.0)))",
    "stratified": "mb.fit(X, labels, shuffle='stratified', **quick)",
    "minibatches": "[None for _ in mb.minibatches(X, y, batch_size='full', epochs=3)]",
}


@pytest.mark.parametrize("name", CALLS)
def test_calls_on_many_rows(name: str) -> None:
    script = f"""{ROWS}
def accuracy(y, predicted):
    return float(np.mean(y == predicted))

for delay in (0.001, 0.002, 0.005, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5):
    print(waited(lambda: {CALLS[name]}, delay))
"""
    assert longest_wait(script) < 2


BEYOND = """
from mbgd_rs.models import MLP, FactorizationMachine
n = 20_000
X = rng.standard_normal((n, 300), dtype=np.float32)
y = X[:, 0].copy()
network, machine = MLP((1500, 1500), "tanh", dropout=0.2), FactorizationMachine(rank=300)
large = MLP((30_000, 1000))
quick = dict(epochs=1000, optimizer="adam")
few = dict(epochs=1, batch_size=100, stop=mb.stopping.MaxSteps(1))
at_network = mb.fit(X[:100], y[:100], model=network, **few)
at_machine = mb.fit(X[:100], y[:100], model=machine, **few)
"""

ON_MODELS = {
    "small batches": "mb.fit(X, y, model=network, batch_size=10, **quick)",
    "all rows": "mb.fit(X, y, model=network, batch_size='full', **quick)",
    "all rows of a machine": "mb.fit(X, y, model=machine, batch_size='full', **quick)",
    "noise": "mb.fit(X, y, model=network, batch_size=10_000, record='noise', **quick)",
    "noise of a machine": "mb.fit(X, y, model=machine, batch_size=10_000, record='noise', **quick)",
    "validation": "mb.fit(X, y, model=network, validation=0.9, batch_size=2000, **quick)",
    "full loss": "mb.fit(X, y, model=network, record=('step', 'full_loss'), batch_size=10, **quick)",
    "many parameters": "mb.fit(X, y, model=large, batch_size=1, **quick)",
    "predict": "at_network.predict(X)",
    "predict by a machine": "at_machine.predict(X)",
    "gradient": "mb.gradient(X, y, at_network)",
    "gradient noise": "mb.diagnostics.gradient_noise(X, y, at=at_network, batch_sizes=[1000], n_draws=500)",
    "angles": "mb.diagnostics.gradient_angles(X, y, at=at_machine, batch_sizes=[1000], n_draws=500)",
    "strategies": "mb.diagnostics.compare_strategies(X, y, model=network, passes=50)",
    "step cost": "mb.diagnostics.step_cost(X, y, model=network, batch_sizes=[1, 20_000])",
}


@pytest.mark.parametrize("name", ON_MODELS)
def test_calls_on_models(name: str) -> None:
    script = f"""{BEYOND}
for delay in (0.005, 0.05, 0.3, 0.6):
    print(waited(lambda: {ON_MODELS[name]}, delay))
"""
    assert longest_wait(script) < 2
