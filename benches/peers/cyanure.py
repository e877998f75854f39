"""cyanure: Catalyst, QNing and MISO, which solves to a tolerance."""

from race.peer import Peer

PEERS = [Peer("cyanure", ("cyanure",), ("cyanure.estimators",), note="Catalyst, QNing and MISO")]
