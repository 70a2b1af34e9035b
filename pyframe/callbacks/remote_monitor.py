"""The callback that sends metrics to a server."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from pyframe.callbacks.callback import Callback, Logs
from pyframe.callbacks.checks import check_number
from pyframe.errors import ConfigurationError, warn


class RemoteMonitor(Callback):
    """Sends the metrics of every epoch to a server, as an HTTP POST.

    Args:
        root: address of the server, http or https.
        path: path on the server.
        field: name of the form's field with the metrics as JSON, unless `send_as_json`.
        headers: further headers of the request.
        send_as_json: whether the request itself is JSON.
        timeout: seconds to wait for the server.

    Raises:
        ConfigurationError: if `root` is no address of a web server.
    """

    def __init__(
        self,
        root: str = "http://localhost:9000",
        path: str = "/publish/epoch/end/",
        field: str = "data",
        headers: Mapping[str, str] | None = None,
        send_as_json: bool = False,
        timeout: float = 10.0,
    ) -> None:
        super().__init__()
        if not isinstance(root, str) or not root.startswith(("http://", "https://")):
            raise ConfigurationError(
                f"`root` must start with http:// or https://. Received: {root!r}"
            )
        self.root = root
        self.path = path
        self.field = field
        self.headers = headers
        self.send_as_json = send_as_json
        self.timeout = check_number(timeout, "timeout", 0.0)

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Sends the metrics; a server that does not answer is only warned about."""
        from urllib.error import HTTPError
        from urllib.parse import urlencode
        from urllib.request import Request, urlopen

        text = json.dumps({"epoch": epoch, **{k: _plain(v) for k, v in (logs or {}).items()}})
        body = text if self.send_as_json else urlencode({self.field: text})
        kind = "application/json" if self.send_as_json else "application/x-www-form-urlencoded"
        headers = {"Content-Type": kind, **(self.headers or {})}
        request = Request(self.root + self.path, body.encode(), headers)
        try:
            with urlopen(request, timeout=self.timeout):
                pass
        except HTTPError:
            pass  # the server got the message; what it thinks of it is its own business
        except OSError as error:
            warn(f"Could not reach RemoteMonitor root server at {self.root} ({error})")


def _plain(value: Any) -> Any:
    return value.tolist() if isinstance(value, (np.ndarray, np.generic)) else value
