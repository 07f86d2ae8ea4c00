"""tsnap report as people use it: report_test.py CASE TOOL MAKE_SNAPSHOT SOURCES

The traces are those of sample_trace.py. A page is read as a program would read it, and looked at with Chromium where that is
installed; exit code 77 skips a case that this machine cannot run.
"""

import html.parser
import json
import pathlib
import random
import re
import shutil
import subprocess
import sys

import sample_trace
from cli_test import Skip, case, main

MIB = 1 << 20
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


class Page(html.parser.HTMLParser):
    """What a browser would see of a page before its script runs."""

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.elements, self.texts, self.open = [], {}, []
        self.feed(text)
        self.close()
        self.numbers = json.loads(self.texts["script#numbers"])

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        self.elements.append((tag, attrs))
        self.open.append(tag + ("#" + attrs["id"] if "id" in attrs else ""))

    def handle_endtag(self, tag):
        self.open.pop()

    def handle_data(self, data):
        if self.open:
            self.texts[self.open[-1]] = self.texts.get(self.open[-1], "") + data


def report_of(world, trace, name="trace.json"):
    """The page of a trace, which is given as a value or as text."""
    source = world.folder / name
    if isinstance(trace, dict):
        sample_trace.write(source, trace)
    else:
        source.write_bytes(trace if isinstance(trace, bytes) else trace.encode())
    output = world.folder / "page.html"
    said = world.out("report", str(source), "-o", str(output))
    assert said.startswith(str(output)) and said.count("\n") == 1, said
    return Page(output.read_text(encoding="utf-8"))


def events_of(trace, cat, **wanted):
    return [e for e in trace["traceEvents"] if e.get("cat") == cat and all(e[k] == v for k, v in wanted.items())]


@case
def report_of_a_trace_has_lanes_operations_balance_and_objects(world):
    trace = sample_trace.sample(4, 3)
    numbers = report_of(world, trace).numbers
    assert (numbers["kind"], numbers["ranks"], numbers["version"]) == ("trace", 4, "0.1.0"), numbers
    assert numbers["unknown_events"] == 0 and numbers["dropped_spans"] == 0

    timeline = numbers["timeline"]
    assert timeline["exact"] and [(lane["first"], lane["count"]) for lane in timeline["lanes"]] == [(r, 1) for r in range(4)]
    spans = [e for cat in ("transfer", "wait", "phase") for e in events_of(trace, cat)]
    assert sum(len(lane["spans"]) for lane in timeline["lanes"]) == 6 * len(spans)
    assert set(timeline["bandwidth"]) == {"stage", "write", "read"}
    for key, rates in timeline["bandwidth"].items():
        edges = timeline["edges"]
        drawn = sum(rate * (edges[i + 1] - edges[i]) / 1e6 for i, rate in enumerate(rates))
        moved = sum(e["args"]["bytes"] for e in events_of(trace, "transfer", name=key))
        assert abs(drawn - moved) < 0.01 * moved, (key, drawn, moved)

    operations = numbers["operations"]
    assert (operations["count"], operations["failed"]) == (3, 1)
    restored, taken, failed = operations["shown"]
    assert [o["name"] for o in operations["shown"]] == ["restore", "take_async", "take_async"]
    assert (taken["status"], failed["status"], taken["url"]) == ("TSNAP_OK", "TSNAP_E_NO_SPACE", "run/step-000200")
    for operation in operations["shown"]:
        own = [e for e in events_of(trace, "operation") if e["args"]["number"] == operation["number"]]
        assert operation["bytes"] == sum(e["args"]["bytes"] for e in own) and operation["ranks"] == 4
        assert abs(operation["longest"] - max(e["dur"] for e in own)) < 0.01
    write = next(phase for phase in taken["phases"] if phase["name"] == "write")
    own = [e for e in events_of(trace, "phase", name="write") if e["args"]["operation"] == 2]
    assert write["longest_rank"] == 2 and abs(write["mean"] - sum(e["dur"] for e in own) / 4) < 0.01
    assert restored["phases"][-1]["name"] == "loaded" and taken["wait_ranks"] > taken["wait_memory"] > 0

    balance = numbers["balance"]
    of_ranks = [sum(e["args"]["bytes"] for e in events_of(trace, "operation", pid=rank)) for rank in range(4)]
    assert balance["bytes"]["mean"] == of_ranks and balance["bytes"]["largest_rank"] == 3
    assert balance["seconds"]["largest_rank"] == 2 and min(balance["seconds"]["parts"]["wait"]) > 0

    largest = numbers["objects"][0]
    per_rank = [e["args"]["objects"][0]["bytes"] for e in events_of(trace, "objects") if e["args"]["operation"] == 2]
    assert (largest["path"], largest["bytes"]) == ("fluid/density", sum(per_rank)), largest
    assert "3/particles/position" in [o["path"] for o in numbers["objects"]]


@case
def report_of_many_ranks_stays_small(world):
    page = report_of(world, sample_trace.sample(2000, 3))
    assert (world.folder / "page.html").stat().st_size < 2 * MIB
    timeline = page.numbers["timeline"]
    assert not timeline["exact"] and 20 <= len(timeline["lanes"]) <= 64
    lanes = timeline["lanes"]
    assert sum(lane["count"] for lane in lanes) == 2000 and lanes[1]["first"] == lanes[0]["count"] == timeline["ranks_a_lane"]
    bins = len(timeline["edges"]) - 1
    assert all(len(levels) == bins for lane in lanes for levels in lane["levels"].values())
    assert {"stage", "write", "read", "verify", "wait_ranks", "wait_memory"} == set(lanes[0]["levels"])
    assert page.numbers["balance"]["seconds"]["largest_rank"] == 1000
    # Many spans of few ranks, and takes that are far apart, neither.
    busy = sample_trace.sample(8, 40, pieces=200, compute=60_000_000)
    page = report_of(world, busy)
    assert (world.folder / "page.html").stat().st_size < 2 * MIB
    timeline = page.numbers["timeline"]
    assert not timeline["exact"] and len(timeline["lanes"]) == 8 and page.numbers["operations"]["count"] == 40
    widths = sorted(b - a for a, b in zip(timeline["edges"], timeline["edges"][1:]))
    assert widths[len(widths) // 2] < 20_000 and widths[-1] > 50_000_000   # fine where something happens


@case
def report_of_a_snapshot_tells_sizes_and_writers(world):
    output = world.folder / "page.html"
    world.make("large").out("report", world.url, "--output", str(output))
    page = Page(output.read_text(encoding="utf-8"))
    numbers, info = page.numbers, json.loads(world.out("info", "--json", world.url))
    assert (numbers["kind"], numbers["id"], numbers["ranks"]) == ("snapshot", info["id"], 1)
    assert [numbers[k] for k in ("bytes", "stored_bytes", "objects")] == [info["bytes"], info["stored_bytes"], info["object_count"]]
    assert numbers["metadata"] == '{"case": "cli"}' and numbers["files"] == len(world.data_files())
    objects = json.loads(world.out("ls", "--json", world.url))
    for name, member in (("kinds", "kind"), ("elements", "dtype")):
        for row in numbers[name]:
            chosen = [o for o in objects if o.get(member) == row["name"] or row["name"] == o["type"] + " value"]
            assert (row["count"], row["bytes"]) == (len(chosen), sum(o["bytes"] for o in chosen)), row
    assert numbers["largest"][0]["path"] == "large" and numbers["largest"][0]["shape"] == "3x400x1000"
    cube = next(o for o in numbers["largest"] if o["path"] == "grid/cube")   # private, without its rank
    assert (cube["kind"], cube["ranks"]) == ("private", 1)
    assert numbers["writers"]["bytes"]["mean"] == [info["stored_bytes"]]
    assert sum(codec["stored_bytes"] for codec in numbers["codecs"]) == info["stored_bytes"]


@case
def report_needs_nothing_but_itself(world):
    text = (world.folder / "page.html")
    page = report_of(world, sample_trace.sample(2, 2))
    for tag, attrs in page.elements:
        assert not {"src", "srcset", "action", "background"} & set(attrs), (tag, attrs)
        assert tag != "link" or attrs["href"] == "data:,", attrs
        assert tag in ("html", "head", "meta", "link", "title", "style", "body", "main", "noscript", "p", "div", "script"), tag
    policy = next(a["content"] for t, a in page.elements if t == "meta" and a.get("http-equiv") == "Content-Security-Policy")
    assert "default-src 'none'" in policy
    urls = set(re.findall(r"https?://[\w./]+", text.read_text(encoding="utf-8")))
    assert urls == {"http://www.w3.org/2000/svg"}, urls   # a name, which nobody fetches
    assert "@import" not in page.texts["style"] and "url(" not in page.texts["style"]


HOSTILE = ["</script><script>document.title='owned'</script>", "<img src=x onerror=\"document.title='owned'\">", "<!--<script>", "]]>",
           "'\"`${1+1}", "a\u2028b\u202egnp.exe", "\x1b[31mred\x7f\x00", "&lt;b&gt;", "x" * 4096]


def hostile_trace():
    trace = sample_trace.sample(2, 2)
    for i, event in enumerate(trace["traceEvents"]):
        if event.get("cat") == "operation":
            event["name"], event["args"]["url"] = HOSTILE[i % 3][:64], HOSTILE[i % len(HOSTILE)]
            event["args"]["status"] = HOSTILE[1][:64]
        if event.get("cat") == "phase":
            event["name"] = HOSTILE[i % 6][:64]
        if event.get("cat") == "objects":
            event["args"]["objects"] = [{"path": text, "bytes": 1000 + k} for k, text in enumerate(HOSTILE)]
    trace["otherData"]["version"] = HOSTILE[0][:64]
    return trace


@case
def report_shows_hostile_text_as_text(world):
    page = report_of(world, hostile_trace(), name="<b>&amp;\"'.json")
    assert [tag for tag, _ in page.elements].count("script") == 2
    assert page.texts["title"] == f"{world.folder}/<b>&amp;\"'.json - tsnap report", page.texts["title"]
    paths = [o["path"] for o in page.numbers["objects"]]
    assert HOSTILE[0] in paths and "\\x1b[31mred\\x7f\\x00" in paths, paths
    raw = (world.folder / "page.html").read_text(encoding="utf-8").split('id="numbers">')[1].split("</script>")[0]
    assert "<" not in raw and ">" not in raw and json.loads(raw) == page.numbers
    world.make()
    text = world.out("report", world.url, "-o", "-")
    assert "\x1b" not in text and Page(text).numbers["kind"] == "snapshot"


def bad_traces():
    """A trace that is no good, and what is said of it."""
    def event(**changes):
        sound = {"ph": "X", "cat": "transfer", "name": "write", "pid": 0, "tid": 2, "ts": 1, "dur": 2, "args": {"operation": 1}}
        sound.update(changes)
        return json.dumps({"otherData": {"tool": "tsnap", "ranks": 2}, "traceEvents": [
            {"ph": "M", "name": "process_name", "pid": 0, "tid": 0, "args": {"name": "rank 0"}}, sound]})

    def operation(**args):
        full = {"number": 1, "url": "u", "status": "TSNAP_OK", "bytes": 1, "stored_bytes": 1}
        full.update(args)
        return event(cat="operation", name="take", args={k: v for k, v in full.items() if v is not None})

    yield "", "cut off"
    yield "   \n", "cut off"
    yield "{", "cut off"
    yield '{"traceEvents":[', "cut off"
    yield "no json at all", "byte 2"
    yield "[]", "list"
    yield "7", "single value"
    yield "{}", "traceEvents"
    yield '{"traceEvents":{}}', "traceEvents"
    yield '{"traceEvents":3}', "traceEvents"
    yield '{"traceEvents":[]}', "TSNAP_TRACE"
    yield '{"traceEvents":[],"traceEvents":[]}', "twice"
    yield '{"traceEvents":[7]}', "event 0"
    yield '{"traceEvents":[[]]}', "event 0"
    yield '{"traceEvents":[{}]}', '"ph"'
    yield '{"traceEvents":[{"ph":"M"}]}', "TSNAP_TRACE"
    yield '{"traceEvents":[]} x', "byte 20"
    yield '{"traceEvents":[{"ph":"M","args":' + "[" * 100_000, "deeper"
    yield '{"a":' * 100_000, "deeper"
    yield b'{"traceEvents":[{"ph":"\xff"}]}', "byte 24"
    yield b"\x00" * 1000, "byte 1"
    yield '{"otherData":{"tool":"tsnap","ranks":-1},"traceEvents":[]}', '"ranks"'
    yield '{"otherData":{"tool":"tsnap","ranks":1e18},"traceEvents":[]}', '"ranks"'
    yield '{"otherData":{"tool":"tsnap","ranks":"many"},"traceEvents":[]}', '"ranks"'
    yield '{"otherData":{"tool":"tsnap","dropped_spans":-7},"traceEvents":[]}', '"dropped_spans"'
    yield '{"otherData":{"tool":"tsnap","version":"' + "v" * 100 + '"},"traceEvents":[]}', '"version"'
    yield event(pid=2), "rank 2"
    for member, values in (("pid", (-1, 1.5, 10**12, "0", None, [0])), ("ts", (-1, "1", None, {}, 1e300)),
                           ("dur", (-0.5, "2", True, 1e300)), ("name", (7, None, "x" * 1000)), ("ph", (1, None, ["X"]))):
        for value in values:
            yield event(**{member: value}), f'event 1 of "traceEvents": "{member}"'
    for args in ({"operation": -1}, {"operation": "1"}, {"operation": 1, "bytes": -1}, {"operation": 1, "bytes": "all"},
                 {"operation": 1, "bytes": 2**63}, {"operation": 1, "bytes": 1e300}):
        yield event(args=args), "event 1"
    for args in ({"number": None}, {"number": -3}, {"url": None}, {"url": 7}, {"url": "u" * 9000}, {"status": None}, {"status": {}},
                 {"stored_bytes": -1}, {"stored_bytes": 0.5}):
        yield operation(**args), f'event 1 of "traceEvents": '
    for objects in ([{"path": 7, "bytes": 1}], [{"bytes": 1}], [{"path": "p", "bytes": "x"}], [7], [[]], [{"path": "p" * 9000}],
                    [{"path": "p", "bytes": 1}] * 1001):
        yield event(ph="i", cat="objects", args={"operation": 1, "objects": objects}), "event 1"
    yield json.dumps({"traceEvents": [{"ph": "X", "cat": "phase", "name": f"p{i}", "pid": 0, "ts": 0, "dur": 1} for i in range(65)]}), "event 64"
    yield event().replace('"ts": 1', '"ts": 1e999'), "byte"


@case
def report_refuses_bad_traces_and_says_where(world):
    source, output = world.folder / "bad\x1b.json", world.folder / "page.html"
    for text, says in bad_traces():
        source.write_bytes(text if isinstance(text, bytes) else text.encode())
        done = world.refused(1, "report", str(source), "-o", str(output), says="bad\\x1b.json: ")
        assert says in done.stderr and len(done.stderr) < 1000, (text[:200], says, done.stderr)
        assert "\x1b" not in done.stderr and not output.exists() and done.stdout == ""
    world.refused(1, "report", str(world.folder / "nothing"), "-o", str(output), says="nothing")
    world.make().refused(1, "report", world.url + "/tsnap.json", "-o", str(output), says="no trace")


@case
def report_reads_what_other_tools_write_back(world):
    """Whole numbers as floating-point ones, events of others, members in another order, lists and objects where none are wanted."""
    trace = sample_trace.sample(2, 2)
    expected = report_of(world, trace).numbers
    for event in trace["traceEvents"]:
        event["pid"], event["more"] = float(event["pid"]), {"deep": [[{"ts": "x"}]]}
    trace["traceEvents"] += [{"ph": "X", "cat": "v8", "name": 7, "pid": "browser", "ts": "x"}, {"ph": "C", "name": "counter"},
                             {"ph": "X", "cat": "transfer", "name": "teleport", "pid": 0, "ts": 0, "dur": 1}]
    other = {"otherData": trace["otherData"], "stackFrames": {"a": [1, {"b": None}]}, "traceEvents": trace["traceEvents"]}
    numbers = report_of(world, json.dumps(dict(reversed(other.items())), indent=1)).numbers
    assert numbers["unknown_events"] == 2
    for member in ("timeline", "operations", "balance", "objects"):
        assert numbers[member] == expected[member], member


@case
def report_of_a_truncated_or_damaged_trace_never_crashes(world):
    source, output = world.folder / "trace.json", str(world.folder / "page.html")
    whole = json.dumps(sample_trace.sample(2, 2, pieces=2)).encode()
    rng = random.Random(7)
    print("seed 7")
    for cut in [1, 2, 20, len(whole) - 1, len(whole) // 2] + [rng.randrange(len(whole)) for _ in range(40)]:
        source.write_bytes(whole[:cut])
        done = world.refused(1, "report", str(source), "-o", output, says="trace.json")
        assert f"it ends after {cut} bytes" in done.stderr and "cut off" in done.stderr, done.stderr
    for _ in range(150):
        damaged = bytearray(whole)
        for _ in range(rng.randrange(1, 6)):
            at = rng.randrange(len(damaged))
            damaged[at:at + rng.randrange(3)] = rng.choice([b"", b"9", b"-", b"e9", b"[", b"}", b'"', b"\x80", b"null", b"99999999999999999999"])
        source.write_bytes(damaged)
        done = world.run("report", str(source), "-o", output)
        assert done.returncode in (0, 1) and (done.returncode == 0) == (done.stderr == ""), done
        if done.returncode == 0:
            Page(pathlib.Path(output).read_text(encoding="utf-8"))


@case
def report_writes_where_it_is_told(world):
    trace = world.folder / "trace.json"
    sample_trace.write(trace, sample_trace.sample(2, 1))
    # Without --output: report.html, here, unless there is one.
    assert world.out("report", str(trace), cwd=world.folder).startswith("report.html: ")
    first = (world.folder / "report.html").read_bytes()
    done = world.run("report", str(trace), cwd=world.folder)
    assert done.returncode == 1 and "report.html is there already" in done.stderr and "--output" in done.stderr, done
    assert (world.folder / "report.html").read_bytes() == first
    # What is named is overwritten, but never the trace itself.
    (world.folder / "old.html").write_text("x" * (4 * MIB))
    world.out("report", str(trace), "-o", str(world.folder / "old.html"))
    assert (world.folder / "old.html").read_bytes() == first
    before = trace.read_bytes()
    world.refused(1, "report", str(trace), "-o", str(trace), says="what the report is of")
    (world.folder / "link.html").symlink_to(trace)
    world.refused(1, "report", str(trace), "-o", str(world.folder / "link.html"), says="what the report is of")
    assert trace.read_bytes() == before
    assert world.out("report", str(trace), "-o", "-").encode() == first
    # The same page every time, also from a pipe.
    piped = subprocess.run([world.tool, "report", "/dev/stdin", "-o", "-"], input=before, capture_output=True, timeout=60)
    assert piped.returncode == 0 and len(piped.stdout) == len(first) - len(f"{trace}") * 2 + 2 * len("/dev/stdin"), piped.stderr
    # What cannot be written is told, and leaves no half of a page.
    world.refused(1, "report", str(trace), "-o", str(world.folder / "no" / "page.html"), says="page.html")
    world.refused(1, "report", str(trace), "-o", str(world.folder), says="writing")
    world.refused(1, "report", str(trace), "-o", "/dev/full", says="/dev/full")
    world.refused(2, "report")
    world.refused(2, "report", str(trace), "more")


# --- in a browser -----------------------------------------------------------------------------

# Without a screen there need not be frames: timers do as well.
FRAMES = """<script>window.requestAnimationFrame = (draw) => setTimeout(draw, 16);</script>
<main"""

# What a reader does with the page, and what it says then.
ACTIONS = """
<script>
window.addEventListener("load", () => setTimeout(async () => {
  const seen = {}, later = () => new Promise((done) => setTimeout(done, 100));
  const point = (svg, x, y, kind, more) => {
    const box = svg.getBoundingClientRect();
    svg.dispatchEvent(new PointerEvent(kind, Object.assign({clientX: box.left + x * box.width, clientY: box.top + y, bubbles: true, pointerId: 1, button: 0}, more)));
  };
  const outline = () => Array.from(document.querySelectorAll(".lane path"), (path) => path.getAttribute("d")).join();
  seen.title = document.title;
  seen.lanes = Array.from(document.querySelectorAll(".lane"), (lane) => lane.getAttribute("data-first")).join();
  seen.wide = document.documentElement.scrollWidth <= innerWidth;
  const body = document.querySelector(".lanes svg"), tip = document.getElementById("tip");
  if (body) {
    await later();
    const before = outline();
    const tips = new Set();
    for (let x = 0.08; x < 1; x += 0.01) {
      for (let y = 5; y < Math.min(220, body.getBoundingClientRect().height); y += 4) {
        point(body, x, y, "pointermove");
        if (!tip.hidden) tips.add(tip.textContent);
      }
    }
    seen.tips = Array.from(tips).join("\\n");
    document.querySelector('button[title="Zoom in"]').click();
    await later();
    seen.zoomed = outline() !== before;
    document.querySelectorAll("tr.operation button")[1].click();
    await later();
    seen.window = document.querySelector(".buttons span").textContent;
    document.querySelector(".buttons button:last-child").click();
    await later();
    seen.restored = outline() === before;
  }
  const row = document.querySelector("tr.operation button");
  if (row) { row.click(); seen.detail = !document.querySelector("tr.detail").hidden; }
  document.body.append(Object.assign(document.createElement("pre"), {id: "seen", textContent: JSON.stringify(seen)}));
}, 50));
</script>
</body>"""


def browse(world, page, name="browsed"):
    """The page after its script has run and a reader has clicked through it: the DOM, and what was seen."""
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None:
        raise Skip("no Chromium is installed to look at the page with")
    copy = world.folder / f"{name}.html"
    text = page.read_text(encoding="utf-8").replace("<main", FRAMES, 1).replace("</body>", ACTIONS)
    copy.write_text(text, encoding="utf-8")
    done = subprocess.run([browser, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
                           "--disable-background-networking", "--disable-component-update", "--disable-sync", "--enable-logging=stderr",
                           f"--user-data-dir={world.folder / (name + '.profile')}", "--window-size=1280,1000",
                           "--virtual-time-budget=10000", "--dump-dom", copy.as_uri()], capture_output=True, text=True, timeout=100)
    said = [line for line in done.stderr.splitlines() if "CONSOLE" in line]
    assert done.returncode == 0 and not said, (done.returncode, said, done.stderr[-2000:])
    found = re.search(r'<pre id="seen">(.*?)</pre>', done.stdout, re.S)
    assert found, done.stdout[-3000:]
    return done.stdout, json.loads(html.unescape(found[1]))


@case
def browser_draws_the_report_of_a_trace(world):
    report_of(world, sample_trace.sample(4, 3))
    dom, seen = browse(world, world.folder / "page.html")
    assert seen["lanes"] == "0,1,2,3" and seen["wide"] and seen["zoomed"] and seen["restored"] and seen["detail"], seen
    for text in ("rank 2 at ", "writing: ", "staging: ", "reading: ", "waiting for ranks: ", "phase write: ", "MiB/s"):
        assert text in seen["tips"], (text, seen["tips"][:2000])
    assert re.fullmatch(r"\S+ \S+ \u2013 \S+ \S+", seen["window"]), seen["window"]
    for section in ("timeline", "operations", "balance", "objects"):
        assert f'<section id="{section}">' in dom, section
    assert "TSNAP_E_NO_SPACE" in dom and "fluid/density" in dom and dom.count('class="load"') == 8
    assert dom.count('class="curve ') == 3 and "NaN" not in dom.split('id="numbers"')[0] and "undefined" not in dom.split('id="numbers"')[0]


@case
def browser_draws_the_report_of_many_ranks(world):
    report_of(world, sample_trace.sample(2000, 3))
    dom, seen = browse(world, world.folder / "page.html")
    assert 20 <= len(seen["lanes"].split(",")) <= 64 and seen["zoomed"] and seen["restored"], seen
    assert "ranks 0\u201339 at" in seen["tips"] and "% of the ranks" in seen["tips"], seen["tips"][:2000]
    assert "max/mean" in dom and "neighbouring ranks" in dom and "NaN" not in dom.split('id="numbers"')[0]


@case
def browser_draws_odd_reports(world):
    """Hostile text stays text, a trace without spans and snapshots have pages without a mistake."""
    report_of(world, hostile_trace())
    dom, seen = browse(world, world.folder / "page.html", "hostile")
    assert seen["title"].endswith(" - tsnap report") and "<img" not in dom, seen["title"]
    report_of(world, sample_trace.sample(3, 4, compute=-60000))   # takes in the background that overlap
    dom, seen = browse(world, world.folder / "page.html", "overlapping")
    boxes = re.findall(r'<rect [^>]*?y="(\d+)"', dom.split('<g class="operations">')[1].split("</g>")[0])
    assert len(boxes) == 4 and len(set(boxes)) == 3, boxes
    nothing = {"otherData": {"tool": "tsnap", "ranks": 3}, "traceEvents": []}
    report_of(world, nothing)
    dom, seen = browse(world, world.folder / "page.html", "nothing")
    assert "no take and no restore ran" in dom and seen["lanes"] == "", seen
    at_once = {"traceEvents": [{"ph": "X", "cat": "transfer", "name": "write", "pid": 0, "ts": 5, "dur": 0, "args": {"bytes": 7}},
                               {"ph": "X", "cat": "transfer", "name": "read", "pid": 0, "ts": 1e16, "dur": 1e16, "args": {"operation": 1}}]}
    report_of(world, at_once)
    dom, seen = browse(world, world.folder / "page.html", "at_once")
    assert seen["lanes"] == "0" and "NaN" not in dom.split('id="numbers"')[0], seen
    world.make("large").out("report", world.url, "-o", str(world.folder / "page.html"))
    dom, seen = browse(world, world.folder / "page.html", "snapshot")
    for text in ("TSNAP_TRACE=trace.json", "3 \u00d7 400 \u00d7 1000", 'id="kinds"', 'id="elements"', 'id="compression"', 'class="load"'):
        assert text in dom, text
    assert seen["wide"] and "undefined" not in dom.split('id="numbers"')[0]


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
