"""
Schedules: decaying rates, growing batches
==========================================

Learning rates and batch sizes that change during a run, on scikit-learn's breast-cancer data. With a constant
rate the objective soon stops falling, some distance above the minimum; with a decaying rate it gets closer,
and so it does with growing batches.
"""

import matplotlib.pyplot as plt
import mbgd_rs as mb
from mbgd_rs.batch_sizes import Growing
from mbgd_rs.optimizers import SGD
from mbgd_rs.penalties import L2
from mbgd_rs.schedules import Cosine, CosineRestarts, InverseScaling, OneCycle, Plateau, Step, Warmup
from sklearn.datasets import load_breast_cancer
from sklearn.preprocessing import StandardScaler

EPOCHS, BATCH = 40, 16
X, y = load_breast_cancer(return_X_y=True)
X = StandardScaler().fit_transform(X)
STEPS = len(mb.Batches(len(X), BATCH, drop_last=True))  # steps of an epoch: schedules count steps
ALL = EPOCHS * STEPS

RUNS = {
    "constant": (0.5, BATCH),
    "halved every 8 epochs": (Step(0.5, step_size=8 * STEPS, gamma=0.5), BATCH),
    "inverse scaling": (InverseScaling(2.0, power_t=0.5), BATCH),
    "warm-up of 2 epochs, cosine": (Warmup(Cosine(0.5, n_steps=ALL - 2 * STEPS), n_steps=2 * STEPS), BATCH),
    "cosine with restarts": (CosineRestarts(0.5, n_steps=ALL // 7 + 1, multiplier=2), BATCH),
    "one cycle": (OneCycle(0.8, n_steps=ALL), BATCH),
    "plateau": (Plateau(0.5, factor=0.3, n_iter_no_change=3), BATCH),
    "a function of the step": (lambda t: 0.5 / (1 + t / (4 * STEPS)), BATCH),
    "constant, growing batch": (0.5, Growing(BATCH, factor=2, every=8)),
}

objective = {"loss": "log_loss", "penalty": L2(1e-2)}
best = mb.fit(X, y, **objective, optimizer=SGD(1.0, 0.9), batch_size="full", epochs=3000)
optimum, _ = mb.gradient(X, y, best, **objective)
figure, (rates, sizes, losses) = plt.subplots(3, 1, figsize=(8, 10), sharex=True, layout="constrained")
print(f"{'schedule':30}{'steps':>8}{'above the optimum':>20}")
for name, (learning_rate, batch_size) in RUNS.items():
    run = mb.fit(
        X, y, **objective, optimizer=SGD(learning_rate), batch_size=batch_size, epochs=EPOCHS,
        drop_last=True, record=("step", "full_loss"),
    )  # fmt: skip
    excess = run.history.full_loss - optimum
    print(f"{name:30}{run.n_steps:8}{excess[-1]:20.2e}")
    epochs = run.history.batch_size.cumsum() / len(X)
    rates.plot(epochs, run.history.learning_rate, label=name)
    sizes.plot(epochs, run.history.batch_size)
    losses.plot(epochs, excess, alpha=0.7)
rates.set_ylabel("learning rate")
rates.legend(fontsize="x-small", ncols=3)
sizes.set(ylabel="batch size", yscale="log")
losses.set(ylabel="objective above its minimum", yscale="log", xlabel="epoch", ylim=(1e-6, 1))
plt.show()
