"""Lazy arrays: indexed as NumPy does, and reading just what is asked for."""

import datetime
import html
import os
import threading
import unittest
from unittest import mock

import numpy as np

import places
import tsnap
from tsnap import stored


def drawn_index(random, shape):
    index = []
    for length in shape:
        kind = random.randrange(4)
        if kind == 0 and length:
            index.append(random.randrange(-length, length))
        else:
            step = random.choice([1, 1, 2, 3, 7, -1, -2, -5, None])
            index.append(slice(random.choice([None, random.randrange(-length - 2, length + 2)]),
                               random.choice([None, random.randrange(-length - 2, length + 2)]), step))
    if random.random() < 0.3:
        at = random.randrange(len(index) + 1)
        index[at:at + random.randrange(3)] = [Ellipsis]
    return tuple(index[:random.randrange(len(index) + 1)]) if random.random() < 0.2 else tuple(index)


class Reading(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.url = places.fresh()
        cls.whole = np.arange(7 * 11 * 5, dtype="i4").reshape(7, 11, 5)
        cls.line = np.arange(300_000.0)
        tsnap.take(cls.url, {"cube": cls.whole, "line": cls.line, "point": np.float32(2.5), "group": {"a": 1, "b": {"c": "text"}},
                             "mine": tsnap.Private({"x": 5}), "flag": True, "number": 0.5, "raw": b"\0\1"}, attributes={"cube": {"units": "m"}})
        cls.snapshot = tsnap.Snapshot(cls.url)

    @classmethod
    def tearDownClass(cls):
        cls.snapshot.close()

    def test_any_index_gives_what_numpy_gives(self):
        random, cube = places.seeded(), self.snapshot["cube"]
        for most, gap in ((stored.MOST_BOX_BYTES, 0), (40, 0), (40, 1000), (500, 1000)):  # reads with steps go piece by piece
            with mock.patch.object(stored, "MOST_BOX_BYTES", most), mock.patch.object(stored, "MOST_GAP_BYTES", gap):
                for _ in range(150):
                    index = drawn_index(random, self.whole.shape)
                    try:
                        expected = self.whole[index]
                    except IndexError:  # an ellipsis has moved an integer to an axis that is too short for it
                        with self.assertRaises(IndexError, msg=str(index)):
                            cube[index]
                        continue
                    got = cube[index]
                    self.assertEqual((np.shape(got), type(got)), (expected.shape, type(expected)), index)
                    np.testing.assert_array_equal(got, expected, str(index))

    def test_reads_with_steps_make_few_calls(self):
        cube, line = self.snapshot["cube"], self.snapshot["line"]
        calls, read_box = [], tsnap.Snapshot._read_box

        def counted(snapshot, path, described, *rest):
            calls.append(described.shape[:described.ndim])
            return read_box(snapshot, path, described, *rest)
        with mock.patch.object(stored, "MOST_BOX_BYTES", 80_000), mock.patch.object(stored, "MOST_GAP_BYTES", 8000), \
                mock.patch.object(tsnap.Snapshot, "_read_box", counted):
            for index, target, most in ((np.s_[::2], np.zeros(150_000), 31), (np.s_[::-3], memoryview(bytearray(800_000)).cast("d"), 31),
                                        (np.s_[::2000], np.zeros(150), 150)):
                calls.clear()
                line.read(index, target)
                np.testing.assert_array_equal(np.asarray(target), self.line[index])
                self.assertLessEqual(len(calls), most)
                self.assertLessEqual(max(shape[0] for shape in calls), 10_000)
            self.assertEqual(set(map(tuple, calls)), {(1,)})
        # Rows of 220 bytes: one of two is wanted, or of each one number of two.
        with mock.patch.object(stored, "MOST_BOX_BYTES", 700), mock.patch.object(tsnap.Snapshot, "_read_box", counted):
            for index, most in ((np.s_[::2], 2), (np.s_[:, :, ::2], 3), (np.s_[:, ::-2, 1:3], 3)):
                calls.clear()
                np.testing.assert_array_equal(cube[index], self.whole[index])
                self.assertLessEqual(len(calls), most, index)

    def test_indices_that_are_no_boxes_are_refused(self):
        cube = self.snapshot["cube"]
        for index, words in ((None, "newaxis"), ([1, 2], "masks"), (np.array([1]), "masks"), (self.whole > 3, "masks"), (True, "masks"),
                             ((1, 2, 3, 4), "4"), ((..., ...), "ellipsis"), (7, "out of range"), (-8, "out of range"), (1.5, "1.5"),
                             ("x", "'x'")):
            with self.subTest(index=str(index)[:20]), self.assertRaisesRegex(IndexError, words):
                cube[index]

    def test_out_is_filled_where_it_lies(self):
        cube, target = self.snapshot["cube"], np.full((20, 12), -1, "i4")
        view = target[1:15:2, ::-2]
        self.assertIs(cube.read(np.s_[::-1, 2:8, 3], view), view)
        np.testing.assert_array_equal(view, self.whole[::-1, 2:8, 3])
        self.assertEqual((target == -1).sum(), 20 * 12 - 42)
        self.assertEqual(cube.read((1, 2, 3), np.zeros((), "i4"))[()], self.whole[1, 2, 3])
        with self.assertRaisesRegex(ValueError, "shape"):
            cube.read(..., np.zeros(3, "i4"))
        with self.assertRaisesRegex(tsnap.Mismatch, "int64.*int32"):
            cube.read(np.s_[::2], np.zeros((4, 11, 5), "i8"))
        frozen = np.zeros((7, 11, 5), "i4")
        frozen.flags.writeable = False
        with self.assertRaisesRegex(ValueError, "read-only"):
            cube.read(..., frozen)

    def test_an_array_knows_itself(self):
        cube, point = self.snapshot["cube"], self.snapshot["point"]
        self.assertEqual((cube.shape, cube.dtype, cube.ndim, cube.size, cube.nbytes, cube.itemsize, len(cube), cube.kind, cube.path),
                         ((7, 11, 5), np.dtype("i4"), 3, 385, 1540, 4, 7, "replicated", "cube"))
        np.testing.assert_array_equal(np.asarray(cube), self.whole)
        self.assertEqual(np.asarray(cube, dtype=float).dtype, float)
        np.testing.assert_array_equal(list(cube), self.whole)
        self.assertEqual((point[()], type(point[...]), float(np.asarray(point))), (2.5, np.ndarray, 2.5))
        with self.assertRaises(TypeError):
            len(point)
        with self.assertRaisesRegex(ValueError, "copy"):
            cube.__array__(copy=False)
        self.assertEqual(sum(extent.bytes for extent in cube.extents), 1540)
        self.assertIn("int32 (7, 11, 5)", repr(cube))
        self.assertIn("<td>m</td>", cube._repr_html_())

    def test_only_the_blocks_of_the_box_are_read(self):
        url = places.fresh()
        tsnap.take(url, {"line": self.line})
        with tsnap.Snapshot(url) as snapshot:
            extent = snapshot.extents("line")[-1]
            with open(os.path.join(url, extent.file), "r+b") as file:
                file.seek(extent.offset_bytes + extent.stored_bytes - 8)
                file.write(b"damaged!")
            line = snapshot["line"]
            np.testing.assert_array_equal(line[1000:2000], self.line[1000:2000])
            self.assertEqual(line.read(np.s_[-1:], verify=False).tobytes(), b"damaged!")
            for read in (lambda: line[...], lambda: line[-1], lambda: line[::-150_000]):
                with self.assertRaises(tsnap.Corrupt):
                    read()
            with self.assertRaises(tsnap.Corrupt) as caught:
                snapshot.verify()
            self.assertEqual(caught.exception.bad_paths, ["line"])

    def test_a_snapshot_is_a_mapping(self):
        snapshot = self.snapshot
        paths = ["0/mine/x", "cube", "flag", "group/a", "group/b/c", "line", "number", "point", "raw"]
        self.assertEqual((list(snapshot), len(snapshot), "cube" in snapshot, "group" in snapshot, 5 in snapshot), (paths, 9, True, False, False))
        self.assertEqual([snapshot[path] for path in ("flag", "group/a", "group/b/c", "number", "raw", "0/mine/x")],
                         [True, 1, "text", 0.5, b"\0\1", 5])
        group = snapshot["group"]
        self.assertEqual((dict(group), len(group), group["b"]["c"]), ({"a": 1, "b/c": "text"}, 2, "text"))
        self.assertEqual(snapshot["0"]["mine"]["x"], 5)
        self.assertEqual([info.path for info in snapshot.objects()], paths)
        for missing, words in (("mine/x", '"0/mine/x"'), ("cub", "tree"), ("group/", "tree")):
            with self.assertRaisesRegex(KeyError, words):
                snapshot[missing]
        with self.assertRaisesRegex(TypeError, "paths"):
            snapshot[3]
        self.assertEqual(len({snapshot, group}), 2)

    def test_a_snapshot_tells_about_itself(self):
        info = self.snapshot.info
        self.assertEqual((info.object_count, info.world_size, info.format, len(info.id), info.library_version),
                         (9, 1, "native 1", 32, tsnap.library_version()))
        self.assertLess(abs(datetime.datetime.now(datetime.timezone.utc) - info.created), datetime.timedelta(hours=1))
        cube = self.snapshot.object("cube")
        self.assertEqual((cube.type, cube.kind, cube.dtype, cube.rank, cube.box_count), ("array", "replicated", "int32", None, 1))
        self.assertEqual(self.snapshot.object("0/mine/x").rank, 0)
        for call in (self.snapshot.object, self.snapshot.attributes, self.snapshot.extents, self.snapshot.read_value):
            with self.assertRaises(tsnap.ObjectNotFound):
                call("nothing")
        with self.assertRaises(tsnap.ObjectNotFound):
            self.snapshot.attribute("cube", "color")
        self.assertEqual(self.snapshot.read_value("cube").shape, (7, 11, 5))

    def test_trees_are_drawn_as_text_and_for_notebooks(self):
        text = str(self.snapshot.tree())
        self.assertIn("├── group/\n│   ├── a  int64, replicated\n│   └── b/\n│       └── c  string, replicated, 4 bytes\n", text)
        self.assertIn("── group  ...", str(self.snapshot.tree(depth=1)))
        for depth in (0, -1):
            with self.assertRaisesRegex(ValueError, "depth"):
                self.snapshot.tree(depth=depth)
        self.assertIn("... and 7 more objects", str(self.snapshot.tree(limit=2)))
        self.assertNotIn("more objects", str(self.snapshot.tree(limit=9)))
        self.assertTrue(str(self.snapshot["group"].tree()).startswith("group/\n├── a"))
        url = places.fresh()
        tsnap.take(url, {"<b>": 1})
        with tsnap.Snapshot(url) as snapshot:
            self.assertIn("<code>&lt;b&gt;</code>", snapshot._repr_html_())
            self.assertIn("1 objects, 8 bytes, 1 ranks", repr(snapshot))
        self.assertIn("closed", repr(snapshot))

    def test_many_threads_read_one_snapshot(self):
        wrong = []

        def read(seed):
            for at in range(seed, 300_000 - 1000, 37_000):
                if not np.array_equal(self.snapshot["line"][at:at + 1000], self.line[at:at + 1000]):
                    wrong.append(at)
        threads = [threading.Thread(target=read, args=(seed,)) for seed in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(wrong, [])

    def test_what_is_closed_says_so(self):
        with tsnap.Snapshot(self.url) as snapshot:
            cube, group = snapshot["cube"], snapshot["group"]
        for call in (lambda: cube[...], lambda: snapshot.info, lambda: len(snapshot), snapshot.verify):
            with self.assertRaisesRegex(tsnap.Invalid, "closed"):
                call()
        snapshot.close()
        # A notebook shows what it was given last, closed or not.
        self.assertEqual((snapshot._repr_html_(), group._repr_html_(), cube._repr_html_()),
                         (html.escape(repr(snapshot)), html.escape(repr(group)), html.escape(repr(cube))))
        self.assertIn("closed", repr(group))

    def test_copies_and_removals(self):
        url, other = places.fresh(), places.fresh()
        tsnap.take(url, {"a": np.arange(5.0)}, metadata="m")
        seen = []
        with tsnap.Snapshot(url) as snapshot:
            result = snapshot.copy_to(other, verify=True, progress=seen.append)
            self.assertEqual((result.objects_copied > 0, result.bytes_copied > 0, result.server_side), (True, True, False))
            with tsnap.Snapshot(other) as copied:
                self.assertEqual((copied.info.id, copied.metadata), (snapshot.info.id, "m"))
                copied.verify()
        self.assertEqual(seen[-1].done_bytes, seen[-1].total_bytes)
        self.assertEqual(tsnap.copy(url, other).objects_copied, 0)
        tsnap.take(url, {"a": np.arange(6.0)}, overwrite=True)
        with self.assertRaises(tsnap.Exists):
            tsnap.copy(url, other)
        tsnap.copy(url, other, overwrite=True)
        tsnap.remove(url)
        with self.assertRaises(FileNotFoundError):
            tsnap.Snapshot(url)
        # What a take that died has left: data of an id that no record names, with an old marker.
        left = os.path.join(other, "0" * 32)
        os.mkdir(left)
        with open(os.path.join(left, "taking"), "w", encoding="ascii"):
            os.utime(os.path.join(left, "taking"), (1, 1))
        removed = []
        result = tsnap.gc(other, dry_run=True, removed=lambda key, size: removed.append(key))
        self.assertEqual((result.takes_removed, os.path.exists(left), len(removed) > 0), (1, True, True))
        self.assertEqual(tsnap.gc(other).takes_removed, 1)
        self.assertFalse(os.path.exists(left))
        tsnap.remove(other)

    def test_hdf5_files_are_snapshots_too(self):
        url = places.fresh() + ".h5"
        tsnap.take(url, {"a": np.arange(5.0), "n": 3}, codec="deflate")
        state = {"a": np.zeros(5), "n": 0}
        tsnap.restore(url, state)
        with tsnap.Snapshot(url) as snapshot:
            self.assertEqual((snapshot.info.format, list(snapshot["a"][::2]), state["n"]), ("hdf5 3", [0, 2, 4], 3))


if __name__ == "__main__":
    places.main()
