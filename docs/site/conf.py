"""Sphinx's settings of the site; build.sh runs it."""

import os
import pathlib
import re

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
pygments_style = "default"
pygments_dark_style = "monokai"

html_theme = "furo"
html_title = f"tsnap {version}"
html_static_path = ["static"]
html_css_files = ["site.css"]
html_copy_source = False
html_show_sourcelink = False
html_show_copyright = False
html_use_index = True
html_last_updated_fmt = None
