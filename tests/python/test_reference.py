"""The reference against what is known without it: published numbers, definitions, other libraries."""

import itertools
import json
import math
from pathlib import Path

import mbgd_rs as mb
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mbgd_rs import reference
from mbgd_rs.reference.random import bounded_draws
from sklearn.linear_model import LogisticRegression, SGDClassifier, SGDRegressor

LOSSES = {  # loss, number of classes or of outputs
    "squared_error": ("squared_error", 0),
    "three outputs": ("squared_error", 3),
    "log_loss": ("log_loss", 2),
    "softmax": ("log_loss", 4),
    "hinge": ("hinge", 2),
    "hinge, four classes": ("hinge", 4),
}
PENALTIES = [None, mb.penalties.L2(0.3), mb.penalties.L1(0.2), mb.penalties.ElasticNet(0.5, 0.4)]


def data(kind, n=40, d=5, seed=0):
    """Rows, targets, weights, and a point (coef, intercept) of the right shapes."""
    loss, k = LOSSES[kind]
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, d))
    if loss == "squared_error":
        y = rng.normal(size=(n, k) if k else n)
        outputs = y.shape[1:]
    else:
        y = np.resize(np.arange(k), n)
        rng.shuffle(y)
        outputs = (k,) if k > 2 else ()
    return X, y, rng.uniform(0.1, 3, n), (rng.normal(size=(*outputs, d)), rng.normal(size=outputs))


# ---- shuffle


@pytest.mark.parametrize(
    ("counter", "key", "words"),
    [
        ("00000000 00000000 00000000 00000000", "00000000 00000000", "6627e8d5 e169c58d bc57ac4c 9b00dbd8"),
        ("ffffffff ffffffff ffffffff ffffffff", "ffffffff ffffffff", "408f276d 41c83b0e a20bc7c6 6d5451fd"),
        ("243f6a88 85a308d3 13198a2e 03707344", "a4093822 299f31d0", "d16cfe09 94fdcceb 5001e420 24126ea1"),
    ],
)
def test_philox_gives_the_published_answers(counter, key, words):
    """Lines `philox4x32 10` of `kat_vectors` in Random123, https://github.com/DEShawResearch/random123."""
    counter, key, words = ([int(word, 16) for word in line.split()] for line in (counter, key, words))
    got = reference.philox(tuple(key), np.array(counter, np.uint64)[:, None])
    assert got[:, 0].tolist() == words


def philox_in_integers(key, counter):
    x = list(counter)
    for i in range(10):
        k0, k1 = (key[0] + i * 0x9E3779B9) % 2**32, (key[1] + i * 0xBB67AE85) % 2**32
        p, q = 0xD2511F53 * x[0], 0xCD9E8D57 * x[2]
        x = [q // 2**32 ^ x[1] ^ k0, q % 2**32, p // 2**32 ^ x[3] ^ k1, p % 2**32]
    return x


@pytest.mark.parametrize("seed", [0, 1, 2**32, 2**63 + 12345, 2**64 - 1])
@pytest.mark.parametrize(("epoch", "stream"), [(0, 0), (7, 1), (2**32 - 1, 258)])
def test_a_word_is_a_lane_of_the_block_at_its_address(seed, epoch, stream):
    key = (seed % 2**32, seed // 2**32)
    expected = [philox_in_integers(key, [i // 4, 0, epoch, stream])[i % 4] for i in range(11)]
    assert reference.random_words(seed, epoch, stream, 11).tolist() == expected
    block = 5 * 2**32 + 3
    words = reference.random_blocks(seed, epoch, stream, np.array([block]))[:, 0]
    assert words.tolist() == philox_in_integers(key, [3, 5, epoch, stream])


@pytest.mark.parametrize(
    ("seed", "epoch", "order"),
    [
        (0, 0, [4, 5, 9, 6, 0, 1, 2, 7, 8, 3]),
        (0, 1, [2, 7, 3, 9, 8, 6, 0, 4, 1, 5]),
        (42, 0, [9, 5, 3, 0, 4, 7, 2, 8, 1, 6]),
        (2**64 - 1, 9, [5, 8, 6, 1, 3, 7, 2, 0, 4, 9]),
    ],
)
def test_orders_are_the_same_in_every_version(seed, epoch, order):
    assert reference.permutation(seed, epoch, 10).tolist() == order


@pytest.mark.parametrize("n", [0, 1, 2, 3, 6, 7, 8, 201, 512, 519, 2500, 17_000])
def test_an_order_is_a_shuffle_by_the_digits_of_scaled_words(n):
    """By the specification in ARCHITECTURE.md: the digits are those of one number, not taken one by one."""
    rows, m, i = list(range(n)), n, 0
    while m > 1:
        lanes = philox_in_integers((9, 0), [i // 2, 0, 3, 0])
        word = lanes[i % 2 * 2] << 32 | lanes[i % 2 * 2 + 1]
        i += 1
        k = min(max(57 // (m - 1).bit_length(), 1), 6, m - 1)
        bounds = [m - j for j in range(k)]
        product = math.prod(bounds)
        number, rest = divmod(word * product, 2**64)
        if rest < 2**64 % product:
            continue
        for bound in bounds:
            product //= bound
            draw, number = divmod(number, product)
            m -= 1
            rows[m], rows[draw] = rows[draw], rows[m]
    assert reference.permutation(9, 3, n).tolist() == rows


def test_a_refused_word_makes_no_draws():
    drawn = bounded_draws(iter([3**40 % 2**64]), 1000)
    assert bounded_draws(iter([0, 0, 3**40 % 2**64]), 1000) == drawn
    assert len(drawn) == 5
    assert drawn[0] == 1000 * (3**40 % 2**64) // 2**64


@settings(max_examples=50, deadline=None)
@given(n=st.integers(0, 3000), seed=st.integers(0, 2**64 - 1), epoch=st.integers(0, 2**32 - 1))
def test_orders_of_both_are_the_same_permutation(n, seed, epoch):
    order = reference.permutation(seed, epoch, n)
    assert sorted(order.tolist()) == list(range(n))
    if n:
        assert [row for rows in mb.Batches(n, n, seed=seed).epoch(epoch) for row in rows] == order.tolist()


@pytest.mark.parametrize("n", [1, 2, 3, 10, 1000])
def test_draws_multiply_and_shift(n):
    def draw(position):
        w = philox_in_integers((2, 1), [position, 0, 5, 2])
        return (w[0] * 2**32 + w[1]) * n // 2**64

    assert reference.draws(2**32 + 2, 5, n).tolist() == [draw(i) for i in range(n)]


def test_draws_refuse_what_would_be_too_likely(monkeypatch):
    """With n = 3 only u = 0 is refused, so zero words stand for refusals here."""

    def words(seed, epoch, stream, blocks):
        attempt = (stream - 2) // 256
        first = [3 << 30 if attempt == 2 else 0 for _ in blocks]
        second = [2**31 if block == attempt else 0 for block in blocks]
        return np.array([first, first, second, second], np.uint64)

    monkeypatch.setattr(reference.shuffle, "random_blocks", words)
    # Position 0 takes the second candidate, position 1 that of the second attempt, 2 the first of the third.
    assert reference.draws(0, 0, 3).tolist() == [1, 1, 2]


def test_batches_of_an_epoch():
    def sizes(**options):
        return [rows.stop - rows.start for rows in reference.batches(None, 10, **options)]

    assert sizes(batch_size=4) == [4, 4, 2]
    assert sizes(batch_size=4, drop_last=True) == [4, 4]
    assert sizes(batch_size=5, drop_last=True) == [5, 5]


def test_shuffle_modes():
    n = 20
    full = reference.order_of_epochs("full", False, 3, n)
    once = reference.order_of_epochs("once", False, 3, n)
    assert (full(0) == once(0)).all()
    assert (full(0) == once(4)).all()
    assert (full(0) != full(4)).any()
    assert reference.order_of_epochs(False, False, 3, n)(0) is None
    with pytest.raises(ValueError, match="replacement needs"):
        reference.order_of_epochs("once", True, 3, n)
    with pytest.raises(ValueError, match="shuffle must be"):
        reference.order_of_epochs("Full", False, 3, n)


# ---- gradient


@pytest.mark.parametrize("penalty", PENALTIES)
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("kind", LOSSES)
def test_gradient_is_the_slope_of_the_objective(kind, weighted, penalty):
    X, y, s, (coef, intercept) = data(kind)
    options = {"loss": LOSSES[kind][0], "penalty": penalty, "sample_weight": s if weighted else None}
    for rows in (None, [3, 1, 4, 1, 5, 39]):
        value, (g_coef, g_intercept) = reference.gradient(X, y, (coef, intercept), rows=rows, **options)
        assert isinstance(value, float)
        assert g_coef.shape == coef.shape
        assert np.shape(g_intercept) == np.shape(intercept)

        def value_at(flat, rows=rows):
            params = flat[: coef.size].reshape(coef.shape), flat[coef.size :].reshape(intercept.shape)
            return reference.gradient(X, y, params, rows=rows, **options)[0]

        flat = np.append(coef, intercept)
        steps = np.eye(flat.size) * 1e-6
        slopes = [(value_at(flat + h) - value_at(flat - h)) / 2e-6 for h in steps]
        np.testing.assert_allclose(np.append(g_coef, g_intercept), slopes, rtol=1e-6, atol=1e-8)


def test_losses_far_out():
    z = np.array([-1e4, -800.0, 0.0, 800.0, 1e4])
    with np.errstate(over="ignore"):
        np.testing.assert_allclose(reference.LogLoss.value(z, 1.0), [1e4, 800, np.log(2), 0, 0])
        np.testing.assert_allclose(reference.LogLoss.slope(z, 1.0), [-1, -1, -0.5, 0, 0])
    far = np.array([[1e4, 0.0, -1e4]])
    np.testing.assert_allclose(reference.Softmax.value(far, np.array([[2]])), [[2e4]])
    np.testing.assert_allclose(reference.Softmax.slope(far, np.array([[2]])), [[1, 0, -1]])


def test_hinge_has_slope_zero_at_its_kink():
    assert reference.Hinge.slope(np.array([1.0]), np.array([1.0])) == 0


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("kind", LOSSES)
def test_the_mean_over_all_batches_is_the_gradient(kind, weighted):
    """E[g_B] = g, for all subsets of 3 rows and for all draws of 2 with replacement."""
    X, y, s, params = data(kind, n=8)
    options = {"loss": LOSSES[kind][0], "penalty": "l2", "sample_weight": s if weighted else None}
    expected = np.append(*reference.gradient(X, y, params, **options)[1])
    for batches in (itertools.combinations(range(8), 3), itertools.product(range(8), repeat=2)):
        gradients = [np.append(*reference.gradient(X, y, params, rows=B, **options)[1]) for B in batches]
        np.testing.assert_allclose(np.mean(gradients, axis=0), expected, rtol=1e-12, atol=1e-14)


def test_no_rows_have_no_loss():
    value, (g_coef, g_intercept) = reference.gradient([[1.0]], [1.0], ([2.0], 0.5), rows=[])
    assert value == g_intercept == 0
    assert (g_coef == 0).all()


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ({"loss": "log"}, "loss must be one of"),
        ({"penalty": "l3"}, "penalty must be one of"),
        ({"optimizer": "adm"}, "optimizer must be one of"),
        ({"loss": "hinge", "y": [1, 1]}, "y must have at least 2 classes, got 1"),
    ],
)
def test_unknown_names_are_refused(argument, message):
    with pytest.raises(ValueError, match=message):
        reference.fit(**{"X": [[1.0], [2.0]], "y": [1.0, 2.0], **argument})


# ---- update

ORACLE = json.loads((Path(__file__).parent / "oracles" / "optimizers.json").read_text())


def made(options):
    """An optimizer or schedule from its name and options in the oracle's file."""
    options = {key: made(value) if isinstance(value, dict) else value for key, value in options.items()}
    name = options.pop("name")
    if "betas" in options:
        options["betas"] = tuple(options["betas"])
    return getattr(mb.optimizers if hasattr(mb.optimizers, name) else mb.schedules, name)(**options)


@pytest.mark.parametrize("case", ORACLE["cases"])
def test_optimizers_agree_with_pytorch_and_optax(case):
    case = ORACLE["cases"][case]
    options = made(case["optimizer"])
    w = np.array(ORACLE["start"])
    rule = reference.make_optimizer(options, w)
    for t, g in enumerate(ORACLE["gradients"]):
        learning_rate = reference.learning_rate_at(options.learning_rate, t)
        assert learning_rate == pytest.approx(case["learning_rates"][t], rel=1e-12)
        rule.step(w, np.array(g), t, learning_rate)
        rule.post_prox(w)
        if str(t + 1) in case["params_after_step"]:
            np.testing.assert_allclose(w, case["params_after_step"][str(t + 1)], rtol=1e-12, atol=1e-15)
    if "model_after_step" in case:
        np.testing.assert_allclose(rule.model(w), case["model_after_step"]["100"], rtol=1e-12)


@pytest.mark.parametrize(
    "optimizer",
    [
        mb.optimizers.SGD(0.1, 0.9),
        mb.optimizers.SGD(0.1, 0.9, nesterov=True),
        mb.optimizers.SGD(0.1, 0.9, dampening=0.4),
        mb.optimizers.Adam(0.1),
        mb.optimizers.Adam(0.1, amsgrad=True),
        mb.optimizers.Adagrad(0.1),
        mb.optimizers.RMSprop(0.1),
        mb.optimizers.Adadelta(0.1),
        mb.optimizers.NAdam(0.1),
        mb.optimizers.RAdam(0.1),
        mb.optimizers.Adamax(0.1),
        mb.optimizers.DoG(0.1),
        mb.optimizers.Lion(0.1, weight_decay=0.0),
    ],
)
def test_the_rate_is_the_step_along_gradients_of_one(optimizer):
    w = np.zeros(3)
    rule = reference.make_optimizer(optimizer, w)
    for t in range(20):
        before = w.copy()
        rate = rule.step(w, np.ones(3), t, 0.1)
        np.testing.assert_allclose(before - w, rate, rtol=1e-12)


# ---- train


def test_full_batch_reaches_the_closed_form_of_ridge_regression():
    X, y, s, _ = data("squared_error", n=60)
    alpha = 0.3
    model = reference.fit(
        X, y, sample_weight=s, penalty=mb.penalties.L2(alpha), batch_size="full", epochs=2000,
        optimizer=mb.optimizers.SGD(0.2, 0.5),
    )  # fmt: skip
    X1, S = np.column_stack([X, np.ones(60)]), np.diag(s / s.sum())
    expected = np.linalg.solve(X1.T @ S @ X1 + alpha * np.diag([1] * 5 + [0]), X1.T @ S @ y)
    np.testing.assert_allclose(np.append(model.coef, model.intercept), expected, rtol=1e-10)


@pytest.mark.parametrize("kind", ["log_loss", "softmax"])
def test_full_batch_reaches_the_optimum_of_logistic_regression(kind):
    X, y, s, _ = data(kind, n=60)
    alpha = 0.1
    model = reference.fit(
        X, y, sample_weight=s, loss="log_loss", penalty=mb.penalties.L2(alpha), batch_size="full",
        epochs=3000, optimizer=mb.optimizers.SGD(0.3, 0.9),
    )  # fmt: skip
    # There the objective is C * sum of losses + |w|^2 / 2.
    sklearn = LogisticRegression(C=1 / (alpha * s.sum()), tol=1e-12, max_iter=10_000).fit(
        X, y, sample_weight=s
    )
    coef, intercept = (
        (model.coef[None], [model.intercept]) if kind == "log_loss" else (model.coef, model.intercept)
    )
    np.testing.assert_allclose(coef, sklearn.coef_, rtol=1e-5, atol=1e-7)
    # Adding the same to all intercepts of a softmax changes nothing.
    np.testing.assert_allclose(np.diff(intercept), np.diff(sklearn.intercept_), rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("loss", ["squared_error", "log_loss", "hinge"])
def test_single_rows_in_order_are_the_steps_of_scikit_learn(loss, weighted):
    X, y, s, _ = data(loss)
    s = s / s.mean() if weighted else None
    options = {"loss": loss, "penalty": "l2", "alpha": 0.01, "learning_rate": "constant", "eta0": 0.05}
    estimator = SGDRegressor if loss == "squared_error" else SGDClassifier
    sklearn = estimator(**options, shuffle=False, max_iter=3, tol=None).fit(X, y, sample_weight=s)
    model = reference.fit(
        X, y, sample_weight=s, loss=loss, penalty=mb.penalties.L2(0.01), batch_size=1, shuffle=False,
        epochs=3, optimizer=mb.optimizers.SGD(0.05),
    )  # fmt: skip
    np.testing.assert_allclose(model.coef, sklearn.coef_.reshape(model.coef.shape), rtol=1e-9)
    np.testing.assert_allclose(model.intercept, sklearn.intercept_[0], rtol=1e-9)


# An automatic learning rate compares losses: at the optimum, rounding decides which of two is lower.
@pytest.mark.parametrize("how", [{"optimizer": mb.optimizers.SGD(0.1), "epochs": 20}, {"epochs": 5}])
@pytest.mark.parametrize("kind", LOSSES)
def test_integer_weights_are_repeated_rows(kind, how):
    X, y, _, _ = data(kind)
    times = np.resize([1, 2, 0, 3, 1], len(X))
    options = {"loss": LOSSES[kind][0], "batch_size": "full", "penalty": "l2", **how}
    weighted = reference.fit(X, y, sample_weight=times, **options)
    scaled = reference.fit(X, y, sample_weight=times * 1e-3, **options)
    repeated = reference.fit(X.repeat(times, axis=0), y.repeat(times, axis=0), **options)
    for model in (scaled, repeated):
        np.testing.assert_allclose(model.coef, weighted.coef, rtol=1e-12, atol=1e-14)
        np.testing.assert_allclose(model.intercept, weighted.intercept, rtol=1e-12, atol=1e-14)


def test_the_lasso_has_exact_zeros_where_its_optimum_has():
    X, y, _, _ = data("squared_error", n=60)
    for optimizer in (mb.optimizers.SGD(0.1, 0.9), mb.optimizers.Adam(mb.schedules.Cosine(0.02, 3000))):
        model = reference.fit(
            X, y, penalty=mb.penalties.L1(0.15), batch_size="full", epochs=3000, optimizer=optimizer
        )
        _, (g_coef, _) = reference.gradient(X, y, model)
        is_zero = model.coef == 0
        assert 0 < is_zero.sum() < 5
        np.testing.assert_allclose(g_coef[~is_zero], -0.15 * np.sign(model.coef[~is_zero]), rtol=1e-6)
        assert (np.abs(g_coef[is_zero]) <= 0.15).all()


def test_history():
    X, y, _, _ = data("log_loss")
    options = {"loss": "log_loss", "penalty": "elasticnet", "batch_size": 16, "epochs": 3, "clip_norm": 0.2}
    options["optimizer"] = mb.optimizers.SGD(0.01)
    model = reference.fit(X, y, record=("step", "full_loss", "path"), **options)
    history = model.history
    assert model.n_steps == 9
    assert model.n_epochs == 3
    assert {name: values.shape for name, values in history.items()} == {
        "epoch_loss": (3,), "epoch_elapsed": (3,), "step_loss": (9,), "learning_rate": (9,),
        "batch_size": (9,), "gradient_norm": (9,), "elapsed": (9,), "full_loss": (9,), "path": (9, 6),
    }  # fmt: skip
    np.testing.assert_array_equal(history["path"][-1], np.append(model.coef, model.intercept))
    sizes = np.array([16, 16, 8])
    mean = (history["step_loss"].reshape(3, 3) * sizes).sum(axis=1) / 40
    np.testing.assert_allclose(history["epoch_loss"], mean)
    assert (np.diff(history["elapsed"]) >= 0).all()
    # Each step from what was recorded: the loss before it, and a step of plain SGD no longer than the clip.
    path = np.vstack([np.zeros(6), history["path"]])
    steps = np.linalg.norm(np.diff(path, axis=0), axis=1)
    assert (history["gradient_norm"] > 0.2).any()
    assert (steps < 0.01 * 0.2 * 1.001 + 1e-5).all()
    order = reference.permutation(0, 2, 40)
    loss, _ = reference.gradient(
        X, y, (path[7][:5], path[7][5]), rows=order[16:32], loss="log_loss", penalty="elasticnet"
    )
    assert history["step_loss"][7] == pytest.approx(loss, rel=1e-13)

    by_epoch = reference.fit(X, y, record=("epoch", "full_loss"), **options).history
    np.testing.assert_array_equal(by_epoch["full_loss"], history["full_loss"][2::3])
    nothing = reference.fit(X, y, record=(), **options)
    assert not nothing.history
    np.testing.assert_array_equal(nothing.coef, model.coef)


def test_single_precision_stays_single():
    X, y, s, _ = data("softmax")
    for optimizer in ("sgd", "adam"):
        model = reference.fit(
            X.astype(np.float32), y, sample_weight=s, loss="log_loss", penalty="elasticnet",
            optimizer=optimizer, clip_norm=1.0, record="path",
        )  # fmt: skip
        assert model.coef.dtype == model.intercept.dtype == model.history["path"].dtype == np.float32


def test_init_and_no_intercept():
    X, y, _, _ = data("squared_error")
    start = (np.arange(5.0), 7.0)
    model = reference.fit(X, y, init=start, epochs=0)
    assert (model.coef == start[0]).all()
    assert model.intercept == 7
    model = reference.fit(X, y, init=model, fit_intercept=False, epochs=2, optimizer="adam")
    assert model.intercept == 7
    assert (start[0] == np.arange(5.0)).all()


def test_orders_can_be_given():
    X, y, _, _ = data("squared_error")
    expected = reference.fit(X, y, batch_size=7, seed=5)
    model = reference.fit(X, y, batch_size=7, orders=lambda epoch: reference.permutation(5, epoch, 40))
    np.testing.assert_array_equal(model.coef, expected.coef)


def test_divergence_is_an_error():
    X, y, _, _ = data("squared_error")
    with pytest.raises(FloatingPointError, match="training diverged in epoch"):
        reference.fit(X, y, optimizer=mb.optimizers.SGD(1e3), batch_size=4, epochs=100)
