"""The documentation site: `make docs` builds it."""

import sys
from pathlib import Path
from typing import Any

import mbgd_rs

sys.path.insert(0, str(Path(__file__).parent))  # for strict.py

project = "mbgd_rs"
author = "the authors of mbgd_rs"
project_copyright = author
version = release = mbgd_rs.__version__

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "numpydoc",
    "myst_parser",
    "sphinx_gallery.gen_gallery",
    "sphinx_copybutton",
]
nitpicky = True
templates_path = ["_templates"]
exclude_patterns = ["_build", "gallery/**/GALLERY_HEADER.rst", "gallery/GALLERY_HEADER.rst"]

# What a module shows is its __all__.
autosummary_generate = True
autosummary_imported_members = True
autosummary_ignore_module_all = False
autodoc_typehints = "none"
autodoc_inherit_docstrings = True
numpydoc_show_class_members = False

myst_heading_anchors = 3

copybutton_prompt_text = r">>> |\.\.\. "
copybutton_prompt_is_regexp = True

html_theme = "pydata_sphinx_theme"
html_title = "mbgd_rs"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_search_scorer = str(Path(__file__).parent / "search_scorer.js")
html_show_sourcelink = False
html_theme_options = {
    "show_prev_next": False,
    "navigation_with_keys": False,
    "header_links_before_dropdown": 6,
    "secondary_sidebar_items": ["page-toc"],
    "footer_start": ["copyright"],
    "footer_end": [],
}


sphinx_gallery_conf = {
    "examples_dirs": ["../examples"],
    "gallery_dirs": ["gallery"],
    # The page of S2 asks Linux how much memory it has; elsewhere it is shown and not run.
    "filename_pattern": r"\.py$" if sys.platform == "linux" else r"^(?!.*s02_).*\.py$",
    "within_subsection_order": "FileNameSortKey",
    "reset_modules": ("matplotlib", "strict.warnings_are_errors"),
    "reset_modules_order": "both",
    "run_stale_examples": True,  # an unchanged script may have a changed package under it
    "capture_repr": ("_repr_html_",),
    "min_reported_time": 1e9,
    "write_computation_times": False,
    "download_all_examples": False,
    "show_signature": False,
    "doc_module": ("mbgd_rs",),
    "backreferences_dir": "gallery/backreferences",
    "image_srcset": ["2x"],
}


def skips_requests(app: Any, what: str, name: str, member: Any, skip: bool, options: Any) -> bool | None:
    """Leaves out scikit-learn's `set_fit_request` and the like: there are many, and all read the same."""
    return True if name.startswith("set_") and name.endswith("_request") else None


def setup(app: Any) -> None:
    """Called by sphinx."""
    app.connect("autodoc-skip-member", skips_requests)
