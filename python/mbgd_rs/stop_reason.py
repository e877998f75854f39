"""Why a run ended."""

from __future__ import annotations

import enum

__all__ = ["StopReason"]


class StopReason(enum.StrEnum):
    """Why a run ended; compares equal to its name, and `prose` says it in words."""

    EPOCHS = "epochs"
    CALLBACK = "callback"
    NO_IMPROVEMENT = "no_improvement"
    TARGET = "target"
    CONVERGED = "converged"
    MAX_STEPS = "max_steps"
    MAX_SECONDS = "max_seconds"
    INTERRUPTED = "interrupted"
    DIVERGED = "diverged"

    @property
    def prose(self) -> str:
        """The reason in words."""
        return {
            "epochs": "all epochs were done",
            "callback": "the callback asked for the end",
            "no_improvement": "what was monitored has not improved for as long as the rule is patient",
            "target": "what was monitored has reached the target",
            "converged": "the objective is within its tolerance of the optimum",
            "max_steps": "all steps allowed were made",
            "max_seconds": "the time allowed is over",
            "interrupted": "an exception, such as that of Ctrl-C, ended the run between two steps",
            "diverged": "the run left the finite numbers; the parameters are the last finite ones",
        }[self.value]
