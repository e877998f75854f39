"""
Sampling: which rows a step sees
================================

Two classes, of which one has 2% of the rows. Uniformly shuffled batches of 64 have about one positive row on
average, and often none. Stratified batches always have their share. Weighted sampling can balance the
classes, which finds more of the rare class and raises more false alarms; with ``correct_bias`` the objective
is unchanged, and only the gradient noise differs. Finally, the same batches in a hand-written loop give the
same result as ``fit``.
"""

import matplotlib.pyplot as plt
import mbgd_rs as mb
import numpy as np
from mbgd_rs.sampling import Weighted

N, BATCH_SIZE, EPOCHS = 20_000, 64, 5

rng = np.random.default_rng(0)
y = (rng.random(N) < 0.02).astype(np.float64)
X = rng.normal(size=(N, 5)) + y[:, None] * [1.5, 1.0, 0.0, 0.0, -0.5]
X_test = rng.normal(size=(N, 5))
y_test = (np.arange(N) < N // 50).astype(np.float64)
X_test += y_test[:, None] * [1.5, 1.0, 0.0, 0.0, -0.5]

balanced = Weighted(np.where(y == 1, 0.5 / y.sum(), 0.5 / (N - y.sum())))
important = Weighted(np.where(y == 1, 5.0, 1.0), correct_bias=True)
WAYS = {
    "full": "full",
    "stratified": "stratified",
    "weighted to balance": balanced,
    "weighted, bias corrected": important,
}


def by_hand(shuffle):
    """Logistic regression in plain NumPy, on batches gathered in Rust."""
    w, b = np.zeros(X.shape[1]), 0.0
    for X_b, y_b in mb.minibatches(X, y, batch_size=BATCH_SIZE, shuffle=shuffle, epochs=EPOCHS):
        error = 1 / (1 + np.exp(-(X_b @ w + b))) - y_b
        w, b = w - 0.5 * X_b.T @ error / len(y_b), b - 0.5 * error.mean()
    return w, b


figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4), layout="constrained")
print(f"{'batches':<26}{'positives in a batch':>22}{'log loss':>10}{'recall':>8}{'false alarms':>14}")
for name, shuffle in WAYS.items():
    options = {"batch_size": BATCH_SIZE, "shuffle": shuffle, "epochs": EPOCHS}
    sgd = mb.optimizers.SGD(learning_rate=0.5)
    model = mb.fit(X, y, loss="log_loss", optimizer=sgd, record=("step", "full_loss"), **options)
    batches = mb.minibatches(X, y, **options, return_rows=True)
    positives = np.array([y_b.sum() for _, y_b, _ in batches])
    is_found = model.predict(X_test) == 1
    recall, alarms = is_found[y_test == 1].mean(), is_found[y_test == 0].mean()
    spread = f"{positives.mean():.2f} +- {positives.std():.2f}"
    print(f"{name:<26}{spread:>22}{model.history.full_loss[-1]:>10.4f}{recall:>8.2f}{alarms:>14.4f}")
    edges = np.arange(positives.max() + 2) - 0.5
    left.hist(positives, edges, density=True, histtype="step", label=name)
    right.plot(model.history.full_loss[::10], lw=0.8, label=name)

w, b = by_hand("stratified")
same = mb.fit(X, y, loss="log_loss", optimizer=mb.optimizers.SGD(0.5), batch_size=BATCH_SIZE,
              shuffle="stratified", epochs=EPOCHS)  # fmt: skip
print(f"the loop by hand differs from fit by {np.abs(w - same.coef).max():.1e}")

left.set(xlabel=f"positives in a batch of {BATCH_SIZE}", ylabel="share of the batches", xlim=(-1, 45))
right.set(xlabel="step / 10", ylabel="log loss over all rows", yscale="log")
right.legend()
plt.show()
