"""Takes in the background: what is stored is what was there at the call, and every way in which a request ends."""

import gc
import os
import signal
import subprocess
import sys
import threading
import time
import unittest
import warnings

import numpy as np

import places
import tsnap
from held_take import Held, lose_marker


class Requests(unittest.TestCase):
    def setUp(self):
        self.context = tsnap.Context()
        self.url = places.fresh()

    def tearDown(self):
        self.context.close()

    def test_what_is_stored_is_what_was_there_at_the_call(self):
        state = {"a": np.arange(100_000.0), "n": 1}
        request = self.context.take_async(self.url, state)
        state["a"][:] = -1
        state["n"] = 2
        request.wait()
        request.wait()
        self.assertTrue(request.test())
        self.assertIn("ended", repr(request))
        with tsnap.Snapshot(self.url) as snapshot:
            self.assertEqual((snapshot["a"][7], snapshot["n"]), (7, 1))

    def test_memory_may_go_when_the_call_has_returned(self):
        with tsnap.take_async(self.url, {"a": np.full(1 << 20, 3.0)}) as request:
            gc.collect()
            np.full(1 << 20, 4.0)
        self.assertTrue(request.test())
        self.assertTrue((tsnap.Snapshot(self.url)["a"][...] == 3).all())

    def test_a_take_that_is_held_has_not_ended_and_can_be_cancelled(self):
        held = Held()
        request = self.context.take_async(self.url, {"a": np.zeros(1000)}, progress=held)
        self.assertTrue(held.waits.wait(30))
        self.assertFalse(request.test())
        self.assertIn("going on", repr(request))
        threading.Timer(0.1, held.go.set).start()
        request.cancel()
        for _ in range(2):
            with self.assertRaises(tsnap.Cancelled):
                request.wait()
        with self.assertRaises(tsnap.NotFound):
            tsnap.Snapshot(self.url)

    def test_control_c_ends_the_wait_and_not_the_take(self):
        held = Held()
        request = self.context.take_async(self.url, {"a": np.zeros(1000)}, progress=held)
        self.assertTrue(held.waits.wait(30))
        before = signal.signal(signal.SIGINT, signal.default_int_handler)
        try:
            threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT)).start()
            with self.assertRaises(KeyboardInterrupt):
                request.wait()
        finally:
            signal.signal(signal.SIGINT, before)
        held.go.set()
        request.wait()
        tsnap.Snapshot(self.url).verify()

    def test_failures_before_staging_are_told_at_the_call_and_later_ones_by_wait(self):
        self.context.take(self.url, {"a": 1})
        with self.assertRaises(tsnap.Exists):
            self.context.take_async(self.url, {"a": 1})
        other, held = places.fresh(), Held()
        request = self.context.take_async(other, {"a": np.zeros(1000)}, progress=held)
        self.assertTrue(held.waits.wait(30))
        lose_marker(other)
        held.go.set()
        with self.assertRaises(tsnap.Error):
            request.wait()

    def test_a_request_that_nobody_waits_for_is_ended_by_close(self):
        held = Held()
        self.context.take_async(self.url, {"a": np.zeros(1000)})
        gc.collect()
        self.context.close()
        tsnap.Snapshot(self.url).verify()
        self.context = tsnap.Context()
        request = self.context.take_async(places.fresh(), {"a": np.zeros(1000)}, progress=held)
        self.assertTrue(held.waits.wait(30))
        threading.Timer(0.1, held.go.set).start()
        request.cancel()
        del request
        with self.assertWarnsRegex(RuntimeWarning, "nobody waited"):
            self.context.close()

    def test_requests_that_nobody_waits_for_do_not_pile_up(self):
        for number in range(20):
            self.context.take_async(self.url, {"n": number}, overwrite=True)
            while not all(request.test() for request in self.context._requests):
                time.sleep(0.001)
        self.assertEqual(len(self.context._requests), 1)
        # A failure is told when nobody is left who could ask for it, and not before.
        for kept in (True, False):
            held, other = Held(), places.fresh()
            request = self.context.take_async(other, {"a": np.zeros(1000)}, progress=held)
            self.assertTrue(held.waits.wait(30))
            lose_marker(other)
            held.go.set()
            while not request.test():
                time.sleep(0.001)
            with warnings.catch_warnings(record=True) as warned:
                warnings.simplefilter("always")
                if kept:
                    self.context.take(self.url, {"n": 1}, overwrite=True)
                    with self.assertRaises(tsnap.Error):
                        request.wait()
                del request, held
                self.context.take(self.url, {"n": 1}, overwrite=True)
            self.assertEqual(["nobody waited" in str(warning.message) for warning in warned], [] if kept else [True])
            self.assertEqual(self.context._requests, [])

    def test_what_progress_raises_in_the_background_is_told_by_wait(self):
        caller = threading.get_ident()

        def fail(_progress):
            if threading.get_ident() != caller:
                raise ZeroDivisionError("of mine")
        request = self.context.take_async(self.url, {"a": np.zeros(1 << 20)}, progress=fail)
        with self.assertRaisesRegex(tsnap.CallbackError, "was taken.*of mine") as caught:
            request.wait()
        self.assertIsInstance(caught.exception.__cause__, ZeroDivisionError)
        tsnap.Snapshot(self.url).verify()

    def test_a_take_that_is_pending_at_the_end_of_the_program_is_finished(self):
        for opened in ("tsnap", "tsnap.Context()"):
            url = places.fresh()
            # It is slow, in the library's thread: the program is at its end long before.
            program = (f"import sys, threading, time, numpy, tsnap\ncontext, me = {opened}, threading.get_ident()\n"
                       "context.take_async(sys.argv[1], {'a': numpy.zeros(1000)},\n"
                       "                   progress=lambda told: threading.get_ident() == me or time.sleep(0.5))")
            subprocess.run([sys.executable, "-c", program, url], check=True)
            tsnap.Snapshot(url).verify()

    def test_takes_follow_each_other(self):
        requests = [self.context.take_async(self.url, {"n": number}, overwrite=True) for number in range(4)]
        state = self.context.restore(self.url, {"n": 0})
        self.assertEqual(state["n"], 3)
        for request in requests:
            request.wait()

    def test_one_that_was_forgotten_goes_with_its_context(self):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            context = tsnap.Context()
            context.take_async(self.url, {"n": 1})
            del context
            gc.collect()
        for _ in range(100):
            try:
                tsnap.Snapshot(self.url).verify()
                break
            except tsnap.NotFound:
                time.sleep(0.05)
        tsnap.Snapshot(self.url).verify()


if __name__ == "__main__":
    places.main()
