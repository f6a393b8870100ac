"""weir.plan(): offsets that hold, and what cannot be."""

import errno
import random

import pytest

import weir


def test_offsets_hold():
    random.seed(7)
    sizes = [random.randrange(1, 5000) for _ in range(60)]
    lifetimes = []
    for _ in sizes:
        first = random.randrange(100)
        lifetimes.append((first, first + random.randrange(1, 20)))
    plan = weir.plan(sizes, lifetimes, alignment=16)
    plan.verify()
    for i in range(len(sizes)):  # by a check of our own
        assert plan.offsets[i] % 16 == 0 and plan.offsets[i] + sizes[i] <= plan.arena_size
        for j in range(i):
            together = lifetimes[i][0] < lifetimes[j][1] and lifetimes[j][0] < lifetimes[i][1]
            apart = (plan.offsets[i] + sizes[i] <= plan.offsets[j] or
                     plan.offsets[j] + sizes[j] <= plan.offsets[i])
            assert apart or not together
    most = max(sum(size for size, (first, last) in zip(sizes, lifetimes) if first <= t < last)
               for t in range(120))
    assert most <= plan.lower_bound <= plan.arena_size <= plan.total == sum(sizes)
    assert len(plan) == 60 and plan.method


def test_a_chain_takes_two():
    plan = weir.plan([64] * 10, [(i, i + 2) for i in range(10)])
    assert plan.arena_size == 128 and plan.optimal


def test_memory_and_tensors():
    plan = weir.plan([4096, 4096, 1024], [(0, 2), (1, 3), (2, 4)])
    context = weir.Context("planned")
    memory = plan.memory(context)
    assert memory.nbytes == plan.arena_size == context.total
    a, c = memory.tensor(0, (32, 32)), memory.tensor(2, 256)
    assert c.data - a.data == plan.offsets[2] - plan.offsets[0]
    with pytest.raises(ValueError):
        memory.tensor(2, (32, 32))
    with pytest.raises(ValueError):
        memory.tensor(3, 1)
    del memory, c
    a.memoryview()[3, 3] = 5.0  # the tensor keeps the block
    assert context.count == 1
    del a
    assert context.count == 0


def test_what_cannot_be():
    with pytest.raises(ValueError, match="2 sizes, 1 lifetimes"):
        weir.plan([1, 2], [(0, 1)])
    with pytest.raises(ValueError, match="empty"):
        weir.plan([1], [(3, 3)])
    with pytest.raises(ValueError):
        weir.plan([1], [(0, 1)], alignment=3)
    with pytest.raises(ValueError):
        weir.plan([-1], [(0, 1)])
    with pytest.raises(OverflowError):
        weir.plan([1 << 70], [(0, 1)])
    with pytest.raises(OSError) as full:
        weir.plan([100, 100], [(0, 1), (0, 1)], capacity=150)
    assert full.value.errno == errno.ENOSPC
    assert weir.plan([], []).arena_size == 0
