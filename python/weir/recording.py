"""Recordings: every allocation in one file, for ``weir trace`` and ``weir bench``."""

from __future__ import annotations

import ctypes
import os
from contextlib import contextmanager
from typing import Iterator, Optional, Union

from . import _structs as s
from ._errors import check
from ._library import library

_KINDS = {"run": 1, "model": 2, "layer": 3, "operator": 4, "other": 5}


@contextmanager
def record(path: "Union[str, os.PathLike[str]]", *, stacks: bool = True,
           stacks_from: int = 0) -> Iterator[None]:
    """Records the block into the file ``path``. One recording a process at a time (OSError, EBUSY).
    ``stacks``: with the native call stack of each allocation; ``stacks_from``: of those of at least
    so many bytes. With weir.numpy.install(sites=True) tags are Python's lines:
    ``python -m weir trace --by tag FILE``."""
    if not 0 <= stacks_from < 1 << 63:
        raise ValueError(f"stacks from {stacks_from} bytes on")
    options = s.sized(s.weir_trace_options, no_stacks=not stacks, stacks_from=stacks_from)
    check(library.weir_trace_start(os.fsencode(path), ctypes.byref(options)))
    try:
        yield
    finally:
        check(library.weir_trace_stop())


@contextmanager
def mark(name: str, kind: str = "other") -> Iterator[None]:
    """Notes in a recording that this block begins and ends: a "run", "model", "layer", "operator"
    or "other"."""
    number: Optional[int] = _KINDS.get(kind)
    if number is None:
        raise ValueError(f"{kind!r} is no kind of mark: {', '.join(_KINDS)}")
    check(library.weir_trace_mark(number, name.encode(), True))
    try:
        yield
    finally:
        check(library.weir_trace_mark(number, name.encode(), False))
