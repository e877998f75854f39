"""
S10: reshuffle every epoch
==========================

If every epoch has the same batches in the same order, their gradients can oppose each other and bring the
parameters back to where they started. :func:`mbgd_rs.fit` draws a new uniform permutation for every epoch;
``shuffle=False`` and ``shuffle="once"`` show what happens without.

A minimal example: one coefficient, squared error, every x is 1, half of the targets are 4 and the others -2.
The best coefficient is their mean, 1. The file is sorted, and a batch is half of it. With a learning rate of
1/2 the first batch takes the coefficient from 0 to 2, and the second takes it from 2 back to 0. The model
never learns anything, however many epochs there are.
"""

import matplotlib.pyplot as plt
import mbgd_rs as mb
import numpy as np
from sklearn.datasets import load_digits

x, y = np.ones((64, 1)), np.repeat([4.0, -2.0], 32)
ways = {"shuffle=False": False, 'shuffle="once"': "once", 'shuffle="full"': "full"}
how = {"fit_intercept": False, "optimizer": mb.optimizers.SGD(0.5), "batch_size": 32, "epochs": 60}
figure, (returns, means) = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
for label, shuffle in ways.items():
    paths = [
        mb.fit(x, y, **how, shuffle=shuffle, record="path", seed=seed).history.path[:, 0]
        for seed in range(500)
    ]
    print(f"{label:15} after epochs 1 to 4: {paths[4][1:8:2].round(3)}")
    returns.plot(np.r_[0.0, paths[4][:24]], marker="o", ms=3, lw=2 if shuffle == "full" else 1, label=label)
    means.hist(np.array(paths)[:, 21::2].mean(axis=1), np.linspace(-0.1, 1.5, 81), alpha=0.6, label=label)
for axes, line in ((returns, returns.axhline), (means, means.axvline)):
    line(1.0, color="black", linestyle=":", label="the best")
    axes.legend(fontsize=8)
returns.set(xlabel="step, two of them an epoch", ylabel="coefficient", title="one run, step by step")
means.set(
    xlabel="mean of the coefficient after epochs 11 to 60", ylabel="runs of 500", title="where the runs end"
)

# %%
# With a new permutation every epoch the coefficient fluctuates around the best value, and the fluctuations
# average out. With one permutation for all epochs the run ends in a cycle whose place depends on the seed,
# and more epochs do not change it.
#
# Sorted classes
# --------------
#
# Real files are often sorted by class. Here are scikit-learn's handwritten digits in the order of their
# labels. Consecutive batches then contain only 3s, later only 4s, and the model predicts the class it saw
# last. The plot shows the share of all digits that are classified correctly, after every step.
X, digit = load_digits(return_X_y=True)
order = np.argsort(digit, kind="stable")
X, digit = np.c_[X[order] / 16, np.ones(len(X))], digit[order]
figure, axes = plt.subplots(figsize=(10, 4), layout="constrained")
for label, shuffle in ways.items():
    options = {"loss": "log_loss", "fit_intercept": False, "batch_size": 32, "drop_last": True}
    sgd = mb.optimizers.SGD(0.5)
    run = mb.fit(X, digit, **options, shuffle=shuffle, epochs=4, optimizer=sgd, record=("path", "step"))
    models = run.history.path[:, : run.coef.size].reshape(-1, *run.coef.shape)
    accuracy = [np.mean((X @ coef.T).argmax(axis=1) == digit) for coef in models]
    print(f"{label:15} classifies {accuracy[-1]:.1%} correctly after 4 epochs")
    epochs = run.history.batch_size.cumsum() / (len(X) // 32 * 32)
    axes.plot(epochs, accuracy, label=label, lw=2 if shuffle == "full" else 1)
axes.set(xlabel="epoch", ylabel="accuracy", title="digits sorted by class", ylim=(0, 1))
axes.legend()
plt.show()
