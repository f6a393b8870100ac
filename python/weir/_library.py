"""Finds libweir.so.0, loads it and declares what the package calls."""

from __future__ import annotations

import ctypes
import os
import pathlib
from ctypes import c_bool, c_char_p, c_double, c_int, c_int64, c_size_t, c_uint32, c_uint64, c_void_p
from typing import Any, List, Optional

from . import _structs as s

NAME = "libweir.so.0"
HERE = pathlib.Path(__file__).resolve().parent


def _build_folders() -> List[pathlib.Path]:
    """Where a build tree around the package has its programs: the source's own, or its ``build``."""
    top = HERE.parent.parent
    return [top, top / "build"] if (top / "configure.ac").exists() else []


def _candidates() -> List[str]:
    named = os.environ.get("WEIR_LIBRARY")
    if named:
        return [named]
    found = [HERE / "_lib" / NAME] + [folder / ".libs" / NAME for folder in _build_folders()]
    return [str(path) for path in found if path.exists()] + [NAME]


def _load() -> ctypes.CDLL:
    tried = []
    for name in _candidates():
        try:
            return ctypes.CDLL(name, use_errno=True)
        except OSError as error:
            tried.append(f"{name}: {error}")
    raise ImportError("weir: cannot load " + NAME + " ($WEIR_LIBRARY may name it); " +
                      "; ".join(tried))


library = _load()
LIBRARY_PATH: str = library._name
try:
    library.weir_version.restype = c_char_p
    library.weir_version_number.restype = c_int
    _number = library.weir_version_number()
except AttributeError:
    raise ImportError(f"weir: {LIBRARY_PATH} is not libweir: it has no weir_version") from None
if _number // 10000 != 0:
    raise ImportError(f"weir: {LIBRARY_PATH} is of version {library.weir_version().decode()}; "
                      "this package knows 0.x")

BLOCK_VISITOR = ctypes.CFUNCTYPE(c_bool, ctypes.POINTER(s.weir_leak), c_void_p)
TAG_VISITOR = ctypes.CFUNCTYPE(c_bool, ctypes.POINTER(s.weir_tag_stats), c_void_p)

_pointer = ctypes.POINTER
_int64s = _pointer(c_int64)
_signatures = {
    # allocators
    "weir_cpu_allocator": (c_void_p,),
    "weir_allocator_create": (c_void_p, _pointer(s.weir_allocator_options)),
    "weir_allocator_destroy": (c_int, c_void_p),
    "weir_allocator_name": (c_char_p, c_void_p),
    "weir_allocator_parent": (c_void_p, c_void_p),
    "weir_set_limit": (c_int, c_void_p, c_size_t),
    "weir_set_limit_fraction": (c_int, c_void_p, c_double),
    "weir_trim": (c_size_t, c_void_p),
    "weir_total_allocated": (c_size_t, c_void_p),
    "weir_peak_allocated": (c_size_t, c_void_p),
    "weir_allocation_count": (c_size_t, c_void_p),
    "weir_reset_peak": (None, c_void_p),
    "weir_stats_get": (c_int, c_void_p, _pointer(s.weir_stats)),
    "weir_allocate": (c_void_p, c_void_p, c_size_t),
    "weir_allocate_zeroed": (c_void_p, c_void_p, c_size_t, c_size_t),
    "weir_reallocate": (c_void_p, c_void_p, c_void_p, c_size_t),
    "weir_deallocate": (None, c_void_p, c_void_p),
    "weir_last_error": (c_char_p,),
    # tags
    "weir_tag_intern": (c_uint32, c_char_p),
    "weir_tag_name": (c_char_p, c_uint32),
    "weir_tag_set": (c_uint32, c_uint32),
    # figures
    "weir_allocator_walk_tags": (c_int, c_void_p, TAG_VISITOR, c_void_p),
    "weir_stats_json_buffer": (c_int, c_char_p, c_size_t, _pointer(c_size_t), c_void_p),
    "weir_stats_openmetrics_buffer": (c_int, c_char_p, c_size_t, _pointer(c_size_t), c_void_p),
    "weir_mapped_stats_get": (c_int, _pointer(s.weir_mapped_stats)),
    # a stretch of a program, leaks
    "weir_profiler_start": (c_int, _pointer(s.weir_profiler), c_void_p),
    "weir_profiler_stats_get": (c_int, _pointer(s.weir_profiler), _pointer(s.weir_profiler_stats)),
    "weir_profiler_stop": (c_int, _pointer(s.weir_profiler)),
    "weir_checkpoint": (c_uint64, c_void_p),
    "weir_leaks_stats_get": (c_int, c_void_p, c_uint64, _pointer(s.weir_leaks_stats)),
    "weir_leaks_walk": (c_int, c_void_p, c_uint64, BLOCK_VISITOR, c_void_p),
    # recordings
    "weir_trace_start": (c_int, c_char_p, _pointer(s.weir_trace_options)),
    "weir_trace_stop": (c_int,),
    "weir_trace_mark": (c_int, c_int, c_char_p, c_bool),
    # plans
    "weir_plan_create": (c_void_p,),
    "weir_plan_destroy": (None, c_void_p),
    "weir_plan_reserve": (c_int, c_void_p, c_size_t),
    "weir_plan_add": (c_int, c_void_p, c_size_t, c_size_t, c_int64, c_int64),
    "weir_plan_solve": (c_int, c_void_p, _pointer(s.weir_plan_options)),
    "weir_plan_offset": (c_size_t, c_void_p, c_size_t),
    "weir_plan_verify": (c_int, c_void_p),
    "weir_plan_stats_get": (c_int, c_void_p, _pointer(s.weir_plan_stats)),
    "weir_plan_memory_create": (c_void_p, c_void_p, c_void_p),
    "weir_plan_memory_release": (None, c_void_p),
    "weir_plan_memory_size_in_bytes": (c_size_t, c_void_p),
    "weir_plan_memory_tensor": (c_void_p, c_void_p, c_size_t, _int64s, c_size_t, c_int),
    # tensors
    "weir_tensor_create_in": (c_void_p, c_void_p, _int64s, c_size_t, c_int),
    "weir_tensor_create_zeroed_in": (c_void_p, c_void_p, _int64s, c_size_t, c_int),
    "weir_tensor_release": (None, c_void_p),
    "weir_tensor_reshape": (c_void_p, c_void_p, _int64s, c_size_t),
    "weir_tensor_slice": (c_void_p, c_void_p, c_size_t, c_int64, c_int64, c_int64),
    "weir_tensor_select": (c_void_p, c_void_p, c_size_t, c_int64),
    "weir_tensor_permute": (c_void_p, c_void_p, _pointer(c_size_t)),
    "weir_tensor_clone_in": (c_void_p, c_void_p, c_void_p),
    "weir_tensor_clone": (c_void_p, c_void_p),
    "weir_tensor_copy": (c_int, c_void_p, c_void_p),
    "weir_tensor_zero": (c_int, c_void_p),
    "weir_tensor_dtype": (c_int, c_void_p),
    "weir_tensor_ndim": (c_size_t, c_void_p),
    "weir_tensor_shape": (_int64s, c_void_p),
    "weir_tensor_strides": (_int64s, c_void_p),
    "weir_tensor_element_count": (c_size_t, c_void_p),
    "weir_tensor_size_in_bytes": (c_size_t, c_void_p),
    "weir_tensor_data": (c_void_p, c_void_p),
    "weir_tensor_is_contiguous": (c_bool, c_void_p),
    "weir_tensor_is_read_only": (c_bool, c_void_p),
    "weir_tensor_storage_count": (c_size_t, c_void_p),
    "weir_tensor_map_file": (c_void_p, c_char_p, c_uint64, _int64s, c_size_t, c_int, c_int),
    "weir_tensor_to_dlpack": (c_void_p, c_void_p),
    "weir_tensor_to_dlpack_versioned": (c_void_p, c_void_p),
    "weir_tensor_from_dlpack": (c_void_p, c_void_p),
    "weir_tensor_from_dlpack_versioned": (c_void_p, c_void_p),
    "weir_dtype_size": (c_size_t, c_int),
}


def declare(of: Any) -> None:
    """Gives the functions of a loaded library their types."""
    for name, (result, *arguments) in _signatures.items():
        try:
            function = getattr(of, name)
        except AttributeError:
            raise ImportError(f"weir: {LIBRARY_PATH} has no {name}: it is older than this package"
                              ) from None
        function.restype, function.argtypes = result, arguments


declare(library)
# The same without giving up the interpreter's lock: for what takes nanoseconds.
quick = ctypes.PyDLL(LIBRARY_PATH, use_errno=True)
declare(quick)


def address_of(name: str) -> int:
    """Where a function of the library stands."""
    return ctypes.cast(getattr(library, name), c_void_p).value or 0


def version() -> str:
    """Of the library that is loaded: "MAJOR.MINOR.PATCH"."""
    return library.weir_version().decode()


def command() -> Optional[str]:
    """The ``weir`` command that belongs to the loaded library; else None."""
    folder = pathlib.Path(LIBRARY_PATH).parent
    near = [HERE / "_lib" / "weir"]
    if folder.name == ".libs":
        near.insert(0, folder.parent / "weir")
    near += [each / "weir" for each in _build_folders()]
    for path in near:
        if path.is_file() and os.access(path, os.X_OK):
            return str(path)
    return None
