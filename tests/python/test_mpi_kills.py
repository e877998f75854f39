"""One of two processes is killed: the other ends, and the run goes on to the bit. See `kills_of_ranks.py`."""

import os

import pytest

pytest.importorskip("mpi4py", reason="needs mpi4py")
from kills_of_ranks import MPIEXEC, PATIENCE, kill_and_resume

if MPIEXEC is None:
    pytest.skip("needs mpiexec", allow_module_level=True)

N_KILLS = int(os.environ.get("MBGD_KILLS", "4"))

pytestmark = pytest.mark.alone


def test_ranks_killed_at_random_times():
    seen, longest, wrong = kill_and_resume(N_KILLS)
    assert not wrong
    assert seen["kills"] == N_KILLS
    assert seen["with progress"] > 0
    assert longest < PATIENCE
