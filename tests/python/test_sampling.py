"""Block, weighted and stratified orders: against the reference, against chance, and in training.

Tests of chance have fixed seeds; the constants say how rarely a right sampler would fail them at an arbitrary
seed.
"""

import itertools
import pickle
from collections import Counter

import mbgd_rs as mb
import numpy as np
import pytest
from mbgd_rs import reference
from mbgd_rs.optimizers import SGD
from mbgd_rs.sampling import Block, Sharded, Stratified, Weighted
from scipy.stats import chisquare

ERROR_RATE = 1e-4
RNG = np.random.default_rng(7)
N = 1000
WEIGHTS = RNG.pareto(1.5, N) * (RNG.random(N) < 0.9)
GROUPS = RNG.choice(["a", "b", "c", "d"], N, p=[0.7, 0.25, 0.049, 0.001])
KINDS = {
    "block": "block",
    "small blocks": Block(rows=7, window=5),
    "blocks of one": Block(rows=1, window=10),
    "one window": Block(rows=64, window=10**9),
    "large blocks": Block(rows=2**62, window=2),
    "two shards": Sharded(2),
    "one shard": Sharded(1),
    "small shards": Sharded(256),
    "weighted": Weighted(WEIGHTS),
    "weighted, more": Weighted(WEIGHTS, n_samples=2500),
    "weighted, once": Weighted(WEIGHTS, replacement=False),
    "weighted, some": Weighted(WEIGHTS, replacement=False, n_samples=333),
    "weighted, tiny": Weighted(WEIGHTS * 1e-300),
    "weighted, huge": Weighted(WEIGHTS / WEIGHTS.max() * 1e308, replacement=False),
    "stratified": Stratified(GROUPS),
    "each its own": Stratified(np.arange(N)),
    "one stratum": Stratified(np.zeros(N)),
}
ONCE = [name for name, kind in KINDS.items() if not isinstance(kind, Weighted)]


def order(k, size, shuffle, seed=3, n=N, **options):
    return np.concatenate(list(mb.Batches(n, size, shuffle, seed=seed, **options).epoch(k)))


# ---- the specification


@pytest.mark.parametrize("size", [1, 64, 300, "full"])
@pytest.mark.parametrize("name", KINDS)
def test_orders_are_those_of_the_reference(name, size):
    for seed, k in [(0, 0), (2**63 + 5, 2**31)]:
        b = N if size == "full" else size
        specified = reference.order_of_epochs(KINDS[name], False, seed, N, b)(k)
        assert order(k, size, KINDS[name], seed).tolist() == specified.tolist()


def test_large_orders_are_those_of_the_reference():
    rng = np.random.default_rng(0)
    n = 300_000
    for shuffle in (
        "block",
        Weighted(rng.random(n)),
        Weighted(rng.random(n), replacement=False),
        Weighted(rng.random(n), replacement=False, n_samples=1000),
        Stratified(rng.integers(0, 1000, n)),
    ):
        specified = reference.order_of_epochs(shuffle, False, 1, n, 256)(2)
        assert np.array_equal(order(2, 256, shuffle, 1, n), specified)


@pytest.mark.parametrize("drop_last", [False, True])
@pytest.mark.parametrize("name", KINDS)
def test_every_step_can_be_reached_on_its_own(name, drop_last):
    batches = mb.Batches(N, 64, KINDS[name], drop_last=drop_last, seed=5)
    epoch = list(batches.epoch(3))
    n = len(order(3, 64, KINDS[name]))
    n_full, rest = divmod(n, 64)
    assert [len(rows) for rows in epoch] == [64] * n_full + ([rest] if rest and not drop_last else [])
    assert len(batches) == len(epoch)
    for step, rows in enumerate(epoch):
        assert batches.batch(3, step).tolist() == rows.tolist()
    rows = np.concatenate(epoch)
    if name in ONCE:
        assert len(set(rows.tolist())) == len(rows)
        assert drop_last or sorted(rows.tolist()) == list(range(N))
    assert order(0, 64, KINDS[name]).tolist() != order(1, 64, KINDS[name]).tolist()


@pytest.mark.parametrize("name", KINDS)
def test_batches_are_iterated_printed_and_pickled(name):
    batches = mb.Batches(N, 100, KINDS[name], seed=8)
    again = pickle.loads(pickle.dumps(batches))
    assert repr(again) == repr(batches)
    assert len(repr(batches)) < 200
    epochs = [rows.tolist() for rows in again.epochs(2, first=5)]
    assert epochs == [rows.tolist() for k in (5, 6) for rows in batches.epoch(k)]
    assert len(epochs) == 2 * len(batches)


# ---- chance


def p_value(counts, expected):
    expected = np.asarray(expected, float)
    return chisquare(counts, expected / expected.sum() * np.sum(counts)).pvalue


def assert_like(counts, expected):
    """By Pearson's chi-square test, both tails."""
    assert ERROR_RATE / 2 < p_value(counts, expected) < 1 - ERROR_RATE / 2


def test_weighted_rows_come_in_proportion():
    weights = np.array([1, 0, 3, 0.5, 0, 8, 2])
    for scale in (1, 1e-300, 1e307):
        rows = order(0, "full", Weighted(weights * scale, n_samples=200_000), n=7)
        counts = np.bincount(rows, minlength=7)
        assert (counts[weights == 0] == 0).all()
        assert_like(counts[weights > 0], weights[weights > 0])
        pairs = np.bincount(rows[::2] * 7 + rows[1::2], minlength=49)
        joint = np.outer(weights, weights).ravel()
        assert_like(pairs[joint > 0], joint[joint > 0])
        # The test has the power to see probabilities that are wrong by a few percent.
        wrong = np.where(weights == 3, 3.2, weights)
        assert p_value(counts[weights > 0], wrong[weights > 0]) < ERROR_RATE


def test_weighted_positions_of_epochs_and_seeds_are_independent():
    weights = np.array([1, 4, 2.0])
    for by_seed in (False, True):
        rows = np.array(
            [
                order(0 if by_seed else k, "full", Weighted(weights), k if by_seed else 0, n=3)
                for k in range(6000)
            ]
        )
        joint = np.outer(weights, weights).ravel()
        for a, b in [(rows[::2, 0], rows[1::2, 0]), (rows[:, 0], rows[:, 2])]:
            assert_like(np.bincount(a * 3 + b, minlength=9), joint)


def successive(weights, rows):
    """The probability of this order, each row drawn by weight among those left."""
    p, left = 1.0, weights.sum()
    for row in rows:
        p *= weights[row] / left
        left -= weights[row]
    return p


def test_weighted_orders_without_replacement_are_those_of_successive_draws():
    weights = np.array([5, 1, 0, 2, 3.0])
    shuffle = Weighted(weights, replacement=False)
    orders = list(itertools.permutations([0, 1, 3, 4]))
    batches = mb.Batches(5, "full", shuffle, seed=1)
    assert len(batches.batch(0, 0)) == 4
    counts = Counter(tuple(next(batches.epoch(k)).tolist()) for k in range(20_000))
    expected = [successive(weights, rows) for rows in orders]
    assert_like([counts[rows] for rows in orders], expected)
    # Keys u w in place of u^(1/w), a common mistake.
    u = np.random.default_rng(0).random((20_000, 5)) * weights
    wrong = Counter(tuple(row[:4].tolist()) for row in np.argsort(-u, axis=1))
    assert p_value([wrong[rows] for rows in orders], expected) < ERROR_RATE

    some = mb.Batches(5, "full", Weighted(weights, replacement=False, n_samples=2), seed=1)
    pairs = Counter(tuple(next(some.epoch(k)).tolist()) for k in range(20_000))
    orders = list(itertools.permutations([0, 1, 3, 4], 2))
    assert_like([pairs[rows] for rows in orders], [successive(weights, rows) for rows in orders])


def test_waiting_times_are_logarithms():
    k = np.concatenate([RNG.integers(1, 2**53, 10_000), 2 ** np.arange(54), 2**53 - 2 ** np.arange(53)])
    np.testing.assert_allclose(
        reference.exponential(k.astype(np.uint64)), -np.log(k / 2**53), rtol=1e-15, atol=0
    )


def shares(rows, groups, size):
    """Rows of each stratum (columns) in each batch, and what they should be but for rounding."""
    numbers = np.unique(groups, return_inverse=True)[1]
    batches = [numbers[rows[i : i + size]] for i in range(0, len(rows), size)]
    counts = np.array([np.bincount(batch, minlength=numbers.max() + 1) for batch in batches])
    return counts, np.outer(counts.sum(axis=1), np.bincount(numbers)) / len(rows)


STRATA = {
    "four": GROUPS,
    "rare": np.arange(N) < 3,
    "many small": np.arange(N) // 2,
    "each its own": np.arange(N),
    "skewed": np.minimum(RNG.geometric(0.3, N), 12),
    "half": np.arange(N) % 2,
}


@pytest.mark.parametrize("size", [1, 2, 3, 7, 32, 64, 250, 333, 501, 999, 1000])
@pytest.mark.parametrize("name", STRATA)
def test_every_batch_has_the_strata_in_proportion(name, size):
    for k in range(3):
        counts, expected = shares(order(k, size, Stratified(STRATA[name])), STRATA[name], size)
        assert np.abs(counts - expected).max() < 1  # rounded down or up, no more
        assert (counts.sum(axis=0) == np.unique(STRATA[name], return_counts=True)[1]).all()


def test_a_plain_shuffle_does_not_have_the_strata_in_proportion():
    counts, expected = shares(order(0, 64, "full"), GROUPS, 64)
    assert np.abs(counts - expected).max() > 3


def test_any_division_into_strata_is_kept():
    rng = np.random.default_rng(0)
    for _ in range(300):
        n = int(rng.integers(1, 60))
        groups = rng.integers(0, rng.integers(1, n + 1), n)
        size = int(rng.integers(1, n + 1))
        rows = order(int(rng.integers(100)), size, Stratified(groups), n=n)
        assert sorted(rows.tolist()) == list(range(n))
        counts, expected = shares(rows, groups, size)
        assert np.abs(counts - expected).max() < 1


def test_rows_of_strata_come_equally_often_in_every_batch():
    groups, size, n_epochs = np.array([0] * 7 + [1] * 3 + [2]), 4, 20_000  # batches of 4, 4 and 3
    batches = mb.Batches(11, size, Stratified(groups), seed=2)
    orders = np.array([np.concatenate(list(batches.epoch(k))) for k in range(n_epochs)])
    batch_of = np.argsort(orders, axis=1) // size
    for row in range(11):
        assert_like(np.bincount(batch_of[:, row], minlength=3), [4, 4, 3])
    within = orders[groups[orders] == 0].reshape(n_epochs, 7)  # in which order the first stratum comes
    for position in range(7):
        assert_like(np.bincount(within[:, position], minlength=7), np.ones(7))


def test_blocks_are_kept_together_in_windows():
    n, rows, window = 1000, 10, 4
    found = order(0, "full", Block(rows, window), n=n)
    for start in range(0, n, rows * window):
        part = found[start : start + rows * window]
        assert len(set((part // rows).tolist())) == window
        assert part.tolist() != sorted(part.tolist())
    assert np.abs(np.diff(order(0, "full", "full", n=n) // rows)).mean() > 20  # unlike a full shuffle


@pytest.mark.parametrize(("n", "b", "shards"), [(1024, 256, 4), (1003, 128, 8), (1000, 100, 2), (37, 8, 16)])
def test_every_batch_has_its_share_of_every_shard(n, b, shards):
    sizes = (n + np.arange(shards)) // shards
    shard_of = np.repeat(np.arange(shards), sizes)
    batches = list(mb.Batches(n, b, Sharded(shards), seed=4).epoch(2))
    assert sorted(np.concatenate(batches).tolist()) == list(range(n))
    for batch in batches[:-1]:
        assert (np.diff(shard_of[batch]) >= 0).all(), "shards come in order"
        shares = np.bincount(shard_of[batch], minlength=shards)
        assert shares.min() >= b // shards
        assert shares.max() <= -(-b // shards)


@pytest.mark.parametrize(("n", "shards"), [(1003, 8), (64, 16), (5, 8), (0, 4)])
def test_processes_have_the_rows_of_equally_many_shards(n, shards):
    sizes = (n + np.arange(shards)) // shards
    shard_of = np.repeat(np.arange(shards), sizes)
    for size in (1, 2, shards):
        rows = [Sharded(shards).rows_of(rank, size, n) for rank in range(size)]
        assert [row for own in rows for row in range(n)[own]] == list(range(n))
        for rank, own in enumerate(rows):
            assert (shard_of[own] // (shards // size) == rank).all()


@pytest.mark.parametrize("drop_last", [False, True])
@pytest.mark.parametrize("accumulate", [1, 3])
def test_steps_of_shards_are_those_of_the_reference(accumulate, drop_last):
    rng = np.random.default_rng(0)
    A, classes = rng.standard_normal((203, 5)), rng.integers(0, 3, 203)
    options = {
        "loss": "log_loss",
        "model": mb.models.MLP(hidden=(6,), dropout=0.3),
        "optimizer": mb.optimizers.SGD(0.1),
        "batch_size": 20,
        "epochs": 3,
        "shuffle": Sharded(8),
        "accumulate": accumulate,
        "drop_last": drop_last,
        "seed": 5,
    }
    found, expected = mb.fit(A, classes, **options), mb.reference.fit(A, classes, **options)
    assert found.n_steps == expected.n_steps
    np.testing.assert_allclose(found.history.epoch_loss, expected.history["epoch_loss"], rtol=1e-9)


@pytest.mark.parametrize("n_processes", [1, 2, 4, 8])
def test_equal_runs_of_a_batch_are_of_equal_runs_of_rows(n_processes):
    n, b = 8192, 1024
    for batch in mb.Batches(n, b, Sharded(8), seed=4).epoch(1):
        owner = batch.reshape(n_processes, -1) // (n // n_processes)
        assert (owner == np.arange(n_processes)[:, None]).all()


def test_rows_of_a_shard_are_a_uniform_permutation():
    batches = mb.Batches(8, 4, Sharded(2), seed=1)
    orders = np.array([np.concatenate(list(batches.epoch(k))) for k in range(12_000)])
    first, second = orders[:, [0, 1, 4, 5]], orders[:, [2, 3, 6, 7]]
    for rows, shard in ((first, range(4)), (second, range(4, 8))):
        counts = Counter(map(tuple, rows.tolist()))
        assert_like([counts[order] for order in itertools.permutations(shard)], np.ones(24))
    together = np.bincount((first[:, 0] * 4 + second[:, 0] - 4).astype(int), minlength=16)
    assert_like(together, np.ones(16))  # and shards know nothing of each other


def test_rows_of_blocks_come_equally_often_at_every_position():
    batches = mb.Batches(12, "full", Block(rows=3, window=2), seed=1)
    orders = np.array([next(batches.epoch(k)) for k in range(12_000)])
    for position in range(12):
        assert_like(np.bincount(orders[:, position], minlength=12), np.ones(12))
    # What is given up: rows of a block share the window.
    together = (np.argsort(orders, axis=1) < 6)[:, [0, 1]]
    assert (together[:, 0] == together[:, 1]).all()


def test_a_window_with_all_rows_is_a_uniform_permutation():
    batches = mb.Batches(5, "full", Block(rows=2, window=3), seed=1)
    counts = Counter(tuple(next(batches.epoch(k)).tolist()) for k in range(24_000))
    assert_like([counts[rows] for rows in itertools.permutations(range(5))], np.ones(120))


# ---- training

X = RNG.normal(size=(300, 4))
Y = X @ [1.0, -2.0, 0.5, 0.0] + 0.3 * RNG.normal(size=300) + 1
CLASS = np.where(Y > 2.5, "high", np.where(Y > 0, "middle", "low"))
FIT_KINDS = {
    "block": "block",
    "small blocks": Block(rows=7, window=5),
    "weighted": Weighted(np.arange(300)),
    "weighted, more": Weighted(np.arange(300), n_samples=1000),
    "weighted, once": Weighted(np.arange(300), replacement=False),
    "corrected": Weighted(np.arange(1, 301), correct_bias=True),
    "groups": Stratified(np.arange(300) % 7),
}


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("drop_last", [False, True])
@pytest.mark.parametrize("name", FIT_KINDS)
def test_training_is_that_of_the_reference(name, drop_last, dtype):
    options = {
        "shuffle": FIT_KINDS[name],
        "batch_size": 32,
        "epochs": 3,
        "drop_last": drop_last,
        "sample_weight": np.arange(1, 301) % 5 + 1.0,
        "optimizer": mb.optimizers.SGD(learning_rate=0.05),
        "record": ("step", "full_loss", "path"),
        "seed": 4,
    }
    ours = mb.fit(X.astype(dtype), Y.astype(dtype), **options)
    theirs = reference.fit(X.astype(dtype), Y.astype(dtype), **options)
    tolerance = {"rtol": 2e-4, "atol": 1e-5} if dtype == np.float32 else {"rtol": 1e-10, "atol": 1e-12}
    for record in ("path", "step_loss", "full_loss", "epoch_loss"):
        np.testing.assert_allclose(getattr(ours.history, record), theirs.history[record], **tolerance)


@pytest.mark.parametrize("loss", ["log_loss", "hinge"])
@pytest.mark.parametrize("labels", [CLASS, CLASS == "high"])
def test_strata_are_the_classes_by_default(labels, loss):
    options = {"loss": loss, "batch_size": 32, "epochs": 2, "seed": 1, "optimizer": "sgd"}
    by_name = mb.fit(X, labels, shuffle="stratified", **options)
    by_groups = mb.fit(X, labels, shuffle=Stratified(labels), **options)
    specified = reference.fit(X, labels, shuffle="stratified", **options)
    assert by_name.coef.tolist() == by_groups.coef.tolist()
    np.testing.assert_allclose(by_name.coef, specified.coef, rtol=1e-10)
    yielded = mb.minibatches(X, labels, batch_size=32, shuffle="stratified", seed=1, return_rows=True)
    expected = mb.Batches(300, 32, Stratified(labels), seed=1).epoch(0)
    assert [rows.tolist() for _, _, rows in yielded] == [rows.tolist() for rows in expected]


@pytest.mark.parametrize("name", FIT_KINDS)
def test_training_has_the_same_bits_with_any_threads_and_when_resumed(name):
    rng = np.random.default_rng(1)
    X, y = rng.normal(size=(40_000, 5)), rng.normal(size=40_000)
    shuffle = {
        "corrected": Weighted(rng.random(40_000) + 0.1, correct_bias=True),
        "groups": Stratified(rng.integers(0, 9, 40_000)),
    }.get(name, FIT_KINDS[name])
    if isinstance(FIT_KINDS[name], Weighted) and name != "corrected":
        kind = FIT_KINDS[name]
        shuffle = Weighted(rng.random(40_000), kind.replacement, kind.n_samples and 50_000)
    options = {"shuffle": shuffle, "batch_size": 4096, "seed": 2}
    whole = mb.fit(X, y, epochs=4, n_threads=1, **options)
    for n_threads in (2, 5):
        again = mb.fit(X, y, epochs=4, n_threads=n_threads, **options)
        assert again.coef.tobytes() == whole.coef.tobytes()
    parts = mb.fit(X, y, epochs=1, **options)
    parts = mb.fit(X, y, epochs=3, resume=parts, **options)
    assert parts.coef.tobytes() == whole.coef.tobytes()


def mean_gradient(shuffle, w0, size, seed, **options):
    """The gradient of one batch of `size` rows, by the step it makes."""
    fitted = mb.fit(
        X, Y, init=(w0, 0.5), shuffle=shuffle, batch_size=size, epochs=1, seed=seed,
        optimizer=mb.optimizers.SGD(learning_rate=1.0), **options,
    )  # fmt: skip
    return np.append(w0 - fitted.coef, 0.5 - fitted.intercept)


@pytest.mark.parametrize("weighted", [False, True])
def test_corrected_gradients_are_unbiased(weighted):
    """The standardised distance from the full gradient is chi-square in 5 dimensions."""
    weights, size, w0 = np.linspace(0.2, 3, 300), 400_000, np.array([0.3, 0.0, -1.0, 2.0])
    s = RNG.random(300) if weighted else np.ones(300)
    options = {"sample_weight": s} if weighted else {}
    _, (coef, intercept) = mb.gradient(X, Y, (w0, 0.5), **options)
    rows = (s / s.mean() * (X @ w0 + 0.5 - Y))[:, None] * np.column_stack([X, np.ones(300)])
    p = weights / weights.sum()
    each = rows / (300 * p)[:, None]
    variance = np.cov(each.T, aweights=p, ddof=0) / size

    def distance(**options_):
        shuffle = Weighted(weights, n_samples=size, **options_)
        off = mean_gradient(shuffle, w0, size, 1, **options) - np.append(coef, intercept)
        return off @ np.linalg.solve(variance, off)

    assert 0.02 < distance(correct_bias=True) < 25.7  # 1e-4 at either end
    assert distance() > 1000  # without, it is the gradient of another objective


def test_uncorrected_gradients_are_those_of_the_sampled_objective():
    weights, size, w0 = np.linspace(0.2, 3, 300), 400_000, np.array([0.3, 0.0, -1.0, 2.0])
    _, (coef, intercept) = mb.gradient(X, Y, (w0, 0.5), sample_weight=weights)
    found = mean_gradient(Weighted(weights, n_samples=size), w0, size, 1)
    np.testing.assert_allclose(found, np.append(coef, intercept), atol=0.03)


def test_correction_leaves_the_objective_what_it_is():
    shuffle = Weighted(np.arange(1, 301), correct_bias=True)
    sgd = mb.optimizers.SGD(0.01)
    fitted = mb.fit(X, Y, shuffle=shuffle, epochs=3, record="full_loss", optimizer=sgd)
    assert fitted.history.full_loss[-1] == pytest.approx(mb.gradient(X, Y, fitted)[0], rel=1e-12)
    factors = mb.Batches(300, 10, shuffle).row_factors
    np.testing.assert_allclose(factors, np.arange(1, 301).mean() / np.arange(1, 301), rtol=1e-14)
    np.testing.assert_allclose(factors, reference.importance_weights(shuffle), rtol=1e-14)
    assert mb.Batches(300, 10, Weighted(np.ones(300))).row_factors is None


@pytest.mark.parametrize("name", ["block", "weighted, more", "weighted, once", "groups"])
def test_minimize_counts_epochs_by_their_positions(name):
    shuffle = FIT_KINDS[name]

    def fun(w, x, y):
        return float(((x @ w - y) ** 2).mean() / 2), x.T @ (x @ w - y) / len(y)

    for drop_last in (False, True):
        options = {"batch_size": 32, "epochs": 3, "shuffle": shuffle, "drop_last": drop_last, "seed": 6}
        sgd = mb.optimizers.SGD(0.1)
        found = mb.minimize(fun, np.zeros(4), X, Y, optimizer=sgd, **options)
        fitted = mb.fit(X, Y, fit_intercept=False, optimizer=sgd, **options)
        assert (found.n_epochs, found.n_steps) == (fitted.n_epochs, fitted.n_steps)
        np.testing.assert_allclose(found.params, fitted.coef, rtol=1e-10)


# ---- what is refused

REFUSED = {
    "rows": (lambda: Block(0), ValueError, r"rows must be >= 1, got 0"),
    "negative rows": (lambda: Block(-2), ValueError, r"rows must be >= 1, got -2"),
    "window": (lambda: Block(5, 0), ValueError, r"window must be >= 1, got 0"),
    "shards": (lambda: Sharded(3), ValueError, r"shards must be a power of two, got 3"),
    "no shards": (lambda: Sharded(0), ValueError, r"shards must be >= 1, got 0"),
    "whose rows": (lambda: Sharded(4, rows="some"), ValueError, r"rows must be 'all' or 'own', got 'some'"),
    "number of processes": (
        lambda: Sharded(8).rows_of(0, 3, 10),
        ValueError,
        r"size must divide shards, 8, got 3",
    ),
    "process": (lambda: Sharded(8).rows_of(2, 2, 10), ValueError, r"rank must be .* got 2"),
    "type of rows": (
        lambda: Block(2.5),
        TypeError,
        r"rows must be an integer, a sequence .* got 2\.5",
    ),
    "negative weight": (
        lambda: Weighted([1, -2]),
        ValueError,
        r"weights must be finite and >= 0, got -2 at row 1",
    ),
    "NaN": (
        lambda: Weighted([1, np.nan]),
        ValueError,
        r"weights must be finite and >= 0, got NaN at row 1",
    ),
    "zeros": (
        lambda: Weighted([0, 0]),
        ValueError,
        r"weights must be positive for at least one row, got only zeros",
    ),
    "no weights": (
        lambda: Weighted([]),
        ValueError,
        r"weights must be positive for at least one row, got none",
    ),
    "range": (
        lambda: Weighted([1e300, 1e-200]),
        ValueError,
        r"weights must be 0 or at least 1e-300 times the largest, got 0\.0*1 at row 1",
    ),
    "shape of weights": (
        lambda: Weighted([[1, 2]]),
        ValueError,
        r"weights must have 1 dimension, got shape \(1, 2\)",
    ),
    "text": (lambda: Weighted(["a"]), TypeError, r"weights must be an array of .*"),
    "n_samples": (lambda: Weighted([1], n_samples=0), ValueError, r"n_samples must be >= 1, got 0"),
    "n_samples < 0": (lambda: Weighted([1], n_samples=-1), ValueError, r"n_samples must be >= 1, got -1"),
    "type of n_samples": (
        lambda: Weighted([1], n_samples=1.5),
        TypeError,
        r"n_samples must be an integer, got 1\.5",
    ),
    "too many": (
        lambda: Weighted([1, 0, 2], replacement=False, n_samples=3),
        ValueError,
        r"n_samples must be <= the number of rows of positive weight when replacement is False, got 3",
    ),
    "replacement": (lambda: Weighted([1], replacement=1), TypeError, r"replacement must be a bool, got 1"),
    "correct_bias": (
        lambda: Weighted([1, 2], replacement=False, correct_bias=True),
        ValueError,
        r"correct_bias needs replacement=True, got replacement=False",
    ),
    "correct zero": (
        lambda: Weighted([1, 0], correct_bias=True),
        ValueError,
        r"weights must be finite and > 0 when correct_bias is True, got 0 at row 1",
    ),
    "correct elsewhere": (
        lambda: mb.minibatches(X, batch_size=2, shuffle=Weighted(np.ones(300), correct_bias=True)),
        ValueError,
        r"correct_bias must be False outside of fit, got True: .*",
    ),
    "number of weights": (
        lambda: mb.Batches(3, 1, Weighted([1, 2])),
        ValueError,
        r"weights must have 3 entries, one per row, got 2",
    ),
    "number of groups": (
        lambda: mb.Batches(3, 1, Stratified([1, 2])),
        ValueError,
        r"groups must have 3 entries, one per row, got 2",
    ),
    "groups": (
        lambda: Stratified([[1], [2]]),
        ValueError,
        r"groups must have 1 dimension, got shape \(2, 1\)",
    ),
    "mixed groups": (
        lambda: Stratified(np.array([1, "a"], object)),
        TypeError,
        r"groups must have entries that can be sorted, got a mixture of types",
    ),
    "no classes": (
        lambda: mb.fit(X, Y, shuffle="stratified"),
        ValueError,
        r"shuffle must be Stratified\(groups\) where there are no classes, got Stratified\(\) .*",
    ),
    "no y": (
        lambda: mb.minibatches(X, batch_size=2, shuffle="stratified"),
        ValueError,
        r"shuffle must be Stratified\(groups\) where there are no classes, .*",
    ),
    "fractions": (
        lambda: mb.minibatches(X, Y, batch_size=2, shuffle=Stratified()),
        ValueError,
        r"shuffle must be Stratified\(groups\) where there are no classes, .*",
    ),
    "of row numbers": (lambda: mb.Batches(5, 2, "stratified"), ValueError, r"shuffle must be Stratified.*"),
    "class": (lambda: mb.Batches(5, 2, Block), TypeError, r"shuffle must be .*, got <class .*Block'>"),
    "with replacement": (
        lambda: mb.Batches(5, 2, Block(), replacement=True),
        ValueError,
        r'replacement needs shuffle="full", got shuffle="block"',
    ),
    "drop_last": (
        lambda: mb.fit(X, Y, shuffle=Weighted(np.eye(300)[0], replacement=False), drop_last=True, epochs=-1),
        ValueError,
        r"epochs must be >= 0, got -1",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_makes_no_sense_is_refused(name):
    call, kind, message = REFUSED[name]
    with pytest.raises(kind, match=f"^{message}$") as caught:
        call()
    assert type(caught.value) is kind


def test_the_arguments_are_copied():
    weights = np.array([1.0, 2.0])
    groups = np.array([1, 2])
    weighted, stratified = Weighted(weights), Stratified(groups)
    weights[:] = -1
    groups[:] = 0
    assert weighted.weights.tolist() == [1, 2]
    assert stratified.groups.tolist() == [1, 2]
    assert len(mb.Batches(2, 1, weighted)) == 2


@pytest.mark.parametrize("validation", ["a fraction", "given"])
@pytest.mark.parametrize("kind", ["weighted", "weighted, once", "stratified"])
def test_training_rows_are_sampled_as_in_the_reference_beside_validation_rows(kind, validation):
    rng = np.random.default_rng(0)
    X, n = rng.normal(size=(60, 3)), 60
    y, weights = X @ [1.0, -1.0, 2.0], rng.random(n)
    shuffle = {
        "weighted": Weighted(weights, correct_bias=True),
        "weighted, once": Weighted(weights, replacement=False),
        "stratified": Stratified(rng.integers(0, 3, n)),
    }[kind]
    judged = 0.25 if validation == "a fraction" else (X[:7] + 1, y[:7])
    how = {"shuffle": shuffle, "validation": judged, "optimizer": SGD(0.05), "batch_size": 8, "epochs": 3}
    ours, theirs = mb.fit(X, y, **how), reference.fit(X, y, **how)
    assert ours.n_steps == theirs.n_steps
    np.testing.assert_allclose(ours.coef, theirs.coef, rtol=1e-10)
    np.testing.assert_allclose(ours.history.validation_loss, theirs.history["validation_loss"], rtol=1e-10)
