"""
S7: what a step costs: a fixed part and a part for every row
============================================================

A step has a fixed cost, tau_f, that does not depend on the number of rows: the loop, the calls, the update of
the parameters. Every row then adds its own cost, tau_d:

.. code-block:: text

   t(b) = tau_f + b tau_d

A batch spreads the fixed cost over its rows. In a NumPy loop the fixed cost is that of some ten calls from
the interpreter, far more than one row costs; in a compiled loop it is much lower. Both are measured here, on
the machine that built this page.
"""

# %%
# :func:`mbgd_rs.diagnostics.step_cost` trains with several batch sizes, takes the median time of several
# runs, and fits the line by least absolute relative errors, which are robust to disturbed runs. The NumPy
# reference of this package makes the same steps.

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
# Up to about ``b = tau_f / tau_d`` rows, a larger batch costs little more than a smaller one. With batches of
# a single row, a row costs ``1 + tau_f / tau_d`` times what it costs in a large batch:

for name, tau_f, tau_d in (
    ("mbgd_rs", cost.tau_f, cost.tau_d),
    ("NumPy", cost.reference_tau_f, cost.reference_tau_d),
):
    ratio = tau_f / tau_d
    print(
        f"{name:>7}: tau_f / tau_d = {ratio:4.0f} rows; at b = 1 a row costs {1 + ratio:4.0f} times as much"
    )

# %%
# The dots are measured, the lines fitted, and the dotted lines are the fixed costs. On the left the fixed
# cost dominates, on the right the cost of the rows.

fig, ax = plt.subplots(figsize=(7, 4.5), layout="constrained")
cost.plot(ax)
plt.show()
