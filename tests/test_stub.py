"""The stub of the engine says what the engine has: names, parameters and defaults."""

import ast
import re
from pathlib import Path
from typing import Any

import pytest

import pyframe
from pyframe import _core

STUB = Path(pyframe.__file__).with_name("_core.pyi")
TREE = ast.parse(STUB.read_text("utf-8"))

Signature = list[tuple[str, bool]]  # names of the parameters, and whether there is a default


def stub_functions() -> dict[str, ast.FunctionDef]:
    found = {}
    for node in TREE.body:
        if isinstance(node, ast.FunctionDef):
            found[node.name] = node
        elif isinstance(node, ast.ClassDef):
            for member in node.body:
                if isinstance(member, ast.FunctionDef):
                    found[f"{node.name}.{member.name}"] = member
    return found


FUNCTIONS = stub_functions()


def is_property(node: ast.FunctionDef) -> bool:
    return any(isinstance(d, ast.Name) and d.id == "property" for d in node.decorator_list)


def stub_signature(node: ast.FunctionDef) -> Signature:
    arguments = node.args.posonlyargs + node.args.args
    first_default = len(arguments) - len(node.args.defaults)
    return [(a.arg, i >= first_default) for i, a in enumerate(arguments) if a.arg != "self"]


def engine_signature(obj: Any) -> Signature:
    """Reads the signature line that pybind11 writes at the top of the docstring."""
    line = (obj.__doc__ or "").splitlines()[0]
    match = re.fullmatch(r"\w+\((.*)\)(?: -> .*)?", line)
    assert match is not None, f"no signature in {line!r}"
    depth, parts = 0, [""]
    for sign in match[1]:
        depth += (sign in "[({") - (sign in "])}")
        if sign == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += sign
    found = []
    for part in parts:
        name = part.partition(":")[0].strip()
        if name not in ("", "self", "*", "/"):
            found.append((name, "=" in re.sub(r"\[.*\]", "", part)))
    return found


def lookup(name: str) -> Any:
    owner, _, member = name.rpartition(".")
    return getattr(getattr(_core, owner) if owner else _core, member)


@pytest.mark.parametrize("name", [n for n, f in FUNCTIONS.items() if not is_property(f)])
def test_parameters(name: str) -> None:
    if name.split(".")[-1] in ("__str__", "__repr__"):
        assert callable(lookup(name))
        return
    assert engine_signature(lookup(name)) == stub_signature(FUNCTIONS[name])


@pytest.mark.parametrize("name", [n for n, f in FUNCTIONS.items() if is_property(f)])
def test_properties(name: str) -> None:
    assert isinstance(lookup(name), property)
    assert lookup(name).fset is None


def test_the_stub_names_everything_and_nothing_more() -> None:
    stub = {node.name for node in TREE.body if isinstance(node, (ast.FunctionDef, ast.ClassDef))}
    stub |= {
        node.target.id
        for node in TREE.body
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name)
    }
    assert stub == {name for name in vars(_core) if not name.startswith("__")} | {"__version__"}
    for node in TREE.body:
        if not isinstance(node, ast.ClassDef):
            continue
        named = {m.name for m in node.body if isinstance(m, ast.FunctionDef)}
        named |= {
            m.target.id
            for m in node.body
            if isinstance(m, ast.AnnAssign) and isinstance(m.target, ast.Name)
        }
        real = {name for name in vars(getattr(_core, node.name)) if not name.startswith("_")}
        assert {name for name in named if not name.startswith("_")} == real
