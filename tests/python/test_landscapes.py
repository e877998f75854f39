"""Landscapes with two minima: their formulas and their terms."""

import pickle

import numpy as np
import pytest
from mbgd_rs import reference
from mbgd_rs.landscapes import BentDoubleWell, DoubleWell

LANDSCAPES = {
    "line": DoubleWell(),
    "few terms": DoubleWell(height=3.0, tilt=4.0, noise=0.5, n_terms=2),
    "huge": DoubleWell(height=1e8, tilt=1e6, noise=1e3, n_terms=31),
    "plane": BentDoubleWell(),
    "bent much": BentDoubleWell(height=0.1, tilt=0.01, bend=-2.0, stiffness=0.3, noise=1.0, n_terms=7),
}
each_landscape = pytest.mark.parametrize("landscape", LANDSCAPES.values(), ids=LANDSCAPES)


def places(landscape, n=40):
    return np.random.default_rng(0).normal(size=(n, landscape.n_dimensions))


@each_landscape
def test_values_and_gradients_are_those_of_the_formula(landscape):
    twin, points = reference.Landscape(landscape), places(landscape)
    scale = abs(landscape.value(points)).max()
    np.testing.assert_allclose(landscape.value(points), [*map(twin.value, points)], atol=1e-14 * scale)
    np.testing.assert_allclose(landscape.gradient(points), [*map(twin.gradient, points)], atol=1e-13 * scale)
    h = 1e-6 * np.eye(landscape.n_dimensions)
    slopes = [(landscape.value(points + e) - landscape.value(points - e)) / 2e-6 for e in h]
    np.testing.assert_allclose(landscape.gradient(points), np.transpose(slopes), atol=1e-7 * scale)
    for name in ("shallow", "saddle", "deep"):
        np.testing.assert_allclose(getattr(landscape, name), getattr(twin, name), atol=1e-7)
        assert abs(landscape.gradient(getattr(landscape, name))).max() <= 1e-14 * scale
    heights = [landscape.value(w) for w in (landscape.deep, landscape.shallow, landscape.saddle)]
    assert heights == sorted(heights)
    assert landscape.barrier == heights[2] - heights[1]
    assert [landscape.has_escaped(w) for w in points] == [twin.has_escaped(w) for w in points]


@each_landscape
def test_the_terms_have_the_landscape_as_their_mean_and_pull_as_much_as_is_said(landscape):
    X, noise = landscape.X, landscape.noise
    np.testing.assert_allclose(X, reference.Landscape(landscape).X, atol=1e-13 * noise)
    assert abs(X.mean(axis=0)).max() < 1e-15 * noise
    np.testing.assert_allclose(X.T @ X / len(X), noise**2 * np.eye(X.shape[1]), atol=1e-13 * noise**2)
    for w in places(landscape, 5):
        terms = [landscape.fun(w, X[i : i + 1]) for i in range(len(X))]
        scale = abs(landscape.value(w)) + noise
        assert np.mean([value for value, _ in terms]) == pytest.approx(landscape.value(w), abs=1e-13 * scale)
        mean = np.mean([grad for _, grad in terms], axis=0)
        np.testing.assert_allclose(mean, landscape.gradient(w), atol=1e-13 * (scale + abs(mean).max()))
        value, grad = landscape.fun(w, X[1:])
        expected = reference.Landscape(landscape).fun(w, X[1:])
        assert value == pytest.approx(expected[0], abs=1e-13 * scale)
        np.testing.assert_allclose(grad, expected[1], atol=1e-13 * (scale + abs(mean).max()))


def test_in_a_default_landscape_most_terms_alone_have_one_minimum_and_it_lies_elsewhere():
    landscape = DoubleWell()
    u = np.linspace(-3, 3, 3001)[:, None]
    n_minima = [
        np.sum(np.diff(np.sign(landscape.gradient(u)[:, 0] + slope)) > 0) for slope in landscape.X[:, 0]
    ]
    assert np.mean(np.array(n_minima) == 1) > 0.85


def test_landscapes_are_values():
    landscape = BentDoubleWell(bend=0.25)
    assert landscape == BentDoubleWell(bend=0.25) != BentDoubleWell()
    assert {landscape: 1}[BentDoubleWell(bend=0.25)] == 1
    again = pickle.loads(pickle.dumps(landscape))
    assert again == landscape
    assert (again.X == landscape.X).all()
    with pytest.raises(ValueError, match="read-only"):
        landscape.X[0] = 1
    with pytest.raises(AttributeError):
        landscape.bend = 1
    line, points = DoubleWell(), np.zeros((2, 3, 1))
    assert line.value(points).shape == (2, 3)
    assert line.gradient(points).shape == (2, 3, 1)
    assert line.fun(np.float32([0.5]), line.X[:3].astype(np.float32))[1].dtype == np.float64
