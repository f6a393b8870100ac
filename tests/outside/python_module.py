"""A Python program somewhere else that uses the installed weir: figures, contexts with limits, a plan; `python -m
weir`. Prints which library it found.

    python_module.py           with numpy, where that is there: its arrays, exactly
"""
import subprocess
import sys

import weir

try:
    import numpy as np
except ImportError:
    np = None

with weir.peak() as p:
    a = weir.zeros(1000, "uint8")
    b = weir.zeros(3000, "uint8")
    del a
    c = weir.zeros(500, "uint8")
assert (p.bytes, p.delta) == (4000, 3500), (p.bytes, p.delta)
assert len(memoryview(b.memoryview())) == 3000

with weir.Context("request", limit="64K") as request:
    try:
        weir.zeros(100000, "uint8")
        raise SystemExit("a limit is not kept")
    except weir.LimitError as error:
        assert error.context == "request" and error.limit == 65536, error
assert request.stats().failures == 1

plan = weir.plan([4096, 4096, 1024], [(0, 2), (1, 3), (2, 4)])
plan.verify()
assert plan.arena_size == 8192 and plan.optimal, plan

before = weir.checkpoint()
kept = weir.zeros(77, "uint8")
assert [leak.size for leak in before.leaks()] == [77]

if np is not None:
    import weir.numpy

    with weir.peak() as p:
        x = np.zeros(1000)
        y = x + x
        del x
        z = np.zeros(500)
    assert (p.bytes, p.delta) == (16000, 12000), (p.bytes, p.delta)

done = subprocess.run([sys.executable, "-m", "weir", "run", "--", sys.executable, "-c", "bytearray(10_000_000)"],
                      stderr=subprocess.PIPE, text=True, check=True)
assert "peak" in done.stderr, done.stderr
print(weir.LIBRARY_PATH, "with numpy" if np else "without numpy")
