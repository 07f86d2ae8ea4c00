#!/usr/bin/env python3
"""The site builds without a warning, its links and anchors lead somewhere, the whole interface is in it, and every page can be read on a
phone (with Chromium, where it is installed).

    site.py SOURCE_ROOT [--keep FOLDER]     --keep: leaves the site there, with pictures of some pages

Exit status 77: this machine cannot build the site. Links to other machines are not followed.
"""

import html.parser
import pathlib
import re
import subprocess
import sys
import tempfile
import urllib.parse

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from browser import Browser, installed  # noqa: E402

PICTURES = ("index.html", "README.html", "docs/howto/amr.html", "reference/tsnap-restore.html", "docs/c-api.html", "reference/tsnap-1.html")


class Page(html.parser.HTMLParser):
    """The names on a page that links can lead to, and where its own links lead."""

    def __init__(self, file):
        super().__init__(convert_charrefs=True)
        self.anchors, self.links, self.texts = {""}, [], []
        self.feed(file.read_text(encoding="utf-8"))
        self.close()

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        self.anchors.update(filter(None, (attrs.get("id"), attrs.get("name") if tag == "a" else None)))
        self.links += [attrs[key] for key in ("href", "src", "action") if attrs.get(key)]

    handle_startendtag = handle_starttag

    def handle_data(self, data):
        self.texts.append(data)


def link_problems(site):
    """Links without an end, and pages that no link leads to."""
    pages = {file.relative_to(site).as_posix(): Page(file) for file in site.rglob("*.html")}
    problems, seen, waiting = [], {"index.html"}, ["index.html"]
    while waiting:
        name = waiting.pop()
        for link in pages[name].links:
            parts = urllib.parse.urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            path = urllib.parse.unquote(parts.path)
            file = ((site / name).parent / path).resolve() if path else site / name
            if not file.is_file() or site not in file.parents:
                problems.append(f"{name} links to {link}, which is not there")
                continue
            target = file.relative_to(site).as_posix()
            if target in pages:
                if urllib.parse.unquote(parts.fragment) not in pages[target].anchors:
                    problems.append(f"{name} links to {link}, and there is no such place on that page")
                if target not in seen:
                    seen.add(target)
                    waiting.append(target)
    return problems + [f"no link leads to {name}" for name in sorted(set(pages) - seen)]


def interface_problems(source, site):
    """Functions that are exported, structs, codes and constants of the headers that the reference does not show."""
    maps = "".join(file.read_text() for file in (source / "src").rglob("*.map"))
    headers = "".join(file.read_text() for file in (source / "include").rglob("*.h"))
    names = set(re.findall(r"\b(tsnap_\w+);", maps)) - set(re.findall(r"\b(tsnap_private_\w+);", maps))
    names |= set(re.findall(r"^typedef struct (tsnap_\w+)", headers, re.M))
    for body in re.findall(r"\benum \{(.*?)\}", headers, re.S):
        names |= set(re.findall(r"\b(TSNAP_\w+) =", body))
    names |= set(re.findall(r"^#define (TSNAP_\w+)(?!\w)(?<!_H_)(?<!TSNAP_API)", headers, re.M))
    problems, shown = [] if len(names) > 150 else ["names are not found"], set()
    for file in sorted((site / "reference").glob("tsnap*.html")):
        page = Page(file)
        shown |= {anchor.rpartition(".")[2] for anchor in page.anchors if anchor.startswith("c.")}
        if mark := re.search(r"[^\n]*(?:\\[<>%&\"]|\\&|@ref|`)[^\n]*", "".join(page.texts)):
            problems.append(f"{file.name} shows marks that were meant for Doxygen: {mark[0].strip()}")
    return problems + [f"the reference does not show {name}" for name in sorted(names - shown)]


def looks(site, profile, names, pictures=None):
    with Browser(profile) as browser:
        problems = [f"{name}: {problem}" for name in names for problem in browser.problems_of((site / name).as_uri())]
        for name in PICTURES if pictures else ():
            for dark in (False, True):
                picture = pictures / f"{name.replace('/', '-').removesuffix('.html')}{'-dark' if dark else ''}.png"
                browser.draw((site / name).as_uri(), picture, dark)
    return problems


def check_the_checker(folder):
    """A checker that finds nothing would always pass."""
    site = folder / "wrong"
    site.mkdir()
    (site / "lost.html").write_text("<p>nobody comes here")
    (site / "index.html").write_text(
        '<!doctype html><meta name="viewport" content="width=device-width"><a href="no.html">a</a><a href="#no">b</a><a href="other.html#no">c</a>'
        '<a href="other.html#yes">d</a>')
    (site / "other.html").write_text(
        '<!doctype html><meta name="viewport" content="width=device-width"><p id=yes style="font-size: 11px">small</p>'
        '<div style="overflow: hidden; width: 390px"><p style="width: 800px">' + "cut off " * 50 + '</p></div><pre style="overflow: auto">' +
        "may be long " * 50 + '</pre><script>console.error("no"); fetch("http://127.0.0.1:9/x").catch(() => 0); undefined.x</script>')
    (site / "wide.html").write_text('<!doctype html><meta name="viewport" content="width=device-width"><div style="width: 600px">x</div>')
    missed = {"no.html, which", "#no, and", "other.html#no, and", "no link leads to lost.html", "no link leads to wide.html"}
    found = link_problems(site)
    missed -= {text for text in missed for problem in found if text in problem}
    if len(found) != 5:
        missed.add(str(found))
    if installed():
        found = looks(site, folder / "wrong-profile", ("other.html", "wide.html", "index.html"))
        wanted = {"other.html: small: small", "other.html: cut off: cut off", "other.html: it fetches http://127.0.0.1:9/x", "other.html: a script failed",
                  "other.html: the console says: ['no']", "wide.html: wide"}
        missed |= {text for text in wanted if not any(problem.startswith(text) for problem in found)}
        if any("may be long" in problem or problem.startswith("index.html") for problem in found):
            missed.add(str(found))
    if missed:
        sys.exit(f"site.py does not see what it must: {sorted(missed)}")


def main(source, keep=None):
    with tempfile.TemporaryDirectory(prefix="tsnap-site.") as temporary:
        folder = pathlib.Path(temporary).resolve()
        check_the_checker(folder)
        site = pathlib.Path(keep).resolve() if keep else folder / "site"
        done = subprocess.run(["sh", str(source / "docs/site/build.sh"), str(site)], capture_output=True, text=True, check=False)
        if done.returncode != 0:
            print(done.stdout + done.stderr)
            return 77 if "cannot be built without" in done.stderr else 1
        names = sorted(file.relative_to(site).as_posix() for file in site.rglob("*.html"))
        problems = link_problems(site) + interface_problems(source, site)
        if installed():
            problems += looks(site, folder / "profile", names, site if keep else None)
        print(f"{len(names)} pages, " + ("looked at with " + installed() if installed() else "no Chromium is installed to look at them with"))
        print("\n".join(problems))
        return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(pathlib.Path(sys.argv[1]).resolve(), *sys.argv[3:4]))
