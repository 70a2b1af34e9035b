"""Vectors for whole numbers: words, categories."""

from __future__ import annotations

from typing import Any

import numpy as np

from pyframe import constraints, initializers, ops, regularizers
from pyframe.errors import DataError
from pyframe.layers import arguments
from pyframe.layers.base import Layer
from pyframe.ops.dtypes import Array


class Embedding(Layer):
    """Turns whole numbers into vectors, the rows of a trainable table.

    Args:
        input_dim: number of rows; inputs are in [0, input_dim), negative ones count from the end.
        output_dim: length of the vectors.
        embeddings_initializer: how the table starts.
        embeddings_regularizer: penalty on the table, None for none.
        embeddings_constraint: what holds for the table after each update, None for nothing.
        mask_zero: whether 0 stands for padding, which layers that use masks leave out.
        weights: the table to start with, None to make one.
        input_length: length of the sequences, as Keras 2 wanted it; sets `input_shape`.
        **kwargs: name, trainable, dtype, input_shape.

    Shapes:
        (batch, ...) whole numbers to (batch, ..., output_dim); embeddings (input_dim, output_dim).

    Raises:
        ConfigurationError: if a size is no positive integer.
        DataError: when arrays with other numbers enter the layer, or a model of layers whose
            input it is; behind other layers such a number gives a vector of NaN.
    """

    def __init__(
        self,
        input_dim: int,
        output_dim: int,
        embeddings_initializer: Any = "uniform",
        embeddings_regularizer: Any = None,
        embeddings_constraint: Any = None,
        mask_zero: bool = False,
        weights: Any = None,
        input_length: int | None = None,
        **kwargs: Any,
    ) -> None:
        # Keras's files name these two even where they are not used.
        for unused in ("quantization_config", "lora_rank"):
            if kwargs.get(unused, 0) is None:
                del kwargs[unused]
        if input_length is not None:
            kwargs.setdefault("input_shape", (input_length,))
        super().__init__(**kwargs)
        self.input_dim = arguments.positive_integer(input_dim, "input_dim", self.label)
        self.output_dim = arguments.positive_integer(output_dim, "output_dim", self.label)
        self.embeddings_initializer = initializers.get(embeddings_initializer)
        self.embeddings_regularizer = regularizers.get(embeddings_regularizer)
        self.embeddings_constraint = constraints.get(embeddings_constraint)
        self.mask_zero = bool(mask_zero)
        if weights is not None:
            self.ensure_built((None,))
            self.set_weights(weights if isinstance(weights, list) else [weights])

    def build(self, input_shape: Any) -> None:
        """Makes the table embeddings (input_dim, output_dim)."""
        self.embeddings = self.add_weight(
            (self.input_dim, self.output_dim),
            self.embeddings_initializer,
            regularizer=self.embeddings_regularizer,
            name="embeddings",
            constraint=self.embeddings_constraint,
        )

    def array_dtype(self, array: Array) -> str:
        """Returns "int32"."""
        self.check_values(array)
        return "int32"

    def check_values(self, array: Array) -> None:
        """Looks for numbers that have no row.

        Raises:
            DataError: if there is one; the text says which and where.
        """
        if array.size and not (array.min() >= -self.input_dim and array.max() < self.input_dim):
            bad = ~((array < self.input_dim) & (array >= -self.input_dim))
            at = np.unravel_index(int(np.argmax(bad)), array.shape)
            raise DataError(
                f"{self.label} has {self.input_dim} rows, but its input holds {array[at]} at "
                f"position {tuple(int(i) for i in at)}. Make input_dim larger than the largest "
                "number."
            )

    def call(self, inputs: Any) -> Any:
        """Returns a vector for each number."""
        return ops.take(self.embeddings, inputs, axis=0)

    def compute_mask(self, inputs: Any, previous_mask: Any) -> Any:
        """Returns 1.0 for the numbers that are no padding, None without `mask_zero`."""
        if not self.mask_zero:
            return None
        return ops.cast(ops.not_equal(inputs, 0), self.dtype)
