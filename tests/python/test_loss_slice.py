"""The objective on a plane through three models."""

import mbgd_rs as mb
import numpy as np
import pytest

loss_slice = mb.diagnostics.loss_slice
rng = np.random.default_rng(0)
X = rng.normal(size=(60, 4))
TARGETS = {
    "squared_error": X[:, 0] * X[:, 1] + 0.1 * rng.normal(size=60),
    "log_loss": rng.integers(0, 3, 60),
}
MODELS = {
    "linear": mb.models.Linear(),
    "mlp": mb.models.MLP((5, 3), activation="tanh"),
    "fm": mb.models.FactorizationMachine(3),
}


def runs(model, loss, n=3, **how):
    options = {"optimizer": "adam", "batch_size": 8, "epochs": 4, "record": "path"}
    return {
        f"seed {seed}": mb.fit(X, TARGETS[loss], model=model, loss=loss, seed=seed, **options, **how)
        for seed in range(n)
    }


def flat(run):
    return run.model.join(run.params, run.n_columns, run.n_outputs)


@pytest.mark.parametrize("loss", TARGETS)
@pytest.mark.parametrize("model", MODELS.values(), ids=MODELS)
def test_values_are_those_of_the_objective_in_the_plane(model, loss):
    found = runs(model, loss)
    how = {"loss": loss, "penalty": mb.penalties.L2(0.01)}
    slice = loss_slice(X, TARGETS[loss], found, **how, n_points=5)
    first, second, third = map(flat, found.values())
    along = (second - first) / np.linalg.norm(second - first)
    across = third - first - ((third - first) @ along) * along
    across /= np.linalg.norm(across)
    for i, v in enumerate(slice.v):
        for j, u in enumerate(slice.u):
            run = found["seed 0"]
            blocks = model.split(
                first + u * along + v * across, run.n_columns, run.n_outputs, is_vector=run.is_vector
            )
            value = mb.gradient(X, TARGETS[loss], blocks, model=model, **how)[0]
            assert slice.values[i, j] == pytest.approx(value, rel=1e-12)
    for name, run in found.items():
        assert slice.point_values[name] == mb.gradient(X, TARGETS[loss], run, **how)[0]
    distances = [np.linalg.norm(flat(run) - first) for run in found.values()]
    np.testing.assert_allclose([np.linalg.norm(place) for place in slice.points.values()], distances)
    assert slice.points["seed 1"][1] == pytest.approx(0, abs=1e-12)
    assert slice.points["seed 2"][1] > 0


def test_paths_end_at_their_models_and_the_rest_is_their_distance():
    found = runs(MODELS["mlp"], "squared_error")
    paths = {name: run.history.path for name, run in found.items()}
    slice = loss_slice(X, TARGETS["squared_error"], found, paths=paths, n_points=3)
    first = flat(found["seed 0"])
    for name, path in slice.paths.items():
        assert path.shape == (len(paths[name]), 2)
        np.testing.assert_allclose(path[-1], slice.points[name], atol=1e-12)
        assert slice.distances[name][-1] == pytest.approx(0, abs=1e-6)
        whole = ((paths[name] - first) ** 2).sum(axis=1)
        np.testing.assert_allclose((path**2).sum(axis=1) + slice.distances[name] ** 2, whole)
        assert slice.u[0] <= path[:, 0].min() <= path[:, 0].max() <= slice.u[-1]
        assert slice.v[0] <= path[:, 1].min() <= path[:, 1].max() <= slice.v[-1]
    seen = []
    mb.fit(X, TARGETS["squared_error"], model=MODELS["mlp"], epochs=4, batch_size=8, optimizer="adam",
           callback=lambda progress: seen.append(progress.params))  # fmt: skip
    by_epoch = loss_slice(X, TARGETS["squared_error"], found, paths={"gathered": seen}, n_points=3)
    assert by_epoch.paths["gathered"].shape == (4, 2)
    np.testing.assert_allclose(by_epoch.paths["gathered"][-1], by_epoch.points["seed 0"], atol=1e-12)


def test_threads_and_types_leave_it_alone():
    found = runs(MODELS["mlp"], "log_loss")
    one, two = (
        loss_slice(X, TARGETS["log_loss"], found, loss="log_loss", n_points=4, n_threads=n) for n in (1, 2)
    )
    assert (one.values == two.values).all()
    single = loss_slice(X.astype(np.float32), TARGETS["log_loss"], found, loss="log_loss", n_points=4)
    np.testing.assert_allclose(single.values, one.values, rtol=1e-4)


def test_what_overflows_is_infinite_and_drawn_without():
    import matplotlib as mpl

    mpl.use("Agg")
    how = {"loss": "poisson", "n_points": 7}
    points = {"a": ([0.0], 0.0), "b": ([1.0], 0.0), "c": ([0.0], 5000.0)}
    slice = loss_slice([[0.0], [1.0]], [1.0, 2.0], points, **how)
    assert np.isinf(slice.values).any()
    assert np.isfinite(slice.values).any()
    assert slice.plot().get_ylabel() == "from that line to c"


def test_the_picture_has_points_paths_and_a_legend_for_these():
    import matplotlib as mpl

    mpl.use("Agg")
    found = runs(MODELS["mlp"], "squared_error")
    y = TARGETS["squared_error"]
    ax = loss_slice(X, y, found, n_points=5).plot()
    assert ax.get_legend() is None
    assert [text.get_text().split(":")[0] for text in ax.texts[-3:]] == list(found)
    paths = {"by eight": found["seed 1"].history.path}
    ax = loss_slice(X, y, found, paths=paths, n_points=5).plot(ax)
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["by eight"]


@pytest.mark.parametrize(
    ("points", "how", "message"),
    [
        ({"a": ([0.0], 0.0), "b": ([1.0], 0.0)}, {}, "points must be three models, got 2"),
        ({"a": ([0.0], 0.0), "b": ([1.0], 1.0), "c": ([2.0], 2.0)}, {}, "points must not lie on one line"),
        ({"a": ([0.0], 0.0), "b": ([0.0], 0.0), "c": ([2.0], 2.0)}, {}, "points must not lie on one line"),
        (None, {"n_points": 1}, "n_points must be >= 2, got 1"),
        (None, {"margin": -1.0}, "margin must be finite and >= 0, got -1.0"),
        (
            None,
            {"paths": {"p": np.zeros((3, 5))}},
            r"paths\['p'\] must be of shape \(n_steps, 2\), got \(3, 5\)",
        ),
    ],
    ids=["two", "a line", "twice", "n_points", "margin", "path"],
)
def test_what_makes_no_plane_is_refused(points, how, message):
    points = points or {"a": ([0.0], 0.0), "b": ([1.0], 0.0), "c": ([0.0], 1.0)}
    with pytest.raises(ValueError, match=message):
        loss_slice([[0.0], [1.0]], [1.0, 2.0], points, **how)
