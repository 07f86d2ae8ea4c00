"""Registers a tree of Python values (dicts, lists, arrays, numbers, objects with state_dict) in a state, and collects it again.

A plain tree keeps its shape: what is stored are its leaves, under their paths, and nothing else, so that C and Fortran
programs can restore them. A state_dict may change its shape between take and restore; so its form is stored too (form.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Callable, NamedTuple, Optional

import numpy as np

from . import abi, form, memory
from .markers import Private, Replicated, Rng, Sharded
from .peek import Peek
from .state import State, whole


class Node(NamedTuple):
    """A registered value. `collect()` gives it after a restore: containers are changed in place. `form`: see form.py."""

    collect: Callable[[], Any]
    form: list


def is_stateful(value) -> bool:
    return callable(getattr(value, "state_dict", None)) and callable(getattr(value, "load_state_dict", None))


# NumPy's own numbers that are scalars in C as well; others are arrays without axes.
SCALARS = (np.int64, np.float64, np.bool_)


class Registrar:
    """Registers values in one state. `peek` is what the snapshot to be restored holds; None at a take."""

    def __init__(self, state: State, peek: Optional[Peek] = None, prefix: str = "", loose: bool = False):
        self._state, self._peek, self._prefix, self._loose = state, peek, prefix, loose
        self._inside: set = set()

    def add_root(self, tree: Any, kind: int) -> Node:
        """The whole of a plain tree."""
        if not isinstance(tree, Mapping):
            hint = f': give {{"model": {type(tree).__name__.lower()}}}' if is_stateful(tree) else ""
            raise TypeError(f"a state is a dict of named values or a tsnap.State, not {type(tree).__name__}{hint}")
        return self._container(tree, "", kind, self._mapping)

    def add(self, value: Any, path: str, kind: int) -> Node:
        if isinstance(value, (Replicated, Private)):
            node = self.add(value.value, path, abi.REPLICATED if isinstance(value, Replicated) else abi.PRIVATE)

            def unwrap():
                value.value = node.collect()
                return value
            return Node(unwrap, node.form)
        if isinstance(value, Sharded):
            self._state.add_sharded(path, value.global_shape, value.parts, coverage=value.coverage, fill=value.fill)
            return Node(lambda: value, ["sharded"])
        if isinstance(value, Rng):
            self._state.add_rng(path, value.value, kind)
            return Node(lambda: value, ["rng"])
        if memory.is_array(value):
            self._array(path, value, kind)
            return Node(lambda: value, form.of_array(memory.locate(value, path), memory.is_tensor(value)))
        if isinstance(value, (str, bytes, bytearray, form.Room)):
            return self._text(value, path, kind)
        if isinstance(value, (np.generic, complex)) and not isinstance(value, SCALARS):
            array = np.array(value)
            self._array(path, array, kind)
            if type(value) is complex:
                return Node(lambda: complex(array[()]), ["complex"])
            return Node(lambda: array[()], ["scalar", *form.of_array(memory.locate(array, path), False)[2:]])
        if isinstance(value, (bool, int, float, *SCALARS)):
            return self._number(value, path, kind)
        if is_stateful(value):
            return self._stateful(value, path, kind)
        if isinstance(value, Mapping):
            return self._container(value, path, kind, self._mapping)
        if isinstance(value, (list, tuple)):
            return self._container(value, path, kind, self._sequence)
        if value is None and self._loose:
            return Node(lambda: None, ["none"])
        raise TypeError(f"{self._prefix}{path}: a {type(value).__name__} cannot be stored; give numbers, texts, bytes, arrays, dicts and "
                        "lists of these, or an object with state_dict() and load_state_dict()")

    def _array(self, path, value, kind):
        (self._state.add_replicated if kind == abi.REPLICATED else self._state.add_private)(path, value)

    def _number(self, value, path, kind):
        if isinstance(value, (bool, np.bool_)):
            cell, name = self._state.add_bool(path, value, kind), "bool"
        elif isinstance(value, (int, np.int64)):
            if self._loose and not -2**63 <= value < 2**63:
                return Node(lambda: value, ["big", str(int(value))])
            cell, name = self._state.add_int64(path, whole(f"{self._prefix}{path}")(value), kind), "int"
        else:
            cell, name = self._state.add_float64(path, value, kind), "float"
        if type(value) in (bool, int, float):
            return Node(lambda: cell.value, [name])
        kind_of_number = [name] if not isinstance(value, np.generic) else ["scalar", value.dtype.name, value.itemsize, None]
        return Node(lambda: type(value)(cell.value), kind_of_number)  # NumPy's numbers, and an IntEnum, stay what they are

    def _text(self, value, path, kind):
        text = value.text if isinstance(value, form.Room) else isinstance(value, str)
        size = value.size if isinstance(value, form.Room) else len(value.encode()) if text else len(value)
        here = ("" if text else b"") if isinstance(value, form.Room) else value
        room = size
        if self._peek is not None and not isinstance(value, form.Room):
            room = max(size, self._peek.size_of(self._prefix + path, kind) or 0)
        if text:
            cell = self._state.add_string(path, here, kind, capacity=room)
            return Node(lambda: cell.value, ["str", size])
        cell = self._state.add_bytes(path, bytes(here), kind, capacity=room)
        if isinstance(value, bytearray) or (isinstance(value, form.Room) and value.mutable):
            target = value if isinstance(value, bytearray) else bytearray()

            def collect():
                target[:] = cell.value
                return target
            return Node(collect, ["bytearray", size])
        return Node(lambda: cell.value, ["bytes", size])

    def _container(self, value, path, kind, register):
        if id(value) in self._inside:
            raise ValueError(f"{self._prefix}{path}: the {type(value).__name__} contains itself")
        self._inside.add(id(value))
        try:
            return register(value, f"{path}/" if path else "", kind)
        finally:
            self._inside.discard(id(value))

    def _mapping(self, value, path, kind):
        parts, nodes = form.Parts(), {}
        for key, item in value.items():
            if not isinstance(key, (str, int) if self._loose else str) or isinstance(key, bool):
                raise TypeError(f"{self._prefix}{path}: the key {key!r} is no text")
            nodes[key] = self.add(item, path + (parts.of(key) if self._loose else key), kind)

        def collect():
            for key, node in nodes.items():
                new = node.collect()
                if new is not value[key]:
                    value[key] = new
            return value
        return Node(collect, ["dict", [[key, node.form] for key, node in nodes.items()]])

    def _sequence(self, value, path, kind):
        nodes = [self.add(item, f"{path}{index}", kind) for index, item in enumerate(value)]

        def collect():
            new = [node.collect() for node in nodes]
            if isinstance(value, list):
                value[:] = new
                return value
            if all(one is other for one, other in zip(new, value)):
                return value
            return type(value)._make(new) if hasattr(value, "_make") else tuple(new)
        return Node(collect, ["list" if isinstance(value, list) else "tuple", [node.form for node in nodes]])

    def _stateful(self, value, path, kind):
        if self._loose:
            raise TypeError(f"{self._prefix}{path}: a state_dict cannot hold another object with state_dict(); call it there")
        full = self._prefix + path
        held = {}

        def describe(child):
            contents = value.state_dict()
            text = self._peek.text_of(f"{path}/{form.FILE}", kind) if self._peek is not None else None
            if text is not None:
                contents = form.merge(form.parse(text, full), contents, full)
            # A snapshot of another program has no form: then state_dict() says what there is.
            inner = Registrar(child, self._peek, f"{full}/", loose=True)
            held["node"] = inner.add(contents, "contents" if not isinstance(contents, Mapping) else "", kind)
            if self._peek is None:
                child.add_string(form.FILE, form.dump(held["node"].form), kind)
            elif text is not None:
                child.add_string(form.FILE, text, kind)

        def loaded():
            value.load_state_dict(held["node"].collect())

        self._state.add_stateful(path, describe, loaded, held.clear)
        return Node(lambda: value, ["stateful"])
