"""`get_file`: data sets from anywhere, fetched once, checked and unpacked."""

from __future__ import annotations

import contextlib
import os
import shutil
import tarfile
import tempfile
import urllib.parse
import zipfile
import zlib
from os import PathLike
from pathlib import Path

from pyframe.errors import ConfigurationError, DataError
from pyframe.utils.download import data_home, fetch
from pyframe.utils.file_lock import locked_file

_MAX_BYTES = 1 << 40
_DIGITS = {"md5": 32, "sha256": 64}


def get_file(
    fname: str | PathLike[str] | None = None,
    origin: str | None = None,
    untar: bool = False,
    md5_hash: str | None = None,
    file_hash: str | None = None,
    cache_subdir: str | PathLike[str] = "datasets",
    hash_algorithm: str = "auto",
    extract: bool = False,
    archive_format: str = "auto",
    cache_dir: str | PathLike[str] | None = None,
    force_download: bool = False,
) -> str:
    """Returns the path of a file or of the folder it was unpacked to; fetches it if need be.

    Names are Keras's: without unpacking the file is `fname`; with it, `fname` without a dot is the
    folder and `fname_archive` the archive, `name.zip` is unpacked to `name_extracted`, and without
    `fname` the folder has the archive's name. A file appears under its name when it is whole and
    checked, a folder when all is unpacked; a broken download is taken up by the next call.

    Args:
        fname: name of the file, without a folder. None: the last part of `origin`.
        origin: http or https address.
        untar: the older way to say `extract=True, archive_format="tar"`.
        md5_hash: the older way to give `file_hash`.
        file_hash: MD5 or SHA-256 hash of the file in hexadecimal. Without one, the file may be
            anything that the server sends.
        cache_subdir: folder in `cache_dir`, or an absolute path.
        hash_algorithm: "md5", "sha256", or "auto" to tell by the length of `file_hash`.
        extract: unpack the archive. Links and paths that lead out of the folder are refused.
        archive_format: "tar" (also compressed), "zip", or "auto" to find out.
        cache_dir: by default `$PYFRAME_HOME`, or `~/.pyframe`.
        force_download: fetch and unpack again; what is there is replaced when the new is whole.

    Raises:
        ConfigurationError: for an impossible argument.
        DownloadError: if the download fails, or the file has another hash. The text says how to
            place the file by hand.
        DataError: if the archive is damaged, unsafe, or larger than the free space.
    """
    wanted_hash = _check_hash(file_hash or md5_hash, hash_algorithm)
    if not isinstance(origin, str):
        raise ConfigurationError(f"`origin` is the address to fetch from. Received: {origin!r}")
    formats = _check_formats("tar" if untar else archive_format)
    name = os.fspath(fname) if fname else Path(urllib.parse.urlsplit(origin).path).name
    if not name or name in (".", "..") or "/" in name or os.sep in name:
        raise ConfigurationError(
            f"`fname` is the name of a file without a folder (`cache_subdir` says where). "
            f"Received: fname={fname!r}, origin={origin!r}"
        )
    folder = (data_home() if cache_dir is None else Path(cache_dir).expanduser()) / cache_subdir
    unpacks = extract or untar
    if not unpacks or (fname and "." in name):
        target, unpacked = folder / name, folder / f"{name.partition('.')[0]}_extracted"
    else:
        target, unpacked = folder / f"{name}_archive", folder / name
    if force_download and target.exists():
        fresh = target.with_name(f"{target.name}.new")
        fresh.unlink(missing_ok=True)
        fetch(origin, fresh, wanted_hash, _MAX_BYTES).replace(target)
    fetch(origin, target, wanted_hash, _MAX_BYTES)
    if not unpacks:
        return str(target)
    with locked_file(folder / f".{unpacked.name}.lock"):
        if force_download or not unpacked.is_dir():
            _unpack(target, unpacked, formats)
    return str(unpacked)


def _check_hash(value: str | None, algorithm: str) -> str | None:
    if algorithm not in ("auto", *_DIGITS):
        raise ConfigurationError(
            f"`hash_algorithm` must be 'auto', 'md5' or 'sha256'. Received: {algorithm!r}"
        )
    lengths = _DIGITS.values() if algorithm == "auto" else (_DIGITS[algorithm],)
    if value is None:
        return None
    text = str(value).lower()
    if len(text) not in lengths or not set(text) <= set("0123456789abcdef"):
        raise ConfigurationError(
            f"`file_hash` must have {' or '.join(map(str, lengths))} hexadecimal digits. "
            f"Received: {value!r}"
        )
    return text


def _check_formats(archive_format: str) -> tuple[str, ...]:
    formats = ("tar", "zip") if archive_format == "auto" else (archive_format,)
    if not set(formats) <= {"tar", "zip"}:
        raise ConfigurationError(
            f"`archive_format` must be 'auto', 'tar' or 'zip'. Received: {archive_format!r}"
        )
    return formats


def _unpack(archive: Path, folder: Path, formats: tuple[str, ...]) -> None:
    temporary = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    try:
        try:
            _unpack_any(archive, temporary, formats)
        except (tarfile.TarError, zipfile.BadZipFile, zlib.error, EOFError, ValueError,
                RuntimeError, NotImplementedError) as error:  # fmt: skip
            raise DataError(f"{archive} cannot be unpacked: {error}") from error
        temporary.chmod(0o755)
        if folder.exists():
            shutil.rmtree(folder)
        temporary.rename(folder)
    finally:
        with contextlib.suppress(OSError):
            shutil.rmtree(temporary)


def _unpack_any(archive: Path, folder: Path, formats: tuple[str, ...]) -> None:
    if "tar" in formats and tarfile.is_tarfile(archive):
        with tarfile.open(archive) as tar:
            _check_space(folder, sum(member.size for member in tar))
            if not hasattr(tarfile, "data_filter"):
                raise ValueError("this Python cannot unpack a tar file safely; use a newer one")
            tar.extractall(folder, filter="data")
    elif "zip" in formats and zipfile.is_zipfile(archive):
        with zipfile.ZipFile(archive) as file:
            _check_space(folder, sum(member.file_size for member in file.infolist()))
            for member in file.namelist():
                if member.startswith(("/", "\\")) or ".." in Path(member).parts:
                    raise ValueError(f"{member} leads out of the folder")
            file.extractall(folder)
    else:
        raise ValueError(f"it is no archive of format {' or '.join(formats)}")


def _check_space(folder: Path, size: int) -> None:
    free = shutil.disk_usage(folder).free
    if size > free:
        raise ValueError(f"it holds {size} bytes, and only {free} are free in {folder.parent}")
