"""
Penalties: which coefficients are left
======================================

The effect of penalties on coefficients, on scikit-learn's diabetes and digits data. First, the coefficients
of ten columns as the strength of the penalty grows. With l1 they become zero one after the other, with l2
none does; with a strength for each column, some columns can be left unpenalised.
"""

import matplotlib.pyplot as plt
import mbgd_rs as mb
import numpy as np
from mbgd_rs.optimizers import SGD
from mbgd_rs.penalties import L1, L2, ElasticNet, GroupL1
from sklearn.datasets import load_diabetes, load_digits
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

SGD_WITH_MOMENTUM = SGD(0.02, momentum=0.9, nesterov=True)

data = load_diabetes()
X = StandardScaler().fit_transform(data.data)
strengths = np.geomspace(0.1, 40, 25)
is_penalised = ~np.isin(data.feature_names, ["age", "sex"])
kinds = {
    "l1": L1,
    "l2": L2,
    "elastic net, half and half": lambda alpha: ElasticNet(alpha, 0.5),
    "l1 that leaves age and sex free": lambda alpha: L1(alpha * is_penalised),
}
figure, axes = plt.subplots(2, 2, figsize=(10, 7), layout="constrained", sharey=True)
print(f"{'coefficients at alpha = 20':36}" + "".join(f"{name:>7}" for name in data.feature_names))
for axis, (name, penalty) in zip(axes.ravel(), kinds.items(), strict=True):
    runs = [
        mb.fit(X, data.target, penalty=penalty(alpha), optimizer=SGD_WITH_MOMENTUM,
               batch_size="full", epochs=1500).coef
        for alpha in [*strengths, 20.0]
    ]  # fmt: skip
    print(f"{name:36}" + "".join(f"{w:7.1f}" for w in runs.pop()))
    axis.semilogx(strengths, runs)
    axis.axhline(0, color="gray", lw=0.5)
    axis.set(title=name, xlabel="alpha", ylabel="coefficients")

# %%
# Which of the 64 pixels of a handwritten digit do ten classes use? With l1 each class has its own selection;
# the group penalty keeps or drops a pixel for all classes at once.
X, y = load_digits(return_X_y=True)
X, X_test, y, y_test = train_test_split(X / 16, y, random_state=0)
figure, axes = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
print(f"{'softmax on digits':18}{'zeros':>8}{'pixels left out':>18}{'accuracy':>10}")
for axis, (name, penalty) in zip(axes, {"l1": L1(0.003), "group_l1": GroupL1(0.01)}.items(), strict=True):
    model = mb.fit(
        X, y, loss="log_loss", penalty=penalty, optimizer=SGD_WITH_MOMENTUM, batch_size=128, epochs=100
    )
    is_out = (model.coef == 0).all(axis=0)
    accuracy = (model.predict(X_test) == y_test).mean()
    print(f"{name:18}{(model.coef == 0).mean():8.1%}{is_out.sum():18}{accuracy:10.3f}")
    n_classes = (model.coef != 0).sum(axis=0).reshape(8, 8)
    image = axis.imshow(n_classes, vmin=0, vmax=10)
    axis.set(title=f"classes that use a pixel, {name}", xticks=[], yticks=[])
    figure.colorbar(image, ax=axis)
plt.show()
