"""The batch size that nobody has given."""

import mbgd_rs as mb
import numpy as np
import pytest
import scipy.sparse
from mbgd_rs import reference
from mbgd_rs.optimizers import SGD

N = 70_000


def data(kind, dtype="float32", d=8, noise=1.0):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(N, d)).astype(dtype)
    scores = X @ rng.normal(size=(d, 3)) + noise * rng.normal(size=(N, 3))
    return X, {"numbers": scores[:, 0], "two": scores[:, 0] > 0, "three": scores.argmax(axis=1)}[kind]


CASES = [
    ("numbers", {"optimizer": SGD(0.01)}),
    ("two", {"loss": "log_loss", "optimizer": "adam"}),
    ("three", {"loss": "log_loss", "penalty": "l2", "optimizer": SGD(0.1), "accumulate": 2}),
    ("two", {"loss": "log_loss", "sample_weight": np.linspace(0, 2, N), "optimizer": SGD(0.1)}),
]
# An automatic rate is tried out until the loss has risen by 30 orders of magnitude and more, and what single
# precision then makes of it depends on the last bits: both find the same size at most seeds, not at all.
AUTOMATIC = "numbers", {"optimizer": "sgd", "fit_intercept": False}
TYPED_CASES = [(*case, dtype) for case in CASES for dtype in ("float32", "float64")]


@pytest.mark.parametrize(
    ("kind", "options", "dtype"), [*TYPED_CASES, (*AUTOMATIC, "float64")], ids=lambda case: str(case)[:50]
)
def test_many_rows_are_given_the_size_of_the_reference(kind, options, dtype):
    X, y = data(kind, dtype)
    ours = mb.fit(X, y, epochs=1, **options)
    theirs = reference.fit(X, y, epochs=1, **options, record=("step",))
    assert ours.auto_batch_size is not None
    assert ours.batch_size == ours.auto_batch_size.batch_size == ours.history.batch_size[0]
    assert ours.batch_size * options.get("accumulate", 1) == theirs.history["batch_size"][0]


def test_few_rows_are_given_256():
    X, y = data("numbers")
    few = mb.fit(X[:65_535], y[:65_535], epochs=1, optimizer=SGD(0.01))
    assert few.batch_size == 256
    assert few.auto_batch_size is None
    assert mb.fit(X[:100], y[:100], epochs=1, optimizer=SGD(0.01)).batch_size == 100


def test_noisier_data_have_larger_batches():
    sizes = []
    for noise in (0.3, 3.0, 30.0):
        run = mb.fit(*data("numbers", noise=noise), epochs=1, optimizer=SGD(0.02))
        sizes.append(run.batch_size)
    assert sizes == sorted(sizes)
    assert sizes[0] < sizes[-1]


def test_the_choice_is_the_same_for_any_number_of_threads_and_goes_on():
    X, y = data("two")
    options = {"loss": "log_loss", "optimizer": SGD(0.1)}
    one, two = (mb.fit(X, y, **options, epochs=3, n_threads=n) for n in (1, 2))
    assert one.auto_batch_size == two.auto_batch_size
    np.testing.assert_array_equal(one.coef, two.coef)
    begun = mb.fit(X, y, **options, epochs=3, stop=mb.stopping.MaxSteps(100))
    rest = mb.fit(X, y, **options, epochs=3 - begun.n_epochs, resume=begun)
    np.testing.assert_array_equal(rest.coef, one.coef)
    assert rest.auto_batch_size == one.auto_batch_size
    # The choice leaves no trace: a fit with that size is the same fit.
    given = mb.fit(X, y, **options, epochs=3, batch_size=one.batch_size)
    np.testing.assert_array_equal(given.coef, one.coef)


def test_a_pilot_that_diverges_or_has_no_noise_leaves_256():
    X, y = data("numbers")
    with pytest.raises(mb.DivergenceError) as caught:
        mb.fit(X, y, optimizer=SGD(1e30), epochs=1)
    assert caught.value.result.batch_size == 256
    flat = mb.fit(X, np.zeros(N), optimizer=SGD(0.01), epochs=1)
    assert (flat.batch_size, flat.auto_batch_size) == (256, None)
    weight = np.zeros(N)
    weight[:3] = 1.0  # no drawn row has one
    assert mb.fit(X, y, sample_weight=weight, optimizer=SGD(0.01), epochs=1).batch_size in (256, 8192)


def test_sparse_rows_and_validation_rows():
    X, y = data("two")
    X[np.abs(X) < 1] = 0
    options = {"loss": "log_loss", "optimizer": SGD(0.1), "epochs": 1}
    dense, sparse = mb.fit(X, y, **options), mb.fit(scipy.sparse.csr_array(X), y, **options)
    assert sparse.auto_batch_size.noise_scale == pytest.approx(dense.auto_batch_size.noise_scale, rel=1e-2)
    assert mb.fit(X, y, **options, validation=0.2).auto_batch_size is None  # 56,000 rows are left
    assert mb.fit(X, y, **options, validation=0.05).auto_batch_size is not None
