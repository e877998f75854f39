"""
A factorization machine on clicks with hashed fields
====================================================

A click log has a few dozen fields, each with a category of very many: advertiser, page, device, city. Every
pair of a field and a category is hashed into one of 2^18 columns, so that a row has 39 entries and no table
of categories is kept. A linear model adds up the entries; a factorization machine also learns which
categories go together. Both are trained by Adagrad on compressed sparse rows, and judged by their log loss
on held-out rows.
"""

import matplotlib.pyplot as plt
import mbgd_rs as mb
import numpy as np
import scipy.sparse as sp

N_ROWS, N_FIELDS, N_COLUMNS = 120_000, 39, 2**18

# %%
# Rows
# ----
# Fields have from 10 to 100,000 categories, a few of them frequent. A click depends on each category a
# little, and on how those of eight fields go together, by two numbers that every category has.

rng = np.random.default_rng(0)
n_categories = np.geomspace(10, 100_000, N_FIELDS).astype(int)
categories = (n_categories * rng.random((N_ROWS, N_FIELDS)) ** 8).astype(int)
score = np.full(N_ROWS, -1.5)
together = np.zeros((N_ROWS, 2))
for field in range(N_FIELDS):
    score += 0.15 * rng.standard_normal(n_categories[field])[categories[:, field]]
    if field % 5 == 0:
        together += rng.standard_normal((n_categories[field], 2))[categories[:, field]]
score += 0.15 * ((together**2).sum(axis=1) - 16)
y = rng.random(N_ROWS) < 1 / (1 + np.exp(-score))

# %%
# Categories that hashing puts into the same column share what is learned of it. Entries are 1 / sqrt(39), so
# that rows have length 1: the many products of factors that begin at random then add up to little.

with np.errstate(over="ignore"):
    mixed = (categories + 1).astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    mixed ^= (np.arange(N_FIELDS, dtype=np.uint64) + np.uint64(1)) * np.uint64(0xC2B2AE3D27D4EB4F)
    mixed = (mixed ^ (mixed >> np.uint64(29))) * np.uint64(0xBF58476D1CE4E5B9)
columns = np.sort((mixed >> np.uint64(46)).astype(np.int32), axis=1)
ends = np.arange(0, columns.size + 1, N_FIELDS, dtype=np.int32)
X = sp.csr_array(
    (np.full(columns.size, N_FIELDS**-0.5, np.float32), columns.ravel(), ends), (N_ROWS, N_COLUMNS)
)
train, test = slice(0, N_ROWS * 5 // 6), slice(N_ROWS * 5 // 6, None)
print(f"{N_ROWS:,} rows of {N_FIELDS} entries, {np.unique(columns).size:,} of {N_COLUMNS:,} columns in use")

# %%
# Training
# --------
# Both models have the best of four rates, and the best epoch, by a tenth of the training rows. Without a
# penalty Adagrad moves only the columns of a batch, so that a step does not depend on the number of columns.

models = {"linear": mb.models.Linear(), "rank 8": mb.models.FactorizationMachine(rank=8)}
rates = [0.05, 0.1, 0.2, 0.4]
waits = mb.stopping.NoImprovement(monitor="validation_loss", patience=2, restore_best=True)
how = {"loss": "log_loss", "batch_size": 256, "epochs": 20, "validation": 0.1, "stop": waits}
figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4), sharey=True, layout="constrained")


def held_out_loss(run):
    return mb.gradient(X[test], y[test], run, loss="log_loss")[0]


for name, model in models.items():
    runs = []
    for rate in rates:
        adagrad = mb.optimizers.Adagrad(rate)
        runs.append(mb.fit(X[train], y[train], model=model, optimizer=adagrad, **how))
    best = min(range(len(rates)), key=lambda i: runs[i].history.validation_loss.min())
    losses = [held_out_loss(run) for run in runs]
    print(
        f"{name}: log loss {losses[best]:.4f} on held-out rows, at rate {rates[best]:g}, best "
        f"after epoch {runs[best].best_epoch} of {runs[best].n_epochs}"
    )
    validation = runs[best].history.validation_loss
    left.plot(np.arange(1, len(validation) + 1), validation, "o-", label=f"{name}, rate {rates[best]:g}")
    right.plot([f"{rate:g}" for rate in rates], losses, "o-", label=name)

known = np.log1p(np.exp(np.where(y, -score, score)))[test].mean()
share = np.where(y[test], y[train].mean(), 1 - y[train].mean())
print(f"the share of clicks alone has {-np.log(share).mean():.4f}, the probabilities themselves {known:.4f}")

# %%
# Left, the loss of validation rows: with so many columns that few rows have, the factorization machine is
# best after its first epoch, and then learns its rows by heart. Right, held-out rows by rate.

left.set(xlabel="epoch", ylabel="log loss", title="validation rows")
right.set(xlabel="learning rate of Adagrad", title="held-out rows, at the best epoch")
left.legend()
right.legend()
plt.show()
