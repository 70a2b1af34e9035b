"""PyTorch for bench.conv_layers: channels_last tensors, `inference_mode` for the forward pass."""

import ctypes
import platform
from typing import Any

import torch
from torch.nn import functional

from bench.workers.conv_protocol import ConvWorker
from bench.workers.protocol import Run, serve, thread_count


def keep_memory() -> None:
    """Lets glibc keep what is freed: it hands results above 32 MB back to the system otherwise.

    Their next pages would be zeroed again in every iteration, up to half of a layer's time.
    """
    if platform.libc_ver()[0] == "glibc":
        libc = ctypes.CDLL(None)
        libc.mallopt(-4, 0)  # M_MMAP_MAX
        libc.mallopt(-1, 2**31 - 1)  # M_TRIM_THRESHOLD


class TorchConv(ConvWorker):
    def __init__(self) -> None:
        keep_memory()
        torch.set_num_threads(thread_count())

    def version(self) -> str:
        return f"torch {torch.__version__}"

    def layer(self, request: dict[str, Any]) -> tuple[Run, str]:
        batch, size, c, f, k = (
            request[name] for name in ("batch", "size", "channels", "filters", "kernel")
        )
        stride, padding = request["stride"], request["kernel"] // 2
        layout = torch.channels_last
        x = torch.randn(batch, c, size, size).contiguous(memory_format=layout)
        w = torch.randn(f, c, k, k).contiguous(memory_format=layout)
        with torch.inference_mode():
            dy = torch.randn_like(functional.conv2d(x, w, None, stride, padding))
        mask = [request["direction"] == "input", request["direction"] == "kernel", False]

        def forward(iterations: int) -> None:
            with torch.inference_mode():
                for _ in range(iterations):
                    functional.conv2d(x, w, None, stride, padding)

        def backward(iterations: int) -> None:
            for _ in range(iterations):
                torch.ops.aten.convolution_backward(
                    dy, x, w, None, [stride] * 2, [padding] * 2, [1, 1], False, [0, 0], 1, mask
                )

        return forward if request["direction"] == "forward" else backward, ""


if __name__ == "__main__":
    serve(TorchConv())
