"""Writes schedules.json: what the schedules of PyTorch and optax say, in double precision.

Run in an environment of its own, which the tests do not need:

    pip install torch optax numpy
    python tests/python/oracles/make_schedules.py
"""

import json
import math
from pathlib import Path

import jax
import numpy as np
import optax
import torch
from torch.optim import lr_scheduler

N_STEPS = 130
MOST_VALUES = 8


def of_torch(first: float, make) -> list[float]:
    """The rates a scheduler of PyTorch sets, step by step."""
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=first)
    scheduler = make(optimizer)
    rates = []
    for t in range(N_STEPS):
        rates.append(float(optimizer.param_groups[0]["lr"]))
        optimizer.step()
        if t + 1 < N_STEPS:
            scheduler.step()
    return rates


def of_optax(rate) -> list[float]:
    return [float(rate(np.float64(t))) for t in range(N_STEPS)]


def of_scikit_learn(alpha: float) -> list[float]:
    """Its "optimal", as SGDClassifier sets it up: t counts from 1, and log_loss has a slope below 1."""
    typical = np.sqrt(1.0 / np.sqrt(alpha))
    slope = -1.0 / (1.0 + math.exp(-typical))
    first = typical / max(1.0, slope)
    start = 1.0 / (first * alpha)
    return [float(1.0 / (alpha * (start + t - 1))) for t in range(1, N_STEPS + 1)]


def loss_of_epoch(k: int) -> float:
    """Falls, rests, rises a little and falls again."""
    return 3 * math.exp(-k / 12) + 0.05 * math.sin(0.9 * k) + (0.4 if k > 70 else 0.0)


def plateau_of_torch(first: float, **options) -> list[float]:
    """The rate of each epoch."""
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=first)
    scheduler = lr_scheduler.ReduceLROnPlateau(optimizer, eps=0.0, **options)
    rates = []
    for k in range(N_STEPS):
        rates.append(float(optimizer.param_groups[0]["lr"]))
        scheduler.step(loss_of_epoch(k))
    return rates


def plateau_of_scikit_learn(first: float, tol: float, n_iter_no_change: int) -> list[float]:
    """Its "adaptive", as SGDRegressor and MLPRegressor have it, without the end below 1e-6."""
    rate, best, n_bad, rates = first, math.inf, 0, []
    for k in range(N_STEPS):
        rates.append(rate)
        loss = loss_of_epoch(k)
        n_bad = n_bad + 1 if loss > best - tol else 0
        best = min(best, loss)
        if n_bad >= n_iter_no_change:
            rate, n_bad = rate / 5, 0
    return rates


def cases() -> dict:
    one_cycle = {"max_lr": 0.3, "total_steps": N_STEPS}
    table = [0.1 / (1 + 0.3 * t) for t in range(MOST_VALUES)]
    return {
        "optimal": ("Optimal", {"alpha": 1e-4}, of_scikit_learn(1e-4)),
        "optimal, strong": ("Optimal", {"alpha": 0.5}, of_scikit_learn(0.5)),
        "step": (
            "Step", {"learning_rate": 0.1, "step_size": 30, "gamma": 0.3},
            of_torch(0.1, lambda o: lr_scheduler.StepLR(o, 30, 0.3)),
        ),
        "step of optax": (
            "Step", {"learning_rate": 0.1, "step_size": 7, "gamma": 0.9},
            of_optax(optax.exponential_decay(0.1, 7, 0.9, staircase=True)),
        ),
        "multi step": (
            "MultiStep", {"learning_rate": 0.1, "milestones": [1, 40, 90], "gamma": 0.2},
            of_torch(0.1, lambda o: lr_scheduler.MultiStepLR(o, [1, 40, 90], 0.2)),
        ),
        "exponential": (
            "Exponential", {"learning_rate": 0.1, "gamma": 0.97},
            of_torch(0.1, lambda o: lr_scheduler.ExponentialLR(o, 0.97)),
        ),
        "polynomial": (
            "Polynomial", {"learning_rate": 0.1, "n_steps": 100, "power": 2.5},
            of_torch(0.1, lambda o: lr_scheduler.PolynomialLR(o, 100, 2.5)),
        ),
        "polynomial of optax": (
            "Polynomial",
            {"learning_rate": 0.1, "n_steps": 90, "power": 0.5, "final_learning_rate": 0.02},
            of_optax(optax.polynomial_schedule(0.1, 0.02, 0.5, 90)),
        ),
        "linear": (
            "Linear", {"learning_rate": 0.1, "n_steps": 100, "final_learning_rate": 0.001},
            of_torch(0.1, lambda o: lr_scheduler.LinearLR(o, 1.0, 0.01, 100)),
        ),
        "linear to zero": (
            "Linear", {"learning_rate": 0.1, "n_steps": 77}, of_optax(optax.linear_schedule(0.1, 0.0, 77)),
        ),
        "cosine": (
            "Cosine", {"learning_rate": 0.1, "n_steps": N_STEPS, "final_learning_rate": 0.01},
            of_torch(0.1, lambda o: lr_scheduler.CosineAnnealingLR(o, N_STEPS, 0.01)),
        ),
        "cosine restarts": (
            "CosineRestarts", {"learning_rate": 0.1, "n_steps": 40, "final_learning_rate": 0.003},
            of_torch(0.1, lambda o: lr_scheduler.CosineAnnealingWarmRestarts(o, 40, 1, 0.003)),
        ),
        "cosine restarts, longer and longer": (
            "CosineRestarts", {"learning_rate": 0.1, "n_steps": 7, "multiplier": 3},
            of_torch(0.1, lambda o: lr_scheduler.CosineAnnealingWarmRestarts(o, 7, 3)),
        ),
        "one cycle": (
            "OneCycle", {"learning_rate": 0.3, "n_steps": N_STEPS},
            of_torch(0.3, lambda o: lr_scheduler.OneCycleLR(o, **one_cycle)),
        ),
        "one cycle along lines": (
            "OneCycle",
            {"learning_rate": 0.3, "n_steps": N_STEPS, "pct_start": 0.43, "anneal_strategy": "linear",
             "div_factor": 5.0, "final_div_factor": 50.0},
            of_torch(0.3, lambda o: lr_scheduler.OneCycleLR(
                o, **one_cycle, pct_start=0.43, anneal_strategy="linear", div_factor=5.0,
                final_div_factor=50.0)),
        ),
        "one cycle of three phases": (
            "OneCycle",
            {"learning_rate": 0.3, "n_steps": N_STEPS, "pct_start": 0.4, "three_phase": True},
            of_torch(0.3, lambda o: lr_scheduler.OneCycleLR(o, **one_cycle, pct_start=0.4, three_phase=True)),
        ),
        "piecewise": (
            "Piecewise", {"boundaries": [20, 50], "values": [0.1, 0.05, 0.01]},
            of_optax(optax.piecewise_constant_schedule(0.1, {20: 0.5, 50: 0.2})),
        ),
        "table": (
            "Piecewise", {"boundaries": None, "values": table},
            of_torch(1.0, lambda o: lr_scheduler.LambdaLR(o, lambda t: table[min(t, MOST_VALUES - 1)])),
        ),
        "warm-up of a line": (
            "Warmup",
            {"schedule": {"name": "Linear", "learning_rate": 0.1, "n_steps": 60}, "n_steps": 9},
            of_optax(optax.join_schedules(
                [optax.linear_schedule(0.01, 0.1, 9), optax.linear_schedule(0.1, 0.0, 60)], [9])),
        ),
    }  # fmt: skip


def plateaus() -> dict:
    relative = {"learning_rate": 0.1, "factor": 0.5, "tol_mode": "relative"}
    return {
        "pytorch": (
            {**relative, "n_iter_no_change": 4, "tol": 1e-4},
            plateau_of_torch(0.1, factor=0.5, patience=3),
        ),
        "pytorch, cooldown and minimum": (
            {**relative, "n_iter_no_change": 3, "tol": 0.02, "cooldown": 5, "min_learning_rate": 1e-3},
            plateau_of_torch(0.1, factor=0.5, patience=2, threshold=0.02, cooldown=5, min_lr=1e-3),
        ),
        "scikit-learn": (
            {"learning_rate": 0.1},
            plateau_of_scikit_learn(0.1, 1e-3, 5),
        ),
        "scikit-learn, impatient": (
            {"learning_rate": 0.1, "tol": 0.05, "n_iter_no_change": 2},
            plateau_of_scikit_learn(0.1, 0.05, 2),
        ),
    }


def main() -> None:
    jax.config.update("jax_enable_x64", True)
    oracle = {
        "made_with": {"torch": torch.__version__, "optax": optax.__version__, "jax": jax.__version__},
        "cases": {
            case: {"schedule": {"name": name, **options}, "learning_rates": rates}
            for case, (name, options, rates) in cases().items()
        },
        "losses": [loss_of_epoch(k) for k in range(N_STEPS)],
        "plateaus": {
            case: {"options": options, "learning_rates": rates}
            for case, (options, rates) in plateaus().items()
        },
    }
    path = Path(__file__).with_name("schedules.json")
    path.write_text(json.dumps(oracle, indent=1) + "\n")


if __name__ == "__main__":
    main()
