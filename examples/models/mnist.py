"""
MNIST with a network
====================

A network with one hidden layer of 128 units learns handwritten digits: by :func:`mbgd_rs.fit`, by
scikit-learn's ``MLPClassifier`` and by a loop in NumPy, with the same batches of 128 rows, the same number
of epochs, Adam at 1e-3 and one thread each. The figure shows the loss on rows that were held out, by epoch
and by seconds.

With ``DATA`` set to a folder that has ``mnist10k-images.idx3.gz`` and ``mnist10k-labels.idx1.gz``, the
10,000 test images of MNIST, these are learned; otherwise the 1,797 digits of scikit-learn.
"""

import gzip
import os
import time
import warnings
from pathlib import Path

import matplotlib.pyplot as plt
import mbgd_rs as mb
import numpy as np
from sklearn.datasets import load_digits
from sklearn.neural_network import MLPClassifier
from threadpoolctl import threadpool_limits

UNITS, BATCH, EPOCHS = 128, 128, 20


def images():
    """Pixels from 0 to 1, and digits."""
    folder = os.environ.get("DATA")
    if not folder:
        X, y = load_digits(return_X_y=True)
        return (X / 16).astype(np.float32), y
    names = ("mnist10k-images.idx3.gz", 16), ("mnist10k-labels.idx1.gz", 8)
    raw = (gzip.decompress((Path(folder) / name).read_bytes())[head:] for name, head in names)
    pixels, y = (np.frombuffer(values, np.uint8) for values in raw)
    return (pixels.reshape(-1, 784) / 255).astype(np.float32), y.astype(int)


X, y = images()
order = np.random.default_rng(0).permutation(len(y))
train, test = np.split(order, [len(y) * 4 // 5])
X, y, X_test, y_test = X[train], y[train], X[test], y[test]
mb.set_num_threads(1)
seconds, losses, accuracy = {}, {}, {}

# %%
# mbgd_rs
# -------
# One call; the held-out rows are looked at after every epoch. Before, a call without epochs says where it
# begins.

network = mb.models.MLP((UNITS,))
how = {"model": network, "loss": "log_loss", "optimizer": "adam", "batch_size": BATCH}
begin = mb.fit(X, y, **how, epochs=0).params

start = time.perf_counter()
run = mb.fit(X, y, **how, epochs=EPOCHS, validation=(X_test, y_test))
seconds["mbgd_rs"] = time.perf_counter() - start
losses["mbgd_rs"] = run.history.validation_loss
accuracy["mbgd_rs"] = (run.predict(X_test) == y_test).mean()

# %%
# scikit-learn
# ------------
# One epoch a call, so that the loss can be looked at in between; only the calls are timed.


def held_out_loss(probabilities):
    return -np.log(np.maximum(probabilities[np.arange(len(y_test)), y_test], 1e-30)).mean()


theirs = MLPClassifier((UNITS,), batch_size=BATCH, random_state=0)
losses["scikit-learn"], seconds["scikit-learn"] = [], 0.0
with threadpool_limits(1), warnings.catch_warnings():
    for _ in range(EPOCHS):
        start = time.perf_counter()
        theirs.partial_fit(X, y, classes=np.arange(10))
        seconds["scikit-learn"] += time.perf_counter() - start
        losses["scikit-learn"].append(held_out_loss(theirs.predict_proba(X_test)))
accuracy["scikit-learn"] = theirs.score(X_test, y_test)

# %%
# A loop in NumPy
# ---------------
# Forward, backward, Adam. It begins where the run of mbgd_rs began and has its batches, which
# :class:`mbgd_rs.Batches` gives: the losses of the two are the same, but for what rounding grows to in
# float32.

W, b = ([array.copy() for array in begin[name]] for name in ("coefs", "intercepts"))


def forward(X):
    hidden = np.maximum(X @ W[0] + b[0], 0)
    scores = hidden @ W[1] + b[1]
    p = np.exp(scores - scores.max(axis=1, keepdims=True))
    return hidden, p / p.sum(axis=1, keepdims=True)


batches = mb.Batches(len(y), batch_size=BATCH, seed=0)
params, t = [*W, *b], 0
first, second = ([np.zeros_like(array) for array in params] for _ in range(2))
losses["NumPy loop"], seconds["NumPy loop"] = [], 0.0
with threadpool_limits(1):
    for epoch in range(EPOCHS):
        start = time.perf_counter()
        for rows in batches.epoch(epoch):
            hidden, slope = forward(X[rows])
            slope[np.arange(len(rows)), y[rows]] -= 1
            slope /= len(rows)
            back = (slope @ W[1].T) * (hidden > 0)
            gradients = [X[rows].T @ back, hidden.T @ slope, back.sum(axis=0), slope.sum(axis=0)]
            t += 1
            for w, g, m, v in zip(params, gradients, first, second, strict=True):
                m += 0.1 * (g - m)
                v += 0.001 * (g * g - v)
                w -= 1e-3 * (m / (1 - 0.9**t)) / (np.sqrt(v / (1 - 0.999**t)) + 1e-8)
        seconds["NumPy loop"] += time.perf_counter() - start
        losses["NumPy loop"].append(held_out_loss(forward(X_test)[1]))
accuracy["NumPy loop"] = (forward(X_test)[1].argmax(axis=1) == y_test).mean()

# %%
# Accuracy and seconds
# --------------------

print(
    f"{len(y):,} images learned, {len(y_test):,} held out, {X.shape[1]} pixels, {run.n_params:,} parameters"
)
figure, (by_epoch, by_second) = plt.subplots(1, 2, figsize=(10, 4), sharey=True, layout="constrained")
styles = {"mbgd_rs": "-", "scikit-learn": "-", "NumPy loop": ":"}
for name, loss in losses.items():
    print(f"{name:12} accuracy {accuracy[name]:.4f}, loss {loss[-1]:.4f}, {seconds[name]:.3f} s")
    epochs = np.arange(1, EPOCHS + 1)
    by_epoch.plot(epochs, loss, styles[name], linewidth=2, label=name)
    by_second.plot(epochs / EPOCHS * seconds[name], loss, styles[name], linewidth=2, label=name)
by_epoch.set(xlabel="epoch", ylabel="loss on held-out rows", xticks=range(0, EPOCHS + 1, 5))
by_epoch.set_title("by epoch: the same network")
by_second.set(xlabel="seconds of training", title="by seconds", xlim=0)
by_epoch.legend()
plt.show()
