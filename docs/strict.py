"""While a script of the gallery runs, a warning is an error."""

import warnings
from typing import Any

catchers: list[Any] = []


def warnings_are_errors(gallery_conf: dict[str, Any], script: str, when: str) -> None:
    """Called by sphinx-gallery before and after each script."""
    if when == "before":
        catchers.append(warnings.catch_warnings(action="error"))
        catchers[-1].__enter__()
        warnings.filterwarnings("ignore", message="FigureCanvasAgg is non-interactive")  # plt.show()
    elif catchers:
        catchers.pop().__exit__(None, None, None)
