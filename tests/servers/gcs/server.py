#!/usr/bin/env python3
"""A strict stand-in of Google Cloud Storage on the loopback interface, in memory: the XML interface, the OAuth 2.0 token endpoint and
the metadata server of Compute Engine. It exists to refuse what Google refuses; where Google is lenient beyond what it publishes,
this refuses as well.

    server.py DATA [BUCKET]

Ports are free ones; DATA/env names them and the credentials once it answers. It ends with SIGTERM. The control port:

    /stats              counts since /reset, as JSON: requests by method, codes of refusals, bytes, tokens
    /expire             all tokens are expired
    /lifetime?seconds=  of tokens that are issued from now on
    /clock?offset=      the server's clock, in seconds from the right one
    /fail?status=503&n=3[&method=PUT][&match=TEXT][&code=SlowDown]   the next n requests that match are refused
    /delay?ms=          before every answer
    /stall?n=1[&method=][&match=]   the next n requests are read and never answered
    /uploads            open multipart uploads as JSON: bucket, key, parts
    /objects            names as JSON
    /interval?seconds=1 429 to who writes one name more often
"""

import email.utils
import http.server
import json
import pathlib
import re
import signal
import socketserver
import ssl
import subprocess
import sys
import threading
import time
import urllib.parse
from xml.etree import ElementTree
from xml.sax.saxutils import escape

import auth
import objects

PRECONDITIONS = ("x-goog-if-generation-match", "x-goog-if-metageneration-match")
# x-amz-* headers that have an equivalent; any other is ignored, as Google does.
AMZ_EQUIVALENTS = re.compile(r"x-amz-(acl|content-sha256|copy-source.*|date|meta-.*|metadata-directive|storage-class|security-token)")


class Service:
    """What all connections share."""

    def __init__(self):
        self.authority, self.storage = auth.Authority(), objects.Storage()
        self.lock = threading.Lock()
        self.armed = []     # guarded by lock: dictionaries with n, method, match and what to do
        self.delay_seconds = 0.0
        self.stopping = threading.Event()
        self.reset()

    def reset(self):
        with self.lock:
            self.counts = {"requests": {}, "refused": {}, "bytes_in": 0, "bytes_out": 0, "token_requests": 0, "metadata_requests": 0}

    def count(self, group, name, more=1):
        with self.lock:
            if name is None:
                self.counts[group] += more
            else:
                self.counts[group][name] = self.counts[group].get(name, 0) + more

    def arm(self, query, **what):
        with self.lock:
            self.armed.append({"n": int(query.get("n", 1)), "method": query.get("method"), "match": query.get("match"), **what})

    def fault(self, method, target):
        with self.lock:
            for one in self.armed:
                if one["n"] > 0 and one["method"] in (None, method) and (one["match"] is None or one["match"] in target):
                    one["n"] -= 1
                    return one
        return None


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = 1 << 16
    timeout = 120

    def log_message(self, *_):
        pass

    def date_time_string(self, timestamp=None):
        return super().date_time_string(self.service.authority.clock.now() if timestamp is None else timestamp)

    def body(self):
        if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
            pieces = []
            while size := int(self.rfile.readline().split(b";")[0], 16):
                pieces.append(self.rfile.read(size))
                self.rfile.readline()
            while self.rfile.readline().strip():
                pass
            return b"".join(pieces)
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def answer(self, status, headers=None, body=b""):
        self.send_response(status)
        for name, value in (headers.items() if isinstance(headers, dict) else headers or []):
            self.send_header(name, value)
        if status != 204 and not (isinstance(headers, list) and any(name == "Content-Length" for name, _ in headers)):
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD" and status != 204:
            self.wfile.write(body)
        self.wfile.flush()

    def split(self):
        path, _, query = self.path.partition("?")
        return urllib.parse.unquote(path), urllib.parse.parse_qsl(query, keep_blank_values=True)


class TokenHandler(Handler):
    def do_POST(self):
        self.service.count("token_requests", None)
        status, reply = self.service.authority.tokens.grant(self.headers.get("Content-Type", ""), self.body())
        self.answer(status, {"Content-Type": "application/json; charset=utf-8"}, json.dumps(reply).encode())

    def do_GET(self):
        self.answer(405)


class MetadataHandler(Handler):
    def do_GET(self):
        self.service.count("metadata_requests", None)
        self.answer(*self.service.authority.tokens.metadata(*self.split(), self.headers))


class ControlHandler(Handler):
    def do_GET(self):
        path, pairs = self.split()
        query, service = dict(pairs), self.service
        reply = "ok"
        if path == "/stats":
            with service.lock:
                reply = service.counts
        elif path == "/reset":
            service.reset()
        elif path == "/expire":
            service.authority.tokens.expire_all()
        elif path == "/lifetime":
            service.authority.tokens.lifetime_seconds = float(query["seconds"])
        elif path == "/clock":
            service.authority.clock.offset_seconds = float(query["offset"])
        elif path == "/fail":
            service.arm(query, status=int(query["status"]), code=query.get("code", "InternalError"))
        elif path == "/stall":
            service.arm(query, status=None)
        elif path == "/delay":
            service.delay_seconds = float(query["ms"]) / 1000
        elif path == "/interval":
            service.storage.write_interval_seconds = float(query["seconds"])
        elif path == "/uploads":
            with service.storage.lock:
                reply = [{"bucket": name, "key": one.key, "parts": sorted(one.parts)} for name, bucket in service.storage.buckets.items()
                         for one in bucket.uploads.values()]
        elif path == "/objects":
            with service.storage.lock:
                reply = [f"{name}/{key}" for name, bucket in service.storage.buckets.items() for key in sorted(bucket.objects)]
        else:
            return self.answer(404)
        return self.answer(200, {"Content-Type": "application/json"}, json.dumps(reply).encode())


def xml(tag, *children):
    """children: texts, or pairs (tag, text), or XML that is made already."""
    inner = "".join(f"<{one[0]}>{escape(str(one[1]))}</{one[0]}>" if isinstance(one, tuple) else one for one in children)
    return f"<{tag}>{inner}</{tag}>"


def iso(seconds):
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds)) + f".{int(seconds % 1 * 1000):03d}Z"


class StorageHandler(Handler):
    def handle_request(self):
        service, method = self.service, self.command
        try:
            body = self.body()
        except (ValueError, OSError):
            self.close_connection = True
            return
        service.count("requests", method)
        service.count("bytes_in", None, len(body))
        if service.delay_seconds:
            time.sleep(service.delay_seconds)
        try:
            fault = service.fault(method, self.path)
            if fault and fault["status"] is None:
                service.stopping.wait()
                self.close_connection = True
                return
            if fault:
                raise objects.Refused(fault["status"], fault["code"], "injected")
            self.serve(method, body)
        except (auth.Denied, objects.Refused) as refused:
            self.refuse(refused)
        except BrokenPipeError:
            self.close_connection = True

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = handle_request

    def refuse(self, refused):
        self.service.count("refused", refused.code)
        if refused.status == 304:
            return self.answer(304, {"Content-Length": "0"})
        body = "<?xml version='1.0' encoding='UTF-8'?>" + xml("Error", ("Code", refused.code), ("Message", refused.code),
                                                              ("Details", refused.details))
        headers = {"Content-Type": "application/xml; charset=UTF-8"}
        if refused.status == 401:
            headers["WWW-Authenticate"] = 'Bearer realm="https://accounts.google.com/"'
        return self.answer(refused.status, headers, body.encode())

    def answer(self, status, headers=None, body=b""):
        self.service.count("bytes_out", None, len(body))
        super().answer(status, headers, body)

    def answer_xml(self, tag, *children, headers=None):
        body = "<?xml version='1.0' encoding='UTF-8'?>" + xml(tag, *children)
        self.answer(200, {"Content-Type": "application/xml; charset=UTF-8", **(headers or {})}, body.encode())

    def serve(self, method, body):
        path, pairs = self.split()
        given = {}
        for name, value in self.headers.items():
            given.setdefault(name.lower(), []).append(value)
        if "?" not in self.path and "%" in self.path and re.search(r"%(?![0-9A-Fa-f]{2})", self.path):
            raise objects.Refused(400, "InvalidURI", self.path)
        try:
            path.encode()
        except UnicodeEncodeError:
            raise objects.Refused(400, "InvalidURI", "not UTF-8") from None
        if method in ("PUT", "POST") and "content-length" not in given and "transfer-encoding" not in given:
            raise objects.Refused(411, "MissingContentLength", "You must provide the Content-Length HTTP header.")
        self.service.authority.check(method, path, pairs, given, body)
        # From here on the two families are one.
        self.given = {(name.replace("x-amz-", "x-goog-", 1) if AMZ_EQUIVALENTS.fullmatch(name) else name): values
                      for name, values in given.items()}
        for name, values in self.given.items():
            if len(values) > 1 and (name in PRECONDITIONS or name in ("content-md5", "range")):
                raise objects.Refused(400, "ExcessHeaderValues", name)
        self.query = dict(pairs)
        bucket, _, key = path[1:].partition("/")
        if not bucket:
            raise objects.Refused(400, "InvalidArgument", "No bucket: this interface is path style.")
        kind = "object" if key else "bucket"
        handler = getattr(self, f"{method.lower()}_{kind}", None)
        if handler is None:
            raise objects.Refused(405, "MethodNotAllowed", f"{method} of a {kind}")
        handler(bucket, key, body)

    def header(self, name):
        return self.given.get(name, [None])[0]

    def wanted(self):
        return tuple(self.header(name) for name in PRECONDITIONS)

    def no_preconditions(self):
        """The published page says that they are not supported for multipart uploads; who sends one relies on it."""
        for name in PRECONDITIONS:
            if name in self.given:
                raise objects.Refused(400, "NotImplemented", f"{name} is not supported for multipart uploads.")

    def metadata(self):
        return {name: self.given[name][0] for name in self.given
                if name.startswith("x-goog-meta-") or name in ("content-type", "cache-control", "content-encoding")}

    def parse(self, body, root):
        try:
            found = ElementTree.fromstring(body)
        except ElementTree.ParseError as error:
            raise objects.Refused(400, "MalformedXMLError", str(error)) from None
        for element in found.iter():
            element.tag = element.tag.rpartition("}")[2]   # the namespace may be S3's, or none
        if found.tag != root:
            raise objects.Refused(400, "InvalidXML", f"the document must be a {root}")
        return found

    # --- buckets ---

    def put_bucket(self, bucket, _key, _body):
        self.service.storage.make_bucket(bucket)
        self.answer(200)

    def delete_bucket(self, bucket, _key, _body):
        self.service.storage.remove_bucket(bucket)
        self.answer(204)

    def head_bucket(self, bucket, _key, _body):
        self.service.storage.bucket(bucket)
        self.answer(200)

    def get_bucket(self, bucket, _key, _body):
        known = {"list-type", "prefix", "delimiter", "marker", "start-after", "continuation-token", "max-keys", "encoding-type", "uploads",
                 "key-marker", "upload-id-marker", "max-uploads", "fetch-owner"}
        if unknown := set(self.query) - known:
            raise objects.Refused(400, "InvalidArgument", f"unknown parameters {sorted(unknown)}")
        self.service.storage.bucket(bucket)
        most = self.query.get("max-keys", self.query.get("max-uploads", str(objects.MOST_KEYS)))
        if not re.fullmatch(r"\d+", most):
            raise objects.Refused(400, "InvalidArgument", f"max-keys={most}")
        most = min(int(most), objects.MOST_KEYS)
        if self.query.get("encoding-type", "url") != "url":
            raise objects.Refused(400, "InvalidArgument", "encoding-type can only be url")
        name = (lambda text: urllib.parse.quote(text, safe="/-_.~*")) if "encoding-type" in self.query else (lambda text: text)
        if "uploads" in self.query:
            return self.list_uploads(bucket, most, name)
        version_2 = self.query.get("list-type") == "2"
        if "list-type" in self.query and not version_2:
            raise objects.Refused(400, "InvalidArgument", "list-type can only be 2")
        for word in ("marker",) if version_2 else ("continuation-token", "start-after"):
            if word in self.query:
                raise objects.Refused(400, "InvalidArgument", f"{word} belongs to the other version of the list")
        after = self.query.get("start-after", self.query.get("marker", ""))
        if token := self.query.get("continuation-token"):
            try:
                after = bytes.fromhex(token).decode()
            except ValueError:
                raise objects.Refused(400, "InvalidArgument", "the continuation token is not one of ours") from None
        prefix, delimiter = self.query.get("prefix", ""), self.query.get("delimiter", "")
        found, prefixes, last = self.service.storage.listing(bucket, prefix, delimiter, after, most)
        more = [("Name", bucket), ("Prefix", name(prefix))]
        if delimiter:
            more.append(("Delimiter", name(delimiter)))
        if "encoding-type" in self.query:
            more.append(("EncodingType", "url"))
        more.append(("IsTruncated", "true" if last is not None else "false"))
        if version_2:
            more += [("KeyCount", len(found) + len(prefixes)), ("MaxKeys", most)]
            if last is not None:
                more.append(("NextContinuationToken", last.encode().hex()))
        else:
            more.append(("Marker", name(after)))
            if last is not None:
                more.append(("NextMarker", name(last)))
        for key, one in found:
            more.append(xml("Contents", ("Key", name(key)), ("Generation", one.generation), ("MetaGeneration", one.metageneration),
                            ("LastModified", iso(one.modified)), ("ETag", one.etag), ("Size", len(one.data))))
        more += [xml("CommonPrefixes", ("Prefix", name(one))) for one in prefixes]
        return self.answer_xml("ListBucketResult", *more)

    def list_uploads(self, bucket, most, name):
        found, truncated = self.service.storage.uploads(bucket, self.query.get("prefix", ""), self.query.get("key-marker", ""),
                                                        self.query.get("upload-id-marker", ""), most)
        more = [("Bucket", bucket), ("Prefix", name(self.query.get("prefix", ""))), ("MaxUploads", most),
                ("IsTruncated", "true" if truncated else "false")]
        if "encoding-type" in self.query:
            more.append(("EncodingType", "url"))
        if truncated:
            more += [("NextKeyMarker", name(found[-1][0])), ("NextUploadIdMarker", found[-1][1])]
        more += [xml("Upload", ("Key", name(key)), ("UploadId", upload), ("StorageClass", "STANDARD"), ("Initiated", iso(one.started)))
                 for key, upload, one in found]
        return self.answer_xml("ListMultipartUploadsResult", *more)

    def post_bucket(self, bucket, _key, body):
        if "delete" not in self.query:
            raise objects.Refused(400, "InvalidArgument", "a POST to a bucket must be ?delete")
        self.service.storage.bucket(bucket)
        objects.check_hashes(body, self.header("content-md5"), self.given.get("x-goog-hash", []))
        root = self.parse(body, "Delete")
        named = root.findall("Object")
        if not 1 <= len(named) <= objects.MOST_KEYS:
            raise objects.Refused(400, "MalformedXMLError", f"1 to {objects.MOST_KEYS} objects")
        quiet, results = (root.findtext("Quiet") or "").strip() == "true", []
        for one in named:
            key, version = one.findtext("Key") or "", one.findtext("VersionId")
            try:
                self.service.storage.remove(bucket, key, version)
            except objects.Refused as refused:
                if refused.status != 404:
                    results.append(xml("Error", ("Key", key), ("Code", refused.code), ("Message", refused.details)))
                    continue
            if not quiet:
                results.append(xml("Deleted", ("Key", key)))
        self.answer_xml("DeleteResult", *results)

    # --- objects ---

    def put_object(self, bucket, key, body):
        storage = self.service.storage
        if "uploadId" in self.query or "partNumber" in self.query:
            self.no_preconditions()
            if "x-goog-copy-source" in self.given or not {"uploadId", "partNumber"} <= set(self.query):
                raise objects.Refused(400, "InvalidArgument", "a part wants uploadId and partNumber, and cannot be a copy")
            objects.check_hashes(body, self.header("content-md5"), self.given.get("x-goog-hash", []))
            etag = storage.put_part(bucket, key, self.query["uploadId"], self.query["partNumber"], body)
            return self.answer(200, [("ETag", etag), ("x-goog-hash", "crc32c=" + objects.crc32c_text(body)),
                                     ("x-goog-hash", "md5=" + objects.md5_text(body))])
        if "compose" in self.query:
            root = self.parse(body, "ComposeRequest")
            components = [(one.findtext("Name"), one.findtext("Generation"), one.findtext("IfGenerationMatch"))
                          for one in root.findall("Component")]
            made = storage.compose(bucket, key, components, self.wanted(), self.metadata())
        elif "x-goog-copy-source" in self.given:
            if body:
                raise objects.Refused(400, "InvalidArgument", "a copy has no body")
            source, _, name = urllib.parse.unquote(self.header("x-goog-copy-source")).lstrip("/").partition("/")
            found = storage.get(source, name, self.header("x-goog-copy-source-generation"),
                                (self.header("x-goog-copy-source-if-generation-match"), None))
            made = storage.put(bucket, key, found.data, self.wanted(), found.metadata, composite=found.md5 is None)
            return self.answer_xml("CopyObjectResult", ("ETag", made.etag), ("LastModified", iso(made.modified)),
                                   headers={"x-goog-generation": str(made.generation), "x-goog-metageneration": "1"})
        else:
            if self.query:
                raise objects.Refused(400, "InvalidArgument", f"unknown parameters {sorted(self.query)}")
            storage.bucket(bucket)
            objects.check_hashes(body, self.header("content-md5"), self.given.get("x-goog-hash", []))
            made = storage.put(bucket, key, body, self.wanted(), self.metadata())
        return self.answer(200, self.describe(made))

    def describe(self, one):
        headers = [("ETag", one.etag), ("x-goog-generation", str(one.generation)), ("x-goog-metageneration", str(one.metageneration)),
                   ("x-goog-hash", "crc32c=" + one.crc32c)]
        if one.md5:
            headers.append(("x-goog-hash", "md5=" + one.md5))
        return headers + [("x-goog-stored-content-encoding", "identity"), ("x-goog-stored-content-length", str(len(one.data)))]

    def get_object(self, bucket, key, _body):
        storage = self.service.storage
        if "uploadId" in self.query:
            parts = [xml("Part", ("PartNumber", number), ("ETag", etag), ("Size", len(data)), ("LastModified", iso(when)))
                     for number, (data, etag, when) in storage.parts(bucket, key, self.query["uploadId"])]
            return self.answer_xml("ListPartsResult", ("Bucket", bucket), ("Key", key), ("UploadId", self.query["uploadId"]),
                                   ("IsTruncated", "false"), *parts)
        if unknown := set(self.query) - {"generation"}:
            raise objects.Refused(400, "InvalidArgument", f"unknown parameters {sorted(unknown)}")
        one = storage.get(bucket, key, self.query.get("generation"), self.wanted())
        match, none_match = self.header("if-match"), self.header("if-none-match")
        if match is not None and match != "*" and one.etag not in [text.strip() for text in match.split(",")]:
            raise objects.Refused(412, "PreconditionFailed", "If-Match")
        if none_match is not None and (none_match == "*" or one.etag in [text.strip() for text in none_match.split(",")]):
            raise objects.Refused(304, "NotModified")
        headers = self.describe(one) + [("Last-Modified", email.utils.formatdate(one.modified, usegmt=True)), ("Accept-Ranges", "bytes"),
                                        ("Content-Type", one.metadata.get("content-type", "application/octet-stream"))]
        headers += [(name, value) for name, value in one.metadata.items() if name.startswith("x-goog-meta-")]
        status, data, size = 200, one.data, len(one.data)
        span = re.fullmatch(r"bytes=(\d*)-(\d*)", self.header("range") or "")
        if span and (span[1] or span[2]):
            first = int(span[1]) if span[1] else max(0, size - int(span[2]))
            last = min(int(span[2]), size - 1) if span[1] and span[2] else size - 1
            if span[1] and span[2] and int(span[2]) < first:
                first, last = 0, size - 1   # not a range at all: ignored
            elif first >= size or (not span[1] and int(span[2]) == 0):
                raise objects.Refused(416, "InvalidRange", "The requested range cannot be satisfied.")
            else:
                status = 206
                headers.append(("Content-Range", f"bytes {first}-{last}/{size}"))
            data = memoryview(one.data)[first:last + 1]
        headers.append(("Content-Length", str(len(data))))
        return self.answer(status, headers, data)

    head_object = get_object

    def delete_object(self, bucket, key, _body):
        if "uploadId" in self.query:
            self.service.storage.abort(bucket, key, self.query["uploadId"])
        else:
            self.service.storage.remove(bucket, key, self.query.get("generation"), self.wanted())
        self.answer(204)

    def post_object(self, bucket, key, body):
        storage = self.service.storage
        self.no_preconditions()
        if "uploads" in self.query:
            if body:
                raise objects.Refused(400, "InvalidArgument", "an upload is started without a body")
            upload = storage.start_upload(bucket, key, self.metadata())
            return self.answer_xml("InitiateMultipartUploadResult", ("Bucket", bucket), ("Key", key), ("UploadId", upload))
        if "uploadId" not in self.query:
            raise objects.Refused(400, "InvalidArgument", "a POST to an object wants uploads or uploadId")
        objects.check_hashes(body, self.header("content-md5"), [])
        try:
            wanted = [(int(part.findtext("PartNumber")), part.findtext("ETag").strip())
                      for part in self.parse(body, "CompleteMultipartUpload").findall("Part")]
        except (TypeError, ValueError, AttributeError):
            raise objects.Refused(400, "InvalidXML", "each Part wants PartNumber and ETag") from None
        made = storage.complete(bucket, key, self.query["uploadId"], wanted)
        return self.answer_xml("CompleteMultipartUploadResult", ("Location", f"http://{self.headers.get('Host')}/{bucket}/{key}"),
                               ("Bucket", bucket), ("Key", key), ("ETag", made.etag),
                               headers={"x-goog-generation": str(made.generation), "x-goog-hash": "crc32c=" + made.crc32c})



class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = True
    request_queue_size = 256

    def handle_error(self, request, client_address):
        """Clients may go away, and those who do not trust the certificate do."""
        if not isinstance(sys.exc_info()[1], (ConnectionError, TimeoutError, ssl.SSLError)):
            super().handle_error(request, client_address)


def serve(service, handler, context=None):
    """The port of a new server."""
    server = Server(("127.0.0.1", 0), type(handler.__name__, (handler,), {"service": service}))
    if context is not None:
        # The handshake belongs to the thread of the connection, or who connects and says nothing would hold all others.
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True).start()
    return server.server_address[1]


def start(data, bucket="tsnap-gcs"):
    """A service that runs in threads of this process, and the variables that lead to it."""
    service = Service()
    service.storage.make_bucket(bucket)
    subprocess.run(["bash", pathlib.Path(__file__).resolve().parent.parent / "certificates.sh", data, "storage.localhost"], check=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(data / "tls.crt", data / "tls.key")
    plain, tls, control = serve(service, StorageHandler), serve(service, StorageHandler, context), serve(service, ControlHandler)
    tokens, metadata = serve(service, TokenHandler), serve(service, MetadataHandler)
    authority = service.authority
    authority.tokens.token_uri = f"http://127.0.0.1:{tokens}/token"
    (data / "service_account.json").write_text(json.dumps(authority.tokens.service_account()))
    (data / "authorized_user.json").write_text(json.dumps(authority.tokens.authorized_user()))
    return service, {
        "GCS_ENDPOINT": f"http://127.0.0.1:{plain}", "GCS_ENDPOINT_TLS": f"https://localhost:{tls}", "GCS_CA": str(data / "ca.crt"),
        "GCS_CONTROL": f"http://127.0.0.1:{control}", "GCS_BUCKET": bucket, "GCS_ACCESS_KEY": authority.hmac.access_key,
        "GCS_SECRET_KEY": authority.hmac.secret_key, "GCS_AUTHORIZED_USER": str(data / "authorized_user.json"),
        "GOOGLE_APPLICATION_CREDENTIALS": str(data / "service_account.json"), "GCE_METADATA_HOST": f"127.0.0.1:{metadata}",
        "TSNAP_GCS_ENDPOINT": f"http://127.0.0.1:{plain}"}


def main():
    data = pathlib.Path(sys.argv[1]).resolve()
    service, env = start(data, *sys.argv[2:3])
    signal.signal(signal.SIGTERM, lambda *_: service.stopping.set())
    signal.signal(signal.SIGINT, lambda *_: service.stopping.set())
    (data / "env.new").write_text("".join(f"{name}={value}\n" for name, value in env.items()))
    (data / "env.new").rename(data / "env")
    service.stopping.wait()


if __name__ == "__main__":
    main()
