"""
S1: three roads down the same valley
====================================

The mean loss of a model over all rows is a landscape over its parameters. There are three ways to walk
down, and they differ in one number, how many rows a step looks at: all of them (batch gradient descent,
BGD), a single one (stochastic gradient descent, SGD), or some tens to hundreds (mini-batch gradient
descent, MBGD).

A road is only good or bad for a given budget. Here all three see the same rows equally often: each has ten
passes over the data, and each has the learning rate that serves it best among powers of two.
"""

# %%
# The handwritten digits of scikit-learn, 1797 images of 64 pixels, and a linear classifier with ten classes.

import matplotlib.pyplot as plt
import mbgd_rs as mb
from sklearn.datasets import load_digits

X, y = load_digits(return_X_y=True)
X = X / 16

# %%
# One call trains the three. What is changed between them is ``batch_size``: n, 1, or 32. They are ordinary
# calls of :func:`mbgd_rs.fit`, which only has to be told when to stop.

roads = mb.diagnostics.compare_strategies(X, y, loss="log_loss", batch_size=32, passes=10)
for i, name in enumerate(roads.names):
    print(
        f"{name:>4}: {roads.n_steps[i]:6d} steps of {roads.batch_sizes[i]:4d} rows in "
        f"{1e3 * roads.train_seconds[i]:6.1f} ms, loss {roads.final_loss[i]:.4f}"
    )

# %%
# By *steps*, BGD falls fastest: each of its steps knows everything. But its ten passes are spent after ten
# steps. By *time*, the picture turns round. SGD makes thousands of steps, each nearly for free and nearly
# random. MBGD has steps that are almost as good as BGD's at a fraction of the price, and of SGD's many
# fixed costs it pays one in 32.

fig, (by_step, by_time) = plt.subplots(1, 2, figsize=(10, 4), sharey=True, layout="constrained")
roads.plot(by_step)
roads.plot(by_time, x="seconds")
by_step.set_title("by steps: the more rows, the better a step")
by_time.set(title="by time: the batch is the best bargain", ylabel="")
fig.suptitle("Ten passes over the digits, three ways to spend them")
plt.show()
