"""Leak checks: what was allocated since a moment and is still live."""

from __future__ import annotations

import ctypes
import errno
import gc
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Iterator, List, Optional

from ._errors import check, fail
from ._library import BLOCK_VISITOR, library
from .contexts import Context, cpu


@dataclass(frozen=True)
class Leak:
    """A block that was left behind."""

    size: int  #: requested bytes
    tag: str  #: with weir.numpy.install(sites=True): the line that made it
    context: str  #: the name of the context it is in
    address: int
    usable: int

    def __str__(self) -> str:
        return f"{self.size} bytes in {self.context}: {self.tag or '(no tag)'}"


class LeakError(AssertionError):
    """Blocks were left behind: ``leaks`` has them."""

    def __init__(self, leaks: List[Leak], label: str = "") -> None:
        self.leaks = leaks
        super().__init__(describe(leaks, label))


def describe(leaks: List[Leak], label: str = "", most: int = 20) -> str:
    """A line with the sums, and one for each block, or for equal ones together."""
    total = sum(leak.size for leak in leaks)
    lines = [f"{label}{': ' if label else ''}left {len(leaks)} block{'s' * (len(leaks) != 1)}, "
             f"{total} bytes:"]
    groups: "dict[str, int]" = {}
    for leak in leaks:
        groups[str(leak)] = groups.get(str(leak), 0) + 1
    for text, times in list(groups.items())[:most]:
        lines.append(f"  {text}" + (f" ({times} times)" if times > 1 else ""))
    if len(groups) > most:
        lines.append(f"  and {len(groups) - most} more")
    return "\n".join(lines)


class Checkpoint:
    """A moment of a context. A later checkpoint of the same context, of one above or of one below
    replaces it: leaks() is then an OSError (ESTALE)."""

    def __init__(self, context: Context) -> None:
        self.context = context
        self.number = library.weir_checkpoint(context.handle)
        if not self.number:
            fail(ctypes.get_errno())

    def leaks(self) -> List[Leak]:
        """What was allocated since and lives, largest first."""
        found: List[Leak] = []

        @BLOCK_VISITOR
        def visit(about: Any, _user: Any) -> bool:
            of = about.contents
            found.append(Leak(of.requested, (of.tag_name or b"").decode(errors="replace"),
                              (of.allocator_name or b"").decode(errors="replace"),
                              of.address or 0, of.usable))
            return False

        check(library.weir_leaks_walk(self.context.handle, self.number, visit, None))
        return found

    def is_stale(self) -> bool:
        """Has a later checkpoint replaced it?"""
        try:
            self.leaks()
        except OSError as error:
            return error.errno == errno.ESTALE
        return False


def checkpoint(context: Optional[Context] = None) -> Checkpoint:
    """This moment of ``context``; None: of all memory on the host."""
    return Checkpoint(cpu if context is None else context)


@contextmanager
def no_leaks(context: Optional[Context] = None) -> Iterator[Checkpoint]:
    """Raises LeakError at its end where blocks that were allocated inside are still live. Garbage
    is collected before. An exception that leaves the block is passed on, and nothing is checked."""
    gc.collect()
    moment = checkpoint(context)
    yield moment
    gc.collect()
    left = moment.leaks()
    if left:
        raise LeakError(left)
