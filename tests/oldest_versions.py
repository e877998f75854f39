"""Prints the oldest versions that pyproject.toml allows, as pip takes them, for `make wheel-check`.

Of what is mandatory, of scikit-learn and of what the tests need. A floor that does not exist, or does not fit
the others, is an error of pip.
"""

import tomllib
from pathlib import Path

PROJECT = Path(__file__).parents[1] / "pyproject.toml"


def oldest_versions() -> list[str]:
    """Each requirement with its floor as the only version."""
    page = tomllib.loads(PROJECT.read_text(encoding="utf-8"))
    project = page["project"]
    wanted = [
        *project["dependencies"],
        *project["optional-dependencies"]["sklearn"],
        *page["dependency-groups"]["test"],
    ]
    return sorted({requirement.replace(">=", "==") for requirement in wanted})


if __name__ == "__main__":
    print(*oldest_versions(), sep="\n")
