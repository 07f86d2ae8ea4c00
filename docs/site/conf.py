"""Sphinx's settings of the site; build.sh runs it."""

import os
import pathlib
import re

from pygments.formatters import HtmlFormatter

source = pathlib.Path(os.environ["TSNAP_SITE_SOURCE"])

project = "tsnap"
release = version = re.search(r"version: '([^']+)'", (source / "meson.build").read_text(encoding="utf-8"))[1]
extensions = ["myst_parser", "breathe"]
root_doc = "index"
exclude_patterns = []

myst_heading_anchors = 4
myst_update_mathjax = False
suppress_warnings = ["myst.header"]

breathe_projects = {"tsnap": os.environ["TSNAP_SITE_XML"]}
breathe_default_project = "tsnap"
breathe_domain_by_extension = {"h": "c"}
breathe_default_members = ("members", "undoc-members")

highlight_language = "none"

html_theme = "theme"
html_theme_path = ["."]
html_title = f"tsnap {version}"
html_copy_source = False
html_show_sourcelink = False
html_show_copyright = False


def add_dark_colours(app, _):
    """Code in the dark: the colours of another style, where the reader wishes it."""
    dark = HtmlFormatter(style="monokai").get_style_defs(".highlight")
    dark = re.sub(r"background(?:-color)?: [^;}]*;? ?", "", dark)
    with open(app.outdir + "/_static/pygments.css", "a", encoding="utf-8") as colours:
        colours.write("@media (prefers-color-scheme: dark) {\n.highlight span { color: inherit }\n" + dark + "\n}\n.highlight { background: none }\n")


def setup(app):
    app.connect("build-finished", add_dark_colours)
