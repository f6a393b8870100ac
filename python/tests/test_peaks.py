"""weir.peak() against sums of sizes."""

import threading

import pytest

import weir


def test_of_a_block():
    before = weir.zeros(500, "uint8")
    with weir.peak() as p:
        a = weir.zeros(1000, "uint8")
        b = weir.zeros(300, "uint8")
        assert p.bytes == 1300
        del a
        c = weir.zeros(400, "uint8")
    assert (p.bytes, p.start, p.peak) == (1300, 500, 1800)
    assert (p.delta, p.blocks, p.allocations, p.deallocations) == (700, 2, 3, 1)
    d = weir.zeros(9999, "uint8")
    assert p.bytes == 1300
    del before, b, c, d


def test_what_was_there_before_is_freed_inside():
    before = weir.zeros(500, "uint8")
    with weir.peak() as p:
        del before
        a = weir.zeros(100, "uint8")
    assert (p.bytes, p.delta) == (0, -400)
    del a


def test_they_nest_and_overlap():
    outer, inner = weir.peak(), weir.peak()
    with outer:
        a = weir.zeros(1000, "uint8")
        del a
        with inner:
            b = weir.zeros(10, "uint8")
            weir.cpu.reset_peak()
            del b
    assert (outer.bytes, inner.bytes) == (1000, 10)


def test_of_one_context():
    one, other = weir.Context("one"), weir.Context("other")
    with weir.peak(one) as p:
        a = weir.zeros(10, "uint8", context=one)
        b = weir.zeros(1000, "uint8", context=other)
        del a, b
    assert p.bytes == 10


def test_of_all_threads():
    with weir.peak() as p:
        kept = []
        threads = [threading.Thread(target=lambda: kept.append(weir.zeros(100, "uint8")))
                   for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        kept.clear()
    assert p.bytes == 800


def test_again_and_wrongly():
    p = weir.peak()
    assert "not begun" in repr(p)
    with pytest.raises(RuntimeError):
        p.bytes
    with p:
        with pytest.raises(RuntimeError):
            p.__enter__()
        a = weir.zeros(10, "uint8")
        del a
    with p:
        pass
    assert p.bytes == 0


def test_numpy_that_is_imported_within_is_told(python):
    pytest.importorskip("numpy")
    done = python("import weir\nwith weir.peak() as p:\n    import numpy\nprint(p.bytes)")
    assert "RuntimeWarning: numpy was imported within weir.peak()" in done.stderr
