"""
A factorization machine on ratings
==================================

Who likes what: rows are one-hot users and items, and most pairs of them have never been seen. A linear model
knows generous users and popular items, and nothing of taste. A factorization machine has a vector for each
user and each item besides, whose products are the taste.

Without a file the ratings are made of known factors, so that the best possible error is known, too. With
``MOVIELENS`` set to ``u.data`` of MovieLens 100k they are real ones.
"""

import os
from pathlib import Path

import matplotlib.pyplot as plt
import mbgd_rs as mb
import numpy as np
import scipy.sparse as sp

NOISE = 0.9


def made():
    """Users, items and ratings: effects of both, and the products of four factors."""
    rng = np.random.default_rng(0)
    n_users, n_items, n = 600, 900, 60_000
    users = rng.integers(n_users, size=n)
    items = (n_items * rng.random(n) ** 2).astype(int)  # few items are rated often
    of_users, of_items = (0.7 * rng.standard_normal((m, 4)) for m in (n_users, n_items))
    effects = 0.4 * rng.standard_normal(n_users)[users] + 0.5 * rng.standard_normal(n_items)[items]
    taste = (of_users[users] * of_items[items]).sum(axis=1)
    return users, items, 3.5 + effects + taste + NOISE * rng.standard_normal(n)


def read(path):
    """The same of a file with a user, an item and a rating in a line."""
    lines = Path(path).read_text().splitlines()
    columns = np.array([line.split("\t")[:3] for line in lines if line[0].isdigit()], float).T
    users, items = (np.unique(column, return_inverse=True)[1] for column in columns[:2])
    return users, items, columns[2]


path = os.environ.get("MOVIELENS")
users, items, y = read(path) if path else made()

# %%
# One-hot rows
# ------------
# A row has two entries, in the column of its user and in that of its item.

columns = np.column_stack([users, users.max() + 1 + items]).astype(np.int32)
ends = np.arange(0, columns.size + 1, 2, dtype=np.int32)
X = sp.csr_array((np.ones(columns.size, np.float32), columns.ravel(), ends))
test, train = np.split(np.random.default_rng(0).permutation(len(y)), [len(y) // 10])
print(f"{X.shape[0]:,} ratings, {X.shape[1]:,} columns, {len(test):,} held out")

# %%
# Training
# --------
# The penalty of the factors is what has to be chosen; :doc:`/model_scores` has a table of it on MovieLens.
# The number of epochs is chosen by a tenth of the training rows, and then all of them are learned.

how = {
    "model": mb.models.FactorizationMachine(rank=16),
    "optimizer": mb.optimizers.Adagrad(0.2),
    "penalty": mb.penalties.L2({"coef": 3e-5, "factors": 1.5e-4}),
    "batch_size": 1024,
    "loss": "squared_error",
}
waits = mb.stopping.NoImprovement(monitor="validation_loss", patience=3, restore_best=True)
tried = mb.fit(X[train], y[train], **how, epochs=100, validation=0.1, stop=waits)
machine = mb.fit(X[train], y[train], **how, epochs=tried.best_epoch)
linear = mb.fit(X[train], y[train], loss="squared_error", penalty=mb.penalties.L2(3e-5))


def rmse(prediction):
    return np.sqrt(np.mean((y[test] - prediction) ** 2))


errors = {
    "mean": rmse(y[train].mean()),
    "linear": rmse(linear.predict(X[test])),
    "machine": rmse(machine.predict(X[test])),
}
for name, error in errors.items():
    print(f"{name:8} RMSE {error:.4f} on held-out ratings")
if not path:
    print(f"{'noise':8} RMSE {NOISE:.4f}, that no model can beat")

# %%
# What has been learned
# ---------------------
# Left, losses by epoch: that of validation rows falls no further after the best one. Right, the singular
# values of the table of tastes, users by items: made ratings have four factors, and four of the sixteen
# values that there can be stand out.

taste = machine.params["factors"]
n_users = users.max() + 1
sizes = np.linalg.svd(taste[:n_users] @ taste[n_users:].T, compute_uv=False)[:16]
figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
epochs, history = np.arange(1, tried.n_epochs + 1), tried.history
left.plot(epochs, np.sqrt(2 * history.validation_loss), "o-", label="validation")
left.plot(epochs, np.sqrt(2 * history.epoch_loss), "o-", label="training, with penalty")
left.axvline(tried.best_epoch, color="black", linestyle=":", label="best epoch")
left.set(xlabel="epoch", ylabel="root of twice the loss")
left.legend()
right.bar(np.arange(1, 17), sizes)
right.set(xlabel="factor", ylabel="singular value of the tastes")
plt.show()
