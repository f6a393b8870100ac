"""Figures of allocators: exact, in requested bytes."""

from __future__ import annotations

import ctypes
import errno
import json
from dataclasses import dataclass
from typing import Any, Dict, List, Optional

from . import _structs as s
from ._errors import check, fail
from ._library import TAG_VISITOR, library
from .contexts import Context, handle_of


@dataclass(frozen=True)
class Stats:
    """One consistent snapshot of a context and everything below it. Bytes but for the counts;
    None: not available here."""

    total_allocated: int  #: requested bytes live now
    peak_allocated: int  #: greatest that ever was, or since Context.reset_peak
    allocation_count: int  #: live blocks
    allocations: int  #: blocks ever handed out
    deallocations: int  #: blocks ever taken back
    failures: int  #: calls that were refused for want of memory, or by a limit
    in_use: Optional[int]  #: live bytes rounded to blocks
    cached: Optional[int]  #: free bytes kept for re-use
    reserved: Optional[int]  #: bytes taken from the backing
    limit: int  #: 0: none
    slow_operations: Optional[int]  #: accounting steps off the fast path
    metadata: Optional[int]  #: bytes of weir's own books
    backing: str  #: who supplies the memory
    refusals_asked: int
    refusals_averted: int
    soft_limit: int
    soft_limit_crossings: int
    bytes_allocated: int  #: ever requested


def stats(context: Optional[Context] = None) -> Stats:
    """Figures of ``context``; None: of the CPU allocator, which is all of the process's but
    devices'."""
    figures = s.sized(s.weir_stats)
    check(library.weir_stats_get(handle_of(context), ctypes.byref(figures)))
    values: Dict[str, Any] = {name: getattr(figures, name) for name, _ in figures._fields_
                              if name != "size"}
    values["backing"] = (figures.backing or b"").decode()
    for name, value in values.items():
        if value == s.UNSUPPORTED:
            values[name] = None
    return Stats(**values)


@dataclass(frozen=True)
class Holder:
    """What is live under one tag ("": without a tag)."""

    tag: str
    bytes: int
    blocks: int
    largest: int
    usable: int


def holders(context: Optional[Context] = None) -> List[Holder]:
    """Who holds the memory of ``context`` (None: all) now, by tag, most bytes first. Every live
    block is looked at: some nanoseconds each."""
    found: List[Holder] = []

    @TAG_VISITOR
    def visit(about: Any, _user: Any) -> bool:
        of = about.contents
        found.append(Holder((of.name or b"").decode(errors="replace"), of.bytes, of.blocks,
                            of.largest, of.usable))
        return False

    check(library.weir_allocator_walk_tags(handle_of(context), visit, None))
    return found


def _text(function: Any, handle: Optional[int]) -> str:
    length, room = ctypes.c_size_t(), 1 << 16
    while True:
        buffer = ctypes.create_string_buffer(room)
        code = function(buffer, room, ctypes.byref(length), handle)
        if code == 0:
            return buffer.value.decode(errors="replace")
        if code != errno.ENOSPC:
            fail(code)
        room = length.value + 4096


def tree(context: Optional[Context] = None) -> Dict[str, Any]:
    """The figures of ``context`` and, as "children", of all below it. None: all allocators of the
    process, those beside the CPU allocator as "beside"."""
    handle = None if context is None else handle_of(context)
    found: Dict[str, Any] = json.loads(_text(library.weir_stats_json_buffer, handle))
    return found


def openmetrics(context: Optional[Context] = None) -> str:
    """The same as an OpenMetrics exposition, for a page that is scraped."""
    handle = None if context is None else handle_of(context)
    return _text(library.weir_stats_openmetrics_buffer, handle)


def mapped() -> Dict[str, Optional[int]]:
    """Files' parts that tensors are mapped over: mappings, mapped_bytes, resident_bytes."""
    figures = s.sized(s.weir_mapped_stats)
    check(library.weir_mapped_stats_get(ctypes.byref(figures)))
    values = {name: getattr(figures, name) for name in ("mappings", "mapped_bytes",
                                                        "resident_bytes")}
    return {name: None if value == s.UNSUPPORTED else value for name, value in values.items()}
