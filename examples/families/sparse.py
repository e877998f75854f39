"""
Sparse rows: a hundred thousand columns
=======================================

l1 finds the few relevant columns among a hundred thousand, and the time of a step depends only on the number
of entries in its batch. Every row has 20 of 100,000 possible features, as in click logs and bags of words; 60
of them are relevant. The plots show the loss, the number of nonzero coefficients, and which ones are found.
"""

import time

import matplotlib.pyplot as plt
import mbgd_rs as mb
import numpy as np
import scipy.sparse as sp

N_ROWS, N_COLUMNS, PER_ROW, N_THAT_MATTER = 40_000, 100_000, 20, 60
STRENGTHS = [1e-5, 1e-4, 1e-3]

rng = np.random.default_rng(0)
popularity = rng.zipf(1.2, size=(N_ROWS, PER_ROW))  # few features are frequent, most are rare
columns = popularity % N_COLUMNS
X = sp.csr_array(
    (np.ones(columns.size), columns.ravel(), np.arange(0, columns.size + 1, PER_ROW)), (N_ROWS, N_COLUMNS)
)
truth = np.zeros(N_COLUMNS)
truth[:N_THAT_MATTER] = rng.choice([-1.5, 1.5], N_THAT_MATTER)
y = rng.random(N_ROWS) < 1 / (1 + np.exp(-(X @ truth)))
train, test = slice(0, 30_000), slice(30_000, None)

figure, (left, middle, right) = plt.subplots(1, 3, figsize=(13, 4), layout="constrained")
for alpha in STRENGTHS:
    found = []
    start = time.perf_counter()
    model = mb.fit(
        X[train],
        y[train],
        loss="log_loss",
        penalty=mb.penalties.L1(alpha),
        optimizer=mb.optimizers.SGD(0.5),
        batch_size=64,
        epochs=15,
        callback=lambda progress, found=found: found.append(np.count_nonzero(progress.coef)),
    )
    seconds = time.perf_counter() - start
    accuracy = (model.predict(X[test]) == y[test]).mean()
    n_right = np.count_nonzero(model.coef[:N_THAT_MATTER])
    print(
        f"alpha={alpha:g}: {found[-1]} coefficients, {n_right} of {N_THAT_MATTER} relevant ones, "
        f"test accuracy {accuracy:.3f}, {1e6 * seconds / model.n_steps:.0f} us a step"
    )
    left.plot(model.history.epoch_loss, label=f"alpha = {alpha:g}")
    middle.plot(found, label=f"alpha = {alpha:g}")
    right.plot(model.coef[: 2 * N_THAT_MATTER], ".", label=f"alpha = {alpha:g}")
left.set(xlabel="epoch", ylabel="objective")
middle.set(xlabel="epoch", ylabel="nonzero coefficients", yscale="log")
middle.axhline(N_THAT_MATTER, color="black", linestyle=":", label="relevant")
right.plot(truth[: 2 * N_THAT_MATTER], "_", color="black", label="truth")
right.set(xlabel="column", ylabel="coefficient")
for axes in (left, middle, right):
    axes.legend()
plt.show()
