"""
S7: what a step costs: a fixed part and a part for every row
============================================================

Before a step has looked at a single row it has cost something: the loop, the calls, the update of the
parameters. That part, tau_f, is the same for one row and for a thousand. Every row then adds its own tau_d:

.. code-block:: text

   t(b) = tau_f + b tau_d

A batch spreads the fixed part over its rows. In a loop written in NumPy the fixed part is that of some ten
calls from the interpreter, tens of microseconds, and a step on one row costs hundreds of times what the row
itself does. In a compiled loop it is a fraction of a microsecond. Both lines can be measured, on the
machine at hand.
"""

# %%
# :func:`mbgd_rs.diagnostics.step_cost` trains with every batch size in turn, takes the median over the
# runs, and fits the line by least absolute relative errors, which disturbed runs cannot bend. Beside it the
# NumPy reference of this package makes the same steps.

import matplotlib.pyplot as plt
import mbgd_rs as mb
import numpy as np

rng = np.random.default_rng(0)
X = rng.standard_normal((20_000, 30)).astype(np.float32)
y = X @ rng.standard_normal(30) + rng.standard_normal(20_000) > 0

cost = mb.diagnostics.step_cost(X, y, loss="log_loss", n_draws=7)
print(f"mbgd_rs: tau_f = {cost.tau_f * 1e9:7.0f} ns, tau_d = {cost.tau_d * 1e9:5.1f} ns")
print(f"NumPy:   tau_f = {cost.reference_tau_f * 1e9:7.0f} ns, tau_d = {cost.reference_tau_d * 1e9:5.1f} ns")

# %%
# Two numbers say what batches are worth. Up to ``b = tau_f / tau_d`` rows a larger batch is nearly free;
# and one row at a time costs so many times what a row costs in a large batch:

for name, tau_f, tau_d in (
    ("mbgd_rs", cost.tau_f, cost.tau_d),
    ("NumPy", cost.reference_tau_f, cost.reference_tau_d),
):
    print(
        f"{name:>7}: tau_f / tau_d = {tau_f / tau_d:4.0f} rows, singly {1 + tau_f / tau_d:4.0f} times dearer"
    )

# %%
# The dots are measured, the lines fitted, and the dotted lines are the fixed parts. To the left a step
# costs the same whatever its batch is; to the right it costs its rows.

fig, ax = plt.subplots(figsize=(7, 4.5), layout="constrained")
cost.plot(ax)
plt.show()
