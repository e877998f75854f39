"""scikit-learn's checks of estimators as cases of a test."""

import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks


def with_checks(estimators):
    """As `parametrize_with_checks`, whose cases were a generator once: pytest wants a list."""
    mark = parametrize_with_checks(estimators)
    mark = getattr(mark, "mark", mark)
    names, cases = mark.args
    return pytest.mark.parametrize(names, list(cases), **mark.kwargs)
