"""Tensors: typed, shaped memory in a context, shared with numpy and others without a copy.

A Tensor is one handle of the library's; views are further handles to the same storage, which goes
with the last of them. What was made of a tensor (an array of numpy's, a memoryview, an export by
DLPack) keeps its storage.
"""

from __future__ import annotations

import builtins
import ctypes
import os
import sys
from typing import Any, Dict, Optional, Sequence, Tuple, Union

from . import _dlpack
from ._errors import check, check_pointer
from ._library import library
from .contexts import Context, current
from .sites import here

#: Names of the element types, in the library's order.
DTYPES = ("float32", "float64", "float16", "bfloat16", "int8", "int16", "int32", "int64", "uint8",
          "bool")
_NUMBERS = {name: number for number, name in enumerate(DTYPES)}
_ORDER = "<" if sys.byteorder == "little" else ">"
_TYPESTR = {"float32": _ORDER + "f4", "float64": _ORDER + "f8", "float16": _ORDER + "f2",
            "int8": "|i1", "int16": _ORDER + "i2", "int32": _ORDER + "i4", "int64": _ORDER + "i8",
            "uint8": "|u1", "bool": "|b1"}
_FORMAT = {"float32": "f", "float64": "d", "int8": "b", "int16": "h", "int32": "i", "int64": "q",
           "uint8": "B", "bool": "?"}
_NOTHING = ctypes.create_string_buffer(64)  # where a tensor without elements and address begins

Shape = Union[int, Sequence[int]]


def dtype_number(dtype: Any) -> int:
    """Of a name, or of whatever has one as numpy's types do."""
    name = dtype if isinstance(dtype, str) else getattr(dtype, "name", None) or getattr(
        dtype, "__name__", str(dtype))
    if name not in _NUMBERS:
        raise ValueError(f"{dtype!r} is no element type: {', '.join(DTYPES)}")
    return _NUMBERS[name]


def checked(values: Sequence[int]) -> Sequence[int]:
    """ctypes would cut them to 64 bits."""
    for value in values:
        if not -(1 << 63) <= value < 1 << 63:
            raise OverflowError(f"{value}: more than memory can be")
    return values


def extents(shape: Shape) -> "Tuple[ctypes.Array[ctypes.c_int64], int]":
    """A shape as the library takes it, and its length."""
    values = (shape,) if isinstance(shape, int) else tuple(shape)
    return (ctypes.c_int64 * max(len(values), 1))(*checked(values)), len(values)


class Tensor:
    """Made by weir.empty, weir.zeros, Tensor.map_file, weir.from_dlpack or of another tensor.

    numpy.asarray(tensor) and numpy.from_dlpack(tensor) share its memory; so does memoryview, by
    tensor.memoryview() and, from Python 3.12 on, memoryview(tensor).
    """

    __slots__ = ("_handle", "_context", "__weakref__")
    _handle: int  # 0: released
    _context: Optional[Context]

    def __init__(self) -> None:
        raise TypeError("weir.empty, weir.zeros or weir.from_dlpack make tensors")

    @classmethod
    def _made(cls, handle: int, context: Optional[Context]) -> "Tensor":
        made = object.__new__(cls)
        made._handle, made._context = handle, context
        return made

    def __del__(self) -> None:
        handle = getattr(self, "_handle", 0)
        if handle and library is not None:
            self._handle = 0
            library.weir_tensor_release(handle)
            _dlpack.sweep()

    # -- questions

    @property
    def handle(self) -> int:
        """The weir_tensor, as an address, for other libraries' calls."""
        return self._handle

    @property
    def context(self) -> Optional[Context]:
        """Whose memory it is; None: another library's, or a file's."""
        return self._context

    @property
    def dtype(self) -> str:
        return DTYPES[library.weir_tensor_dtype(self._handle)]

    @property
    def ndim(self) -> int:
        return library.weir_tensor_ndim(self._handle)

    @property
    def shape(self) -> Tuple[int, ...]:
        return tuple(library.weir_tensor_shape(self._handle)[:self.ndim])

    @property
    def strides(self) -> Tuple[int, ...]:
        """In elements, as the library counts them, not in bytes."""
        return tuple(library.weir_tensor_strides(self._handle)[:self.ndim])

    @property
    def size(self) -> int:
        """Elements."""
        return library.weir_tensor_element_count(self._handle)

    @property
    def nbytes(self) -> int:
        return library.weir_tensor_size_in_bytes(self._handle)

    @property
    def itemsize(self) -> int:
        return library.weir_dtype_size(library.weir_tensor_dtype(self._handle))

    @property
    def data(self) -> Optional[int]:
        """The address of the first element."""
        return library.weir_tensor_data(self._handle)

    @property
    def is_contiguous(self) -> bool:
        return library.weir_tensor_is_contiguous(self._handle)

    @property
    def is_read_only(self) -> bool:
        return library.weir_tensor_is_read_only(self._handle)

    @property
    def storage_count(self) -> int:
        """Handles to the same storage, this one included."""
        return library.weir_tensor_storage_count(self._handle)

    def __len__(self) -> int:
        if not self.ndim:
            raise TypeError("a tensor without dimensions has no length")
        return self.shape[0]

    def __repr__(self) -> str:
        return f"<weir.Tensor {self.dtype} {self.shape}>"

    # -- views

    def _view(self, handle: Optional[int]) -> "Tensor":
        return Tensor._made(check_pointer(handle), self._context)

    def reshape(self, *shape: Any) -> "Tensor":
        """Another shape of as many elements; one extent may be -1. ValueError where the strides do
        not allow it."""
        sizes, ndim = extents(shape[0] if len(shape) == 1 else shape)
        return self._view(library.weir_tensor_reshape(self._handle, sizes, ndim))

    def permute(self, *order: int) -> "Tensor":
        """Dimension i of the result is dimension order[i]."""
        if sorted(order) != list(range(self.ndim)):
            raise ValueError(f"{order} is no order of {self.ndim} dimensions")
        entries = (ctypes.c_size_t * max(len(order), 1))(*order)
        return self._view(library.weir_tensor_permute(self._handle, entries))

    @property
    def T(self) -> "Tensor":
        """All dimensions in reverse order."""
        return self.permute(*reversed(range(self.ndim)))

    def __getitem__(self, key: Any) -> "Tensor":
        """Indices and slices with steps of 1 or more, as numpy takes them: a view, also for a single
        element. For more, numpy.asarray(tensor)."""
        keys = key if isinstance(key, tuple) else (key,)
        if any(part is Ellipsis for part in keys):
            at = next(i for i, part in enumerate(keys) if part is Ellipsis)
            keys = keys[:at] + (slice(None),) * (self.ndim - len(keys) + 1) + keys[at + 1:]
        if len(keys) > self.ndim:
            raise IndexError(f"{len(keys)} indices into {self.ndim} dimensions")
        found, dim = self, 0
        for part in keys:
            extent = found.shape[dim]
            if isinstance(part, slice):
                first, last, step = part.indices(extent)
                if step < 1:
                    raise ValueError("steps are 1 or more")
                found = found._view(library.weir_tensor_slice(found._handle, dim, first,
                                                              max(first, last), step))
                dim += 1
            else:
                index = part.__index__()
                if not -extent <= index < extent:
                    raise IndexError(f"index {index} of {extent}")
                found = found._view(library.weir_tensor_select(found._handle, dim, index % extent))
        return found

    # -- copies and changes

    def clone(self, context: Optional[Context] = None) -> "Tensor":
        """A new row-major tensor with the same elements, in its context or in another."""
        into = context or self._context or current()
        with here():
            made = library.weir_tensor_clone_in(self._handle, into.handle)
        return Tensor._made(check_pointer(made, into.handle), into)

    def copy_from(self, source: "Tensor") -> None:
        """Takes the elements of a tensor of the same type and count."""
        check(library.weir_tensor_copy(self._handle, source._handle))

    def zero(self) -> None:
        """Sets every byte to zero."""
        check(library.weir_tensor_zero(self._handle))

    # -- sharing

    @property
    def __array_interface__(self) -> Dict[str, Any]:
        dtype = self.dtype
        if dtype not in _TYPESTR:
            raise BufferError(f"numpy has no {dtype}: use a type of its size")
        return {"version": 3, "shape": self.shape, "typestr": _TYPESTR[dtype],
                "data": (self.data or ctypes.addressof(_NOTHING), self.is_read_only),
                "strides": tuple(stride * self.itemsize for stride in self.strides)}

    def numpy(self) -> Any:
        """An array over the same memory."""
        import numpy
        return numpy.asarray(self)

    def memoryview(self) -> "builtins.memoryview":
        """A view with the shape and the type of a contiguous tensor. BufferError for others, and for
        float16 and bfloat16, which have no format."""
        form = _FORMAT.get(self.dtype)
        if form is None:
            raise BufferError(f"{self.dtype} has no format of buffers")
        if not self.is_contiguous:
            raise BufferError("the tensor is not contiguous: clone() is")
        owner = (ctypes.c_ubyte * self.nbytes).from_address(
            self.data or ctypes.addressof(_NOTHING))
        owner._tensor = self  # type: ignore[attr-defined] # the view keeps it
        view = builtins.memoryview(owner).cast("B")
        if self.size:  # no shape with an extent of 0 can be said
            view = view.cast(form, shape=self.shape) if form != "B" or self.ndim != 1 else view
        else:
            view = view.cast(form) if form != "B" else view
        return view.toreadonly() if self.is_read_only else view

    def __buffer__(self, _flags: int) -> "builtins.memoryview":
        return self.memoryview()

    def __dlpack_device__(self) -> Tuple[int, int]:
        return _dlpack.CPU

    def __dlpack__(self, *, stream: Any = None, max_version: Optional[Tuple[int, int]] = None,
                   dl_device: Optional[Tuple[int, int]] = None,
                   copy: Optional[bool] = None) -> Any:
        if stream is not None:
            raise BufferError("memory of the host has no stream")
        if dl_device is not None and tuple(dl_device) != _dlpack.CPU:
            raise BufferError(f"this is memory of the host, not of device {tuple(dl_device)}")
        source = self.clone() if copy else self
        return _dlpack.export(source._handle, bool(max_version and max_version[0] >= 1))

    # -- over a file

    @staticmethod
    def map_file(path: "Union[str, os.PathLike[str]]", shape: Shape, dtype: Any = "float32", *,
                 offset: int = 0, copy_on_write: bool = False) -> "Tensor":
        """A tensor over a file's bytes from ``offset`` on: nothing is read before it is touched.
        Read-only, or with pages that become the process's own when they are written. It counts as
        mapped (weir.mapped()), in no context."""
        sizes, ndim = extents(shape)
        if not 0 <= offset < 1 << 63:
            raise ValueError(f"offset {offset}")
        return Tensor._made(check_pointer(library.weir_tensor_map_file(
            os.fsencode(path), offset, sizes, ndim, dtype_number(dtype), int(copy_on_write))), None)


def _create(function: Any, shape: Shape, dtype: Any, context: Optional[Context]) -> Tensor:
    into = current() if context is None else context
    sizes, ndim = extents(shape)
    with here():
        made = function(into.handle, sizes, ndim, dtype_number(dtype))
    return Tensor._made(check_pointer(made, into.handle), into)


def empty(shape: Shape, dtype: Any = "float32", *, context: Optional[Context] = None) -> Tensor:
    """Row-major, 64-byte aligned, contents undefined, in ``context`` (None: the current one)."""
    return _create(library.weir_tensor_create_in, shape, dtype, context)


def zeros(shape: Shape, dtype: Any = "float32", *, context: Optional[Context] = None) -> Tensor:
    """The same with every byte zero."""
    return _create(library.weir_tensor_create_zeroed_in, shape, dtype, context)


def from_dlpack(source: Any) -> Tensor:
    """A tensor over what another library's object exports by DLPack, without a copy. It keeps that
    memory; it is counted in no context. BufferError for memory of a device."""
    if hasattr(source, "__dlpack_device__"):
        device = tuple(int(part) for part in source.__dlpack_device__())
        if device[0] != _dlpack.CPU[0]:
            raise BufferError(f"memory of device {device}, not of the host")
    return Tensor._made(_dlpack.take(source), None)
