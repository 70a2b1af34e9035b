"""Reading of the archives of CIFAR-10 and CIFAR-100."""

from __future__ import annotations

import tarfile
from pathlib import Path

import numpy as np

from pyframe.datasets.arrays import Split, check_images
from pyframe.datasets.pickled import DAMAGE, MAX_BYTES, unpickle
from pyframe.errors import DataError


def load_batches(path: Path, names: list[str], label_key: bytes, classes: int) -> Split:
    """Returns images and labels of some batches of an archive, one after the other.

    Args:
        path: the `.tar.gz` file as its authors publish it; nothing is unpacked to the disk.
        names: the batches in it.
        label_key: the key of the labels in a batch.
        classes: number of classes.

    Returns:
        Images of shape (n, 32, 32, 3) and labels of shape (n, 1), both uint8.

    Raises:
        DataError: if the archive holds something else.
        FileNotFoundError: if there is no such file.
    """
    images, labels = [], []
    try:
        with tarfile.open(path, "r:gz") as archive:
            for name in names:
                member = archive.extractfile(name)
                if member is None or archive.getmember(name).size > MAX_BYTES:
                    raise ValueError(f"{name} is no batch of images")
                batch = unpickle(member.read())
                images.append(batch[b"data"].reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1))
                labels.append(np.array(batch[label_key], np.uint8))
        x, y = np.concatenate(images), np.concatenate(labels)
    except (*DAMAGE, tarfile.TarError) as error:
        raise DataError(f"{path} is damaged or is not an archive of CIFAR: {error}") from error
    check_images(path, x, y, (32, 32, 3), classes)
    return x, y[:, None]
