"""Snapshots as xarray datasets, whose variables are read when they are used, and as far as they are."""

import unittest
from unittest import mock

import numpy as np

import places
import tsnap


class Xarray(unittest.TestCase):
    def test_variables_are_lazy_and_named_by_their_dims(self):
        url, field = places.fresh(), np.arange(60.0).reshape(5, 12)
        tsnap.take(url, {"fluid": {"density": field, "pressure": -field}, "plain": np.arange(3), "step": 4, "name": "x", "raw": b"1",
                         "point": np.float32(2)},
                   attributes={"fluid/density": {"dims": "y x", "units": "kg/m3"}, "fluid/pressure": {"dims": "y, x"}}, metadata="m")
        with tsnap.Snapshot(url) as snapshot:
            boxes = []
            read = type(snapshot)._read_box

            def watched(self, path, described, *how):
                boxes.append((path, tuple(described.shape[:described.ndim])))
                return read(self, path, described, *how)
            with mock.patch.object(type(snapshot), "_read_box", watched):
                data = snapshot.to_xarray()
                self.assertEqual(boxes, [])
                self.assertEqual(data["fluid/density"].dims, ("y", "x"))
                self.assertEqual(data["fluid/density"].attrs, {"units": "kg/m3"})
                part = data["fluid/density"].isel(x=slice(2, 8, 3), y=1)
                np.testing.assert_array_equal(part, field[1, 2:8:3])
                self.assertEqual(boxes, [("fluid/density", (1, 4))])
                np.testing.assert_array_equal(data["fluid/density"].isel(y=[3, 1]), field[[3, 1]])
                np.testing.assert_array_equal(data["fluid/density"] + data["fluid/pressure"], np.zeros((5, 12)))
            self.assertEqual((data["step"].item(), data["name"].item(), data["point"].item(), data["plain"].dims, "raw" in data, data.attrs["metadata"]),
                             (4, "x", 2, ("plain.0",), False, "m"))
            self.assertEqual(set(snapshot["fluid"].to_xarray()), {"density", "pressure"})

    def test_axes_of_one_name_and_two_lengths_are_told(self):
        url = places.fresh()
        tsnap.take(url, {"a": np.zeros(3), "b": np.zeros(4)}, attributes={"a": {"dims": "x"}, "b": {"dims": "x"}})
        with self.assertRaisesRegex(ValueError, 'b: its axis "x" has 4'):
            tsnap.Snapshot(url).to_xarray()


if __name__ == "__main__":
    places.main()
