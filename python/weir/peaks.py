"""The exact peak of a stretch of a program."""

from __future__ import annotations

import ctypes
import sys
import warnings
from types import TracebackType
from typing import Any, Optional, Type

from . import _structs as s
from ._errors import check
from ._library import library
from .contexts import Context, cpu


class Peak:
    """What the block took, exactly. To be read inside the block and after it.

    bytes: the greatest number of bytes that were live at once, above those that were live when it
    began. peak: the same with those: the greatest total. start: what was live when it began. delta:
    bytes left behind, less those freed that were there before. allocations, deallocations: how many.
    """

    def __init__(self, context: Context, numpy: bool) -> None:
        self.context = context
        self._numpy = numpy
        self._hooked: Any = None
        self._had_numpy = False
        self._profiler = s.weir_profiler()
        self._figures: Optional[s.weir_profiler_stats] = None

    def __enter__(self) -> "Peak":
        if self._profiler.allocator:
            raise RuntimeError("this peak is being taken already")
        self._figures = None
        self._had_numpy = "numpy" in sys.modules
        if self._numpy and self._had_numpy:
            from . import numpy as arrays
            arrays.acquire()
            self._hooked = arrays
        try:
            check(library.weir_profiler_start(ctypes.byref(self._profiler), self.context.handle))
        except BaseException:
            self._unhook()
            raise
        return self

    def __exit__(self, kind: Optional[Type[BaseException]], error: Optional[BaseException],
                 where: Optional[TracebackType]) -> None:
        self._figures = self._read()
        check(library.weir_profiler_stop(ctypes.byref(self._profiler)))
        self._unhook()
        if self._numpy and not self._had_numpy and "numpy" in sys.modules:
            warnings.warn("numpy was imported within weir.peak(): its arrays are not in the figure. "
                          "Import it before, or call weir.numpy.install()", RuntimeWarning,
                          stacklevel=2)

    def _unhook(self) -> None:
        if self._hooked:
            self._hooked.release()
            self._hooked = None

    def _read(self) -> s.weir_profiler_stats:
        figures = s.sized(s.weir_profiler_stats)
        check(library.weir_profiler_stats_get(ctypes.byref(self._profiler), ctypes.byref(figures)))
        return figures

    def _now(self) -> s.weir_profiler_stats:
        if self._figures is not None:
            return self._figures
        if not self._profiler.allocator:
            raise RuntimeError("the block has not begun")
        return self._read()

    @property
    def peak(self) -> int:
        """The greatest total, with what was live before."""
        return self._now().peak

    @property
    def start(self) -> int:
        """Bytes that were live when the block began."""
        now = self._now()
        return now.current - now.delta

    @property
    def bytes(self) -> int:
        """The greatest number of bytes live at once, above ``start``."""
        now = self._now()
        return now.peak - (now.current - now.delta)

    @property
    def delta(self) -> int:
        """Bytes live at the end (or now), less those at the start."""
        return self._now().delta

    @property
    def blocks(self) -> int:
        """The same in blocks."""
        return self._now().blocks

    @property
    def allocations(self) -> int:
        return self._now().allocations

    @property
    def deallocations(self) -> int:
        return self._now().deallocations

    def __repr__(self) -> str:
        if self._figures is None and not self._profiler.allocator:
            return "<weir.Peak, not begun>"
        return f"<weir.Peak: {self.bytes} bytes>"


def peak(context: Optional[Context] = None, *, numpy: bool = True) -> Peak:
    """The exact peak of what runs in the ``with`` block:

        with weir.peak() as p:
            ...
        print(p.bytes)

    Of all threads, in ``context`` and below it; None: all memory on the host. numpy's arrays count
    where numpy was imported before the block: weir.numpy's hook is in for as long. numpy=False
    leaves it out, if nobody installed it. Peaks nest and overlap in any way.
    """
    return Peak(cpu if context is None else context, numpy)
