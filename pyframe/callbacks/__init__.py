"""Callbacks: objects that `fit`, `evaluate` and `predict` call as they go on."""

from pyframe.callbacks.callback import Callback
from pyframe.callbacks.callback_list import CallbackList
from pyframe.callbacks.history import History
from pyframe.callbacks.lambda_callback import LambdaCallback
from pyframe.callbacks.progbar_logger import ProgbarLogger

__all__ = ["Callback", "CallbackList", "History", "LambdaCallback", "ProgbarLogger"]
