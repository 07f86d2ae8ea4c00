#!/usr/bin/env python3
"""Lays out what the site is made of: the Markdown pages where they are in the repository, so that their links to each other hold;
what else they link to; pages that only the site has (docs/site/pages); and those that are made here: one for each public
header, and the manual pages.

    stage.py SOURCE_ROOT FOLDER
"""

import pathlib
import re
import shutil
import subprocess
import sys

LINK = re.compile(r"(\]\()([^)\s]+)(\))")
FENCE = re.compile(r"^```.*?^```$", re.M | re.S)
# Pages of bindings are there when the bindings are.
BINDINGS = ("cpp", "fortran", "python")

HEADER_PAGE = """{title}
{line}

"""
# What a header has, in the order in which it is read.
HEADER_PARTS = ("briefdescription detaileddescription", "func", "innerclass typedef", "enum", "define")
HEADER_PART = """.. doxygenfile:: {name}
   :project: tsnap
   :sections: {part}

"""

MANUAL_PAGE = """# {title}

```{{raw}} html
<div class="manual">
{html}
</div>
```
"""


def pages_of(source):
    """The Markdown pages that people read, by their place in the repository."""
    pages = ["README.md", "CHANGELOG.md"]
    pages += sorted(page.relative_to(source).as_posix() for page in (source / "docs").rglob("*.md")
                    if source / "docs/site" not in page.parents)
    return pages


def links_of(text):
    return [target for _, target, _ in LINK.findall(FENCE.sub("", text)) if not re.match(r"\w+:|#", target)]


def copy_page(source, folder, path, pages):
    """A page; its links to folders lead to their index, and those to other files get these copied."""
    text = (source / path).read_text(encoding="utf-8")
    for target in links_of(text):
        file = (source / path).parent / target.partition("#")[0]
        file = pathlib.Path(*file.parts).resolve().relative_to(source.resolve())
        if (source / file).is_dir():
            text = text.replace(f"]({target})", f"]({target.rstrip('/')}/index.md)")
        elif file.suffix == ".md":
            if file.as_posix() not in pages:
                pages.append(file.as_posix())
        elif (source / file).is_file():
            (folder / file).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source / file, folder / file)
    (folder / path).parent.mkdir(parents=True, exist_ok=True)
    (folder / path).write_text(text, encoding="utf-8")


def only_what_is_there(text, source):
    """Lines of a page of the site that name a binding which this tree does not have are left out."""
    for binding in BINDINGS:
        if not (source / "bindings" / binding).is_dir():
            text = re.sub(rf"^.*\b(?:docs|start)/{binding}\b.*\n", "", text, flags=re.M)
    return text


def header_pages(source, folder):
    rows = []
    for header in [source / "include/tsnap.h", *sorted((source / "include/tsnap").glob("*.h"))]:
        name = header.relative_to(source / "include").as_posix()
        page = name.replace("/", "-").removesuffix(".h")
        title = f"<{name}>"
        (folder / f"reference/{page}.rst").write_text(
            HEADER_PAGE.format(title=title, line="=" * len(title)) +
            "".join(HEADER_PART.format(name=header.name, part=part) for part in HEADER_PARTS), encoding="utf-8")
        about = re.match(r"/\*\s*(?:\* )?[\w.]+ - (.*?)[.:;](?:\s|$)", header.read_text(encoding="utf-8").replace("\n *", ""), re.S)
        rows.append(f"| [`<{name}>`]({page}.rst) | {' '.join(about[1].split())} |")
    index = folder / "reference/c.md"
    index.write_text(index.read_text(encoding="utf-8").replace("@HEADERS@", "\n".join(rows)), encoding="utf-8")


def manual_pages(source, folder):
    for manual in sorted((source / "docs/man").glob("*.[0-9]")):
        done = subprocess.run(["mandoc", "-Thtml", "-Ofragment", "-Werror,stop", str(manual)], capture_output=True, text=True, check=False)
        if done.returncode != 0:
            sys.exit(f"{manual.relative_to(source)}: {done.stderr}")
        # The site has headings of its own, and the page one title.
        html = re.sub(r'<table class="(?:head|foot)">.*?</table>', "", done.stdout, flags=re.S)
        html = re.sub(r"<(/?)h1\b", r"<\1h2", html)
        title = f"{manual.stem}({manual.suffix[1:]})"
        (folder / f"reference/{manual.name.replace('.', '-')}.md").write_text(
            MANUAL_PAGE.format(title=title, html=html), encoding="utf-8")


def main(source, folder):
    folder.mkdir(parents=True)
    for page in sorted((source / "docs/site/pages").rglob("*.md")):
        place = folder / page.relative_to(source / "docs/site/pages")
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(only_what_is_there(page.read_text(encoding="utf-8"), source), encoding="utf-8")
    pages = pages_of(source)
    for path in pages:   # grows while it is walked
        if not any(path in (f"docs/{binding}.md", f"docs/start/{binding}.md") and not (source / "bindings" / binding).is_dir()
                   for binding in BINDINGS):
            copy_page(source, folder, path, pages)
    shutil.copy(source / "docs/report.png", folder / "docs/report.png")
    header_pages(source, folder)
    manual_pages(source, folder)


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]).resolve(), pathlib.Path(sys.argv[2]))
