"""Each status that a user of the package can meet is an exception of its own, with the text of C."""

import errno
import json
import os
import pathlib
import pickle
import socket
import subprocess
import sys
import unittest

import numpy as np

import places
import tsnap
from tsnap import abi, errors, library

# Storage that stalls: what the call was given must outlive it.
STALLED = """
import gc, sys, weakref, numpy as np, tsnap
class Array(np.ndarray): pass
class Part:
    def state_dict(self): return {"b": kept(1)}
    def load_state_dict(self, contents): pass
seen = []
def kept(value):
    array = np.full(1000, float(value)).view(Array)
    seen.append(weakref.ref(array))
    return array
context = tsnap.Context(io_timeout_seconds=0.3)
try:
    context.take(sys.argv[1], {"a": kept(0), "part": Part()})
except TimeoutError as error:
    print(type(error).__name__)
gc.collect()
print([reference() is not None for reference in seen])
"""

# Run in a process of its own, with faults of system calls: the first argument is what to do.
ACTS = {
    "take": "tsnap.take(url, {'a': np.zeros(1000)})",
    "read": "tsnap.Snapshot(url)['a'][...]",
}


def with_fault(fault, act, url):
    """What an act raises while a system call fails (tests/fault/preload.c): the names of the classes and the text."""
    program = ("import json, sys, numpy as np, tsnap\nurl = sys.argv[1]\n"
               f"try:\n    {ACTS[act]}\nexcept tsnap.Error as error:\n"
               "    print(json.dumps([[kind.__name__ for kind in type(error).__mro__], str(error), error.code]))\n")
    environment = {**os.environ, "TSNAP_FAULT": fault, "LD_PRELOAD": sys.argv[1]}
    done = subprocess.run([sys.executable, "-c", program, url], env=environment, capture_output=True, text=True, check=True)
    return json.loads(done.stdout) if done.stdout else [[], "nothing was raised", 0]


class Errors(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.url = places.fresh()
        tsnap.take(cls.url, {"a": np.arange(1000.0), "n": 1})

    def test_every_code_has_a_class_and_unknown_ones_are_errors(self):
        codes = {value for name, value in vars(abi).items() if name.startswith("E_")}
        self.assertEqual(set(errors.BY_CODE), codes)
        for code in codes | {-1000}:
            error = errors.of_status(code, "why")
            if code in codes:
                self.assertEqual(error.status_name, library.core().tsnap_status_name(code).decode())
            self.assertEqual((error.code, str(error), isinstance(error, tsnap.Error)), (code, "why", True))
            again = pickle.loads(pickle.dumps(error))
            self.assertEqual((type(again), again.code, str(again)), (type(error), code, "why"))

    def test_mistakes_are_invalid(self):
        for act in (lambda: tsnap.Snapshot("fs://"), lambda: tsnap.Snapshot("nosuch://x"), lambda: tsnap.take("", {"a": 1}),
                    lambda: tsnap.gc(self.url, min_age_seconds=-1.0), lambda: tsnap.take(places.fresh(), {"a": 1}, replicate="b/*"),
                    lambda: tsnap.copy(self.url, self.url)):
            with self.assertRaises(tsnap.Error) as caught:
                act()
            self.assertIn(caught.exception.code, (abi.E_INVALID, abi.E_UNSUPPORTED))
        with self.assertRaises(ValueError):
            tsnap.gc(self.url, min_age_seconds=-1.0)
        with self.assertRaisesRegex(TypeError, "url is a text"):
            tsnap.Snapshot(5)
        self.assertEqual(tsnap.Snapshot(pathlib.Path(self.url))["n"], 1)

    def test_a_budget_that_is_too_small_is_no_memory(self):
        with tsnap.Snapshot(self.url) as snapshot, self.assertRaises(MemoryError) as caught:
            snapshot["a"].read(..., memory_budget_bytes=1)
        self.assertIsInstance(caught.exception, tsnap.NoMemory)

    def test_what_is_missing_is_not_found(self):
        for act in (lambda: tsnap.Snapshot(places.fresh()), lambda: tsnap.restore(places.fresh(), {"a": 1}), lambda: tsnap.remove(places.fresh()),
                    lambda: tsnap.copy(places.fresh(), places.fresh())):
            with self.assertRaises(FileNotFoundError) as caught:
                act()
            self.assertIsInstance(caught.exception, tsnap.NotFound)

    def test_what_is_there_exists(self):
        with self.assertRaises(FileExistsError) as caught:
            tsnap.take(self.url, {"a": 1})
        self.assertIsInstance(caught.exception, tsnap.Exists)

    def test_what_does_not_fit_is_a_mismatch_with_a_report(self):
        state = {"a": np.zeros(999), "b": 1}
        with self.assertRaises(tsnap.Mismatch) as caught:
            tsnap.restore(self.url, state)
        report = caught.exception.report
        self.assertEqual((report.missing, report.unexpected, report.mismatched), (("0/b",), ("n",), ("0/a",)))
        self.assertEqual(set(report.not_restored), {"0/a", "0/b"})
        self.assertFalse(state["a"].any())
        with self.assertRaises(tsnap.Mismatch):
            tsnap.restore(self.url, {"a": np.zeros(1000, "f4"), "n": 0})

    def test_what_is_not_built_in_is_unsupported(self):
        with self.assertRaises(NotImplementedError) as caught:
            tsnap.take(places.fresh(), {"a": 1}, codec="deflate")
        self.assertIsInstance(caught.exception, tsnap.Unsupported)

    def test_damage_is_corrupt(self):
        url = places.fresh()
        tsnap.take(url, {"a": 1})
        with open(os.path.join(url, "tsnap.json"), "r+b") as file:
            file.write(b"?")
        with self.assertRaises(tsnap.Corrupt):
            tsnap.Snapshot(url)

    def test_storage_that_fails_is_told_by_what_it_says(self):
        for fault, act, kind, builtin in (
                (f"op=pwrite,n=1,errno=ENOSPC,count=all,path={{}}", "take", "NoSpace", "OSError"),
                (f"op=fsync,n=1,errno=EIO,count=all,path={{}}", "take", "IoError", "OSError"),
                (f"op=mkdir,n=1,errno=EACCES,count=all,path={{}}", "take", "AuthError", "PermissionError"),
                (f"op=pread,n=1,errno=EIO,count=all,path={{}}", "read", "IoError", "OSError")):
            url = self.url if act == "read" else places.fresh()
            with self.subTest(fault=fault):
                names, text, code = with_fault(fault.format(os.path.basename(url)), act, url)
                self.assertEqual(names[0], kind, text)
                self.assertIn(builtin, names)
                self.assertEqual(code, getattr(errors, kind).code)

    def test_memory_outlives_a_call_whose_storage_stalls(self):
        url = places.fresh()
        environment = {**os.environ, "TSNAP_FAULT": f"op=pwrite,n=1,sleep=3,count=all,path={os.path.basename(url)}", "LD_PRELOAD": sys.argv[1]}
        done = subprocess.run([sys.executable, "-c", STALLED, url], env=environment, capture_output=True, text=True, check=False)
        self.assertEqual(done.stdout, "Timeout\n[True, True]\n", done.stderr)

    def test_a_server_that_is_not_there_is_the_network(self):
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))  # and nobody listens
            endpoint = f"http://127.0.0.1:{taken.getsockname()[1]}"
            with self.assertRaises(ConnectionError) as caught:
                tsnap.Snapshot("s3://bucket/x", s3_endpoint=endpoint, s3_region="here", s3_access_key="key", s3_secret_key="hidden",
                               io_timeout_seconds=1.0)
        self.assertIsInstance(caught.exception, tsnap.NetworkError)
        self.assertNotIn("hidden", str(caught.exception))

    def test_errors_of_threads_do_not_mix(self):
        with self.assertRaises(tsnap.NotFound) as caught:
            tsnap.Snapshot(places.fresh("its-own"))
        self.assertIn("its-own", str(caught.exception))

    def test_handles_of_the_parent_are_invalid_after_fork(self):
        snapshot = tsnap.Snapshot(self.url)
        child = os.fork()
        if child == 0:
            try:
                snapshot["a"][0]
            except tsnap.Invalid:
                # And module functions open new ones there.
                state = tsnap.restore(self.url, {"a": np.zeros(1000), "n": 0})
                os._exit(7 if state["n"] == 1 else 2)
            finally:
                os._exit(1)
        self.assertEqual(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), 7)
        self.assertEqual(snapshot["a"][1], 1)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
