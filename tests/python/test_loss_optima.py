"""The optima of other libraries: generalised linear models, robust and quantile regression, support vectors.

Smooth losses reach the same coefficients, at a constant rate and full batches. Losses that are not smooth
have no step that settles, so what is compared is the objective, after batches at a falling rate.
"""

import mbgd_rs as mb
import numpy as np
import pytest
from mbgd_rs import losses
from mbgd_rs.choices import members_of
from mbgd_rs.optimizers import SGD
from mbgd_rs.penalties import L2
from mbgd_rs.schedules import InverseScaling
from scipy.optimize import minimize
from sklearn import linear_model
from sklearn.svm import LinearSVC, LinearSVR
from sklearn.utils.class_weight import compute_sample_weight


def scores(n=300, d=5, seed=0):
    """Rows, scores of a rule, and weights."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, d))
    X[:, 1:] += 0.3 * X[:, :-1]
    return X, X @ (0.3 * np.arange(1, d + 1) / d) + 0.5, rng.uniform(0.1, 2, n), rng


def objective(X, y, model, **options):
    return mb.gradient(X, y, model, **options)[0]


SOLVER = {"tol": 1e-12, "max_iter": 10_000, "solver": "newton-cholesky"}
ALPHA = 0.05


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(
    ("loss", "sklearn"),
    [
        ("poisson", linear_model.PoissonRegressor(alpha=ALPHA, **SOLVER)),
        ("gamma", linear_model.GammaRegressor(alpha=ALPHA, **SOLVER)),
        (losses.Tweedie(0), linear_model.TweedieRegressor(power=0, link="log", alpha=ALPHA, **SOLVER)),
        (losses.Tweedie(1), linear_model.TweedieRegressor(power=1, alpha=ALPHA, **SOLVER)),
        (losses.Tweedie(1.5), linear_model.TweedieRegressor(power=1.5, alpha=ALPHA, **SOLVER)),
        (losses.Tweedie(2), linear_model.TweedieRegressor(power=2, alpha=ALPHA, **SOLVER)),
        (losses.Tweedie(2.5), linear_model.TweedieRegressor(power=2.5, alpha=ALPHA, **SOLVER)),
        (
            losses.Tweedie(3),
            linear_model.TweedieRegressor(power=3, alpha=ALPHA, **{**SOLVER, "solver": "lbfgs"}),
        ),
    ],
    ids=repr,
)
def test_generalised_linear_models(loss, sklearn, weighted):
    """To 1e-6 of each coefficient; the objective is theirs, weights of mean 1 and alpha/2 |w|^2."""
    X, z, s, rng = scores()
    y = (
        rng.poisson(np.exp(z))
        if loss in ("poisson", losses.Tweedie(1))
        else np.exp(z) * rng.gamma(5, 1 / 5, len(z))
    )
    s = s if weighted else None
    optimizer = SGD(0.02 if loss == losses.Tweedie(0) else 0.1, 0.9)
    result = mb.fit(
        X,
        y,
        sample_weight=s,
        loss=loss,
        penalty=L2(ALPHA),
        batch_size="full",
        epochs=3000,
        optimizer=optimizer,
    )
    sklearn.fit(X, y, sample_weight=s)
    np.testing.assert_allclose(result.coef, sklearn.coef_, rtol=1e-6)
    assert result.intercept == pytest.approx(sklearn.intercept_, rel=1e-6)
    np.testing.assert_allclose(result.predict(X), sklearn.predict(X), rtol=1e-6)


def test_huber_regression_of_scikit_learn():
    """HuberRegressor estimates a scale sigma too; at its sigma, ours is the same objective in another unit.

    Coefficients to 2e-5, which is as far as its L-BFGS goes: ours have the smaller objective.
    """
    X, z, _, rng = scores()
    y = z + rng.standard_t(2, len(z))
    alpha, epsilon = 0.1, 1.35
    sklearn = linear_model.HuberRegressor(epsilon=epsilon, alpha=alpha, tol=1e-10, max_iter=10_000).fit(X, y)
    sigma = sklearn.scale_
    # sigma n + sum sigma H(r / sigma) + alpha |w|^2, H(t) = t^2 or 2 eps |t| - eps^2: 2n/sigma of our means.
    options = {"loss": losses.Huber(epsilon * sigma), "penalty": L2(alpha * sigma / len(y))}
    result = mb.fit(X, y, batch_size="full", epochs=3000, optimizer=SGD(0.3, 0.9), **options)
    np.testing.assert_allclose(result.coef, sklearn.coef_, rtol=0, atol=2e-5)
    assert result.intercept == pytest.approx(sklearn.intercept_, abs=2e-5)
    theirs = objective(X, y, (sklearn.coef_, sklearn.intercept_), **options)
    assert objective(X, y, result, **options) <= theirs <= objective(X, y, result, **options) * (1 + 1e-7)


@pytest.mark.parametrize(
    "loss",
    [losses.LogCosh(), losses.Huber(0.5), losses.SquaredEpsilonInsensitive(0.2)],
    ids=repr,
)
def test_smooth_robust_losses_by_bfgs(loss):
    """To 1e-6, against a minimiser of the same objective, written down anew."""
    X, z, s, rng = scores()
    y = z + rng.standard_t(2, len(z))
    value = {
        "log_cosh": lambda r: np.logaddexp(r, -r) - np.log(2),
        "huber": lambda r: np.where(np.abs(r) < 0.5, r**2 / 2, 0.5 * np.abs(r) - 0.125),
        "squared_epsilon_insensitive": lambda r: np.maximum(0, np.abs(r) - 0.2) ** 2,
    }[loss.name]
    found = minimize(
        lambda w: np.average(value(X @ w[:-1] + w[-1] - y), weights=s), np.zeros(6), options={"gtol": 1e-8}
    )
    result = mb.fit(X, y, sample_weight=s, loss=loss, batch_size="full", epochs=3000, optimizer=SGD(0.2, 0.9))
    np.testing.assert_allclose(np.append(result.coef, result.intercept), found.x, rtol=1e-4, atol=1e-5)
    best = min(found.fun, objective(X, y, result, loss=loss, sample_weight=s))
    assert objective(X, y, result, loss=loss, sample_weight=s) <= best * (1 + 1e-9)


FALLING = SGD(InverseScaling(1.0, 0.75), 0.5)


@pytest.mark.parametrize("quantile", [0.1, 0.5, 0.9])
def test_quantile_regression_of_scikit_learn(quantile):
    """The objective to 0.2%, and as many targets below as asked for to 2%."""
    X, z, _, rng = scores()
    y = z + rng.standard_t(3, len(z))
    loss = losses.Quantile(quantile)
    sklearn = linear_model.QuantileRegressor(quantile=quantile, alpha=0).fit(X, y)
    best = objective(X, y, (sklearn.coef_, sklearn.intercept_), loss=loss)
    result = mb.fit(X, y, loss=loss, batch_size=64, epochs=400, optimizer=FALLING)
    assert best * (1 - 1e-9) <= objective(X, y, result, loss=loss) <= best * 1.002
    assert np.mean(y < result.predict(X)) == pytest.approx(quantile, abs=0.02)


def test_the_absolute_error_is_twice_the_median_regression():
    """The objective to 0.1%."""
    X, z, _, rng = scores()
    y = z + rng.standard_t(3, len(z))
    sklearn = linear_model.QuantileRegressor(quantile=0.5, alpha=0).fit(X, y)
    best = objective(X, y, (sklearn.coef_, sklearn.intercept_), loss="absolute_error")
    result = mb.fit(X, y, loss="absolute_error", batch_size=64, epochs=400, optimizer=FALLING)
    assert best * (1 - 1e-9) <= objective(X, y, result, loss="absolute_error") <= best * 1.001


@pytest.mark.parametrize(
    ("name", "tolerance"), [("epsilon_insensitive", 1e-3), ("squared_epsilon_insensitive", 1e-7)]
)
def test_support_vector_regression_of_scikit_learn(name, tolerance):
    """The objective to 0.1%, or 1e-7 of the smooth one. Their intercept is penalised: there is none here."""
    X, z, _, rng = scores()
    y = z + rng.normal(size=len(z))
    alpha = 0.02
    options = {"loss": members_of(losses.Loss)[name](epsilon=0.2), "penalty": L2(alpha)}
    sklearn = LinearSVR(
        epsilon=0.2, C=1 / (alpha * len(y)), loss=name, fit_intercept=False, tol=1e-10, max_iter=1_000_000
    ).fit(X, y)
    best = objective(X, y, (sklearn.coef_, 0.0), **options)
    if tolerance < 1e-3:
        run = {"batch_size": "full", "epochs": 2000, "optimizer": SGD(0.2)}
    else:
        run = {"batch_size": 64, "epochs": 400, "optimizer": FALLING}
    result = mb.fit(X, y, fit_intercept=False, **options, **run)
    assert objective(X, y, result, **options) == pytest.approx(best, rel=tolerance)


@pytest.mark.parametrize(("name", "tolerance"), [("hinge", 1e-3), ("squared_hinge", 1e-7)])
@pytest.mark.parametrize("n_classes", [2, 3])
def test_support_vector_classification_of_scikit_learn(name, tolerance, n_classes):
    """The objective to 0.1%, or 1e-7 of the smooth one; of more than two classes each against the rest."""
    X, z, _, rng = scores()
    y = np.digitize(z + rng.normal(size=len(z)), [0.5] if n_classes == 2 else [0, 1])
    alpha = 0.02
    options = {"loss": name, "penalty": L2(alpha)}
    sklearn = LinearSVC(
        C=1 / (alpha * len(y)), loss=name, fit_intercept=False, tol=1e-10, max_iter=1_000_000
    ).fit(X, y)
    shape = (5,) if n_classes == 2 else (3, 5)
    best = objective(X, y, (sklearn.coef_.reshape(shape), np.zeros(shape[:-1])), **options)
    if tolerance < 1e-3:
        run = {"batch_size": "full", "epochs": 3000, "optimizer": SGD(0.1)}
    else:
        run = {"batch_size": 64, "epochs": 400, "optimizer": FALLING}
    result = mb.fit(X, y, fit_intercept=False, **options, **run)
    assert objective(X, y, result, **options) == pytest.approx(best, rel=tolerance)


def test_crammer_and_singer_of_scikit_learn():
    """The objective to 0.1%."""
    X, z, _, rng = scores()
    y = np.digitize(z + rng.normal(size=len(z)), [0, 1])
    alpha = 0.02
    options = {"loss": "crammer_singer", "penalty": L2(alpha)}
    sklearn = LinearSVC(
        C=1 / (alpha * len(y)),
        multi_class="crammer_singer",
        fit_intercept=False,
        tol=1e-10,
        max_iter=1_000_000,
    ).fit(X, y)
    best = objective(X, y, (sklearn.coef_, np.zeros(3)), **options)
    result = mb.fit(X, y, fit_intercept=False, batch_size=64, epochs=400, optimizer=FALLING, **options)
    assert objective(X, y, result, **options) == pytest.approx(best, rel=1e-3)


@pytest.mark.parametrize("class_weight", [None, "balanced", {0: 3.0, 2: 0.5}])
@pytest.mark.parametrize("weighted", [False, True])
def test_softmax_regression_with_class_weights(weighted, class_weight):
    """To 1e-6, against LogisticRegression, which does not scale the weights to mean 1."""
    X, z, s, rng = scores()
    y = np.digitize(z + rng.normal(size=len(z)), [-0.5, 1])
    s = s if weighted else np.ones(len(y))
    total = (s * compute_row_weights(class_weight, y, s)).sum()
    sklearn = linear_model.LogisticRegression(
        C=1 / (ALPHA * total), class_weight=class_weight, solver="newton-cholesky", tol=1e-12
    ).fit(X, y, sample_weight=s)
    result = mb.fit(
        X, y, sample_weight=s if weighted else None, class_weight=class_weight, loss="log_loss",
        penalty=L2(ALPHA), batch_size="full", epochs=3000, optimizer=SGD(0.3, 0.9),
    )  # fmt: skip
    np.testing.assert_allclose(result.coef, sklearn.coef_, rtol=1e-6, atol=1e-7)
    np.testing.assert_allclose(result.predict_proba(X), sklearn.predict_proba(X), rtol=1e-6, atol=1e-9)


def compute_row_weights(class_weight, y, s):
    if class_weight != "balanced":
        return compute_sample_weight(class_weight, y)
    return s.sum() / 3 / np.bincount(y, s)[y]
