"""The contract of scikit-learn, by its own checks, with no check expected to fail."""

import pytest
from mbgd_rs.models import MLP, FactorizationMachine
from mbgd_rs.optimizers import Adam
from mbgd_rs.sklearn import MBGDClassifier, MBGDRegressor
from scikit_learn_checks import with_checks

CLASSIFIERS = [
    MBGDClassifier(),
    MBGDClassifier(loss="hinge"),
    MBGDClassifier(loss="modified_huber", multi_class="ovr"),
    MBGDClassifier(loss="perceptron"),
    MBGDClassifier(loss="smooth_hinge"),
    MBGDClassifier(loss="focal", standardize=True),
    MBGDClassifier(loss="crammer_singer", penalty="elasticnet"),
    MBGDClassifier(loss="huber", penalty="l1"),
    MBGDClassifier(optimizer="sgd", average=True),
    MBGDClassifier(optimizer="svrg", warm_start=True, penalty=None),
    MBGDClassifier(optimizer=Adam(0.1), n_jobs=2),
    MBGDClassifier(optimizer="ftrl", loss="squared_hinge"),
    MBGDClassifier(learning_rate="invscaling", eta0=0.1, momentum=0.5),
    MBGDClassifier(penalty="group_l1"),
    MBGDClassifier(model="mlp"),
    MBGDClassifier(model=MLP(20, "tanh"), loss="hinge", optimizer=Adam(0.02), max_iter=150),
    MBGDClassifier(model=FactorizationMachine(3), optimizer=Adam(0.05), max_iter=100),
]
REGRESSORS = [
    MBGDRegressor(),
    MBGDRegressor(loss="absolute_error"),
    MBGDRegressor(loss="huber", penalty="elasticnet"),
    MBGDRegressor(loss="quantile", quantile=0.3, standardize=True),
    MBGDRegressor(loss="poisson"),
    MBGDRegressor(loss="gamma", penalty="l1"),
    MBGDRegressor(loss="tweedie", power=1.2, optimizer="svrg"),
    MBGDRegressor(loss="squared_epsilon_insensitive", optimizer=Adam(0.1), max_iter=50),
    MBGDRegressor(learning_rate="invscaling", eta0=0.05, average=10),
    MBGDRegressor(model="mlp", optimizer=Adam(0.02), max_iter=150),
    MBGDRegressor(model=MLP(10), loss="poisson", optimizer=Adam(0.02), max_iter=150, standardize=True),
    MBGDRegressor(model=FactorizationMachine(3), optimizer=Adam(0.05), max_iter=100),
]


@pytest.mark.filterwarnings("ignore")  # checks are about results; scikit-learn's own estimators warn in them
@with_checks([*CLASSIFIERS, *REGRESSORS])
def test_checks_of_scikit_learn(estimator, check):
    check(estimator)
