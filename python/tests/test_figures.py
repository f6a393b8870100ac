"""Figures, holders by tag, the tree, the exposition."""

import dataclasses

import weir


def test_stats_count():
    context = weir.Context("counted")
    a = weir.zeros(10, "uint8", context=context)
    b = weir.zeros(30, "uint8", context=context)
    del a
    stats = weir.stats(context)
    assert (stats.total_allocated, stats.peak_allocated, stats.allocation_count) == (30, 40, 1)
    assert (stats.allocations, stats.deallocations, stats.failures) == (2, 1, 0)
    assert stats.bytes_allocated == 40 and stats.limit == 0 and stats.backing
    assert weir.stats().total_allocated == 30
    assert all(value is None or isinstance(value, (int, str))
               for value in dataclasses.asdict(stats).values())
    del b


def test_holders_by_tag():
    context = weir.Context("held")
    with weir.tag("weights"):
        kept = [weir.zeros(100, "uint8", context=context) for _ in range(3)]
        with weir.tag("scratch"):
            kept.append(weir.zeros(1000, "uint8", context=context))
        kept.append(weir.zeros(50, "uint8", context=context))
    kept.append(weir.zeros(7, "uint8", context=context))
    found = {holder.tag: (holder.bytes, holder.blocks, holder.largest)
             for holder in weir.holders(context)}
    assert found == {"weights": (350, 4, 100), "scratch": (1000, 1, 1000), "": (7, 1, 7)}
    assert [holder.tag for holder in weir.holders(context)] == ["scratch", "weights", ""]
    del kept


def test_the_tree_and_the_exposition():
    with weir.Context("model"):
        tensor = weir.zeros(123, "uint8")
        tree = weir.tree(weir.cpu)
        assert [child["name"] for child in tree["children"]] == ["model"]
        assert "mapped" in weir.tree()
        text = weir.openmetrics()
        assert text.endswith("# EOF\n") and " 123\n" in text
        del tensor


def test_a_large_tree_does_not_fit_the_first_buffer():
    kept = [weir.Context(f"context {number}") for number in range(300)]
    assert len(weir.tree(weir.cpu)["children"]) == 300
    assert len(weir.openmetrics()) > 1 << 16
    del kept
