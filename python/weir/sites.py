"""Call sites: tags that are lines of Python.

While weir.numpy.install(sites=True) is in force, an array's tag is the line that made it:
"model.py:12 forward", after the tag that weir.tag set, if any ("layer1 @ model.py:12 forward").
"""

from __future__ import annotations

import os
import sys
from types import CodeType, FrameType
from typing import Any, Dict, Optional, Tuple

from ._library import quick

enabled = False  # weir.numpy's
_skipped = {"numpy", "weir"}
_tags: Dict[Tuple[CodeType, int, int], int] = {}


def _short(path: str) -> str:
    """Below the working folder, from there on."""
    try:
        here = os.getcwd() + os.sep
    except OSError:
        return path
    return path[len(here):] if path.startswith(here) else path


def _first(frame: Optional[FrameType]) -> Optional[FrameType]:
    """The innermost frame that is neither numpy's nor ours."""
    while frame is not None:
        if frame.f_globals.get("__name__", "").partition(".")[0] not in _skipped:
            return frame
        frame = frame.f_back
    return None


def site_tag(frame: Optional[FrameType], before: int) -> int:
    """The tag of the line that `frame` is at, with what the thread's tag `before` says. Tags are
    at most 8191 in a process; with more lines than that, `before`."""
    at = _first(frame)
    if at is None:
        return before
    key = (at.f_code, at.f_lasti, before)
    found = _tags.get(key)
    if found is None:
        code = at.f_code
        name = (f"{_short(code.co_filename)}:{at.f_lineno} "
                f"{getattr(code, 'co_qualname', code.co_name)}")
        if before:
            name = f"{quick.weir_tag_name(before).decode(errors='replace')} @ {name}"
        found = _tags[key] = quick.weir_tag_intern(name.encode(errors="replace")) or before
    return found


class here:
    """What is allocated inside carries the caller's line, where that is asked for."""

    __slots__ = ("_before", "_set")

    def __enter__(self) -> None:
        self._set = enabled
        if self._set:
            self._before = quick.weir_tag_set(0)
            quick.weir_tag_set(site_tag(sys._getframe(1), self._before))

    def __exit__(self, *_error: Any) -> None:
        if self._set:
            quick.weir_tag_set(self._before)
