"""Computes what the real Keras gives for every case of tests/oracle/specs.py.

Run with an interpreter that has keras and tensorflow, from the folder that holds tests/:
    python -m tests.golden.make_golden                      writes tests/golden/*.npz
    python -m tests.golden.make_golden --groups optimizer   only the cases named optimizer/...
    python -m tests.golden.make_golden --seed 5 --out DIR   the same with other random numbers
"""

import argparse
import gc
import os
import time
from pathlib import Path
from typing import Any

import numpy as np

from tests.oracle.runs import RUNS, run

HERE = Path(__file__).resolve().parent


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=HERE)
    parser.add_argument("--groups", nargs="*", help="all if none is given")
    options = parser.parse_args()

    os.environ["KERAS_BACKEND"] = "tensorflow"
    os.environ["CUDA_VISIBLE_DEVICES"] = ""
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    import keras

    gc.freeze()  # clear_session() collects garbage; all of TensorFlow need not be looked at
    start = time.time()
    files: dict[str, dict[str, Any]] = {}
    for name in RUNS:
        group = name.split("/")[0]
        if options.groups and group not in options.groups:
            continue
        keras.utils.clear_session()
        for key, value in run(keras, name, options.seed).items():
            files.setdefault(group, {})[f"{name}/{key}"] = value
    versions = np.array([f"keras {keras.__version__}", f"seed {options.seed}"])
    options.out.mkdir(parents=True, exist_ok=True)
    for group, arrays in files.items():
        save: Any = np.savez_compressed  # its stub takes every keyword for an option
        save(options.out / f"{group}.npz", versions=versions, **arrays)
    print(f"{len(RUNS)} cases of keras {keras.__version__} in {time.time() - start:.0f} s")


if __name__ == "__main__":
    main()
