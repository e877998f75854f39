"""What holds arrays is equal to itself alone: no comparison of arrays is asked for its truth."""

import copy
import dataclasses
import importlib
import pickle
import pkgutil

import mbgd_rs as mb
import numpy as np
import pytest

X = np.random.default_rng(0).normal(size=(60, 2))
Y = X[:, 0]


def things():
    a = mb.fit(X, Y, epochs=1, record="noise", batch_size=4)
    yield a
    yield a.history
    yield a.history.noise
    yield mb.minimize(lambda w, x: (float((w**2).sum()), 2 * w), np.ones(2), X)
    yield mb.optimizers.Adam().init(X)
    seen = []
    mb.fit(X, Y, epochs=1, callback=seen.append)
    yield seen[0]
    yield mb.diagnostics.gradient_noise(X, Y, a)
    yield mb.sampling.Weighted(np.ones(60))


@pytest.mark.parametrize("thing", list(things()), ids=lambda thing: type(thing).__name__)
def test_results_can_be_compared_and_kept_in_sets(thing):
    other = copy.deepcopy(thing)
    assert (thing == thing) is True
    assert (thing == other) is False
    assert (thing != other) is True
    assert other in [thing, other]
    assert thing not in [other]
    assert len({thing, other, thing}) == 2
    assert {thing: 1}[thing] == 1


def dataclasses_of_the_package():
    for info in pkgutil.walk_packages(mb.__path__, "mbgd_rs."):
        if not info.name.endswith(("__main__", "_core")):
            for thing in vars(importlib.import_module(info.name)).values():
                if dataclasses.is_dataclass(thing) and thing.__module__ == info.name:
                    yield thing


@pytest.mark.parametrize("kind", list(dataclasses_of_the_package()), ids=lambda kind: kind.__name__)
def test_no_equality_is_generated_over_arrays(kind):
    types = {of.name: str(of.type) for of in dataclasses.fields(kind)}
    arrays = [name for name, of in types.items() if "rray" in of and "Callable" not in of]
    if arrays and not issubclass(kind, mb.penalties.Penalty):  # whose arrays become tuples
        assert kind.__eq__ is object.__eq__, arrays


NUMBERS = [
    lambda x: mb.losses.Huber(x),
    lambda x: mb.optimizers.SGD(x),
    lambda x: mb.optimizers.Adam(0.1, eps=x),
    lambda x: mb.averages.EMA(x),
    lambda x: mb.batch_sizes.Growing(4, 1 + x),
    lambda x: mb.stopping.TargetLoss(x),
    lambda x: mb.schedules.Constant(x),
    lambda x: mb.schedules.Cosine(0.1, 5, x),
    lambda x: mb.penalties.L2(x),
]


@pytest.mark.parametrize("make", NUMBERS)
def test_numbers_given_as_arrays_make_values(make):
    assert make(np.array(0.25)) == make(0.25)
    assert hash(make(np.array(0.25))) == hash(make(0.25))


@pytest.mark.parametrize("alpha", [np.array(0.5), np.float32(0.5), np.array([0.5, 1.0]), [[0.5, 1.0]], 0.5])
def test_penalties_are_values_whatever_their_strengths_came_as(alpha):
    for kind in (mb.penalties.L1, mb.penalties.L2, mb.penalties.ElasticNet):
        one, other = kind(alpha), pickle.loads(pickle.dumps(kind(copy.copy(alpha))))
        assert one == other
        assert hash(one) == hash(other)
        assert one != kind(0.25)
