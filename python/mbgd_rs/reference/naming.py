"""What a choice is called, however it is given."""

from typing import Any


def name_of(choice: Any) -> str:
    """What a choice is called, given by name or as an object: "logloss" for "log_loss" and for LogLoss()."""
    return (choice if isinstance(choice, str) else type(choice).__name__).replace("_", "").lower()
