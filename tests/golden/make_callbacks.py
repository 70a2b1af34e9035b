"""Computes what the real Keras's callbacks do in every case of tests/oracle/callback_runs.py.

Run with an interpreter that has keras and tensorflow, from the folder that holds tests/:
    python -m tests.golden.make_callbacks                    writes tests/golden/callbacks.json
    python -m tests.golden.make_callbacks --out FILE         writes another file
"""

import argparse
import json
import os
from pathlib import Path

from tests.oracle.callback_runs import run_all


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path(__file__).with_name("callbacks.json"))
    options = parser.parse_args()
    os.environ["KERAS_BACKEND"] = "tensorflow"
    os.environ["CUDA_VISIBLE_DEVICES"] = ""
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    import keras

    results = {"version": f"keras {keras.__version__}", "cases": run_all(keras)}
    options.out.write_text(json.dumps(results, indent=0) + "\n", "utf-8")
    print(f"{len(results['cases'])} cases of keras {keras.__version__}")


if __name__ == "__main__":
    main()
