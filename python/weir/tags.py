"""Tags: what blocks are for."""

from __future__ import annotations

import ctypes
from contextlib import contextmanager
from typing import Iterator

from ._errors import fail
from ._library import quick


def intern(name: str) -> int:
    """The tag's number. A process has at most 8191 tags: OSError (ENOSPC) beyond that."""
    if not name:
        return 0
    number = quick.weir_tag_intern(name.encode())
    if not number:
        fail(ctypes.get_errno())
    return number


@contextmanager
def tag(name: str) -> Iterator[None]:
    """Blocks that this thread allocates inside carry the tag ``name``, numpy's arrays included.

    Of the thread: a coroutine that awaits inside gives its tag to others that run meanwhile.
    """
    before = quick.weir_tag_set(intern(name))
    try:
        yield
    finally:
        quick.weir_tag_set(before)
