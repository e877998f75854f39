"""
S5: two batches can disagree about which way is down
====================================================

The gradients of two batches at the same parameters can be more than 90 degrees apart. A step that is downhill
for one of them is then uphill for the other.
"""

# %%
# Scikit-learn's breast cancer data, standardised, at the start of training and after it. Every dot is a pair
# of batches of one epoch. At the start some pairs of single rows disagree, and larger batches hardly differ.

import matplotlib.pyplot as plt
import mbgd_rs as mb
import numpy as np
from mbgd_rs.diagnostics import gradient_angles, gradient_noise
from sklearn.datasets import load_breast_cancer

X, y = load_breast_cancer(return_X_y=True)
X = (X - X.mean(axis=0)) / X.std(axis=0)
objective = {"loss": "log_loss", "penalty": mb.penalties.L2(0.01)}
model = mb.fit(X, y, batch_size="full", epochs=300, **objective)
sizes = [1, 2, 4, 8, 16, 32, 64, 128, 256]

start = gradient_angles(X, y, batch_sizes=sizes, **objective)
end = gradient_angles(X, y, model, batch_sizes=sizes, **objective)
figure, axes = plt.subplots(1, 2, figsize=(12, 4.5), layout="constrained", sharey=True)
for angles, ax, when in zip((start, end), axes, ("at the start", "at the optimum"), strict=True):
    angles.plot(ax)
    ax.set_title(f"{when}: pairs that disagree by more than 90°", fontsize="medium", pad=20)
axes[1].set_ylabel("")

# %%
# At the optimum the gradient over all rows is zero, and batch gradients are pure noise. Small batches
# disagree about half of the time. Large batches of one epoch disagree more often, because rows in one are
# missing in the other: the gradients of two halves of the data are opposite. This is why training with a
# constant learning rate ends in a random walk.
#
# In between, the noise scale B decides: for batches of b rows the cosine is about ``1 / (1 + B / b)``.

for name, at in (("start", None), ("optimum", model)):
    noise = gradient_noise(X, y, at, **objective)
    print(f"{name}: noise scale {noise.noise_scale:.1f}. {noise.reason}")
for place, b in enumerate(sizes):
    low, high = end.negative_interval[place]
    print(
        f"b = {b:3}: {start.negative_fraction[place]:4.0%} at the start, {end.negative_fraction[place]:4.0%}"
        f" at the optimum (95 %: {low:.0%} to {high:.0%}),"
        f" mean cosine {np.nanmean(start.cosine[place]):5.2f} and {np.nanmean(end.cosine[place]):5.2f}"
    )
plt.show()
