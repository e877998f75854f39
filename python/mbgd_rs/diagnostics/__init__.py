"""Instruments: what the gradient's noise is doing, and what to choose because of it.

Every function gives back a small frozen result with arrays, which shows itself as a table in notebooks and
draws itself with ``plot()``.
"""

from .escape import EscapeProbability, escape_probability
from .recorded import RecordedNoise

__all__ = ["EscapeProbability", "RecordedNoise", "escape_probability"]
