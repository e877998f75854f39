"""
S8: noise that dies
===================

The noise of a batch falls as 1/b, but for a given b it does not go away: at the optimum single rows still
pull in different directions, and with a constant rate the parameters fluctuate. SAGA and SVRG compare each
row with what is known of it: the gradient is the mean over the batch of ``(r_i - t_i) x_i`` plus the mean
over all rows of ``t_i x_i``, r_i the slope of the loss of row i now, and t_i that of when it was last seen
(SAGA), or at a snapshot of the parameters (SVRG). As these come to rest, r_i - t_i vanishes, and the noise.
"""

# %%
# Scikit-learn's breast cancer data, log loss with an l2 penalty, batches of 16 rows. Runs are made epoch by
# epoch, each resuming the one before; their ``state`` has what is known of the rows. The variance is not
# sampled: it follows from the gradients of all rows.

import matplotlib.pyplot as plt
import mbgd_rs as mb
import numpy as np
from sklearn.datasets import load_breast_cancer

X, y = load_breast_cancer(return_X_y=True)
X = (X - X.mean(axis=0)) / X.std(axis=0)
n, b, alpha, epochs = len(X), 16, 0.01, 40
objective = {"loss": "log_loss", "penalty": mb.penalties.L2(alpha)}
optimizers = {"SGD": mb.optimizers.SGD(0.5), "SAGA": mb.optimizers.SAGA(), "SVRG": mb.optimizers.SVRG()}


def slopes(coef, intercept):
    return 1 / (1 + np.exp(-(X @ coef + intercept))) - y


def row_gradients(run):
    """Of which the gradient of a batch is the mean over its rows."""
    known, mean = np.zeros(n), np.zeros(X.shape[1] + 1)
    if "SGD" not in repr(run.arguments["optimizer"]):
        kind, known, mean, _ = run.state["solver"]["variate"]
        known = slopes(known[:-1], known[-1]) if kind == "snapshot" else known
    pulls = np.column_stack([X, np.ones(n)]) * (slopes(run.coef, run.intercept) - known)[:, None]
    return pulls + mean + alpha * np.append(run.coef, 0.0)


least = mb.gradient(X, y, mb.fit(X, y, **objective, epochs=300), **objective)[0]
variance, gap, run = {}, {}, {}
for name, optimizer in optimizers.items():
    variance[name], gap[name], run[name] = [], [], None
    for _ in range(epochs):
        how = objective | {"optimizer": optimizer, "batch_size": b, "epochs": 1}
        run[name] = mb.fit(X, y, **how, resume=run[name])
        of_rows = row_gradients(run[name]).var(axis=0, ddof=1).sum()
        variance[name].append(of_rows * (n - b) / (n * b))  # of batches drawn without replacement
        gap[name].append(mb.gradient(X, y, run[name], **objective)[0] - least)

# %%
# The mean has not changed (S4): what is subtracted in a batch is, on average, what is added for all rows.
# Two thousand batches after 5 epochs: the distance of their mean from the gradient over all rows, what chance
# makes of it, and how far off a single batch is.

rng = np.random.default_rng(0)
for name, optimizer in optimizers.items():
    model = mb.fit(X, y, **objective, optimizer=optimizer, batch_size=b, epochs=5)
    of_rows, full = row_gradients(model), np.hstack(mb.gradient(X, y, model, **objective)[1])
    draws = np.array([of_rows[rng.choice(n, b, replace=False)].mean(axis=0) for _ in range(2000)])
    off, chance = np.linalg.norm(draws.mean(axis=0) - full), np.sqrt(draws.var(axis=0).sum() / 2000)
    print(f"{name}: off by {off:.1e}, by chance {chance:.1e}; one batch by {chance * 2000**0.5:.1e}")

figure, (left, right) = plt.subplots(1, 2, figsize=(12, 4.6), layout="constrained")
for name in optimizers:
    left.semilogy(np.arange(1, epochs + 1), variance[name], label=name)
    right.semilogy(np.arange(1, epochs + 1), np.maximum(gap[name], 1e-16), label=name)
left.set(xlabel="epochs", title=f"variance of the gradient of {b} rows")
right.set(xlabel="epochs", title="loss above its minimum")
right.legend()

# %%
# The noise of SGD stays, and its loss stops at a level that its rate decides. That of SAGA and SVRG dies
# away. The table of SAGA is old in its second epoch, and the loss may rise. SVRG knows fresher slopes, and
# its epochs cost about three of the others.

plt.show()
