"""
S4: a batch gradient is right on average
========================================

A batch gradient is an unbiased estimate of the gradient over all rows: every single batch is off, but they
are right on average, ``E[g_B] = g``. Whether that holds depends on how the batches are sampled, and can be
tested.
"""

# %%
# Scikit-learn's digits, after a few epochs of training. The gradients of two hundred batches are computed at
# this one point, as training computes them. Their mean differs a little from the gradient over all rows. If
# the difference is chance, each deviation is as likely as its opposite, so means with random signs have about
# the same norm. (For an unbiased sampler, one seed in twenty gives a p below 0.05, by definition of p.)

import matplotlib.pyplot as plt
import mbgd_rs as mb
import numpy as np
from mbgd_rs.diagnostics import gradient_bias
from mbgd_rs.sampling import Weighted
from sklearn.datasets import load_digits

X, y = load_digits(return_X_y=True)
X = X / 16
model = mb.fit(X, y, loss="log_loss", optimizer="sgd", epochs=3)
options = {"loss": "log_loss", "batch_sizes": 32, "n_draws": 200, "seed": 1}

fair = gradient_bias(X, y, model, **options)
print(f"|mean of 200 batches - all rows| = {fair.bias_norm:.4f}, expected by chance {fair.chance_norm:.4f}")
print(f"p = {fair.p_value:.2f}")

# %%
# The test must be able to fail. Two samplers are biased: one draws the digits 0 to 4 twice as often as the
# others, and a hand-written one has an off-by-one error and never draws the digit 9. The first can be
# corrected: with ``correct_bias`` a row that is drawn twice as often counts half.

weights = np.where(y < 5, 2.0, 1.0)
rng = np.random.default_rng(0)
without_nines = [rng.choice(np.flatnonzero(y < 9), 32) for _ in range(200)]
samplers = {
    "shuffle": fair,
    "with\nreplacement": gradient_bias(X, y, model, replacement=True, **options),
    "two to one,\ncorrected": gradient_bias(
        X, y, model, shuffle=Weighted(weights, correct_bias=True), **options
    ),
    "two to one": gradient_bias(X, y, model, shuffle=Weighted(weights), **options),
    "no nines": gradient_bias(X, y, model, loss="log_loss", rows=without_nines),
}
for name, bias in samplers.items():
    ratio = bias.bias_norm / bias.chance_norm
    print(f"{name!r:28} {ratio:5.2f} times the value expected by chance, p = {bias.p_value:.3f}")

# %%
# By chance alone the deviation stays within the grey bars in 95 % of cases. The first three samplers do; two
# hundred batches are enough to show that the other two are biased. On the right is the shuffle again, by
# batch size: larger batches are closer, and none is biased.

figure, (left, right) = plt.subplots(1, 2, figsize=(12, 4.5), layout="constrained")
both = {name: [getattr(bias, name) for bias in samplers.values()] for name in vars(fair)}
mb.plotting.gradient_bias(mb.diagnostics.GradientBias(**both), left)
left.set_xticks(range(len(samplers)), list(samplers))
left.set(xlabel="", title="five samplers, batches of 32")
by_size = gradient_bias(X, y, model, loss="log_loss", batch_sizes=[1, 4, 16, 64, 256, 1024], seed=1)
by_size.plot(right)
right.set(yscale="log", title="the shuffle, by batch size", ylim=(by_size.bias_norm.min() / 3, None))
plt.show()
