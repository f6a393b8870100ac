"""Contexts: figures, limits, what is current, when they go."""

import asyncio
import errno
import gc
import signal
import threading

import pytest

import weir
from weir import contexts


def names(of=None):
    return [child["name"] for child in weir.tree(of or weir.cpu)["children"]]


def test_figures_of_a_context_and_of_those_above():
    with weir.Context("outer") as outer, weir.Context("inner") as inner:
        tensor = weir.zeros(1000, "uint8")
        assert tensor.context is inner
        assert (inner.total, inner.count, inner.peak) == (1000, 1, 1000)
        assert outer.total == 1000 and names(outer) == ["inner"]
        del tensor
        assert (inner.total, inner.peak) == (0, 1000)
        inner.reset_peak()
        assert inner.peak == 0


def test_the_current_one_is_of_the_block():
    assert weir.current() is weir.cpu
    with weir.Context() as context:
        assert weir.current() is context and context.name.startswith("context-")
        seen = []
        thread = threading.Thread(target=lambda: seen.append(weir.current()))
        thread.start()
        thread.join()
        assert seen == [weir.cpu]
    assert weir.current() is weir.cpu


def test_tasks_have_their_own():
    async def work(name, other, mine):
        with weir.Context(name) as context:
            mine.set()
            await other.wait()
            tensor = weir.zeros(10, "uint8")
            assert tensor.context is context and context.total == 10

    async def main():
        a, b = asyncio.Event(), asyncio.Event()
        await asyncio.gather(work("a", b, a), work("b", a, b))
    asyncio.run(main())


def test_a_limit_refuses_with_figures():
    context = weir.Context("small", limit=1000)
    kept = weir.zeros(800, "uint8", context=context)
    with pytest.raises(weir.LimitError) as refused:
        weir.zeros(300, "uint8", context=context)
    assert isinstance(refused.value, MemoryError)
    assert (refused.value.context, refused.value.limit, refused.value.live) == ("small", 1000, 800)
    assert "300 bytes" in str(refused.value) and "1000" in str(refused.value)
    assert context.stats().failures == 1 and context.total == 800
    context.limit = 2000
    assert context.limit == 2000
    weir.zeros(300, "uint8", context=context)
    with pytest.raises(OSError) as busy:
        context.limit = 10
    assert busy.value.errno == errno.EBUSY and context.limit == 2000
    del kept


def test_the_limit_above_is_the_one_that_is_told():
    outer = weir.Context("outer", limit=100)
    inner = weir.Context("inner", limit=1000, parent=outer)
    with pytest.raises(weir.LimitError) as refused:
        weir.zeros(200, "uint8", context=inner)
    assert refused.value.context == "outer" and refused.value.limit == 100


def test_limits_in_words():
    assert weir.Context(limit="2K").limit == 2048
    assert weir.Context(limit="3m").limit == 3 << 20
    whole = weir.Context(limit=1.0).limit
    assert weir.Context(limit="50%").limit in (whole // 2, whole // 2 + 1)
    assert weir.Context().limit == 0


@pytest.mark.parametrize("wrong", [-1, "x", "", "-5", "0%", "101%", 0.0, 1.5, "5Q"])
def test_wrong_limits(wrong):
    before = names()
    with pytest.raises(ValueError):
        weir.Context(limit=wrong)
    assert names() == before


def test_a_limit_beyond_memory():
    with pytest.raises(OverflowError):
        weir.Context(limit=1 << 64)


def test_it_goes_when_nothing_is_live():
    context = weir.Context("lingers")
    tensor = weir.zeros(10, context=context)
    view = tensor[2:]
    array = view.memoryview()
    del context, tensor, view
    gc.collect()
    contexts._sweep()
    assert names() == ["lingers"] and array[0] == 0.0
    del array
    gc.collect()
    contexts._sweep()
    assert names() == []


def test_close_refuses_while_something_is_live():
    context = weir.Context("closes")
    below = weir.Context("below", parent=context)
    tensor = weir.zeros(10, context=context)
    with pytest.raises(OSError) as busy:
        context.close()
    assert busy.value.errno == errno.EBUSY and "1 blocks (40 bytes)" in str(busy.value)
    del tensor
    with pytest.raises(OSError):
        context.close()  # `below`
    below.close()
    with context, pytest.raises(OSError):
        context.close()
    context.close()
    context.close()
    assert names() == [] and repr(context) == "<weir.Context, closed>"
    with pytest.raises(ValueError):
        context.total
    with pytest.raises(ValueError):
        weir.zeros(1, context=context)
    with pytest.raises(ValueError):
        weir.cpu.close()


def test_left_in_another_order():
    a, b = weir.Context("a"), weir.Context("b")
    a.__enter__()
    b.__enter__()
    with pytest.raises(RuntimeError):
        a.__exit__(None, None, None)
    b.__exit__(None, None, None)
    a.__exit__(None, None, None)


def test_own_pool_and_trim():
    context = weir.Context("apart", own_pool=True)
    tensor = weir.zeros(1 << 20, "uint8", context=context)
    assert context.stats().reserved >= 1 << 20
    del tensor
    assert context.trim() > 0
    context.close()


def test_a_hardened_context_finds_what_is_written_behind_a_tensor(python):
    text = """
import ctypes, sys, weir
context = weir.Context("guest", hardened=sys.argv[1] == "yes")
tensor = weir.zeros(100, "uint8", context=context)
ctypes.memset(tensor.data + 100, 1, 1)
del tensor
context.close()
"""
    assert "byte 1 behind a block of 100 bytes" in python(text, "yes", status=-signal.SIGABRT).stderr
    assert not python(text, "no").stderr


def test_many_threads_make_and_drop_contexts():
    failures = []

    def work(number):
        try:
            for turn in range(50):
                with weir.Context(f"{number}/{turn}", limit=10000) as context:
                    tensors = [weir.zeros(100, "uint8") for _ in range(5)]
                    assert context.total == 500
                    del tensors
        except BaseException as error:
            failures.append(error)
    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
