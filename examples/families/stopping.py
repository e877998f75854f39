"""
Early stopping and resuming
===========================

A model with too many columns overfits, and a validation set shows it: breast cancer (569 tumours, 30
measurements) with all products of two measurements as further columns, 495 in all, more than there are
training rows. Training in pieces of 37 steps, which end in the middle of an epoch, gives the same model to
the bit.
"""

import matplotlib.pyplot as plt
import mbgd_rs as mb
import numpy as np
from mbgd_rs.stopping import MaxSteps, NoImprovement
from sklearn.datasets import load_breast_cancer
from sklearn.metrics import accuracy_score, log_loss
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import PolynomialFeatures, StandardScaler

X, y = load_breast_cancer(return_X_y=True)
X = PolynomialFeatures(2, include_bias=False).fit_transform(StandardScaler().fit_transform(X))
X = StandardScaler().fit_transform(X)
X, X_test, y, y_test = train_test_split(X, y, test_size=0.3, stratify=y, random_state=0)

options = {
    "loss": "log_loss",
    "optimizer": mb.optimizers.SGD(learning_rate=0.01, momentum=0.9),
    "batch_size": 16,
    "validation": 0.25,  # a quarter of each class is held out; X is not copied
    "metrics": {"accuracy": accuracy_score},
    "seed": 1,
}
patient = NoImprovement("validation_loss", tol=0, patience=60, restore_best=True)

result = mb.fit(X, y, **options, epochs=300, stop=patient)
print(f"in one piece: {result.n_epochs} epochs, then {result.stop_reason.prose}")

piece = mb.fit(X, y, **options, epochs=300, stop=[patient, MaxSteps(37)])
n_pieces = 1
while piece.stop_reason == mb.StopReason.MAX_STEPS:
    left = 300 - piece.n_epochs
    piece = mb.fit(X, y, **options, epochs=left, stop=[patient, MaxSteps(37)], resume=piece)
    n_pieces += 1
print(f"in {n_pieces} pieces: the same bits? {np.array_equal(piece.coef, result.coef)}")

too_long = mb.fit(X, y, **options, epochs=result.n_epochs)
for name, model in (("best", result), ("last", too_long)):
    p = model.predict_proba(X_test)
    accuracy = accuracy_score(y_test, p.argmax(axis=1))
    print(f"{name} model: test loss {log_loss(y_test, p):.4f}, accuracy {accuracy:.4f}")

history = result.history
epochs = np.arange(1, result.n_epochs + 1)
fig, ax = plt.subplots(figsize=(7, 4), layout="constrained")
ax.plot(epochs, history.epoch_loss, label="training loss")
(line,) = ax.plot(epochs, history.validation_loss, label="validation loss")
best = result.best_epoch
ax.axvline(best, color=line.get_color(), linestyle=":", label=f"best epoch: {best}")
ax.plot(best, history.validation_loss[best - 1], "o", color=line.get_color())
ax.set(xlabel="epoch", ylabel="log loss", yscale="log", title="the validation loss shows when to stop")
ax.legend()
plt.show()
