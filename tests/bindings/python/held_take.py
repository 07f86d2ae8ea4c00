"""Takes in the background that are held at a moment of the test's choice, and made to fail there."""

import os
import threading


class Held:
    """A progress function that holds a take in the library's thread until it is let go."""

    def __init__(self):
        self.caller, self.go, self.waits = threading.get_ident(), threading.Event(), threading.Event()

    def __call__(self, progress):
        if threading.get_ident() != self.caller and progress.done_bytes == progress.total_bytes:
            self.waits.set()
            self.go.wait(60)


def lose_marker(url):
    """Somebody removes what the pending take at url has there: it must not be committed."""
    found = [os.path.join(url, name, "taking") for name in os.listdir(url) if os.path.exists(os.path.join(url, name, "taking"))]
    assert found, f"no take is pending at {url}"
    for marker in found:
        os.remove(marker)
