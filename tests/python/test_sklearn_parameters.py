"""What parameters of the estimators mean, what they refuse, and what is to be seen of a fit."""

import copy
import inspect
import pickle
import re
import subprocess
import sys
import warnings

import mbgd_rs as mb
import numpy as np
import pytest
import scipy.sparse
from mbgd_rs import keywords
from mbgd_rs.sklearn import MBGDClassifier, MBGDRegressor
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.linear_model import SGDClassifier, SGDRegressor
from sklearn.utils.class_weight import compute_sample_weight

RNG = np.random.default_rng(2)
X = RNG.normal(size=(400, 5)) * [1, 10, 0.1, 1, 1] + [0, 3, 0, 0, 0]
OF_THREE = np.array(["low", "mid", "high"])[np.argmax(X[:, [0, 3, 4]] + RNG.normal(size=(400, 3)), axis=1)]
OF_TWO = OF_THREE == "low"
Y = X @ [1.0, 0.1, 3.0, -1.0, 0.0] + 0.5 * RNG.normal(size=400)
LABELS = (X[:, [0, 3, 4]] > 0).astype(int)


def test_the_default_is_that_of_fit():
    model = MBGDClassifier(random_state=5, tol=1e-5).fit(X, OF_THREE)
    seed = int(np.random.RandomState(5).randint(2**31 - 1))
    result = mb.fit(
        X, OF_THREE, loss="log_loss", penalty="l2", seed=seed, stop=mb.stopping.Converged(1e-6), epochs=1000
    )
    np.testing.assert_array_equal(model.coef_, result.coef)
    np.testing.assert_array_equal(model.predict_proba(X), result.predict_proba(X))
    assert model.result_.solver.optimizer == "saga"
    assert model.result_.stop_reason == "converged"


def test_names_and_defaults_are_those_of_scikit_learn():
    different = {"loss", "learning_rate"}  # see the docstrings
    for ours, theirs in ((MBGDClassifier(), SGDClassifier()), (MBGDRegressor(), SGDRegressor())):
        mine, other = ours.get_params(), theirs.get_params()
        assert set(other) <= set(mine)
        assert {name for name in other if other[name] != mine[name]} - {"eta0"} <= different


def test_attributes_have_the_shapes_of_sgd():
    for y, n_rows in ((OF_TWO, 1), (OF_THREE, 3)):
        model = MBGDClassifier(random_state=0).fit(X, y)
        assert model.coef_.shape == (n_rows, 5)
        assert model.intercept_.shape == (n_rows,)
        np.testing.assert_array_equal(model.classes_, np.unique(y))
        assert model.n_features_in_ == 5
        assert len(model.loss_curve_) == model.n_iter_ == model.result_.n_epochs
        assert model.best_loss_ == min(model.loss_curve_)
        assert model.t_ == model.result_.n_steps + 1
        assert model.validation_scores_ is None
        assert model.history_ is model.result_.history
    one, several = MBGDRegressor().fit(X, Y), MBGDRegressor().fit(X, np.column_stack([Y, -Y]))
    assert one.coef_.shape == (5,)
    assert one.intercept_.shape == (1,)
    assert several.coef_.shape == (2, 5)
    assert several.intercept_.shape == (2,)
    assert several.predict(X).shape == (400, 2)
    assert several.score(X, np.column_stack([Y, -Y])) > 0.8


def test_losses_with_several_labels_a_row():
    for loss in ("log_loss", "hinge", "squared_error"):
        model = MBGDClassifier(loss=loss, random_state=0).fit(X, LABELS)
        assert model.coef_.shape == (3, 5)
        np.testing.assert_array_equal(model.classes_, [0, 1, 2])
        np.testing.assert_array_equal(model.predict(X), model.decision_function(X) > 0)
        assert model.score(X, LABELS) > 0.9
        sparse = MBGDClassifier(loss=loss, random_state=0).fit(X, scipy.sparse.csr_array(LABELS))
        np.testing.assert_array_equal(sparse.coef_, model.coef_)
        parts = MBGDClassifier(loss=loss, random_state=0).partial_fit(X, LABELS)
        assert parts.predict(X).shape == LABELS.shape


def test_probabilities():
    for loss in ("log_loss", "modified_huber", "focal"):
        model = MBGDClassifier(loss=loss, random_state=0).fit(X, OF_THREE)
        p = model.predict_proba(X)
        np.testing.assert_allclose(p.sum(axis=1), 1)
        with np.errstate(divide="ignore"):
            np.testing.assert_array_equal(model.predict_log_proba(X), np.log(p))
        if loss == "log_loss":  # softmax
            scores = np.exp(model.decision_function(X))
            np.testing.assert_allclose(p, scores / scores.sum(axis=1, keepdims=True))
    with pytest.raises(AttributeError) as raised:
        MBGDClassifier(loss="hinge").predict_proba  # noqa: B018
    assert "probability estimates are not available for loss='hinge'" in str(raised.value.__cause__)


def test_regression_losses_predict_on_the_scale_of_the_targets():
    rates = np.exp(0.5 * X[:, 0] + 1)
    for loss, y in (
        ("poisson", RNG.poisson(rates)),
        ("gamma", RNG.gamma(2.0, rates / 2)),
        ("tweedie", RNG.poisson(rates) * RNG.gamma(2.0, 0.5, size=400)),
    ):
        model = MBGDRegressor(loss=loss, random_state=0, alpha=0).fit(X, y)
        np.testing.assert_allclose(model.predict(X).mean(), y.mean(), rtol=0.2)
        np.testing.assert_allclose(np.log(model.predict(X)), X @ model.coef_ + model.intercept_)
    shares = [
        (MBGDRegressor(loss="quantile", quantile=q, random_state=0).fit(X, Y).predict(X) > Y).mean()
        for q in (0.1, 0.5, 0.9)
    ]
    np.testing.assert_allclose(shares, [0.1, 0.5, 0.9], atol=0.05)
    objects = MBGDRegressor(loss=mb.losses.Tweedie(1.2), random_state=0).fit(X, rates)
    names = MBGDRegressor(loss="tweedie", power=1.2, random_state=0).fit(X, rates)
    np.testing.assert_array_equal(objects.coef_, names.coef_)


def test_class_weight():
    for loss in ("log_loss", "squared_error"):
        weighted = MBGDClassifier(loss=loss, class_weight="balanced", random_state=0).fit(X, OF_TWO)
        by_hand = MBGDClassifier(loss=loss, random_state=0).fit(
            X, OF_TWO, sample_weight=compute_sample_weight("balanced", OF_TWO)
        )
        np.testing.assert_allclose(weighted.coef_, by_hand.coef_, rtol=1e-9)
        plain = MBGDClassifier(loss=loss, random_state=0).fit(X, OF_TWO)
        assert weighted.predict(X).sum() > plain.predict(X).sum()


def test_what_optimizer_means():
    def optimizer(**how):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return MBGDRegressor(max_iter=2, **how).fit(X[:, [0, 3]], Y).result_.arguments["optimizer"]

    o, s = mb.optimizers, mb.schedules
    assert optimizer() == o.SAGA()
    assert optimizer(loss="absolute_error") == o.SGD(preconditioner="diagonal")
    assert optimizer(learning_rate="constant", eta0=0.02) == o.SGD(0.02)
    assert optimizer(learning_rate="invscaling", momentum=0.5) == o.SGD(
        s.InverseScaling(0.01, 0.25), momentum=0.5
    )
    assert optimizer(optimizer="adam", learning_rate="constant", eta0=0.02) == o.Adam(0.02)
    assert optimizer(optimizer="adam") == o.Adam()
    assert optimizer(schedule=s.Cosine(0.01, 100)) == o.SGD(s.Cosine(0.01, 100))
    assert optimizer(optimizer="saga", schedule=1e-3) == o.SAGA(1e-3)
    assert optimizer(learning_rate="adaptive", tol=None) == o.SGD(0.01)
    assert optimizer(optimizer=o.Lion(0.001)) == o.Lion(0.001)


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ({"alpha": -1}, "The 'alpha' parameter of MBGDClassifier must be a float in the range [0.0, inf)"),
        ({"max_iter": 0}, "The 'max_iter' parameter of MBGDClassifier must be an int in the range [1, inf)"),
        ({"l1_ratio": 2}, "The 'l1_ratio' parameter"),
        ({"loss": "squared"}, "The 'loss' parameter of MBGDClassifier must be a str among"),
        ({"penalty": "l3"}, "The 'penalty' parameter"),
        ({"learning_rate": "fast"}, "The 'learning_rate' parameter"),
        ({"validation_fraction": 1.0}, "The 'validation_fraction' parameter"),
        ({"class_weight": "even"}, "The 'class_weight' parameter"),
        ({"momentum": 1.0}, "The 'momentum' parameter"),
        ({"learning_rate": "optimal", "alpha": 0}, "alpha must be > 0 since learning_rate is 'optimal'."),
        ({"penalty": "elasticnet", "l1_ratio": None}, "l1_ratio must be set when penalty is 'elasticnet'"),
        ({"optimizer": "adam", "momentum": 0.9}, "momentum must be 0 with optimizer 'adam', got 0.9"),
        (
            {"optimizer": mb.optimizers.Adam(), "learning_rate": "constant"},
            "learning_rate must be left at its default where optimizer is an object, which has its own, "
            "got 'constant'",
        ),
        ({"optimizer": mb.optimizers.SGD(), "momentum": 0.5}, "momentum must be left at its default"),
        ({"optimizer": mb.optimizers.SGD(), "schedule": 0.5}, "schedule must be left at its default"),
        ({"schedule": "cosine"}, "schedule must be a number, an object of mbgd_rs.schedules, a function"),
        (
            {"learning_rate": "constant", "schedule": 0.1},
            "learning_rate must be 'auto' where a schedule is given, got 'constant'",
        ),
        ({"multi_class": "multinomial", "loss": "hinge"}, "multi_class must be 'ovr' or 'auto' unless loss"),
        ({"multi_class": "ovr", "loss": "crammer_singer"}, "multi_class must be 'multinomial' or 'auto'"),
        ({"optimizer": "sdg"}, "optimizer must be one of"),
        ({"batch_size": 0}, "batch_size must be"),
        ({"n_jobs": 0}, "n_jobs must not be 0, got 0"),
        ({"callbacks": 3}, "callbacks must be a callable or a list of callables, got 3"),
        ({"learning_rate": "constant", "eta0": 1e12, "loss": "squared_error"}, "overflow occurred at epoch"),
    ],
)  # fmt: skip
def test_errors_leave_a_fitted_estimator_as_it_was(how, message):
    model = MBGDClassifier(random_state=0).fit(X[:, :3], OF_TWO)
    before = copy.deepcopy(vars(model))
    model.set_params(**how)
    with pytest.raises((ValueError, TypeError)) as raised:
        model.fit(X, OF_THREE)
    assert message in str(raised.value)
    fitted = {name for name in before if name.endswith("_")}
    assert {name for name in vars(model) if name.endswith("_")} == fitted
    np.testing.assert_array_equal(model.coef_, before["coef_"])
    assert model.n_features_in_ == 3
    np.testing.assert_array_equal(model.classes_, [False, True])


def test_errors_of_data():
    model = MBGDClassifier()
    with pytest.raises(NotFittedError):
        model.predict(X)
    for y, message in (
        (np.zeros(400), "The number of classes has to be greater than one; got 1 class"),
        (Y, "Unknown label type: continuous"),
        (np.column_stack([OF_THREE, OF_THREE]), "y should be a 1d array"),
    ):
        with pytest.raises(ValueError, match=message):
            model.fit(X, y)
    with pytest.raises(ValueError, match="X_val must be given where y_val is, got None"):
        model.fit(X, OF_TWO, y_val=OF_TWO)
    with pytest.raises(ValueError, match="got 'low' at row"):
        model.fit(X[OF_THREE != "low"], OF_THREE[OF_THREE != "low"], X_val=X, y_val=OF_THREE)
    with pytest.raises(ValueError, match="loss must be one of numbers"):
        MBGDRegressor(loss=mb.losses.Hinge()).fit(X, Y)
    with pytest.raises(ValueError, match="coef_init does not match dataset"):
        model.fit(X, OF_THREE, coef_init=np.zeros((2, 5)))
    assert not hasattr(model, "n_features_in_")


def test_validation_rows_of_ones_own_and_early_stopping():
    train, judged = slice(0, 300), slice(300, 400)
    for loss in ("log_loss", "hinge", "squared_error"):
        how = {"loss": loss, "random_state": 0, "learning_rate": "constant", "eta0": 0.005, "batch_size": 8}
        for y in (OF_TWO, OF_THREE, LABELS):
            model = MBGDClassifier(**how, early_stopping=True)
            model.fit(X[train], y[train], X_val=X[judged], y_val=y[judged])
            assert 5 < model.n_iter_ < 1000
            assert len(model.validation_scores_) == model.n_iter_
            assert model.score(X[judged], y[judged]) == max(model.validation_scores_)
            assert model.history_.validation_loss.size == model.n_iter_
    how = {"learning_rate": "constant", "eta0": 0.005, "batch_size": 16, "random_state": 0}
    model = MBGDRegressor(early_stopping=True, validation_fraction=0.2, **how).fit(X, Y)
    assert model.result_.stop_reason == "no_improvement"
    assert model.score(X, Y) > 0.8
    given = MBGDRegressor(random_state=0).fit(X[train], Y[train], X_val=X[judged], y_val=Y[judged])
    np.testing.assert_allclose(given.validation_scores_[-1], given.score(X[judged], Y[judged]))


def test_warm_start_begins_where_the_last_fit_ended():
    model = MBGDClassifier(warm_start=True, random_state=0, max_iter=3, tol=None, learning_rate="constant")
    model.fit(X, OF_THREE)
    begun = copy.deepcopy(model)
    model.fit(X, OF_THREE)
    again = MBGDClassifier(random_state=0, max_iter=3, tol=None, learning_rate="constant")
    again.fit(X, OF_THREE, coef_init=begun.coef_, intercept_init=begun.intercept_)
    np.testing.assert_array_equal(model.coef_, again.coef_)
    assert model.t_ == begun.t_  # the count begins anew, as in SGDClassifier


def test_random_states():
    def coef(random_state):
        return MBGDRegressor(random_state=random_state, max_iter=2, tol=None).fit(X, Y).coef_

    np.testing.assert_array_equal(coef(3), coef(3))
    np.testing.assert_array_equal(coef(3), coef(np.random.RandomState(3)))
    assert (coef(3) != coef(4)).any()
    state = np.random.RandomState(3)
    assert (coef(state) != coef(state)).any()
    assert (coef(None) != coef(None)).any()


def test_threads_and_batches_do_what_they_say():
    one = MBGDClassifier(n_jobs=1, random_state=0).fit(X, OF_THREE)
    for n_jobs in (2, -1, None):
        many = MBGDClassifier(n_jobs=n_jobs, random_state=0).fit(X, OF_THREE)
        np.testing.assert_array_equal(one.coef_, many.coef_)
    full = MBGDRegressor(batch_size="full", learning_rate="constant", max_iter=3, tol=None).fit(X, Y)
    assert full.t_ == 4


def test_flags_may_be_those_of_numpy():
    def coef(flag):
        how = {
            "shuffle": flag(False),
            "average": flag(False),
            "fit_intercept": flag(False),
            "random_state": 0,
        }
        return MBGDRegressor(**how, max_iter=3, tol=None).fit(X, Y).coef_

    np.testing.assert_array_equal(coef(bool), coef(np.bool_))


def test_max_iter_warns_as_scikit_learn_does():
    with pytest.warns(ConvergenceWarning, match="Maximum number of iteration reached before convergence"):
        MBGDClassifier(max_iter=2, random_state=0).fit(X, OF_THREE)
    MBGDClassifier(max_iter=2, tol=None).fit(X, OF_THREE)


def test_sparsify_and_densify():
    model = MBGDClassifier(penalty="l1", alpha=0.05, random_state=0).fit(X, OF_THREE)
    scores, coef = model.decision_function(X), model.coef_
    assert (coef == 0).any()
    assert model.sparsify() is model
    assert scipy.sparse.issparse(model.coef_)
    np.testing.assert_array_equal(model.decision_function(X), scores)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(model)).predict(X), model.predict(X))
    np.testing.assert_array_equal(model.densify().coef_, coef)
    regressor = MBGDRegressor(penalty="l1", alpha=0.5).fit(X, Y)
    before = regressor.coef_
    np.testing.assert_array_equal(regressor.sparsify().densify().coef_, before)


def test_predictions_follow_the_parameters_that_are_shown():
    model = MBGDRegressor(random_state=0).fit(X, Y)
    model.coef_ = np.zeros(5)
    model.intercept_[:] = 7.0
    np.testing.assert_array_equal(model.predict(X), np.full(400, 7.0))


def test_names_are_reached_from_the_top_without_scikit_learn_being_imported():
    assert mb.MBGDClassifier is MBGDClassifier
    assert "MBGDRegressor" in dir(mb)
    with pytest.raises(AttributeError, match="no attribute 'MBGDForest'"):
        mb.MBGDForest  # noqa: B018
    code = (
        "import sys; import mbgd_rs as mb; assert not any(m.split('.')[0] == 'sklearn' for m in sys.modules);"
        "sys.modules['sklearn'] = None\n"
        "try: mb.MBGDClassifier\n"
        "except ImportError as error: print(error)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=100)
    assert (
        done.stdout.strip() == "the estimators of mbgd_rs need scikit-learn: pip install 'mbgd_rs[sklearn]'"
    )


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("C", r": give alpha=1 / \(C \* n\) for n rows"),
        ("solver", ": give optimizer="),
        ("hidden_layer_sizes", r": give model=mb\.models\.MLP\(hidden=\.\.\.\)"),
        ("learning_rate_init", r": give optimizer=mb\.optimizers\.Adam"),
        ("multi_clas", r": did you mean 'multi_class'\?"),
        ("l1_ration", r": did you mean 'l1_ratio'\?"),
        ("epochs", r": did you mean 'max_iter'\?"),
        ("seed", r": did you mean 'random_state'\?"),
        ("n_threads", r": did you mean 'n_jobs'\?"),
        ("stop", r": it is an argument of mbgd_rs\.fit"),
        ("sample_weight", ": give sample_weight to fit"),
        ("zzzz", ""),
    ],
)
def test_unknown_parameters_point_to_the_right_one(name, hint):
    with pytest.raises(TypeError, match=rf"^MBGDClassifier\(\) has no argument {name!r}{hint or '$'}"):
        MBGDClassifier(**{name: 1})


def test_hints_leave_the_signature_and_name_what_there_is():
    for kind in (MBGDClassifier, MBGDRegressor, mb.MBGDOneClassSVM):
        names = set(inspect.signature(kind).parameters)
        assert names == set(kind().get_params())
        assert not names & set(keywords.OF_FIT.split())
        assert clone(kind(max_iter=3)).max_iter == 3
    assert set(keywords.OF_FIT.split()) <= set(inspect.signature(mb.fit).parameters)


@pytest.mark.parametrize(
    ("model", "how", "message"),
    [
        (MBGDClassifier, {"loss": "hing"}, "among {'crammer_singer', 'focal', 'hinge', 'log_loss'"),
        (MBGDClassifier, {"loss": "hing"}, "Got 'hing' instead. Did you mean 'hinge'?"),
        (MBGDClassifier, {"loss": "mse"}, "Did you mean 'squared_error'?"),
        (
            MBGDRegressor,
            {"loss": "mae"},
            "among {'absolute_error', 'epsilon_insensitive', 'gamma', 'huber'",
        ),
        (MBGDRegressor, {"loss": "mae"}, "Did you mean 'absolute_error'?"),
        (MBGDClassifier, {"learning_rate": "invscalin"}, "Did you mean 'invscaling'?"),
        (MBGDClassifier, {"optimizer": "sdg"}, "optimizer must be one of 'auto', 'sgd', "),
        (MBGDClassifier, {"optimizer": None}, "optimizer must be one of 'auto', 'sgd', "),
        (MBGDClassifier, {"optimizer": mb.optimizers.SGD}, ": did you mean SGD()?"),
    ],
)
def test_errors_of_names_say_which_there_are(model, how, message):
    with pytest.raises((ValueError, TypeError), match=re.escape(message)):
        model(**how).fit(X, OF_TWO)


@pytest.mark.parametrize(
    ("how", "message"),
    [
        (
            {"eta0": 0.1},
            "eta0 has no effect where learning_rate is 'auto', got 0.1: give .*='constant'",
        ),
        ({"eta0": 0.1, "optimizer": "sgd"}, "eta0 has no effect"),
        (
            {"power_t": 0.1},
            "power_t has no effect where learning_rate is 'auto', got 0.1: give .*='invscaling'",
        ),
        ({"eta0": 0.1, "optimizer": mb.optimizers.SGD(0.1)}, "got 0.1$"),
        ({"eta0": 0.1, "schedule": 0.1}, "got 0.1$"),
    ],
)
def test_rates_without_an_effect_are_warned_of(how, message):
    with pytest.warns(UserWarning, match=message) as caught:
        MBGDClassifier(**how, max_iter=2, tol=None).fit(X, OF_TWO)
    assert caught[0].filename == __file__
    with pytest.warns(UserWarning, match=message):
        MBGDClassifier(**how).partial_fit(X, OF_TWO, classes=[False, True])


def test_rates_with_an_effect_are_not_warned_of():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for how in ({"learning_rate": "constant", "eta0": 0.1}, {"eta0": 0.01}, {"power_t": 0.5}):
            MBGDClassifier(**how, max_iter=2, tol=None).fit(X, OF_TWO)
