"""Arrays of all element types and strides, and those of other libraries: DLPack, CUDA's interface, buffers."""

import ctypes
import unittest

import numpy as np

import places
import tsnap
from tsnap import abi, dlpack, dtypes, memory, options

DTYPES = ["?", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2", "f4", "f8", "c8", "c16", "V5", "S7", "U3", "M8[ns]", "m8[s]",
          np.dtype([("x", "f4"), ("inner", [("id", ">i4"), ("tag", "S3")])]), np.dtype([("a", "i1"), ("b", "f8")], align=True),
          np.longdouble, *dtypes.BITS.values()]


class Exporter:
    """A tensor of another library: nothing but DLPack."""

    def __init__(self, array, device=dlpack.CPU, code=2, shift=0):
        self.array, self.device = array, device
        item = array.itemsize
        self.shape = (ctypes.c_int64 * array.ndim)(*array.shape)
        self.strides = (ctypes.c_int64 * array.ndim)(*(stride // item for stride in array.strides))
        tensor = dlpack.DLTensor(array.ctypes.data - shift, device, 0, array.ndim, code, 8 * item, 1, self.shape, self.strides, shift)
        self.managed = dlpack.DLManagedTensor(tensor, None, None)

    def __dlpack_device__(self):
        return self.device, 0

    def __dlpack__(self, stream=None):
        new = ctypes.pythonapi.PyCapsule_New
        new.restype, new.argtypes = ctypes.py_object, [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p]
        return new(ctypes.addressof(self.managed), b"dltensor", None)


class Versioned(Exporter):
    """The same as of DLPack 1."""

    def __init__(self, array, flags, major=1):
        super().__init__(array)
        self.versioned = dlpack.DLManagedTensorVersioned(major, 0, None, None, flags, self.managed.tensor)

    def __dlpack__(self, stream=None, max_version=None):
        assert max_version == (1, 0)
        new = ctypes.pythonapi.PyCapsule_New
        new.restype, new.argtypes = ctypes.py_object, [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p]
        return new(ctypes.addressof(self.versioned), b"dltensor_versioned", None)


class OnDevice:
    """An array of CUDA: nothing but its interface. Its memory is the host's, which nobody may find out."""

    def __init__(self, array, strides=True, stream=None, read_only=False):
        self.array = array
        self.__cuda_array_interface__ = {"shape": array.shape, "typestr": array.dtype.str, "data": (array.ctypes.data, read_only),
                                         "strides": array.strides if strides else None, "version": 3, "stream": stream}


class Arrays(unittest.TestCase):
    def roundtrip(self, value, target):
        url = places.fresh()
        tsnap.take(url, {"a": value})
        tsnap.restore(url, {"a": target})
        return url

    def test_every_dtype_comes_back_byte_for_byte(self):
        random = np.random.default_rng(places.seeded().randrange(1 << 30))
        for dtype in map(np.dtype, DTYPES):
            with self.subTest(dtype=dtype):
                value = np.frombuffer(random.bytes(6 * dtype.itemsize), "u1").copy()
                value = (value & 1 if dtype == bool else value).view(dtype).reshape(2, 3)
                target = np.zeros((2, 3), dtype)
                url = self.roundtrip(value, target)
                self.assertEqual(target.tobytes(), value.tobytes())
                with tsnap.Snapshot(url) as snapshot:
                    self.assertEqual(snapshot["a"].dtype, dtype)
                    self.assertEqual(snapshot["a"][...].tobytes(), value.tobytes())

    def test_a_dtype_of_others_cannot_do_harm(self):
        url = places.fresh()
        tsnap.take(url, {"a": np.zeros(2, "V8")}, attributes={"a": {dtypes.RECORD_ATTRIBUTE: "'|O'"}})
        self.assertEqual(tsnap.Snapshot(url)["a"].dtype, np.dtype("V8"))
        for text in ("__import__('os')", "'f4'", "[(", "{'a': 1}", "(" * 1000):
            self.assertIsNone(dtypes._record(text, 8), text)

    def test_strided_arrays_are_taken_and_filled_where_they_lie(self):
        whole = np.arange(720.0).reshape(8, 9, 10)
        for view in (np.s_[1:-1, 1:-1, 1:-1], np.s_[::-1, ::2, ::-3], np.s_[2, ::-1], np.s_[:, 3:4, :], np.s_[3, 4, 5:6], np.s_[::3, 0, 0]):
            for order in "CF":
                source, target = np.asarray(whole, order=order), np.full(whole.shape, -1.0, order=order)
                self.roundtrip(source[view], target[view])
                expected = np.full(whole.shape, -1.0)
                expected[view] = whole[view]
                np.testing.assert_array_equal(target, expected)

    def test_what_dlpack_says_is_read_only_is_not_restored(self):
        values = np.arange(5.0)
        for flags in (0, dlpack.READ_ONLY, dlpack.IS_COPIED):
            with self.subTest(flags=flags):
                url, here = places.fresh(), values.copy()
                tsnap.take(url, {"a": Versioned(here, flags)})
                with tsnap.Snapshot(url) as snapshot:
                    np.testing.assert_array_equal(snapshot["a"][:], values)
                    here[:] = -1
                    for act in (lambda: tsnap.restore(url, {"a": Versioned(here, flags)}), lambda: snapshot["a"].read(out=Versioned(here, flags))):
                        if flags:
                            with self.assertRaisesRegex(ValueError, "read-only"):
                                act()
                            self.assertEqual(list(here), [-1] * 5)
                        else:
                            act()
                            np.testing.assert_array_equal(here, values)
        with self.assertRaisesRegex(TypeError, "2.0"):
            tsnap.take(places.fresh(), {"a": Versioned(values, 0, major=2)})

    def test_dlpack_is_taken_and_filled_without_a_copy(self):
        source, target = np.arange(12, dtype="f4").reshape(3, 4)[::-1, ::2], np.zeros((3, 2), "f4")
        self.roundtrip(Exporter(source), Exporter(target, shift=16))
        np.testing.assert_array_equal(target, source)
        for code, dtype, ours in ((0, "i2", abi.INT16), (1, "u8", abi.UINT64), (4, "u2", abi.BFLOAT16), (5, "c16", abi.COMPLEX128),
                                  (6, "u1", abi.BOOL)):
            self.assertEqual(memory.locate(Exporter(np.zeros(2, dtype), code=code), "a").code, ours)
        with self.assertRaisesRegex(TypeError, "a: .*type 3"):
            memory.locate(Exporter(np.zeros(2), code=3), "a")
        with self.assertRaisesRegex(TypeError, "a: .*device type 8"):
            memory.locate(Exporter(np.zeros(2), device=8), "a")

    def test_device_memory_is_described_and_never_touched_without_a_driver(self):
        array = np.arange(24.0).reshape(4, 6)
        for value, stream in ((OnDevice(array[1:, ::2], stream=7), 7), (Exporter(array[1:, ::2], device=dlpack.CUDA), memory.ALL_STREAMS)):
            place = memory.locate(value, "a")
            self.assertEqual((place.address, place.shape, place.strides_bytes, place.code, place.on_device, place.stream),
                             (array.ctypes.data + 48, (3, 3), (48, 16), abi.FLOAT64, True, stream))
        place = memory.locate(OnDevice(array, strides=False, read_only=True), "a")
        self.assertEqual((place.strides_bytes, place.writable), ((48, 8), False))

    def test_a_call_is_ordered_with_the_stream_of_its_arrays(self):
        array = np.zeros(4)
        places_ = [memory.locate(OnDevice(array, stream=stream), "a") for stream in (None, 7, 7, 9)]
        self.assertEqual([memory.stream_of(places_[:count]) for count in (0, 1, 3)], [None, None, 7])
        with self.assertRaisesRegex(ValueError, "2 CUDA streams"):
            memory.stream_of(places_)
        everything = memory.locate(Exporter(array, device=dlpack.CUDA), "a")   # its streams are not known: all are waited for
        self.assertIsNone(memory.stream_of([everything, *places_[:3]]))
        raw = abi.take_options()
        options.with_stream(raw, 7)
        options.with_stream(raw, None)
        self.assertEqual(raw.cuda_stream, 7)
        with self.assertRaisesRegex(tsnap.Unsupported, "CUDA driver"):
            tsnap.take(places.fresh(), {"a": OnDevice(array, stream=7)})

    def test_sharded_arrays_tile_or_say_how_they_cover(self):
        url, whole = places.fresh(), np.arange(48.0).reshape(6, 8)
        boxes = [(whole[:2], (0, 0)), (whole[2:, :3], (2, 0)), (whole[2:, 3:], (2, 3))]
        patch = tsnap.Sharded(whole[:1, :2], (4, 4), (1, 1), coverage="sparse", fill=-1)
        twice = tsnap.Sharded.boxes([(whole[:4], (0, 0)), (whole[2:], (2, 0))], (6, 8), coverage="duplicates")
        tsnap.take(url, {"u": tsnap.Sharded.boxes(boxes, (6, 8)), "patch": patch, "twice": twice,
                         "empty": tsnap.Sharded(np.empty((0, 5)), (0, 5), (0, 0))})
        with tsnap.Snapshot(url) as snapshot:
            np.testing.assert_array_equal(snapshot["u"], whole)
            np.testing.assert_array_equal(snapshot["twice"], whole)
            self.assertEqual(snapshot["patch"][...].sum(), -14 + 0 + 1)
            self.assertEqual(snapshot["u"].info.box_count, 3)
        part = np.zeros((3, 2))
        tsnap.restore(url, {"u": tsnap.Sharded(part, (6, 8), (1, 5))}, strict=False)
        np.testing.assert_array_equal(part, whole[1:4, 5:7])
        with self.assertRaises(tsnap.Mismatch):
            tsnap.take(places.fresh(), {"u": tsnap.Sharded.boxes(boxes[:2], (6, 8))})
        with self.assertRaisesRegex(ValueError, "2 dimensions"):
            tsnap.Sharded(whole, (6,), (0,))
        with self.assertRaisesRegex(ValueError, "coverage"):
            tsnap.Sharded(whole, (6, 8), (0, 0), coverage="all")

    def test_records_of_another_meaning_are_a_mismatch(self):
        one, other = np.dtype([("x", "f4"), ("id", "i4")]), np.dtype([("id", "i4"), ("x", "f4")])
        days = np.array(["2024-05-17"], "M8[D]")
        url = places.fresh()
        tsnap.take(url, {"t": days, "r": np.ones(1, one), "s": tsnap.Sharded(np.ones(1, one), (1,), (0,)), "part": Part(np.ones(1, one)),
                         "raw": np.ones(1, "V8")})
        with tsnap.Snapshot(url) as snapshot:
            for path, dtype in (("t", "M8[s]"), ("t", one), ("r", other), ("s", "M8[D]")):
                out = np.zeros(1, dtype)
                for act in (lambda: snapshot[path].read(out=out),
                            lambda: tsnap.restore(url, {path: tsnap.Sharded(out, (1,), (0,)) if path == "s" else out}, strict=False)):
                    with self.subTest(path=path, dtype=str(dtype)), self.assertRaisesRegex(tsnap.Mismatch, path):
                        act()
                    self.assertEqual(out.tobytes(), bytes(8))
            # What says nothing of its records takes them as bytes; and bytes may be taken for any records.
            self.assertEqual(snapshot["t"].read(out=np.zeros(1, "V8")).tobytes(), days.tobytes())
            snapshot["raw"].read(out=np.zeros(1, other))
        with tsnap.State() as state:
            out = np.zeros(1, "M8[s]")
            state.add_replicated("t", out)
            with self.assertRaisesRegex(tsnap.Mismatch, "M8"):
                tsnap.restore(url, state, strict=False)
            self.assertEqual(out.tobytes(), bytes(8))
        # A state_dict is given memory of the stored kind where its own does not fit.
        part = tsnap.restore(url, {"part": Part(np.zeros(1, other))}, strict=False)["part"]
        self.assertEqual((part.array.dtype, part.array["x"][0], part.array["id"][0]), (one, 1.0, 1))


class Part:
    def __init__(self, array):
        self.array = array

    def state_dict(self):
        return {"array": self.array}

    def load_state_dict(self, contents):
        self.array = contents["array"]


if __name__ == "__main__":
    places.main()
