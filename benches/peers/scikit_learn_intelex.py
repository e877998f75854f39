"""scikit-learn-intelex: oneDAL's LogisticRegression (lbfgs), which solves to a tolerance."""

from race.peer import Peer

PEERS = [
    Peer(
        "scikit-learn-intelex",
        ("scikit-learn-intelex",),
        ("sklearnex",),
        note="oneDAL's LogisticRegression (lbfgs)",
    )
]
