"""Several processes that train on a source: the bits of one, decisions, errors. See `mpi_source_cases.py`."""

from pathlib import Path

import mbgd_rs as mb
import pytest
from test_mpi import run

CASES = Path(__file__).with_name("mpi_source_cases.py")

pytestmark = pytest.mark.alone


@pytest.mark.parametrize("n_ranks", [2, 4])
def test_ranks_have_the_bits_of_one_process(n_ranks, tmp_path):
    pytest.importorskip("pyarrow", reason="needs pyarrow")
    run(n_ranks, "bits", tmp_path, script=CASES)


@pytest.mark.parametrize("n_ranks", [2, 3])
def test_what_machines_have_is_agreed_on(n_ranks):
    run(n_ranks, "decisions", script=CASES)


@pytest.mark.parametrize("n_ranks", [2, 3])
def test_what_one_rank_cannot_read_ends_all(n_ranks, tmp_path):
    run(n_ranks, "errors", tmp_path, script=CASES)


def test_a_run_goes_on_with_other_numbers_of_ranks(tmp_path):
    for n_ranks, n_epochs in ((2, 1), (3, 3), (4, 4), (1, 6)):
        run(n_ranks, "resumes", tmp_path, n_epochs, script=CASES)
    assert mb.load(max((tmp_path / "epoch").iterdir())).n_steps == 33
