"""The tables for those who come from elsewhere, in the guide: each row is run, and says what it says.

A row of the first tables has code before and after, and for some data sets what either scores on rows that
were not learned from. The columns of the others are arguments of `fit`, or expressions.
"""

import re
import warnings
from functools import cache
from pathlib import Path

import mbgd_rs as mb
import numpy as np
import pytest

pytest.importorskip("sklearn")
threadpoolctl = pytest.importorskip("threadpoolctl")

import mbgd_rs.sklearn  # noqa: E402
import sklearn.linear_model  # noqa: E402
import sklearn.neural_network  # noqa: E402
import sklearn.svm  # noqa: E402
from sklearn import datasets  # noqa: E402
from sklearn.model_selection import (  # noqa: E402
    KFold,
    StratifiedKFold,
    StratifiedShuffleSplit,
    cross_val_score,
)
from sklearn.pipeline import make_pipeline  # noqa: E402
from sklearn.preprocessing import StandardScaler  # noqa: E402

PAGE = Path(__file__).parents[2] / "docs" / "guide" / "coming_from.rst"
TOLERANCE = 0.02
"""By how much a renamed class may score worse, as the page says."""
ROUNDING = 0.01
"""By how much our scores may differ from those on the page, on another processor say."""
OTHER_VERSIONS = 0.05
"""The same for those of scikit-learn, whose versions differ, too."""


def tables():
    """For each table of the page its title, its header and its rows."""
    blocks = PAGE.read_text(encoding="utf-8").split(".. list-table:: ")[1:]
    for block in blocks:
        rows = [re.split(r"\n     - ?", row) for row in block.split("\n   * - ")[1:]]
        rows[-1][-1] = rows[-1][-1].split("\n\n")[0]
        header, *rest = [[" ".join(cell.split()) for cell in row] for row in rows]
        yield block.split("\n")[0], header, rest


TABLES = {title: (header, rows) for title, header, rows in tables()}
MEASURED = [
    (*row[:3], name, cell)
    for header, rows in TABLES.values()
    if "columns" in header
    for row in rows
    for name, cell in zip(header[3:], row[3:], strict=True)
]


def codes(cell):
    return re.findall(r"``(.*?)``", cell)


@cache
def score(code, name, columns):
    """The mean score of an estimator, on folds that it has not seen; of digits, which are many, one."""
    raw = {"scaled": False} if name == "diabetes" else {}
    X, y = getattr(datasets, f"load_{name}")(return_X_y=True, **raw)
    if name == "diabetes":
        folds = KFold(5, shuffle=True, random_state=0)
    elif name == "digits":
        folds = StratifiedShuffleSplit(1, test_size=1 / 3, random_state=0)
    else:
        folds = StratifiedKFold(5, shuffle=True, random_state=0)
    n = len(next(folds.split(X, y))[0])
    ours = {**vars(mbgd_rs.sklearn), "MLP": mb.models.MLP, "Adam": mb.optimizers.Adam}
    theirs = {**vars(sklearn.linear_model), **vars(sklearn.neural_network), **vars(sklearn.svm)}
    names = {**theirs, **ours, "n": n}
    model = eval(code, names)
    fixed = {"random_state": 0, "n_jobs": 1}
    model.set_params(**{key: fixed[key] for key in fixed if key in model.get_params()})
    if columns == "standardised":
        model = make_pipeline(StandardScaler(), model)
    scoring = "r2" if name == "diabetes" else "accuracy"
    with threadpoolctl.threadpool_limits(1), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # on raw columns neither scikit-learn's nor ours are done in time
        return cross_val_score(model, X, y, cv=folds, scoring=scoring).mean()


def test_the_page_has_the_tables():
    assert len(MEASURED) >= 40
    assert {name for *_, name, _ in MEASURED} == {"breast_cancer", "digits", "wine", "diabetes"}
    assert {columns for _, _, columns, *_ in MEASURED} == {"raw", "standardised"}


@pytest.mark.parametrize(("before", "after", "columns", "name", "said"), MEASURED)
def test_a_renamed_class_scores_no_worse(before, after, columns, name, said):
    theirs, ours = (score(codes(cell)[0], name, columns) for cell in (before, after))
    assert ours >= theirs - TOLERANCE
    said_theirs, said_ours = said.split(" → ")
    assert ours == pytest.approx(float(said_ours), abs=ROUNDING)
    if said_theirs == "diverges":
        assert theirs < 0
    else:
        assert theirs == pytest.approx(float(said_theirs), abs=OTHER_VERSIONS)


def evaluated(title):
    rows = TABLES[title][1]
    cases = [(row[0], code) for row in rows for code in codes(row[1])]
    assert len(cases) >= len(rows) > 10
    return cases


X = np.random.default_rng(0).standard_normal((200, 3))
Y = X[:, 0] + np.random.default_rng(1).standard_normal(200) > 0
HOW = {"loss": "log_loss", "epochs": 3, "batch_size": 32}
FAMILIES = (mb.losses, mb.models, mb.penalties, mb.optimizers, mb.schedules, mb.stopping, mb.sampling)


@pytest.fixture(scope="module")
def given():
    """What the code of a row may use."""
    classes = {name: getattr(family, name) for family in FAMILIES for name in family.__all__}
    numbers = {"n": 200, "C": 1.0, "alpha": 1e-3, "rate": 0.1, "n_steps": 21, "weights": np.ones(200)}
    optimizer, params = mb.optimizers.SGD(0.1), {"w": np.zeros(3)}
    stepping = {"optimizer": optimizer, "params": params, "gradients": {"w": np.ones(3)}}
    result = mb.fit(X, Y, **HOW, optimizer="sgd")
    of_run = {"X": X, "y": Y, "result": result, "state": optimizer.init(params)}
    return {"mb": mb, **classes, **numbers, **stepping, **of_run}


def run(code, given):
    """Arguments are given to `fit`; of anything else it is enough that it can be said."""
    if not re.match(r"\w+=", code):
        eval(code, given)
        return
    arguments = {**HOW, **eval(f"dict({code})", given)}
    loss = arguments["loss"]
    is_of_numbers = loss in ("squared_error", "huber", "absolute_error", "poisson")
    result = mb.fit(X, Y.astype(float) if is_of_numbers else Y, **arguments)
    assert np.isfinite(result.decision_function(X)).all()


@pytest.mark.parametrize(("before", "code"), evaluated("Arguments of scikit-learn and of ``mb.fit``"))
def test_an_argument_of_fit(before, code, given):
    run(code, given)


@pytest.mark.parametrize(("before", "code"), evaluated("PyTorch and mbgd_rs"))
def test_what_a_loop_becomes(before, code, given):
    run(code, given)
