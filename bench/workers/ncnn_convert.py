"""Converts a workload's torch model for ncnn: python -m bench.workers.ncnn_convert NAME FOLDER

Writes into the folder: net.ncnn.param and net.ncnn.bin (by pnnx, float32), x.npy and y.npy (one
sample and torch's result for it) and parameters.txt. A process of its own, because ncnn is timed
in one that has not loaded torch.
"""

import sys
from collections import OrderedDict
from pathlib import Path

import numpy as np
import pnnx
import torch

from bench.workers.torch_networks import parameter_count
from bench.workers.torch_worker import build
from bench.workloads import WORKLOADS


def main(name: str, folder: Path) -> None:
    workload = WORKLOADS[name]
    torch.manual_seed(0)
    model = build(workload).eval()
    (folder / "parameters.txt").write_text(str(parameter_count(model)), encoding="ascii")
    layers = OrderedDict(model=model)  # pnnx makes Python names of them
    if workload.classes:
        layers["softmax"] = torch.nn.Softmax(dim=-1)
    head = torch.nn.Sequential(layers)
    x = torch.from_numpy(workload.data()[0][:1])
    if x.ndim == 4:
        x = x.permute(0, 3, 1, 2).contiguous()
    with torch.inference_mode():
        y = head(x)
    np.save(folder / "x.npy", x.numpy()[0])
    np.save(folder / "y.npy", y.numpy()[0])
    with torch.no_grad():
        pnnx.export(head, str(folder / "net.pt"), x, check_trace=False, fp16=False)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
