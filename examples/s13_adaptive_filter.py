"""
S13: the adaptive filter, or SGD before it had that name
========================================================

Echo cancellers and modems have used stochastic gradient descent since 1960, one sample at a time. Engineers
call it LMS, least mean squares, and have formulas for the error that its noise causes.
"""

# %%
# An unknown system turns an input into an output: each output sample is a weighted sum of the last sixteen
# input samples, plus noise of variance 0.01. The rows of X are sliding windows over the input, a view without
# copies. LMS is ``fit`` with batches of one row, in the order of time. NLMS, its normalised variant, weights
# each row by ``1 / |x|^2``; ``fit`` scales weights to mean 1, so their mean goes into the learning rate.

import matplotlib.pyplot as plt
import mbgd_rs as mb
import numpy as np

D, NOISE = 16, 0.01


def lms(X, y, mu, batch_size=1, sample_weight=None):
    """The filter's path, a row for each step."""
    return mb.fit(X, y, sample_weight=sample_weight, batch_size=batch_size, shuffle=False,
                  fit_intercept=False, optimizer=mb.optimizers.SGD(mu), epochs=1,
                  record="path").history.path[:, :-1]  # fmt: skip


def nlms(X, y, mu):
    s = 1 / (1e-6 + (X**2).sum(axis=1))
    return lms(X, y, mu * s.mean(), sample_weight=s)


def system(loudness, seed):
    """Windows of white noise, an unknown filter, and its output."""
    rng = np.random.default_rng(seed)
    u = loudness * rng.normal(size=len(loudness))
    X, w = np.lib.stride_tricks.sliding_window_view(u, D)[:, ::-1], rng.normal(size=D) / np.sqrt(D)
    return X, w, X @ w + rng.normal(size=len(X)) * NOISE**0.5


# %%
# Halfway, the input becomes three times as loud. Distances from the true filter are means of twenty runs. A
# small learning rate is slow, and a large one ends further away; the rate that suits the soft input is nearly
# too large for the loud one. NLMS adapts to the loudness.

figure, left = plt.subplots(figsize=(7, 4.2), layout="constrained")
loudness = np.repeat([1.0, 3.0], 2000)
ways = {"LMS, mu = 0.002": (lms, 0.002), "LMS, mu = 0.01": (lms, 0.01), "NLMS, mu = 0.3": (nlms, 0.3)}
for name, (way, mu) in ways.items():
    runs = [system(loudness, seed) for seed in range(20)]
    away = np.mean([((way(X, y, mu) - w) ** 2).sum(axis=1) for X, w, y in runs], axis=0)
    left.semilogy(away, lw=1, label=name)
left.axvline(len(loudness) / 2, color="0.6", lw=0.8)
left.annotate("three times as loud", (2000, 1), (5, 0), textcoords="offset points", color="0.4")
left.set(xlabel="step", ylabel="squared distance from the true filter", title="Learning an unknown system")
left.legend(loc="lower left")

# %%
# Then the steady state. A constant rate leaves an error beyond the noise, the misadjustment. In theory it is
# mu d / (2 b - mu (b + d + 1)) for batches of b rows of unit white noise: proportional to the temperature,
# mu / b, as long as that is small.

figure, right = plt.subplots(figsize=(7, 4.2), layout="constrained")
X, w, y = system(np.ones(200_000), seed=0)
rates = np.geomspace(0.001, 0.05, 8)
for b, marker in ((1, "o"), (4, "s"), (16, "^")):
    mu = b * rates[b * rates < 1.0]
    found = [((lms(X, y, m, b)[20_000 // b :] - w) ** 2).sum(axis=1).mean() / NOISE for m in mu]
    (dots,) = right.loglog(mu / b, found, marker, ms=5, label=f"b = {b}")
    right.loglog(mu / b, mu * D / (2 * b - mu * (b + D + 1)), color=dots.get_color(), lw=1)
    print(f"b = {b:2}: misadjustment {found[0]:.4f} at mu / b = {mu[0] / b:.3f}, theory "
          f"{mu[0] * D / (2 * b - mu[0] * (b + D + 1)):.4f}")  # fmt: skip
right.set(xlabel="learning_rate / b", ylabel="misadjustment", title="Measured (dots) and theory (lines)")
right.legend()
plt.show()
