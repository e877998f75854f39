"""
S8: batches that grow with the noise
====================================

The variance of a batch gradient falls as 1/b, and the gradient itself shrinks during training. Early on a few
rows are enough to find the direction; near the optimum the gradient of a small batch is mostly noise, and
with a constant learning rate the parameters keep fluctuating. The usual remedy is to decay the rate. The
other remedy follows from S8: more rows per step.
"""

# %%
# ``record="noise"`` measures the noise at every eighth step, from the gradients of the rows in its batch. The
# results are ``tr(Sigma)``, ``|G|^2`` and their ratio, the noise scale B: the batch size at which noise and
# gradient are equally large. It is not a property of the data alone: it grows as the loss falls.
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
# On the left are the noise scale of a run with 256 rows and a small rate, with its 95 % interval, and the
# batch sizes that :class:`mbgd_rs.batch_sizes.NormTest` chose: so many rows that the noise is at most 0.9
# times the gradient. Both grow as the loss falls; where the gradient cannot be distinguished from its noise,
# there is no noise scale. On the right are three runs with the same constant rate: 16 rows are fast at first
# and then limited by their noise, 512 rows have little noise and are slow, and growing batches are fast first
# and have little noise later.
figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
slow = how | {"optimizer": mb.optimizers.SGD(0.1)}
quiet = mb.fit(X, y, **slow, batch_size=256, epochs=60, record="noise")
noise = quiet.history.smoothed_noise(10)
passes, (low, high) = 60 * noise.step / quiet.n_steps, noise.noise_scale_interval.T
left.plot(passes, noise.noise_scale, color="tab:purple", label="noise scale B, b = 256")
left.fill_between(passes, low, high, color="tab:purple", alpha=0.25, linewidth=0)
left.step(
    np.arange(60), runs["NormTest(16)"].history.batch_size, color="tab:green", label="batch size of NormTest"
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
