"""What is run: a race, the rows it is run on, and the batch size."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Case:
    """One cell of a table."""

    race: str
    """`dense`, `sparse`, `softmax`, `batches`, `memory`, `call`, `rows`, `columns` or `batch_sizes`."""
    data: str
    """The name of the rows, as `dataset.make` takes it."""
    n: int
    d: int
    b: int
    shuffle: bool = True


def dense(shapes: list[tuple[int, int]]) -> list[Case]:
    """One epoch of logistic regression, reshuffled and in sequence."""
    return [
        Case("dense", f"normal-{n}-{d}", n, d, b, shuffle)
        for n, d in shapes
        for shuffle in (True, False)
        for b in (1, 32, 256, 4096)
    ]


def growth(n_max: int, d_max: int, b_rows: int, b_columns: int) -> list[Case]:
    """How the cost grows with the rows, with the columns and with the batch."""
    n_of = [n for n in (10_000, 100_000, 1_000_000, 10_000_000) if n <= n_max]
    d_of = [d for d in (4, 16, 64, 256, 1024, 4096, 10_000) if d <= d_max]
    b_of = [b for b in (1, 4, 16, 64, 256, 1024, 4096, 16_384, 65_536) if b < b_rows]
    return [
        *(Case("rows", f"normal-{n}-10", n, 10, b) for n in n_of for b in (1, 256)),
        *(Case("columns", f"normal-10000-{d}", 10_000, d, b) for d in d_of for b in (1, 256)),
        *(Case("batch_sizes", f"normal-{b_rows}-{b_columns}", b_rows, b_columns, b) for b in [*b_of, b_rows]),
    ]


def every_case(quick: bool) -> list[Case]:
    """All that is run; `quick` is small, to see that it works."""
    if quick:
        shapes, gathered, large, grown = (
            [(2000, 30), (5000, 100)],
            5000,
            (20_000, 28),
            (100_000, 64, 5000, 100),
        )
    else:
        shapes = [(20_000, 30), (200_000, 100), (1_000_000, 28), (100_000, 784)]
        gathered, large, grown = 200_000, (1_000_000, 28), (10_000_000, 10_000, 200_000, 100)
    return [
        *dense(shapes),
        Case("sparse", "a9a", 32_560, 123, 64),
        Case("softmax", "mnist10k", 10_000, 784, 128),
        *(Case("batches", f"normal-{gathered}-50", gathered, 50, b) for b in (32, 256)),
        Case("memory", f"normal-{large[0]}-{large[1]}", *large, 256),
        Case("call", "normal-1437-64", 1437, 64, 256),
        Case("call", f"normal-{gathered}-100", gathered, 100, 256),
        *growth(*grown),
    ]
