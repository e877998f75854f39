"""Pages of the gallery: short, with a title, one for each statement. `make docs` runs them."""

import ast
import re
import runpy
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"
STATEMENTS = sorted(EXAMPLES.glob("s*.py"))
FAMILIES = sorted((EXAMPLES / "families").glob("*.py"))
MODELS = sorted((EXAMPLES / "models").glob("*.py"))


def test_every_statement_has_a_page():
    numbers = {int(path.name[1:3]) for path in STATEMENTS}
    assert numbers == set(range(1, 14))


@pytest.mark.parametrize("path", STATEMENTS, ids=lambda path: path.name)
def test_pages_of_statements_are_short_and_say_which(path):
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 80
    name = re.fullmatch(r"s(\d\d)_[a-z0-9_]+\.py", path.name)
    assert name, "a page is named sNN_what_it_shows.py"
    assert title_of(text).startswith(f"S{int(name[1])}: ")


@pytest.mark.parametrize("path", STATEMENTS + FAMILIES + MODELS, ids=lambda path: path.name)
def test_pages_are_pages(path):
    text = path.read_text(encoding="utf-8")
    assert title_of(text)
    assert "\nplt.show()\n" in text, "run by itself, a page shows its picture at the end"
    assert "sys.argv" not in text


@pytest.mark.parametrize(("library", "script"), [("torch", "pytorch_loop.py"), ("jax", "jax_loop.py")])
def test_loops_say_what_they_need(library, script, monkeypatch):
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(SystemExit, match=f"pip install {library}"):
        runpy.run_path(str(EXAMPLES / "loops" / script))


def title_of(text):
    """The title of the page: the first line of the docstring, underlined."""
    title, underline = (ast.get_docstring(ast.parse(text), clean=False) or "").strip().splitlines()[:2]
    assert re.fullmatch("=+", underline)
    assert len(underline) >= len(title)
    return title
