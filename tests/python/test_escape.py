"""S12: noise helps. How often walks in a landscape leave a shallow minimum.

Seeds are fixed, so that no test fails by chance; the error rates are those a test had before its seed was.
"""

import signal

import mbgd_rs as mb
import numpy as np
import pytest
from mbgd_rs import reference
from mbgd_rs.landscapes import BentDoubleWell, DoubleWell
from scipy import linalg, optimize, stats

escape_probability = mb.diagnostics.escape_probability

WALKS = {
    "one term": {"batch_size": 1},
    "batches": {"batch_size": 7},
    "all": {"batch_size": "full"},
    "more than all": {"batch_size": 1000},
    "as they come": {"batch_size": 3, "shuffle": False},
    "once": {"batch_size": 3, "shuffle": "once"},
    "replacement": {"batch_size": 2, "replacement": True},
    "block": {"batch_size": 4, "shuffle": mb.sampling.Block(5, 2)},
    "weighted": {"batch_size": "full", "shuffle": mb.sampling.Weighted(np.arange(31.0), n_samples=50)},
}


@pytest.mark.parametrize("walk", WALKS.values(), ids=WALKS)
@pytest.mark.parametrize(
    "landscape", [DoubleWell(n_terms=31), BentDoubleWell(n_terms=31)], ids=["line", "plane"]
)
def test_a_path_in_rust_is_that_of_minimize(landscape, walk):
    seen = []

    def fun(w, X_b):
        seen.append(w.copy())
        return landscape.fun(w, X_b)

    options = {"epochs": 5, "seed": 11, **walk}
    sgd = mb.optimizers.SGD(learning_rate=0.05)
    result = mb.minimize(fun, landscape.shallow, landscape.X, optimizer=sgd, **options)
    path = landscape.path(learning_rate=0.05, **options)
    assert path.shape == (result.n_steps + 1, landscape.n_dimensions)
    np.testing.assert_allclose(path, [*seen, result.params], rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("landscape", [DoubleWell(n_terms=20), BentDoubleWell(n_terms=20)])
@pytest.mark.parametrize("replacement", [False, True])
def test_counts_are_those_of_the_reference_and_of_minimize(landscape, replacement):
    options = {"learning_rates": [0.03, 0.3], "batch_sizes": [1, 3, "full"], "n_runs": 20, "epochs": 60,
               "seed": 5, "replacement": replacement}  # fmt: skip
    found = escape_probability(landscape, **options)
    assert found.batch_sizes.tolist() == [1, 3, 20]
    assert 0 < found.n_escaped.sum() < 120
    twin = reference.Landscape(landscape)
    for i, rate in enumerate([0.03, 0.3]):
        for j, size in enumerate([1, 3, 20]):
            expected = twin.escapes(rate, size, 20, 60, seed=5, replacement=replacement)
            assert (found.n_escaped[i, j], found.n_diverged[i, j]) == expected
    same = escape_probability(
        landscape.fun, landscape.X, start=landscape.shallow, escaped=landscape.has_escaped, **options
    )
    assert (same.n_escaped == found.n_escaped).all()
    assert (same.probability == found.probability).all()
    assert (same.interval == found.interval).all()


def test_the_number_of_threads_does_not_matter():
    options = {"learning_rates": [0.05, 0.1], "batch_sizes": [1, 2], "n_runs": 300, "epochs": 10}
    found = [escape_probability(DoubleWell(), n_threads=n, **options).n_escaped for n in (1, 2, 7)]
    assert 0 < found[0].sum() < 1200
    assert (found[0] == found[1]).all()
    assert (found[0] == found[2]).all()


def test_intervals_are_clopper_and_pearsons():
    found = escape_probability(
        DoubleWell(), learning_rates=[0.05, 0.1], batch_sizes=[1, 4], n_runs=200, epochs=20, level=0.9
    )
    for k, (low, high) in zip(found.n_escaped.ravel(), found.interval.reshape(-1, 2), strict=True):
        exact = stats.binomtest(int(k), 200).proportion_ci(0.9, "exact")
        assert (low, high) == pytest.approx((exact.low, exact.high), abs=1e-9)
    np.testing.assert_allclose(found.temperature, [[0.05, 0.0125], [0.1, 0.025]])


@pytest.mark.parametrize("replacement", [False, True])
@pytest.mark.parametrize("landscape", [DoubleWell(), BentDoubleWell()], ids=["line", "plane"])
def test_noise_helps_where_descent_on_all_terms_is_stuck(landscape, replacement):
    """Probability rises with the temperature, and there is none without noise.

    Intervals of cells whose temperatures differ by a factor of two are apart, each at a level of 1 - 1e-6.
    """
    rates = np.array([0.06, 0.12, 0.24] if not replacement else [0.03, 0.06, 0.12])
    found = escape_probability(
        landscape, learning_rates=rates, batch_sizes=[2, 4], n_runs=3000, epochs=40,
        replacement=replacement, level=1 - 1e-6,
    )  # fmt: skip
    print(found.probability)
    assert (found.interval[1:2, :, 0] > found.interval[:1, :, 1]).all()
    assert (found.interval[:2, 0, 0] > found.interval[:2, 1, 1]).all()
    assert (found.probability[1:] >= found.probability[:-1]).all()
    assert found.n_diverged.sum() == 0


def langevin(landscape, temperature, time, n_cells=1500):
    """The probability that a particle has reached the deep valley of a line by a time.

    By Kolmogorov's backward equation ``p_t = temperature p_uu - f' p_u``, p = 1 where runs have escaped, on a
    grid with rates in detailed balance, which is a symmetric matrix in other coordinates.
    """
    level = (landscape.value(landscape.saddle) + landscape.value(landscape.deep)) / 2
    edge = optimize.brentq(lambda u: landscape.value([u]) - level, landscape.deep[0], landscape.saddle[0])
    u = np.linspace(edge, 2.6, n_cells)
    rise, rate = np.diff(landscape.value(u[:, None])), temperature / (u[1] - u[0]) ** 2
    up, down = rate * np.exp(-rise / (2 * temperature)), rate * np.exp(rise / (2 * temperature))
    stay = np.append(up[1:], 0) + down
    values, vectors = linalg.eigh_tridiagonal(-stay, np.sqrt(up[1:] * down[1:]))
    weight = np.exp(-(landscape.value(u[1:, None]) - landscape.barrier) / (2 * temperature))
    k = np.argmin(abs(u[1:] - landscape.shallow[0]))
    return 1 - vectors[k] * np.exp(values * time) @ (vectors.T @ weight) / weight[k]


def scores(found, expected):
    """How many standard deviations the counts are from what a probability says."""
    return (found.n_escaped - found.n_runs * expected) / np.sqrt(found.n_runs * expected * (1 - expected))


def test_small_steps_escape_as_a_langevin_particle_does():
    """At the temperature learning_rate noise^2 / (2 b), in a time of learning_rate a step.

    To 4 standard deviations, an error rate of 6e-5 for each of 4 cells, and 2% for rates that are not zero.

    The same test catches a temperature, or a time, that is wrong by a tenth.
    """
    landscape, n_steps, n_runs = DoubleWell(), 4096, 6000
    for temperature in (0.02, 0.03):
        heat = temperature * landscape.noise**2 / 2
        expected = langevin(landscape, heat, n_steps * temperature)
        for seed, size in ((0, 1), (n_runs, 2)):
            found = escape_probability(
                landscape, learning_rates=[size * temperature], batch_sizes=[size], n_runs=n_runs,
                epochs=n_steps // landscape.n_terms, replacement=True, seed=seed,
            )  # fmt: skip
            allowed = 4 + 0.02 * np.sqrt(n_runs * expected / (1 - expected))
            print(f"temperature {temperature} b {size}: {found.probability[0, 0]:.4f} of {expected:.4f}, "
                  f"{scores(found, expected)[0, 0]:.1f} of {allowed:.1f} deviations")  # fmt: skip
            assert abs(scores(found, expected)) < allowed
            for wrong in (langevin(landscape, 1.1 * heat, n_steps * temperature),
                          langevin(landscape, heat, 1.2 * n_steps * temperature)):  # fmt: skip
                assert abs(scores(found, wrong)) > allowed


def test_equal_learning_rate_over_b_escapes_equally_often_while_rates_are_small():
    """A test of homogeneity at the level 1e-4, over seeds that have nothing in common.

    It has the power to tell learning_rate / sqrt(b) from learning_rate / b. What is found beyond small rates:
    the same up to 0.1, and more escapes at a rate of 0.4.
    """
    n_runs, landscape = 4000, DoubleWell()

    def counts(rates_of_sizes):
        found = [
            escape_probability(landscape, learning_rates=[rate], batch_sizes=[size], n_runs=n_runs, epochs=32,
                               replacement=True, seed=i * n_runs).n_escaped[0, 0]
            for i, (rate, size) in enumerate(rates_of_sizes)
        ]  # fmt: skip
        print(
            [
                f"rate {rate:.3f} b {size}: {n / n_runs:.3f}"
                for n, (rate, size) in zip(found, rates_of_sizes, strict=True)
            ]
        )
        return np.array(found)

    def p_value(n):
        return stats.chi2_contingency([n, n_runs - n]).pvalue

    assert p_value(counts([(0.025 * b, b) for b in (1, 2, 4)])) > 1e-4
    assert p_value(counts([(0.025 * b**0.5, b) for b in (1, 2, 4)])) < 1e-20
    small, large = counts([(0.025, 1), (0.4, 16)])
    assert p_value(np.array([small, large])) < 1e-4
    assert large > small


def test_reshuffling_is_colder_than_drawing_and_less_so_with_more_terms():
    """Without replacement the noise of an epoch adds up to nothing. Intervals of level 1 - 1e-6 are apart."""
    found = {}
    for n_terms, replacement in ((128, False), (1024, False), (1024, True)):
        found[n_terms, replacement] = escape_probability(
            DoubleWell(n_terms=n_terms), learning_rates=[0.025], batch_sizes=[1], n_runs=3000,
            epochs=4096 // n_terms, replacement=replacement, level=1 - 1e-6,
        ).interval[0, 0]  # fmt: skip
    print(found)
    assert found[128, False][1] < found[1024, False][0]
    assert found[1024, False][1] < found[1024, True][0]


@pytest.mark.parametrize("learning_rate", [0.001, 0.1, 0.3])
@pytest.mark.parametrize("landscape", [DoubleWell(), BentDoubleWell()], ids=["line", "plane"])
def test_descent_on_all_terms_never_escapes(landscape, learning_rate):
    found = escape_probability(
        landscape, learning_rates=[learning_rate], batch_sizes=["full"], n_runs=10_000, epochs=30
    )
    assert (found.n_escaped[0, 0], found.n_diverged[0, 0]) == (0, 0)
    assert found.interval[0, 0, 1] < 4e-4
    path = landscape.path(learning_rate=learning_rate, batch_size="full", epochs=1000)
    assert abs(path - landscape.shallow).max() < 1e-12


def test_runs_that_diverge_are_counted_apart():
    landscape = DoubleWell()
    found = escape_probability(landscape, learning_rates=[0.01, 3.0], batch_sizes=[1], n_runs=100, epochs=2)
    assert found.n_diverged[0, 0] == 0
    assert found.n_diverged[1, 0] > 50
    assert (found.n_escaped + found.n_diverged <= 100).all()
    same = escape_probability(
        landscape.fun, landscape.X, start=landscape.shallow, escaped=landscape.has_escaped,
        learning_rates=[3.0], batch_sizes=[1], n_runs=100, epochs=2,
    )  # fmt: skip
    assert same.n_diverged[0, 0] == found.n_diverged[1, 0]
    assert same.n_escaped[0, 0] == found.n_escaped[1, 0]
    path = landscape.path(learning_rate=3.0, batch_size=1, epochs=2)
    assert len(path) < 2 * 128 + 1
    assert np.isfinite(path).all()


def test_an_objective_of_ones_own_with_parameters_of_any_structure():
    centres = np.linspace(-3, 3, 31)

    def fun(params, c):
        w = params["w"]
        return float((w**4 / 4 - w**2 / 2 + (c * w).mean()).sum()), {"w": w**3 - w + c.mean()}

    found = escape_probability(
        fun, centres, start={"w": np.array([1.0])}, escaped=lambda params: params["w"][0] < -0.5,
        learning_rates=[0.1], batch_sizes=[1, "full"], n_runs=30, epochs=50,
    )  # fmt: skip
    assert found.n_escaped[0, 0] > 10
    assert found.n_escaped[0, 1] == 0


WRONG = {
    "height must be finite and > 0, got 0": lambda: DoubleWell(height=0.0),
    r"tilt must be > 0 and < 8 / \(3 sqrt\(3\)\) height, got 0.4": lambda: DoubleWell(tilt=0.4),
    "tilt must be > 0 .*, got NaN": lambda: DoubleWell(tilt=np.nan),
    "noise must be finite and >= 0, got -1": lambda: DoubleWell(noise=-1.0),
    "n_terms must be >= 2, got 1": lambda: DoubleWell(n_terms=1),
    "n_terms must be >= 3, got -5": lambda: BentDoubleWell(n_terms=-5),
    r"n_terms must be < 2\^32, got": lambda: DoubleWell(n_terms=2**40),
    "n_terms must be an integer, got 2.5": lambda: DoubleWell(n_terms=2.5),
    "bend must be finite, got inf": lambda: BentDoubleWell(bend=np.inf),
    "stiffness must be finite and > 0, got 0": lambda: BentDoubleWell(stiffness=0.0),
    r"params must have shape \(..., 2\), got \(3,\)": lambda: BentDoubleWell().value([1.0, 2.0, 3.0]),
    r"params must have shape \(1,\), got \(2,\)": lambda: DoubleWell().has_escaped([1.0, 2.0]),
    "params must have 1 dimension, got shape": lambda: DoubleWell().fun([[1.0]], [[1.0]]),
    r"X_b must have shape \(..., 1\), got \(2, 2\)": lambda: DoubleWell().fun([1.0], np.eye(2)),
    "X must be None where": lambda: count(X=np.eye(2)),
    "escaped must be None where": lambda: count(escaped=bool),
    "learning_rate must be finite and > 0, got -1": lambda: count(learning_rates=[0.1, -1.0]),
    "batch_sizes must be >= 1, got 0": lambda: count(batch_sizes=[0]),
    "batch_sizes must have at least one entry, got none": lambda: count(batch_sizes=[]),
    "learning_rates must have at least one entry, got none": lambda: count(learning_rates=[]),
    "n_runs must be >= 1, got 0": lambda: count(n_runs=0),
    "epochs must be >= 0, got -1": lambda: count(epochs=-1),
    "seed must be <= 18446744073709551611, got": lambda: count(seed=2**64 - 2),
    "level must be > 0 and < 1, got 1": lambda: count(level=1.0),
    "start must not have escaped, got": lambda: count(start=[-1.0]),
    "start must be finite, got NaN": lambda: count(start=[np.nan]),
    "params must have 1 dimension": lambda: count(start=1.0),
    "correct_bias must be False outside of fit": lambda: count(
        shuffle=mb.sampling.Weighted(np.ones(128), correct_bias=True)
    ),
    "shuffle must be Stratified": lambda: count(shuffle="stratified"),
    "weights must have 128 entries": lambda: count(shuffle=mb.sampling.Weighted(np.ones(3))),
    'replacement needs shuffle="full"': lambda: count(replacement=True, shuffle=False),
    "landscape must be an object of mbgd_rs.landscapes or callable": lambda: escape_probability(
        3, learning_rates=[0.1], batch_sizes=[1]
    ),
    "X, start and escaped must be given": lambda: escape_probability(
        lambda w, x: 0, np.ones(3), learning_rates=[0.1], batch_sizes=[1]
    ),
}


def count(**changed):
    arguments = {"learning_rates": [0.1], "batch_sizes": [1], "n_runs": 5, "epochs": 1, **changed}
    return escape_probability(DoubleWell(), **arguments)


@pytest.mark.parametrize("message", WRONG)
def test_what_is_refused(message):
    with pytest.raises((ValueError, TypeError), match=message):
        WRONG[message]()


def test_pictures():
    plt = pytest.importorskip("matplotlib.pyplot")
    line, plane = DoubleWell(), BentDoubleWell()
    paths = {
        name: plane.path(learning_rate=0.1, batch_size=b, epochs=2)
        for name, b in {"SGD": 1, "BGD": 128}.items()
    }
    ax = mb.plotting.landscape(plane, paths)
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["SGD", "BGD"]
    ax = mb.plotting.landscape(line, {"SGD": line.path(learning_rate=0.1, batch_size=1, epochs=2)})
    assert ax.get_xlabel() == "u"
    assert mb.plotting.landscape(line).get_legend() is None
    with pytest.raises(
        ValueError, match=r"paths must be of shape \(n_steps \+ 1, 2\), got \(3, 1\) for 'SGD'"
    ):
        mb.plotting.landscape(plane, {"SGD": np.zeros((3, 1))})
    found = escape_probability(
        line, learning_rates=[0.05, 0.1, 3.0], batch_sizes=[1, "full"], n_runs=20, epochs=2
    )
    _, mine = plt.subplots()
    assert found.plot(mine) is mine
    assert [text.get_text() for text in mine.get_legend().get_texts()] == ["b = 1", "b = 128"]
    assert "EscapeProbability" in repr(found)
    assert "<table>" in found._repr_html_()
    plt.close("all")


@pytest.mark.alone
@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="sets a timer")
@pytest.mark.parametrize("n_threads", [1, 2])
def test_runs_can_be_interrupted(n_threads):
    def handler(signum, frame):
        raise TimeoutError("of the handler")

    before = signal.signal(signal.SIGALRM, handler)
    signal.setitimer(signal.ITIMER_REAL, 0.2)
    try:
        with pytest.raises(TimeoutError, match="of the handler"):
            count(n_runs=10**6, epochs=10**6, learning_rates=[1e-5], n_threads=n_threads)
    finally:
        signal.signal(signal.SIGALRM, before)
    assert count(n_threads=n_threads).n_runs == 5
