"""What bad input gets: an exception that names the argument, the condition and the value."""

import re
from types import SimpleNamespace

import mbgd_rs as mb
import numpy as np
import pandas as pd
import pytest
import scipy.sparse
from mbgd_rs import losses, optimizers, penalties, schedules

N, D = 6, 3
X = np.random.default_rng(0).normal(size=(N, D))
Y = X @ [1.0, -2.0, 0.5]
LABELS = np.array(["no", "yes", "no", "yes", "no", "yes"])
FITTED = mb.fit(X, Y, epochs=1)
INTEGER_TOO_LARGE = 2**64


def changed(array, index, value):
    """A copy with one entry changed."""
    array = np.array(array)
    array[index] = value
    return array


def labels(**arguments):
    """Arguments of a classification."""
    return {"y": LABELS, "loss": "log_loss", **arguments}


# Arguments of fit that differ from a good call -> exception, its message (a pattern for re.fullmatch).
BAD_FITS = [
    # X
    ({"X": X[0]}, ValueError, r"X must have 2 dimensions, got shape \(3,\), reshape it with X\.reshape.*"),
    ({"X": X[None]}, ValueError, r"X must have 2 dimensions, got shape \(1, 6, 3\)"),
    ({"X": 3.0}, ValueError, r"X must have 2 dimensions, got shape \(\)"),
    (
        {"X": X[:0], "y": Y[:0]},
        ValueError,
        r"X must have at least one row and one column, got shape \(0, 3\)",
    ),
    ({"X": X[:, :0]}, ValueError, r"X must have at least one row and one column, got shape \(6, 0\)"),
    ({"X": changed(X, (4, 1), np.nan)}, ValueError, r"X must be finite, got NaN at row 4, column 1"),
    ({"X": changed(X, (0, 2), np.inf)}, ValueError, r"X must be finite, got inf at row 0, column 2"),
    ({"X": changed(X, (5, 0), -np.inf)}, ValueError, r"X must be finite, got -inf at row 5, column 0"),
    (
        {"X": changed(X, ([1, 3], [2, 0]), np.nan).astype(np.float32)},
        ValueError,
        r"X must be finite, got NaN at row 1, column 2",
    ),
    (
        {"y": scipy.sparse.coo_array(X)},
        TypeError,
        r"y must be an array, got a sparse matrix; pass y\.toarray\(\)",
    ),
    ({"X": X.astype(str)}, TypeError, r"X must be an array of real numbers, got dtype <U32: encode text .*"),
    ({"X": X + 0j}, TypeError, r"X must be an array of real numbers, got dtype complex128"),
    ({"X": X.astype("M8[s]")}, TypeError, r"X must be an array of real numbers, got dtype datetime64\[s\]"),
    (
        {"X": np.full((N, D), "a", object)},
        TypeError,
        r"X must be an array of numbers, got 'a' at row 0, column 0: .*",
    ),
    (
        {"X": np.full((N, D), {}, object)},
        TypeError,
        r"X must be an array of numbers, got \{\} at row 0, column 0: .*dict.*",
    ),
    ({"X": np.full((N, D), None)}, ValueError, r"X must be finite, got NaN at row 0, column 0"),
    ({"X": [[1.0], [1.0, 2.0]]}, ValueError, r"X must be an array of numbers: .*inhomogeneous.*"),
    ({"X": None}, ValueError, r"X must have 2 dimensions, got shape \(\)"),
    # y of a regression
    ({"y": Y[:-1]}, ValueError, r"y must have shape \(6,\) or \(6, k\), got \(5,\)"),
    ({"y": Y[:, None, None]}, ValueError, r"y must have shape \(6,\) or \(6, k\), got \(6, 1, 1\)"),
    ({"y": 1.0}, ValueError, r"y must have shape \(6,\) or \(6, k\), got \(\)"),
    (
        {"y": Y[:, None][:, :0]},
        ValueError,
        r"y must have shape \(6,\) or \(6, k\), got \(6, 0\)",
    ),
    ({"y": changed(Y, 2, np.nan)}, ValueError, r"y must be finite, got NaN at row 2, column 0"),
    (
        {"y": changed(np.c_[Y, Y], (3, 1), -np.inf)},
        ValueError,
        r"y must be finite, got -inf at row 3, column 1",
    ),
    (
        {"X": X.astype("f4"), "y": Y * 1e300},
        ValueError,
        r"y must be within the range of float32, .* at row 0, column 0",
    ),
    ({"y": LABELS}, TypeError, r"y must be an array of real numbers, got dtype <U3: labels are .*"),
    ({"y": Y + 0j}, TypeError, r"y must be an array of real numbers, got dtype complex128"),
    # y of a classification
    (labels(y=LABELS[:-1]), ValueError, r"y must have shape \(6,\) or \(6, k\), got \(5,\)"),
    (labels(y=np.eye(N)[:5]), ValueError, r"y must have shape \(6,\) or \(6, k\), got \(5, 6\)"),
    (
        labels(y=2 * np.eye(N)),
        ValueError,
        r"y must be 0 or 1 where it has several labels a row, got 2.0 at row 0, column 0",
    ),
    (labels(y=["a"] * N), ValueError, r"y must have at least 2 classes, got only \['a'\]: classes=.*"),
    (
        labels(y=np.zeros(N), loss="hinge"),
        ValueError,
        r"y must have at least 2 classes, got only \[0\.0\]: classes=.*",
    ),
    (labels(y=changed(Y > 0, 0, 1) * np.nan), ValueError, r"y must be finite, got nan at row \d"),
    (labels(y=[0, 1, np.inf, 1, 0, 1]), ValueError, r"y must be finite, got inf at row 2"),
    (
        labels(y=np.array(["a", "b", "a", None, "a", "b"], object)),
        ValueError,
        r"y must be without missing labels, got None at row 3",
    ),
    (
        labels(y=np.array(["a", np.nan, "a", "b", "a", "b"], object)),
        ValueError,
        r"y must be without missing labels, got nan at row 1",
    ),
    (
        labels(y=pd.Categorical(["a", "b", "a", "b", None, "b"])),
        ValueError,
        r"y must be without missing labels, got nan at row 4",
    ),
    (
        labels(y=pd.Series([0, 1, None, 1, 0, 1], dtype="Int64")),
        ValueError,
        r"y must be finite, got nan at row 2",
    ),
    (
        labels(y=pd.Series(["a", "b", "a", pd.NA, "a", "b"], dtype="string")),
        ValueError,
        r"y must be without missing labels, got (<NA>|nan) at row 3",
    ),
    (
        labels(y=np.array(["a", pd.NA] * 3, object)),
        ValueError,
        r"y must be without missing labels, got <NA> at row 1",
    ),
    (
        labels(y=np.array(["2026-01-01", "NaT"] * 3, "M8[D]")),
        ValueError,
        r"y must be without missing labels, got .*NaT.* at row 1",
    ),
    (labels(y=np.array(["a", 1] * 3, object)), TypeError, r"y must have labels that can be sorted, .*"),
    # sample_weight
    ({"sample_weight": np.ones(N - 1)}, ValueError, r"sample_weight must have shape \(6,\), got \(5,\)"),
    ({"sample_weight": np.ones((N, 1))}, ValueError, r"sample_weight must have shape \(6,\), got \(6, 1\)"),
    (
        {"sample_weight": changed(np.ones(N), 4, -0.5)},
        ValueError,
        r"sample_weight must be finite and >= 0, got -0\.5 at row 4",
    ),
    (
        {"sample_weight": changed(np.ones(N), 1, np.nan)},
        ValueError,
        r"sample_weight must be finite and >= 0, got NaN at row 1",
    ),
    (
        {"sample_weight": changed(np.ones(N), 0, np.inf)},
        ValueError,
        r"sample_weight must be finite and >= 0, got inf at row 0",
    ),
    (
        {"sample_weight": np.zeros(N)},
        ValueError,
        r"sample_weight must be positive for at least one row, got only zeros",
    ),
    (
        {"sample_weight": "balanced"},
        TypeError,
        r"sample_weight must be an array of real numbers, got dtype.*",
    ),
    # names and objects
    (
        {"loss": "mse"},
        ValueError,
        r"loss must be one of 'squared_error', .*, got 'mse': did you mean 'squared_error'\?",
    ),
    (
        {"loss": 1},
        TypeError,
        r"loss must be one of 'squared_error', .* or SquaredError, .*, CrammerSinger, got 1",
    ),
    (
        {"loss": losses.LogLoss},
        TypeError,
        r"loss must be one of .*, an instance, got <class .*LogLoss'>: did you mean LogLoss\(\)\?",
    ),
    (
        {"penalty": "ridge"},
        ValueError,
        r"penalty must be one of 'l2', 'l1', 'elasticnet', 'group_l1', .*, got 'ridge': did you mean 'l2'\?",
    ),
    ({"penalty": 0.1}, TypeError, r"penalty must be one of .* or L2, L1, ElasticNet, .*, got 0\.1"),
    (
        {"penalty": penalties.L2},
        TypeError,
        r"penalty must be one of .*, an instance, got <class .*L2'>: did you mean L2\(\)\?",
    ),
    (
        {"optimizer": "adm"},
        ValueError,
        r"optimizer must be one of 'auto', 'sgd', .*, 'svrg', got 'adm': did you mean 'adam'\?",
    ),
    ({"optimizer": None}, TypeError, r"optimizer must be one of 'auto', 'sgd', .* or SGD, .*, got None"),
    (
        {"optimizer": optimizers.SGD},
        TypeError,
        r"optimizer must be one of .*, an instance, got <class .*SGD'>: did you mean SGD\(\)\?",
    ),
    ({"shuffle": "twice"}, ValueError, r"shuffle must be one of .*full.*once.*, got .twice."),
    ({"shuffle": 1}, TypeError, r'shuffle must be "full", "once", "block", .*, got 1'),
    ({"shuffle": None}, TypeError, r'shuffle must be "full", "once", "block", .*, got None'),
    (
        {"record": "loss"},
        ValueError,
        r"record must be one or some of 'epoch', 'step', 'full_loss', 'path', 'noise', got 'loss'",
    ),
    ({"record": ("step", 1)}, ValueError, r"record must be one or some of .*, got 1"),
    ({"record": None}, TypeError, r"record must be one or some of .*, got None"),
    # numbers
    ({"batch_size": 0}, ValueError, r"batch_size must be >= 1, got 0"),
    ({"batch_size": -3}, ValueError, r"batch_size must be >= 1, got -3"),
    ({"batch_size": INTEGER_TOO_LARGE}, ValueError, r"batch_size must be <= .*, got 18446744073709551616"),
    ({"batch_size": 2.0}, TypeError, r"batch_size must be an integer, got 2\.0"),
    ({"batch_size": True}, TypeError, r"batch_size must be an integer, got True"),
    ({"batch_size": None}, TypeError, r"batch_size must be an integer, got None"),
    ({"batch_size": "half"}, ValueError, r"batch_size must be an integer, 'full' or 'auto', got 'half'"),
    ({"epochs": -1}, ValueError, r"epochs must be >= 0, got -1"),
    ({"epochs": 1.5}, TypeError, r"epochs must be an integer, got 1\.5"),
    ({"seed": -1}, ValueError, r"seed must be >= 0, got -1"),
    (
        {"seed": INTEGER_TOO_LARGE},
        ValueError,
        r"seed must be <= 18446744073709551615, got 18446744073709551616",
    ),
    ({"seed": None}, TypeError, r"seed must be an integer, got None"),
    ({"n_threads": 0}, ValueError, r"n_threads must be >= 1, got 0"),
    ({"n_threads": -1}, ValueError, r"n_threads must be >= 1, got -1"),
    ({"n_threads": 1.0}, TypeError, r"n_threads must be an integer, got 1\.0"),
    *(
        ({"clip_norm": value}, ValueError, rf"clip_norm must be finite and > 0, got {got}")
        for value, got in [(0.0, "0"), (-1, "-1"), (np.nan, "NaN"), (np.inf, "inf")]
    ),
    ({"clip_norm": "1"}, TypeError, r"clip_norm must be a number, got '1'"),
    # flags
    ({"fit_intercept": 1}, TypeError, r"fit_intercept must be a bool, got 1"),
    ({"replacement": "yes"}, TypeError, r"replacement must be a bool, got 'yes'"),
    ({"drop_last": 0}, TypeError, r"drop_last must be a bool, got 0"),
    ({"progress": None}, TypeError, r"progress must be a bool, got None"),
    ({"callback": "print"}, TypeError, r"callback must be callable or have a method on_step, got 'print'"),
    # combinations
    (
        {"replacement": True, "shuffle": False},
        ValueError,
        r'replacement needs shuffle="full", got shuffle=False',
    ),
    (
        {"replacement": True, "shuffle": "once"},
        ValueError,
        r'replacement needs shuffle="full", got shuffle="once"',
    ),
    ({"init": (X[0], 0.0), "resume": FITTED}, ValueError, r"init and resume exclude each other: .*"),
    # init
    (
        {"init": 3.0},
        TypeError,
        r'init must be a dict or a tuple of "coef", "intercept", or a FitResult, got 3\.0',
    ),
    (
        {"init": (X[0, :2], 0.0)},
        ValueError,
        r'init\["coef"\] must have shape \(1, 3\) or \(3,\), got \(2,\)',
    ),
    (
        {"init": (X[0], [0.0, 1.0])},
        ValueError,
        r'init\["intercept"\] must have shape \(1,\) or \(\), got \(2,\)',
    ),
    ({"init": (X[0], np.nan)}, ValueError, r'init\["intercept"\] must be finite, got NaN at row 0'),
    (
        {"init": (changed(X[0], 1, np.inf), 0.0)},
        ValueError,
        r'init\["coef"\] must be finite, got inf at row 0, column 1',
    ),
    ({"init": ("abc", 0.0)}, TypeError, r'init\["coef"\] must be an array of real numbers, got dtype <U3'),
    (
        labels(y=np.arange(N) // 2, init=(X[0], 0.0)),
        ValueError,
        r'init\["coef"\] must have shape \(3, 3\), got \(3,\)',
    ),
    # resume
    ({"resume": (X[0], 0.0)}, TypeError, r"resume must be a FitResult, a path or 'auto', got tuple"),
    (labels(resume=FITTED), ValueError, r"resume must be a run of loss 'log_loss', got 'squared_error'"),
    ({"X": X.astype("f4"), "resume": FITTED}, ValueError, r"resume must be a run on float32, got float64"),
    (
        {"X": X[:, :2], "resume": FITTED},
        ValueError,
        "resume must be a run with 2 columns and 1 outputs, got 3 and 1",
    ),
    (
        {"y": np.c_[Y, Y], "resume": FITTED},
        ValueError,
        "resume must be a run with 3 columns and 2 outputs, got 3 and 1",
    ),
    ({"optimizer": "adam", "resume": FITTED}, ValueError, r"resume must be a run of Adam\(.*\), got .*"),
    (
        labels(resume=mb.fit(X, LABELS == "no", loss="log_loss", epochs=1)),
        ValueError,
        r"y must have labels among False, True, got 'no' at row 0",
    ),
]


@pytest.mark.parametrize(("arguments", "kind", "message"), BAD_FITS)
def test_fit_refuses(arguments, kind, message):
    with pytest.raises(kind) as caught:
        mb.fit(**{"X": X, "y": Y, "epochs": 1, **arguments})
    assert type(caught.value) is kind
    assert re.fullmatch(message, str(caught.value), re.DOTALL), str(caught.value)


NOT_POSITIVE = [(0, "0"), (0.0, "0"), (-1, "-1"), (np.nan, "NaN"), (np.inf, "inf"), (np.float32(-2), "-2")]
NEGATIVE = [(-1e-3, "-0.001"), (np.nan, "NaN"), (np.inf, "inf")]

# A call that makes an object -> exception and message.
BAD_OBJECTS = [
    *(
        (
            lambda kind=kind, rate=rate: kind(learning_rate=rate),
            ValueError,
            f"learning_rate must be finite and > 0, got {got}",
        )
        for kind in (optimizers.SGD, optimizers.Adam, schedules.Constant, schedules.InverseScaling)
        for rate, got in NOT_POSITIVE
    ),
    *(
        (
            lambda kind=kind, rate=rate: kind(learning_rate=rate),
            TypeError,
            "learning_rate must be a number, a schedule(,| or) a function of the step(| or 'auto'), got "
            + re.escape(repr(rate)),
        )
        for kind in (optimizers.SGD, optimizers.Adam)
        for rate in ("x", None, True, [0.1], schedules.Constant)
    ),
    (lambda: schedules.Constant("x"), TypeError, "learning_rate must be a number, got 'x'"),
    *(
        (lambda m=m: optimizers.SGD(momentum=m), ValueError, rf"momentum must be in \[0, 1\), got {got}")
        for m, got in [(1.0, "1"), (1, "1"), (-0.1, "-0.1"), (np.nan, "NaN")]
    ),
    (lambda: optimizers.SGD(momentum="x"), TypeError, "momentum must be a number, got 'x'"),
    (lambda: optimizers.SGD(nesterov=True), ValueError, "momentum must be > 0 when nesterov=True, got 0"),
    (lambda: optimizers.SGD(momentum=0.9, nesterov=1), TypeError, "nesterov must be a bool, got 1"),
    *(
        (
            lambda betas=betas: optimizers.Adam(betas=betas),
            ValueError,
            rf"betas must be in \[0, 1\), got {got}",
        )
        for betas, got in [((1.0, 0.9), ".*1.*"), ((0.9, -0.1), ".*-0.1.*"), ((np.nan, 0.9), ".*NaN.*")]
    ),
    *(
        (
            lambda betas=betas: optimizers.Adam(betas=betas),
            TypeError,
            "betas must be a pair of numbers, got .*",
        )
        for betas in (0.9, (0.9,), (0.9, 0.9, 0.9), ("x", 0.9), None)
    ),
    *(
        (lambda eps=eps: optimizers.Adam(eps=eps), ValueError, f"eps must be finite and > 0, got {got}")
        for eps, got in NOT_POSITIVE
    ),
    *(
        (
            lambda kind=kind, alpha=alpha: kind(alpha=alpha),
            ValueError,
            f"alpha must be finite and >= 0, got {got}",
        )
        for kind in (penalties.L1, penalties.L2, penalties.ElasticNet)
        for alpha, got in NEGATIVE
    ),
    (lambda: penalties.L2(alpha=None), TypeError, "alpha must be a number, got None"),
    *(
        (
            lambda ratio=ratio: penalties.ElasticNet(l1_ratio=ratio),
            ValueError,
            f"l1_ratio must be between 0 and 1, got {got}",
        )
        for ratio, got in [(-0.1, "-0.1"), (1.1, "1.1"), (np.nan, "NaN")]
    ),
    *(
        (
            lambda power=power: schedules.InverseScaling(0.1, power),
            ValueError,
            f"power_t must be finite and >= 0, got {got}",
        )
        for power, got in NEGATIVE
    ),
    *(
        (lambda make=make, n=n: make(n), ValueError, f"n_steps must be >= {low}, got {n}")
        for make, low, n in (
            (lambda n: schedules.Cosine(0.1, n), 0, -5),
            (lambda n: schedules.Warmup(0.1, n), 0, -5),
            (lambda n: schedules.CosineRestarts(0.1, n), 1, 0),
            (lambda n: schedules.OneCycle(0.1, n), 1, 0),
        )
    ),
    *(
        (lambda n=n: schedules.Cosine(0.1, n), TypeError, f"n_steps must be an integer, got {n!r}")
        for n in (2.5, np.inf, np.nan, True, "x", None)
    ),
    *(
        (
            lambda final=final: schedules.Cosine(0.1, 5, final),
            ValueError,
            f"final_learning_rate must be finite and >= 0, got {got}",
        )
        for final, got in NEGATIVE
    ),
    (
        lambda: schedules.Warmup("x", 3),
        TypeError,
        "(schedule|learning_rate) must be a number, a schedule or a function of the step, got 'x'",
    ),
]


@pytest.mark.parametrize(("make", "kind", "message"), BAD_OBJECTS)
def test_objects_refuse_when_they_are_made(make, kind, message):
    with pytest.raises(kind) as caught:
        make()
    assert type(caught.value) is kind
    assert re.fullmatch(message, str(caught.value)), str(caught.value)


def hinge():
    return mb.fit(X, LABELS, loss="hinge", epochs=1, optimizer="sgd")


def fun(w, rows):
    return 0.0, np.zeros_like(w)


SGD = optimizers.SGD(momentum=0.5)
W = np.zeros(3)

BAD_CALLS = {  # everything but fit
    "predict, 1-d": (
        lambda: FITTED.predict(X[0]),
        ValueError,
        r"X must have 2 dimensions, got shape \(3,\).*",
    ),
    "predict, columns": (
        lambda: FITTED.predict(X[:, :2]),
        ValueError,
        r"X must have 3 columns, as in fit, got shape \(6, 2\)",
    ),
    "predict, NaN": (
        lambda: FITTED.predict(changed(X, (1, 1), np.nan)),
        ValueError,
        r"X must be finite, got NaN at row 1, column 1",
    ),
    "predict, beyond float32": (
        lambda: mb.fit(X.astype("f4"), Y, epochs=1).predict(changed(X, (1, 1), 1e300)),
        ValueError,
        r"X must be within the range of float32, the type of the model, got 1e\+300 at row 1, column 1",
    ),
    "decision_function, strings": (
        lambda: FITTED.decision_function(X.astype(str)),
        TypeError,
        r"X must be an array of real numbers, got dtype <U32: encode text as numbers first, .*",
    ),
    "predict_proba of hinge": (
        lambda: hinge().predict_proba(X),
        ValueError,
        r"predict_proba needs loss 'log_loss', .* or 'focal', got a model of loss 'hinge'",
    ),
    "predict_proba of a regression": (
        lambda: FITTED.predict_proba(X),
        ValueError,
        r"predict_proba needs loss 'log_loss', .* or 'focal', got a model of loss 'squared_error'",
    ),
    "gradient, params": (
        lambda: mb.gradient(X, Y, (W[:2], 0)),
        ValueError,
        r'params\["coef"\] must have shape .*',
    ),
    "gradient, NaN params": (
        lambda: mb.gradient(X, Y, (W * np.nan, 0)),
        ValueError,
        r'params\["coef"\] must be finite, got NaN at row 0, column 0',
    ),
    "gradient, rows beyond": (
        lambda: mb.gradient(X, Y, FITTED, rows=[0, 6]),
        ValueError,
        r"rows must be less than the number of rows of X, got 6.*",
    ),
    "gradient, negative rows": (
        lambda: mb.gradient(X, Y, FITTED, rows=[0, -1]),
        ValueError,
        r"rows must be >= 0, got -1",
    ),
    "gradient, float rows": (
        lambda: mb.gradient(X, Y, FITTED, rows=[0.0]),
        TypeError,
        r"rows must be a list of row numbers, got dtype float64, shape \(1,\)",
    ),
    "set_num_threads": (lambda: mb.set_num_threads(0), ValueError, r"n must be >= 1, got 0"),
    "Batches, n": (lambda: mb.Batches(0, 1), ValueError, r"n must be >= 1, got 0"),
    "Batches, batch_size": (lambda: mb.Batches(5, 0), ValueError, r"batch_size must be >= 1, got 0"),
    "Batches, epoch": (lambda: mb.Batches(5, 2).epoch(-1), ValueError, r"k must be >= 0, got -1"),
    "Batches, step": (lambda: mb.Batches(5, 2).batch(0, 3), ValueError, r"step must be .*3.*"),
    "minibatches, y": (
        lambda: mb.minibatches(X, Y[:-1], batch_size=2),
        ValueError,
        r"y must have 6 rows, as X, got 5",
    ),
    "minibatches, scalar": (
        lambda: mb.minibatches(1.0, batch_size=2),
        ValueError,
        r"X must have at least 1 dimension, got a scalar",
    ),
    "minibatches, objects": (
        lambda: mb.minibatches(np.array([None]), batch_size=2),
        TypeError,
        r"X must be of a dtype without Python objects, got object: give numbers or text only",
    ),
    "minibatches, epochs": (
        lambda: mb.minibatches(X, batch_size=2, epochs=-1),
        ValueError,
        r"epochs must be >= 0, got -1",
    ),
    "step, shape": (
        lambda: SGD.step(SGD.init(W), W, np.zeros(4)),
        ValueError,
        r"grad must have the shape of params, \(3,\), got \(4,\)",
    ),
    "step, structure": (
        lambda: SGD.step(SGD.init([W, W]), [W, W], [W]),
        ValueError,
        r"grad must have the structure of params, a list of 2",
    ),
    "step, keys": (
        lambda: SGD.step(SGD.init({"a": W}), {"a": W}, {"b": W}),
        ValueError,
        r"grad must have the structure of params, a dict of 1",
    ),
    "step, state of less": (
        lambda: SGD.step(SGD.init([W]), [W, W], [W, W]),
        ValueError,
        r"state must be that of params and this optimizer: make one with init\(params\)",
    ),
    "step, state of other shapes": (
        lambda: SGD.step(SGD.init(W[:2]), W, W),
        ValueError,
        r"state must be that of params and this optimizer: make one with init\(params\)",
    ),
    "step, state of another optimizer": (
        lambda: optimizers.Adam().step(SGD.init(W), W, W.copy()),
        ValueError,
        r"state must be that of params and this optimizer: make one with init\(params\)",
    ),
    "init, integers": (
        lambda: SGD.init(np.arange(3)),
        TypeError,
        r"params must be of native float32 or float64, got <i8",
    ),
    "init, no array": (
        lambda: SGD.init([1.0]),
        TypeError,
        r"params must be arrays, or lists, tuples or dicts of arrays, got float",
    ),
    "minimize, value": (
        lambda: mb.minimize(lambda w, rows: ("x", w), W, X, batch_size=2),
        TypeError,
        r"the value of fun must be a number, got 'x'",
    ),
    "minimize, gradient": (
        lambda: mb.minimize(lambda w, rows: (0.0, w[:2]), W, X, batch_size=2),
        ValueError,
        r"grad must have the shape of params, \(3,\), got \(2,\)",
    ),
    "minimize, callback": (
        lambda: mb.minimize(fun, W, X, batch_size=2, callback=3),
        TypeError,
        r"callback must be callable, got 3",
    ),
    "minimize, no rows": (
        lambda: mb.minimize(fun, W, X[:0], batch_size=2),
        ValueError,
        r"n must be >= 1, got 0",
    ),
}


@pytest.mark.parametrize("name", BAD_CALLS)
def test_others_refuse(name):
    call, kind, message = BAD_CALLS[name]
    with pytest.raises(kind) as caught:
        call()
    assert type(caught.value) is kind
    assert re.fullmatch(message, str(caught.value), re.DOTALL), str(caught.value)


def test_read_only_params_are_refused_before_anything_is_changed():
    first, second = np.ones(2), np.ones(2)
    second.flags.writeable = False
    params, state = [first, second], SGD.init([first, second])
    with pytest.raises(ValueError, match="params must be writeable, got a read-only array"):
        SGD.step(state, params, [np.ones(2), np.ones(2)])
    assert first.tolist() == [1.0, 1.0]
    assert state.n_steps == 0


def test_bad_rows_after_a_long_good_part_are_found():
    large = np.zeros((70_001, 3), np.float32)
    large[70_000, 2] = np.nan
    with pytest.raises(ValueError, match="X must be finite, got NaN at row 70000, column 2"):
        mb.fit(large, np.zeros(70_001))


def test_a_matrix_beyond_the_memory_is_refused():
    huge = np.broadcast_to(np.float32(1), (2**40, 2**20))  # a view of one number, to be copied
    with pytest.raises(MemoryError):
        mb.fit(huge, np.broadcast_to(np.float32(1), 2**40))


def test_a_diverged_run_is_not_resumed():
    rows = np.random.default_rng(0).normal(size=(64, 3))
    with pytest.raises(mb.DivergenceError) as caught:
        mb.fit(rows, rows[:, 0], optimizer=optimizers.SGD(learning_rate=1e9), batch_size=1)
    with pytest.raises(ValueError, match="resume must be a run that did not diverge"):
        mb.fit(rows, rows[:, 0], resume=caught.value.result)


def test_a_broken_state_is_refused():
    for broken in ({"params": np.zeros(2)}, {"n_steps": -1}, {"step": 10**6}, {"params": np.full(4, np.nan)}):
        result = mb.fit(X, Y, epochs=1)
        result.state.update(broken)
        with pytest.raises((ValueError, OverflowError)):
            mb.fit(X, Y, resume=result)


def test_an_optimizer_of_the_same_name_is_not_an_optimizer():
    with pytest.raises(TypeError, match="optimizer must be one of"):
        mb.fit(X, Y, optimizer=SimpleNamespace(learning_rate=0.1))
