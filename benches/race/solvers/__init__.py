"""The race in time to a loss: seconds of a whole call until the objective is near its optimum.

Every solver is called again and again with a growing number of iterations, or a falling tolerance, as its
user would. Each call gives a point: its seconds, and how far the objective at what it has returned is above
the optimum. `make bench-solvers` runs this race and writes `benches/TIME_TO_LOSS.md`.
"""
