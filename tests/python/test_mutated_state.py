"""A state that was changed by hand is refused by the name of the field, or does no harm."""

import copy
import os
import pickle
import random
from collections.abc import Iterator
from typing import Any

import mbgd_rs as mb
import numpy as np
import pytest

rng = np.random.default_rng(0)
X = rng.standard_normal((60, 4))
y = X @ [1.0, -2.0, 0.5, 0.0] + 0.1 * rng.standard_normal(60)
labels = np.arange(60) % 3
weights = rng.uniform(0.5, 1.5, 60)
cut = mb.stopping.MaxSteps(n=7)
# Of the mutations at every place of a state; all of them, with MBGD_RS_ALL_MUTATIONS set, take minutes.
N_MUTATIONS = 10**9 if "MBGD_RS_ALL_MUTATIONS" in os.environ else 8

RUNS: dict[str, dict[str, Any]] = {
    "sgd": {"optimizer": mb.optimizers.SGD(0.01)},
    "momentum, within an epoch": {"optimizer": mb.optimizers.SGD(0.01, momentum=0.9), "stop": cut},
    "automatic rate": {"optimizer": "sgd"},
    "automatic rate, all rows": {"optimizer": "sgd", "batch_size": "full", "epochs": 5},
    "automatic rate, within an epoch": {"optimizer": "sgd", "stop": cut},
    "plateau": {"optimizer": mb.optimizers.SGD(mb.schedules.Plateau(0.01, n_iter_no_change=1)), "epochs": 4},
    "polyak": {"optimizer": mb.optimizers.SGD(0.01), "average": "polyak", "stop": cut},
    "norm test": {"optimizer": mb.optimizers.SGD(0.01), "batch_size": mb.batch_sizes.NormTest(10)},
    "norm test, within an epoch": {
        "optimizer": mb.optimizers.SGD(0.01),
        "batch_size": mb.batch_sizes.NormTest(2),
        "stop": cut,
    },
    "early stopping": {
        "optimizer": mb.optimizers.SGD(0.01),
        "stop": [mb.stopping.NoImprovement(monitor="loss", restore_best=True, patience=100)],
        "epochs": 3,
    },
    "accumulated": {"optimizer": mb.optimizers.SGD(0.01), "accumulate": 2, "stop": mb.stopping.MaxSteps(n=2)},
    "saga": {"optimizer": "saga"},
    "saga, within an epoch": {"optimizer": mb.optimizers.SAGA(preconditioner="nystrom"), "stop": cut},
    "svrg": {"optimizer": mb.optimizers.SVRG(snapshot_every=3, preconditioner="newton")},
    "sgd in a metric": {"optimizer": mb.optimizers.SGD(preconditioner="diagonal"), "stop": cut},
    "sgd in a metric, at a rate": {"optimizer": mb.optimizers.SGD(0.1, preconditioner="auto")},
}
for name in (
    "adam",
    "adamw",
    "adagrad",
    "rmsprop",
    "adadelta",
    "nadam",
    "radam",
    "adamax",
    "lion",
    "ftrl",
    "dog",
):
    RUNS[name] = {"optimizer": name, "stop": cut}
for name in ("schedule_free_sgd", "schedule_free_adamw"):
    RUNS[name] = {
        "optimizer": {"schedule_free_sgd": mb.optimizers.ScheduleFreeSGD(0.01)}.get(
            name, mb.optimizers.ScheduleFreeAdamW(0.01)
        ),
        "stop": cut,
    }
SPARSE_RUNS: dict[str, dict[str, Any]] = {
    "sparse sgd": {"optimizer": mb.optimizers.SGD(0.01), "penalty": "l2", "stop": cut},
    "sparse momentum": {"optimizer": mb.optimizers.SGD(0.01, momentum=0.9), "penalty": "l1", "stop": cut},
    "sparse adam": {"optimizer": "adam", "penalty": "l1", "stop": cut},
    "sparse ftrl": {"optimizer": "ftrl", "penalty": "l1", "stop": cut},
    "sparse saga": {"optimizer": mb.optimizers.SAGA(), "penalty": "l1", "stop": cut},
}


def ran(name: str, **changes: Any) -> mb.FitResult:
    arguments = {"batch_size": 4, "epochs": 2, "seed": 3} | (RUNS | SPARSE_RUNS)[name] | changes
    return mb.fit(rows(name), y, **arguments)


def rows(name: str) -> Any:
    if name not in SPARSE_RUNS:
        return X
    sparse = pytest.importorskip("scipy.sparse")
    wide = np.random.default_rng(1).standard_normal((60, 40))
    return sparse.csr_matrix(np.where(np.abs(wide) > 2, wide, 0))


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], Any]]:
    """Every value in a state, and where it is."""
    yield path, value
    if isinstance(value, dict):
        for key in value:
            yield from places(value[key], (*path, key))
    elif isinstance(value, list | tuple):
        for i, item in enumerate(value):
            yield from places(item, (*path, i))


def changed(state: Any, path: tuple[Any, ...], value: Any) -> Any:
    """The state with another value at one place."""
    if not path:
        return value
    key, *rest = path
    inner = changed(state[key], tuple(rest), value)
    if isinstance(state, tuple):
        return tuple(inner if i == key else item for i, item in enumerate(state))
    copied = copy.copy(state)
    copied[key] = inner
    return copied


def mutations(value: Any) -> Iterator[Any]:
    yield from (
        None,
        "x",
        [],
        {},
        (),
        np.nan,
        np.inf,
        -np.inf,
        -1,
        0,
        1,
        3,
        2**31,
        2**52,
        2**63,
        2**64,
        1.5,
        1e300,
    )
    yield from (np.empty(0), np.full(3, np.nan), object(), True, b"x", [1, 2], [None], np.ones((2, 2)))
    if isinstance(value, np.ndarray):
        for bad in (np.nan, np.inf, -1, -1e300, 0, 1, 1e300, 2**20):
            for i in {0, value.size // 2, value.size - 1} if value.size else set():
                with np.errstate(all="ignore"):
                    bent = value.copy()
                    if not (value.dtype.kind in "iu" and not 0 <= bad < 2**31):
                        bent[i] = bad
                yield bent
        yield from (
            value[:-1],
            np.append(value, 1),
            value.astype(np.int64),
            value[::-1],
            value[::2],
            value.tolist(),
        )
        yield value.astype(np.float32 if value.dtype == np.float64 else np.float64)
    if isinstance(value, list | tuple):
        yield from (value[:-1], (*value, 1), list(value), tuple(value))
    if isinstance(value, dict):
        yield value | {"unknown": 1}
        for key in value:
            yield {name: item for name, item in value.items() if name != key}


def sampled(mutations: Iterator[Any], path: tuple[Any, ...]) -> list[Any]:
    """Some of the mutations of the value at a place, always the same; others for every place."""
    return random.Random(repr(path)).sample(all_ := list(mutations), min(N_MUTATIONS, len(all_)))


def outcome(name: str, result: mb.FitResult, state: Any) -> str:
    """What comes of a state: "refused", or that of a run of two more epochs."""
    bent = copy.copy(result)
    object.__setattr__(bent, "state", state)
    before = pickle.dumps(state) if "object" not in repr(state) else b""
    try:
        stop = RUNS.get(name, {}).get("stop", []) if name == "early stopping" else []
        on = ran(name, resume=bent, stop=stop)
    except (ValueError, TypeError) as error:
        names_it = any(word in str(error) for word in ("state", "resume", "epoch must be less"))
        return "refused" if names_it else f"refused without the name of the field: {error}"
    except mb.DivergenceError as error:
        return "diverged" if is_finite(error.result) else "diverged to a model that is not finite"
    assert not before or pickle.dumps(state) == before, "the state given is not changed"
    assert np.isfinite(on.history.epoch_loss).all()
    return "result" if is_finite(on) else "a model that is not finite"


def is_finite(result: mb.FitResult) -> bool:
    return bool(np.isfinite(result.coef).all() and np.isfinite(result.intercept).all())


@pytest.mark.parametrize("name", [*RUNS, *SPARSE_RUNS])
def test_every_mutation_is_refused_or_harmless(name: str) -> None:
    result = ran(name)
    assert outcome(name, result, result.state) == "result"
    outcomes = {"refused": 0, "diverged": 0, "result": 0}
    for path, value in list(places(result.state)):
        for mutation in sampled(mutations(value), path):
            state = changed(result.state, path, mutation)
            try:
                outcomes[outcome(name, result, state)] += 1
            except BaseException as error:
                raise AssertionError(f"state at {path}, {value!r}, became {mutation!r}") from error
    print(outcomes)
    assert outcomes["refused"] > 4 * len(result.state)


@pytest.mark.parametrize(
    ("field", "value", "condition"),
    [
        ("version", 0, r'state\["version"\] must be an integer from 1 to 2'),
        ("version", 3, r'state\["version"\] must be an integer from 1 to 2'),
        ("params", np.full(5, np.nan), r'state\["params"\] must be finite, got NaN at entry 0'),
        ("params", np.zeros(6), r"state\[.*\] must be a vector of "),
        ("memory", [np.full(5, np.inf)] * 2, r'state\["memory"\]\[0\] must be finite, got inf at entry 0'),
        ("scalars", np.array([np.nan]), r'state\["scalars"\] must be finite and >= 0, got NaN'),
        ("n_steps", -1, r'state\["n_steps"\] must be an integer from 0 to 2\^52, got -1'),
        ("epoch", 0.5, r'state\["epoch"\] must be an integer from 0 to 2\^32 - 1, got 0.5'),
        ("loss_sum", np.inf, r'state\["loss_sum"\] must be a finite number, got inf'),
        ("growth", (0, 0, 0.0, 0.0), r'state\["growth"\] must be a batch size of at least 1'),
        ("stopping", [{}], r'state\["stopping"\]\[0\] must have "monitor"'),
        ("colour", 1, r"state must be a dict with no more than "),
    ],
)
def test_the_field_is_named(field: str, value: Any, condition: str) -> None:
    result = ran("adam")
    result.state[field] = value
    with pytest.raises(ValueError, match=condition):
        ran("adam", resume=result)


def test_a_missing_field_is_named() -> None:
    for field in set(ran("adam").state) - {"version"}:
        result = ran("adam")
        del result.state[field]
        with pytest.raises(ValueError, match=f'resume.state must have "{field}"'):
            ran("adam", resume=result)
    for field in ran("saga").state["solver"]:
        result = ran("saga")
        del result.state["solver"][field]
        with pytest.raises(ValueError, match=rf'resume.state\["solver"\] must have "{field}"'):
            ran("saga", resume=result)


@pytest.mark.parametrize("name", [*RUNS, *SPARSE_RUNS])
def test_a_state_has_its_version_and_survives_pickling(name: str) -> None:
    result = ran(name)
    assert result.state["version"] == 2
    again = pickle.loads(pickle.dumps(result))
    stop = RUNS.get(name, {}).get("stop", []) if name == "early stopping" else []
    ours, theirs = ran(name, resume=result, stop=stop), ran(name, resume=again, stop=stop)
    assert ours.coef.tobytes() == theirs.coef.tobytes()


@pytest.mark.parametrize("name", ["sgd", "adam", "polyak", "automatic rate", "early stopping"])
def test_a_state_without_a_version_is_read_if_it_is_complete(name: str) -> None:
    """As it was written at first: without a version, and "touched" and "growth" only where needed."""
    result = ran(name)
    whole = ran(name, resume=result, stop=[])
    for field in ("version", "touched", "growth", "fingerprint", "solver"):
        del result.state[field]
    assert ran(name, resume=result, stop=[]).coef.tobytes() == whole.coef.tobytes()


@pytest.mark.parametrize("name", ["sgd", "adam", "polyak", "automatic rate", "early stopping"])
def test_a_state_of_the_first_version_is_read(name: str) -> None:
    """It has no solver."""
    result = ran(name)
    whole = ran(name, resume=result, stop=[])
    result.state["version"] = 1
    del result.state["solver"]
    assert ran(name, resume=result, stop=[]).coef.tobytes() == whole.coef.tobytes()
