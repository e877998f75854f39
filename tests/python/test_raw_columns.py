"""The warning of a source whose columns and targets the rates of "auto" are not made for."""

import warnings

import mbgd_rs as mb
import numpy as np
import pytest
import scipy.sparse as sp
from mbgd_rs.sources import Arrays

RNG = np.random.default_rng(0)
N = 600
PLAIN = RNG.standard_normal((N, 3)).astype(np.float32)
NUMBERS = PLAIN @ np.float32([1.0, -2.0, 0.5])


def with_column(values):
    return np.column_stack([PLAIN, values]).astype(np.float32)


def said(X, y=NUMBERS, **given):
    """What is warned of."""
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        mb.fit(Arrays(X, y, rows=200), **{"epochs": 1, **given})
    return [str(warning.message) for warning in found]


WARNED = {
    "spreads": (with_column(1000 * PLAIN[:, 0]), NUMBERS, "spreads differ by more than a factor of 100"),
    "small": (with_column(PLAIN[:, 0] / 1000), NUMBERS, "spreads differ by more than a factor of 100"),
    "centred": (with_column(PLAIN[:, 0] - 20), NUMBERS, "centred further than 10 spreads from zero, at -20"),
    "targets": (PLAIN, 20 * NUMBERS, "targets with a spread of"),
    "outputs": (PLAIN, np.column_stack([NUMBERS, 20 * NUMBERS]), "targets with a spread of"),
    "far": (PLAIN, NUMBERS + 1000, "targets centred at 1e+03, further than 100 from zero"),
}


@pytest.mark.parametrize("name", WARNED)
def test_what_is_out_of_proportion_is_said_once_with_the_remedy(name):
    X, y, message = WARNED[name]
    (text,) = said(X, y)
    assert message in text
    assert "Give standardize=True, which reads the source three times more" in text
    assert said(X, y, standardize=True) == []
    assert said(X, y, optimizer="adam") == []


@pytest.mark.parametrize(
    "X",
    [
        PLAIN,
        with_column(np.arange(N) == 7),
        with_column(np.arange(N) != 7),
        with_column(np.zeros(N)),
        with_column(np.full(N, 1e6)),
        sp.csr_matrix(with_column(1000 * PLAIN[:, 0])),
    ],
    ids=["plain", "rare", "nearly always", "zeros", "constant", "sparse"],
)
def test_columns_that_are_trained_on_well_are_not_warned_of(X):
    assert said(X) == []


def test_classes_and_links_have_no_width_of_targets():
    assert said(PLAIN, (NUMBERS > 0) * 100, loss="log_loss") == []
    assert said(PLAIN, np.floor(np.exp(NUMBERS)), loss="poisson") == []


def test_a_run_that_goes_on_does_not_say_it_again():
    X = with_column(1000 * PLAIN[:, 0])
    with pytest.warns(UserWarning, match="spreads differ"):
        begun = mb.fit(Arrays(X, NUMBERS, rows=200), epochs=1)
    assert said(X, resume=begun, epochs=2) == []


def test_the_name_of_a_column_is_said():
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame({"a": PLAIN[:, 0], "b": 1000 * PLAIN[:, 1]})
    (text,) = said(frame)
    assert "in 'b'" in text
    assert "in 'a'" in text
