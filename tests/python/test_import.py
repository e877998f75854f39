"""What `import mbgd_rs` loads: NumPy, the core, and nothing that nobody has asked for."""

import ast
import json
import subprocess
import sys
from pathlib import Path

import mbgd_rs as mb
import pytest


def in_a_process(code):
    """What a new Python prints, as JSON."""
    command = [sys.executable, "-W", "error", "-c", f"import json, sys, mbgd_rs\n{code}"]
    made = subprocess.run(command, capture_output=True, text=True, check=False)
    assert made.returncode == 0, made.stderr
    return json.loads(made.stdout)


def test_nothing_heavy_is_imported():
    heavy = [
        "sklearn",
        "matplotlib",
        "scipy",
        "pandas",
        "polars",
        "pyarrow",
        "tqdm",
        "joblib",
        "threadpoolctl",
    ]
    code = f"print(json.dumps([name for name in {heavy} if name in sys.modules]))"
    assert in_a_process(code) == []
    assert in_a_process(f"mbgd_rs.fit([[1.0], [2.0]], [1.0, 2.0]).predict([[1.0]])\n{code}") == []
    assert in_a_process(f"[getattr(mbgd_rs, name) for name in mbgd_rs.__all__]\n{code}") == []


def test_modules_are_imported_when_they_are_asked_for():
    listed = "[name for name in sys.modules if name.startswith('mbgd_rs.')]"
    assert sorted(in_a_process(f"print(json.dumps({listed}))")) == ["mbgd_rs._core", "mbgd_rs.late_imports"]
    loaded = in_a_process(f"mbgd_rs.minibatches\nprint(json.dumps({listed}))")
    assert "mbgd_rs.batches" in loaded
    assert "mbgd_rs.training" not in loaded


def test_every_name_is_there_whatever_came_before():
    # Each in a package that is imported anew, in which nothing has been loaded for the sake of another name.
    code = """
there = []
for name in mbgd_rs.__all__:
    for loaded in [m for m in sys.modules if m.startswith("mbgd_rs") and m != "mbgd_rs._core"]:
        del sys.modules[loaded]
    import mbgd_rs
    thing = getattr(mbgd_rs, name)
    assert thing is getattr(mbgd_rs, name)
    assert name == "__version__" or thing.__name__ in (name, f"mbgd_rs.{name}"), thing
    there.append(name)
print(json.dumps(there))"""
    assert in_a_process(code) == mb.__all__


def test_training_loads_neither_the_reference_nor_the_diagnostics():
    listed = in_a_process("mbgd_rs.fit([[1.0], [2.0]], [1.0, 2.0])\nprint(json.dumps([*sys.modules]))")
    assert "mbgd_rs.training" in listed
    assert not [name for name in listed if name.startswith(("mbgd_rs.reference", "mbgd_rs.diagnostics"))]


def test_without_numpy_it_is_an_import_error():
    code = "import sys\nsys.modules['numpy'] = None\nimport mbgd_rs"
    made = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert made.returncode == 1
    assert made.stderr.splitlines()[-1].startswith("ModuleNotFoundError: import of numpy halted")
    assert "panicked" not in made.stderr


def test_names_that_are_not_there():
    with pytest.raises(AttributeError, match="module 'mbgd_rs' has no attribute 'fitt'"):
        mb.fitt  # noqa: B018
    with pytest.raises(ImportError, match="cannot import name 'fitt'"):
        from mbgd_rs import fitt  # noqa: F401


def test_what_is_imported_late_is_what_type_checkers_see():
    tree = ast.parse(Path(mb.__file__).read_text())
    checked = next(node for node in tree.body if isinstance(node, ast.If))
    assert ast.unparse(checked.test) == "TYPE_CHECKING"
    homes, modules = {}, set()
    for node in checked.body:
        names = {alias.asname or alias.name for alias in node.names}
        if node.module is None:
            modules |= names
        else:
            homes |= dict.fromkeys(names, node.module)
    modules.remove("sklearn")
    assert set(mb.MODULES) == modules
    assert homes == mb.HOMES
    assert {*mb.__all__, *mb.ESTIMATORS} == modules | set(homes) | {"__version__"}


def test_all_of_it_can_be_imported_at_once():
    code = "names = {}\nexec('from mbgd_rs import *', names)\nprint(json.dumps(sorted(names)))"
    assert set(mb.__all__) <= set(in_a_process(code))
