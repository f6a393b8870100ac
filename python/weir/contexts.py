"""Contexts: allocators with their own figures and limit.

A ``with`` block makes a context the current one of this thread (of this task, in asyncio): tensors
and, where weir.numpy is installed, arrays that are made inside are in it. What outlives the block
stays counted there. The allocator goes when the object is gone and nothing of it is live.
"""

from __future__ import annotations

import contextvars
import ctypes
import sys
import threading
from types import TracebackType
from typing import TYPE_CHECKING, Any, Dict, List, Optional, Tuple, Type, Union

from . import _structs as s
from ._errors import check, check_pointer, last_message, limits_of
from ._library import library, quick

if TYPE_CHECKING:
    from .figures import Stats

Limit = Union[int, float, str, None]
_SUFFIXES = {"K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}


def _parsed(limit: Limit) -> Tuple[int, float]:
    """Bytes, or a fraction above 0."""
    if limit is None:
        return 0, 0.0
    if isinstance(limit, str):
        word = limit.strip().upper()
        try:
            if word.endswith("%"):
                return 0, _fraction(float(word[:-1]) / 100, limit)
            if word[-1:] in _SUFFIXES:
                limit = int(word[:-1]) * _SUFFIXES[word[-1:]]
            else:
                limit = int(word)
        except ValueError:
            raise ValueError(f"{limit!r} is no limit: 1048576, \"512M\", \"90%\"") from None
    elif isinstance(limit, float):
        return 0, _fraction(limit, limit)
    if limit < 0:
        raise ValueError(f"a limit of {limit} bytes")
    if limit > sys.maxsize:
        raise OverflowError(f"a limit of {limit} bytes: more than memory can be")
    return int(limit), 0.0


def _fraction(value: float, said: Limit) -> float:
    if not 0 < value <= 1:
        raise ValueError(f"a limit of {said!r}: a part is above 0 and at most 1 (100%)")
    return value


class _Allocator:
    """What a Context stands for: lives until nothing of it is live."""

    def __init__(self, handle: int, parent: Optional["_Allocator"]) -> None:
        self.handle: Optional[int] = handle
        self.parent = parent  # it cannot go before
        self.handlers: Dict[str, Any] = {}  # weir.numpy's, by kind

    def try_destroy(self) -> bool:
        """False where blocks are live, contexts below it exist, or numpy may still use it."""
        if self.handle is None:
            return True
        if library.weir_allocation_count(self.handle):
            return False
        if any(handler.in_use() for handler in self.handlers.values()):
            return False
        if library.weir_allocator_destroy(self.handle):
            return False
        self.handle = None
        for handler in self.handlers.values():
            handler.free()
        self.handlers.clear()
        return True


_lock = threading.RLock()
_lingering: List[_Allocator] = []  # of contexts that are gone, with blocks that are not


def _sweep() -> None:
    """Destroys what lingers no more; children before parents."""
    with _lock:
        for each in reversed(_lingering[:]):
            if each.try_destroy() and each in _lingering:
                _lingering.remove(each)


class _Arrays:
    """What weir.numpy does when a context becomes the current one, and after it."""

    def enter(self, allocator: _Allocator) -> Any:
        return None

    def leave(self, saved: Any) -> None:
        pass


arrays = _Arrays()  # weir.numpy puts its own here

# Innermost last: [context, what `arrays` wants back, failures before].
_stack: "contextvars.ContextVar[Tuple[List[Any], ...]]" = contextvars.ContextVar(
    "weir_contexts", default=())


def _failures(handle: int) -> int:
    figures = s.sized(s.weir_stats)
    check(quick.weir_stats_get(handle, ctypes.byref(figures)))
    return figures.failures


class Context:
    """An allocator with its own figures and limit, as a ``with`` block.

    ``name``: up to 47 bytes. ``limit``: bytes live at once, in it and below: a number, "512M", or a
    part of what the control group or the machine has, 0.5 or "50%"; None: none. ``parent``: whose
    figures include these and whose limit holds, too; None: the current context. ``own_pool``: it
    shares no memory with others, and all of it goes back to the system with the context.
    ``hardened``: whether it catches overwritten and freed memory, for more time (the guide's page
    on hardened contexts); None: as its parent.

    A request that the limit refuses is a MemoryError: weir.LimitError from weir's calls; numpy's
    own gets a note with the figures.
    """

    def __init__(self, name: Optional[str] = None, limit: Limit = None, *,
                 parent: Optional["Context"] = None, own_pool: bool = False,
                 hardened: Optional[bool] = None) -> None:
        self._allocator: Optional[_Allocator] = None
        self._owned = True
        size, fraction = _parsed(limit)
        parent = parent if parent is not None else current()
        above = parent._live()
        options = s.sized(s.weir_allocator_options, parent=above.handle, limit=size,
                          name=None if name is None else name.encode(),
                          source=4 if own_pool else 0,
                          hardened=0 if hardened is None else 1 if hardened else 3)
        _sweep()
        handle = check_pointer(library.weir_allocator_create(ctypes.byref(options)))
        self._allocator = _Allocator(handle, above)
        if fraction:
            check(library.weir_set_limit_fraction(handle, fraction))

    @classmethod
    def _of(cls, handle: int) -> "Context":
        """One that is not the package's to destroy."""
        made = cls.__new__(cls)
        made._allocator, made._owned = _Allocator(handle, None), False
        return made

    def __del__(self) -> None:
        allocator = getattr(self, "_allocator", None)
        if allocator is not None and self._owned and _lock is not None:
            with _lock:
                if not allocator.try_destroy():
                    _lingering.append(allocator)

    def _live(self) -> _Allocator:
        if self._allocator is None:
            raise ValueError("this context is closed")
        return self._allocator

    @property
    def handle(self) -> int:
        """The weir_allocator, as an address, for other libraries' calls."""
        handle = self._live().handle
        assert handle is not None
        return handle

    @property
    def name(self) -> str:
        """As given, or "context-N"."""
        return library.weir_allocator_name(self.handle).decode(errors="replace")

    @property
    def total(self) -> int:
        """Requested bytes live now, in it and below."""
        return quick.weir_total_allocated(self.handle)

    @property
    def peak(self) -> int:
        """Greatest total since it was made, or since reset_peak()."""
        return quick.weir_peak_allocated(self.handle)

    @property
    def count(self) -> int:
        """Live blocks."""
        return quick.weir_allocation_count(self.handle)

    @property
    def limit(self) -> int:
        """Bytes; 0: none. Setting one below what is live is refused (OSError, EBUSY)."""
        return self.stats().limit

    @limit.setter
    def limit(self, limit: Limit) -> None:
        size, fraction = _parsed(limit)
        if fraction:
            check(library.weir_set_limit_fraction(self.handle, fraction))
        else:
            check(library.weir_set_limit(self.handle, size))

    def stats(self) -> "Stats":
        """One consistent snapshot."""
        from .figures import stats
        return stats(self)

    def reset_peak(self) -> None:
        """The peak becomes the total."""
        library.weir_reset_peak(self.handle)

    def trim(self) -> int:
        """Gives what is cached back to the system. Bytes that went."""
        return library.weir_trim(self.handle)

    def close(self) -> None:
        """Destroys it now. OSError (EBUSY) while blocks, arrays or contexts of it are live, or it
        is current somewhere; it is then as it was. Without this it goes when it can."""
        allocator = self._allocator
        if allocator is None:
            return
        if not self._owned:
            raise ValueError(f"context {self.name!r} is the library's: it is not closed")
        with _lock:
            _sweep()
            if any(entry[0] is self for entry in _stack.get()) or not allocator.try_destroy():
                import errno
                raise OSError(errno.EBUSY, f"context {self.name!r}: {self.count} blocks "
                                           f"({self.total} bytes) are live, or it is in use")
            self._allocator = None

    def __enter__(self) -> "Context":
        allocator = self._live()
        entry = [self, arrays.enter(allocator), _failures(self.handle)]
        _stack.set(_stack.get() + (entry,))
        return self

    def __exit__(self, kind: Optional[Type[BaseException]], error: Optional[BaseException],
                 where: Optional[TracebackType]) -> None:
        stack = _stack.get()
        if not stack or stack[-1][0] is not self:
            raise RuntimeError("contexts are left in another order than entered")
        _stack.set(stack[:-1])
        _self, saved, failures = stack[-1]
        arrays.leave(saved)
        if isinstance(error, MemoryError) and hasattr(error, "add_note") \
                and not getattr(error, "__notes__", None) and _failures(self.handle) > failures:
            said = "; ".join(f"{name!r} has a limit of {limit} bytes, {live} are live"
                             for name, limit, live in limits_of(self.handle))
            error.add_note(f"weir: {last_message(12)}" + (f": {said} now" if said else ""))

    def __repr__(self) -> str:
        if self._allocator is None:
            return "<weir.Context, closed>"
        return f"<weir.Context {self.name!r}: {self.total} bytes in {self.count} blocks>"


#: The process-wide CPU allocator: every other context is below it. Never closed.
cpu = Context._of(library.weir_cpu_allocator())


def current() -> Context:
    """The innermost context whose ``with`` block runs here; else the CPU allocator."""
    stack = _stack.get()
    return stack[-1][0] if stack else cpu


def entered() -> Tuple[List[Any], ...]:
    """The entries of this thread's (or task's) contexts, outermost first."""
    return _stack.get()


def handle_of(context: Optional[Context]) -> int:
    """Of a context; None: of the CPU allocator."""
    return (cpu if context is None else context).handle
