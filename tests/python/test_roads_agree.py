"""Two roads to one thing: a fraction and a pair, lists and arrays, one and several, fit and minimize."""

import mbgd_rs as mb
import numpy as np
import pandas as pd
import pytest
import scipy.sparse
from mbgd_rs import optimizers, sampling

N, D = 60, 3
RNG = np.random.default_rng(5)
X = RNG.normal(size=(N, D))
Y = X @ [1.0, -2.0, 0.5] + RNG.normal(size=N)
LABELS = np.where(X[:, 0] + 0.3 * RNG.normal(size=N) > 0.4, "yes", "no")
WEIGHTS = RNG.uniform(0.1, 2, N)
SGD = optimizers.SGD(0.1)


def parts(y=None, fraction=0.25, seed=3):
    """Rows for training and for validation, as a fraction sets them aside."""
    strata = None if y is None else np.unique(y, return_inverse=True)[1].astype(np.uintp)
    return [np.asarray(rows) for rows in mb._core.split(N, fraction, strata, seed)]


def by_hand(X, y, batches, rate, n_epochs):
    """Gradient descent on the squared error by NumPy, intercept last."""
    A, w = np.c_[X, np.ones(len(X))], np.zeros(X.shape[1] + 1)
    for rows in batches.epochs(n_epochs):
        w -= rate * A[rows].T @ (A[rows] @ w - y[rows]) / len(rows)
    return w


@pytest.mark.parametrize("replacement", [True, False])
def test_sampling_weights_of_all_rows_go_with_a_fraction(replacement):
    training, _ = parts()
    way = sampling.Weighted(WEIGHTS, replacement=replacement)
    result = mb.fit(X, Y, optimizer=SGD, batch_size=7, epochs=3, seed=3, shuffle=way, validation=0.25)
    of_part = sampling.Weighted(WEIGHTS[training], replacement=replacement)
    batches = mb.Batches(len(training), 7, shuffle=of_part, seed=3)
    expected = by_hand(X[training], Y[training], batches, 0.1, 3)
    np.testing.assert_allclose([*result.coef, result.intercept], expected, rtol=1e-10)


def test_importance_sampling_goes_with_a_fraction():
    training, _ = parts()
    way = sampling.Weighted(WEIGHTS, correct_bias=True)
    result = mb.fit(X, Y, optimizer=SGD, batch_size=7, epochs=2, seed=3, shuffle=way, validation=0.25)
    p = WEIGHTS[training] / WEIGHTS[training].sum()
    A, w = np.c_[X, np.ones(N)][training], np.zeros(D + 1)
    batches = mb.Batches(len(training), 7, shuffle=sampling.Weighted(WEIGHTS[training]), seed=3)
    for rows in batches.epochs(2):
        factor = 1 / (len(training) * p[rows])
        w -= 0.1 * A[rows].T @ (factor * (A[rows] @ w - Y[training][rows])) / len(rows)
    np.testing.assert_allclose([*result.coef, result.intercept], w, rtol=1e-10)


@pytest.mark.parametrize("n", [N - 20, N + 20])
@pytest.mark.parametrize("validation", [None, 0.25])
def test_sampling_weights_and_strata_are_those_of_all_rows(n, validation):
    for way, name in (
        (sampling.Weighted(np.ones(n)), "weights"),
        (sampling.Stratified(np.arange(n) % 2), "groups"),
    ):
        with pytest.raises(ValueError, match=rf"({name}|shuffle) must have {N} entries"):
            mb.fit(X, Y, shuffle=way, validation=validation)


@pytest.mark.parametrize("class_weight", [{"yes": 10.0}, "balanced"])
@pytest.mark.parametrize("weights", [None, WEIGHTS])
def test_a_fraction_is_the_pair_of_its_rows_where_classes_are_weighted(class_weight, weights):
    training, rows = parts(LABELS)
    options = {"loss": "log_loss", "optimizer": SGD, "epochs": 3, "seed": 3, "class_weight": class_weight}
    of = (lambda chosen: None) if weights is None else (lambda chosen: weights[chosen])
    fraction = mb.fit(X, LABELS, sample_weight=weights, validation=0.25, **options)
    pair = (X[rows], LABELS[rows]) + (() if weights is None else (of(rows),))
    apart = mb.fit(X[training], LABELS[training], sample_weight=of(training), validation=pair, **options)
    np.testing.assert_allclose(fraction.coef, apart.coef, rtol=1e-12)
    np.testing.assert_allclose(fraction.history.validation_loss, apart.history.validation_loss, rtol=1e-12)
    if class_weight != "balanced":
        s = np.where(LABELS[rows] == "yes", 10.0, 1.0) * (1 if weights is None else weights[rows])
        sign = np.where(LABELS[rows] == "yes", 1, -1)
        loss = np.logaddexp(0, -sign * apart.decision_function(X[rows]))
        assert apart.history.validation_loss[-1] == pytest.approx(np.average(loss, weights=s), rel=1e-10)


FRAMES = {
    "list of lists": lambda Y: Y.tolist(),
    "Fortran order": np.asfortranarray,
    "strided": lambda Y: np.repeat(Y, 2, axis=1)[:, ::2],
    "data frame": lambda Y: pd.DataFrame(Y, columns=["a", "b"]),
    "nullable data frame": lambda Y: pd.DataFrame(Y, columns=["a", "b"]).astype("Int64"),
    "float32": lambda Y: Y.astype("f4"),
}


@pytest.mark.parametrize("kind", FRAMES)
@pytest.mark.parametrize("loss", ["squared_error", "log_loss"])
def test_several_columns_are_the_same_in_any_layout(kind, loss):
    targets = (X[:, :2] > 0.2).astype(int)
    options = {"loss": loss, "optimizer": SGD, "epochs": 2}
    expected = mb.fit(X, targets, **options)
    result = mb.fit(X, FRAMES[kind](targets), validation=(X, FRAMES[kind](targets)), **options)
    np.testing.assert_array_equal(result.coef, expected.coef)
    np.testing.assert_allclose(result.history.validation_loss[-1] * 0, 0)


COLUMNS = {
    "column": lambda y: y[:, None],
    "list of lists": lambda y: y[:, None].tolist(),
    "series": pd.Series,
    "data frame": lambda y: pd.DataFrame({"y": y}),
    "list": lambda y: y.tolist(),
}


@pytest.mark.parametrize("kind", COLUMNS)
@pytest.mark.parametrize("labels", [LABELS, (LABELS == "yes"), np.where(LABELS == "yes", 7, 3)], ids=str)
@pytest.mark.parametrize("validation", [None, 0.25, "pair"])
def test_labels_in_a_column_are_compared_row_by_row(kind, labels, validation):
    given = COLUMNS[kind](labels)
    rows = {None: np.arange(N), 0.25: parts(labels, seed=0)[1], "pair": np.arange(N)}[validation]
    result = mb.fit(
        X, given, loss="log_loss", optimizer=SGD, epochs=4, metrics={"right": lambda t, p: np.mean(t == p)},
        validation=(X, given) if validation == "pair" else validation,
    )  # fmt: skip
    assert result.history.metrics["right"][-1] == pytest.approx(
        np.mean(result.predict(X)[rows] == labels[rows])
    )


@pytest.mark.parametrize("as_column", [False, True])
def test_targets_are_compared_in_the_shape_of_predictions(as_column):
    def mse(y_true, y_pred):
        assert y_true.shape == y_pred.shape
        return np.mean((y_true - y_pred) ** 2)

    other = Y if as_column else Y[:, None]
    result = mb.fit(X, Y[:, None] if as_column else Y, optimizer=SGD, validation=(X, other), metrics=mse)
    expected = np.mean((result.predict(X).ravel() - Y) ** 2)
    assert result.history.metrics["mse"][-1] == pytest.approx(expected, rel=1e-12)


def test_a_warm_start_and_a_resumed_run_know_the_same_classes():
    options = {"loss": "log_loss", "optimizer": SGD}
    model = mb.fit(X, LABELS, epochs=30, **options)
    ones = LABELS == "yes"
    for given in ({"init": model}, {"resume": model}):
        later = mb.fit(X[ones], LABELS[ones], epochs=2, **given, **options)
        assert later.classes.tolist() == ["no", "yes"]
        with pytest.raises(ValueError, match=r"y must have labels among 'no', 'yes', got 'maybe' at row 0"):
            mb.fit(X, np.where(ones, "yes", "maybe")[np.argsort(ones)], epochs=1, **given, **options)
    begun = mb.fit(X, LABELS, init=model, epochs=0, **options)
    np.testing.assert_array_equal(begun.predict(X), model.predict(X))


def test_models_of_classes_are_no_models_of_labels():
    several = (X > 0).astype(int)
    three = np.digitize(X[:, 0], [-0.5, 0.5])
    options = {"loss": mb.losses.LogLoss(multi_class="ovr"), "optimizer": SGD, "epochs": 1}
    of_classes, of_labels = mb.fit(X, three, **options), mb.fit(X, several, **options)
    assert of_classes.coef.shape == of_labels.coef.shape
    for name in ("init", "resume"):
        with pytest.raises(ValueError, match="y must have one label a row"):
            mb.fit(X, several, **{name: of_classes}, **options)
        with pytest.raises(ValueError, match="y must have several labels a row"):
            mb.fit(X, np.arange(N) % 2, **{name: of_labels}, **options)
    with pytest.raises(ValueError, match="validation: y must have one label a row"):
        mb.fit(X, three, validation=(X, several), **options)


def test_chunks_that_do_not_have_all_labels():
    y = np.digitize(X[:, 0], [-0.5, 0.5])
    first = y < 2
    options = {"loss": "log_loss", "optimizer": SGD, "batch_size": 10}
    begun = mb.fit(X[first], y[first], classes=[2, 0, 1], epochs=2, **options)
    assert begun.classes.tolist() == [0, 1, 2]
    assert begun.coef.shape == (3, D)
    # The same by softmax regression in NumPy.
    A, W = np.c_[X, np.ones(N)][first], np.zeros((3, D + 1))
    for rows in mb.Batches(int(first.sum()), 10).epochs(2):
        z = A[rows] @ W.T
        p = np.exp(z - z.max(1, keepdims=True))
        p /= p.sum(1, keepdims=True)
        W -= 0.1 * (p - np.eye(3)[y[first][rows]]).T @ A[rows] / len(rows)
    np.testing.assert_allclose(np.c_[begun.coef, begun.intercept], W, rtol=1e-9, atol=1e-12)
    later = mb.fit(X[y == 2], y[y == 2], resume=begun, epochs=1, **options)
    assert later.n_epochs == 3
    with pytest.raises(ValueError, match="classes must be those of the model"):
        mb.fit(X, y, resume=begun, classes=[0, 1], **options)
    with pytest.raises(ValueError, match=r"y must have at least 2 classes, got only .*classes="):
        mb.fit(X[y == 2], y[y == 2], **options)
    with pytest.raises(ValueError, match="classes needs a loss of classes"):
        mb.fit(X, Y, classes=[0, 1])


@pytest.mark.parametrize("sparse", [False, True])
def test_the_arguments_of_a_result_resume_it(sparse):
    rows = scipy.sparse.csr_array(X) if sparse else X
    how = {"loss": mb.losses.Huber(0.5), "optimizer": optimizers.SGD(0.05, momentum=0.5), "batch_size": 8}
    how |= {"shuffle": sampling.Weighted(WEIGHTS), "seed": 9, "drop_last": True, "validation": 0.2}
    whole = mb.fit(rows, Y, **how, epochs=5)
    part = mb.fit(rows, Y, **how, epochs=2)
    later = mb.fit(rows, Y, resume=part, **part.arguments, batch_size=8, epochs=3)
    np.testing.assert_array_equal(later.coef, whole.coef)


def test_fit_and_minimize_are_judged_alike():
    def half_squared(params, X_b, y_b):
        error = X_b @ params[:-1] + params[-1] - y_b
        return float((error**2).mean() / 2), np.append(X_b.T @ error / len(y_b), error.mean())

    options = {"optimizer": SGD, "batch_size": 9, "epochs": 40, "seed": 4}
    for stop in (
        mb.stopping.NoImprovement("validation_loss", tol=1e-3, patience=3, restore_best=True),
        mb.stopping.NoImprovement(tol=1e-2, patience=2, relative=True),
        mb.stopping.TargetLoss(0.7),
        mb.stopping.MaxSteps(23),
    ):
        rows = {"validation": (X[:20], Y[:20] + 1)}
        a = mb.fit(X[20:], Y[20:], **rows, stop=stop, **options)
        b = mb.minimize(half_squared, np.zeros(D + 1), X[20:], Y[20:], **rows, stop=stop, **options)
        assert (a.n_epochs, a.n_steps, a.stop_reason, a.best_epoch) == (
            b.n_epochs, b.n_steps, b.stop_reason, b.best_epoch,
        )  # fmt: skip
        np.testing.assert_allclose(b.params, [*a.coef, a.intercept], rtol=1e-9)
        np.testing.assert_allclose(a.history.validation_loss, b.history.validation_loss, rtol=1e-9)
    a = mb.fit(X, Y, validation=0.25, **options)
    b = mb.minimize(half_squared, np.zeros(D + 1), X, Y, validation=0.25, **options)
    np.testing.assert_allclose(a.history.validation_loss, b.history.validation_loss, rtol=1e-9)
