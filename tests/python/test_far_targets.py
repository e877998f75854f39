"""Robust losses of targets that are far apart, beside which their quadratic part is nothing."""

import mbgd_rs as mb
import numpy as np
import pytest

pytest.importorskip("sklearn")
RNG = np.random.default_rng(0)
X = RNG.normal(size=(200, 5))
Z = X @ np.array([1.0, -2.0, 0.5, 0.0, 3.0]) + 0.5
Y = Z + RNG.normal(size=200)


@pytest.mark.parametrize("scale", [1.0, 1e3, 1e6])
def test_huber_is_not_taken_to_be_done_where_it_has_no_curvature(scale):
    model = mb.MBGDRegressor(loss="huber", alpha=0, max_iter=1000, tol=None, random_state=0).fit(X, Y * scale)
    assert model.score(X, Y * scale) > 0.92
    assert model.result_.solver.optimizer == ("saga" if scale == 1 else "sgd")


def test_log_cosh_says_what_it_needs():
    with pytest.warns(UserWarning, match="standardize=True, or huber"):
        mb.fit(X, Y * 1e3, loss="log_cosh", epochs=1)
    result = mb.fit(X, Y, loss="log_cosh")
    assert result.solver.optimizer == "saga"


def test_offsets_of_rows_to_judge_by_are_not_left_out():
    model = mb.MBGDRegressor()
    with pytest.raises(ValueError, match="offset_val must be given where offset and X_val are, got None"):
        model.fit(X, Y, offset=np.ones(200), X_val=X, y_val=Y)
