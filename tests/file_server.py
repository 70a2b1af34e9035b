"""A server of files on this machine that can misbehave, for tests of downloads."""

import base64
import contextlib
import hashlib
import re
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class FileServer:
    """What the server has and does.

    Attributes:
        files: contents by path.
        address: where it is, without a slash at the end.
        ends_after: bytes after which each answer breaks off, None for never.
        knows_ranges: whether a part of a file can be asked for.
        states_length: whether the length is said beforehand.
        states_md5: whether the hash is said as Google's storage does.
        ranges: the header Range of each request, "" for none.
    """

    files: Mapping[str, bytes]
    address: str = ""
    ends_after: int | None = None
    knows_ranges: bool = True
    states_length: bool = True
    states_md5: bool = False
    ranges: list[str] = field(default_factory=list)

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        wanted = request.headers.get("Range", "")
        self.ranges.append(wanted)
        body = self.files.get(request.path)
        if body is None:
            request.send_error(404, "no such file")
            return
        start = 0
        if wanted and self.knows_ranges:
            match = re.fullmatch(r"bytes=(\d+)-", wanted)
            assert match is not None
            start = int(match[1])
            if start >= len(body):
                request.send_error(416, "nothing there")
                return
            request.send_response(206)
            request.send_header("Content-Range", f"bytes {start}-{len(body) - 1}/{len(body)}")
        else:
            request.send_response(200)
        if self.states_length:
            request.send_header("Content-Length", str(len(body) - start))
        if self.states_md5:
            digest = base64.b64encode(hashlib.md5(body).digest()).decode()
            request.send_header("x-goog-hash", "crc32c=AAAAAA==")
            request.send_header("x-goog-hash", f"md5={digest}")
        request.end_headers()
        request.wfile.write(body[start:][: self.ends_after])


@contextlib.contextmanager
def file_server(files: Mapping[str, bytes]) -> Iterator[FileServer]:
    """Runs a server of these files on 127.0.0.1 inside the block."""
    server = FileServer(files)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            server.answer(self)

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as httpd:
        server.address = f"http://127.0.0.1:{httpd.server_port}"
        thread = threading.Thread(target=httpd.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            httpd.shutdown()
            thread.join()
