"""Lists of the picture files in a folder."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from pyframe.errors import DataError


def check_folder(directory: Any, argument: str = "directory") -> str:
    """Returns the path of a folder.

    Raises:
        DataError: if there is none.
    """
    path = os.fspath(directory)
    if not os.path.isdir(path):
        raise DataError(f"`{argument}` is not a folder: {path}")
    return str(path)


def class_folders(directory: str, hidden: bool) -> list[str]:
    """Returns the names of the folders in a folder, sorted.

    Args:
        directory: the folder.
        hidden: include names that begin with a dot.
    """
    names = [entry.name for entry in os.scandir(directory) if entry.is_dir()]
    return sorted(name for name in names if hidden or not name.startswith("."))


def list_files(folder: str, endings: tuple[str, ...], follow_links: bool) -> list[str]:
    """Returns the files below a folder with certain endings, folder by folder, sorted.

    Args:
        folder: where to look.
        endings: small letters, without the dot.
        follow_links: look in linked folders as well, in each folder once.
    """
    found: list[tuple[str, list[str]]] = []
    seen: set[str] = set()
    for root, folders, files in os.walk(folder, followlinks=follow_links):
        if follow_links:  # which may lead in circles
            real = os.path.realpath(root)
            if real in seen:
                folders.clear()
                continue
            seen.add(real)
        names = sorted(name for name in files if Path(name).suffix[1:].lower() in endings)
        found.append((root, names))
    return [os.path.join(root, name) for root, names in sorted(found) for name in names]
