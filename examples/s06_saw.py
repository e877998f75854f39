"""
S6: the saw: why the loss does not simply fall
==============================================

The loss of each batch, plotted by step, looks like a saw. Some of its teeth come from the batches alone: the
next batch has other rows, harder or easier ones, so its loss differs even if the model is the same. Others
are real: a batch that is unlike the rest can move the model so that the loss over *all* rows rises.

To tell them apart, the loss over all rows must be computed after every step, which costs a pass over the data
each time. ``record=("step", "full_loss")`` does that.
"""

# %%
# Two classes of tumours from 30 measurements, trained on 8 patients a step.

import matplotlib.pyplot as plt
import mbgd_rs as mb
import numpy as np
from sklearn.datasets import load_breast_cancer

X, y = load_breast_cancer(return_X_y=True)
X = (X - X.mean(axis=0)) / X.std(axis=0)
options = {"loss": "log_loss", "optimizer": mb.optimizers.SGD(1.0), "epochs": 2}
run = mb.fit(X, y, **options, batch_size=8, record=("step", "full_loss"))
seen, real = run.history.step_loss, run.history.full_loss

# %%
# How often does the loss over all rows rise? ``compare_strategies`` counts it: never with batches of all
# rows, at a suitable learning rate, but often with single rows and small batches.

roads = mb.diagnostics.compare_strategies(X, y, loss="log_loss", batch_size=8, passes=20, n_looked=400)
for name, b, share in zip(roads.names, roads.batch_sizes, roads.rise_fraction, strict=True):
    print(f"{name:>4}, b = {b:3d}: the loss over all rows rose after {share:.0%} of the steps")

# %%
# The loss of the batches jumps with the rows that are in them. The thick line is the loss over all rows, and
# the dots mark the steps after which it rose. That is no defect of the method: on average a step leads down,
# and it is cheap.

steps = np.arange(1, len(real) + 1)
rose = np.flatnonzero(np.diff(real) > 0) + 1
fig, ax = plt.subplots(figsize=(8, 4.2), layout="constrained")
ax.plot(steps, seen, color="#c8553d", linewidth=0.8, alpha=0.6, label="of the batch, before its step")
ax.plot(steps, real, color="#0b6e99", linewidth=2, label="of all rows, after the step")
ax.plot(
    steps[rose], real[rose], "o", color="#0b6e99", markersize=4, markerfacecolor="white",
    label=f"steps after which it rose: {len(rose)} of {len(real)}",
)  # fmt: skip
ax.set(xlabel="step", ylabel="loss", yscale="log", title="The loss of each batch, and the loss over all rows")
ax.legend(frameon=False)
ax.grid(alpha=0.25)
plt.show()
