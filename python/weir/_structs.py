"""The structs of weir's headers, for ctypes.

python/tests/test_structs.py compiles a C program that prints the size of each and the offset of
each field, and compares: a field is added here when it is added there.
"""

from __future__ import annotations

import ctypes
from ctypes import c_bool, c_char_p, c_int, c_int64, c_size_t, c_uint, c_uint32, c_uint64, c_void_p
from typing import Any, Dict, Type, TypeVar

UNSUPPORTED = c_size_t(-1).value  # WEIR_UNSUPPORTED: a figure that is not there

_Any = TypeVar("_Any", bound=ctypes.Structure)


class weir_stats(ctypes.Structure):
    _fields_ = [(name, c_size_t) for name in (
        "size", "total_allocated", "peak_allocated", "allocation_count", "allocations",
        "deallocations", "failures", "in_use", "cached", "reserved", "limit", "slow_operations",
        "metadata")] + [("backing", c_char_p)] + [(name, c_size_t) for name in (
            "refusals_asked", "refusals_averted", "soft_limit", "soft_limit_crossings",
            "bytes_allocated")]


class weir_allocator_options(ctypes.Structure):
    _fields_ = [("size", c_size_t), ("name", c_char_p), ("parent", c_void_p), ("limit", c_size_t),
                ("source", c_int), ("pool", c_void_p), ("functions", c_void_p), ("user", c_void_p),
                ("backing", c_char_p), ("huge_pages", c_int), ("numa_node", c_uint),
                ("hardened", c_int)]


class weir_tag_stats(ctypes.Structure):
    _fields_ = [("tag", c_uint32), ("name", c_char_p), ("bytes", c_size_t), ("usable", c_size_t),
                ("blocks", c_size_t), ("largest", c_size_t)]


class weir_profiler(ctypes.Structure):
    _fields_ = [("allocator", c_void_p), ("total", c_size_t), ("count", c_size_t),
                ("allocations", c_size_t), ("deallocations", c_size_t), ("peak", c_uint64 * 2)]


class weir_profiler_stats(ctypes.Structure):
    _fields_ = [("size", c_size_t), ("current", c_size_t), ("delta", ctypes.c_ssize_t),
                ("peak", c_size_t), ("count", c_size_t), ("blocks", ctypes.c_ssize_t),
                ("allocations", c_size_t), ("deallocations", c_size_t)]


class weir_leak(ctypes.Structure):
    _fields_ = [("address", c_void_p), ("requested", c_size_t), ("usable", c_size_t),
                ("tag", c_uint32), ("tag_name", c_char_p), ("allocator_name", c_char_p)]


class weir_leaks_stats(ctypes.Structure):
    _fields_ = [(name, c_size_t) for name in ("size", "count", "bytes", "cached")]


class weir_mapped_stats(ctypes.Structure):
    _fields_ = [(name, c_size_t) for name in (
        "size", "mappings", "mapped_bytes", "resident_bytes")]


class weir_plan_options(ctypes.Structure):
    _fields_ = [("size", c_size_t), ("capacity", c_size_t), ("seed", c_uint64), ("work", c_uint64),
                ("clock", c_uint64), ("threads", c_uint), ("heuristic_only", c_bool)]


class weir_plan_stats(ctypes.Structure):
    _fields_ = [(name, c_size_t) for name in (
        "size", "count", "arena", "lower_bound", "proven_bound", "total", "alignment")] + [
            ("optimal", c_bool), ("work", c_uint64), ("method", c_char_p)]


class weir_trace_options(ctypes.Structure):
    _fields_ = [("size", c_size_t), ("allocator", c_void_p), ("sample_ms", c_uint),
                ("no_stacks", c_bool), ("stacks_from", c_size_t)]


class weir_tensor_memory(ctypes.Structure):
    _fields_ = [("data", c_void_p), ("allocator", c_void_p),
                ("strides", ctypes.POINTER(c_int64)), ("deleter", c_void_p), ("user", c_void_p),
                ("read_only", c_bool)]


STRUCTS: Dict[str, Type[ctypes.Structure]] = {
    name: value for name, value in list(globals().items())
    if name.startswith("weir_") and isinstance(value, type)}


def sized(struct: Type[_Any], **fields: Any) -> _Any:
    """One of these structs that knows its size, as WEIR_..._INIT makes it."""
    made = struct(**fields)
    made.size = ctypes.sizeof(struct)
    return made
