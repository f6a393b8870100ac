"""What an array costs: numpy's own memory, weir's, and weir's with lines; and what calls of the
package cost. Nanoseconds, the least of many rounds of 500; docs/guide/python.md has a run.

    PYTHONPATH=python python3 python/cost.py
"""

import time

import numpy as np

import weir
import weir.numpy

CASES = (("numpy.empty, 80 bytes", lambda: np.empty(10)),
         ("numpy.empty, 8 kB", lambda: np.empty(1000)),
         ("numpy.empty, 800 kB", lambda: np.empty(100000)),
         ("numpy.zeros, 8 kB", lambda: np.zeros(1000)),
         ("a + a, 8 kB", (lambda a: lambda: a + a)(np.arange(1000.0))))


def a_context():
    with weir.Context("x"):
        pass


def a_peak():
    with weir.peak(numpy=False):
        pass


CALLS = (("a context's block", a_context), ("a peak's block", a_peak),
         ("a tensor", lambda: weir.empty(10)), ("cpu.total", lambda: weir.cpu.total))


def least(make, rounds=300, count=500):
    best = float("inf")
    for _ in range(rounds):
        begin = time.perf_counter_ns()
        for _ in range(count):
            make()
        best = min(best, (time.perf_counter_ns() - begin) / count)
    return best


def main():
    columns = [[least(make) for _, make in CASES]]
    for sites in False, True:
        weir.numpy.install(sites=sites)
        columns.append([least(make, rounds=60 if sites else 300) for _, make in CASES])
        weir.numpy.uninstall()
    print(f"{'':24}{'numpy':>10}{'weir':>10}{'with lines':>12}")
    for (name, _), own, direct, lines in zip(CASES, *columns):
        print(f"{name:24}{own:>10.0f}{direct:>10.0f}{lines:>12.0f}")
    for name, call in CALLS:
        print(f"{name:24}{'':10}{least(call, rounds=60):>10.0f}")


if __name__ == "__main__":
    main()
