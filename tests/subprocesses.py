"""Runs Python programs in a process of their own, with the package that is under test."""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pyframe

PACKAGE = Path(pyframe.__file__).resolve().parent


def run_python(
    *arguments: str, cwd: Path, env: Mapping[str, str] | None = None, timeout: float = 240
) -> subprocess.CompletedProcess[str]:
    """Runs `python arguments...` in `cwd`, with the same pyframe as this process."""
    path = os.pathsep.join(filter(None, [str(PACKAGE.parent), os.environ.get("PYTHONPATH")]))
    environment = {**os.environ, "PYTHONPATH": path, "PYTHONWARNINGS": "error", **(env or {})}
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=cwd,
        env=environment,
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=timeout,
        check=False,
    )
