"""The one-class support vector machine beside scikit-learn's, by steps and by optima."""

import pickle

import numpy as np
import pytest
import scipy.sparse
import sklearn
from mbgd_rs.optimizers import SGD, Adam
from mbgd_rs.sklearn import MBGDOneClassSVM
from scikit_learn_checks import with_checks
from sklearn.base import clone
from sklearn.kernel_approximation import Nystroem
from sklearn.linear_model import SGDOneClassSVM
from sklearn.pipeline import make_pipeline
from sklearn.svm import OneClassSVM

RNG = np.random.default_rng(0)
X = RNG.normal([2.0, 1.0, 0.0], size=(400, 3))
IS_OLD = tuple(map(int, sklearn.__version__.split(".")[:2])) < (1, 9)
HAS_OTHER_STEPS = pytest.mark.skipif(IS_OLD, reason="SGDOneClassSVM once moved its offset by twice the slope")
SAME_STEPS = {"shuffle": False, "max_iter": 5, "tol": None, "learning_rate": "constant", "eta0": 0.01}


@pytest.mark.filterwarnings("ignore")  # checks are about results; scikit-learn's own estimators warn in them
@with_checks(
    [
        MBGDOneClassSVM(),
        MBGDOneClassSVM(nu=0.2, optimizer=Adam(0.05), max_iter=50),
        MBGDOneClassSVM(nu=0.1, learning_rate="invscaling", eta0=0.1, average=True),
    ]
)
def test_checks_of_scikit_learn(estimator, check):
    check(estimator)


def assert_same(ours, theirs):
    for name in ("coef_", "offset_"):
        mine, other = getattr(ours, name), getattr(theirs, name).reshape(getattr(ours, name).shape)
        np.testing.assert_allclose(mine, other, rtol=0, atol=1e-10 * max(1, np.abs(other).max()))
    assert (ours.n_iter_, ours.t_) == (theirs.n_iter_, theirs.t_)


@HAS_OTHER_STEPS
@pytest.mark.parametrize("nu", [0.05, 0.5, 1.0])
def test_with_a_row_a_step_the_steps_are_those_of_sgd(nu):
    rates = [("constant", False), ("invscaling", False)]
    if (
        nu < 1
    ):  # else scikit-learn, which keeps w as a vector and a scale of it, loses digits as that vanishes
        rates += [("constant", True), ("optimal", 30)]
    for rate, average in rates:
        how = {"nu": nu, "average": average, **SAME_STEPS, "learning_rate": rate}
        ours, theirs = MBGDOneClassSVM(batch_size=1, **how).fit(X), SGDOneClassSVM(**how).fit(X)
        assert_same(ours, theirs)
        assert ours.offset_.shape == theirs.offset_.shape
        np.testing.assert_allclose(ours.decision_function(X), theirs.decision_function(X), atol=1e-9)
        np.testing.assert_allclose(ours.score_samples(X), theirs.score_samples(X), atol=1e-9)
        np.testing.assert_array_equal(ours.predict(X), theirs.predict(X))


def objective(coef, offset, nu):
    scores = X @ np.ravel(coef)
    return nu / 2 * np.sum(coef**2) + np.maximum(0, offset - scores).mean() - nu * offset


@pytest.mark.parametrize("nu", [0.1, 0.5])
def test_the_default_comes_near_the_optimum(nu):
    exact = OneClassSVM(kernel="linear", nu=nu, tol=1e-10).fit(X)
    # Its objective is |w|^2 / 2 - rho + mean hinge / nu of parameters that are nu n times as large.
    scale = 1 / (nu * len(X))
    least = objective(exact.coef_ * scale, exact.offset_[0] * scale, nu)
    ours = MBGDOneClassSVM(nu=nu, random_state=0, tol=1e-6, max_iter=500).fit(X)
    assert least <= objective(ours.coef_, ours.offset_[0], nu) < least + 1e-3
    np.testing.assert_allclose((ours.predict(X) == -1).mean(), nu, atol=0.05)


def test_chunks_are_one_epoch_bit_for_bit():
    for optimizer in (SGD(0.05), SGD(0.02, momentum=0.9), Adam(0.01)):
        how = {"optimizer": optimizer, "batch_size": 20, "shuffle": False, "nu": 0.3}
        at_once = MBGDOneClassSVM(**how, max_iter=1, tol=None).fit(X)
        parts = MBGDOneClassSVM(**how)
        for chunk in np.split(np.arange(400), [20, 100, 180]):
            parts = pickle.loads(pickle.dumps(parts.partial_fit(X[chunk])))
        np.testing.assert_array_equal(parts.coef_, at_once.coef_)
        np.testing.assert_array_equal(parts.offset_, at_once.offset_)


@HAS_OTHER_STEPS
def test_starts_are_those_of_sgd():
    start = {"coef_init": np.full((1, 3), 0.2), "offset_init": [0.4]}
    assert_same(
        MBGDOneClassSVM(batch_size=1, **SAME_STEPS).fit(X, **start),
        SGDOneClassSVM(**SAME_STEPS).fit(X, **start),
    )
    warm = MBGDOneClassSVM(batch_size=1, warm_start=True, **SAME_STEPS)
    assert_same(warm.fit(X).fit(X), SGDOneClassSVM(warm_start=True, **SAME_STEPS).fit(X).fit(X))


def test_weights_sparse_rows_and_errors():
    dense, sparse = MBGDOneClassSVM(**SAME_STEPS).fit(X), MBGDOneClassSVM(**SAME_STEPS)
    np.testing.assert_allclose(sparse.fit(scipy.sparse.csr_array(X)).coef_, dense.coef_, rtol=1e-12)
    counted = MBGDOneClassSVM(batch_size="full", **SAME_STEPS)
    s = np.arange(400) % 3
    weighted, repeated = clone(counted).fit(X, sample_weight=s), clone(counted).fit(np.repeat(X, s, axis=0))
    np.testing.assert_allclose(weighted.coef_, repeated.coef_, rtol=1e-10)
    before = dense.coef_
    with pytest.raises(
        ValueError, match="The 'nu' parameter of MBGDOneClassSVM must be a float in the range"
    ):
        dense.set_params(nu=0).fit(X)
    with pytest.raises(ValueError, match="fit_intercept must be True"):
        dense.set_params(nu=0.5, fit_intercept=False).fit(X[:, :2])
    np.testing.assert_array_equal(dense.coef_, before)
    assert dense.n_features_in_ == 3


def test_a_border_that_is_no_hyperplane():
    ring = np.vstack([RNG.normal(size=(300, 2)), RNG.uniform(-6, 6, size=(30, 2))])
    kernel = Nystroem(gamma=0.1, n_components=60, random_state=0)
    labels = make_pipeline(kernel, MBGDOneClassSVM(nu=0.1, random_state=0)).fit_predict(ring)
    exact = OneClassSVM(gamma=0.1, nu=0.1).fit_predict(ring)
    assert (labels == exact).mean() > 0.93


def test_columns_are_not_centred():
    with pytest.raises(ValueError, match="standardize must be False"):
        MBGDOneClassSVM(standardize=True).fit(np.eye(3))
