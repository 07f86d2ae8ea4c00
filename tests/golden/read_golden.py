#!/usr/bin/env python3
"""Reads a snapshot with nothing but docs/format.md and Python's standard library (and h5py for HDF5 files): the proof that the page
suffices.

Usage: read_golden.py PLACE                 one line an object: name, kind, dtype, shape, SHA-256 of its values
       read_golden.py PLACE NAME            the values of one object, row-major, in this machine's byte order, to stdout
Private objects are named "<rank>/<path>". Every checksum on the way is verified. Compressed extents need a library that Python
does not bring along and are refused.
"""
import hashlib
import itertools
import json
import os
import struct
import sys

BLOCK = 262144
KINDS = {1: "private", 2: "replicated", 3: "sharded"}
# dtype number: name, bytes of an element, bytes of the unit whose byte order matters
DTYPES = {1: ("bool", 1, 1), 2: ("int8", 1, 1), 3: ("int16", 2, 2), 4: ("int32", 4, 4), 5: ("int64", 8, 8),
          6: ("uint8", 1, 1), 7: ("uint16", 2, 2), 8: ("uint32", 4, 4), 9: ("uint64", 8, 8),
          10: ("float8_e4m3", 1, 1), 11: ("float8_e5m2", 1, 1), 12: ("float16", 2, 2), 13: ("bfloat16", 2, 2),
          14: ("float32", 4, 4), 15: ("float64", 8, 8), 16: ("complex64", 8, 4), 17: ("complex128", 16, 8),
          18: ("opaque", 0, 1)}


def make_crc_table():
    table = []
    for byte in range(256):
        for _ in range(8):
            byte = byte >> 1 ^ (0x82F63B78 if byte & 1 else 0)
        table.append(byte)
    return table


CRC_TABLE = make_crc_table()


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc = crc >> 8 ^ CRC_TABLE[(crc ^ byte) & 0xFF]
    return crc ^ 0xFFFFFFFF


def xxh3(data):
    """H of 1 to 8 bytes, as folder numbers have."""
    mask, size = (1 << 64) - 1, len(data)
    if size <= 3:
        h = data[0] << 16 | data[size >> 1] << 24 | data[-1] | size << 8
        h ^= 0x396CFEB8 ^ 0xBE4BA423
        h = (h ^ h >> 33) * 0xC2B2AE3D27D4EB4F & mask
        h = (h ^ h >> 29) * 0x165667B19E3779F9 & mask
        return h ^ h >> 32
    h = struct.unpack_from("<I", data, size - 4)[0] | struct.unpack_from("<I", data)[0] << 32
    h ^= 0x1CAD21F72C81017C ^ 0xDB979083E96DD4DE
    h ^= ((h << 49 | h >> 15) ^ (h << 24 | h >> 40)) & mask
    h = h * 0x9FB21C651E98DF25 & mask
    h = (h ^ (h >> 35) + size) * 0x9FB21C651E98DF25 & mask
    return h ^ h >> 28


def require(condition, what):
    if not condition:
        sys.exit("damaged: " + what)


def read(path, offset=0, size=None):
    with open(path, "rb") as file:
        file.seek(offset)
        data = file.read() if size is None else file.read(size)
    require(size is None or len(data) == size, path + " is truncated")
    return data


class Table:
    """A FlatBuffers table: fields by number."""

    def __init__(self, data, position):
        self.data, self.position = data, position
        self.vtable = position - struct.unpack_from("<i", data, position)[0]
        self.vtable_bytes = struct.unpack_from("<H", data, self.vtable)[0]

    def place(self, field):
        slot = 4 + 2 * field
        if slot >= self.vtable_bytes:
            return None
        relative = struct.unpack_from("<H", self.data, self.vtable + slot)[0]
        return self.position + relative if relative else None

    def scalar(self, field, code, default):
        place = self.place(field)
        return default if place is None else struct.unpack_from("<" + code, self.data, place)[0]

    def target(self, field):
        place = self.place(field)
        return None if place is None else place + struct.unpack_from("<I", self.data, place)[0]

    def vector(self, field, code):
        place = self.target(field)
        if place is None:
            return None
        count = struct.unpack_from("<I", self.data, place)[0]
        return list(struct.unpack_from("<%d%s" % (count, code), self.data, place + 4))

    def text(self, field):
        return bytes(self.vector(field, "B")).decode("utf-8")

    def tables(self, field):
        place = self.target(field)
        if place is None:
            return []
        count = struct.unpack_from("<I", self.data, place)[0]
        places = [place + 4 + 4 * i for i in range(count)]
        return [Table(self.data, p + struct.unpack_from("<I", self.data, p)[0]) for p in places]


class Extent:
    def __init__(self, table, object_shape):
        self.writer, self.slab = table.scalar(0, "I", 0), table.scalar(1, "I", 0)
        self.offset, self.stored_bytes = table.scalar(2, "Q", 0), table.scalar(3, "Q", 0)
        self.raw_bytes = table.scalar(4, "Q", self.stored_bytes)
        self.codec = table.scalar(5, "B", 0)
        single = table.scalar(6, "I", None)
        self.crcs = [single] if single is not None else table.vector(7, "I") or []
        shape = table.vector(9, "q")
        self.shape = shape if shape is not None else object_shape
        self.start = table.vector(8, "q") or [0] * len(self.shape)
        self.order = table.vector(10, "B") or list(range(len(self.shape)))


class Object:
    def __init__(self, table):
        self.path, self.rank = table.text(0), table.scalar(1, "i", -1)
        self.kind, self.type, self.dtype = (table.scalar(2, "B", 1), table.scalar(3, "B", 1), table.scalar(4, "B", 6))
        self.item_bytes = table.scalar(6, "q", 0) or DTYPES[self.dtype][1]
        self.shape = table.vector(7, "q") or []
        self.fill = bytes(table.vector(8, "B") or bytes(self.item_bytes))
        self.attributes = {a.text(0): a.text(1) for a in table.tables(9)}
        self.extents = [Extent(e, self.shape) for e in table.tables(14)]

    def name(self):
        return "%d/%s" % (self.rank, self.path) if self.kind == 1 else self.path


class Folder:
    """A snapshot as files: the commit record, the index parts, the stored bytes of an extent."""

    VERSIONS = (1, 2)

    def __init__(self, place):
        self.place = place

    def record(self):
        return read(os.path.join(self.place, "tsnap.json"))

    def accept(self, record):
        require(record.get("slab_names", "hashed") == "hashed", "the slabs' names")
        self.id, self.hashed = record["id"], "slab_names" in record

    def part(self, number):
        return read(os.path.join(self.place, self.id, "index", "%05d" % number))

    def stored(self, extent):
        folder, slab = str(extent.writer // 256), "%d.%d" % (extent.writer, extent.slab)
        if self.hashed:
            folder = "%04x" % (xxh3(folder.encode()) & 0xFFFF)
        return read(os.path.join(self.place, self.id, "data", folder, slab), extent.offset, extent.stored_bytes)


class Hdf5File:
    """The same in one HDF5 file, since version 3: the slabs are its datasets."""

    VERSIONS = (3,)

    def __init__(self, place):
        import h5py
        self.library, self.file = h5py, h5py.File(place, "r")
        self.names = self.bytes_of("/.tsnap/datasets").split(b"\0")[:-1]

    def bytes_of(self, name):
        """A dataset's elements, row-major, as they are in the file."""
        dataset = self.file[name].id
        kind = dataset.get_type()
        out = memoryview(bytearray(kind.get_size() * dataset.get_space().get_simple_extent_npoints()))
        if len(out):
            import numpy
            dataset.read(self.library.h5s.ALL, self.library.h5s.ALL, numpy.frombuffer(out, "u1"), kind)
        return bytes(out)

    def record(self):
        return self.bytes_of("/.tsnap/record").rstrip(b" \0")

    def accept(self, record):
        require(record["slab_names"] == "datasets", "the slabs' names")

    def part(self, number):
        return self.bytes_of("/.tsnap/index/%05d" % number)

    def stored(self, extent):
        require(extent.slab in (0, 1), "a slab that is neither a run nor a box")
        name = self.names[extent.writer]
        data = self.bytes_of(name)
        if extent.slab == 0:
            require(extent.offset + extent.stored_bytes <= len(data), "%r is too short" % name)
            return data[extent.offset:extent.offset + extent.stored_bytes]
        dataset = self.file[name]
        item, shape, out = dataset.id.get_type().get_size(), dataset.shape, bytearray()
        for index in itertools.product(*(range(b, b + n) for b, n in zip(extent.start, extent.shape))):
            at = 0
            for i, length in zip(index, shape):
                require(i < length, "a box outside of %r" % name)
                at = at * length + i
            out += data[at * item:(at + 1) * item]
        return bytes(out)


class Snapshot:
    def __init__(self, place):
        self.store = Hdf5File(place) if place.endswith(".h5") else Folder(place)
        text = self.store.record()
        require(text[-22:-11] == b',"crc32c":"' and text[-3:] == b'"}\n', "the record does not end with its checksum")
        require(crc32c(text[:-22]) == int(text[-11:-3], 16), "the record's checksum")
        self.record = json.loads(text)
        require(self.record["format"] == "tsnap" and self.record["format_version"] in self.store.VERSIONS, "not a format that is known")
        self.store.accept(self.record)
        self.swap = self.record["byte_order"] != sys.byteorder
        self.objects, self.tiles = {}, {}
        for number, part in enumerate(self.record["parts"]):
            if part["bytes"]:
                self.load_part(number, part)
        require(len(self.objects) == self.record["object_count"], "the number of objects")

    def load_part(self, number, part):
        data, what = self.store.part(number), "index part %d" % number
        require(len(data) == part["bytes"] and crc32c(data) == int(part["crc32c"], 16), what)
        require(data[4:8] == b"TSIX", what)
        root = Table(data, struct.unpack_from("<I", data, 0)[0])
        for table in root.tables(0):
            found = Object(table)
            self.objects[found.name()] = found
        for table in root.tables(1):
            extents = [Extent(e, []) for e in table.tables(2)]
            self.tiles.setdefault(table.text(0), []).extend(extents)

    def extents_of(self, found):
        if found.kind != 3:
            return found.extents
        return {(e.writer, e.slab, e.offset): e for e in self.tiles.get(found.path, [])}.values()

    def raw(self, extent):
        stored, what = self.store.stored(extent), "slab %d.%d" % (extent.writer, extent.slab)
        require(len(stored) == extent.stored_bytes, what)
        require(len(extent.crcs) == -(-len(stored) // BLOCK), "the number of checksums")
        for number, crc in enumerate(extent.crcs):
            require(crc32c(stored[number * BLOCK:(number + 1) * BLOCK]) == crc, "block %d of %s" % (number, what))
        if extent.codec != 0:
            sys.exit("compressed with codec %d: use tsnap itself" % extent.codec)
        require(len(stored) == extent.raw_bytes, what)
        return stored

    def values(self, found):
        """All elements, row-major; and how many of them extents hold."""
        size = found.item_bytes
        count = 1
        for length in found.shape:
            count *= length
        out, held = bytearray(found.fill * count), 0
        for extent in self.extents_of(found):
            raw = self.raw(extent)
            axes = extent.order
            # itertools.product varies its last range fastest, as the last axis of the order does.
            steps = {axis: 1 for axis in axes}
            for axis in range(len(found.shape)):
                for length in found.shape[axis + 1:]:
                    steps[axis] *= length
            ranges = [range(extent.start[a], extent.start[a] + extent.shape[a]) for a in axes]
            position = 0
            for index in itertools.product(*ranges):
                at = sum(i * steps[axis] for i, axis in zip(index, axes)) * size
                out[at:at + size] = raw[position:position + size]
                position += size
                held += 1
            require(position == len(raw), "an extent's size does not fit its box")
        return self.native(bytes(out), DTYPES[found.dtype][2]), held, count

    def native(self, data, unit):
        if not self.swap or unit == 1:
            return data
        out = bytearray(len(data))
        for byte in range(unit):
            out[byte::unit] = data[unit - 1 - byte::unit]
        return bytes(out)


def main():
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    snapshot = Snapshot(sys.argv[1])
    if len(sys.argv) == 3:
        if sys.argv[2] not in snapshot.objects:
            sys.exit("no such object: " + sys.argv[2])
        sys.stdout.buffer.write(snapshot.values(snapshot.objects[sys.argv[2]])[0])
        return
    for name in sorted(snapshot.objects, key=lambda text: text.encode("utf-8")):
        found = snapshot.objects[name]
        values, held, count = snapshot.values(found)
        require(held == count or found.kind == 3, name + " is not whole")
        shape = "x".join(map(str, found.shape)) or "scalar"
        print(name, KINDS[found.kind], DTYPES[found.dtype][0], shape, hashlib.sha256(values).hexdigest(), sep="\t")


if __name__ == "__main__":
    main()
