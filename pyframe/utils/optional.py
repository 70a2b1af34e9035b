"""Packages that pyframe uses when they are there."""

from __future__ import annotations

import importlib
from typing import Any


def import_optional(module: str, purpose: str, extra: str, package: str | None = None) -> Any:
    """Imports a package that pyframe does not need for its main work.

    Args:
        module: name to import, e.g. "PIL.Image".
        purpose: what it is needed for, as the beginning of a sentence.
        extra: extra of pyframe-nn that installs it, e.g. "image".
        package: name to install it by, if it differs from the first part of `module`.

    Raises:
        ImportError: if it is missing; the text says how to install it.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        package = package or module.partition(".")[0]
        raise ImportError(
            f"{purpose} needs {package}: pip install {package} (or pip install "
            f"'pyframe-nn[{extra}]'). Cause: {error}"
        ) from error
