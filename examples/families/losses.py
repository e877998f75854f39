"""
Losses: the mean, the median, a quantile
========================================

A loss decides which number is the best prediction. On scikit-learn's diabetes data the progression of the
disease after a year is predicted from the body mass index: squared error gives the mean, absolute error the
median, and quantile loss any quantile.
"""

import matplotlib.pyplot as plt
import mbgd_rs as mb
import numpy as np
from mbgd_rs import losses
from sklearn.datasets import load_diabetes

data = load_diabetes()
x = data.data[:, [2]] / data.data[:, 2].std()
y = data.target
unit = y.std()
falling = mb.optimizers.SGD(mb.schedules.InverseScaling(0.5, 0.6))


def line(loss, targets):
    """The model of one loss; targets in units of their spread, so that one learning rate fits all."""
    return mb.fit(x, targets / unit, loss=loss, batch_size=32, epochs=200, optimizer=falling)


ends = np.array([[x.min()], [x.max()]])

figure, fan = plt.subplots(figsize=(7, 4.2), layout="constrained")
fan.scatter(x, y, s=8, color="0.7")
for quantile in (0.1, 0.5, 0.9):
    model = line(losses.Quantile(quantile), y)
    below = np.mean(y < model.predict(x) * unit)
    print(f"quantile {quantile}: {below:.1%} of the targets are below the line")
    fan.plot(ends, model.predict(ends) * unit, label=f"quantile {quantile}: {below:.0%} below")
fan.plot(ends, line("squared_error", y).predict(ends) * unit, "k--", label="squared error: the mean")
fan.set(title="Quantiles", xlabel="body mass index", ylabel="progression after a year")
fan.legend(fontsize=8)

# %%
# A tenth of the targets is replaced by outliers. Losses that grow linearly are hardly affected.
figure, spoilt = plt.subplots(figsize=(7, 4.2), layout="constrained")
outliers = np.random.default_rng(0).choice(len(y), len(y) // 10, replace=False)
wrong = y.copy()
wrong[outliers] = 1500 - 300 * x[outliers, 0]
spoilt.scatter(x, wrong, s=8, color="0.7")
for loss in (losses.SquaredError(), losses.Huber(0.5), losses.LogCosh(), losses.AbsoluteError()):
    clean, model = line(loss, y), line(loss, wrong)
    moved = np.abs(model.predict(x) - clean.predict(x)).mean() * unit
    print(f"{loss.name}: predictions move by {moved:.0f} with a tenth of the targets replaced")
    spoilt.plot(ends, model.predict(ends) * unit, label=f"{loss.name}: moved by {moved:.0f}")
spoilt.set(title="A tenth of the targets replaced by outliers", xlabel="body mass index")
spoilt.legend(fontsize=8)

# %%
# Each loss as a function of the residual or the margin, by :func:`mbgd_rs.gradient` on a single row.
figure, (shapes, margins) = plt.subplots(1, 2, figsize=(10, 4.2), layout="constrained")
score = np.linspace(-3, 3, 301)
for loss in (losses.SquaredError(), losses.AbsoluteError(), losses.Huber(1.0), losses.LogCosh(),
             losses.EpsilonInsensitive(0.5), losses.Quantile(0.8)):  # fmt: skip
    value = [mb.gradient([[1.0]], [0.0], ([z], 0.0), loss=loss)[0] for z in score]
    shapes.plot(score, value, label=loss.name)
shapes.set(title="Regression losses", xlabel="residual z - y", ylim=(0, 3))
shapes.legend(fontsize=8)

for loss in (losses.LogLoss(), losses.Hinge(), losses.SquaredHinge(), losses.ModifiedHuber(),
             losses.SmoothHinge(), losses.Perceptron(), losses.Focal()):  # fmt: skip
    value = [mb.gradient([[1.0], [0.0]], [1, 0], ([z], 0.0), rows=[0], loss=loss)[0] for z in score]
    margins.plot(score, value, label=loss.name)
margins.set(title="Classification losses", xlabel="margin y z", ylim=(0, 5))
margins.legend(fontsize=8)

plt.show()
