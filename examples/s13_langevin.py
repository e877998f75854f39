"""
S13: noise as temperature, and a posterior for the price of training
====================================================================

Gradient noise acts like a temperature. With the right amount of noise added, gradient descent does not
converge to the optimum but moves around it, and its parameters are draws from the Bayesian posterior.
"""

# %%
# Logistic regression on ten measurements of 569 tumours, with a normal prior, which is an l2 penalty. ``fit``
# minimises a mean over n rows, so the temperature of the posterior is 1 / n. Each step uses a batch of 64
# rows; every tenth point of the path is taken as a draw.

import matplotlib.pyplot as plt
import mbgd_rs as mb
import numpy as np
from sklearn.datasets import load_breast_cancer

data = load_breast_cancer()
X = data.data[:, :10]
X = (X - X.mean(axis=0)) / X.std(axis=0)
y, (n, d) = data.target, X.shape
model = {"loss": "log_loss", "penalty": mb.penalties.L2(0.01)}


def draws(learning_rate, batch_size, temperature=1 / n, n_steps=300_000):
    sampler = mb.optimizers.SGLD(learning_rate, temperature)
    epochs = n_steps * batch_size // n
    run = mb.fit(X, y, optimizer=sampler, batch_size=batch_size, epochs=epochs, record="path", **model)
    return run.history.path[n_steps // 20 :: 10]


# %%
# For comparison, Laplace's approximation: a normal distribution around the optimum, with the inverse of n
# times the Hessian as its covariance.

optimum = mb.fit(X, y, epochs=100, **model)
Z, p = np.column_stack([X, np.ones(n)]), optimum.predict_proba(X)[:, 1]
hessian = (Z.T * (p * (1 - p))) @ Z / n + np.diag([0.01] * d + [0.0])
mode = np.append(optimum.coef, optimum.intercept)
laplace = np.sqrt(np.diag(np.linalg.inv(hessian)) / n)

sampled = draws(0.3, 64)
print(f"{'':<24}{'Laplace':>18}{'sampled':>18}")
for name, m, s, draw in zip([*data.feature_names[:d], "intercept"], mode, laplace, sampled.T, strict=True):
    print(f"{name:<24}{m:10.2f} +- {s:.2f}{draw.mean():11.2f} +- {draw.std():.2f}")

# %%
# Batches add their own noise, whose temperature is proportional to learning_rate / b. As long as it is small
# compared with 1 / n, the draws are right; with single rows and the same rate their distribution is too wide.

figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4), layout="constrained")
left.plot(*sampled[::5, [2, 3]].T, ".", ms=2, alpha=0.5, label="draws")
angle, root = np.linspace(0, 2 * np.pi, 100), np.linalg.cholesky(np.linalg.inv(hessian)[2:4, 2:4] / n)
for radius, label in ((1, "1 and 2 deviations, Laplace"), (2, None)):
    ring = mode[2:4, None] + radius * root @ [np.cos(angle), np.sin(angle)]
    left.plot(*ring, "k", lw=1, label=label)
left.legend(loc="upper right")
left.set(xlabel="coefficient of perimeter", ylabel="coefficient of area", title="Draws from a posterior")

grid = np.linspace(-3, 0.5, 200)
density = np.exp(-(((grid - mode[1]) / laplace[1]) ** 2) / 2) / laplace[1] / np.sqrt(2 * np.pi)
right.plot(grid, density, "k", lw=1, label="Laplace")
for label, draw in {"b = 64": sampled, "b = 1": draws(0.3, 1)}.items():
    right.hist(
        draw[:, 1], 60, range=(-3, 0.5), density=True, histtype="step", label=f"learning rate 0.3, {label}"
    )
right.set(xlabel="coefficient of texture", ylabel="density", title="Single rows: too wide")
right.legend(loc="upper left")
plt.show()
