"""
S8: the noise of a batch falls as 1/b
=====================================

A batch of four times the size has half the error, for four times the work. Without replacement, as in an
epoch, the variance has a further factor ``(n - b) / (n - 1)``: a batch of all rows has no error at all.
"""

# %%
# Scikit-learn's digits and diabetes data. At the start of training, 200 batches of each size are drawn, with
# and without replacement, and their squared distance from the gradient over all rows is measured. The lines
# are not fitted: they are the theory, computed from the gradients of all rows. The legend has the fitted
# slopes, with their 95 % intervals.

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
# The dotted line is the squared norm of the gradient itself. It meets the noise at the noise scale, the batch
# size at which signal and noise are equal. Much larger batches give more precision than a step of the usual
# length can use. That is the start of training; later the gradient vanishes and the noise remains:

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
# Early in training small batches are enough; late in training large batches help, or a smaller rate.

plt.show()
