"""weir.numpy: every array exactly, by context, tag and line; in every thread; and the way back."""

import contextvars
import gc
import pathlib
import subprocess
import sys
import threading

import pytest

np = pytest.importorskip("numpy")

import weir  # noqa: E402
import weir.numpy  # noqa: E402


@pytest.fixture
def hook():
    weir.numpy.install()
    yield
    weir.numpy.uninstall()
    gc.collect()


@pytest.fixture
def lines():
    weir.numpy.install(sites=True)
    yield
    weir.numpy.uninstall()
    gc.collect()


def test_every_way_to_make_an_array(hook):
    made = [np.empty(100), np.zeros((10, 10)), np.ones(7, "float32"), np.array([1, 2, 3]),
            np.arange(50).reshape(5, 10)[:, ::2].copy(), np.frombuffer(b"abc", "uint8").copy(),
            np.asfortranarray(np.ones((3, 4))), np.concatenate([np.ones(3), np.ones(4)]),
            np.empty(3, "U5"), np.empty(3, [("a", "i4"), ("b", "f8")]), np.array(list("abc"), object)]
    assert all(weir.numpy.is_tracked(array) for array in made if array.base is None)
    owners = [array if array.base is None else array.base for array in made]
    assert weir.cpu.total == sum(array.nbytes for array in owners)
    assert weir.cpu.count == len(owners)
    for array in owners:
        assert array.ctypes.data % 64 == 0
    assert not made[1].any()


def test_what_is_free_is_zero_again_by_calloc(hook):
    for _ in range(20):
        dirty = np.full(5000, 7.0)
        del dirty
        assert not np.zeros(5000).any()


def test_resizing_is_one_change(hook):
    array = np.arange(10.0)
    with weir.peak() as p:
        array.resize(1000, refcheck=False)
    assert weir.cpu.total == 8000 and p.bytes == 7920 and p.allocations == 0
    assert list(array[:10]) == list(range(10)) and not array[10:].any()
    array.resize(5, refcheck=False)
    assert weir.cpu.total == 40


def test_sizes_that_numpy_frees_otherwise_than_it_asked(hook, tmp_path):
    """Sized frees of these would be misuse, and end the process."""
    np.ones(10).resize(0)
    (tmp_path / "empty").touch()
    assert np.fromfile(tmp_path / "empty").size == 0
    np.fromiter(range(1000), float)
    np.fromiter([], float)
    array = np.ones(10)
    array.dtype = "float32"
    del array
    assert weir.cpu.count == 0


def test_arrays_from_before_and_after_keep_their_own():
    before = np.ones(1000)
    weir.numpy.install()
    within = np.ones(500)
    assert weir.cpu.total == 4000
    before.resize(3000, refcheck=False)  # by numpy's own
    assert weir.cpu.total == 4000 and before[:1000].all()
    del before
    weir.numpy.uninstall()
    after = np.ones(100)
    assert weir.numpy.is_tracked(within) and not weir.numpy.is_tracked(after)
    within.resize(600, refcheck=False)  # by weir
    assert weir.cpu.total == 4800
    del within
    assert weir.cpu.total == 0


def test_installed_twice_and_never():
    assert not weir.numpy.installed()
    weir.numpy.uninstall()
    weir.numpy.install()
    weir.numpy.install(sites=True)
    weir.numpy.install()
    assert weir.numpy.installed() and weir.numpy.is_tracked(np.ones(3))
    weir.numpy.uninstall()
    assert not weir.numpy.installed() and not weir.numpy.is_tracked(np.ones(3))


def test_by_context(hook):
    with weir.Context("model") as model:
        weights = np.zeros(1000)
        with weir.Context("run") as run:
            scratch = np.zeros(50)
            assert (run.total, model.total, weir.cpu.total) == (400, 8400, 8400)
        more = np.zeros(10)
    outside = np.zeros(3)
    assert (run.total, model.total, weir.cpu.total) == (400, 8480, 8504)
    del weights, scratch, more, outside
    assert model.peak == 8480


def test_a_context_stays_as_long_as_its_arrays(hook):
    with weir.Context("kept"):
        array = np.ones(10)
    gc.collect()
    weir.contexts._sweep()
    assert [child["name"] for child in weir.tree(weir.cpu)["children"]] == ["kept"]
    view = array[3:]
    del array
    gc.collect()
    assert view.sum() == 7


def test_a_context_stays_as_long_as_it_is_current_somewhere(hook):
    with weir.Context("saved"):
        saved = contextvars.copy_context()
    gc.collect()
    weir.contexts._sweep()
    made = saved.run(np.ones, 10)
    assert weir.cpu.total == 80
    del made, saved


def test_a_limit_refuses_arrays(hook):
    with weir.Context("small", limit=10000) as small:
        kept = np.ones(1000)
        with pytest.raises(MemoryError):
            np.ones(1000)
        assert (small.total, small.stats().failures) == (8000, 1)
        del kept
    with pytest.raises(MemoryError) as refused:
        with small:
            np.ones(2000)
    if hasattr(refused.value, "__notes__"):
        assert "over the limit" in refused.value.__notes__[0]
        assert "'small' has a limit of 10000 bytes, 0 are live" in refused.value.__notes__[0]
    with pytest.raises(MemoryError) as other:
        with small:
            raise MemoryError("of another kind")
    assert not getattr(other.value, "__notes__", None)


def test_by_tag(hook):
    with weir.tag("layer1"):
        a = np.ones(100)
    b = np.ones(10)
    assert {holder.tag: holder.bytes for holder in weir.holders()} == {"layer1": 800, "": 80}
    del a, b


def test_in_every_thread(hook):
    made, totals = [], []

    def work(number):
        with weir.Context(f"thread {number}") as context:
            for size in range(1, 200):
                array = np.ones(size)
                array.resize(size + 1, refcheck=False)
            totals.append(context.total)
            made.append(array)
        made.append(np.ones(10))
    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(weir.numpy.is_tracked(array) for array in made) and len(made) == 8
    assert weir.cpu.total == sum(array.nbytes for array in made) and totals == [1600] * 4
    made.clear()  # freed by another thread than made them
    assert weir.cpu.total == 0


def test_installed_within_contexts():
    with weir.Context("outer") as outer, weir.Context("inner") as inner:
        weir.numpy.install()
        a = np.ones(10)
        assert inner.total == 80
        with weir.Context("innermost") as innermost:
            b = np.ones(20)
            assert innermost.total == 160
        del b
        weir.numpy.uninstall()
        assert not weir.numpy.is_tracked(np.ones(3))
        del a
    with weir.Context("one") as one:
        weir.numpy.install()
        with weir.Context("two"):
            pass
        c = np.ones(10)
        assert one.total == 80
        del c
    d = np.ones(10)
    assert weir.cpu.total == 80 and one.total == 0 and outer.total == 0
    del d
    weir.numpy.uninstall()


def test_into_a_context_of_their_own():
    arrays = weir.Context("arrays")
    weir.numpy.install(arrays)
    made = [np.ones(10)]
    thread = threading.Thread(target=lambda: made.append(np.ones(5)))
    thread.start()
    thread.join()
    assert arrays.total == 120
    made.clear()
    weir.numpy.uninstall()
    arrays.close()


# -- the peak against an oracle: what the sizes say

def test_the_peak_is_what_the_sizes_say():
    with weir.peak() as p:
        a = np.zeros(1000)             # 8000
        b = np.empty((50, 50))         # 28000
        c = a + a                      # 36000
        del b                          # 16000
        d = np.concatenate([a, c])     # 32000
        del a, c, d
    assert not weir.numpy.installed()
    assert p.bytes == 8000 + 20000 + 8000


def test_the_peak_of_many_steps_is_that_of_a_model():
    """A list of arrays that come and go; the oracle adds up their sizes."""
    import random
    random.seed(18)
    live, total, most, allocations = {}, 0, 0, 0
    with weir.peak() as p:
        for step in range(3000):
            if live and random.random() < 0.48:
                total -= live.pop(random.choice(list(live))).nbytes
            else:
                shape = tuple(random.randrange(1, 12) for _ in range(random.randrange(1, 4)))
                make = random.choice([np.empty, np.zeros])  # np.ones makes a scalar, too
                array = make(shape, random.choice(["u1", "i2", "f4", "f8", "c16"]))
                live[step] = array
                total += array.nbytes
                allocations += 1
                most = max(most, total)
        assert p.delta == total
        live.clear()
        del array
    assert p.bytes == most and p.allocations == allocations and p.delta == 0


def test_the_peak_counts_temporaries():
    a, b = np.ones(100000), np.ones(100000)
    with weir.peak() as p:
        c = a * b + a * b  # two products; the sum is put into one of them, or into a third
    assert p.bytes in (2 * 800000, 3 * 800000)
    with weir.peak() as q:
        np.multiply(a, b, out=c)
    assert q.bytes == 0
    assert not weir.numpy.is_tracked(a) and weir.numpy.is_tracked(c)
    del a, b, c


def test_peaks_that_overlap_share_the_hook():
    first, second = weir.peak(), weir.peak()
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    a = np.zeros(10)
    second.__exit__(None, None, None)
    assert second.bytes == 80 and not weir.numpy.installed()
    with weir.peak(numpy=False) as p:
        b = np.zeros(10)
    assert p.bytes == 0
    del a, b


# -- lines

def test_lines(lines):
    def make():
        return np.ones(100)
    first = sys._getframe().f_code.co_firstlineno
    array = make()
    with weir.tag("layer"):
        other = np.zeros(10)
    tensor = weir.zeros(5, "uint8")
    found = {holder.tag.rpartition("/")[2]: holder.bytes for holder in weir.holders()}
    prefix = "test_lines.<locals>." if sys.version_info >= (3, 11) else ""
    assert found == {
        f"test_numpy.py:{first + 2} {prefix}make": 800,
        f"test_numpy.py:{first + 6} test_lines": 80,
        f"test_numpy.py:{first + 7} test_lines": 5}
    assert [holder.tag.startswith("layer @ ") for holder in weir.holders()] == [False, True, False]
    del array, other, tensor


def test_a_line_within_numpy_is_the_callers(lines):
    array = np.tile(np.ones(10), 5)
    assert all("test_numpy.py" in holder.tag for holder in weir.holders())
    del array


def test_lines_keep_figures_exact(lines):
    with weir.peak() as p:
        a = np.ones(1000)
        b = np.zeros(500)
        a.resize(2000, refcheck=False)
        del b
    assert p.bytes == 20000
    del a


def test_an_array_that_outlives_the_hook_and_the_module(python):
    """At the end of the process, too: no callback into what is gone."""
    done = python("""
import numpy as np, weir, weir.numpy, atexit
weir.numpy.install(sites=True)
class Late:
    def __del__(self):
        np.ones(100)
        self.array = None
late = Late()
with weir.Context("c"):
    late.array = np.ones(1000)
import builtins
builtins.late = late
atexit.register(lambda: np.ones(50))
print("done")
""")
    assert done.stdout == "done\n" and done.stderr == ""


def test_a_fork_goes_on(python):
    done = python("""
import os, numpy as np, weir, weir.numpy
weir.numpy.install()
a = np.ones(1000)
child = os.fork()
b = np.ones(10)
assert weir.cpu.total == 8080
del a, b
assert weir.cpu.total == 0
if child == 0:
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
""")
    assert done.stderr == ""


def test_a_python_of_another_layout_is_noticed(python):
    """If what is where the default is thought to be is not numpy's handler, nothing is written there."""
    done = python("""
import warnings, threading, numpy as np, weir, weir.numpy
class Other(weir.numpy._Default):
    def __init__(self, variable):
        super().__init__(variable)
        self.known = False
weir.numpy._Default = Other
with warnings.catch_warnings(record=True) as said:
    warnings.simplefilter("always")
    weir.numpy.install()
assert "this thread alone" in str(said[0].message), said
assert weir.numpy.is_tracked(np.ones(3))
made = []
thread = threading.Thread(target=lambda: made.append(np.ones(3)))
thread.start(); thread.join()
assert not weir.numpy.is_tracked(made[0])
weir.numpy.uninstall()
assert not weir.numpy.is_tracked(np.ones(3))
""")
    assert done.stderr == ""


def test_the_struct_is_numpys(tmp_path):
    import ctypes
    import os
    import shutil
    include = pathlib.Path(np.get_include()) / "numpy" / "ndarraytypes.h"
    compiler = (os.environ.get("CC") or "cc").split()
    if not include.exists() or not shutil.which(compiler[0]):
        pytest.skip("no compiler, or no headers of numpy")
    text = include.read_text()
    begin = text.rindex("typedef struct", 0, text.index("} PyDataMemAllocator"))
    end = text.index("} PyDataMem_Handler;") + len("} PyDataMem_Handler;")
    lines, expected = [], []
    for struct in weir.numpy.PyDataMemAllocator, weir.numpy.PyDataMem_Handler:
        for field, *_ in struct._fields_:
            name = struct.__name__
            lines.append(f'printf("%zu %zu\\n", offsetof({name}, {field}), sizeof({name}));')
            expected.append(f"{getattr(struct, field).offset} {ctypes.sizeof(struct)}")
    source = tmp_path / "handler.c"
    source.write_text("#include <stddef.h>\n#include <stdint.h>\n#include <stdio.h>\n" +
                      text[begin:end] + "\nint main(void) {\n" + "\n".join(lines) + "\n}\n")
    subprocess.run(compiler + ["-o", str(tmp_path / "handler"), str(source)], check=True)
    printed = subprocess.run([str(tmp_path / "handler")], check=True, stdout=subprocess.PIPE,
                             text=True).stdout.splitlines()
    assert printed == expected
