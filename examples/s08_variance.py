"""
S8: the noise of a batch falls as 1/b
=====================================

A batch of four times the size is half as wrong, for four times the work. Drawn without replacement, as an
epoch draws, it is a little less wrong than that, by the factor ``(n - b) / (n - 1)``: a batch of all rows is
not wrong at all.
"""

# %%
# Scikit-learn's digits, and diabetes. At the start of training, batches of many sizes are drawn 200 times
# each, with and without replacement, and their squared distance from the gradient over all rows is measured.
# The lines are no fit: they are what theory says, computed from the gradients of all rows. The fitted slopes
# are in the legend, each with its interval of 95 %.

import matplotlib.pyplot as plt
import mbgd_rs as mb
from mbgd_rs.diagnostics import gradient_noise
from sklearn.datasets import load_diabetes, load_digits

digits = load_digits(return_X_y=True)
diabetes = load_diabetes(return_X_y=True)
diabetes = [(a - a.mean(axis=0)) / a.std(axis=0) for a in diabetes]
problems = {
    "digits, log loss": (digits[0] / 16, digits[1], "log_loss", [1, 4, 16, 64, 256, 512, 1024, 1536]),
    "diabetes, squared error": (diabetes[0], diabetes[1], "squared_error", [1, 4, 16, 64, 128, 256, 384]),
}
figure, axes = plt.subplots(1, 2, figsize=(12, 4.8), layout="constrained")
for (name, (X, y, loss, sizes)), ax in zip(problems.items(), axes, strict=True):
    noise = gradient_noise(X, y, loss=loss, batch_sizes=sizes)
    noise.plot(ax).set_title(f"{name}, n = {len(X)}")
    low, high = noise.slope_interval
    print(f"{name}: slope {noise.slope:.3f}, in [{low:.3f}, {high:.3f}]")
    low, high = noise.noise_scale_interval
    print(f"    noise scale {noise.noise_scale:.3g}, in [{low:.3g}, {high:.3g}]")

# %%
# The dotted line is the squared length of the gradient itself. Where the noise meets it, at the noise scale,
# a batch is as much signal as noise: smaller batches waste little of what they cost, larger ones buy
# precision that a step of the usual length has no use for. So much for the start. Training takes the gradient
# away and leaves the noise:

X, y, loss, _ = problems["digits, log loss"]
sgd = mb.optimizers.SGD(learning_rate=0.5)
model = None
print("epochs  |G|^2      tr(Sigma)  noise scale")
for epochs in (0, 1, 4, 16, 64, 256):
    if epochs:
        model = mb.fit(X, y, loss=loss, optimizer=sgd, batch_size=64, epochs=epochs)
    noise = gradient_noise(X, y, model, loss=loss, batch_sizes=[1, 32], n_draws=50)
    value = f"{noise.noise_scale:.0f}" if not noise.reason else "none: " + noise.reason.split(":")[0]
    print(f"{epochs:6}  {noise.squared_norm:.2e}   {noise.trace:.2e}   {value}")

# %%
# Early steps are well served by small batches, late ones want large batches, or a smaller rate.

plt.show()
