"""
S8: batches that grow with the noise
====================================

The variance of a batch's gradient falls as 1/b, and the gradient itself falls as training gets on. Early on
a few rows are enough to see which way is down; near the optimum a small batch is nothing but noise, and a
constant learning rate keeps shaking the parameters. The usual cure lets the rate decay. The other cure is
S8 itself: more rows a step.
"""

# %%
# Every eighth step of a fit with ``record="noise"`` is asked how far the gradients of its rows are apart.
# That gives ``tr(Sigma)`` and ``|G|^2``, and their ratio, the noise scale B: the
# batch size at which noise and gradient are equally large. It is not a property of the data. It grows as
# the loss falls.
import matplotlib.pyplot as plt
import mbgd_rs as mb
import numpy as np
from sklearn.datasets import load_digits
from sklearn.preprocessing import StandardScaler

X, y = load_digits(return_X_y=True)
X = StandardScaler().fit_transform(X)
how = {
    "loss": "log_loss",
    "penalty": mb.penalties.L2(1e-2),
    "optimizer": mb.optimizers.SGD(learning_rate=0.4),
}
best = mb.fit(X, y, **how | {"optimizer": mb.optimizers.SGD(0.2)}, batch_size="full", epochs=4000)
minimum = mb.gradient(X, y, best, loss="log_loss", penalty=how["penalty"])[0]

sizes = {"b = 16": 16, "b = 512": 512, "NormTest(16)": mb.batch_sizes.NormTest(16)}
runs = {
    name: mb.fit(X, y, **how, batch_size=size, epochs=60, record=("full_loss", "noise"))
    for name, size in sizes.items()
}
for name, run in runs.items():
    excess = run.history.full_loss[-1] - minimum
    print(
        f"{name:14} {run.n_steps:5} steps, last batch of {run.batch_size:4}, {excess:.2e} above the minimum"
    )

# %%
# On the left the noise scale along a quiet run, 256 rows and a small rate, with its 95 % interval; and
# beside it the batches that :class:`mbgd_rs.batch_sizes.NormTest` chose: so many rows that the noise is at
# most 0.9 times the gradient. Both climb as the loss falls, and where the gradient cannot be told from its
# noise, the library gives no noise scale. On the right the reward, with the same constant rate for all
# three: 16 rows are fast at first and then stuck in their own noise, 512 rows are quiet and slow, and
# batches that grow are fast first and quiet later.
figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
slow = how | {"optimizer": mb.optimizers.SGD(0.1)}
quiet = mb.fit(X, y, **slow, batch_size=256, epochs=60, record="noise")
noise = quiet.history.smoothed_noise(10)
passes, (low, high) = 60 * noise.step / quiet.n_steps, noise.noise_scale_interval.T
left.plot(passes, noise.noise_scale, color="tab:purple", label="noise scale B of a quiet run")
left.fill_between(passes, low, high, color="tab:purple", alpha=0.25, linewidth=0)
left.step(
    np.arange(60), runs["NormTest(16)"].history.batch_size, color="tab:green", label="batches of NormTest"
)
left.set(
    xlabel="passes over the data", ylabel="rows", yscale="log", ylim=(10, 1e4), title="noise and batch size"
)
left.legend()
for name, run in runs.items():
    right.plot(np.arange(1, 61), run.history.full_loss - minimum, label=name)
right.set(xlabel="passes over the data", ylabel="loss above its minimum", yscale="log", title="three runs")
right.legend()
plt.show()
