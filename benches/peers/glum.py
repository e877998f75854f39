"""glum: IRLS and coordinate descent, which solves to a tolerance."""

from race.peer import Peer

PEERS = [Peer("glum", ("glum",), ("glum",), note="IRLS and coordinate descent")]
