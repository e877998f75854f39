"""Writes optimizers.json: what optimizers of PyTorch and optax, with optax's schedules, do with gradients.

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
SHOWN = [1, 2, *range(10, N_STEPS + 1, 10)]
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
    "dampening and weight decay": (
        "SGD", {"learning_rate": 0.01, "momentum": 0.9, "dampening": 0.3, "weight_decay": 0.1}),
    "nesterov with weight decay": (
        "SGD", {"learning_rate": 0.01, "momentum": 0.8, "nesterov": True, "weight_decay": 0.1}),
    "amsgrad": ("Adam", {"learning_rate": 0.05, "betas": [0.8, 0.9], "amsgrad": True, "weight_decay": 0.1}),
    "adagrad": ("Adagrad", {"learning_rate": 0.1}),
    "adagrad with other options": (
        "Adagrad", {"learning_rate": 0.1, "lr_decay": 0.1, "initial_accumulator_value": 0.5, "eps": 1e-3,
                    "weight_decay": 0.1}),
    "adagrad, cosine": ("Adagrad", {"learning_rate": "Cosine"}),
    "rmsprop": ("RMSprop", {"learning_rate": 0.01}),
    "rmsprop, centered": ("RMSprop", {"learning_rate": 0.01, "centered": True, "eps": 1e-4}),
    "rmsprop with momentum": (
        "RMSprop", {"learning_rate": 0.01, "alpha": 0.9, "momentum": 0.8, "weight_decay": 0.1}),
    "rmsprop with all": (
        "RMSprop", {"learning_rate": "Cosine", "centered": True, "momentum": 0.8, "eps": 1e-4}),
    "adadelta": ("Adadelta", {"learning_rate": 1.0}),
    "adadelta with other options": (
        "Adadelta", {"learning_rate": 0.5, "rho": 0.8, "eps": 1e-3, "weight_decay": 0.1}),
    "adamw": ("AdamW", {"learning_rate": 1e-3}),
    "adamw with other options": (
        "AdamW", {"learning_rate": "Cosine", "betas": [0.8, 0.9], "weight_decay": 0.3, "amsgrad": True}),
    "nadam": ("NAdam", {"learning_rate": 2e-3}),
    "nadam with other options": (
        "NAdam", {"learning_rate": 0.05, "betas": [0.8, 0.9], "momentum_decay": 0.1, "weight_decay": 0.1}),
    "nadam, decoupled": (
        "NAdam", {"learning_rate": 0.05, "weight_decay": 0.1, "decoupled_weight_decay": True}),
    "radam": ("RAdam", {"learning_rate": 1e-3}),
    "radam with other options": (
        "RAdam", {"learning_rate": 0.05, "betas": [0.8, 0.9], "eps": 1e-3, "weight_decay": 0.1}),
    "radam, decoupled": (
        "RAdam", {"learning_rate": "Warmup", "weight_decay": 0.1, "decoupled_weight_decay": True}),
    "adamax": ("Adamax", {"learning_rate": 2e-3}),
    "adamax with other options": (
        "Adamax", {"learning_rate": 0.05, "betas": [0.8, 0.9], "eps": 1e-3, "weight_decay": 0.1}),
    "lion": ("Lion", {"learning_rate": 1e-4}),
    "lion with other options": (
        "Lion", {"learning_rate": "Cosine", "betas": [0.8, 0.9], "weight_decay": 0.1}),
    "schedule-free sgd": ("ScheduleFreeSGD", {"learning_rate": 0.1}),
    "schedule-free sgd with other options": (
        "ScheduleFreeSGD",
        {"learning_rate": 0.05, "momentum": 0.7, "weight_decay": 0.1, "weight_lr_power": 1.0}),
    "schedule-free adamw": ("ScheduleFreeAdamW", {"learning_rate": 0.0025}),
    "schedule-free adamw, rising and falling": (
        "ScheduleFreeAdamW", {"learning_rate": "Warmup", "betas": [0.8, 0.9], "weight_decay": 0.1}),
    "dog": ("DoG", {"learning_rate": 1.0}),
    "dog with other options": (
        "DoG", {"learning_rate": "Cosine", "reps_rel": 1e-2, "eps": 1e-2, "weight_decay": 0.1}),
}  # fmt: skip


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
    path = run_torch if hasattr(torch.optim, name) else run_optax
    rates = learning_rates(options["learning_rate"])
    rest = {key: value for key, value in options.items() if key != "learning_rate"}
    schedule = options["learning_rate"]
    if isinstance(schedule, str):
        schedule = {"name": schedule, **SCHEDULES[schedule]}
    return {
        "optimizer": {"name": name, **rest, "learning_rate": schedule},
        "learning_rates": rates,
        **path(name, rates, rest),
    }


def run_optax(name: str, rates: list[float], options: dict) -> dict:
    first = 1 if name.startswith("Schedule") else 0  # from where optax counts the steps of a schedule there

    def rate(t: int) -> jax.Array:
        return jax.numpy.array(rates)[t - first]

    options = dict(options)
    if "betas" in options:
        options["b1"], options["b2"] = options.pop("betas")
    if "momentum" in options:
        options["b1"] = options.pop("momentum")
    reps_rel = options.pop("reps_rel", 1e-6)
    match name:
        case "Lion":
            optimizer = optax.lion(rate, **options)
        case "DoG":
            optimizer = optax.contrib.dog(rate, ("heuristic", reps_rel), **options)
        case "ScheduleFreeSGD":
            decay, b1 = options.get("weight_decay", 0.0), options.get("b1", 0.9)
            base = optax.chain(optax.add_decayed_weights(decay), optax.sgd(lambda t: rate(t + 1)))
            optimizer = optax.contrib.schedule_free(base, rate, b1, options.get("weight_lr_power", 2.0))
        case "ScheduleFreeAdamW":
            decay, b1, b2 = options.get("weight_decay", 0.0), options.get("b1", 0.9), options.get("b2", 0.999)
            base = optax.adamw(lambda t: rate(t + 1), b1=0.0, b2=b2, weight_decay=decay)
            optimizer = optax.contrib.schedule_free(base, rate, b1)
    w = jax.numpy.array(START)
    state = optimizer.init(w)
    params, model = {}, {}
    for t in range(N_STEPS):
        step, state = optimizer.update(jax.numpy.array(gradient(t)), state, w)
        w = optax.apply_updates(w, step)
        if t + 1 in SHOWN:
            params[t + 1] = w.tolist()
            if name.startswith("Schedule"):
                model[t + 1] = optax.contrib.schedule_free_eval_params(state, w).tolist()
    return {"params_after_step": params, **({"model_after_step": model} if model else {})}


def run_torch(name: str, rates: list[float], rest: dict) -> dict:
    w = torch.tensor(START, dtype=torch.float64, requires_grad=True)
    optimizer = getattr(torch.optim, name)([w], lr=rates[0], **rest)
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
    oracle = {
        "made_with": {"torch": torch.__version__, "optax": optax.__version__, "jax": jax.__version__},
        "start": START,
        "gradients": [gradient(t) for t in range(N_STEPS)],
        "cases": {case: run(*arguments) for case, arguments in CASES.items()},
    }
    path = Path(__file__).with_name("optimizers.json")
    cases = oracle.pop("cases")
    lines = [f"{json.dumps(name)}: {json.dumps(value)}" for name, value in oracle.items()]
    of_cases = ",\n".join(f"{json.dumps(name)}: {json.dumps(value)}" for name, value in cases.items())
    lines.append(f'"cases": {{\n{of_cases}\n}}')
    path.write_text("{\n" + ",\n".join(lines) + "\n}\n")


if __name__ == "__main__":
    main()
