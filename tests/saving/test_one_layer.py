"""Archives are opened in few places, and nothing in a file can run as code."""

import ast
from pathlib import Path

from tests.subprocesses import PACKAGE

ARCHIVES = {"zipfile", "tarfile", "shelve"}
CODE = {"pickle", "marshal", "dill", "cloudpickle", "importlib"}
# Models; data sets (numbers alone come out of them: tests/test_public_datasets.py); `get_file`
# (paths that lead out of the folder are refused: tests/test_get_file.py).
MAY_OPEN_ARCHIVES = {
    "saving/archive.py", "datasets/pickled.py", "datasets/cifar.py", "utils/files.py",
}  # fmt: skip
# Its unpickler finds no class but its own records.
MAY_UNPICKLE = {"datasets/pickled.py"}
# Fixed names only: optional packages, and submodules loaded when they are first used.
MAY_IMPORT_BY_NAME = {
    "__init__.py", "utils/__init__.py", "utils/image_utils.py", "utils/optional.py",
}  # fmt: skip


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
        assert not used & ARCHIVES or name in MAY_OPEN_ARCHIVES, name
        if name in MAY_UNPICKLE:
            used.discard("pickle")
        assert not used & CODE or name in MAY_IMPORT_BY_NAME, (name, used & CODE)


def test_no_evaluation_of_text() -> None:
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                assert node.func.id not in ("eval", "exec", "compile", "__import__"), path
