"""Snapshots as xarray datasets: each array and number is a variable, read when it is used.

The names of an array's axes are its attribute "dims", separated by blanks or commas, where it has one that fits; else
"<path>.0", "<path>.1", ... Other attributes are the variable's.
"""

from __future__ import annotations

import re

import numpy as np
import xarray
from xarray.backends import BackendArray
from xarray.core import indexing


class _Lazy(BackendArray):
    def __init__(self, stored):
        self._stored, self.shape, self.dtype = stored, stored.shape, stored.dtype

    def __getitem__(self, key):
        return indexing.explicit_indexing_adapter(key, self.shape, indexing.IndexingSupport.BASIC, self._read)

    def _read(self, key):
        return np.asarray(self._stored[key])


def _axes(path, stored, attributes):
    names = [name for name in re.split(r"[\s,]+", attributes.get("dims", "")) if name]
    if len(names) == stored.ndim == len(set(names)):
        attributes.pop("dims", None)
        return names
    return [f"{path}.{axis}" for axis in range(stored.ndim)]


def dataset(objects) -> xarray.Dataset:
    """A dataset of a snapshot or a group of it, which must stay open as long as the dataset is used."""
    variables = {}
    for info in objects.objects():
        path = info.path[len(objects._prefix):]
        attributes = objects._snapshot.attributes(info.path)
        if info.type == "array":
            stored = objects[path]
            names = _axes(path, stored, attributes)
            variables[path] = xarray.Variable(names, indexing.LazilyIndexedArray(_Lazy(stored)), attributes)
        elif info.type != "bytes":
            variables[path] = xarray.Variable((), objects[path], attributes)
    lengths: dict = {}
    for path, variable in variables.items():
        for name, length in zip(variable.dims, variable.shape):
            if lengths.setdefault(name, length) != length:
                raise ValueError(f'{path}: its axis "{name}" has {length} elements, and another array\'s {lengths[name]}; '
                                 "take them with other \"dims\" attributes, or open each array alone")
    return xarray.Dataset(variables, attrs={"url": objects._snapshot.url, "metadata": objects._snapshot.metadata})
