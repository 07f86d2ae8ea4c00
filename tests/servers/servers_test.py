"""The servers that tests run beside do what their scripts promise: Ceph and Swift verify what tests rely on, and each fault of the
proxy is the one that was armed. Runs under with_servers.py; which server it is says the first argument, ceph or swift.

    with_servers.py ceph fault silent -- python3 servers_test.py ceph
"""

import base64
import hashlib
import http.client
import os
import re
import signal
import socket
import ssl
import sys
import threading
import time
import unittest
import urllib.parse
import urllib.request

import s3

SERVER = sys.argv.pop(1)
CONTENT = bytes(range(256)) * 4000


def client(endpoint="S3_ENDPOINT", **changes):
    return s3.Client(os.environ[endpoint], **{"access_key": os.environ["AWS_ACCESS_KEY_ID"], "secret_key": os.environ["AWS_SECRET_ACCESS_KEY"],
                                              "region": os.environ["S3_REGION"], **changes})


class Server(unittest.TestCase):
    def setUp(self):
        self.key = f"/{os.environ['S3_BUCKET']}/{self.id().rpartition('.')[2]}"
        self.s3 = client()

    def code(self, reply):
        found = re.search(rb"<Code>(\w+)</Code>", reply[2])
        return reply[0], found and found[1].decode()

    def test_signatures_are_verified(self):
        self.s3.expect("PUT", self.key, body=CONTENT)
        self.assertEqual(self.s3.request("GET", self.key)[2], CONTENT)
        self.assertEqual(self.code(client(secret_key="x").request("PUT", self.key, b"x"))[0], 403)
        self.assertEqual(client(access_key="nobody").request("PUT", self.key, b"x")[0], 403)
        if SERVER == "swift":
            self.assertEqual(client(region="eu-west-9").request("PUT", self.key, b"x")[0], 400)

    def test_the_payload_is_verified(self):
        headers = self.s3.signed("PUT", self.key, [], b"x", {}, hashlib.sha256(b"other").hexdigest())
        connection = http.client.HTTPConnection(self.s3.host)
        connection.request("PUT", self.key, b"x", headers)
        self.assertEqual(connection.getresponse().status, 400)
        connection.close()
        wrong = base64.b64encode(hashlib.md5(b"other").digest()).decode()
        self.assertEqual(self.code(self.s3.request("PUT", self.key, b"x", headers={"content-md5": wrong})), (400, "BadDigest"))

    def test_ranges_and_lists(self):
        self.s3.expect("PUT", self.key, body=CONTENT)
        status, headers, body = self.s3.request("GET", self.key, headers={"range": "bytes=1000-1999"})
        self.assertEqual((status, body, headers["content-range"]), (206, CONTENT[1000:2000], f"bytes 1000-1999/{len(CONTENT)}"))
        self.assertEqual(self.s3.request("GET", self.key, headers={"range": f"bytes={len(CONTENT)}-"})[0], 416)
        listed = self.s3.expect("GET", "/" + os.environ["S3_BUCKET"], query=[("list-type", "2"), ("prefix", self.key.split("/")[2])])
        self.assertEqual(listed.count("<Contents>"), 1)

    def test_a_bucket_is_removed_whatever_is_in_it(self):
        bucket = os.environ["S3_BUCKET"] + "-other"
        self.s3.make_bucket(bucket)
        for key in ("a b", "x+y", "%41", "new\nline", "'\"`$HOME", "<&>", "\xe4", "..a"):
            self.s3.expect("PUT", f"/{bucket}/in {key}/{key}", body=b"x")
        self.s3.expect("POST", f"/{bucket}/'open' & not complete", query=[("uploads", "")])
        self.s3.remove_bucket(bucket)
        self.assertEqual(self.s3.request("GET", "/" + bucket)[0], 404)

    def test_uploads_in_parts(self):
        upload = re.search("<UploadId>([^<]+)", self.s3.expect("POST", self.key, query=[("uploads", "")]))[1]
        parts = [b"a" * (5 << 20), b"b"]
        etags = [self.s3.request("PUT", self.key, part, [("partNumber", str(i)), ("uploadId", upload)])[1]["etag"] for i, part in enumerate(parts, 1)]
        document = "".join(f"<Part><PartNumber>{i}</PartNumber><ETag>{etag}</ETag></Part>" for i, etag in enumerate(etags, 1))
        self.s3.expect("POST", self.key, body=f"<CompleteMultipartUpload>{document}</CompleteMultipartUpload>".encode(), query=[("uploadId", upload)])
        self.assertEqual(self.s3.request("GET", self.key)[2], b"".join(parts))

    @unittest.skipIf(SERVER == "swift", "Swift answers 501")
    def test_a_new_object_is_made_once(self):
        self.assertEqual(self.s3.request("PUT", self.key, b"1", headers={"if-none-match": "*"})[0], 200)
        self.assertEqual(self.s3.request("PUT", self.key, b"2", headers={"if-none-match": "*"})[0], 412)

    def test_tls_and_names_of_hosts(self):
        self.s3.expect("PUT", self.key, body=b"x")
        url = urllib.parse.urlsplit(os.environ["S3_ENDPOINT_TLS"])
        for ca, good in ((os.environ["S3_CA"], True), (None, False)):
            context = ssl.create_default_context(cafile=ca)
            with socket.create_connection(("127.0.0.1", url.port)) as plain:
                name = f"{os.environ['S3_BUCKET']}.{url.hostname}"
                if not good:
                    with self.assertRaises(ssl.SSLCertVerificationError):
                        context.wrap_socket(plain, server_hostname=name)
                    continue
                with context.wrap_socket(plain, server_hostname=name) as tls:
                    there = client()
                    there.host = f"{name}:{url.port}"
                    path = "/" + self.key.split("/")[2]
                    headers = "".join(f"{k}: {v}\r\n" for k, v in there.signed("GET", path, [], b"", {}).items())
                    tls.sendall(f"GET {path} HTTP/1.1\r\n{headers}connection: close\r\n\r\n".encode())
                    self.assertTrue(tls.recv(100).startswith(b"HTTP/1.1 200"))


@unittest.skipIf("FAULT_ENDPOINT" not in os.environ, "without the fault proxy")
class Faults(unittest.TestCase):
    def setUp(self):
        self.key = f"/{os.environ['S3_BUCKET']}/fault"
        self.direct, self.s3 = client(), client("FAULT_ENDPOINT")
        self.direct.expect("PUT", self.key, body=CONTENT)
        self.control("clear")

    def control(self, what):
        with urllib.request.urlopen(f"{os.environ['FAULT_CONTROL']}/{what}") as reply:
            return reply.read().decode()

    def arm(self, mode, **more):
        self.control("set?" + urllib.parse.urlencode({"mode": mode, "n": 1, **more}))

    def test_without_a_fault_nothing_changes(self):
        self.assertEqual(self.s3.request("GET", self.key)[2], CONTENT)
        self.s3.expect("PUT", self.key, body=CONTENT[:100])
        self.assertEqual(self.direct.request("GET", self.key)[2], CONTENT[:100])

    def test_errors(self):
        for mode, status, code in [("503", 503, "SlowDown"), ("500", 500, "InternalError"), ("429", 429, "TooManyRequests"),
                                   ("403", 403, "AccessDenied"), ("200err", 200, "InternalError")]:
            self.arm(mode, method="PUT", retry_after=7)
            self.assertEqual(self.s3.request("GET", self.key)[0], 200)
            reply = self.s3.request("PUT", self.key, b"lost")
            self.assertEqual(reply[0], status)
            self.assertIn(f"<Code>{code}</Code>".encode(), reply[2])
            self.assertEqual(reply[1]["retry-after"], "7")
            self.assertEqual(self.s3.request("GET", self.key)[2], CONTENT)

    def test_only_what_matches_and_after_how_many(self):
        self.arm("503", match="other")
        self.assertEqual(self.s3.request("GET", self.key)[0], 200)
        self.assertEqual(self.s3.request("GET", self.key + "-other")[0], 503)
        self.arm("503", skip=2, n=2)
        self.assertEqual([self.s3.request("GET", self.key)[0] for _ in range(5)], [200, 200, 503, 503, 200])

    def test_resets(self):
        self.arm("reset")
        with self.assertRaises(ConnectionResetError):
            self.s3.request("GET", self.key)
        self.arm("midreset", bytes=5000)
        with self.assertRaises((ConnectionResetError, http.client.IncompleteRead)):
            self.s3.request("GET", self.key)
        self.assertEqual(self.s3.request("GET", self.key)[2], CONTENT)

    def test_answers_that_are_cut_and_spoiled(self):
        self.arm("trunc", bytes=5000)
        with self.assertRaises(http.client.IncompleteRead) as found:
            self.s3.request("GET", self.key)
        self.assertEqual(len(found.exception.partial), 5000)
        self.arm("corrupt", bytes=7777)
        body = self.s3.request("GET", self.key)[2]
        self.assertEqual([i for i in range(len(CONTENT)) if body[i] != CONTENT[i]], [7777])

    def test_requests_that_are_spoiled_are_refused_by_the_server(self):
        for size in (1000, 3 << 20):
            self.arm("corruptput", bytes=500)
            self.assertIn(self.s3.request("PUT", self.key, b"z" * size)[0], (400, 403))
            self.assertEqual(self.direct.request("GET", self.key)[2], CONTENT)

    def test_the_lost_answer(self):
        self.arm("drop")
        with self.assertRaises((http.client.RemoteDisconnected, ConnectionResetError)):
            self.s3.request("PUT", self.key, b"arrived")
        for _ in range(50):
            if self.direct.request("GET", self.key)[2] == b"arrived":
                break
            time.sleep(0.1)
        self.assertEqual(self.direct.request("GET", self.key)[2], b"arrived")

    def test_time(self):
        started = time.monotonic()
        self.arm("delay", ms=300)
        self.assertEqual(self.s3.request("GET", self.key)[2], CONTENT)
        self.assertGreater(time.monotonic() - started, 0.29)
        started = time.monotonic()
        self.arm("slow", rate=5 * len(CONTENT) // 2)
        self.assertEqual(self.s3.request("GET", self.key)[2], CONTENT)
        self.assertGreater(time.monotonic() - started, 0.25)

    def test_no_answer(self):
        self.arm("hang")
        for endpoint in ("FAULT_ENDPOINT", "SILENT_ENDPOINT"):
            connection = http.client.HTTPConnection(urllib.parse.urlsplit(os.environ[endpoint]).netloc, timeout=0.5)
            connection.request("GET", self.key)
            with self.assertRaises(TimeoutError):
                connection.getresponse()
            connection.close()

    def test_the_log_tells_each_request(self):
        self.control("forget")
        self.s3.request("GET", self.key, headers={"range": "bytes=0-99"})
        method, uri, status, fault, _, size = self.control("log").split()
        self.assertEqual((method, uri, status, fault, size), ("GET", self.key, "206", "-", "100"))

    def test_zz_killed_while_it_is_asked(self):
        """Last by its name: nothing runs afterwards."""
        self.arm("hang")
        connection = http.client.HTTPConnection(self.s3.host, timeout=10)
        connection.request("GET", self.key)
        threading.Timer(0.3, os.kill, (int(os.environ["FAULT_PID"]), signal.SIGTERM)).start()
        with self.assertRaises((http.client.RemoteDisconnected, ConnectionResetError)):
            connection.getresponse()
        connection.close()
        for _ in range(50):
            try:
                socket.create_connection(tuple(self.s3.host.split(":"))).close()
            except ConnectionRefusedError:
                break
            except ConnectionResetError:
                pass  # taken by the system, and dropped with the process
            time.sleep(0.1)
        with self.assertRaises(ConnectionRefusedError):
            socket.create_connection(tuple(self.s3.host.split(":")))


if __name__ == "__main__":
    unittest.main()
