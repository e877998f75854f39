"""
S4: a batch gradient is right on average
========================================

Nobody would take a step by 32 of 1797 rows if it led to another place than a step by all of them. It does
not: every single batch is wrong, but the batches are right on average, ``E[g_B] = g``. Whether that holds is
a question of the sampler, and can be put to a test.
"""

# %%
# Scikit-learn's digits, a few epochs into training. The gradients of two hundred batches are computed at this
# one point, as training computes them. Their mean is not quite the gradient over all rows; it never is. If
# that is chance, the deviations of the batches are as likely as their opposites, and means of them with
# random signs are as long as the mean itself. (Of every twenty seeds one gives a p below 0.05: that is what p
# says.)

import matplotlib.pyplot as plt
import mbgd_rs as mb
import numpy as np
from mbgd_rs.diagnostics import gradient_bias
from mbgd_rs.sampling import Weighted
from sklearn.datasets import load_digits

X, y = load_digits(return_X_y=True)
X = X / 16
model = mb.fit(X, y, loss="log_loss", epochs=3)
options = {"loss": "log_loss", "batch_sizes": 32, "n_draws": 200, "seed": 1}

fair = gradient_bias(X, y, model, **options)
print(f"|mean of 200 batches - all rows| = {fair.bias_norm:.4f}, by chance {fair.chance_norm:.4f}")
print(f"p = {fair.p_value:.2f}: nothing but chance")

# %%
# The test has to be able to fail. Two samplers that are wrong: one draws the digits 0 to 4 twice as often as
# the others, and a hand-written one has an error of one, and never draws the rows of the digit 9. The first
# can be put right: with ``correct_bias`` a row that is drawn twice as often counts half.

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
    print(f"{name!r:28} {ratio:5.2f} times what chance gives, p = {bias.p_value:.3f}")

# %%
# The grey bars are what chance alone stays in, 95 times of 100. The first three samplers do. The other two
# lead elsewhere, and two hundred batches are enough to know. On the right, the same of the shuffle by batch
# size: larger batches come closer, and none is biased.

figure, (left, right) = plt.subplots(1, 2, figsize=(12, 4.5), layout="constrained")
both = {name: [getattr(bias, name) for bias in samplers.values()] for name in vars(fair)}
mb.plotting.gradient_bias(mb.diagnostics.GradientBias(**both), left)
left.set_xticks(range(len(samplers)), list(samplers))
left.set(xlabel="", title="who draws: batches of 32")
by_size = gradient_bias(X, y, model, loss="log_loss", batch_sizes=[1, 4, 16, 64, 256, 1024], seed=1)
by_size.plot(right)
right.set(yscale="log", title="how many are drawn: the shuffle", ylim=(by_size.bias_norm.min() / 3, None))
plt.show()
