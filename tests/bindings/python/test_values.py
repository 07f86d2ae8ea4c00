"""Dicts of values: what is taken is what is restored, of every type, in place, and what cannot be stored is said by its path."""

import array
import collections
import enum
import random
import unittest

import numpy as np

import places
import tsnap

Pair = collections.namedtuple("Pair", "left right")


class Color(enum.IntEnum):
    RED = 1
    BLUE = 2


def full():
    return {
        "int": -5, "big": 2**63 - 1, "float": 0.1, "nan": float("nan"), "yes": True, "no": False, "complex": 1 - 2j,
        "text": "Grüße\n", "empty text": "", "bytes": b"a\0b", "no bytes": b"", "bytearray": bytearray(b"xyz"), "enum": Color.BLUE,
        "np64": np.float64(1.5), "npint": np.int64(7), "npbool": np.bool_(True), "np32": np.float32(0.5), "npi8": np.int8(-3),
        "nested": {"deep/er": {"x": 1}, "list": [1, 2.5, "three", {"four": 4}], "tuple": (1, np.arange(3.0)), "pair": Pair(1, "r")},
        "array": np.arange(12.0).reshape(3, 4), "zero": np.array(5, np.int16), "none of them": np.empty((0, 3)),
        "python array": array.array("d", [1, 2, 3])}


def blank():
    return {
        "int": 0, "big": 0, "float": 0.0, "nan": 0.0, "yes": False, "no": True, "complex": 0j,
        "text": "", "empty text": "something", "bytes": b"", "no bytes": b"there", "bytearray": bytearray(), "enum": Color.RED,
        "np64": np.float64(0), "npint": np.int64(0), "npbool": np.bool_(False), "np32": np.float32(0), "npi8": np.int8(0),
        "nested": {"deep/er": {"x": 0}, "list": [0, 0.0, "", {"four": 0}], "tuple": (0, np.zeros(3)), "pair": Pair(0, "")},
        "array": np.zeros((3, 4)), "zero": np.array(0, np.int16), "none of them": np.empty((0, 3)),
        "python array": array.array("d", [0, 0, 0])}


class Values(unittest.TestCase):
    def assert_same(self, one, other, path=""):
        self.assertIs(type(one), type(other), path)
        if isinstance(one, dict):
            self.assertEqual(list(one), list(other))
            for key in one:
                self.assert_same(one[key], other[key], f"{path}/{key}")
        elif isinstance(one, (list, tuple)):
            self.assertEqual(len(one), len(other), path)
            for index, (left, right) in enumerate(zip(one, other)):
                self.assert_same(left, right, f"{path}/{index}")
        else:
            np.testing.assert_array_equal(one, other, path)

    def test_every_type_comes_back_in_place(self):
        url, state = places.fresh(), blank()
        tsnap.take(url, full())
        kept = {key: state[key] for key in ("array", "bytearray", "python array", "nested")}
        inner = state["nested"]["list"]
        self.assertIs(tsnap.restore(url, state), state)
        self.assert_same(state, full())
        for key, value in kept.items():
            self.assertIs(state[key], value, key)
        self.assertIs(state["nested"]["list"], inner)

    def test_texts_may_be_longer_than_what_was_there(self):
        url, state = places.fresh(), {"text": "x", "bytes": b"y", "own": tsnap.Private("z")}
        tsnap.take(url, {"text": "a" * 100_000, "bytes": bytes(200_000), "own": tsnap.Private("b" * 70_000)})
        tsnap.restore(url, state)
        self.assertEqual((len(state["text"]), len(state["bytes"]), len(state["own"].value)), (100_000, 200_000, 70_000))

    def test_kinds_are_as_said(self):
        url = places.fresh()
        tsnap.take(url, {"a": 1, "b": tsnap.Private({"c": 2, "d": tsnap.Replicated(np.zeros(2))})})
        self.assertEqual(list(tsnap.Snapshot(url)), ["0/b/c", "a", "b/d"])
        tsnap.take(url, {"a": 1, "x": np.zeros(2)}, kind="private", overwrite=True, replicate=["x"])
        self.assertEqual(list(tsnap.Snapshot(url)), ["0/a", "x"])
        state = {"a": 0, "x": np.ones(2)}
        tsnap.restore(url, state)
        self.assertEqual((state["a"], list(state["x"])), (1, [0, 0]))

    def test_generators_are_left_alone_and_come_back(self):
        url = places.fresh()
        def generators():
            return {"python": random.Random(1), "pcg": np.random.default_rng(2), "mt": np.random.RandomState(3),
                    "philox": np.random.Generator(np.random.Philox(4)), "sfc": np.random.Generator(np.random.SFC64(5))}
        def draw(of):
            return [of["python"].gauss(0, 1), of["pcg"].random(), of["mt"].randn(), of["philox"].normal(), of["sfc"].random()]
        mine, other, expected = generators(), generators(), generators()
        draw(mine), draw(expected)
        tsnap.take(url, {name: tsnap.Rng(generator) for name, generator in mine.items()})
        later = draw(expected)
        self.assertEqual(draw(mine), later)
        tsnap.restore(url, {name: tsnap.Rng(generator) for name, generator in other.items()})
        self.assertEqual(draw(other), later)
        with self.assertRaisesRegex(tsnap.CallbackError, "numpy.PCG64, and this is python"):
            tsnap.restore(url, {"pcg": tsnap.Rng(random.Random())}, strict=False)

    def test_modules_of_generators_come_back(self):
        url, state = places.fresh(), {"python": tsnap.Rng(random), "numpy": tsnap.Rng(np.random)}
        tsnap.take(url, state)
        later = random.random(), np.random.rand()
        tsnap.restore(url, state)
        self.assertEqual((random.random(), np.random.rand()), later)

    def test_what_cannot_be_stored_is_said_by_its_path(self):
        loop = {}
        loop["again"] = loop
        for state, error, words in [
                ({"a": {"b": [1, None]}}, TypeError, "a/b/1"), ({"a": {"f": len}}, TypeError, "a/f"), ({1: 2}, TypeError, "key 1"),
                ({"a": {"n": 2**63}}, OverflowError, "a/n"), ({"a": np.array([None])}, TypeError, "a: "), (loop, ValueError, "again"),
                ({"a": np.zeros(3, ">f8")}, TypeError, "byte order"), ({"a": np.ma.zeros(3)}, TypeError, "masks"),
                ({"a": np.broadcast_to(1.0, (3, 3))}, ValueError, "a: "), ({"a": np.zeros((1,) * 9)}, ValueError, "9 dimensions"),
                ({"a": "x\0y"}, ValueError, "NUL"), ({"": 1}, tsnap.Invalid, ""), ({"a": 1, "a/b": 2}, tsnap.Invalid, "prefix"),
                ({"0/a": 1}, tsnap.Invalid, "0/a"), ([1], TypeError, "dict"), ({"a": tsnap.Rng(5)}, tsnap.CallbackError, "a: int"),
                ({"a": {1, 2}}, TypeError, "set")]:
            with self.subTest(state=str(state)[:40]), self.assertRaisesRegex(error, words):
                tsnap.take(places.fresh(), state)

    def test_read_only_arrays_are_taken_and_not_restored(self):
        url, array_ = places.fresh(), np.arange(3.0)
        array_.flags.writeable = False
        tsnap.take(url, {"a": array_})
        with tsnap.Context() as context, tsnap.State() as kept, tsnap.State() as described:
            kept.add_private("a", array_)
            described.add_stateful("s", lambda child: child.add_sharded("a", (3,), [(array_, (0,))]))
            for state in ({"a": array_}, {"a": tsnap.Sharded(array_, (3,), (0,))}, kept):
                with self.assertRaisesRegex(ValueError, "a: .*read-only"):
                    context.restore(url, state)
            with self.assertRaisesRegex(tsnap.CallbackError, "a: .*read-only"):
                context.restore(url, described)
            context.take(url, kept, overwrite=True)

    def test_attributes_and_metadata_are_kept(self):
        url = places.fresh()
        tsnap.take(url, {"a": np.zeros(2), "b": 1}, attributes={"a": {"units": "K", "long name": "Temperatur °"}, "b": {"x": ""}},
                   metadata={"case": 7})
        with tsnap.Snapshot(url) as snapshot:
            self.assertEqual(snapshot["a"].attrs, {"units": "K", "long name": "Temperatur °"})
            self.assertEqual((snapshot.attributes("b"), snapshot.attribute("a", "units")), ({"x": ""}, "K"))
            self.assertEqual(snapshot.metadata, '{"case": 7}')
        with self.assertRaises(tsnap.NotFound):
            tsnap.take(places.fresh(), {"a": 1}, attributes={"b": {"units": "K"}})

    def test_options_are_words_and_others_are_refused(self):
        for codec in (None, "none", "zstd", "lz4"):
            url = places.fresh()
            tsnap.take(url, {"a": np.zeros(100_000)}, codec=codec, sync=False, chunk_bytes=1 << 16, slab_bytes=1 << 20,
                       verify_replicated="content")
            with tsnap.Snapshot(url) as snapshot:
                self.assertEqual({extent.codec for extent in snapshot.extents("a")}, {codec or "none"})
                self.assertGreater(len(snapshot.extents("a")), 1)
                self.assertFalse(snapshot["a"][:].any())
        for wrong in ({"codec": "gzip"}, {"verify_replicated": True}, {"kind": "shared"}, {"chunk_bytes": -1}):
            with self.subTest(wrong=wrong), self.assertRaises(ValueError):
                tsnap.take(places.fresh(), {"a": 1}, **wrong)
        with self.assertRaises(TypeError):
            tsnap.take(places.fresh(), {"a": 1}, overwritten=True)


if __name__ == "__main__":
    places.main()
