"""The estimators inside of what scikit-learn builds of estimators, and what they are given there."""

import time

import joblib
import mbgd_rs as mb
import numpy as np
import pandas as pd
import pytest
import scipy.sparse
from mbgd_rs.sklearn import MBGDClassifier, MBGDRegressor
from mbgd_rs.sklearn.threads import n_threads_of
from sklearn import config_context
from sklearn.base import clone, is_classifier, is_regressor
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import TransformedTargetRegressor, make_column_transformer
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris
from sklearn.ensemble import BaggingClassifier, StackingClassifier, VotingClassifier, VotingRegressor
from sklearn.experimental import enable_halving_search_cv  # noqa: F401 - which makes it importable
from sklearn.feature_selection import SelectFromModel
from sklearn.inspection import permutation_importance
from sklearn.kernel_approximation import Nystroem
from sklearn.linear_model import Ridge
from sklearn.metrics import get_scorer
from sklearn.model_selection import GridSearchCV, HalvingGridSearchCV, cross_val_score, cross_validate
from sklearn.multiclass import OneVsRestClassifier
from sklearn.multioutput import ClassifierChain, MultiOutputClassifier, MultiOutputRegressor, RegressorChain
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

IRIS = load_iris(return_X_y=True)
DIABETES = load_diabetes(return_X_y=True)
CANCER = load_breast_cancer(return_X_y=True)
classifier = MBGDClassifier(alpha=1e-3, random_state=0)
regressor = MBGDRegressor(alpha=1e-4, random_state=0)


@pytest.mark.parametrize("backend", ["loky", "multiprocessing", "threading"])
def test_searches_in_parallel_give_what_they_give_one_by_one(backend):
    grid = {"alpha": [1e-3, 1e-1], "fit_intercept": [True, False]}
    alone = GridSearchCV(classifier, grid, cv=3).fit(*IRIS)
    with joblib.parallel_backend(backend, n_jobs=2):
        together = GridSearchCV(classifier, grid, cv=3).fit(*IRIS)
        scores = cross_validate(classifier, *IRIS, cv=3, n_jobs=2, return_estimator=True)
        halved = HalvingGridSearchCV(classifier, grid, cv=3, random_state=0).fit(*IRIS)
    name = "mean_test_score"
    np.testing.assert_array_equal(together.cv_results_[name], alone.cv_results_[name])
    assert together.best_score_ > 0.95
    assert halved.best_score_ > 0.9
    for fitted in scores["estimator"]:
        assert fitted.result_.stop_reason in ("converged", "no_improvement")


def threads_of_task(seconds):
    time.sleep(seconds)  # so that both workers have a task
    return n_threads_of(None), n_threads_of(3)


def test_tasks_of_joblib_share_the_processors():
    n = n_threads_of(None)
    assert n == mb.get_num_threads()
    assert n_threads_of(2) == 2
    assert n_threads_of(-1) == joblib.effective_n_jobs(-1)
    for backend in ("loky", "multiprocessing", "threading"):
        tasks = [joblib.delayed(threads_of_task)(0.1) for _ in range(4)]
        for default, given in joblib.Parallel(n_jobs=2, backend=backend)(tasks):
            assert default == 1 if backend != "loky" else default <= max(1, joblib.cpu_count() // 2)
            assert given == 3


def test_classifiers_in_meta_estimators():
    X, y = IRIS
    theirs = GaussianNB()
    metas = [
        make_pipeline(StandardScaler(), classifier),
        CalibratedClassifierCV(MBGDClassifier(loss="squared_hinge", alpha=1e-2, random_state=0), cv=3),
        VotingClassifier([("ours", classifier), ("theirs", theirs)], voting="soft"),
        StackingClassifier([("ours", classifier), ("theirs", theirs)], cv=3),
        StackingClassifier([("theirs", theirs)], final_estimator=classifier, cv=3),
        BaggingClassifier(classifier, n_estimators=3, random_state=0),
        OneVsRestClassifier(classifier),
        make_pipeline(SelectFromModel(MBGDClassifier(penalty="l1", alpha=0.02, random_state=0)), classifier),
        make_pipeline(Nystroem(n_components=20, random_state=0), classifier),
    ]
    for meta in metas:
        assert cross_val_score(meta, X, y, cv=3).min() > 0.85, meta
    labels = np.column_stack([y > 0, y > 1]).astype(int)
    for meta in (MultiOutputClassifier(classifier), ClassifierChain(classifier), classifier):
        assert meta.fit(X, labels).score(X, labels) > 0.6
        assert meta.predict(X).shape == labels.shape


def test_regressors_in_meta_estimators():
    X, y = DIABETES
    expected = cross_val_score(Ridge(alpha=0.03), X, y).mean()
    for meta in (
        make_pipeline(StandardScaler(), regressor),
        TransformedTargetRegressor(regressor, func=np.sqrt, inverse_func=np.square),
        VotingRegressor([("ours", regressor), ("theirs", Ridge(alpha=0.03))]),
        regressor,
    ):
        assert cross_val_score(meta, X, y).mean() > expected - 0.02
    both = np.column_stack([y, -y])
    for meta in (MultiOutputRegressor(regressor), RegressorChain(regressor), regressor):
        assert meta.fit(X, both).score(X, both) > 0.4


def test_frames_keep_their_names():
    X, y = load_breast_cancer(return_X_y=True, as_frame=True)
    X = X.iloc[:, :5]
    model = clone(classifier).fit(X, y)
    np.testing.assert_array_equal(model.feature_names_in_, X.columns)
    with pytest.raises(ValueError, match="feature names should match those that were passed during fit"):
        model.predict(X.iloc[:, ::-1])
    with pytest.warns(UserWarning, match="X does not have valid feature names"):
        model.predict(X.to_numpy())
    X = X.assign(kind=np.where(y, "b", "m"), size=pd.Categorical(np.arange(len(y)) % 3))
    columns = make_column_transformer(
        (OneHotEncoder(), ["size"]), (StandardScaler(), list(X.columns[:5])), verbose_feature_names_out=False
    )
    pipeline = make_pipeline(columns, classifier).fit(X, y)
    assert pipeline.score(X, y) > 0.9
    with config_context(transform_output="pandas"):
        dense = make_column_transformer(
            (OneHotEncoder(sparse_output=False), ["size"]), (StandardScaler(), list(X.columns[:5]))
        )
        named = make_pipeline(dense, classifier).fit(X, y)
    assert list(named[-1].feature_names_in_[:3]) == [f"onehotencoder__size_{i}" for i in range(3)]


def test_sparse_rows_are_dense_ones():
    X, y = CANCER
    X = np.where(np.median(X, axis=0) < X, X / X.std(axis=0), 0)
    how = {"learning_rate": "constant", "eta0": 0.01, "random_state": 0, "max_iter": 5, "tol": None}
    dense = MBGDClassifier(**how).fit(X, y)
    for make in (
        scipy.sparse.csr_array,
        scipy.sparse.csr_matrix,
        scipy.sparse.csc_array,
        scipy.sparse.coo_array,
    ):
        sparse = MBGDClassifier(**how).fit(make(X), y)
        np.testing.assert_allclose(sparse.coef_, dense.coef_, rtol=1e-9)
        np.testing.assert_allclose(sparse.predict_proba(make(X)), dense.predict_proba(X), rtol=1e-9)
    wide = scipy.sparse.csr_array(X)
    wide.indices, wide.indptr = wide.indices.astype(np.int64), wide.indptr.astype(np.int64)
    np.testing.assert_array_equal(MBGDClassifier(**how).fit(wide, y).coef_, sparse.coef_)


def test_permutation_importance_and_scorers():
    X, y = DIABETES
    importance = permutation_importance(
        clone(regressor).fit(X, y), X, y, n_repeats=3, random_state=0, n_jobs=2
    )
    assert importance.importances_mean.argmax() in (2, 4, 8)
    model = clone(classifier).fit(*CANCER)
    for name in ("roc_auc", "neg_log_loss", "accuracy", "average_precision"):
        assert np.isfinite(get_scorer(name)(model, *CANCER))
    assert is_classifier(model)
    assert is_regressor(regressor)


def test_memory_maps_and_files_of_joblib(tmp_path):
    X, y = CANCER
    joblib.dump((X, y), tmp_path / "data")
    mapped = joblib.load(tmp_path / "data", mmap_mode="r")
    assert isinstance(mapped[0], np.memmap)
    model = clone(classifier).fit(*mapped)
    np.testing.assert_array_equal(model.coef_, clone(classifier).fit(X, y).coef_)
    joblib.dump(model.partial_fit(X, y), tmp_path / "model")
    loaded = joblib.load(tmp_path / "model", mmap_mode="r")
    np.testing.assert_array_equal(loaded.predict_proba(X), model.predict_proba(X))
    np.testing.assert_array_equal(loaded.partial_fit(X, y).coef_, model.partial_fit(X, y).coef_)


def test_metadata_is_routed():
    X, y = CANCER
    s = np.random.default_rng(0).uniform(0.1, 2, size=len(y))
    with config_context(enable_metadata_routing=True):
        model = clone(classifier).set_fit_request(sample_weight=True).set_score_request(sample_weight=False)
        pipeline = make_pipeline(StandardScaler().set_fit_request(sample_weight=False), model)
        pipeline.fit(X, y, sample_weight=s)
        scaled = StandardScaler().fit_transform(X)
        by_hand = clone(classifier).fit(scaled, y, sample_weight=s)
        np.testing.assert_array_equal(pipeline[-1].coef_, by_hand.coef_)
        search = GridSearchCV(model, {"alpha": [1e-3]}, cv=3).fit(X, y, sample_weight=s)
        np.testing.assert_array_equal(
            search.best_estimator_.coef_, clone(classifier).fit(X, y, sample_weight=s).coef_
        )


def test_html_and_text():
    with config_context(display="diagram"):
        html = make_pipeline(StandardScaler(), MBGDClassifier(alpha=0.5))._repr_html_()
    assert "MBGDClassifier" in html
    assert repr(MBGDRegressor(alpha=0.5)) == "MBGDRegressor(alpha=0.5)"
