"""snapml: IBM's LogisticRegression (coordinate descent), which solves to a tolerance."""

from race.peer import Peer

PEERS = [Peer("snapml", ("snapml",), ("snapml",), note="IBM's LogisticRegression (coordinate descent)")]
