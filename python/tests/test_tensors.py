"""Tensors: their memory, views, and what shares it."""

import ctypes
import gc
import struct
import sys

import pytest

import weir


def test_what_a_tensor_says():
    tensor = weir.zeros((2, 3, 4), "int16")
    assert (tensor.shape, tensor.strides, tensor.dtype) == ((2, 3, 4), (12, 4, 1), "int16")
    assert (tensor.ndim, tensor.size, tensor.nbytes, tensor.itemsize) == (3, 24, 48, 2)
    assert len(tensor) == 2 and tensor.data % 64 == 0 and tensor.is_contiguous
    assert not tensor.is_read_only and tensor.context is weir.cpu and weir.cpu.total == 48
    assert repr(tensor) == "<weir.Tensor int16 (2, 3, 4)>"
    scalar = weir.zeros((), "float64")
    assert scalar.shape == () and scalar.memoryview()[()] == 0.0
    with pytest.raises(TypeError):
        len(scalar)
    with pytest.raises(TypeError):
        weir.Tensor()


@pytest.mark.parametrize("dtype", weir.DTYPES)
def test_every_type_has_its_bytes(dtype):
    size = {"float32": 4, "float64": 8, "float16": 2, "bfloat16": 2, "int8": 1, "int16": 2,
            "int32": 4, "int64": 8, "uint8": 1, "bool": 1}[dtype]
    tensor = weir.zeros((3, 5), dtype)
    assert tensor.nbytes == 15 * size and weir.cpu.total == 15 * size
    assert ctypes.string_at(tensor.data, tensor.nbytes) == bytes(15 * size)


def test_views_share_the_storage():
    tensor = weir.zeros((4, 6), "int32")
    tensor.memoryview().cast("B").cast("i")[:] = memoryview(
        struct.pack("24i", *range(24))).cast("i")
    assert tensor[1, 2].memoryview()[()] == 8 and tensor[-1][-1].memoryview()[()] == 23
    assert tensor[1:3].memoryview().tolist() == [list(range(6, 12)), list(range(12, 18))]
    assert tensor.T.shape == (6, 4) and tensor.T.T.is_contiguous
    assert tensor.T[2].clone().memoryview().tolist() == [2, 8, 14, 20]
    assert tensor[..., 1].clone().memoryview().tolist() == [1, 7, 13, 19]
    assert tensor[::2, 1:6:3].clone().memoryview().tolist() == [[1, 4], [13, 16]]
    assert tensor.reshape(-1).shape == (24,) and tensor.reshape((2, 12)).shape == (2, 12)
    assert tensor.permute(1, 0).strides == (1, 6)
    assert weir.cpu.count == 1
    views = [tensor.T, tensor[0], tensor[:]]
    assert tensor.storage_count == 4
    del tensor
    assert weir.cpu.count == 1
    del views


@pytest.mark.parametrize("wrong, error", [
    (lambda t: t[4], IndexError), (lambda t: t[-5], IndexError), (lambda t: t[0, 0, 0], IndexError),
    (lambda t: t[::-1], ValueError), (lambda t: t.reshape(5), ValueError),
    (lambda t: t.T.reshape(24), ValueError), (lambda t: t.permute(0, 0), ValueError),
    (lambda t: weir.zeros(-1), ValueError), (lambda t: weir.zeros((1,) * 13), ValueError),
    (lambda t: weir.zeros(1 << 70), OverflowError), (lambda t: weir.zeros((1 << 40, 1 << 40)),
                                                     OverflowError),
    (lambda t: weir.zeros(3, "complex64"), ValueError),
    (lambda t: t.copy_from(weir.zeros(5, "int32")), ValueError),
    (lambda t: t.T.memoryview(), BufferError),
    (lambda t: weir.zeros(3, "bfloat16").memoryview(), BufferError)])
def test_what_cannot_be(wrong, error):
    tensor = weir.zeros((4, 6), "int32")
    with pytest.raises(error) as said:
        wrong(tensor)
    assert str(said.value)


def test_copies():
    a, b = weir.zeros(3, "uint8"), weir.empty(3, "uint8")
    a.memoryview()[:] = b"abc"
    b.copy_from(a)
    assert bytes(b.memoryview()) == b"abc"
    b.zero()
    assert bytes(b.memoryview()) == bytes(3) and bytes(a.memoryview()) == b"abc"
    context = weir.Context("copies")
    c = a.clone(context)
    assert c.context is context and context.total == 3 and bytes(c.memoryview()) == b"abc"


def test_a_memoryview_keeps_the_memory():
    view = weir.zeros((2, 2), "float64").memoryview()
    gc.collect()
    assert weir.cpu.total == 32
    view[1, 1] = 2.5
    part = view[1:]
    assert view.tolist() == [[0.0, 0.0], [0.0, 2.5]] and view.format == "d"
    del view
    gc.collect()
    assert weir.cpu.total == 32 and part.tolist() == [[0.0, 2.5]]
    del part
    assert weir.cpu.total == 0


def test_without_elements():
    for shape in 0, (3, 0), (0, 2):
        tensor = weir.zeros(shape)
        assert tensor.size == 0 and tensor.memoryview().nbytes == 0
        assert weir.cpu.total == 0


@pytest.mark.skipif(sys.version_info < (3, 12), reason="classes have no buffers before Python 3.12")
def test_the_buffer_protocol():
    tensor = weir.zeros((2, 2), "int32")
    view = memoryview(tensor)
    view[0, 1] = 9
    assert tensor.memoryview().tolist() == [[0, 9], [0, 0]]
    assert bytes(tensor)[4] == 9
    del tensor
    gc.collect()
    assert view[0, 1] == 9


def test_over_a_file(tmp_path):
    file = tmp_path / "weights"
    file.write_bytes(b"head" + struct.pack("6f", *range(6)))
    tensor = weir.Tensor.map_file(file, (2, 3), offset=4)
    assert tensor.memoryview().tolist() == [[0, 1, 2], [3, 4, 5]] and tensor.is_read_only
    assert tensor.memoryview().readonly and tensor.context is None
    assert weir.cpu.total == 0 and weir.mapped()["mapped_bytes"] == 24
    own = weir.Tensor.map_file(file, 6, offset=4, copy_on_write=True)
    own.memoryview()[0] = 77.0
    assert tensor.memoryview()[0, 0] == 0.0
    with pytest.raises(OSError):
        weir.Tensor.map_file(file, 7, offset=4)
    with pytest.raises(FileNotFoundError):
        weir.Tensor.map_file(tmp_path / "none", 7)
    del tensor, own
    assert weir.mapped()["mappings"] == 0


# -- with numpy

TYPES = [dtype for dtype in weir.DTYPES if dtype != "bfloat16"]


def address(array):
    return array.__array_interface__["data"][0]


@pytest.mark.parametrize("dtype", TYPES)
def test_asarray_shares(dtype):
    np = pytest.importorskip("numpy")
    tensor = weir.zeros((3, 4, 5), dtype)
    array = np.asarray(tensor)
    assert array.dtype == dtype and array.shape == (3, 4, 5) and address(array) == tensor.data
    array[...] = np.arange(60).reshape(3, 4, 5).astype(dtype)
    part = np.asarray(tensor.permute(2, 0, 1)[1::2, 1:])
    assert (part == array.transpose(2, 0, 1)[1::2, 1:]).all()
    total = tensor.nbytes
    del tensor, array
    gc.collect()
    assert weir.cpu.total == total  # `part` keeps it
    assert part.shape == (2, 2, 4) and part.sum() is not None
    del part
    gc.collect()
    assert weir.cpu.total == 0


@pytest.mark.parametrize("dtype", TYPES)
def test_dlpack_both_ways(dtype):
    np = pytest.importorskip("numpy")
    if dtype == "bool" and np.lib.NumpyVersion(np.__version__) < "1.25.0":
        pytest.skip("this numpy has no bool by DLPack")
    tensor = weir.zeros((3, 4), dtype)
    array = np.from_dlpack(tensor)
    assert address(array) == tensor.data and array.dtype == dtype and array.shape == (3, 4)
    del tensor
    gc.collect()
    assert weir.cpu.count == 1
    del array
    gc.collect()
    assert weir.cpu.count == 0
    source = np.arange(12).astype(dtype).reshape(3, 4)
    references = sys.getrefcount(source.base)
    takes(np, source)
    gc.collect()
    after = sys.getrefcount(source.base)
    assert after == references


def takes(np, source):
    for view in source, source.T, source[::2, 1:]:
        taken = weir.from_dlpack(view)
        assert taken.data == address(view)
        assert taken.shape == view.shape and taken.context is None
        assert weir.cpu.count == 0
        assert (np.asarray(taken.clone()) == view).all()


def test_a_refused_export_is_taken_back():
    np = pytest.importorskip("numpy")
    tensor = weir.zeros(4, "bfloat16")
    for _ in range(3):
        with pytest.raises((RuntimeError, BufferError, TypeError)):
            np.from_dlpack(tensor)
    capsule = tensor.__dlpack__()
    assert tensor.storage_count >= 2
    del capsule, tensor
    gc.collect()
    assert weir.cpu.count == 0
    with pytest.raises(BufferError):
        np.asarray(weir.zeros(4, "bfloat16"))


def test_what_dlpack_asks():
    tensor = weir.zeros(4)
    assert tensor.__dlpack_device__() == (1, 0)
    for wrong in {"stream": 1}, {"dl_device": (2, 0)}:
        with pytest.raises(BufferError):
            tensor.__dlpack__(**wrong)
    assert "dltensor_versioned" in repr(tensor.__dlpack__(max_version=(1, 0)))
    taken = weir.from_dlpack(tensor)
    assert taken.data == tensor.data

    class Copies:
        def __dlpack__(self, **asked):
            return tensor.__dlpack__(copy=True, **asked)

    copied = weir.from_dlpack(Copies())
    assert copied.data != tensor.data

    class Device:
        def __dlpack_device__(self):
            return 2, 0
    with pytest.raises(BufferError, match="device"):
        weir.from_dlpack(Device())


def test_read_only_memory_keeps_that(tmp_path):
    np = pytest.importorskip("numpy")
    (tmp_path / "file").write_bytes(bytes(64))
    tensor = weir.Tensor.map_file(tmp_path / "file", 16)
    array = np.asarray(tensor)
    assert not array.flags.writeable
    with pytest.raises(BufferError):  # the older protocol has no word for it
        tensor.__dlpack__()
    assert weir.from_dlpack(tensor).is_read_only
