"""Plans: buffers whose sizes and lifetimes are known, in one block that is as small as can be."""

from __future__ import annotations

import ctypes
from typing import List, Optional, Sequence, Tuple, Union

from . import _structs as s
from ._errors import check, check_pointer
from ._library import library
from .contexts import Context, current
from .tensors import Tensor, checked, dtype_number, extents


class PlanMemory:
    """One block laid out by a plan. It lives as long as this object or one of its tensors."""

    def __init__(self, plan: "Plan", context: Context) -> None:
        self._handle: Optional[int] = None
        self._context = context
        self._handle = check_pointer(
            library.weir_plan_memory_create(plan._handle, context.handle), context.handle)

    def __del__(self) -> None:
        if getattr(self, "_handle", None):
            library.weir_plan_memory_release(self._handle)

    @property
    def nbytes(self) -> int:
        return library.weir_plan_memory_size_in_bytes(self._handle)

    def tensor(self, index: int, shape: "Union[int, Sequence[int]]",
               dtype: str = "float32") -> Tensor:
        """Over buffer ``index``. What it holds is the program's while the plan says that the buffer
        is live."""
        if index < 0:
            raise ValueError(f"buffer {index}")
        sizes, ndim = extents(shape)
        return Tensor._made(check_pointer(library.weir_plan_memory_tensor(
            self._handle, index, sizes, ndim, dtype_number(dtype))), self._context)


class Plan:
    """A solved plan: where each buffer stands. Made by weir.plan()."""

    def __init__(self, sizes: Sequence[int], lifetimes: Sequence[Tuple[int, int]],
                 alignments: Sequence[int], capacity: int, heuristic_only: bool) -> None:
        self._handle: Optional[int] = None
        if not len(sizes) == len(lifetimes) == len(alignments):
            raise ValueError(f"{len(sizes)} sizes, {len(lifetimes)} lifetimes and "
                             f"{len(alignments)} alignments")
        self._handle = check_pointer(library.weir_plan_create())
        check(library.weir_plan_reserve(self._handle, len(sizes)))
        for index, (size, (first, last), alignment) in enumerate(zip(sizes, lifetimes, alignments)):
            if size < 0 or alignment < 0:
                raise ValueError(f"buffer {index}: {size} bytes, aligned to {alignment}")
            checked((size, alignment, first, last))
            check(library.weir_plan_add(self._handle, size, alignment, first, last))
        if not 0 <= capacity < 1 << 63:
            raise ValueError(f"a capacity of {capacity} bytes")
        options = s.sized(s.weir_plan_options, capacity=capacity, heuristic_only=heuristic_only)
        check(library.weir_plan_solve(self._handle, ctypes.byref(options)))
        figures = s.sized(s.weir_plan_stats)
        check(library.weir_plan_stats_get(self._handle, ctypes.byref(figures)))
        #: Bytes from the block's beginning, in the order of ``sizes``.
        self.offsets: List[int] = [library.weir_plan_offset(self._handle, index)
                                   for index in range(len(sizes))]
        self.arena_size: int = figures.arena  #: bytes: greatest offset + size
        self.lower_bound: int = figures.proven_bound  #: proved: no arena is smaller
        self.total: int = figures.total  #: sum of all sizes: what no planning takes
        self.optimal: bool = figures.optimal  #: arena_size is the least there is
        self.method: str = (figures.method or b"").decode()

    def __del__(self) -> None:
        if getattr(self, "_handle", None):
            library.weir_plan_destroy(self._handle)

    def __len__(self) -> int:
        return len(self.offsets)

    def verify(self) -> None:
        """Checks the arrangement from the buffers alone. OSError (EILSEQ) if it is wrong."""
        check(library.weir_plan_verify(self._handle))

    def memory(self, context: Optional[Context] = None) -> PlanMemory:
        """The block itself, in ``context`` (None: the current one)."""
        return PlanMemory(self, current() if context is None else context)

    def __repr__(self) -> str:
        return (f"<weir.Plan: {len(self)} buffers of {self.total} bytes in {self.arena_size}"
                f"{', optimal' if self.optimal else ''}>")


def plan(sizes: Sequence[int], lifetimes: Sequence[Tuple[int, int]], *,
         alignment: "Union[int, Sequence[int]]" = 64, capacity: int = 0,
         heuristic_only: bool = False) -> Plan:
    """Finds offsets for buffers of these ``sizes`` (bytes) that are live in these ``lifetimes``,
    half-open pairs (first, last) in any unit of time.

    ``alignment``: of all, or one each. ``capacity``: stop at the first arrangement that fits;
    OSError (ENOSPC) if none was found. ``heuristic_only``: no search. ValueError names the buffer
    that cannot be.
    """
    alignments = [alignment] * len(sizes) if isinstance(alignment, int) else list(alignment)
    return Plan(sizes, lifetimes, alignments, capacity, heuristic_only)
