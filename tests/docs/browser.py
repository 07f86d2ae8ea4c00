"""A headless Chromium at the width of a phone, by the DevTools protocol over a pipe: pages are loaded, asked, and drawn.

Only the standard library is needed. It fetches nothing: what is not a file is reported.
"""

import base64
import fcntl
import json
import os
import select
import shutil
import signal
import subprocess
import time

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
WIDTH, HEIGHT = 390, 844
OPTIONS = ("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
           "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage", "--hide-scrollbars", "--remote-debugging-pipe")

# What is wrong with the text of the page: [kind, text] of what is too small, and of what is cut off or makes the page wide.
LOOK = """(() => {
  const found = [], width = document.documentElement.clientWidth;
  const page = document.documentElement.scrollWidth;
  if (page > width) found.push(["wide", `the page is ${page} px wide`]);
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node; (node = walk.nextNode());) {
    const text = node.data.trim(), box = node.parentElement;
    if (!text || !box.checkVisibility() || box.closest("script, style, svg, noscript, .visually-hidden, .skip-to-content")) continue;
    const range = document.createRange();
    range.selectNodeContents(node);
    const place = range.getBoundingClientRect();
    if (place.width < 1 || place.right <= 0) continue;
    if (parseFloat(getComputedStyle(box).fontSize) < 12) found.push(["small", text.slice(0, 60)]);
    if (place.left >= width) continue;   // a drawer that is closed
    let scrolls = place.right <= width + 1;
    for (let up = box; up && !scrolls; up = up.parentElement)
      scrolls = ["auto", "scroll"].includes(getComputedStyle(up).overflowX) && up !== document.documentElement;
    if (!scrolls) found.push(["cut off", text.slice(0, 60)]);
  }
  return found;
})()"""


def installed():
    return next(filter(None, map(shutil.which, BROWSERS)), None)


class Browser:
    """One page of one browser. What it complains about is in `complaints` until they are taken."""

    def __init__(self, profile, seconds=60):
        self.seconds, self.number, self.rest, self.complaints = seconds, 0, b"", []
        to_browser, self.write_end = os.pipe()
        self.read_end, from_browser = os.pipe()

        def pipes_at_3_and_4():
            # Any of the four ends may stand at 3 or 4 itself.
            ends = [fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, 10) for end in (to_browser, from_browser)]
            os.dup2(ends[0], 3)
            os.dup2(ends[1], 4)

        self.process = subprocess.Popen(
            [installed(), *OPTIONS, f"--user-data-dir={profile}", "about:blank"], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL, close_fds=False, preexec_fn=pipes_at_3_and_4, start_new_session=True)
        os.close(to_browser)
        os.close(from_browser)
        target = next(t for t in self.call("Target.getTargets", session=False)["targetInfos"] if t["type"] == "page")
        self.session = self.call("Target.attachToTarget", {"targetId": target["targetId"], "flatten": True}, session=False)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")
        self.call("Emulation.setDeviceMetricsOverride", {"width": WIDTH, "height": HEIGHT, "deviceScaleFactor": 1, "mobile": True})

    def __enter__(self):
        return self

    def __exit__(self, *_):
        os.close(self.write_end)
        os.close(self.read_end)
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.process.wait()

    def call(self, method, params=None, session=True):
        self.number += 1
        message = {"id": self.number, "method": method, "params": params or {}}
        if session:
            message["sessionId"] = self.session
        os.write(self.write_end, json.dumps(message).encode() + b"\0")
        return self.until(lambda m: m.get("id") == self.number, method)

    def until(self, wanted, what):
        """The result of the message that is wanted; those that come before it are looked at."""
        end = time.monotonic() + self.seconds
        while True:
            while b"\0" not in self.rest:
                if not select.select([self.read_end], [], [], max(0.0, end - time.monotonic()))[0]:
                    raise TimeoutError(f"the browser does not answer {what}")
                got = os.read(self.read_end, 1 << 20)
                if not got:
                    raise RuntimeError(f"the browser has ended during {what}")
                self.rest += got
            one, _, self.rest = self.rest.partition(b"\0")
            message = json.loads(one)
            self.look_at(message.get("method"), message.get("params", {}))
            if wanted(message):
                if "error" in message:
                    raise RuntimeError(f"{what}: {message['error']}")
                return message.get("result", message.get("params"))

    def look_at(self, method, params):
        if method == "Runtime.exceptionThrown":
            self.complaints.append(f"a script failed: {params['exceptionDetails'].get('text')}")
        elif method == "Runtime.consoleAPICalled" and params["type"] in ("error", "assert", "warning"):
            self.complaints.append(f"the console says: {[a.get('value') for a in params['args']]}")
        elif method == "Log.entryAdded" and params["entry"]["level"] == "error":
            self.complaints.append(f"{params['entry']['text']}: {params['entry'].get('url', '')}")
        elif method == "Network.requestWillBeSent" and not params["request"]["url"].startswith(("file:", "data:", "about:")):
            self.complaints.append(f"it fetches {params['request']['url']}")

    def problems_of(self, url):
        """What is wrong with a page, as a list of sentences."""
        self.complaints = []
        self.load(url)
        found = self.call("Runtime.evaluate", {"expression": LOOK, "returnByValue": True})["result"]["value"]
        return self.complaints + [f"{kind}: {text}" for kind, text in found]

    def load(self, url):
        self.call("Page.navigate", {"url": url})
        self.until(lambda m: m.get("method") == "Page.loadEventFired", f"Page.navigate {url}")

    def draw(self, url, file, dark=False):
        """A picture of the top of the page."""
        self.call("Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]})
        self.load(url)
        file.write_bytes(base64.b64decode(self.call("Page.captureScreenshot", {"format": "png"})["data"]))
