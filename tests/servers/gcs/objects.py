"""What the stand-in of Google Cloud Storage keeps: buckets of objects with generations, and multipart uploads, in memory. Its rules
are those of the XML interface; it knows nothing of HTTP connections and of who asks.

    https://cloud.google.com/storage/docs/xml-api/overview
    https://cloud.google.com/storage/docs/multipart-uploads
    https://cloud.google.com/storage/docs/request-preconditions
"""

import base64
import ctypes
import ctypes.util
import hashlib
import re
import secrets
import threading
import time

LEAST_PART_BYTES = 5 << 20
MOST_PARTS = 10000
MOST_KEYS = 1000
MOST_COMPONENTS = 32


class Refused(Exception):
    """status and code of the XML answer."""

    def __init__(self, status, code, details=""):
        super().__init__(details)
        self.status, self.code, self.details = status, code, details


def crc32c_by_table():
    table = []
    for byte in range(256):
        for _ in range(8):
            byte = byte >> 1 ^ (0x82F63B78 if byte & 1 else 0)
        table.append(byte)

    def crc32c(data):
        crc = 0xFFFFFFFF
        for byte in data:
            crc = crc >> 8 ^ table[(crc ^ byte) & 255]
        return crc ^ 0xFFFFFFFF
    return crc32c


def crc32c_by_isal():
    """The same a thousand times faster, with a library that tsnap needs anyway; or None."""
    name = ctypes.util.find_library("isal")
    if name is None:
        return None
    function = ctypes.CDLL(name).crc32_iscsi
    function.argtypes, function.restype = [ctypes.c_char_p, ctypes.c_int, ctypes.c_uint], ctypes.c_uint

    def crc32c(data):
        crc = 0xFFFFFFFF
        for at in range(0, len(data), 1 << 30):
            piece = bytes(data[at:at + (1 << 30)])
            crc = function(piece, len(piece), crc)
        return crc ^ 0xFFFFFFFF
    return crc32c


crc32c = crc32c_by_isal() or crc32c_by_table()


def crc32c_text(data):
    return base64.b64encode(crc32c(data).to_bytes(4, "big")).decode()


def md5_text(data):
    return base64.b64encode(hashlib.md5(data).digest()).decode()


def check_hashes(data, content_md5, goog_hashes):
    """content_md5: the header, or None; goog_hashes: the values of x-goog-hash."""
    given = [("md5", content_md5)] if content_md5 is not None else []
    for value in ",".join(goog_hashes).split(",") if goog_hashes else []:
        name, _, text = value.strip().partition("=")
        if name not in ("crc32c", "md5"):
            raise Refused(400, "InvalidArgument", f"x-goog-hash knows crc32c and md5, not {value!r}.")
        given.append((name, text))
    for name, text in given:
        try:
            size = len(base64.b64decode(text, validate=True))
        except ValueError:
            size = 0
        if size != (16 if name == "md5" else 4):
            raise Refused(400, "InvalidDigest", f"The {name} {text!r} is not the base64 text of a digest.")
        if text != (md5_text(data) if name == "md5" else crc32c_text(data)):
            raise Refused(400, "BadDigest", f"The {name} you specified in Content-MD5 or x-goog-hash did not match what we computed.")


def check_name(key):
    size = len(key.encode())
    if not 1 <= size <= 1024 or key in (".", "..") or key.startswith(".well-known/acme-challenge/") or re.search("[\r\n]", key):
        raise Refused(400, "InvalidObjectName", f"{key!r} cannot be the name of an object.")


class Object:
    def __init__(self, data, generation, composite, metadata):
        self.data, self.generation, self.metageneration = data, generation, 1
        self.metadata, self.modified = metadata, time.time()
        self.crc32c = crc32c_text(data)
        # Objects that were put together have no MD5, and their ETag is none.
        self.md5 = None if composite else md5_text(data)
        self.etag = f'"-{secrets.token_hex(8)}"' if composite else f'"{hashlib.md5(data).hexdigest()}"'


class Upload:
    def __init__(self, key, metadata):
        self.key, self.metadata, self.parts, self.started = key, metadata, {}, time.time()


class Bucket:
    """Guarded by the lock of Storage."""

    def __init__(self):
        self.objects, self.uploads = {}, {}


class Storage:
    def __init__(self):
        self.lock = threading.RLock()
        self.buckets = {}
        self.last_generation = int(time.time() * 1e6)
        self.write_interval_seconds = 0.0   # Google answers 429 to who writes one name more than once a second

    # All below: the caller holds no lock; what is returned is not changed any more.

    def bucket(self, name):
        with self.lock:
            if name not in self.buckets:
                raise Refused(404, "NoSuchBucket", f"The specified bucket {name!r} does not exist.")
            return self.buckets[name]

    def make_bucket(self, name):
        if not re.fullmatch(r"[a-z0-9][a-z0-9._-]{1,61}[a-z0-9]", name):
            raise Refused(400, "InvalidBucketName", name)
        with self.lock:
            if name in self.buckets:
                raise Refused(409, "BucketAlreadyOwnedByYou", name)
            self.buckets[name] = Bucket()

    def remove_bucket(self, name):
        with self.lock:
            if self.bucket(name).objects or self.bucket(name).uploads:
                raise Refused(409, "BucketNotEmpty", name)
            del self.buckets[name]

    def check_generation(self, found, wanted):
        """wanted: (x-goog-if-generation-match, x-goog-if-metageneration-match), each a text or None."""
        for text, have in zip(wanted, (found.generation, found.metageneration) if found else (0, None)):
            if text is None:
                continue
            if not re.fullmatch(r"\d+", text):
                raise Refused(400, "InvalidArgument", f"{text!r} is no generation.")
            if have != int(text):
                raise Refused(412, "PreconditionFailed", "At least one of the pre-conditions you specified did not hold.")

    def put(self, bucket, key, data, wanted, metadata, composite=False):
        check_name(key)
        # Hashing a large object takes long: beside the lock.
        made = Object(data, 0, composite, metadata)
        with self.lock:
            objects = self.bucket(bucket).objects
            found = objects.get(key)
            self.check_generation(found, wanted)
            if found and time.time() - found.modified < self.write_interval_seconds:
                raise Refused(429, "SlowDown", "The object is written too often.")
            self.last_generation = max(self.last_generation + 1, int(time.time() * 1e6))
            made.generation = self.last_generation
            objects[key] = made
            return made

    def get(self, bucket, key, generation=None, wanted=(None, None)):
        with self.lock:
            found = self.bucket(bucket).objects.get(key)
            if found is None or (generation is not None and str(found.generation) != generation):
                raise Refused(404, "NoSuchKey", f"No such object: {bucket}/{key}")
            self.check_generation(found, wanted)
            return found

    def remove(self, bucket, key, generation=None, wanted=(None, None)):
        with self.lock:
            self.get(bucket, key, generation, wanted)
            del self.bucket(bucket).objects[key]

    def compose(self, bucket, key, components, wanted, metadata):
        """components: (name, generation or None, if-generation-match or None)."""
        if not 1 <= len(components) <= MOST_COMPONENTS:
            raise Refused(400, "InvalidArgument", f"1 to {MOST_COMPONENTS} components, not {len(components)}.")
        data = b"".join(self.get(bucket, name, generation, (match, None)).data for name, generation, match in components)
        return self.put(bucket, key, data, wanted, metadata, composite=True)

    def listing(self, bucket, prefix, delimiter, after, most):
        """(objects as (key, Object), common prefixes, the last name if there are more)."""
        with self.lock:
            objects, prefixes, last = [], [], ""
            for key in sorted(self.bucket(bucket).objects, key=str.encode):
                if not key.startswith(prefix):
                    continue
                rest = key[len(prefix):]
                common = prefix + rest[:rest.index(delimiter) + len(delimiter)] if delimiter and delimiter in rest else None
                if (common or key).encode() <= after.encode() or (common and common in prefixes[-1:]):
                    continue
                if len(objects) + len(prefixes) == most:
                    return objects, prefixes, last
                last = common or key
                if common:
                    prefixes.append(common)
                else:
                    objects.append((key, self.bucket(bucket).objects[key]))
            return objects, prefixes, None

    # --- multipart uploads ---

    def start_upload(self, bucket, key, metadata):
        check_name(key)
        with self.lock:
            upload = secrets.token_urlsafe(40)
            self.bucket(bucket).uploads[upload] = Upload(key, metadata)
            return upload

    def upload(self, bucket, key, upload):
        found = self.bucket(bucket).uploads.get(upload)
        if found is None or found.key != key:
            raise Refused(404, "NoSuchUpload", "The requested upload was not found.")
        return found

    def put_part(self, bucket, key, upload, number, data):
        if not re.fullmatch(r"\d{1,5}", number) or not 1 <= int(number) <= MOST_PARTS:
            raise Refused(400, "InvalidArgument", f"Part number must be an integer between 1 and {MOST_PARTS}.")
        etag = f'"{hashlib.md5(data).hexdigest()}"'
        with self.lock:
            self.upload(bucket, key, upload).parts[int(number)] = (data, etag, time.time())
        return etag

    def parts(self, bucket, key, upload):
        with self.lock:
            return sorted(self.upload(bucket, key, upload).parts.items())

    def complete(self, bucket, key, upload, wanted):
        """wanted: (number, etag) in the order of the request."""
        with self.lock:
            found = self.upload(bucket, key, upload)
            numbers = [number for number, _ in wanted]
            if not numbers or numbers != sorted(set(numbers)):
                raise Refused(400, "InvalidPartOrder", "The list of parts was not in ascending order.")
            for number, etag in wanted:
                if number not in found.parts or found.parts[number][1].strip('"') != etag.strip('"'):
                    raise Refused(400, "InvalidPart", f"Part {number} was not found, or its ETag did not match.")
            chosen = [found.parts[number][0] for number in numbers]
            if any(len(data) < LEAST_PART_BYTES for data in chosen[:-1]):
                raise Refused(400, "EntityTooSmall", f"A part other than the last is smaller than {LEAST_PART_BYTES} bytes.")
            made = self.put(bucket, key, b"".join(chosen), (None, None), found.metadata, composite=True)
            del self.bucket(bucket).uploads[upload]
            return made

    def abort(self, bucket, key, upload):
        with self.lock:
            self.upload(bucket, key, upload)
            del self.bucket(bucket).uploads[upload]

    def uploads(self, bucket, prefix, key_marker, upload_marker, most):
        """((key, id, Upload) pairs, whether there are more)."""
        with self.lock:
            found = sorted(((one.key, upload, one) for upload, one in self.bucket(bucket).uploads.items()
                            if one.key.startswith(prefix)), key=lambda item: item[:2])
        found = [item for item in found if item[0] > key_marker or (upload_marker and item[0] == key_marker and item[1] > upload_marker)]
        return found[:most], len(found) > most
