"""Writes into optimizers.json what optimizers of PyTorch and optax do with gradients, at optax's schedules.

A case there says which optimizer of ours it is about, "optimizer", and what is the same in PyTorch or optax,
"theirs": an expression, in which for PyTorch `w` are the parameters and `lr` is the first learning rate, and
for optax `rate` is the learning rate as a function of the step. The rest of a case is written by this script:
the learning rates, and the parameters after some steps. A new case is a line with these two.

Run in an environment of its own, which the tests do not need:

    pip install torch optax numpy
    python tests/python/oracles/make_optimizers.py
"""

import json
import math
from pathlib import Path
from typing import Any

import jax
import numpy as np
import optax
import torch

PATH = Path(__file__).with_name("optimizers.json")
N_STEPS = 100
SHOWN = [1, 2, *range(10, N_STEPS + 1, 10)]
START = [1.0, -2.0, 0.5, 0.0, 3.0]


def gradient(t: int) -> list[float]:
    """Smooth, of different sizes, and for the last parameter zero at first and then tiny."""
    last = 0.0 if t < 3 else 1e-4 * math.cos(t)
    return [(j + 1) * math.sin(0.7 * t + j) + 0.2 for j in range(4)] + [last]


def learning_rates(schedule: Any) -> list[float]:
    match schedule:
        case float():
            return [schedule] * N_STEPS
        case {"name": "InverseScaling", **options}:  # scikit-learn's "invscaling", whose t begins with 1
            return [options["learning_rate"] / pow(t + 1, options["power_t"]) for t in range(N_STEPS)]
        case {"name": "Cosine", **options}:
            first, last = options["learning_rate"], options["final_learning_rate"]
            rate = optax.cosine_decay_schedule(first, options["n_steps"], alpha=last / first)
        case {"name": "Warmup", "schedule": cosine, "n_steps": n_rising}:
            top = cosine["learning_rate"]
            rise = optax.linear_schedule(top / (n_rising + 1), top, n_rising)
            fall = optax.cosine_decay_schedule(top, cosine["n_steps"])
            rate = optax.join_schedules([rise, fall], [n_rising])
    return [float(rate(np.float64(t))) for t in range(N_STEPS)]


def run(optimizer: dict[str, Any], theirs: str) -> dict[str, Any]:
    rates = learning_rates(optimizer["learning_rate"])
    path = run_torch if theirs.startswith("torch") else run_optax
    return {"optimizer": optimizer, "theirs": theirs, "learning_rates": rates, **path(theirs, rates)}


def run_optax(theirs: str, rates: list[float]) -> dict[str, Any]:
    is_schedule_free = "schedule_free" in theirs
    first = 1 if is_schedule_free else 0  # from where optax counts the steps of a schedule there

    def rate(t: int) -> jax.Array:
        return jax.numpy.array(rates)[t - first]

    names = {"optax": optax, "rate": rate, "next_rate": lambda t: rate(t + 1)}
    optimizer = eval(theirs, names)
    w = jax.numpy.array(START)
    state = optimizer.init(w)
    params, model = {}, {}
    for t in range(N_STEPS):
        step, state = optimizer.update(jax.numpy.array(gradient(t)), state, w)
        w = optax.apply_updates(w, step)
        if t + 1 in SHOWN:
            params[t + 1] = w.tolist()
            if is_schedule_free:
                model[t + 1] = optax.contrib.schedule_free_eval_params(state, w).tolist()
    return {"params_after_step": params, **({"model_after_step": model} if model else {})}


def run_torch(theirs: str, rates: list[float]) -> dict[str, Any]:
    w = torch.tensor(START, dtype=torch.float64, requires_grad=True)
    optimizer = eval(theirs, {"torch": torch, "w": [w], "lr": rates[0]})
    params = {}
    for t in range(N_STEPS):
        optimizer.param_groups[0]["lr"] = rates[t]
        w.grad = torch.tensor(gradient(t), dtype=torch.float64)
        optimizer.step()
        if t + 1 in SHOWN:
            params[t + 1] = w.tolist()
    return {"params_after_step": params}


def main() -> None:
    jax.config.update("jax_enable_x64", True)
    torch.set_default_dtype(torch.float64)  # the product of momenta in NAdam is of this type
    cases = json.loads(PATH.read_text())["cases"]
    made = {name: run(case["optimizer"], case["theirs"]) for name, case in cases.items()}
    given = {
        "made_with": {"torch": torch.__version__, "optax": optax.__version__, "jax": jax.__version__},
        "start": START,
        "gradients": [gradient(t) for t in range(N_STEPS)],
    }
    lines = [f"{json.dumps(name)}: {json.dumps(value)}" for name, value in given.items()]
    of_cases = ",\n".join(f"{json.dumps(name)}: {json.dumps(value)}" for name, value in made.items())
    lines.append(f'"cases": {{\n{of_cases}\n}}')
    PATH.write_text("{\n" + ",\n".join(lines) + "\n}\n")


if __name__ == "__main__":
    main()
