"""The race of models beyond linear: epochs of the same network, and of the same factorization machine.

`python -m race.models` runs it; `make bench-models` does all. A peer is in it that has a `trainer`. All begin
with the same parameters where a library lets them, and the loss they come to is measured by one function.
"""
