"""While a script of the gallery runs, a warning is an error."""

import warnings
from typing import Any

before: list[Any] = []


def warnings_are_errors(gallery_conf: dict[str, Any], script: str, when: str) -> None:
    """Called by sphinx-gallery before and after each script."""
    if when == "before":
        before[:] = warnings.filters
        warnings.simplefilter("error")
        warnings.filterwarnings("ignore", message="FigureCanvasAgg is non-interactive")  # plt.show()
    else:
        warnings.resetwarnings()
        warnings.filters[:] = before
