"""Keras 2 place of `pad_sequences`."""

from pyframe.utils.sequence_utils import pad_sequences

__all__ = ["pad_sequences"]
