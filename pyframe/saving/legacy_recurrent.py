"""Weights of recurrent layers in other layouts: Keras 1's arrays for each gate, and cuDNN's.

Keras 1 keeps W, U and b of each gate apart, those of an LSTM in the order i, c, f, o. CuDNNLSTM
and CuDNNGRU of Keras 2 keep each gate's matrices transposed, and two vectors of biases.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from pyframe.ops.dtypes import Array
from pyframe.saving.hdf5 import Dataset

Stored = list[tuple[str, Any]]


class Derived:
    """An array that is computed from datasets of a file when it is read.

    Args:
        sources: the datasets.
        shape: shape of the result.
        make: returns it from the arrays.
    """

    is_plain = False

    def __init__(
        self, sources: Sequence[Dataset], shape: Sequence[int], make: Callable[..., Array]
    ) -> None:
        self._sources = list(sources)
        self._make = make
        self.shape = tuple(shape)
        self.dtype = self._sources[0].dtype

    def read(self) -> Array:
        """Returns the array."""
        return self._make(*(source.read() for source in self._sources))


def in_todays_layout(layer: Any, entries: Stored) -> Stored:
    """Returns the stored arrays of a layer as its weights are today, whatever they were.

    Args:
        layer: a layer of a model; the recurrent layers in Bidirectional and TimeDistributed are
            found.
        entries: names and datasets, in the order of the file.
    """
    pair = [getattr(layer, name, None) for name in ("forward_layer", "backward_layer")]
    if None not in pair and len(entries) % 2 == 0:
        half = len(entries) // 2
        forward, backward = entries[:half], entries[half:]
        return [*in_todays_layout(pair[0], forward), *in_todays_layout(pair[1], backward)]
    if hasattr(layer, "layer") and not hasattr(layer, "cell"):
        return in_todays_layout(layer.layer, entries)
    gates = getattr(getattr(layer, "cell", None), "gates", None)
    if gates is None:
        return entries
    if gates > 1 and len(entries) == 3 * gates and _are_gates(entries):
        return _from_gates(entries, gates)
    if gates > 1 and len(entries) == 3 and _is_cudnn(entries, gates):
        return _from_cudnn(entries, gates)
    return entries


def _are_gates(entries: Stored) -> bool:
    # W, U and b of one shape for all gates; anything else is told by its number of arrays.
    shapes = [dataset.shape for _, dataset in entries]
    return () not in shapes and all(shapes[i] == shapes[i % 3] for i in range(len(shapes)))


def _from_gates(entries: Stored, gates: int) -> Stored:
    order = (0, 2, 1, 3) if gates == 4 else (0, 1, 2)
    found: Stored = []
    for i, name in enumerate(("kernel", "recurrent_kernel", "bias")):
        parts = [entries[3 * g + i] for g in order]
        datasets = [dataset for _, dataset in parts]
        shape = (*datasets[0].shape[:-1], gates * datasets[0].shape[-1])
        path = f"{parts[0][0]} ... {name}"
        found.append((path, Derived(datasets, shape, lambda *arrays: np.concatenate(arrays, -1))))
    return found


def _is_cudnn(entries: Stored, gates: int) -> bool:
    # Two biases in one vector: 8 units instead of 4 for the LSTM, 6 instead of 3 for the GRU.
    kernel, recurrent, bias = (dataset.shape for _, dataset in entries)
    units = recurrent[0] if recurrent else 0
    width = gates * units
    return (
        len(kernel) == 2
        and kernel[1] == width
        and (recurrent, bias) == ((units, width), (2 * width,))
    )


def _from_cudnn(entries: Stored, gates: int) -> Stored:
    (kernel_path, kernel), (recurrent_path, recurrent), (bias_path, bias) = entries

    def by_gate(function: Callable[[Array], Array]) -> Callable[[Array], Array]:
        return lambda matrix: np.hstack([function(part) for part in np.hsplit(matrix, gates)])

    def transposed_memory(matrix: Array) -> Array:
        # A gate's kernel lies in memory as (units, inputs), whatever its shape says.
        return np.asarray(matrix.T.reshape(matrix.shape, order="F"))

    width = bias.shape[0] // 2
    if gates == 4:
        shape: tuple[int, ...] = (width,)
        biases: Callable[[Array], Array] = lambda b: b[:width] + b[width:]  # noqa: E731
    else:
        shape, biases = (2, width), lambda b: b.reshape(2, width)
    return [
        (kernel_path, Derived([kernel], kernel.shape, by_gate(transposed_memory))),
        (recurrent_path, Derived([recurrent], recurrent.shape, by_gate(np.transpose))),
        (bias_path, Derived([bias], shape, biases)),
    ]
