"""Equal bits for every number of threads and every instruction set."""

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import mbgd_rs as mb
import numpy as np
import pytest
from mbgd_rs.choices import members_of

N_THREADS = [1, 2, 3, 7]


def cases():
    """Problems with batches large enough to be shared by threads, and some that are not."""
    rng = np.random.default_rng(0)
    n, d = 1700, 53
    X = rng.normal(size=(n, d))
    z = X @ rng.normal(size=(d, 3)) + rng.normal(size=(n, 3))
    s = rng.uniform(0, 2, n)
    sgd = mb.optimizers.SGD(0.02, momentum=0.9)
    adam = mb.optimizers.Adam(0.01)
    net = mb.penalties.ElasticNet(1e-3, 0.5)
    strengths = mb.penalties.ElasticNet(np.abs(np.sin(np.arange(d))) * 0.01, 0.5)
    groups = mb.penalties.GroupElasticNet(0.02, 0.5)
    one_cycle = mb.schedules.OneCycle(0.02, n_steps=30)
    plateau = mb.schedules.Plateau(0.02, n_iter_no_change=1, tol=1.0)
    tables = {
        "squared_error": (z[:, 0], {"optimizer": adam, "penalty": net}),
        "three outputs": (z, {"optimizer": sgd, "sample_weight": s}),
        "log_loss": (z[:, 0] > 0, {"loss": "log_loss", "optimizer": sgd, "penalty": net}),
        "softmax": (z.argmax(axis=1), {"loss": "log_loss", "optimizer": adam, "sample_weight": s}),
        "hinge": (z[:, 0] > 0, {"loss": "hinge", "optimizer": sgd, "clip_norm": 0.5}),
        "strengths": (z[:, 0], {"penalty": strengths, "optimizer": mb.optimizers.Adam(one_cycle)}),
        "groups": (z, {"penalty": groups, "optimizer": mb.optimizers.SGD(plateau, momentum=0.9)}),
        "hinge of three": (z.argmax(axis=1), {"loss": "hinge", "optimizer": adam, "penalty": net}),
        "huber": (z[:, 0], {"loss": mb.losses.Huber(0.5), "optimizer": adam}),
        "log_cosh of three": (z, {"loss": "log_cosh", "optimizer": sgd}),
        "tweedie": (np.abs(z[:, 0]), {"loss": "tweedie", "optimizer": adam, "sample_weight": s}),
        "three labels": (z > 0, {"loss": mb.losses.Focal(1.5), "optimizer": sgd}),
        "crammer_singer": (z.argmax(axis=1), {"loss": "crammer_singer", "optimizer": adam, "penalty": net}),
        "offsets": (np.abs(z[:, 0]), {"loss": "poisson", "optimizer": adam, "offset": z[:, 1] / 9}),
        "offsets of three": (z.argmax(axis=1), {"loss": "log_loss", "optimizer": "saga", "offset": z}),
    }
    for dtype in (np.float32, np.float64):
        for name, (y, options) in tables.items():
            y = y.astype(dtype) if y.dtype == float else y
            for batch_size in (7, 1000, "full"):
                label = f"{name}, {np.dtype(dtype)}, batch_size={batch_size}"
                epochs = 1 if batch_size == 7 else 3
                yield label, (X.astype(dtype), y), {"batch_size": batch_size, "epochs": epochs, **options}
        for name, rule in members_of(mb.optimizers.Optimizer).items():
            decay = {"weight_decay": 0.1} if hasattr(rule, "weight_decay") else {}
            options = {"optimizer": rule(0.01, **decay), "penalty": net, "batch_size": 300, "epochs": 2}
            average = None if name.startswith("schedule_free") else "ema"
            yield (
                f"{name}, {np.dtype(dtype)}",
                (X.astype(dtype), z.astype(dtype)),
                {**options, "average": average},
            )


def fingerprints(n_threads):
    """SHA-256 of everything computed, by case."""
    result = {}
    for label, data, options in cases():
        r = mb.fit(*data, **options, n_threads=n_threads, record=("step", "full_loss"))
        value, gradient = mb.gradient(*data, r, loss=options.get("loss", "squared_error"))
        score = r.predict(data[0]) if r.classes is None else r.decision_function(data[0])
        h = r.history
        arrays = [r.coef, r.intercept, h.step_loss, h.gradient_norm, h.epoch_loss, h.full_loss]
        digest = hashlib.sha256()
        for array in (*arrays, value, *gradient, score):
            digest.update(np.ascontiguousarray(array).tobytes())
        result[label] = digest.hexdigest()
    return result


@pytest.fixture(scope="module")
def expected():
    return fingerprints(n_threads=1)


@pytest.mark.parametrize("n_threads", N_THREADS[1:])
def test_threads(expected, n_threads):
    assert fingerprints(n_threads) == expected


INSTRUCTIONS = {"avx2": {"avx2", "fma"}, "avx512": {"avx512f", "avx512bw", "avx512dq", "avx512vl"}}


def must_have(tier):
    """Whether the operating system says that the processor has what the tier needs."""
    try:
        flags = set(Path("/proc/cpuinfo").read_text().split())
    except OSError:
        flags = set()
    return tier == "scalar" or INSTRUCTIONS.get(tier, {tier}) <= flags


def run_with(tier, program):
    environment = {**os.environ, "MBGD_RS_SIMD": tier, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    command = [sys.executable, "-c", program]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("tier", ["scalar", "avx2", "avx512", "neon"])
def test_instruction_sets(expected, tier):
    folder = str(Path(__file__).parent)
    program = f"""
import json, sys
sys.path.insert(0, {folder!r})
from test_same_bits import fingerprints
print(json.dumps(fingerprints(n_threads=3)))
"""
    run = run_with(tier, program)
    if "not possible on this processor" in run.stderr and not must_have(tier):
        pytest.skip(f"no {tier} on this machine")
    assert run.returncode == 0, run.stderr
    assert json.loads(run.stdout) == expected


def test_an_unknown_instruction_set_is_an_error():
    run = run_with("sse9", "import numpy as np, mbgd_rs as mb; mb.fit(np.eye(3), np.arange(3.0))")
    assert run.returncode == 1
    last_line = run.stderr.strip().splitlines()[-1]
    assert last_line.startswith("ValueError: MBGD_RS_SIMD")
    assert all(word in last_line for word in ("sse9", "scalar", "avx2"))
