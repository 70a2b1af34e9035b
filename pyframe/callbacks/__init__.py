"""Callbacks: objects that `fit`, `evaluate` and `predict` call as they go on."""

from pyframe.callbacks.backup_and_restore import BackupAndRestore
from pyframe.callbacks.callback import Callback
from pyframe.callbacks.callback_list import CallbackList
from pyframe.callbacks.csv_logger import CSVLogger
from pyframe.callbacks.early_stopping import EarlyStopping
from pyframe.callbacks.history import History
from pyframe.callbacks.lambda_callback import LambdaCallback
from pyframe.callbacks.learning_rates import LearningRateScheduler, ReduceLROnPlateau
from pyframe.callbacks.model_checkpoint import ModelCheckpoint
from pyframe.callbacks.monitor_callback import MonitorCallback
from pyframe.callbacks.progbar_logger import ProgbarLogger
from pyframe.callbacks.remote_monitor import RemoteMonitor
from pyframe.callbacks.tensorboard import TensorBoard
from pyframe.callbacks.terminate_on_nan import TerminateOnNaN

__all__ = [
    "BackupAndRestore",
    "CSVLogger",
    "Callback",
    "CallbackList",
    "EarlyStopping",
    "History",
    "LambdaCallback",
    "LearningRateScheduler",
    "ModelCheckpoint",
    "MonitorCallback",
    "ProgbarLogger",
    "ReduceLROnPlateau",
    "RemoteMonitor",
    "TensorBoard",
    "TerminateOnNaN",
]
