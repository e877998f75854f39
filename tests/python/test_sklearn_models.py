"""Estimators of other models than linear ones: what they show, and how they go on."""

import copy
import pickle

import joblib
import mbgd_rs as mb
import numpy as np
import pytest
import scipy.sparse
from mbgd_rs.models import MLP, FactorizationMachine
from mbgd_rs.optimizers import SGD, Adam
from mbgd_rs.sklearn import MBGDClassifier, MBGDRegressor
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.feature_selection import SelectFromModel
from sklearn.inspection import permutation_importance
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

RNG = np.random.default_rng(6)
N, D, B = 240, 5, 16
X = RNG.normal(size=(N, D))
Y = X[:, 0] * X[:, 1] + X[:, 2] + RNG.normal(size=N) / 4
Y2 = np.stack([Y, X[:, 3]], axis=1)
TWO = np.where(Y > 0, "yes", "no")
THREE = np.array(["a", "b", "c"])[np.digitize(Y, [-0.5, 0.5])]
LABELS = (Y2 > 0).astype(int)
NETWORK, MACHINE = MLP((7, 4), ("tanh", "relu")), FactorizationMachine(rank=3)
MODELS = [NETWORK, MACHINE]
OPTIONS = {"optimizer": Adam(0.02), "batch_size": B, "max_iter": 20, "random_state": 3, "tol": None}
CASES = [
    (MBGDClassifier, TWO, {}),
    (MBGDClassifier, THREE, {"class_weight": "balanced"}),
    (MBGDClassifier, LABELS, {}),
    (MBGDClassifier, THREE, {"loss": "squared_error", "standardize": True}),
    (MBGDClassifier, THREE, {"multi_class": "ovr", "average": True}),
    (MBGDRegressor, Y, {"standardize": True}),
    (MBGDRegressor, Y2, {"loss": "huber"}),
    (MBGDRegressor, np.exp(Y / 2), {"loss": "poisson", "alpha": {"coefs": [0.1, 0.0, 0.1]}}),
]


def cases(test):
    marks = []
    for kind, y, options in CASES:
        for model in MODELS:
            alpha = (
                {"factors": 0.1} if "alpha" in options and model is MACHINE else options.get("alpha", 1e-4)
            )
            estimator = kind(model=model, **{**OPTIONS, **options, "alpha": alpha})
            marks.append(
                pytest.param(estimator, y, id=f"{kind.__name__}, {np.ndim(y)}, {options}, {model.name}")
            )
    return pytest.mark.parametrize(("estimator", "y"), marks)(test)


def flat(estimator):
    result = estimator._current_model()
    return result.model.join(result.params, result.n_columns, result.n_outputs, result.dtype)


def same(one, other):
    assert flat(one).tobytes() == flat(other).tobytes()


@cases
def test_what_is_shown(estimator, y):
    made = clone(estimator).fit(X, y)
    assert tuple(made.params_) == made.model.blocks
    for name in ("coef_", "intercept_", "sparsify", "densify"):
        assert not hasattr(made, name)
    if made.model == NETWORK:
        k = made.result_.n_outputs
        assert [W.shape for W in made.coefs_] == [(D, 7), (7, 4), (4, k)]
        assert [b.shape for b in made.intercepts_] == [(7,), (4,), (k,)]
        assert made.params_["coefs"] is made.coefs_
    else:
        assert not hasattr(made, "coefs_")
    assert made.n_features_in_ == D
    assert made.n_iter_ == 20
    assert made.score(X, y) > (0.4 if np.ndim(y) == 1 else 0.2)
    said = made.predict(X)
    assert said.shape == np.shape(y)
    if isinstance(made, MBGDClassifier):
        assert made.decision_function(X).shape == ((N,) if y is TWO else (N, 2) if y is LABELS else (N, 3))
        if made.loss == "log_loss":
            assert made.predict_proba(X).shape == ((N, 3) if y is THREE else (N, 2))
    same(clone(estimator).fit(X, y), made)


def test_predictions_are_by_the_parameters_that_are_shown():
    made = MBGDRegressor(model=NETWORK, **OPTIONS).fit(X, Y)
    before = made.predict(X)
    made.intercepts_[-1] = made.intercepts_[-1] + 1
    np.testing.assert_allclose(made.predict(X), before + 1, rtol=1e-12)
    np.testing.assert_allclose(made.result_.predict(X), before)
    made.set_params(optimizer=Adam(1e-5)).partial_fit(X, Y)  # from there
    np.testing.assert_allclose(made.predict(X), before + 1, atol=0.01)


def test_another_model_leaves_nothing_behind():
    made = MBGDClassifier(**OPTIONS).fit(X, TWO)
    assert hasattr(made, "coef_")
    made.set_params(model=NETWORK).fit(X, TWO)
    assert not hasattr(made, "coef_")
    made.set_params(model="linear").fit(X, TWO)
    assert not hasattr(made, "coefs_")
    same(made, MBGDClassifier(**OPTIONS).fit(X, TWO))
    assert made.sparsify().densify() is made
    with pytest.raises(ValueError, match=r"init must have the keys .* for model 'mlp'"):
        made.set_params(model=NETWORK).partial_fit(X, TWO)


@cases
def test_rows_in_chunks_are_as_at_once(estimator, y):
    plain = {"average": False, "standardize": False, "class_weight": None}
    known = estimator.get_params()
    estimator = clone(estimator).set_params(**{name: plain[name] for name in plain if name in known})
    whole = clone(estimator).set_params(shuffle=False, max_iter=1).fit(X, y)
    parts = clone(estimator).set_params(shuffle=False)
    classes = {"classes": np.unique(y)} if isinstance(y[0], str) else {}
    again = [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m)), lambda m: m]
    for i, rows in enumerate(np.split(np.arange(N), [B, 4 * B, 5 * B])):
        parts.partial_fit(X[rows], y[rows], **(classes if i == 0 else {}))
        parts = again[i % 3](parts)
    same(parts, whole)


@cases
def test_warm_starts_go_on_from_the_parameters(estimator, y):
    made = clone(estimator).set_params(warm_start=True).fit(X, y)
    again = copy.deepcopy(made).fit(X, y)
    loss = estimator.get_params().get("loss")
    assert (flat(again) != flat(made)).any()
    assert again.loss_curve_[0] < made.loss_curve_[0], loss
    with pytest.raises(ValueError, match="coef_init must be None for model"):
        made.fit(X, y, coef_init=np.zeros(D))


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.name)
def test_early_stopping_and_weights(model):
    made = MBGDClassifier(
        model=model,
        optimizer=Adam(0.02),
        early_stopping=True,
        validation_fraction=0.25,
        random_state=0,
        max_iter=60,
    ).fit(X, TWO, sample_weight=np.linspace(0, 2, N))
    assert made.validation_scores_[made.result_.best_epoch - 1] == max(made.validation_scores_)
    assert made.n_iter_ <= 60
    heavy = MBGDClassifier(model=model, class_weight={"yes": 50.0}, **OPTIONS).fit(X, TWO)
    plain = MBGDClassifier(model=model, **OPTIONS).fit(X, TWO)
    assert (heavy.predict(X) == "yes").sum() > (plain.predict(X) == "yes").sum()


def test_defaults_are_those_of_fit():
    for kind, y, loss in ((MBGDClassifier, TWO, "log_loss"), (MBGDRegressor, Y, "squared_error")):
        made = kind(model="mlp", tol=None, max_iter=2).fit(X, y)
        assert made.result_.arguments["optimizer"] == Adam()
        assert (made.result_.batch_size, made.result_.loss) == (200, loss)
        made.partial_fit(X, y)
        assert made.result_.arguments["optimizer"] == Adam()
        assert made.result_.n_epochs == 3
    rule = mb.stopping.NoImprovement(tol=1e-3, patience=5)
    stopped = MBGDRegressor(model=NETWORK, optimizer=Adam(0.01), random_state=0).fit(X, Y)
    assert stopped.n_iter_ < 1000
    seed = stopped.result_.arguments["seed"]
    penalty = mb.penalties.L2(1e-4)
    by_fit = mb.fit(
        X, Y, model=NETWORK, optimizer=Adam(0.01), penalty=penalty, seed=seed, epochs=1000, stop=rule
    )
    assert stopped.predict(X).tobytes() == by_fit.predict(X).tobytes()


def test_what_is_refused():
    for options, kind, message in (
        ({"model": "mpl"}, ValueError, "The 'model' parameter of MBGDClassifier must be a str among"),
        ({"model": 3}, ValueError, "The 'model' parameter of MBGDClassifier must be"),
        ({"model": "mlp", "optimizer": "saga"}, ValueError, "model must be 'linear' for SAGA"),
        ({"model": "mlp", "optimizer": SGD()}, ValueError, "model must be 'linear' for learning_rate"),
        ({"model": "mlp", "penalty": "group_l1"}, ValueError, "penalty must not be one of groups"),
        ({"model": "mlp", "alpha": {"coef": 1.0}}, ValueError, 'alpha must be a dict with keys of "coefs"'),
        ({"learning_rate": "optimal", "alpha": {"coef": 1.0}}, ValueError, "alpha must be a number since"),
    ):
        with pytest.raises(kind, match=message):
            MBGDClassifier(**options).fit(X, TWO)


@cases
def test_files_and_copies(estimator, y, tmp_path):
    made = clone(estimator).fit(X, y)
    made.save(tmp_path / "model", state=True)
    loaded = mb.load(tmp_path / "model")
    joblib.dump(made, tmp_path / "dump")
    for other in (loaded, joblib.load(tmp_path / "dump"), copy.deepcopy(made)):
        same(other, made)
        assert type(other) is type(made)
        assert other.predict(X).tolist() == made.predict(X).tolist()
        assert repr(other.get_params()) == repr(made.get_params())
    if not isinstance(made, MBGDClassifier) or not isinstance(y[0], str) or made.class_weight is None:
        same(loaded.partial_fit(X, y), made.partial_fit(X, y))


def test_changed_parameters_are_saved(tmp_path):
    made = MBGDRegressor(model=NETWORK, **OPTIONS).fit(X, Y)
    made.coefs_[0] = made.coefs_[0] * 2
    made.save(tmp_path / "model")
    same(mb.load(tmp_path / "model"), made)


def test_sparse_rows_and_single_precision():
    for model in MODELS:
        rows = scipy.sparse.csr_matrix(X * (X > 0))
        made = MBGDClassifier(model=model, **OPTIONS).fit(rows, THREE)
        assert made.score(rows, THREE) > 0.5
        single = MBGDClassifier(model=model, **OPTIONS).fit(X.astype("f4"), THREE)
        assert single.result_.dtype == single.predict_proba(X.astype("f4")).dtype == np.float32


def test_tools_of_scikit_learn():
    search = GridSearchCV(
        MBGDClassifier(optimizer=Adam(0.05), max_iter=40, random_state=0, tol=None),
        {"model": ["linear", MLP(10), FactorizationMachine(2)]},
        cv=3,
    ).fit(X, TWO)
    assert search.best_params_["model"] != "linear"  # products of columns are what there is to learn
    found = permutation_importance(search.best_estimator_, X, TWO, n_repeats=3, random_state=0)
    assert found.importances_mean[:2].min() > found.importances_mean[4]
    chosen = SelectFromModel(MBGDClassifier(penalty="l1", alpha=0.05)).fit(X, TWO)
    assert chosen.get_support()[2]
    with pytest.raises(ValueError, match=r"no_coef|coef_|importance"):
        SelectFromModel(MBGDClassifier(model=MLP(3), max_iter=2, tol=None)).fit(X, TWO).get_support()


def test_digits_as_well_as_networks_of_scikit_learn():
    networks = pytest.importorskip("sklearn.neural_network")
    rows, digit = load_digits(return_X_y=True)
    train, test = slice(0, 1200), slice(1200, None)
    theirs = networks.MLPClassifier((64,), max_iter=60, tol=0, random_state=0, n_iter_no_change=60)
    ours = MBGDClassifier(model=MLP(64), alpha=1e-4 / 200, max_iter=60, tol=None, random_state=0)
    with pytest.warns(Warning, match="Maximum iterations"):
        theirs = make_pipeline(StandardScaler(), theirs).fit(rows[train], digit[train])
    ours.set_params(standardize=True).fit(rows[train], digit[train])
    assert ours.score(rows[test], digit[test]) > theirs.score(rows[test], digit[test]) - 0.02


@cases
def test_callbacks_of_scikit_learn_see_a_fitted_estimator(estimator, y):
    pytest.importorskip("sklearn.callback", reason="scikit-learn has callbacks from 1.9 on")

    class Recorder:
        scores: list[float] = []  # noqa: RUF012 - of one fit

        def setup(self, estimator, context):
            self.scores.clear()

        def teardown(self, estimator, context):
            pass

        def on_fit_task_begin(self, estimator, context):
            pass

        def on_fit_task_end(
            self, estimator, context, *, X=None, y=None, metadata=None, fitted_estimator=None
        ):
            if fitted_estimator is not None:
                self.scores.append(fitted_estimator.score(X, y))

    made = clone(estimator).set_params(max_iter=3).set_callbacks(Recorder()).fit(X, y)
    assert Recorder.scores[-1] == made.score(X, y)
    assert len(Recorder.scores) >= 3
