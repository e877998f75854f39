"""
S3: smooth, erratic, and between: paths of the three roads
==========================================================

A regression with two coefficients has a loss that can be drawn as a map: its contours are ellipses, and the
parameters after every step are a path on it.

The gradient over all rows is perpendicular to the contours, so BGD's path is smooth. The gradient of one row
points to where that row alone would fit best, so SGD's path is erratic. In a batch these differences average
out: the noise falls with the square root of the batch size.
"""

# %%
# A long valley: the columns are correlated, and the targets are noisy.

import matplotlib.pyplot as plt
import mbgd_rs as mb
import numpy as np

rng = np.random.default_rng(0)
X = rng.standard_normal((2000, 2)) @ [[1.0, 0.75], [0.0, 0.6]]
y = X @ [1.5, -1.0] + rng.standard_normal(2000)

# %%
# ``record="path"`` keeps the parameters after every step. All three make at most 60 steps with the same
# learning rate, so that only the batch differs.

options = {"optimizer": mb.optimizers.SGD(0.15), "fit_intercept": False, "record": "path", "seed": 2}
sixty = mb.stopping.MaxSteps(60)
runs = {b: mb.fit(X, y, **options, batch_size=b, epochs=60, stop=sixty) for b in (1, 32, 2000)}

# %%
# The smoothness of a path is measured by the cosine of the angle between a step and the next: 1 on a straight
# line, about 0 if the directions are unrelated. ``compare_strategies`` computes it, with the best learning
# rate of each.

roads = mb.diagnostics.compare_strategies(X, y, passes=5, fit_intercept=False)
for name, cosine in zip(roads.names, roads.cosine, strict=True):
    print(f"{name:>4}: mean cosine between successive steps {cosine:.2f}")

# %%
# The map.

w0, w1 = np.meshgrid(np.linspace(-0.6, 2.4, 200), np.linspace(-1.8, 0.9, 200))
residual = w0[..., None] * X[:500, 0] + w1[..., None] * X[:500, 1] - y[:500]
height = (residual**2).mean(axis=2) / 2

fig, axes = plt.subplots(1, 3, figsize=(11, 4), sharex=True, sharey=True, layout="constrained")
titles = {1: ("SGD, b = 1", "#c8553d"), 32: ("MBGD, b = 32", "#0b6e99"), 2000: ("BGD, all rows", "#5b5b5b")}
for ax, (b, (title, color)) in zip(axes, titles.items(), strict=True):
    ax.contour(
        w0, w1, height, levels=np.geomspace(height.min() * 1.01, height.max(), 14), cmap="Greys_r", alpha=0.5
    )
    path = np.vstack([np.zeros(2), runs[b].history.path[:, :2]])
    ax.plot(*path.T, "o-", color=color, markersize=2.5, linewidth=1)
    ax.plot(0, 0, "ko", markersize=6)
    ax.plot(1.5, -1.0, "k*", markersize=12)
    ax.set(title=title, xlabel="first coefficient")
axes[0].set_ylabel("second coefficient")
fig.suptitle("Sixty steps from the dot towards the star, with the same learning rate")
plt.show()
