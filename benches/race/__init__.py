"""The race: the same work by mbgd_rs and by its peers, each in processes of its own, in turns.

`python -m race`, with `benches` on the path, runs it; `make bench-peers` does all. A peer is a file of
`benches/peers`, which says what it is called, what it needs from PyPI and which races it runs in.
"""
