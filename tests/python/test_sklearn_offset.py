"""Offsets, known parts of the scores, in estimators: fit, predictions, validation and routing."""

import mbgd_rs as mb
import numpy as np
import pytest
from mbgd_rs.sklearn import MBGDClassifier, MBGDRegressor
from sklearn import config_context
from sklearn.base import clone
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

RNG = np.random.default_rng(0)
X = RNG.normal(size=(500, 4))
EXPOSURE = RNG.uniform(0.1, 5, size=500)
COUNTS = RNG.poisson(EXPOSURE * np.exp(X @ [0.5, -0.3, 0.0, 0.2] + 0.3))
LOG = np.log(EXPOSURE)
OF_THREE = np.argmax(X[:, :3] + RNG.normal(size=(500, 3)), axis=1)


def test_counts_over_exposures_are_rates_weighted_by_exposure():
    """The score equations of both are the same."""
    counts = MBGDRegressor(loss="poisson", alpha=0, tol=1e-9, random_state=0).fit(X, COUNTS, offset=LOG)
    rates = MBGDRegressor(loss="poisson", alpha=0, tol=1e-9, random_state=0)
    rates.fit(X, COUNTS / EXPOSURE, sample_weight=EXPOSURE)
    np.testing.assert_allclose(counts.coef_, rates.coef_, atol=1e-4)
    np.testing.assert_allclose(counts.predict(X, offset=LOG), counts.predict(X) * EXPOSURE)
    np.testing.assert_allclose(counts.predict(X), rates.predict(X), rtol=1e-3)
    assert counts.score(X, COUNTS, offset=LOG) > counts.score(X, COUNTS)


def test_classifiers_add_them_to_scores():
    offset = RNG.normal(size=(500, 3))
    model = MBGDClassifier(random_state=0).fit(X, OF_THREE, offset=offset)
    result = mb.fit(
        X, OF_THREE, loss="log_loss", penalty="l2", offset=offset, seed=model.result_.arguments["seed"],
        epochs=1000, stop=mb.stopping.Converged(1e-4),
    )  # fmt: skip
    np.testing.assert_array_equal(model.coef_, result.coef)
    np.testing.assert_allclose(model.decision_function(X, offset), model.decision_function(X) + offset)
    np.testing.assert_array_equal(model.predict_proba(X, offset=offset), result.predict_proba(X, offset))
    np.testing.assert_array_equal(
        model.predict(X, offset=offset), model.decision_function(X, offset).argmax(axis=1)
    )
    np.testing.assert_array_equal(
        model.predict_log_proba(X, offset=offset), np.log(model.predict_proba(X, offset=offset))
    )
    assert model.score(X, OF_THREE, offset=offset) == (model.predict(X, offset) == OF_THREE).mean()


def test_chunks_and_validation_rows_have_theirs():
    how = {"loss": "poisson", "learning_rate": "constant", "eta0": 0.01, "batch_size": 20, "shuffle": False}
    at_once = MBGDRegressor(**how, max_iter=1, tol=None).fit(X, COUNTS, offset=LOG)
    parts = MBGDRegressor(**how)
    for chunk in np.split(np.arange(500), [20, 100]):
        parts.partial_fit(X[chunk], COUNTS[chunk], offset=LOG[chunk])
    np.testing.assert_array_equal(parts.coef_, at_once.coef_)
    a, b = slice(0, 400), slice(400, 500)
    model = MBGDRegressor(loss="poisson", random_state=0).fit(
        X[a], COUNTS[a], offset=LOG[a], X_val=X[b], y_val=COUNTS[b], offset_val=LOG[b]
    )
    np.testing.assert_allclose(model.validation_scores_[-1], model.score(X[b], COUNTS[b], offset=LOG[b]))


def test_errors():
    model = MBGDRegressor(loss="poisson")
    with pytest.raises(ValueError, match="offset must have shape"):
        model.fit(X, COUNTS, offset=LOG[:3])
    with pytest.raises(ValueError, match="X_val must be given where offset_val is, got None"):
        model.fit(X, COUNTS, offset_val=LOG)
    model.fit(X, COUNTS, offset=LOG)
    with pytest.raises(ValueError, match="offset must have shape"):
        model.predict(X, offset=LOG[:, None] * [1, 2])


def test_they_are_routed():
    with config_context(enable_metadata_routing=True):
        model = MBGDRegressor(loss="poisson", random_state=0).set_fit_request(offset=True)
        model.set_predict_request(offset=True).set_score_request(offset=True)
        pipeline = make_pipeline(StandardScaler(), model).fit(X, COUNTS, offset=LOG)
        scaled = StandardScaler().fit_transform(X)
        alone = clone(model).fit(scaled, COUNTS, offset=LOG)
        np.testing.assert_array_equal(pipeline[-1].coef_, alone.coef_)
        np.testing.assert_array_equal(pipeline.predict(X, offset=LOG), alone.predict(scaled, offset=LOG))
        assert pipeline.score(X, COUNTS, offset=LOG) == alone.score(scaled, COUNTS, offset=LOG) > 0.3
