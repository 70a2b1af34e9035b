"""The one-direction rules of the house, and the size of files.

C++:     common, kernels <- isa <- ir <- ops <- graph <- bind, capi
Python:  _core <- ops <- (layers, losses, metrics, optimizers, ...) <- models <- applications
"""

import ast
import re
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

from tests.subprocesses import PACKAGE

ROOT = Path(__file__).resolve().parent.parent
CSRC = ROOT / "csrc"
MAX_LINES = 450

# A folder may include folders of a lower rank, and itself.
CPP_RANKS = {"common": 0, "kernels": 0, "isa": 1, "ir": 2, "ops": 3, "graph": 4}
CPP_RANKS |= {"bind": 5, "capi": 5}

# A module may import modules of a lower rank, and those of its own rank without a cycle.
PYTHON_RANKS = {
    **dict.fromkeys(["_version", "_core", "errors", "config", "naming", "lookup", "nest"], 0),
    "utils": 1,
    "ops": 2,
    **dict.fromkeys(["activations", "initializers", "regularizers", "constraints", "random"], 3),
    **dict.fromkeys(["layers", "losses", "metrics", "optimizers", "datasets"], 3),
    **dict.fromkeys(["callbacks", "saving", "preprocessing", "testing", "backend", "cam"], 3),
    "models": 4,
    **dict.fromkeys(["applications", "old_modules"], 5),
    "__main__": 6,
    "__init__": 7,
}

needs_sources = pytest.mark.skipif(not CSRC.is_dir(), reason="needs the C++ sources")


def includes() -> list[tuple[Path, str]]:
    files = [path for path in CSRC.rglob("*") if path.suffix in (".h", ".cc")]
    return [
        (path.relative_to(CSRC), name)
        for path in sorted(files)
        for name in re.findall(r'^\s*#\s*include\s+[<"]([^>"]+)[>"]', path.read_text("utf-8"), re.M)
    ]


@needs_sources
def test_cpp_includes_go_one_way() -> None:
    wrong = []
    for path, name in includes():
        here, _, _ = path.as_posix().partition("/")
        there, slash, _ = name.partition("/")
        assert here in CPP_RANKS, f"csrc/{here} has no rank in this test"
        if slash and (CSRC / there).is_dir() and there != here:
            if CPP_RANKS[there] >= CPP_RANKS[here]:
                wrong.append(f"{path} includes {name}")
            if there == "kernels" and here != "isa":
                wrong.append(f"{path} includes {name}: kernels are compiled by isa/ alone")
    assert not wrong


@needs_sources
def test_only_bind_knows_pybind11_and_only_parallel_knows_openmp() -> None:
    wrong = [
        f"{path} includes {name}"
        for path, name in includes()
        if (name.startswith(("pybind11", "Python.h")) and path.parts[0] != "bind")
        or (name == "omp.h" and path.as_posix() != "common/parallel.cc")
    ]
    for path in sorted(CSRC.rglob("*")):
        uses = path.is_file() and re.search(r"^\s*#\s*pragma omp|_Pragma\(\"omp", path.read_text())
        if uses and path.relative_to(CSRC).as_posix() != "common/parallel.cc":
            wrong.append(f"{path.relative_to(CSRC)} uses OpenMP")
    assert not wrong


def imports_of(path: Path) -> set[str]:
    """The parts of pyframe that a file imports, `import x` for type checkers apart."""
    tree = ast.parse(path.read_text("utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
            node.body = []
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} has a relative import"
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        found |= {name.split(".")[1] for name in names if name.startswith("pyframe.")}
    return found - {"__version__"}


def python_imports() -> dict[str, dict[Path, set[str]]]:
    found: dict[str, dict[Path, set[str]]] = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        relative = path.relative_to(PACKAGE)
        part = relative.parts[0].removesuffix(".py")
        found.setdefault(part, {})[relative] = imports_of(path) - {part}
    return found


def test_python_imports_go_one_way() -> None:
    wrong = []
    for part, files in python_imports().items():
        assert part in PYTHON_RANKS, f"pyframe.{part} has no rank in this test"
        for path, names in files.items():
            wrong += [
                f"{path} imports pyframe.{name}"
                for name in names
                if PYTHON_RANKS.get(name, -1) > PYTHON_RANKS[part]
            ]
    assert not wrong


def test_python_imports_have_no_cycle() -> None:
    graph = {part: set().union(*files.values()) for part, files in python_imports().items()}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(f"pyframe modules import each other: {' -> '.join(error.args[1])}")


@needs_sources
def test_files_stay_small() -> None:
    suffixes = {".py", ".pyx", ".pyi", ".h", ".cc"}
    files = [ROOT / "setup.py"]
    for folder in ("csrc", "pyframe", "tests", "bench", "examples"):
        files += [path for path in (ROOT / folder).rglob("*") if path.suffix in suffixes]
    lengths = {
        path.relative_to(ROOT).as_posix(): len(path.read_text("utf-8").splitlines())
        for path in files
    }
    assert {name: n for name, n in lengths.items() if n >= MAX_LINES} == {}


@needs_sources
def test_flags_that_break_other_machines_or_numbers_are_not_used() -> None:
    text = (ROOT / "setup.py").read_text("utf-8")
    for flag in ("-march", "-Ofast", "-ffast-math", "-funsafe-math-optimizations", "-flto"):
        assert f'"{flag}' not in text
