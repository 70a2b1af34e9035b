"""Archives are opened in one place, and nothing in a file can run as code."""

import ast
from pathlib import Path

from tests.subprocesses import PACKAGE

ARCHIVES = {"zipfile", "tarfile", "shelve"}
CODE = {"pickle", "marshal", "dill", "cloudpickle", "importlib"}
# Fixed names only: optional packages, and submodules loaded when they are first used.
MAY_IMPORT_BY_NAME = {"__init__.py", "utils/__init__.py", "utils/optional.py"}


def imports(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module.partition(".")[0])
    return found


def test_imports() -> None:
    for path in PACKAGE.rglob("*.py"):
        name, used = path.relative_to(PACKAGE).as_posix(), imports(path)
        assert not used & ARCHIVES or name in ("saving/archive.py", "datasets/arrays.py"), name
        assert not used & CODE or name in MAY_IMPORT_BY_NAME, (name, used & CODE)


def test_no_evaluation_of_text() -> None:
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                assert node.func.id not in ("eval", "exec", "compile", "__import__"), path
