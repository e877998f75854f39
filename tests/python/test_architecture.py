"""Rules of ARCHITECTURE.md about the package that a reader of its source can check."""

import ast
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import mbgd_rs as mb
import pytest

ROOT = Path(mb.__file__).parent
FLOORS = (
    ("__main__",),
    ("__init__",),
    ("loading",),
    ("diagnostics", "sklearn"),
    ("training", "minimization"),
    ("growth",),
    ("minimize_run", "source_training"),
    ("windows",),
    (
        "automatic",
        "agreement",
        "watching",
        "resuming",
        "checkpointing",
        "judging",
        "standardizing",
        "reach",
    ),
    ("arguments", "validation", "outcome"),
    ("objective", "batches"),
    ("result", "minimize_result"),
    ("export",),
    ("model_file",),
    ("history", "stop_reason", "auto_rate", "auto_batch_size", "solver", "standardization", "trained_model"),
    ("recorded_noise",),
    ("plotting", "diagnosis"),
    ("landscapes",),
    ("sources",),
    ("moments_of_shards",),
    ("moments",),
    ("own_rows",),
    (
        "threadpool",
        "optimizers",
        "sampling",
        "batch_sizes",
        "stopping",
        "averages",
        "losses",
        "models",
        "penalties",
        "class_weights",
    ),
    (
        "checkpoint",
        "schedules",
        "preconditioners",
        "threads",
        "ranks",
        "gathering",
        "labels",
        "metrics",
        "callbacks",
    ),
    ("inputs",),
    ("frames",),
    ("entries",),
    (
        "errors",
        "callers",
        "sparse",
        "columns",
        "tensors",
        "progress",
        "choices",
        "docstrings",
        "reference",
        "late_imports",
        "extras",
        "replacing",
    ),
    ("keywords",),
)
"""From the top down. A file imports from the floors below its own and from no neighbour."""
LONGEST = 400
"""Lines of a file. That of `fit` may be longer by the docstring of `fit`."""


def module_of(path):
    """ "optimizers.adam" of python/mbgd_rs/optimizers/adam.py; of the file of a package, its name."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if len(parts) > 1 and parts[-1] == "__init__" else parts)


FILES = {module_of(path): path for path in sorted(ROOT.rglob("*.py"))}
TREES = {name: ast.parse(path.read_text()) for name, path in FILES.items()}


def imports_of(name):
    """The files that a file imports, be it in a function or under TYPE_CHECKING."""
    here = (
        name.split(".") if FILES[name].name == "__init__.py" or name == "__init__" else name.split(".")[:-1]
    )
    here = [] if name == "__init__" else here
    for node in ast.walk(TREES[name]):
        if isinstance(node, ast.Import):
            assert name == "__main__" or not any(alias.name.startswith("mbgd_rs") for alias in node.names), (
                name
            )
        elif isinstance(node, ast.ImportFrom) and node.level:
            base = here[: len(here) - node.level + 1] + (node.module.split(".") if node.module else [])
            for alias in node.names:
                inner = ".".join([*base, alias.name])
                found = inner if inner in FILES else ".".join(base)
                if inner not in ("_core", "_core.__version__") and found != "_core":
                    assert found in FILES, f"{name} imports {inner}"
                    yield found


def room_of(name):
    return name.split(".")[0]


def floor_of(name):
    """Counted from the top."""
    return next(floor for floor, rooms in enumerate(FLOORS) if room_of(name) in rooms)


def test_every_file_has_a_floor():
    rooms = [room for floor in FLOORS for room in floor]
    assert sorted(rooms) == sorted({room_of(name) for name in FILES})


@pytest.mark.parametrize("name", FILES)
def test_imports_run_one_way(name):
    upwards = [
        imported
        for imported in imports_of(name)
        if room_of(imported) != room_of(name) and floor_of(imported) <= floor_of(name)
    ]
    assert not upwards, f"{name} must import from the floors below its own only, got {upwards}"


def test_no_files_import_each_other():
    order = TopologicalSorter({name: set(imports_of(name)) for name in FILES})
    try:
        order.prepare()
    except CycleError as error:
        pytest.fail(f"a circle of imports: {' -> '.join(error.args[1])}")


@pytest.mark.parametrize("name", FILES)
def test_files_are_short(name):
    n_lines = len(FILES[name].read_text().splitlines())
    if name == "training":
        (fit,) = (node for node in TREES[name].body if getattr(node, "name", "") == "fit")
        n_lines -= len(ast.get_docstring(fit).splitlines())
    assert n_lines <= LONGEST


def test_the_code_map_has_every_room():
    page = ROOT.parents[1] / "ARCHITECTURE.md"
    rooms = {room_of(name): FILES[name].parent != ROOT for name in FILES}
    names = [f"{room}/" if is_folder else f"{room}.py" for room, is_folder in rooms.items()]
    lines = [line for line in page.read_text().splitlines() if line.startswith("- `")]
    assert [name for name in names if not any(f"`{name}`" in line for line in lines)] == []
