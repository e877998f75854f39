"""Where memory runs out, MemoryError is raised: nothing aborts, panics or hangs."""

import os
import subprocess
import sys
from pathlib import Path

import mbgd_rs as mb
import numpy as np
import pytest

CASES = Path(__file__).parent / "memory_cases.py"

# Bytes that a case may have beyond those of the process that starts it.
LIMITS = [round(64_000 * 1.6**i) for i in range(14)]

# Blocks from 64 KiB on are asked of the system, so that a limit is felt by what is as large as the data, and
# not by what is small and not asked for.
OF_THE_C_LIBRARY = {
    "MALLOC_MMAP_THRESHOLD_": "65536",
    "MALLOC_TRIM_THRESHOLD_": "1000000000",
    "MALLOC_ARENA_MAX": "1",
}


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the limit of the address space is Linux's")
def test_a_limit_of_the_address_space_ends_in_a_memory_error_or_in_a_result() -> None:
    pytest.importorskip("scipy.sparse")
    ended = subprocess.run(
        [sys.executable, str(CASES), *map(str, LIMITS)],
        env=os.environ | OF_THE_C_LIBRARY,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert ended.returncode == 0, ended.stderr + ended.stdout
    outcomes = ended.stdout.splitlines()
    wrong = [line for line in outcomes if not line.endswith(("MemoryError", "result"))]
    assert not wrong, "\n".join(wrong)
    n_felt = sum(line.endswith("MemoryError") for line in outcomes)
    print(f"{len(outcomes)} calls, of which {n_felt} had too little memory")
    assert n_felt > len(outcomes) // 4


@pytest.mark.parametrize("n_columns", [2**40, 2**56, 2**60, 2**62])
@pytest.mark.parametrize("optimizer", ["auto", "sgd", "adam", "lion", "ftrl", "svrg"])
def test_very_many_columns(n_columns: int, optimizer: str) -> None:
    sparse = pytest.importorskip("scipy.sparse")
    X = sparse.csr_matrix(
        (np.ones(3), np.array([0, 1, n_columns - 1]), np.array([0, 1, 2, 3])), shape=(3, n_columns)
    )
    with pytest.raises((MemoryError, ValueError)) as raised:
        mb.fit(X, [1.0, 2.0, 3.0], optimizer=optimizer, epochs=1)
    assert isinstance(raised.value, MemoryError) or "too large" in str(raised.value)


def test_the_order_of_very_many_rows() -> None:
    with pytest.raises(MemoryError, match="order"):
        next(iter(mb.Batches(10**13, 10, shuffle=False).epoch(0)))
    with pytest.raises(MemoryError, match="order"):
        mb.Batches(10**13, 10).batch(0, 0)
    with pytest.raises(MemoryError, match="batch"):
        mb.Batches(10**13, 10**13, shuffle=False).batch(0, 0)


@pytest.mark.parametrize("shuffle", ["full", False, "block"])
def test_minibatches_of_very_many_rows(shuffle: object) -> None:
    X = np.empty((10**13, 0))
    with pytest.raises(MemoryError):
        next(iter(mb.minibatches(X, batch_size="full", shuffle=shuffle)))  # type: ignore[call-overload]
