"""What Python functions raise inside of C reaches the caller; progress, logs and events; objects with state_dict."""

import io
import sys
import threading
import unittest
from unittest import mock

import numpy as np

import held_take
import places
import tsnap


class Part:
    """An object that keeps whatever its state_dict was."""

    def __init__(self, contents=None, fails=None):
        self.contents, self.fails, self.loads = contents, fails, 0

    def state_dict(self):
        if self.fails == "state_dict":
            raise RuntimeError("no state today")
        return self.contents

    def load_state_dict(self, contents):
        if self.fails == "load":
            raise KeyError("not mine")
        self.contents, self.loads = contents, self.loads + 1


class Statefuls(unittest.TestCase):
    def test_a_state_dict_of_any_form_comes_back_to_one_of_another(self):
        url = places.fresh()
        contents = {"state": {0: {"step": np.float32(3), "m": np.arange(3.0)}, 12: {}}, "": 1, ".": 2, "..": 3, "a/b": 4, ".form": 5, "0": 6,
                    0: 7, "none": None, "big": 1 << 200, "t": (1, (2.5, [None, True])), "text": "x" * 5000, "b": b"\0", "ba": bytearray(b"q"),
                    "complex": 2j, "np": np.int64(4), "rec": np.zeros(2, [("x", "f4")]), "empty": [], "neg": -0.0}
        tsnap.take(url, {"part": Part(contents), "list": Part([1, {"x": 2}])})
        fresh, other = Part({"state": {}}), Part([])
        tsnap.restore(url, {"part": fresh, "list": other})
        self.assertEqual(repr(fresh.contents), repr(contents))
        self.assertEqual(([repr(key) for key in fresh.contents], other.contents), ([repr(key) for key in contents], [1, {"x": 2}]))
        self.assertEqual((fresh.loads, other.loads), (1, 1))

    def test_memory_that_fits_is_filled_in_place(self):
        url = places.fresh()
        tsnap.take(url, {"part": Part({"same": np.arange(3.0), "shape": np.arange(4.0), "frozen": np.arange(2.0)})})
        same, frozen = np.zeros(3), np.zeros(2)
        frozen.flags.writeable = False
        part = Part({"same": same, "shape": np.zeros(2), "frozen": frozen, "gone": 1})
        tsnap.restore(url, {"part": part})
        self.assertIs(part.contents["same"], same)
        self.assertEqual((list(same), list(part.contents["shape"]), list(part.contents["frozen"])), ([0, 1, 2], [0, 1, 2, 3], [0, 1]))
        self.assertEqual((list(frozen), "gone" in part.contents), ([0, 0], False))

    def test_a_snapshot_without_a_form_is_restored_as_the_object_says(self):
        url, part = places.fresh(), Part({"a": np.zeros(2), "b": {"c": 0, "t": ""}})
        tsnap.take(url, {"part": {"a": np.arange(2.0), "b": {"c": 5, "t": "long" * 3000}}})
        tsnap.restore(url, {"part": part})
        self.assertEqual((list(part.contents["a"]), part.contents["b"]), ([0, 1], {"c": 5, "t": "long" * 3000}))

    def test_a_damaged_form_is_told_and_not_believed(self):
        for text in ("[", "5", '["code"]', '["dict",[[{},["int"]]]]', '["array",[-1],"float64",8,null]', '["str",-1]',
                     "[" * 5000, '["array",[1],"opaque",8,"[(\'a\', \'O\')]"]'):
            url = places.fresh()
            tsnap.take(url, {"part": {".form": text}})
            with self.subTest(text=text[:20]), self.assertRaises((tsnap.CallbackError, tsnap.Mismatch)):
                tsnap.restore(url, {"part": Part({})})

    def test_what_a_state_dict_raises_reaches_the_caller(self):
        url = places.fresh()
        with self.assertRaisesRegex(tsnap.CallbackError, "no state today") as caught:
            tsnap.take(url, {"part": Part(fails="state_dict")})
        self.assertIsInstance(caught.exception.__cause__, RuntimeError)
        with self.assertRaisesRegex(tsnap.CallbackError, "part/f: a builtin_function") as caught:
            tsnap.take(url, {"part": Part({"f": len})})
        with self.assertRaisesRegex(tsnap.CallbackError, "inner: .*cannot hold another"):
            tsnap.take(url, {"part": Part({"inner": Part({})})})
        with self.assertRaises(tsnap.NotFound):
            tsnap.Snapshot(url)
        tsnap.take(url, {"part": Part({"a": 1})})
        with self.assertRaisesRegex(tsnap.CallbackError, "not mine") as caught:
            tsnap.restore(url, {"part": Part({"a": 0}, fails="load")})
        self.assertIsInstance(caught.exception.__cause__, KeyError)
        with self.assertRaisesRegex(TypeError, '"model": part'):
            tsnap.take(url, Part({}))

    def test_what_release_raises_reaches_the_caller(self):
        def release():
            raise OSError("cannot let go")
        with tsnap.State() as state, tsnap.Context() as context:
            state.add_stateful("s", lambda child: None, release=release)
            with self.assertRaisesRegex(tsnap.CallbackError, "cannot let go"):
                context.take(places.fresh(), state)

    def test_an_interrupt_in_a_callback_stays_one(self):
        def describe(_child):
            raise KeyboardInterrupt
        with tsnap.State() as state, tsnap.Context() as context:
            state.add_stateful("s", describe)
            with self.assertRaises(KeyboardInterrupt):
                context.take(places.fresh(), state)

    def test_calls_from_inside_a_callback_are_busy(self):
        with tsnap.State() as state, tsnap.Context() as context:
            state.add_stateful("s", lambda child: context.statistics)
            with self.assertRaises(tsnap.CallbackError) as caught:
                context.take(places.fresh(), state)
            self.assertIsInstance(caught.exception.__cause__, tsnap.Busy)


class Watching(unittest.TestCase):
    def test_progress_is_told_to_a_function(self):
        seen, url, state = [], places.fresh(), {"a": np.zeros(1 << 20)}
        tsnap.take(url, state, progress=seen.append)
        self.assertEqual((seen[-1].done_bytes, seen[-1].total_bytes, seen[-1].staged_bytes is None), (8 << 20, 8 << 20, False))
        for act in (lambda: tsnap.restore(url, state, progress=seen.append), lambda: tsnap.Snapshot(url)["a"].read(progress=seen.append),
                    lambda: tsnap.Snapshot(url).verify(progress=seen.append)):
            del seen[:]
            act()
            self.assertEqual(seen[-1].done_bytes, seen[-1].total_bytes)
        for act in (lambda: tsnap.take(places.fresh(), state, progress=5), lambda: tsnap.Snapshot(url).verify(progress="bar")):
            with self.assertRaisesRegex(TypeError, "progress"):
                act()

    def test_each_of_many_threads_is_told_of_its_own_read(self):
        url, values = places.fresh(), np.arange(300_000.0)
        tsnap.take(url, {"a": values})
        snapshot, wrong = tsnap.Snapshot(url), []

        def read(seed):
            many = 3000 * (seed + 1)
            for turn in range(30):
                told = []

                def tell(progress):
                    told.append(progress)
                    if seed == 2:
                        raise KeyError(turn)
                try:
                    if seed == 0:
                        part = snapshot["a"][:many]
                    else:
                        part = np.zeros(many)
                        snapshot["a"].read(np.s_[:many], part, progress=tell)
                    raised = None
                except tsnap.CallbackError as error:
                    raised = error.__cause__.args
                if raised != ((turn,) if seed == 2 else None) or not np.array_equal(part, values[:many]):
                    wrong.append((seed, turn, raised))
                totals = {progress.total_bytes for progress in told}
                if seed and (len(totals) != 1 or (seed != 2 and told[-1].done_bytes not in totals)):
                    wrong.append((seed, turn, told))
        threads = [threading.Thread(target=read, args=(seed,)) for seed in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(wrong, [])
        snapshot.close()

    def test_who_watches_reads_the_snapshot_that_was_opened(self):
        url = places.fresh()
        tsnap.take(url, {"a": np.zeros(10)})
        with tsnap.Snapshot(url) as snapshot:
            array = snapshot["a"]
            tsnap.take(url, {"a": np.ones(10)}, overwrite=True)
            with self.assertRaisesRegex(tsnap.NotFound, "another snapshot"):
                array.read(progress=lambda _: None)

    def test_progress_true_is_a_bar(self):
        url, state = places.fresh(), {"a": np.zeros(1 << 20)}
        with mock.patch.object(sys, "stderr", io.StringIO()) as shown:
            tsnap.take(url, state, progress=True)
            tsnap.Snapshot(url)["a"].read(progress=True)
        self.assertIn("take: 100%", shown.getvalue())
        self.assertIn("read a: 100%", shown.getvalue())
        with mock.patch.dict(sys.modules, {"tqdm.auto": None}), self.assertRaisesRegex(ImportError, "pip install tqdm"):
            tsnap.take(places.fresh(), state, progress=True)

    def test_what_progress_raises_is_told_when_the_work_is_done(self):
        def fail(_progress):
            raise ZeroDivisionError("of mine")
        url = places.fresh()
        with self.assertRaisesRegex(tsnap.CallbackError, "done its work.*of mine") as caught:
            tsnap.take(url, {"a": np.zeros(1 << 20)}, progress=fail)
        self.assertIsInstance(caught.exception.__cause__, ZeroDivisionError)
        tsnap.Snapshot(url).verify()
        with self.assertRaisesRegex(tsnap.CallbackError, "of mine"):
            tsnap.Snapshot(url)["a"].read(progress=fail)

    def test_events_are_told(self):
        events = []
        with tsnap.Context(event=events.append) as context:
            context.take(places.fresh(), {"a": 1})
        self.assertEqual((events[0].operation, events[0].phase, events[0].is_end), ("take", None, False))
        self.assertTrue({"describe", "write", "commit"} <= {event.phase for event in events})
        self.assertTrue(all(event.status == 0 and event.seconds >= 0 for event in events if event.is_end))

    def test_what_an_event_raises_reaches_the_caller(self):
        def fail(_event):
            raise ZeroDivisionError("of mine")
        with tsnap.Context(event=fail) as context:
            with self.assertRaisesRegex(tsnap.CallbackError, "done its work.*of mine"):
                context.take(places.fresh(), {"a": 1})

    def test_logs_are_told_and_what_they_raise_reaches_the_caller(self):
        def fail(*_):
            raise ZeroDivisionError("of mine")
        for log in (lambda level, text: lines.append((level, text)), fail):
            lines, url, held = [], places.fresh(), held_take.Held()
            with tsnap.Context(log=log, log_level="error") as context:
                request = context.take_async(url, {"a": np.zeros(1000)}, progress=held)
                self.assertTrue(held.waits.wait(30))
                held_take.lose_marker(url)
                held.go.set()
                # The next collective call waits for the pending take, and logs that it failed.
                if log is fail:
                    with self.assertRaisesRegex(tsnap.CallbackError, "of mine"):
                        context.take(places.fresh(), {"a": 1})
                else:
                    context.take(places.fresh(), {"a": 1})
                    self.assertEqual(lines[0][0], "error")
                    self.assertIn("nobody has waited", lines[0][1])
                with self.assertRaises(tsnap.Error):
                    request.wait()


if __name__ == "__main__":
    places.main()
