"""Several processes: the bits of one, votes, errors, kills. What they do is in `mpi_cases.py`."""

import shutil
import subprocess
import sys
import time
from pathlib import Path

import mbgd_rs as mb
import numpy as np
import pytest

pytest.importorskip("mpi4py", reason="needs mpi4py")

ADAM = mb.optimizers.Adam(learning_rate=0.02)

CLUSTER = Path(__file__).parents[2] / "examples" / "cluster"
CASES = Path(__file__).with_name("mpi_cases.py")
MPIEXEC = shutil.which("mpiexec", path=Path(sys.executable).parent) or shutil.which("mpiexec")
if MPIEXEC is None:
    pytest.skip("needs mpiexec", allow_module_level=True)

pytestmark = pytest.mark.alone


def data():
    """That of `mpi_cases.py`, which begins MPI when it is imported."""
    rng = np.random.default_rng(1)
    X = rng.standard_normal((700, 400)).astype(np.float32)
    return X, X[:, 0] - X[:, 1] + 0.1 * rng.standard_normal(700).astype(np.float32)


def started(n_ranks, *arguments, script=CASES):
    of_python = [sys.executable, "-W", "error", "-W", "ignore:the loss has grown"]
    command = [MPIEXEC, "-n", str(n_ranks), *of_python, str(script), *map(str, arguments)]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, stdout=pipe, stderr=subprocess.STDOUT, text=True)


def run(n_ranks, *arguments, script=CASES):
    process = started(n_ranks, *arguments, script=script)
    try:
        said, _ = process.communicate(timeout=120)
    finally:
        process.kill()
    assert process.returncode == 0, said
    assert "done" in said, said


@pytest.mark.parametrize("n_ranks", [2, 3, 4])
def test_ranks_have_the_bits_of_one_process(n_ranks):
    run(n_ranks, "bits")


@pytest.mark.parametrize("n_ranks", [2, 3])
def test_whatever_passes_over_rows_has_the_bits_of_one_process(n_ranks):
    run(n_ranks, "options")


@pytest.mark.parametrize("n_ranks", [2, 3, 4])
def test_sums_of_sparse_rows_are_of_the_columns_of_the_batch(n_ranks):
    run(n_ranks, "bytes_of_columns")


@pytest.mark.parametrize("n_ranks", [2, 4])
def test_ranks_with_rows_of_their_own_have_the_bits_of_one_process(n_ranks):
    run(n_ranks, "own_bits")


@pytest.mark.parametrize("n_ranks", [2, 4])
def test_whatever_is_of_all_rows_is_the_same_where_ranks_have_rows_of_their_own(n_ranks):
    run(n_ranks, "own_options")


@pytest.mark.parametrize("optimizer", ["adam", "saga"])
def test_ranks_with_rows_of_their_own_go_on_in_other_numbers(optimizer, tmp_path):
    for n_ranks in (2, 4, 1, 2):
        run(n_ranks, "own_resumes", tmp_path / "run.safetensors", optimizer)


def test_checkpoints_of_ranks_with_rows_of_their_own_are_of_all_rows(tmp_path):
    run(2, "own_checkpoints", tmp_path)


def test_rows_that_are_not_those_of_a_rank_are_refused():
    run(2, "own_errors")


@pytest.mark.parametrize("n_ranks", [2, 3])
def test_callbacks_and_clocks_are_those_of_rank_0(n_ranks):
    run(n_ranks, "callbacks")


@pytest.mark.parametrize("n_ranks", [2, 3])
def test_what_one_rank_raises_ends_all(n_ranks):
    run(n_ranks, "errors")


def test_different_calls_are_refused():
    run(3, "differences")


def test_a_run_goes_on_with_other_numbers_of_ranks(tmp_path):
    path = tmp_path / "run.safetensors"
    for n_ranks in (2, 4, 1):
        run(n_ranks, "resumes", path)
    r = mb.load(path)
    X, score = data()
    plain = {"loss": "squared_error", "optimizer": ADAM, "batch_size": 150}
    alone = mb.fit(X, score, **plain, epochs=20, stop=mb.stopping.MaxSteps(r.n_steps))
    assert r.n_steps == 21
    assert np.array_equal(r.coef, alone.coef)


@pytest.mark.parametrize("n_ranks", [2, 3])
def test_checkpoints_are_written_by_rank_0_and_gone_on_from_by_all(n_ranks, tmp_path):
    run(n_ranks, "checkpoints", tmp_path)


def test_the_script_for_clusters_goes_on_where_it_was(tmp_path):
    for n_ranks, n_epochs in ((2, 3), (3, 6)):
        process = started(n_ranks, tmp_path, n_epochs, script=CLUSTER / "train.py")
        said, _ = process.communicate(timeout=120)
        assert process.returncode == 0, said
        assert f"{n_ranks} ranks, {n_epochs} epochs" in said


def test_some_of_the_processes_make_a_run():
    run(3, "placed", CLUSTER)


@pytest.mark.parametrize("n_ranks", [2, 4])
def test_nobody_waits_for_a_rank_that_is_killed_and_checkpoints_are_whole(n_ranks, tmp_path):
    process = started(n_ranks, "killed", tmp_path)
    try:
        begin = time.monotonic()
        process.communicate(timeout=60)
        assert process.returncode != 0
        assert time.monotonic() - begin < 30  # imports and half a second of training among them
    finally:
        process.kill()
    X, score = data()
    plain = {"loss": "squared_error", "optimizer": ADAM, "batch_size": 300}
    n_steps = mb.load(sorted(tmp_path.glob("step-*"))[-1]).n_steps
    r = mb.fit(X, score, **plain, epochs=10**9, resume=tmp_path, stop=mb.stopping.MaxSteps(5))
    alone = mb.fit(X, score, **plain, epochs=10**9, stop=mb.stopping.MaxSteps(n_steps + 5))
    assert r.n_steps == alone.n_steps
    assert np.array_equal(r.coef, alone.coef)
