"""numpy and weir pass arrays to each other by DLPack without copying. Argument: the library."""
import ctypes
import gc
import sys

import numpy as np

weir = ctypes.CDLL(sys.argv[1])
api = ctypes.pythonapi
NAMES = ["float32", "float64", "float16", "bfloat16", "int8", "int16", "int32", "int64", "uint8",
         "bool"]

size_t, pointer, int64s = ctypes.c_size_t, ctypes.c_void_p, ctypes.POINTER(ctypes.c_int64)
for name, result, *arguments in [
        ("weir_cpu_allocator", pointer),
        ("weir_total_allocated", size_t, pointer),
        ("weir_allocation_count", size_t, pointer),
        ("weir_tensor_create", pointer, int64s, size_t, ctypes.c_int),
        ("weir_tensor_release", None, pointer),
        ("weir_tensor_data", pointer, pointer),
        ("weir_tensor_dtype", ctypes.c_int, pointer),
        ("weir_tensor_ndim", size_t, pointer),
        ("weir_tensor_shape", int64s, pointer),
        ("weir_tensor_strides", int64s, pointer),
        ("weir_tensor_transpose", pointer, pointer, size_t, size_t),
        ("weir_tensor_slice", pointer, pointer, size_t, ctypes.c_int64, ctypes.c_int64,
         ctypes.c_int64),
        ("weir_tensor_is_read_only", ctypes.c_bool, pointer),
        ("weir_tensor_clone", pointer, pointer),
        ("weir_tensor_to_dlpack", pointer, pointer),
        ("weir_tensor_to_dlpack_versioned", pointer, pointer),
        ("weir_tensor_from_dlpack", pointer, pointer),
        ("weir_tensor_from_dlpack_versioned", pointer, pointer),
        ("weir_last_error", ctypes.c_char_p)]:
    function = getattr(weir, name)
    function.restype, function.argtypes = result, arguments

api.PyCapsule_New.restype = ctypes.py_object
api.PyCapsule_New.argtypes = [pointer, ctypes.c_char_p, pointer]
api.PyCapsule_GetPointer.restype = pointer
api.PyCapsule_GetPointer.argtypes = [ctypes.py_object, ctypes.c_char_p]
api.PyCapsule_IsValid.argtypes = [ctypes.py_object, ctypes.c_char_p]
api.PyCapsule_SetName.argtypes = [ctypes.py_object, ctypes.c_char_p]

CPU = weir.weir_cpu_allocator()
# A capsule keeps its name by address: these must not go.
OLD, NEW = b"dltensor", b"dltensor_versioned"
USED_OLD, USED_NEW = b"used_dltensor", b"used_dltensor_versioned"


def live():
    gc.collect()
    return weir.weir_total_allocated(CPU), weir.weir_allocation_count(CPU)


def check(handle):
    assert handle, weir.weir_last_error()
    return handle


class Tensor:
    """Owns one handle; speaks the protocol."""

    def __init__(self, handle):
        self.handle = None
        self.handle = check(handle)

    def __del__(self):
        weir.weir_tensor_release(self.handle)

    def __dlpack_device__(self):
        return 1, 0

    def __dlpack__(self, stream=None, max_version=None, dl_device=None, copy=None):
        if max_version and max_version[0] >= 1:
            made, name = weir.weir_tensor_to_dlpack_versioned(self.handle), NEW
        else:
            made, name = weir.weir_tensor_to_dlpack(self.handle), OLD
        self.exported = check(made), name
        # No destructor: Python cannot be one. Who is refused calls take_back.
        return api.PyCapsule_New(made, name, None)

    def take_back(self):
        made, name = self.exported
        take = (weir.weir_tensor_from_dlpack_versioned if name == NEW
                else weir.weir_tensor_from_dlpack)
        weir.weir_tensor_release(check(take(made)))

    data = property(lambda self: weir.weir_tensor_data(self.handle))
    shape = property(lambda self: self._entries(weir.weir_tensor_shape))
    strides = property(lambda self: self._entries(weir.weir_tensor_strides))
    dtype = property(lambda self: NAMES[weir.weir_tensor_dtype(self.handle)])

    def _entries(self, function):
        return tuple(function(self.handle)[:weir.weir_tensor_ndim(self.handle)])


def from_array(array):
    """What a consumer does: takes the struct out of the capsule and renames that."""
    try:
        capsule = array.__dlpack__(max_version=(1, 0))  # numpy 2.1 and later
    except TypeError:
        capsule = array.__dlpack__()
    versioned = api.PyCapsule_IsValid(capsule, NEW)
    struct = api.PyCapsule_GetPointer(capsule, NEW if versioned else OLD)
    take = weir.weir_tensor_from_dlpack_versioned if versioned else weir.weir_tensor_from_dlpack
    tensor = Tensor(take(struct))
    api.PyCapsule_SetName(capsule, USED_NEW if versioned else USED_OLD)
    return tensor


def address(array):
    return array.__array_interface__["data"][0]


def create(shape, dtype):
    return Tensor(weir.weir_tensor_create((ctypes.c_int64 * len(shape))(*shape), len(shape),
                                          NAMES.index(dtype)))


def weir_to_numpy(dtype):
    tensor = create((3, 4, 5), dtype)
    array = np.from_dlpack(tensor)
    assert address(array) == tensor.data
    assert array.shape == (3, 4, 5) and array.dtype == dtype
    values = np.arange(60).astype(dtype)
    ctypes.memmove(tensor.data, values.ctypes.data, values.nbytes)
    assert (array.ravel() == values).all()
    turned = Tensor(weir.weir_tensor_transpose(tensor.handle, 0, 2))
    part = Tensor(weir.weir_tensor_slice(turned.handle, 1, 1, 4, 2))
    view = np.from_dlpack(part)
    assert (view == values.reshape(3, 4, 5).transpose(2, 1, 0)[:, 1:4:2]).all()
    assert tensor.data <= address(view) < tensor.data + values.nbytes
    # The arrays alone keep the memory.
    bytes_ = values.nbytes
    del tensor, turned, part, array
    assert live() == (bytes_, 1), live()
    assert view[4, 1, 2] == values[2 * 20 + 3 * 5 + 4]
    del view
    assert live() == (0, 0), live()


def numpy_to_weir(dtype):
    array = np.arange(60).astype(dtype).reshape(3, 4, 5)
    references = sys.getrefcount(array)
    for view in array, array.T, array[::2, 1:3, ::-1], array[1, 1]:
        tensor = from_array(view)
        assert tensor.data == address(view) and tensor.dtype == dtype
        assert tensor.shape == view.shape
        assert tensor.strides == tuple(s // view.itemsize for s in view.strides)
        assert live() == (0, 0)
        copy = Tensor(weir.weir_tensor_clone(tensor.handle))
        flat = (ctypes.c_char * view.nbytes).from_address(copy.data).raw
        assert flat == np.ascontiguousarray(view).tobytes()
        back = np.from_dlpack(tensor)  # and home again
        assert address(back) == address(view) and (back == view).all()
        del tensor, copy, back
    view = flat = None
    gc.collect()
    assert sys.getrefcount(array) == references
    assert live() == (0, 0)


def main():
    types = [t for t in NAMES if t != "bfloat16"]
    major, minor = (int(part) for part in np.__version__.split(".")[:2])
    if (major, minor) < (1, 25):
        types.remove("bool")  # numpy cannot do it before
    for dtype in types:
        weir_to_numpy(dtype)
        numpy_to_weir(dtype)
    # What the other cannot take is refused and freed.
    tensor = create((2, 2), "bfloat16")
    try:
        np.from_dlpack(tensor)
        raise AssertionError("numpy took bfloat16")
    except (RuntimeError, BufferError, TypeError):
        tensor.take_back()
    del tensor
    assert live() == (0, 0), live()
    try:
        from_array(np.zeros(3, dtype="complex64"))
        raise AssertionError("weir took complex64")
    except AssertionError as refusal:
        assert b"no element type" in refusal.args[0], refusal
    array = np.arange(6, dtype="float32")
    tensor = from_array(array)
    del array
    gc.collect()
    assert (ctypes.c_float * 6).from_address(tensor.data)[5] == 5
    print("numpy", np.__version__, "and weir share", ", ".join(types))


main()
