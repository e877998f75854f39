"""Who says how many threads there are: arguments, calls, threadpoolctl, the environment, the machine."""

import json
import os
import subprocess
import sys

import mbgd_rs as mb
import numpy as np
import pytest

RNG = np.random.default_rng(0)
X = RNG.normal(size=(200, 3))


@pytest.fixture(autouse=True)
def _unset(monkeypatch):
    for variable in ("RAYON_NUM_THREADS", "OMP_NUM_THREADS"):
        monkeypatch.delenv(variable, raising=False)
    mb.set_num_threads(None)
    yield
    mb.set_num_threads(None)


def in_a_process(code, **environment):
    """What a new Python prints last, as JSON."""
    kept = {name: value for name, value in os.environ.items() if not name.endswith("_NUM_THREADS")}
    command, whole = [sys.executable, "-W", "error", "-c", code], {**kept, **environment}
    made = subprocess.run(command, env=whole, capture_output=True, text=True, check=False)
    assert made.returncode == 0, made.stderr
    return json.loads(made.stdout.splitlines()[-1])


def test_the_order_in_which_numbers_count(monkeypatch):
    processors = mb.get_num_threads()
    if hasattr(os, "sched_getaffinity"):
        assert processors <= len(os.sched_getaffinity(0))
    monkeypatch.setenv("OMP_NUM_THREADS", "5,2")
    assert mb.get_num_threads() == 5
    monkeypatch.setenv("RAYON_NUM_THREADS", "7")
    assert mb.get_num_threads() == 7
    mb.set_num_threads(3)
    assert mb.get_num_threads() == 3
    mb.set_num_threads(None)
    assert mb.get_num_threads() == 7
    monkeypatch.setenv("RAYON_NUM_THREADS", "many")
    assert mb.get_num_threads() == 5
    monkeypatch.setenv("OMP_NUM_THREADS", "0")
    assert mb.get_num_threads() == processors


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="no affinity here")
def test_the_affinity_of_the_process_counts():
    code = (
        "import os, mbgd_rs as mb\n"
        "before = mb.get_num_threads()\n"
        "os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})\n"
        "print(mb.get_num_threads())"
    )
    assert in_a_process(code) == 1


@pytest.mark.parametrize("n", [0, -1, 1.0, "2", True])
def test_bad_numbers_are_refused(n):
    with pytest.raises((TypeError, ValueError), match="n must be"):
        mb.set_num_threads(n)
    with pytest.raises((TypeError, ValueError), match="n_threads must be"):
        mb.fit(X, X[:, 0], epochs=1, n_threads=n)


# ---- threadpoolctl


def ours(info):
    return [library for library in info if library["internal_api"] == "mbgd_rs"]


def test_threadpoolctl_lists_and_limits_this_library():
    threadpoolctl = pytest.importorskip("threadpoolctl")
    mb.set_num_threads(6)
    (library,) = ours(threadpoolctl.threadpool_info())
    assert library["num_threads"] == 6
    assert library["version"] == mb.__version__
    assert library["filepath"] == os.path.realpath(mb._core.__file__)
    with threadpoolctl.threadpool_limits(1):
        assert mb.get_num_threads() == 1
        with threadpoolctl.threadpool_limits({"mbgd_rs": 4}):
            assert mb.get_num_threads() == 4
        assert mb.get_num_threads() == 1
        mb.fit(X, X[:, 0], epochs=1, n_threads=2)  # an argument counts more
    assert mb.get_num_threads() == 6
    with threadpoolctl.threadpool_limits(1, user_api="blas"):
        assert mb.get_num_threads() == 6


def test_a_limit_leaves_no_trace(monkeypatch):
    threadpoolctl = pytest.importorskip("threadpoolctl")
    with threadpoolctl.threadpool_limits(1):
        assert mb.get_num_threads() == 1
    monkeypatch.setenv("OMP_NUM_THREADS", "9")
    assert mb.get_num_threads() == 9


IN_EITHER_ORDER = (
    "import mbgd_rs as mb, threadpoolctl",
    "import threadpoolctl, mbgd_rs as mb",
    "import mbgd_rs as mb, importlib.util\nimportlib.util.find_spec('threadpoolctl')\nimport threadpoolctl",
    "import mbgd_rs as mb\nimport sklearn.linear_model\nimport threadpoolctl",
)


@pytest.mark.parametrize("imports", IN_EITHER_ORDER)
def test_imports_in_either_order(imports):
    pytest.importorskip("threadpoolctl")
    pytest.importorskip("sklearn")
    code = (
        f"{imports}\n"
        "import json\n"
        "with threadpoolctl.threadpool_limits(limits=1):\n"
        "    limited = mb.get_num_threads()\n"
        "listed = [library['user_api'] for library in threadpoolctl.threadpool_info()].count('mbgd_rs')\n"
        "print(json.dumps([limited, mb.get_num_threads(), listed, threadpoolctl.__spec__.name]))"
    )
    assert in_a_process(code, OMP_NUM_THREADS="3") == [1, 3, 1, "threadpoolctl"]


def test_neither_imports_the_other_nor_minds_if_it_is_not_there():
    code = (
        "import sys, json, mbgd_rs\n"
        "is_there = 'threadpoolctl' in sys.modules\n"
        "sys.path[:] = []\n"
        "try:\n"
        "    import threadpoolctl\n"
        "    found = True\n"
        "except ImportError:\n"
        "    found = False\n"
        "print(json.dumps([is_there, found]))"
    )
    assert in_a_process(code) == [False, False]


def test_workers_of_joblib_take_their_share():
    joblib = pytest.importorskip("joblib")
    with joblib.parallel_config("loky", n_jobs=2, inner_max_num_threads=1):
        found = joblib.Parallel()(joblib.delayed(mb.get_num_threads)() for _ in range(2))
    assert found == [1, 1]
