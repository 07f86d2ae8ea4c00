"""States that are kept: values by address, statefuls, attributes, globs, removal; and contexts with their statistics."""

import gc
import unittest
import weakref

import numpy as np

import places
import tsnap


class Kept(unittest.TestCase):
    def test_a_state_is_built_once_and_used_for_every_take_and_restore(self):
        field, shared = np.arange(12.0).reshape(3, 4), np.arange(3)
        with tsnap.Context() as context, tsnap.State() as state:
            state.add_private("field", field)
            state.add_replicated("shared", shared)
            state.add_sharded("whole", (3, 8), [(field, (0, 0)), (field[:, ::-1], (0, 4))])
            state.add_sharded("patch", (8, 8), [(field, (2, 2))], coverage="sparse", fill=7)
            step = state.add_int64("step", 4, "replicated")
            time, done = state.add_float64("time", 0.25), state.add_bool("done", True)
            title, blob = state.add_string("title", "é", capacity=10), state.add_bytes("blob", b"ab", capacity=4)
            state.set_attribute("field", "units", "K")
            state.set_attributes({"step": {"note": "x"}})
            urls = [places.fresh(), places.fresh()]
            context.take(urls[0], state)
            field += 100
            step.value, time.value, done.value, title.value, blob.value = 5, 0.5, False, "longer", b"abcd"
            context.take(urls[1], state)
            for url, first, values in ((urls[0], 0, (4, 0.25, True, "é", b"ab")), (urls[1], 100, (5, 0.5, False, "longer", b"abcd"))):
                self.assertIs(context.restore(url, state), state)
                self.assertEqual((field[0, 0], tuple(cell.value for cell in (step, time, done, title, blob))), (first, values))
            with context.open(urls[1]) as snapshot:
                self.assertEqual(snapshot["whole"][0, [0, 7][1]], 100)
                self.assertEqual((snapshot["patch"][0, 0], snapshot["0/field"].attrs), (7, {"units": "K"}))
            self.assertIn("longer", repr(title))

    def test_values_that_do_not_fit_are_refused(self):
        with tsnap.State() as state:
            step, title, blob = state.add_int64("step"), state.add_string("t", capacity=3), state.add_bytes("b", capacity=3)
            for cell, wrong, error in ((step, 2**63, OverflowError), (step, 1.5, OverflowError), (title, "four", ValueError),
                                       (title, "a\0", ValueError), (blob, b"four", ValueError), (title, 5, TypeError)):
                with self.subTest(wrong=wrong), self.assertRaises(error):
                    cell.value = wrong
            with self.assertRaises(tsnap.Exists):
                state.add_int64("step")
            with self.assertRaises(ValueError):
                state.add_int64("other", kind="sharded")

    def test_a_stored_text_that_is_too_long_is_a_mismatch(self):
        url = places.fresh()
        tsnap.take(url, {"t": "x" * 100}, kind="private")
        with tsnap.Context() as context, tsnap.State() as state:
            title = state.add_string("t", "kept", capacity=10)
            with self.assertRaises(tsnap.Mismatch) as caught:
                context.restore(url, state)
            self.assertEqual((title.value, caught.exception.report.not_restored), ("kept", ("0/t",)))

    def test_statefuls_describe_themselves_each_time(self):
        told, sizes = [], [2, 3]
        held = {}

        def describe(child):
            held["x"] = np.full(sizes[0], float(len(told)))
            child.add_private("x", held["x"])
            child.set_attribute("x", "units", "m")
            told.append("describe")
        with tsnap.Context() as context, tsnap.State() as state:
            state.add_stateful("mesh", describe, lambda: told.append("loaded"), lambda: told.append("release"))
            state.add_rng("random", describe=lambda child: child.add_int64("seed", 3), loaded=lambda: told.append("rng"))
            url = places.fresh()
            context.take(url, state)
            self.assertEqual(told, ["describe", "rng", "release"])
            del told[:]
            context.restore(url, state)
            self.assertEqual(told, ["describe", "loaded", "rng", "release"])
            self.assertEqual(list(tsnap.Snapshot(url)), ["0/mesh/x", "0/random/seed"])
        with tsnap.State() as state, self.assertRaises(TypeError):
            state.add_rng("random")

    def test_globs_and_removal(self):
        with tsnap.Context() as context, tsnap.State() as state:
            state.add_private("model/a", np.zeros(2))
            state.add_private("model/b", np.zeros(2))
            state.add_int64("c")
            state.replicate("model/*")
            state.remove("c")
            url = places.fresh()
            context.take(url, state)
            self.assertEqual(list(tsnap.Snapshot(url)), ["model/a", "model/b"])
            for call in (lambda: state.remove("c"), lambda: state.set_attribute("c", "a", "b"), lambda: state.set_coverage("c", "sparse")):
                with self.assertRaises(tsnap.NotFound):
                    call()

    def test_arrays_live_as_long_as_the_state(self):
        class Array(np.ndarray):
            pass
        value = np.zeros(1000).view(Array)
        seen = weakref.ref(value)
        state = tsnap.State()
        state.add_private("a", value)
        del value
        gc.collect()
        self.assertIsNotNone(seen())
        with tsnap.Context() as context:
            context.take(places.fresh(), state)
        state.remove("a")
        gc.collect()
        self.assertIsNone(seen())
        state.close()
        with tsnap.Context() as context, self.assertRaisesRegex(tsnap.Invalid, "closed"):
            context.take(places.fresh(), state)

    def test_a_context_has_statistics_and_a_report(self):
        with tsnap.Context(memory_budget_bytes=1 << 24) as context:
            self.assertEqual((context.statistics.operation, context.report, context.rank, context.size), (None, tsnap.Report(), 0, 1))
            url = places.fresh()
            context.take(url, {"a": np.zeros(1000)})
            told = context.statistics
            self.assertEqual((told.operation, told.status, told.operation_number), ("take", 0, 1))
            self.assertGreater(told.seconds, 0)
            self.assertEqual(told.phase_bytes["write"], 8000)
            self.assertIn("commit", told.phase_seconds)
            context.restore(url, {"b": 1}, strict=False)
            self.assertEqual((context.report.missing, context.report.unexpected), (("0/b",), ()))
            self.assertEqual(context.statistics.operation, "restore")
        with self.assertRaisesRegex(tsnap.Invalid, "closed"):
            context.take(url, {})
        self.assertIn("closed", repr(context))
        with self.assertRaises(TypeError):
            tsnap.Context(5)

    def test_configs_are_checked_and_keep_secrets(self):
        config = tsnap.Config(memory_budget_bytes=1 << 24, s3_secret_key="hidden", direct_io=False, log_level="debug")
        self.assertNotIn("hidden", repr(config))
        tsnap.Context(config=config).close()
        for wrong, error in (({"memory_budget_bytes": -1}, ValueError), ({"io_concurrency": 1 << 40}, ValueError),
                             ({"memory_budget_bytes": 1.5}, ValueError), ({"log_level": "loud"}, ValueError), ({"speed": 3}, TypeError),
                             ({"config": config, "io_concurrency": 1}, TypeError), ({"config": 5}, TypeError),
                             ({"io_timeout_seconds": -1.0}, tsnap.Invalid), ({"io_timeout_seconds": "1"}, TypeError)):
            with self.subTest(wrong=wrong), self.assertRaises(error):
                tsnap.Context(**wrong)


if __name__ == "__main__":
    places.main()
