"""scikit-learn: SGDClassifier and LogisticRegression by saga, both one row at a time.

Seconds of an epoch are a difference of two numbers of epochs: what a call does once cancels.
"""

from collections.abc import Iterator

from race.case import Case
from race.dataset import Dataset
from race.peer import Peer, difference, timed


def fit_sgd(data: Dataset, n_epochs: int) -> None:
    from sklearn.linear_model import SGDClassifier

    SGDClassifier(
        loss="log_loss", penalty=None, learning_rate="constant", eta0=0.01, max_iter=n_epochs, tol=None,
        random_state=0,
    ).fit(data.X, data.y)  # fmt: skip


def sgd(data: Dataset, case: Case) -> Iterator[float]:
    return difference(lambda n_epochs: fit_sgd(data, n_epochs))


def sgd_calls(data: Dataset, case: Case) -> Iterator[float]:
    return timed(lambda: fit_sgd(data, 1))


def saga(data: Dataset, case: Case) -> Iterator[float]:
    import warnings

    from sklearn.linear_model import LogisticRegression

    warnings.simplefilter("ignore")  # it is not meant to converge in so few epochs

    def epochs(n_epochs: int) -> None:
        LogisticRegression(solver="saga", C=1.0, tol=0.0, max_iter=n_epochs, random_state=0).fit(
            data.X, data.y
        )

    return difference(epochs, few=1, more=3)


def takes(case: Case) -> bool:
    return case.shuffle and (case.b == 1 or case.race in ("sparse", "softmax", "memory", "call"))


PEERS = [
    Peer(
        "SGDClassifier",
        ("scikit-learn",),
        ("sklearn",),
        {"dense": sgd, "sparse": sgd, "softmax": sgd, "memory": sgd_calls, "call": sgd_calls},
        takes,
        note="b = 1; on ten classes it trains ten models, one against the rest",
    ),
    Peer(
        "LogisticRegression (saga)",
        ("scikit-learn",),
        ("sklearn",),
        {"softmax": saga},
        takes,
        note="b = 1, with a table of gradients",
    ),
]
