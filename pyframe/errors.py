"""Error classes of pyframe.

All of them are `ValueError` (or `TypeError`, `RuntimeError`) as well, so that code written for
Keras catches them without change.
"""

from __future__ import annotations

import sys
import warnings


class PyframeError(Exception):
    """Base of every error that pyframe raises on purpose."""


class ConfigurationError(PyframeError, ValueError):
    """An argument of a layer, model, optimizer, loss or metric has an impossible value."""


class ShapeError(PyframeError, ValueError):
    """Shapes do not fit together; the text names the layer or argument and both shapes."""


class DataError(PyframeError, ValueError):
    """Training or prediction data cannot be used: dtype, length, labels, empty arrays."""


class NotBuiltError(PyframeError, AttributeError, ValueError):
    """Weights or shapes were asked for before the input shape is known."""


class NotCompiledError(PyframeError, ValueError):
    """fit, evaluate or train_on_batch was called before compile."""


class SymbolicTensorError(PyframeError, TypeError):
    """A symbolic tensor was used where only numbers make sense."""


class NonFiniteError(PyframeError, ValueError):
    """The loss became NaN or infinite and `on_nan="raise"` was asked for."""


class ModelFileError(PyframeError, ValueError):
    """A file of a model or of weights cannot be used; base of the classes below."""


class ModelFormatError(ModelFileError):
    """A file is no file of a model, is damaged, or does not fit the model."""


class IntegrityError(ModelFormatError):
    """The contents of a file differ from its checksums: it was damaged after it was written."""


class ResourceLimitError(ModelFormatError):
    """A file asks for more memory than it may have."""


class UnsafeModelError(ModelFormatError):
    """A file holds code, or refers to other files; pyframe runs no code from files."""


class CheckpointError(PyframeError, OSError):
    """A file could not be written or read; the file that was there before is unchanged."""


def warn(message: str, category: type[Warning] = UserWarning) -> None:
    """Warns with the line of the user's program that led here, not one of pyframe's own."""
    level = 2
    frame = sys._getframe(1)
    while frame.f_back is not None and frame.f_globals.get("__name__", "").startswith("pyframe."):
        frame = frame.f_back
        level += 1
    warnings.warn(message, category, stacklevel=level)
