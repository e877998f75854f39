"""Pages of the documentation: the reference has every public module, the guide every page."""

import re
from pathlib import Path
from types import ModuleType

import mbgd_rs as mb

DOCS = Path(__file__).parents[2] / "docs"


def test_the_reference_has_every_public_module_once():
    listed = re.findall(r"^   (mbgd_rs\S*)$", (DOCS / "api.rst").read_text(encoding="utf-8"), re.MULTILINE)
    public = [f"mbgd_rs.{name}" for name in mb.__all__ if isinstance(getattr(mb, name), ModuleType)]
    with_extras = ["mbgd_rs.sklearn"]  # which is imported when it is asked for
    assert sorted(listed) == sorted(["mbgd_rs", *public, *with_extras])


def test_the_guide_lists_every_page_once():
    pages = sorted(path.stem for path in (DOCS / "guide").glob("*.rst"))
    listed = re.findall(
        r"^   (\w+)$", (DOCS / "guide" / "index.rst").read_text(encoding="utf-8"), re.MULTILINE
    )
    assert sorted([*listed, "index"]) == pages
