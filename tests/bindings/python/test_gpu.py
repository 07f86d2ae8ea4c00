"""Arrays on a GPU, through Python: the driver is the stand-in of tests/gpu, whose memory the host cannot touch. The first
argument is its library; TSNAP_CUDA_LIBRARY names it as well."""

import ctypes
import sys
import unittest

import numpy as np

import places
import tsnap

DRIVER = sys.argv.pop(1)
cuda = ctypes.CDLL(DRIVER)


def call(name, *arguments):
    code = getattr(cuda, name)(*arguments)
    if code != 0:
        raise AssertionError(f"{name}: {code}")


class Gpu:
    """A context of the first GPU, current on this thread."""

    def __init__(self):
        self.context, device = ctypes.c_void_p(), ctypes.c_int()
        call("cuInit", 0)
        call("cuDeviceGet", ctypes.byref(device), 0)
        call("cuCtxCreate_v2", ctypes.byref(self.context), 0, device)

    def stream(self):
        made = ctypes.c_void_p()
        call("cuStreamCreate", ctypes.byref(made), 0)
        return made.value


class GpuArray:
    """What CuPy shows of an array: nothing but its interface."""

    def __init__(self, values, stream=None):
        self.values, self.address = np.ascontiguousarray(values), ctypes.c_uint64()
        call("cuMemAlloc_v2", ctypes.byref(self.address), ctypes.c_size_t(self.values.nbytes))
        self.put(self.values)
        self.__cuda_array_interface__ = {"shape": self.values.shape, "typestr": self.values.dtype.str,
                                         "data": (self.address.value, False), "strides": None, "version": 3, "stream": stream}

    def part(self, *index):
        """A strided part of it, as an array of its own."""
        view = self.values[index]
        other = object.__new__(GpuArray)
        other.values, other.address, other.whole = view, self.address, self
        shift = view.__array_interface__["data"][0] - self.values.__array_interface__["data"][0]
        other.__cuda_array_interface__ = {**self.__cuda_array_interface__, "shape": view.shape, "strides": view.strides,
                                          "data": (self.address.value + shift, False)}
        return other

    def put(self, values):
        values = np.ascontiguousarray(values)
        call("cuMemcpyHtoD_v2", self.address, values.ctypes.data_as(ctypes.c_void_p), ctypes.c_size_t(values.nbytes))
        call("cuCtxSynchronize")

    def get(self):
        out = np.empty_like(self.values)
        call("cuMemcpyDtoH_v2", out.ctypes.data_as(ctypes.c_void_p), self.address, ctypes.c_size_t(out.nbytes))
        return out


class Part:
    """An object that keeps arrays."""

    def __init__(self, contents):
        self.contents = contents

    def state_dict(self):
        return self.contents

    def load_state_dict(self, contents):
        self.contents = contents


class OnAGpu(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.gpu = Gpu()

    def test_a_take_and_a_restore_go_to_and_from_device_memory(self):
        url, values = places.fresh(), np.arange(6000.0).reshape(60, 100)
        array, copy = GpuArray(values), GpuArray(np.zeros((60, 100)))
        tsnap.take(url, {"a": array, "part": array.part(slice(2, 50), slice(None, None, 3)), "host": values})
        with tsnap.Snapshot(url) as snapshot:
            np.testing.assert_array_equal(snapshot["a"][:], values)
            np.testing.assert_array_equal(snapshot["part"][:], values[2:50, ::3])
        ghosts = GpuArray(np.full((60, 100), -1.0))
        tsnap.restore(url, {"a": copy, "part": ghosts.part(slice(2, 50), slice(None, None, 3)), "host": np.zeros((60, 100))})
        np.testing.assert_array_equal(copy.get(), values)
        expected = np.full((60, 100), -1.0)
        expected[2:50, ::3] = values[2:50, ::3]
        np.testing.assert_array_equal(ghosts.get(), expected)

    def test_a_part_is_read_into_device_memory(self):
        url, values = places.fresh(), np.arange(2000, dtype="i4").reshape(40, 50)
        tsnap.take(url, {"a": values})
        target = GpuArray(np.zeros((7, 10), "i4"), stream=self.gpu.stream())
        with tsnap.Snapshot(url) as snapshot:
            snapshot["a"].read(np.s_[5:12, 40:50], out=target)
            np.testing.assert_array_equal(target.get(), values[5:12, 40:50])
            snapshot["a"].read(np.s_[11:4:-1, 0:20:2], out=target)
            np.testing.assert_array_equal(target.get(), values[11:4:-1, 0:20:2])

    def test_the_stream_of_an_array_is_waited_for(self):
        stream = self.gpu.stream()
        array, url = GpuArray(np.zeros(50000, "u1"), stream=stream), places.fresh()
        for value in range(1, 200):   # much to do, which ends with every byte being 199
            call("cuMemsetD8Async", array.address, ctypes.c_ubyte(value), ctypes.c_size_t(50000), ctypes.c_void_p(stream))
        tsnap.take(url, {"a": array})
        with tsnap.Snapshot(url) as snapshot:
            self.assertTrue((snapshot["a"][:] == 199).all())

    def test_the_streams_of_a_state_dict_are_waited_for(self):
        array, other = (GpuArray(np.zeros(50000, "u1"), stream=self.gpu.stream()) for _ in range(2))
        url = places.fresh()
        for value in range(1, 200):
            call("cuMemsetD8Async", other.address, ctypes.c_ubyte(value), ctypes.c_size_t(50000),
                 ctypes.c_void_p(other.__cuda_array_interface__["stream"]))
        tsnap.take(url, {"a": array, "part": Part({"b": other})})
        with tsnap.Snapshot(url) as snapshot:
            self.assertTrue((snapshot["part/b"][:] == 199).all())

    def test_an_asynchronous_take_may_wait_on_the_device(self):
        url, values = places.fresh(), np.arange(500000.0)
        array = GpuArray(values)
        request = tsnap.take_async(url, {"a": array}, device_staging=True)
        array.put(np.zeros(500000))
        request.wait()
        with tsnap.Snapshot(url) as snapshot:
            np.testing.assert_array_equal(snapshot["a"][:], values)


if __name__ == "__main__":
    unittest.main()
