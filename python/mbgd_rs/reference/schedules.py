"""The learning rate as a function of the step."""

import math
from typing import Any

from .naming import name_of


def learning_rate_at(schedule: Any, t: int) -> float:
    """The learning rate of step t, counted from 0 over the whole run; a number is constant."""
    match name_of(schedule):
        case "constant":
            return float(schedule.learning_rate)
        case "inversescaling":
            return float(schedule.learning_rate / (t + 1) ** schedule.power_t)
        case "cosine":
            first, last = schedule.learning_rate, schedule.final_learning_rate
            angle = math.pi * min(t / schedule.n_steps, 1.0)
            return float(last + (first - last) * (1 + math.cos(angle)) / 2)
        case "warmup" if t < schedule.n_steps:
            return learning_rate_at(schedule.schedule, 0) * ((t + 1) / float(schedule.n_steps + 1))
        case "warmup":
            return learning_rate_at(schedule.schedule, t - schedule.n_steps)
    return float(schedule)
