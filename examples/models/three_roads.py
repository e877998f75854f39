"""
One network, three roads
========================

The objective of a linear model has one valley, that of a network has many. What the statements S1, S3 and S12
say of batch sizes is shown here for networks: which road is fastest, what the paths look like, and how often
noise leads to another valley.
"""

# %%
# S1: by epoch and by second
# --------------------------
# A network of 32 hidden units learns the handwritten digits of scikit-learn, from one start, with batches of
# one row, of 32, and of all. Each has the best of seven rates, by the objective after ten passes over the
# rows.

import itertools

import matplotlib.pyplot as plt
import mbgd_rs as mb
import numpy as np
from sklearn.datasets import load_digits, make_moons

X, y = load_digits(return_X_y=True)
X = (X / 16).astype(np.float32)
network = mb.models.MLP((32,))
how = {"loss": "log_loss", "model": network, "n_threads": 1}
roads = {"SGD, b = 1": 1, "MBGD, b = 32": 32, "BGD, all rows": "full"}
colors = dict(zip(roads, ("#c8553d", "#0b6e99", "#5b5b5b"), strict=True))


def objective(run):
    return mb.gradient(X, y, run, loss="log_loss")[0]


def descent(batch_size, rate, **options):
    try:
        return mb.fit(X, y, **how, optimizer=mb.optimizers.SGD(rate), batch_size=batch_size, **options)
    except mb.DivergenceError as error:
        return error.result


rates = {
    name: min(2.0 ** np.arange(-6, 1), key=lambda rate: objective(descent(b, rate, epochs=10)))
    for name, b in roads.items()
}
passes = {"SGD, b = 1": 20, "MBGD, b = 32": 60, "BGD, all rows": 1500}
start = mb.fit(X, y, **how, epochs=0).params
runs, paths = {}, {}
figure, (by_epoch, by_second) = plt.subplots(1, 2, figsize=(10, 4), sharey=True, layout="constrained")
for name, b in roads.items():
    seen = [start]
    run = descent(b, rates[name], epochs=passes[name], record=("epoch", "full_loss"))
    descent(b, rates[name], epochs=passes[name], callback=lambda at, seen=seen: seen.append(at.params))
    runs[name], paths[name] = run, seen
    history = run.history
    print(
        f"{name:14} rate {rates[name]:.3g}: objective {objective(run):.4f} after {run.n_epochs} epochs, "
        f"{run.n_steps:,} steps, {history.epoch_elapsed[-1]:.3f} s"
    )
    by_epoch.plot(np.arange(1, run.n_epochs + 1), history.full_loss, color=colors[name], label=name)
    by_second.plot(history.epoch_elapsed, history.full_loss, color=colors[name], label=name)
by_epoch.set(xlabel="epoch", ylabel="loss over all rows", xscale="log", yscale="log")
by_second.set(xlabel="seconds of training", xscale="log")
by_epoch.legend()
figure.suptitle("By epoch steps of one row come down fastest, by second those of 32 rows")

# %%
# S3: erratic and smooth
# ----------------------
# The cosine of the angle between a step and the next: about 0 if their directions have nothing in common, 1
# on a straight line. The fewer rows a step has, the more erratic is the path.

for name, b in roads.items():
    path = descent(b, rates[name] / 4, epochs=100, stop=mb.stopping.MaxSteps(100), record="path").history.path
    steps = np.diff(path.astype(float), axis=0)
    lengths = np.linalg.norm(steps, axis=1)
    cosine = (steps[1:] * steps[:-1]).sum(axis=1) / (lengths[1:] * lengths[:-1])
    print(f"{name:14} mean cosine between successive steps {np.mean(cosine):.2f}")

# %%
# S12: which valley?
# ------------------
# Networks of four units separate two half moons. From each of 40 starts four runs are made at the same rate:
# 200 epochs by batches of 1, of 4 and of 32 rows, and descent by all rows. To see which valley a run has come
# to, all of them then go down to its floor, by all rows and with momentum. Floors that differ by more than
# 0.01 are those of different valleys. The penalty gives every valley a floor.

moons, side = make_moons(300, noise=0.15, random_state=0)
small = {"loss": "log_loss", "model": mb.models.MLP((4,)), "penalty": mb.penalties.L2(1e-3), "n_threads": 1}


def floor(batch_size, seed, **options):
    """A run, and where it then comes to rest."""
    is_full = batch_size == "full"
    sgd = mb.optimizers.SGD(0.3)
    epochs = 1000 if is_full else 200
    run = mb.fit(
        moons, side, **small, optimizer=sgd, batch_size=batch_size, epochs=epochs, seed=seed, **options
    )
    down = mb.optimizers.SGD(0.3, momentum=0.9)
    rest = mb.fit(moons, side, **small, optimizer=down, batch_size="full", epochs=2500, init=run)
    return run, rest, mb.gradient(moons, side, rest, loss="log_loss", penalty=small["penalty"])[0]


sizes, n_starts = ("full", 32, 4, 1), 40
floors = np.array([[floor(b, seed)[2] for b in sizes] for seed in range(n_starts)])
print("share of the starts from which a run comes to the deepest floor, and to another than by all rows")
for b, of_size in zip(sizes, floors.T, strict=True):
    higher = of_size - floors[:, 0]
    print(
        f"b = {b!s:>4}: deepest {(of_size < floors.min() + 0.01).mean():4.0%}, a deeper one "
        f"{(higher < -0.01).mean():4.0%}, a less deep one {(higher > 0.01).mean():4.0%}; "
        f"mean floor {of_size.mean():.3f}"
    )

# %%
# At this rate the noise of 32 rows is too small to lead anywhere else than all rows do. That of 4 rows or of
# 1 leads out of the shallow valleys, and seldom out of a deep one. What counts is the temperature, the rate
# divided by the batch size: S12 has a curve of it.

# %%
# The valleys
# -----------
# :func:`mbgd_rs.diagnostics.loss_slice` computes the loss on the plane through three models and projects
# paths onto it. Left, the digits, of which all three models are right about every one: on the lines between
# them the loss rises by no more than a hundredth of where it began. Right, the half moons, from one of the
# starts: all rows have found the nearest valley, a shallow one, and the noise of 4 rows and of 1 two deeper
# ones. Paths leave the plane on their way, and so may seem to cross a ridge.


def ridge(X, y, a, b, **how):
    """How far the loss rises on the line between two models, over the higher one."""
    shares = np.linspace(0, 1, 51)
    line = [{k: [(1 - s) * p + s * q for p, q in zip(a[k], b[k], strict=True)] for k in a} for s in shares]
    heights = [mb.gradient(X, y, params, loss="log_loss", **how)[0] for params in line]
    return max(heights) - max(heights[0], heights[-1])


figure, (left, right) = plt.subplots(1, 2, figsize=(13, 4.5), layout="constrained")
digits = mb.diagnostics.loss_slice(X, y, runs, paths=paths, loss="log_loss")
digits.plot(left).set_title("digits, 32 units")
points, ways = {}, {}
for name, b in {"b = 1": 1, "b = 4": 4, "all rows": "full"}.items():
    run, rest, _ = floor(b, seed=5, record="path")
    points[name] = rest
    ways[name] = run.history.path[:: len(run.history.path) // 300]
valleys = mb.diagnostics.loss_slice(
    moons, side, points, paths=ways, loss="log_loss", penalty=small["penalty"], n_points=81
)
valleys.plot(right).set_title("half moons, 4 units")
for title, models, data, how in (
    ("digits", runs, (X, y), {"model": network}),
    ("half moons", points, (moons, side), {"model": small["model"], "penalty": small["penalty"]}),
):
    print(f"{title}, how far the loss rises on the line between two models:")
    for a, b in itertools.combinations(models, 2):
        print(f"  {a} and {b}: {ridge(*data, models[a].params, models[b].params, **how):.3f}")
plt.show()
