"""
S9: which batch size is best?
=============================

Total time is the number of steps times the time of a step. More rows a step make its gradient better, so
that fewer steps are needed, but only down to the number that the landscape demands of anyone; and they make
the step longer:

.. code-block:: text

   T(b) = (N_iter + C_var / b) (tau_f + b tau_d)

Too small a batch wastes the fixed cost of its steps, too large a one wastes rows. Between them is the
optimum, ``b_opt = sqrt(C_var tau_f / (N_iter tau_d))``. The ratio ``C_var / N_iter`` is known as the
gradient-noise scale (McCandlish et al. 2018).
"""

# %%
# None of the four can be looked up: two belong to the data and two to the machine. A pilot measures them.

import matplotlib.pyplot as plt
import mbgd_rs as mb
import numpy as np

rng = np.random.default_rng(0)
X = (rng.standard_normal((8000, 20)) * np.geomspace(1, 0.2, 20)).astype(np.float32)
y = X @ rng.standard_normal(20) + 2 * rng.standard_normal(8000)

advice = mb.diagnostics.recommend_batch_size(X, y, n_draws=5, n_threads=1)
print(
    f"C_var = {advice.c_var:.0f} rows, N_iter = {advice.n_iter:.1f} steps, "
    f"noise scale {advice.noise_scale:.0f} rows"
)
print(f"tau_f = {advice.tau_f * 1e9:.0f} ns, tau_d = {advice.tau_d * 1e9:.1f} ns")
print(
    f"recommended: b = {advice.batch_size}; within 10 % of its time "
    f"from {advice.interval[0]} to {advice.interval[1]}"
)
print(advice.regime)

# %%
# The formula on its own says what would be best on another machine: in a NumPy loop, say, whose steps have a
# fixed cost of 30 microseconds and whose rows cost 50 nanoseconds each.

here = mb.diagnostics.optimal_batch_size(advice.c_var, advice.tau_f, advice.n_iter, advice.tau_d)
numpy = mb.diagnostics.optimal_batch_size(advice.c_var, 30e-6, advice.n_iter, 50e-9)
print(f"b_opt = {here:.0f} here, {numpy:.0f} in a NumPy loop")

# %%
# Where the valley has a flat floor, any size in the shaded band will do, and the advice is where not to be.

fig, ax = plt.subplots(figsize=(7, 4.5), layout="constrained")
advice.plot(ax)
plt.show()
