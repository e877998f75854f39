"""
S11: epochs and steps
=====================

A *step* is one update of the parameters, from one batch. An *epoch* is one pass over the data. With n rows in
batches of b, an epoch has ceil(n / b) steps, and the last batch has the remaining rows; with
``drop_last=True`` it is left out if it is not full, and an epoch has floor(n / b) steps.

("Iteration" means either, depending on the book, so these pages do not use it.)
"""

import matplotlib.pyplot as plt
import mbgd_rs as mb
import numpy as np

N = 30
X = np.random.default_rng(0).standard_normal((N, 2))
print(
    f"{'b':>5}{'steps an epoch':>16}{'with drop_last':>16}{'steps in 10 epochs':>20}{'rows of the last':>18}"
)
for b in (1, 7, 8, 10, 30, "full"):
    n_steps = len(mb.Batches(N, b))
    n_full_steps = len(mb.Batches(N, b, drop_last=True))
    run = mb.fit(X, X[:, 0], batch_size=b, epochs=10, record="step")
    print(f"{b!s:>5}{n_steps:>16}{n_full_steps:>16}{run.n_steps:>20}{run.history.batch_size[-1]:>18}")

# %%
# :class:`mbgd_rs.Batches` divides epochs into batches as :func:`mbgd_rs.fit` does. It gives the rows of any
# step of any epoch without training, since they are a function of the seed and the epoch. Here are two epochs
# of 30 rows in batches of 8. A column of the plot is a step, and a coloured square is a row in its batch;
# each row comes once in each epoch. Hollow squares are the rows of the last batch, which ``drop_last=True``
# leaves out: different rows in each epoch, since every epoch is shuffled anew.
batches = mb.Batches(N, 8, seed=1)
figure, axes = plt.subplots(figsize=(8, 6.5), layout="constrained")
for epoch in (0, 1):
    for step, rows in enumerate(batches.epoch(epoch)):
        t = epoch * len(batches) + step
        face = f"C{epoch}" if len(rows) == 8 else "none"
        axes.scatter(np.full(len(rows), t), rows, marker="s", s=45, facecolor=face, edgecolor=f"C{epoch}")
        axes.text(t, N + 0.6, f"{len(rows)} rows", ha="center", fontsize=9)
    axes.text(t - 1.5, N + 2.1, f"epoch {epoch}: each of {N} rows once", ha="center", color=f"C{epoch}")
axes.axvline(len(batches) - 0.5, color="0.6", linestyle=":")
axes.set(xlabel="step t, counted over the whole run", ylabel="row number", ylim=(-1, N + 3.5))
plt.show()
