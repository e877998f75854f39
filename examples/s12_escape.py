"""
S12: noise finds the way out
============================

Full-batch descent only goes down: from a shallow valley it never reaches a deeper one next to it. A batch
gradient has another direction than the full gradient, and can carry the parameters over the ridge.
"""

# %%
# The landscape is the mean of 512 terms. Each is the same bent valley with two minima, tilted by its own
# slope. The slopes have mean zero, so the mean of all terms is the valley itself; most single terms slope to
# one side. Three runs start in the shallow minimum on the right, with the same learning rate and four passes
# over the terms: 4 steps of BGD, 512 of MBGD, 2048 of SGD. A run ends when it has escaped.

import matplotlib.pyplot as plt
import mbgd_rs as mb
import numpy as np

valley = mb.landscapes.BentDoubleWell(n_terms=512)
roads = {"BGD, b = 512": "full", "MBGD, b = 4": 4, "SGD, b = 1": 1}

figure, axes = plt.subplots(1, 3, figsize=(12, 4), sharex=True, sharey=True, layout="constrained")
for ax, color, (name, b) in zip(axes, ("tab:blue", "tab:orange", "tab:red"), roads.items(), strict=True):
    path = valley.path(learning_rate=0.12, batch_size=b, epochs=4, seed=24)
    out = [valley.has_escaped(w) for w in path]
    stop = out.index(True) + 1 if any(out) else len(path)
    ax.set_prop_cycle(color=[color])
    mb.plotting.landscape(valley, {name: path[:stop]}, ax=ax)
    fate = f"escaped after {stop - 1} steps" if any(out) else f"stuck after {stop - 1} steps"
    ax.set_title(f"{name}: {fate}")
    ax.get_legend().remove()

# %%
# How often does a run escape? Ten thousand runs for each learning rate and batch size, each with its own
# seed, answer that.

found = mb.diagnostics.escape_probability(
    valley,
    learning_rates=0.02 * 2 ** (np.arange(7) / 2),
    batch_sizes=[1, 2, 4, "full"],
    n_runs=10_000,
    epochs=4,
)
print("runs that escaped, in percent; a row for each learning rate, a column for each batch size")
print(f"{'':>8}" + "".join(f"{f'b = {b}':>9}" for b in found.batch_sizes))
for rate, share in zip(found.learning_rates, found.probability, strict=True):
    print(f"{rate:8.2f}" + "".join(f"{100 * p:9.2f}" for p in share))
print(f"diverged: {found.n_diverged.sum()} of {found.n_runs * found.probability.size} runs")

# %%
# Plotted against learning_rate / b, the results of all batch sizes fall on one curve: that ratio is the
# temperature of the noise, and while the rate is small, it alone decides how often runs escape. BGD is on the
# left: no run escapes at any rate. The bars are 95% intervals.

ax = found.plot(plt.subplots(figsize=(7, 4), layout="constrained")[1])
ax.set_title("One curve for all batch sizes")
plt.show()
