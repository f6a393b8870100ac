"""The library's failures as exceptions: Python's own kinds, with the library's message."""

from __future__ import annotations

import ctypes
import errno
import os
from typing import Any, NoReturn, Optional

from . import _structs as s
from ._library import library


class LimitError(MemoryError):
    """A limit did not suffice. ``limit`` is that of ``context`` (a name), of which ``live`` bytes
    were in use."""

    def __init__(self, message: str, context: str, limit: int, live: int) -> None:
        super().__init__(message)
        self.context, self.limit, self.live = context, limit, live


def last_message(code: int) -> str:
    """What the library says of the thread's last failure, or what the system calls it."""
    return (library.weir_last_error() or b"").decode(errors="replace") or os.strerror(code)


def limits_of(handle: int) -> "list[tuple[str, int, int]]":
    """Name, limit and live bytes of an allocator and those above it that have a limit."""
    found = []
    at: Optional[int] = handle
    while at:
        figures = s.sized(s.weir_stats)
        if library.weir_stats_get(at, ctypes.byref(figures)) == 0 and figures.limit:
            found.append((library.weir_allocator_name(at).decode(errors="replace"),
                          figures.limit, figures.total_allocated))
        at = library.weir_allocator_parent(at)
    return found


def fail(code: int, handle: Optional[int] = None) -> NoReturn:
    """Raises what `code` means, for a call on the allocator `handle`."""
    message = last_message(code)
    if code == errno.ENOMEM:
        limits = limits_of(handle) if handle else []
        if limits and "over the limit" in message:
            # The one that has least left is the one that refused.
            name, limit, live = min(limits, key=lambda each: each[1] - each[2])
            raise LimitError(f"{message}: {name!r} has a limit of {limit} bytes, {live} are live",
                             name, limit, live)
        raise MemoryError(message)
    if code == errno.EINVAL:
        raise ValueError(message)
    if code == errno.EOVERFLOW:
        raise OverflowError(message)
    raise OSError(code, message)


def check(code: int, handle: Optional[int] = None) -> None:
    """Raises unless `code`, what the call returned, is 0."""
    if code:
        fail(code, handle)


def check_pointer(pointer: Any, handle: Optional[int] = None) -> Any:
    """Raises what errno means if the call returned NULL."""
    if not pointer:
        fail(ctypes.get_errno(), handle)
    return pointer
