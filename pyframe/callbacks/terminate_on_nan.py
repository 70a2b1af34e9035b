"""The callback that ends a training gone wrong."""

from __future__ import annotations

import math

from pyframe.callbacks.callback import Callback, Logs
from pyframe.errors import NonFiniteError


class TerminateOnNaN(Callback):
    """Ends training at the first batch whose loss is NaN or infinite.

    The engine watches the loss itself, so that this costs nothing during an epoch; the update
    that belongs to the bad loss is not applied.

    Args:
        raise_error: whether to raise an error at once instead of ending `fit` in good order.
    """

    skips_batches = True

    def __init__(self, raise_error: bool = False) -> None:
        super().__init__()
        self.raise_error = raise_error

    def on_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """Looks at the loss, where another callback makes batches be told one by one."""
        loss = (logs or {}).get("loss")
        if loss is not None and not math.isfinite(loss):
            self.on_invalid_loss(batch, float(loss))

    def on_invalid_loss(self, batch: int, loss: float) -> None:
        """Called by `fit` at the first bad loss.

        Args:
            batch: number of the batch in its epoch, from 0.
            loss: its loss.

        Raises:
            NonFiniteError: if `raise_error`.
        """
        if self.raise_error:
            raise NonFiniteError(f"The loss of batch {batch} is {loss}; training is terminated.")
        if not self.model.stop_training:
            print(f"Batch {batch}: Invalid loss, terminating training")
        self.model.stop_training = True
