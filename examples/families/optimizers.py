"""
Optimizers on one classification
================================

Every optimizer on scikit-learn's breast-cancer data, with log loss and an l1 penalty: how fast the objective
falls, the accuracy on held-out rows, and how many of the 30 coefficients are zero.
"""

import matplotlib.pyplot as plt
import mbgd_rs as mb
import numpy as np
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

EPOCHS = 30
BATCH = 32

X, y = load_breast_cancer(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.3, random_state=0, stratify=y)
scaler = StandardScaler().fit(X_train)
X_train, X_test = scaler.transform(X_train), scaler.transform(X_test)

falling = mb.schedules.Cosine(0.05, n_steps=EPOCHS * -(-len(X_train) // BATCH))
o = mb.optimizers
RULES = [
    o.SGD(0.1),
    o.SGD(0.02, momentum=0.9, nesterov=True),
    o.Adagrad(0.3),
    o.RMSprop(falling),
    o.Adadelta(),
    o.Adam(falling),
    o.AdamW(falling),
    o.NAdam(falling),
    o.RAdam(falling),
    o.Adamax(falling),
    o.Lion(falling, weight_decay=0.0),
    o.FTRL(0.3),
    o.SGLD(0.05, temperature=1 / len(X_train)),
    o.ScheduleFreeSGD(0.5),
    o.ScheduleFreeAdamW(0.05),
    o.DoG(),
    o.SAGA(),
    o.SVRG(),
]


def train(rule, **options):
    arguments = {"loss": "log_loss", "optimizer": rule, "batch_size": BATCH, "epochs": EPOCHS, **options}
    return mb.fit(X_train, y_train, record=("epoch", "full_loss"), **arguments)


figure, axes = plt.subplots(figsize=(9, 5.5), layout="constrained")
print(f"{'optimizer':20} {'objective':>9} {'test accuracy':>13} {'zeros of 30':>11}")
for i, rule in enumerate(RULES):
    model = train(rule, penalty=mb.penalties.L1(0.01))
    name = type(rule).__name__ + (" (Nesterov)" if getattr(rule, "nesterov", False) else "")
    accuracy = np.mean(model.predict(X_test) == y_test)
    n_zeros = np.sum(model.coef == 0)
    print(f"{name:20} {model.history.full_loss[-1]:9.4f} {accuracy:13.3f} {n_zeros:11}")
    axes.plot(1 + np.arange(EPOCHS), model.history.full_loss, "-" if i < 10 else "--", label=name)

axes.set(xlabel="epoch", ylabel="objective on the training rows", yscale="log", title="log loss with l1")
axes.legend(ncols=2, fontsize="small")

# %%
# With a constant rate and small batches the parameters fluctuate around the optimum. An average of the recent
# parameters is closer to it. An average of nearly all steps includes the beginning, which still matters after
# thirty epochs.
for average in (None, mb.averages.Polyak(start=100), mb.averages.EMA(0.99)):
    model = train(o.SGD(1.0), batch_size=4, average=average)
    print(f"SGD(1.0), b=4, {average!s:40} {model.history.full_loss[-1]:.4f}")

plt.show()
