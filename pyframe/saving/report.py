"""What became of the weights in a file."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class LoadReport:
    """What `load_weights` did.

    Attributes:
        loaded: weights of the model that were read from the file.
        skipped: weights of the model that keep their values, because the file has none for them
            or one of another shape.
        unexpected: weights of the file for which the model has no place.
    """

    loaded: list[str] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    unexpected: list[str] = field(default_factory=list)
