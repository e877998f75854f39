"""Writes optimizers.json: what PyTorch's optimizers, with optax's schedules, do with given gradients.

Run in an environment of its own, which the tests do not need:

    pip install torch optax numpy
    python tests/python/oracles/make_optimizers.py
"""

import json
import math
from pathlib import Path

import jax
import numpy as np
import optax
import torch

N_STEPS = 100
SHOWN = [1, 2, 10, 100]
START = [1.0, -2.0, 0.5, 0.0, 3.0]

SCHEDULES = {
    "InverseScaling": {"learning_rate": 0.1, "power_t": 0.5},
    "Cosine": {"learning_rate": 0.1, "n_steps": 60, "final_learning_rate": 0.01},
    "Warmup": {
        "schedule": {"name": "Cosine", "learning_rate": 0.1, "n_steps": 60, "final_learning_rate": 0.0},
        "n_steps": 7,
    },
}
CASES = {
    "sgd": ("SGD", {"learning_rate": 0.01}),
    "momentum": ("SGD", {"learning_rate": 0.01, "momentum": 0.9}),
    "nesterov": ("SGD", {"learning_rate": 0.01, "momentum": 0.9, "nesterov": True}),
    "adam": ("Adam", {"learning_rate": 1e-3}),
    "adam with other options": ("Adam", {"learning_rate": 0.05, "betas": [0.8, 0.95], "eps": 1e-3}),
    "sgd, inverse scaling": ("SGD", {"learning_rate": "InverseScaling"}),
    "momentum, cosine": ("SGD", {"learning_rate": "Cosine", "momentum": 0.9}),
    "adam, warm-up and cosine": ("Adam", {"learning_rate": "Warmup"}),
}


def gradient(t: int) -> list[float]:
    """Smooth, of different sizes, and for the last parameter zero at first and then tiny."""
    last = 0.0 if t < 3 else 1e-4 * math.cos(t)
    return [(j + 1) * math.sin(0.7 * t + j) + 0.2 for j in range(4)] + [last]


def learning_rates(schedule: float | str) -> list[float]:
    if isinstance(schedule, float):
        return [schedule] * N_STEPS
    options = SCHEDULES[schedule]
    match schedule:
        case "InverseScaling":  # the formula of scikit-learn's "invscaling", whose t begins with 1
            return [options["learning_rate"] / pow(t + 1, options["power_t"]) for t in range(N_STEPS)]
        case "Cosine":
            first, last = options["learning_rate"], options["final_learning_rate"]
            rate = optax.cosine_decay_schedule(first, options["n_steps"], alpha=last / first)
        case "Warmup":
            cosine, n_rising = options["schedule"], options["n_steps"]
            top = cosine["learning_rate"]
            rise = optax.linear_schedule(top / (n_rising + 1), top, n_rising)
            fall = optax.cosine_decay_schedule(top, cosine["n_steps"])
            rate = optax.join_schedules([rise, fall], [n_rising])
    return [float(rate(np.float64(t))) for t in range(N_STEPS)]


def run(name: str, options: dict) -> dict:
    w = torch.tensor(START, dtype=torch.float64, requires_grad=True)
    rates = learning_rates(options["learning_rate"])
    rest = {key: value for key, value in options.items() if key != "learning_rate"}
    optimizer = getattr(torch.optim, name)([w], lr=rates[0], **rest)
    params = {}
    for t in range(N_STEPS):
        optimizer.param_groups[0]["lr"] = rates[t]
        w.grad = torch.tensor(gradient(t), dtype=torch.float64)
        optimizer.step()
        if t + 1 in SHOWN:
            params[t + 1] = w.tolist()
    schedule = options["learning_rate"]
    if isinstance(schedule, str):
        schedule = {"name": schedule, **SCHEDULES[schedule]}
    return {
        "optimizer": {"name": name, **rest, "learning_rate": schedule},
        "learning_rates": rates,
        "params_after_step": params,
    }


def main() -> None:
    jax.config.update("jax_enable_x64", True)
    oracle = {
        "made_with": {"torch": torch.__version__, "optax": optax.__version__, "jax": jax.__version__},
        "start": START,
        "gradients": [gradient(t) for t in range(N_STEPS)],
        "cases": {case: run(*arguments) for case, arguments in CASES.items()},
    }
    path = Path(__file__).with_name("optimizers.json")
    path.write_text(json.dumps(oracle, indent=1) + "\n")


if __name__ == "__main__":
    main()
