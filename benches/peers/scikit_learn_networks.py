"""scikit-learn: MLPClassifier by Adam.

Seconds of an epoch are a difference of two numbers of epochs: what a call does once cancels.
"""

import time
import warnings

from race.dataset import Dataset
from race.models.task import Task
from race.peer import Peer, Trained, Trainer


def train(data: Dataset, task: Task) -> Trained:
    import numpy as np
    from sklearn.neural_network import MLPClassifier

    warnings.simplefilter("ignore")  # it is not meant to converge in so few epochs

    def fit(n_epochs: int) -> tuple[float, MLPClassifier]:
        start = time.perf_counter()
        model = MLPClassifier(
            (task.width,), alpha=0.0, batch_size=task.b, learning_rate_init=task.rate, max_iter=n_epochs,
            tol=0.0, random_state=0,
        ).fit(data.X, data.y)  # fmt: skip
        return time.perf_counter() - start, model

    fit(1)  # threads start, X comes into cache
    once, _ = fit(1)
    whole, model = fit(1 + task.n_epochs)

    def scores(X: object) -> object:
        p = np.maximum(model.predict_proba(X), np.finfo(np.float32).tiny)
        return np.log(p[:, 1]) - np.log(p[:, 0]) if task.k == 1 else np.log(p)

    return Trained([(whole - once) / task.n_epochs], scores)


PEERS = [
    Peer(
        "MLPClassifier",
        ("scikit-learn",),
        ("sklearn.neural_network",),
        trainer=Trainer({"mlp": train}),
        note="scikit-learn's, on float32, with a start of its own",
    )
]
