"""
S9: which batch size is best?
=============================

The total time is the number of steps times the time of a step. More rows per step give a better gradient, so
that fewer steps are needed, but never fewer than without noise; and they make each step longer:

.. code-block:: text

   T(b) = (N_iter + C_var / b) (tau_f + b tau_d)

Too small a batch wastes time on fixed costs, too large a one on rows. The optimum between them is
``b_opt = sqrt(C_var tau_f / (N_iter tau_d))``. The ratio ``C_var / N_iter`` is known as the gradient noise
scale (McCandlish et al. 2018).
"""

# %%
# Two of the four constants are properties of the problem and two of the machine. A pilot run measures them.

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
# The formula also gives the best size on another machine, for example in a NumPy loop with a fixed cost of 30
# microseconds per step and 50 nanoseconds per row.

here = mb.diagnostics.optimal_batch_size(advice.c_var, advice.tau_f, advice.n_iter, advice.tau_d)
numpy = mb.diagnostics.optimal_batch_size(advice.c_var, 30e-6, advice.n_iter, 50e-9)
print(f"b_opt = {here:.0f} here, {numpy:.0f} in a NumPy loop")

# %%
# The minimum is flat: any size in the shaded band is nearly as good, so the advice mainly says which to
# avoid.

fig, ax = plt.subplots(figsize=(7, 4.5), layout="constrained")
advice.plot(ax)
plt.show()
