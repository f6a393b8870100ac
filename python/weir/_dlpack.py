"""Capsules of the DLPack protocol, without a compiler.

A capsule that nobody consumed must give its tensor back. A destructor would be a function of C:
Python cannot be one, since it may be called while an exception is on its way. So each capsule is
kept here until nobody else has it; then it was consumed (its name begins with "used"), or is taken
back. That is looked at whenever a tensor is exported or goes, and by whoever reads figures by
weir.checkpoint.
"""

from __future__ import annotations

import ctypes
import sys
import threading
from ctypes import c_char_p, c_int, c_void_p
from typing import Any, List

from ._errors import check_pointer
from ._library import library

CPU = (1, 0)  # kDLCPU
# A capsule keeps its name by address: these must not go.
_OLD, _NEW = b"dltensor", b"dltensor_versioned"
_USED_OLD, _USED_NEW = b"used_dltensor", b"used_dltensor_versioned"

_api = ctypes.pythonapi
_new = ctypes.PYFUNCTYPE(ctypes.py_object, c_void_p, c_char_p, c_void_p)(("PyCapsule_New", _api))
_pointer = ctypes.PYFUNCTYPE(c_void_p, ctypes.py_object, c_char_p)(("PyCapsule_GetPointer", _api))
_is_valid = ctypes.PYFUNCTYPE(c_int, ctypes.py_object, c_char_p)(("PyCapsule_IsValid", _api))
_set_name = ctypes.PYFUNCTYPE(c_int, ctypes.py_object, c_char_p)(("PyCapsule_SetName", _api))

_lock = threading.RLock()
_exported: List[List[Any]] = []  # [capsule], each in a list of its own
# References to a capsule that only we have: its list's, and getrefcount's argument.
_ALONE = 2


def _give_back(capsule: Any) -> None:
    for name, take_back in ((_NEW, library.weir_tensor_from_dlpack_versioned),
                            (_OLD, library.weir_tensor_from_dlpack)):
        if _is_valid(capsule, name):
            library.weir_tensor_release(take_back(_pointer(capsule, name)))


def sweep() -> None:
    """Takes back what was exported and not consumed."""
    if not _exported:
        return
    with _lock:
        for entry in _exported[:]:
            if entry and sys.getrefcount(entry[0]) <= _ALONE:
                capsule = entry.pop()
                _exported.remove(entry)
                _give_back(capsule)


def export(tensor: int, versioned: bool) -> Any:
    """A capsule over the tensor's storage."""
    sweep()
    if versioned:
        made, name = library.weir_tensor_to_dlpack_versioned(tensor), _NEW
    else:
        made, name = library.weir_tensor_to_dlpack(tensor), _OLD
    capsule = _new(_made(made), name, None)
    with _lock:
        _exported.append([capsule])
    return capsule


def _made(pointer: Any) -> int:
    try:
        return check_pointer(pointer)
    except OSError as error:  # read-only memory for a consumer that has no word for it
        raise BufferError(str(error)) from None


def take(source: Any) -> int:
    """A tensor over what `source` exports: what a consumer does."""
    try:
        capsule = source.__dlpack__(max_version=(1, 0))
    except TypeError:
        capsule = source.__dlpack__()
    versioned = bool(_is_valid(capsule, _NEW))
    if not versioned and not _is_valid(capsule, _OLD):
        raise BufferError(f"{type(source).__name__}.__dlpack__ gave no fresh capsule")
    if versioned:
        tensor = library.weir_tensor_from_dlpack_versioned(_pointer(capsule, _NEW))
    else:
        tensor = library.weir_tensor_from_dlpack(_pointer(capsule, _OLD))
    check_pointer(tensor)
    _set_name(capsule, _USED_NEW if versioned else _USED_OLD)
    return tensor
