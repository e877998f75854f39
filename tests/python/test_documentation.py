"""Pages of the documentation: the reference has every public module, the guide every page."""

import re
from pathlib import Path
from types import ModuleType

import mbgd_rs as mb

DOCS = Path(__file__).parents[2] / "docs"


def test_the_reference_has_every_public_module_once():
    listed = re.findall(r"^   (mbgd_rs\S*)$", (DOCS / "api.rst").read_text(encoding="utf-8"), re.MULTILINE)
    shown = [*mb.__all__, "sklearn"]  # imported where it is asked for, so that it is not in __all__
    public = [f"mbgd_rs.{name}" for name in shown if isinstance(getattr(mb, name), ModuleType)]
    assert sorted(listed) == sorted(["mbgd_rs", *public])


def test_the_guide_lists_every_page_once():
    pages = sorted(path.stem for path in (DOCS / "guide").glob("*.rst"))
    listed = re.findall(
        r"^   (\w+)$", (DOCS / "guide" / "index.rst").read_text(encoding="utf-8"), re.MULTILINE
    )
    assert sorted([*listed, "index"]) == pages
