"""Instruments: what the gradient's noise is doing, and what to choose because of it.

Every function gives back a small frozen result with arrays, which shows itself as a table in notebooks and
draws itself with ``plot()``.
"""

from .angles import GradientAngles, gradient_angles
from .bias import GradientBias, gradient_bias
from .escape import EscapeProbability, escape_probability
from .noise import GradientNoise, gradient_noise
from .recorded import RecordedNoise

__all__ = [
    "EscapeProbability",
    "GradientAngles",
    "GradientBias",
    "GradientNoise",
    "RecordedNoise",
    "escape_probability",
    "gradient_angles",
    "gradient_bias",
    "gradient_noise",
]
