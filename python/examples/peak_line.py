"""Which line of a numpy program made its peak?

    python3 peak_line.py [FILE]

records a small program, with each array's line, and asks `weir trace`. The recording stays in FILE.
"""

import subprocess
import sys
import tempfile

import numpy as np

import weir
import weir.numpy


def normalize(x):
    return (x - x.mean(axis=0)) / (x.std(axis=0) + 1)


def distances(x):
    square = (x * x).sum(axis=1)
    return square[:, None] + square[None, :] - 2 * (x @ x.T)  # four matrices for one result


def nearest(x, count):
    return distances(normalize(x)).argsort(axis=1)[:, :count].copy()


def main():
    weir.numpy.install(sites=True)
    with tempfile.TemporaryDirectory() as folder:
        file = sys.argv[1] if len(sys.argv) > 1 else folder + "/run.wtr"
        with weir.record(file), weir.peak() as peak:
            nearest(np.ones((1000, 64)), 5)
        print(f"peak: {peak.bytes} bytes", flush=True)
        subprocess.run([sys.executable, "-m", "weir", "trace", "--by", "tag", "--top", "4", file],
                       check=True)


if __name__ == "__main__":
    main()
