"""Full-batch training reaches the optimum that other methods find."""

import mbgd_rs as mb
import numpy as np
import pytest
from mbgd_rs.optimizers import SGD, Adam
from mbgd_rs.penalties import L1, L2, ElasticNet
from mbgd_rs.schedules import Cosine
from scipy.optimize import minimize
from sklearn import linear_model


def regression(n=200, d=6, k=None, seed=0):
    """Correlated columns, of which only every second matters."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, d))
    X[:, 1:] += 0.3 * X[:, :-1]
    coef = np.arange(1.0, d + 1) * (np.arange(d) % 2)
    coef = coef if k is None else rng.normal(size=(k, d))
    y = X @ coef.T + 2
    return X, y + rng.normal(size=y.shape), rng.uniform(0, 2, n)


# At a constant rate Adam does not stay at an optimum: as v decays, the rounding of g becomes full steps.
FALLING_ADAM = Adam(Cosine(0.02, n_steps=5000))


def full_batch(X, y, **options):
    return mb.fit(X, y, batch_size="full", **options)


@pytest.mark.parametrize("outputs", [None, 3])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("optimizer", [SGD(0.3), SGD(0.2, 0.5), SGD(0.2, 0.5, nesterov=True)])
def test_ridge_regression_in_closed_form(optimizer, weighted, outputs):
    X, y, s = regression(k=outputs)
    alpha, (n, d) = 0.2, X.shape
    s = s if weighted else np.ones(n)
    result = full_batch(X, y, sample_weight=s, penalty=L2(alpha), optimizer=optimizer, epochs=1000)
    X1 = np.column_stack([X, np.ones(n)])
    A = (X1.T * (s / s.sum())) @ X1 + alpha * np.diag([1.0] * d + [0.0])
    expected = np.linalg.solve(A, (X1.T * (s / s.sum())) @ y)
    np.testing.assert_allclose(result.coef.T, expected[:-1], rtol=1e-6)
    np.testing.assert_allclose(result.intercept, expected[-1], rtol=1e-6)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("optimizer", [SGD(0.5, 0.9), SGD(0.5, 0.9, nesterov=True)])
def test_logistic_regression_by_lbfgs(optimizer, weighted):
    X, y, s = regression()
    y = np.where(y > 2, 1, -1)
    alpha = 0.01
    s = s if weighted else np.ones(len(y))

    def objective(w):
        margin = y * (X @ w[:-1] + w[-1])
        slope = -y / (1 + np.exp(margin)) * s / s.sum()
        value = np.logaddexp(0, -margin) @ s / s.sum() + alpha / 2 * w[:-1] @ w[:-1]
        return value, np.append(slope @ X + alpha * w[:-1], slope.sum())

    options = {"ftol": 0, "gtol": 1e-12, "maxcor": 50, "maxiter": 10_000}
    expected = minimize(objective, np.zeros(7), jac=True, method="L-BFGS-B", options=options).x
    assert np.abs(objective(expected)[1]).max() < 1e-9
    result = full_batch(
        X, y, sample_weight=s, loss="log_loss", penalty=L2(alpha), optimizer=optimizer, epochs=4000
    )
    np.testing.assert_allclose(np.append(result.coef, result.intercept), expected, rtol=1e-6)


def test_softmax_regression_of_scikit_learn():
    X, z, _ = regression(n=300)
    y = np.digitize(z, [-2, 0, 5])
    alpha = 0.05
    optimizer = SGD(0.3, 0.95, nesterov=True)
    result = full_batch(X, y, loss="log_loss", penalty=L2(alpha), optimizer=optimizer, epochs=4000)
    sklearn = linear_model.LogisticRegression(C=1 / (alpha * len(y)), solver="newton-cg", tol=1e-10).fit(X, y)
    np.testing.assert_allclose(result.coef, sklearn.coef_, rtol=1e-6, atol=1e-8)
    # Adding the same number to all intercepts changes nothing.
    np.testing.assert_allclose(
        result.intercept - result.intercept.mean(), sklearn.intercept_ - sklearn.intercept_.mean(), rtol=1e-6
    )
    np.testing.assert_allclose(result.predict_proba(X), sklearn.predict_proba(X), rtol=1e-5)
    np.testing.assert_array_equal(result.predict(X), sklearn.predict(X))


@pytest.mark.parametrize("optimizer", [SGD(0.2), SGD(0.1, 0.9), SGD(0.1, 0.9, nesterov=True), FALLING_ADAM])
@pytest.mark.parametrize("penalty", [L1(0.3), ElasticNet(0.4, 0.7)])
def test_the_lasso_and_elastic_net_of_scikit_learn(penalty, optimizer):
    X, y, _ = regression(d=12)
    l1_ratio = getattr(penalty, "l1_ratio", 1.0)
    sklearn = linear_model.ElasticNet(alpha=penalty.alpha, l1_ratio=l1_ratio, tol=1e-14, max_iter=100_000)
    sklearn.fit(X, y)
    assert 2 <= (sklearn.coef_ == 0).sum() <= 6
    result = full_batch(X, y, penalty=penalty, optimizer=optimizer, epochs=5000)
    assert ((result.coef == 0) == (sklearn.coef_ == 0)).all()
    np.testing.assert_allclose(result.coef, sklearn.coef_, rtol=1e-6)
    assert result.intercept == pytest.approx(sklearn.intercept_, rel=1e-6)


@pytest.mark.parametrize("optimizer", [SGD(0.3, 0.9), FALLING_ADAM])
@pytest.mark.parametrize("n_classes", [2, 3])
def test_sparse_logistic_regression_balances_loss_and_penalty(n_classes, optimizer):
    """At the optimum the gradient of the loss is -l1 sign(w), or at most l1 in size where w = 0."""
    X, z, _ = regression(d=12)
    y = np.digitize(z, np.quantile(z, np.arange(1, n_classes) / n_classes))
    result = full_batch(X, y, loss="log_loss", penalty=L1(0.03), optimizer=optimizer, epochs=5000)
    _, (gradient, intercept) = mb.gradient(X, y, result, loss="log_loss")
    is_zero = result.coef == 0
    assert 0 < is_zero.sum() < is_zero.size
    np.testing.assert_allclose(gradient[~is_zero], -0.03 * np.sign(result.coef[~is_zero]), rtol=1e-5)
    assert (np.abs(gradient[is_zero]) <= 0.03 * (1 + 1e-5)).all()
    np.testing.assert_allclose(intercept, 0, atol=1e-6)


@pytest.mark.parametrize("batch_size", [1, 32])
def test_batches_reach_what_all_batches_agree_on(batch_size):
    """Without noise in the targets every batch has the same optimum, so steps of constant size find it."""
    X, _, _ = regression()
    coef = np.array([1.0, -2.0, 0.5, 0.0, 3.0, -1.0])
    result = mb.fit(X, X @ coef + 4, optimizer=SGD(0.03), batch_size=batch_size, epochs=600)
    np.testing.assert_allclose(result.coef, coef, rtol=1e-6, atol=1e-6)
    assert result.intercept == pytest.approx(4, rel=1e-6)
