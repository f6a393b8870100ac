"""numpy's arrays on weir: exact, by context and by tag.

    weir.numpy.install()

puts weir behind numpy's own hook for allocators (NEP 49). The data of every array that is made from
then on, by any thread, is a block of weir's: of the current context (weir.Context's ``with``), with
the thread's tag. Arrays that were there before keep numpy's memory, and arrays of weir's keep
theirs after uninstall(). What numpy takes beside arrays' data (its work space, its objects) is not
in the figures; ``weir run`` sees that, too.

numpy calls weir's functions directly: nothing of Python runs for an array, and no compiler is
needed. With sites=True Python runs for each: see install().
"""

from __future__ import annotations

import atexit
import contextvars
import ctypes
import sys
import threading
import warnings
from ctypes import c_char, c_size_t, c_uint8, c_void_p
from typing import Any, Dict, List, Optional, Tuple

import numpy as _numpy

from . import contexts, sites
from ._library import address_of, quick
from .contexts import Context, _Allocator

_SET_HANDLER, _DEFAULT_HANDLER = 304, 306  # in numpy's table of functions, from 1.22 on
_CAPSULE = b"mem_handler"


class PyDataMemAllocator(ctypes.Structure):
    """numpy's struct of this name."""
    _fields_ = [("ctx", c_void_p), ("malloc", c_void_p), ("calloc", c_void_p),
                ("realloc", c_void_p), ("free", c_void_p)]


class PyDataMem_Handler(ctypes.Structure):
    """numpy's struct of this name."""
    _fields_ = [("name", c_char * 127), ("version", c_uint8), ("allocator", PyDataMemAllocator)]


_api = ctypes.pythonapi
_capsule_new = ctypes.PYFUNCTYPE(ctypes.py_object, c_void_p, ctypes.c_char_p, c_void_p)(
    ("PyCapsule_New", _api))
_capsule_pointer = ctypes.PYFUNCTYPE(c_void_p, ctypes.py_object, ctypes.c_char_p)(
    ("PyCapsule_GetPointer", _api))
_keep = ctypes.PYFUNCTYPE(None, ctypes.py_object)(("Py_IncRef", _api))
_drop = ctypes.PYFUNCTYPE(None, ctypes.py_object)(("Py_DecRef", _api))


# -- an array's site ------------------------------------------------------------------------------

@ctypes.CFUNCTYPE(c_void_p, c_void_p, c_size_t)
def _malloc_at(allocator: int, size: int) -> Optional[int]:
    before = quick.weir_tag_set(0)
    try:
        quick.weir_tag_set(sites.site_tag(sys._getframe(1), before))
        return quick.weir_allocate(allocator, size)
    finally:
        quick.weir_tag_set(before)


@ctypes.CFUNCTYPE(c_void_p, c_void_p, c_size_t, c_size_t)
def _calloc_at(allocator: int, count: int, size: int) -> Optional[int]:
    before = quick.weir_tag_set(0)
    try:
        quick.weir_tag_set(sites.site_tag(sys._getframe(1), before))
        return quick.weir_allocate_zeroed(allocator, count, size)
    finally:
        quick.weir_tag_set(before)


def _address(function: Any) -> int:
    return ctypes.cast(function, c_void_p).value or 0


# weir's functions have the arguments of numpy's, in their order. The free gets the size, too, as
# an argument that weir_deallocate does not look at: it is not always the one that was asked for
# (numpy.ones(10).resize(0) and numpy.fromfile of nothing ask for 8 bytes and free 1).
_FUNCTIONS: Dict[str, Tuple[int, int]] = {
    "direct": (address_of("weir_allocate"), address_of("weir_allocate_zeroed")),
    "sites": (_address(_malloc_at), _address(_calloc_at)),
}


class _Handler:
    """What numpy is handed for an allocator: a capsule over a struct. The struct stays until
    free(): arrays have its address."""

    def __init__(self, handle: int, kind: str) -> None:
        malloc, calloc = _FUNCTIONS[kind]
        self._struct = PyDataMem_Handler(b"weir", 1, PyDataMemAllocator(
            handle, malloc, calloc, address_of("weir_reallocate"), address_of("weir_deallocate")))
        _keep(self._struct)
        self.capsule = _capsule_new(ctypes.addressof(self._struct), _CAPSULE, None)

    def in_use(self) -> bool:
        """Has an array it, or a contextvars.Context? (Two references are this object's and the
        call's.)"""
        return sys.getrefcount(self.capsule) > 2

    def free(self) -> None:
        """Of an allocator that goes: nobody has it."""
        _drop(self._struct)


def _handler(allocator: _Allocator, kind: str) -> _Handler:
    with _lock:
        found = allocator.handlers.get(kind)
        if found is None:
            assert allocator.handle is not None
            found = allocator.handlers[kind] = _Handler(allocator.handle, kind)
        return found


# -- numpy's variable -----------------------------------------------------------------------------

def _table() -> "ctypes._Pointer[c_void_p]":
    core = sys.modules.get("numpy._core._multiarray_umath") or sys.modules.get(
        "numpy.core._multiarray_umath")
    if core is None:
        raise RuntimeError("weir.numpy: this numpy has no table of functions")
    return ctypes.cast(_capsule_pointer(core._ARRAY_API, None), ctypes.POINTER(c_void_p))


def _variable() -> "contextvars.ContextVar[Any]":
    """The context variable that has numpy's handler: made visible by setting it once, in a
    contextvars.Context that is thrown away."""
    set_handler = ctypes.PYFUNCTYPE(ctypes.py_object, ctypes.py_object)(_table()[_SET_HANDLER])
    probe = _handler(contexts.cpu._live(), "direct").capsule

    def look() -> "contextvars.ContextVar[Any]":
        before = set(contextvars.copy_context())
        set_handler(probe)
        for variable, value in contextvars.copy_context().items():
            if value is probe and (variable not in before or variable.name == "current_allocator"):
                return variable
        raise RuntimeError("weir.numpy: numpy's variable is not found")

    return contextvars.Context().run(look)


class _Default:
    """What the variable is in a thread (or task) that never set it: the second pointer after the
    object's head. That it is so is checked: numpy's own table says which object must be there."""

    def __init__(self, variable: "contextvars.ContextVar[Any]") -> None:
        at = id(variable) + object.__basicsize__ + ctypes.sizeof(c_void_p)
        self._place = c_void_p.from_address(at)
        self.numpys = c_void_p.from_address(_table()[_DEFAULT_HANDLER]).value
        self.known = self._place.value == self.numpys
        self._ours: Any = None

    def set(self, capsule: Any) -> None:
        """numpy's own reference to its capsule is left where it is."""
        before = self._ours
        _keep(capsule)
        self._place.value, self._ours = id(capsule), capsule
        if before is not None:
            _drop(before)

    def reset(self) -> None:
        if self._ours is not None:
            self._place.value = self.numpys
            _drop(self._ours)
            self._ours = None


_lock = threading.RLock()
_state: "Dict[str, Any]" = {"kind": "", "explicit": False, "users": 0, "variable": None,
                          "default": None, "root": None, "token": None}


class _Hook(contexts._Arrays):
    """What a context's ``with`` does for arrays."""

    def enter(self, allocator: _Allocator) -> Any:
        with _lock:
            kind = _state["kind"]
            if not kind:
                return None
            return _state["variable"].set(_handler(allocator, kind).capsule)

    def leave(self, saved: Any) -> None:
        if saved is not None:
            _state["variable"].reset(saved)


def _start(context: Optional[Context], kind: str) -> None:
    if tuple(int(part) for part in _numpy.__version__.split(".")[:2]) < (1, 22):
        raise RuntimeError(f"weir.numpy: numpy {_numpy.__version__} has no hook: 1.22 or later")
    if _state["variable"] is None:
        found = _variable()
        _state.update(variable=found, default=_Default(found))
        atexit.register(_stop)
    variable: Any = _state["variable"]
    root = contexts.cpu if context is None else context
    capsule = _handler(root._live(), kind).capsule
    _state["kind"], _state["root"] = kind, root
    sites.enabled = kind == "sites"
    contexts.arrays = _Hook()
    if _state["default"].known:
        _state["default"].set(capsule)
    else:
        _state["token"] = variable.set(capsule)
        warnings.warn("weir.numpy: this Python keeps its context variables in another way: arrays of "
                      "this thread alone are tracked", RuntimeWarning, stacklevel=3)
    for entry in contexts.entered():  # contexts that were entered before
        if entry[1] is None:
            entry[1] = variable.set(_handler(entry[0]._live(), kind).capsule)


def _stop() -> None:
    if not _state["kind"]:
        return
    _state["kind"], sites.enabled = "", False
    _state["default"].reset()
    if _state["token"] is not None:
        _state["variable"].reset(_state["token"])
        _state["token"] = None
    for entry in reversed(contexts.entered()):
        if entry[1] is not None:
            _state["variable"].reset(entry[1])
            entry[1] = None
    _state["root"] = None


def install(context: Optional[Context] = None, *, sites: bool = False) -> None:
    """Arrays are weir's from now on: in ``context`` (None: in the CPU allocator itself), unless
    another is current. Calling it again changes what was said.

    ``sites``: each array's tag is the line of Python that made it, for leak checks and recordings.
    That costs one or two microseconds an array; without it, an array costs what numpy's own do
    (python/cost.py prints both).
    """
    with _lock:
        _stop()
        _start(context, "sites" if sites else "direct")
        _state["explicit"] = True


def uninstall() -> None:
    """New arrays are numpy's again, once no weir.peak() runs that needs the hook. In another thread,
    contexts that were entered before stay as they are."""
    with _lock:
        _state["explicit"] = False
        if not _state["users"]:
            _stop()


def installed() -> bool:
    """Are new arrays weir's?"""
    return bool(_state["kind"])


def acquire() -> None:
    """For as long as somebody needs it: weir.peak()."""
    with _lock:
        if not _state["kind"]:
            _start(None, "direct")
        _state["users"] += 1


def release() -> None:
    """The other half of acquire()."""
    with _lock:
        _state["users"] -= 1
        if not _state["users"] and not _state["explicit"]:
            _stop()


def is_tracked(array: Any) -> bool:
    """Is the memory of this array weir's? False also for a view, whose memory is another's."""
    core = getattr(_numpy, "_core", None) or _numpy.core
    name: Optional[str] = core.multiarray.get_handler_name(array)
    return name == "weir"


__all__: List[str] = ["acquire", "install", "installed", "is_tracked", "release", "uninstall"]
