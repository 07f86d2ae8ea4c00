"""Snapshots for people: trees as text and HTML, sizes, one line about an array."""

from __future__ import annotations

from html import escape
from typing import Iterable, Optional


def size_text(size: float) -> str:
    """Bytes in a unit that reads well: "1.5 MiB"."""
    if size < 1024:
        return f"{size:.0f} bytes"
    for unit in ("KiB", "MiB", "GiB", "TiB", "PiB"):
        size /= 1024
        if size < 1024 or unit == "PiB":
            break
    return f"{size:.1f} {unit}"


def array_text(info) -> str:
    return f"{info.dtype} {info.shape}, {info.kind}, {size_text(info.bytes)}"


def object_text(info) -> str:
    if info.type == "array":
        return array_text(info)
    return f"{info.type}, {info.kind}" + (f", {size_text(info.bytes)}" if info.type in ("string", "bytes") else "")


def array_html(array) -> str:
    if not array._snapshot._handle:
        return escape(repr(array))
    rows = [("dtype", array.info.dtype), ("shape", array.shape), ("kind", array.kind), ("bytes", size_text(array.info.bytes)),
            ("stored", size_text(array.info.stored_bytes)), *array.attrs.items()]
    cells = "".join(f"<tr><th>{escape(str(name))}</th><td>{escape(str(value))}</td></tr>" for name, value in rows)
    return f"<table><caption>{escape(array.path)}</caption>{cells}</table>"


class Tree:
    """Objects as a tree: str() and print() give text, a notebook shows folders that open."""

    def __init__(self, title: str, objects: Iterable, count: int, skip: int, depth: Optional[int], limit: int):
        if depth is not None and depth < 1:
            raise ValueError(f"depth is how many levels to show, 1 or more, not {depth}")
        self._title = title
        self._root: dict = {}
        self._more = 0
        shown = 0
        for place, info in enumerate(objects):
            if shown >= limit:
                self._more = count - place
                break
            parts = info.path[skip:].split("/")
            text = object_text(info)
            if depth is not None and len(parts) > depth:
                parts, text = parts[:depth], "..."
            node = self._root
            for part in parts[:-1]:
                node = node.setdefault(part, {})
            shown += parts[-1] not in node
            node[parts[-1]] = text

    def __str__(self):
        lines = [self._title]
        _draw(self._root, "", lines)
        if self._more:
            lines.append(f"... and {self._more} more objects")
        return "\n".join(lines)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        more = f"<p>... and {self._more} more objects</p>" if self._more else ""
        return f"<div><b>{escape(self._title)}</b>{_html(self._root)}{more}</div>"


def _draw(node, indent, lines):
    for place, (name, inner) in enumerate(node.items(), 1):
        last = place == len(node)
        branch = indent + ("└── " if last else "├── ")
        if isinstance(inner, dict):
            lines.append(f"{branch}{name}/")
            _draw(inner, indent + ("    " if last else "│   "), lines)
        else:
            lines.append(f"{branch}{name}  {inner}")


def _html(node):
    items = []
    for name, inner in node.items():
        if isinstance(inner, dict):
            items.append(f"<li><details open><summary>{escape(name)}/</summary>{_html(inner)}</details></li>")
        else:
            items.append(f"<li><code>{escape(name)}</code> {escape(inner)}</li>")
    return f"<ul>{''.join(items)}</ul>"
