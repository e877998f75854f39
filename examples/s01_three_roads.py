"""
S1: three roads down the same valley
====================================

The mean loss of a model over all rows is a landscape over its parameters. There are three ways to walk
down, and they differ in one number, the rows per step: all of them (batch gradient descent, BGD), a single
one (stochastic gradient descent, SGD), or tens to hundreds (mini-batch gradient descent, MBGD).

Which is best depends on the budget. Here all three have ten passes over the data, and each has its best
learning rate among powers of two. For BGD that is the best rate with which the loss falls at every step: on
these data twice that rate ends slightly lower, but the loss rises on the way.
"""

# %%
# The handwritten digits of scikit-learn, 1797 images of 64 pixels, and a linear classifier with ten classes.

import matplotlib.pyplot as plt
import mbgd_rs as mb
from sklearn.datasets import load_digits

X, y = load_digits(return_X_y=True)
X = X / 16

# %%
# One call trains all three. They are ordinary calls of :func:`mbgd_rs.fit` with different values of
# ``batch_size``: n, 1 and 32.

roads = mb.diagnostics.compare_strategies(X, y, loss="log_loss", batch_size=32, passes=10)
for i, name in enumerate(roads.names):
    print(
        f"{name:>4}: {roads.n_steps[i]:6d} steps of {roads.batch_sizes[i]:4d} rows in "
        f"{1e3 * roads.train_seconds[i]:6.1f} ms, loss {roads.final_loss[i]:.4f}"
    )

# %%
# Per *step*, BGD's loss falls fastest, because each step uses all rows. But its ten passes are spent after
# ten steps. Per unit of *time* MBGD's loss falls fastest. SGD makes thousands of cheap and very noisy steps.
# MBGD's steps are almost as good as BGD's at a fraction of the cost, and it pays the fixed cost of a step
# once per 32 rows.

fig, (by_step, by_time) = plt.subplots(1, 2, figsize=(10, 4), sharey=True, layout="constrained")
roads.plot(by_step)
roads.plot(by_time, x="seconds")
by_step.set_title("by steps: more rows give better steps")
by_time.set(title="by time: mini-batches are fastest", ylabel="")
fig.suptitle("Ten passes over the digits with three batch sizes")
plt.show()
