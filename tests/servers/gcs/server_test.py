"""The stand-in of Google Cloud Storage refuses what Google refuses: each rule that tests of the store rely on, from a client's side."""

import base64
import concurrent.futures
import datetime
import hashlib
import hmac
import http.client
import json
import pathlib
import re
import ssl
import subprocess
import sys
import tempfile
import time
import unittest
import urllib.parse

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import auth      # noqa: E402
import objects   # noqa: E402
import server    # noqa: E402

MIB = 1 << 20


def quoted(text, safe="-_.~"):
    return urllib.parse.quote(text, safe=safe)


def setUpModule():
    global folder, service, env
    folder = tempfile.TemporaryDirectory(prefix="tsnap-gcs-")
    service, env = server.start(pathlib.Path(folder.name))


def tearDownModule():
    service.stopping.set()
    folder.cleanup()


def raw(url, method, target, body=b"", headers=None, context=None):
    """(status, headers, body)"""
    parts = urllib.parse.urlsplit(url)
    connection = (http.client.HTTPSConnection(parts.netloc, context=context, timeout=30) if parts.scheme == "https" else
                  http.client.HTTPConnection(parts.netloc, timeout=30))
    try:
        connection.request(method, target, body, headers or {})
        reply = connection.getresponse()
        return reply.status, reply.headers, reply.read()
    finally:
        connection.close()


def sign_jwt(claims, header=None, pem=None):
    def part(value):
        return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()
    signed = f"{part(header or {'alg': 'RS256', 'typ': 'JWT', 'kid': service.authority.tokens.key_id})}.{part(claims)}"
    with tempfile.NamedTemporaryFile("w") as key:
        key.write(pem or service.authority.tokens.key.pem)
        key.flush()
        signature = subprocess.run(["openssl", "dgst", "-sha256", "-sign", key.name], input=signed.encode(), check=True,
                                   capture_output=True).stdout
    return f"{signed}.{base64.urlsafe_b64encode(signature).rstrip(b'=').decode()}"


def claims(**changes):
    now = int(time.time())
    tokens = service.authority.tokens
    return {"iss": tokens.email, "scope": "https://www.googleapis.com/auth/devstorage.read_write", "aud": tokens.token_uri, "iat": now,
            "exp": now + 3600, **changes}


def ask_token(assertion, grant=auth.JWT_GRANT, content_type="application/x-www-form-urlencoded"):
    status, _, body = raw(service.authority.tokens.token_uri, "POST", "/token",
                          urllib.parse.urlencode({"grant_type": grant, "assertion": assertion}), {"Content-Type": content_type})
    return status, json.loads(body)


class Gcs(unittest.TestCase):
    def setUp(self):
        status, reply = ask_token(sign_jwt(claims()))
        self.assertEqual(status, 200, reply)
        self.token = reply["access_token"]
        self.key = "/tsnap-gcs/" + self.id().rpartition(".")[2]

    def control(self, target):
        status, _, body = raw(env["GCS_CONTROL"], "GET", target)
        self.assertEqual(status, 200)
        return json.loads(body)

    def ask(self, method, target, body=b"", **headers):
        """A request with a token; headers with _ for -."""
        return raw(env["GCS_ENDPOINT"], method, target, body,
                   {"Authorization": "Bearer " + self.token, **{name.replace("_", "-"): value for name, value in headers.items()}})

    def expect(self, status, code, reply):
        found = re.search(rb"<Code>(\w+)</Code>", reply[2])
        self.assertEqual((reply[0], found and found[1].decode()), (status, code), reply[2])
        return reply

    def put(self, body, **headers):
        reply = self.ask("PUT", self.key, body, **headers)
        self.assertEqual(reply[0], 200, reply[2])
        return reply[1]["x-goog-generation"]


class Credentials(Gcs):
    def test_tokens_are_issued_for_good_assertions_only(self):
        other = auth.RsaKey()
        now = int(time.time())
        for why, assertion in {
            "another key": sign_jwt(claims(), pem=other.pem), "another account": sign_jwt(claims(iss="x@y")),
            "another audience": sign_jwt(claims(aud="https://oauth2.googleapis.com/token")), "too long": sign_jwt(claims(exp=now + 3700)),
            "expired": sign_jwt(claims(iat=now - 4000, exp=now - 1000)), "of the future": sign_jwt(claims(iat=now + 1000, exp=now + 2000)),
            "ends before it begins": sign_jwt(claims(exp=now - 10)), "no scope": sign_jwt(claims(scope="")),
            "an unknown scope": sign_jwt(claims(scope="everything")), "another algorithm": sign_jwt(claims(), {"alg": "HS256", "typ": "JWT"}),
            "another key id": sign_jwt(claims(), {"alg": "RS256", "typ": "JWT", "kid": "x"}), "times as texts": sign_jwt(claims(iat=str(now))),
            "padding": sign_jwt(claims()) + "=", "nothing": "", "no signature": sign_jwt(claims()).rpartition(".")[0] + ".",
        }.items():
            status, reply = ask_token(assertion)
            self.assertEqual(status, 400, why)
            self.assertIn(reply["error"], ("invalid_grant", "invalid_scope"), why)
        self.assertEqual(ask_token(sign_jwt(claims()), grant="password")[0], 400)
        self.assertEqual(ask_token(sign_jwt(claims()), content_type="application/json")[0], 400)
        self.assertEqual(ask_token(sign_jwt(claims()))[1]["token_type"], "Bearer")

    def test_tokens_expire(self):
        self.assertEqual(self.ask("PUT", self.key, b"x")[0], 200)
        self.control("/expire")
        status, headers, _ = self.expect(401, "AuthenticationRequired", self.ask("GET", self.key))
        self.assertIn("Bearer", headers["WWW-Authenticate"])
        self.control("/lifetime?seconds=2")
        self.token = ask_token(sign_jwt(claims()))[1]["access_token"]
        self.control("/lifetime?seconds=3600")
        self.assertEqual(self.ask("GET", self.key)[0], 200)
        self.control("/clock?offset=3")
        self.expect(401, "AuthenticationRequired", self.ask("GET", self.key))
        self.control("/clock?offset=0")

    def test_tokens_that_were_not_issued_are_refused(self):
        self.token = "ya29.c.made-up"
        self.expect(401, "AuthenticationRequired", self.ask("PUT", self.key, b"x"))
        self.expect(403, "AccessDenied", raw(env["GCS_ENDPOINT"], "GET", self.key))
        self.expect(400, "InvalidArgument", raw(env["GCS_ENDPOINT"], "GET", self.key, headers={"Authorization": "Basic eDp5"}))

    def test_a_scope_to_read_is_none_to_write(self):
        self.put(b"x")
        self.token = ask_token(sign_jwt(claims(scope="https://www.googleapis.com/auth/devstorage.read_only")))[1]["access_token"]
        self.assertEqual(self.ask("GET", self.key)[0], 200)
        self.expect(403, "AccessDenied", self.ask("PUT", self.key, b"y"))
        self.expect(403, "AccessDenied", self.ask("DELETE", self.key))

    def test_users_refresh_their_tokens(self):
        user = json.loads(pathlib.Path(env["GCS_AUTHORIZED_USER"]).read_text())

        def refresh(**changes):
            form = {"grant_type": "refresh_token", **{name: user[name] for name in ("client_id", "client_secret", "refresh_token")}, **changes}
            status, _, body = raw(user["token_uri"], "POST", "/token", urllib.parse.urlencode(form),
                                  {"Content-Type": "application/x-www-form-urlencoded"})
            return status, json.loads(body)
        self.token = refresh()[1]["access_token"]
        self.put(b"x")
        self.assertEqual(refresh(client_secret="x")[0], 401)
        self.assertEqual(refresh(refresh_token="x")[1]["error"], "invalid_grant")

    def test_the_metadata_server_wants_its_header(self):
        host, path = "http://" + env["GCE_METADATA_HOST"], "/computeMetadata/v1/instance/service-accounts/default/token"
        self.assertEqual(raw(host, "GET", path)[0], 403)
        self.assertEqual(raw(host, "GET", path, headers={"Metadata-Flavor": "google"})[0], 403)
        self.assertEqual(raw(host, "GET", path, headers={"Metadata-Flavor": "Google", "X-Forwarded-For": "1.2.3.4"})[0], 403)
        self.assertEqual(raw(host, "GET", path.replace("default", "other"), headers={"Metadata-Flavor": "Google"})[0], 404)
        status, headers, body = raw(host, "GET", path, headers={"Metadata-Flavor": "Google"})
        self.assertEqual((status, headers["Metadata-Flavor"]), (200, "Google"))
        self.token = json.loads(body)["access_token"]
        self.put(b"x")


class Signatures(Gcs):
    def signed(self, method, path, body=b"", query=(), headers=None, family="goog", *, algorithm=None, secret=None, access=None, location="auto",
               service_name=None, date=None, payload=None, sign=None, spoil=lambda headers: None):
        prefix = "GOOG4" if family == "goog" else "AWS4"
        date = date or datetime.datetime.now(datetime.timezone.utc).strftime("%Y%m%dT%H%M%SZ")
        headers = {"host": urllib.parse.urlsplit(env["GCS_ENDPOINT"]).netloc, f"x-{family}-date": date,
                   f"x-{family}-content-sha256": payload or hashlib.sha256(body).hexdigest(), **(headers or {})}
        names = sorted(sign or headers)
        canonical = "\n".join([method, quoted(path, "/-_.~"), "&".join(f"{quoted(k)}={quoted(v)}" for k, v in sorted(query)),
                               *(f"{name}:{headers[name]}" for name in names), "", ";".join(names), headers[f"x-{family}-content-sha256"]])
        scope = [date[:8], location, service_name or ("storage" if family == "goog" else "s3"), prefix.lower() + "_request"]
        to_sign = f"{prefix}-HMAC-SHA256\n{date}\n{'/'.join(scope)}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
        key = (prefix + (secret or env["GCS_SECRET_KEY"])).encode()
        for part in scope:
            key = hmac.new(key, part.encode(), hashlib.sha256).digest()
        headers["authorization"] = (f"{algorithm or prefix + '-HMAC-SHA256'} Credential={access or env['GCS_ACCESS_KEY']}/{'/'.join(scope)}, "
                                    f"SignedHeaders={';'.join(names)}, Signature={hmac.new(key, to_sign.encode(), hashlib.sha256).hexdigest()}")
        spoil(headers)
        target = quoted(path, "/-_.~") + ("?" + "&".join(f"{quoted(k)}={quoted(v)}" for k, v in query) if query else "")
        return raw(env["GCS_ENDPOINT"], method, target, body, headers)

    def test_both_algorithms_are_verified(self):
        for family in ("goog", "amz"):
            path = f"{self.key}/{family} ä+&=%41"
            self.assertEqual(self.signed("PUT", path, b"bytes", family=family)[0], 200)
            self.assertEqual(self.signed("GET", path, family=family, location="us-east-1")[2], b"bytes")
            self.assertEqual(self.signed("GET", path, family=family, payload="UNSIGNED-PAYLOAD")[2], b"bytes")
            self.assertEqual(self.signed("GET", "/tsnap-gcs", query=[("list-type", "2"), ("prefix", "a b+ä")], family=family)[0], 200)
            for status, code, changes in [
                (403, "SignatureDoesNotMatch", {"secret": "x"}), (403, "InvalidAccessKeyId", {"access": "GOOG1EXXX"}),
                (400, "InvalidArgument", {"service_name": "ec2"}),
                (403, "RequestTimeTooSkewed", {"date": time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(time.time() - 1000))}),
                (403, "RequestTimeTooSkewed", {"date": time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(time.time() + 1000))}),
                (400, "BadDigest", {"payload": hashlib.sha256(b"other").hexdigest()}),
                (403, "SignatureDoesNotMatch", {"sign": ["host"]}),
                (403, "SignatureDoesNotMatch", {"sign": [f"x-{family}-date", f"x-{family}-content-sha256"]}),
                (403, "SignatureDoesNotMatch", {"headers": {"accept-encoding": "gzip"}}),
                (400, "InvalidArgument", {"algorithm": "GOOG4-RSA-SHA256"}),
                (403, "SignatureDoesNotMatch", {"spoil": lambda headers: headers.update({f"x-{family}-meta-late": "1"})}),
            ]:
                with self.subTest(family=family, **changes):
                    self.expect(status, code, self.signed("PUT", path, b"bytes", family=family, **changes))

    def test_the_two_families_of_headers_do_not_mix(self):
        self.expect(400, "ExcessHeaderValues", self.signed("PUT", self.key, b"x", headers={"x-goog-if-generation-match": "0"}, family="amz"))
        self.expect(400, "ExcessHeaderValues", self.ask("PUT", self.key, b"x", x_amz_date="20260101T000000Z", x_goog_hash="crc32c=AAAAAA=="))
        self.assertEqual(self.signed("PUT", self.key, b"x", headers={"x-goog-if-generation-match": "0"})[0], 200)
        self.expect(412, "PreconditionFailed", self.signed("PUT", self.key, b"x", headers={"x-goog-if-generation-match": "0"}))

    def test_a_condition_that_only_amazon_knows_is_ignored(self):
        for _ in range(2):
            self.assertEqual(self.signed("PUT", self.key, b"x", headers={"x-amz-if-generation-match": "0", "if-none-match": "*"},
                                         family="amz")[0], 200)


class Objects(Gcs):
    def test_generations_guard_writes(self):
        first = self.put(b"1", x_goog_if_generation_match="0")
        self.expect(412, "PreconditionFailed", self.ask("PUT", self.key, b"2", x_goog_if_generation_match="0"))
        second = self.put(b"2", x_goog_if_generation_match=first)
        self.assertGreater(int(second), int(first))
        for method in ("PUT", "GET", "DELETE", "HEAD"):
            self.assertEqual(self.ask(method, self.key, x_goog_if_generation_match=first)[0], 412, method)
        self.expect(412, "PreconditionFailed", self.ask("PUT", self.key, b"3", x_goog_if_metageneration_match="2"))
        self.expect(400, "InvalidArgument", self.ask("PUT", self.key, b"3", x_goog_if_generation_match='"etag"'))
        self.assertEqual(self.ask("GET", self.key + "?generation=" + second)[2], b"2")
        self.expect(404, "NoSuchKey", self.ask("GET", self.key + "?generation=" + first))
        self.assertEqual(self.ask("DELETE", self.key, x_goog_if_generation_match=second)[0], 204)
        self.expect(404, "NoSuchKey", self.ask("DELETE", self.key))
        self.expect(412, "PreconditionFailed", self.ask("PUT", self.key, b"3", x_goog_if_generation_match=second))

    def test_of_many_that_create_one_wins(self):
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            for round in range(10):
                asked = pool.map(lambda i: self.ask("PUT", f"{self.key}/{round}", b"%d" % i, x_goog_if_generation_match="0")[0], range(8))
                self.assertEqual(sorted(asked), [200] + [412] * 7)

    def test_if_match_is_for_reads_only(self):
        self.put(b"1")
        etag = self.ask("HEAD", self.key)[1]["ETag"]
        self.put(b"2", If_None_Match="*", If_Match='"other"')
        self.expect(412, "PreconditionFailed", self.ask("GET", self.key, If_Match=etag))
        etag = self.ask("HEAD", self.key)[1]["ETag"]
        self.assertEqual(self.ask("GET", self.key, If_None_Match=etag)[0], 304)

    def test_checksums_are_verified_and_told(self):
        self.assertEqual(objects.crc32c(b"123456789"), 0xE3069283)
        self.assertEqual(objects.crc32c_text(b"123456789"), "4waSgw==")
        self.assertEqual(objects.crc32c_by_table()(b"123456789"), 0xE3069283)
        right, wrong = objects.crc32c_text(b"bytes"), objects.crc32c_text(b"bytez")
        little = base64.b64encode(base64.b64decode(right)[::-1]).decode()
        for value in (f"crc32c={wrong}", f"crc32c={little}", f"md5={objects.md5_text(b'x')}", f"crc32c={right},md5={objects.md5_text(b'x')}"):
            self.expect(400, "BadDigest", self.ask("PUT", self.key, b"bytes", x_goog_hash=value))
        self.expect(400, "InvalidDigest", self.ask("PUT", self.key, b"bytes", x_goog_hash="crc32c=12345678"))
        self.expect(400, "InvalidArgument", self.ask("PUT", self.key, b"bytes", x_goog_hash="sha1=x"))
        self.expect(400, "BadDigest", self.ask("PUT", self.key, b"bytes", Content_MD5=objects.md5_text(b"x")))
        self.expect(404, "NoSuchKey", self.ask("GET", self.key))
        self.put(b"bytes", x_goog_hash=f"crc32c={right}", Content_MD5=objects.md5_text(b"bytes"))
        for method in ("GET", "HEAD"):
            headers = self.ask(method, self.key, Range="bytes=1-2")[1]
            self.assertEqual(headers.get_all("x-goog-hash"), [f"crc32c={right}", "md5=" + objects.md5_text(b"bytes")])
            self.assertEqual(headers["x-goog-stored-content-length"], "5")

    def test_ranges(self):
        self.put(bytes(range(100)))
        for given, first, last in [("0-9", 0, 9), ("90-", 90, 99), ("-10", 90, 99), ("95-200", 95, 99), ("-200", 0, 99)]:
            status, headers, body = self.ask("GET", self.key, Range="bytes=" + given)
            self.assertEqual((status, body, headers["Content-Range"]), (206, bytes(range(first, last + 1)), f"bytes {first}-{last}/100"))
        for given in ("100-", "100-101", "-0"):
            self.expect(416, "InvalidRange", self.ask("GET", self.key, Range="bytes=" + given))
        for given in ("bytes=9-1", "bytes=a-b", "lines=1-2"):
            self.assertEqual(self.ask("GET", self.key, Range=given)[0], 200)

    def test_names(self):
        for name in ("a%0Ab", "a%0Db", ".", "..", ".well-known/acme-challenge/x", "n" * 1025):
            self.expect(400, "InvalidObjectName", self.ask("PUT", "/tsnap-gcs/" + name, b"x"))
        self.expect(400, "InvalidURI", self.ask("PUT", self.key + "%zz", b"x"))
        for name in ("a%20b+c", "%252F", "%C3%A4", "tab%09", "..a"):
            self.assertEqual(self.ask("PUT", f"{self.key}/{name}", b"x")[0], 200)

    def test_what_is_not_there(self):
        self.expect(404, "NoSuchBucket", self.ask("GET", "/no-such-bucket/a"))
        self.expect(404, "NoSuchBucket", self.ask("PUT", "/no-such-bucket/a", b"x"))
        self.expect(404, "NoSuchBucket", self.ask("GET", "/no-such-bucket?list-type=2"))
        self.assertEqual(self.ask("HEAD", self.key)[0], 404)
        self.expect(411, "MissingContentLength", self.without_length())

    def without_length(self):
        connection = http.client.HTTPConnection(urllib.parse.urlsplit(env["GCS_ENDPOINT"]).netloc)
        connection.putrequest("PUT", self.key)
        connection.putheader("Authorization", "Bearer " + self.token)
        connection.endheaders()
        reply = connection.getresponse()
        found = reply.status, reply.headers, reply.read()
        connection.close()
        return found

    def test_copies_and_compositions(self):
        generation = self.put(b"abc")
        source = "/tsnap-gcs" + self.key[len("/tsnap-gcs"):]
        self.assertEqual(self.ask("PUT", self.key + "-copy", x_goog_copy_source=source, x_goog_copy_source_generation=generation)[0], 200)
        self.expect(412, "PreconditionFailed", self.ask("PUT", self.key + "-copy", x_goog_copy_source=source, x_goog_if_generation_match="0"))
        self.expect(404, "NoSuchKey", self.ask("PUT", self.key + "-copy", x_goog_copy_source=source + "-missing"))
        self.expect(400, "InvalidArgument", self.ask("PUT", self.key + "-copy", b"x", x_goog_copy_source=source))
        name = self.key[len("/tsnap-gcs/"):]
        document = f"<ComposeRequest><Component><Name>{name}</Name></Component><Component><Name>{name}-copy</Name></Component></ComposeRequest>"
        self.assertEqual(self.ask("PUT", self.key + "-both?compose", document.encode(), x_goog_if_generation_match="0")[0], 200)
        self.assertEqual(self.ask("GET", self.key + "-both")[2], b"abcabc")
        self.assertIsNone(re.search("md5", str(self.ask("HEAD", self.key + "-both")[1])))
        self.expect(412, "PreconditionFailed", self.ask("PUT", self.key + "-both?compose", document.encode(), x_goog_if_generation_match="0"))

    def test_who_writes_one_name_too_often_is_told_to_slow_down(self):
        self.control("/interval?seconds=1")
        try:
            self.put(b"1")
            self.expect(429, "SlowDown", self.ask("PUT", self.key, b"2"))
        finally:
            self.control("/interval?seconds=0")

    def test_tls_has_a_certificate_of_its_own_authority(self):
        headers = {"Authorization": "Bearer " + self.token}
        with self.assertRaises(ssl.SSLCertVerificationError):
            raw(env["GCS_ENDPOINT_TLS"], "GET", self.key, headers=headers, context=ssl.create_default_context())
        context = ssl.create_default_context(cafile=env["GCS_CA"])
        self.assertEqual(raw(env["GCS_ENDPOINT_TLS"], "PUT", self.key, b"x", headers, context)[0], 200)

    def test_a_connection_serves_many_requests(self):
        connection = http.client.HTTPConnection(urllib.parse.urlsplit(env["GCS_ENDPOINT"]).netloc)
        for i in range(20):
            connection.request(("PUT", "GET", "HEAD", "DELETE")[i % 4], self.key, b"x" if i % 4 == 0 else None,
                               {"Authorization": "Bearer " + self.token})
            reply = connection.getresponse()
            self.assertIn(reply.status, (200, 204))
            reply.read()
        connection.close()


class Uploads(Gcs):
    def start(self, **headers):
        reply = self.ask("POST", self.key + "?uploads", **headers)
        self.assertEqual(reply[0], 200, reply[2])
        return re.search(rb"<UploadId>([^<]+)<", reply[2])[1].decode()

    def part(self, upload, number, body, **headers):
        return self.ask("PUT", f"{self.key}?partNumber={number}&uploadId={upload}", body, **headers)

    def complete(self, upload, parts, **headers):
        document = "".join(f"<Part><PartNumber>{number}</PartNumber><ETag>{etag}</ETag></Part>" for number, etag in parts)
        return self.ask("POST", f"{self.key}?uploadId={upload}",
                        f"<CompleteMultipartUpload>{document}</CompleteMultipartUpload>".encode(), **headers)

    def test_parts_become_an_object(self):
        upload, pieces = self.start(), [b"a" * 5 * MIB, b"b" * 5 * MIB, b"c"]
        etags = [self.part(upload, i + 1, piece, x_goog_hash="crc32c=" + objects.crc32c_text(piece))[1]["ETag"] for i, piece in enumerate(pieces)]
        self.assertEqual(self.ask("GET", f"{self.key}?uploadId={upload}")[2].count(b"<Part>"), 3)
        self.expect(404, "NoSuchKey", self.ask("GET", self.key))
        reply = self.complete(upload, list(enumerate(etags, 1)))
        self.assertEqual(reply[0], 200, reply[2])
        self.assertEqual(self.ask("GET", self.key)[2], b"".join(pieces))
        headers = self.ask("HEAD", self.key)[1]
        self.assertEqual(headers.get_all("x-goog-hash"), ["crc32c=" + objects.crc32c_text(b"".join(pieces))])
        self.expect(404, "NoSuchUpload", self.complete(upload, list(enumerate(etags, 1))))

    def test_what_is_wrong_with_parts_is_told(self):
        upload = self.start()
        small, large = self.part(upload, 1, b"small")[1]["ETag"], self.part(upload, 2, b"x" * 5 * MIB)[1]["ETag"]
        self.expect(400, "EntityTooSmall", self.complete(upload, [(1, small), (2, large)]))
        self.expect(400, "InvalidPartOrder", self.complete(upload, [(2, large), (1, small)]))
        self.expect(400, "InvalidPartOrder", self.complete(upload, []))
        self.expect(400, "InvalidPart", self.complete(upload, [(1, small), (3, large)]))
        self.expect(400, "InvalidPart", self.complete(upload, [(1, large)]))
        self.expect(400, "MalformedXMLError", self.ask("POST", f"{self.key}?uploadId={upload}", b"<Complete"))
        self.expect(400, "BadDigest", self.part(upload, 3, b"x", x_goog_hash="crc32c=" + objects.crc32c_text(b"y")))
        for number in ("0", "10001", "x"):
            self.expect(400, "InvalidArgument", self.part(upload, number, b"x"))
        self.expect(404, "NoSuchUpload", self.part("unknown", 1, b"x"))
        self.assertEqual(self.ask("DELETE", f"{self.key}?uploadId={upload}")[0], 204)
        self.expect(404, "NoSuchUpload", self.part(upload, 1, b"x"))

    def test_uploads_have_no_preconditions(self):
        self.expect(400, "NotImplemented", self.ask("POST", self.key + "?uploads", x_goog_if_generation_match="0"))
        upload = self.start()
        self.expect(400, "NotImplemented", self.part(upload, 1, b"x", x_goog_if_generation_match="0"))
        etag = self.part(upload, 1, b"x")[1]["ETag"]
        self.expect(400, "NotImplemented", self.complete(upload, [(1, etag)], x_goog_if_generation_match="0"))

    def test_open_uploads_are_listed_in_pages(self):
        uploads = sorted(self.start() for _ in range(5))
        prefix, found, markers = quoted(self.key[len("/tsnap-gcs/"):]), [], ""
        while True:
            body = self.ask("GET", f"/tsnap-gcs?uploads&max-uploads=2&prefix={prefix}{markers}")[2].decode()
            found += re.findall("<UploadId>([^<]+)", body)
            if "<IsTruncated>false" in body:
                break
            markers = "&key-marker={}&upload-id-marker={}".format(*re.search("<NextKeyMarker>([^<]+)</NextKeyMarker><NextUploadIdMarker>([^<]+)",
                                                                             body).groups())
        self.assertEqual(found, uploads)
        self.assertEqual(sum("/tsnap-gcs/" + one["key"] == self.key for one in self.control("/uploads")), 5)


class Lists(Gcs):
    def names(self, query):
        names, token = [], ""
        for _ in range(100):
            status, _, body = self.ask("GET", f"/tsnap-gcs?{query}{token}")
            self.assertEqual(status, 200, body)
            body = body.decode()
            names += re.findall("<Contents><Key>([^<]*)", body) + re.findall("<CommonPrefixes><Prefix>([^<]*)", body)
            if "<IsTruncated>false" in body:
                return names
            token = "&" + ("continuation-token=" if "list-type" in query else "marker=") + \
                re.search("<Next(?:ContinuationToken|Marker)>([^<]+)", body)[1]
        self.fail("it does not end")

    def test_lists_are_sorted_and_come_in_pages(self):
        prefix = self.key[len("/tsnap-gcs/"):]
        for name in ("a/1", "a/2", "b", "c/1/2", "c/3", "d e"):
            self.assertEqual(self.ask("PUT", f"{self.key}/{quoted(name, '/')}", b"x")[0], 200)
        for version in ("list-type=2&", ""):
            for most in (1, 2, 1000):
                query = f"{version}prefix={prefix}/&max-keys={most}"
                self.assertEqual(self.names(query), [f"{prefix}/{name}" for name in ("a/1", "a/2", "b", "c/1/2", "c/3", "d e")])
                self.assertEqual(sorted(self.names(query + "&delimiter=/")), [f"{prefix}/{name}" for name in ("a/", "b", "c/", "d e")])
        self.assertEqual(self.names(f"list-type=2&prefix={prefix}/d&encoding-type=url"), [f"{prefix}/d%20e"])
        for wrong in ("list-type=3", "list-type=2&marker=a", "continuation-token=61", "max-keys=x", "versions"):
            self.assertEqual(self.ask("GET", "/tsnap-gcs?" + wrong)[0], 400, wrong)

    def test_many_are_deleted_at_once(self):
        for name in ("a", "b"):
            self.ask("PUT", f"{self.key}/{name}", b"x")
        prefix = self.key[len("/tsnap-gcs/"):]
        document = "".join(f"<Object><Key>{prefix}/{name}</Key></Object>" for name in ("a", "b", "never there"))
        status, _, body = self.ask("POST", "/tsnap-gcs?delete", f"<Delete>{document}</Delete>".encode())
        self.assertEqual((status, body.count(b"<Deleted>")), (200, 3))
        self.assertEqual(self.names(f"list-type=2&prefix={prefix}/"), [])
        self.expect(400, "MalformedXMLError", self.ask("POST", "/tsnap-gcs?delete", b"<Delete></Delete>"))


class Control(Gcs):
    def test_requests_fail_and_are_counted(self):
        self.control("/reset")
        self.control("/fail?status=503&n=2&method=PUT&code=SlowDown")
        self.assertEqual(self.ask("GET", self.key)[0], 404)
        for _ in range(2):
            self.expect(503, "SlowDown", self.ask("PUT", self.key, b"x"))
        self.put(b"x")
        counts = self.control("/stats")
        self.assertEqual(counts["requests"], {"GET": 1, "PUT": 3})
        self.assertEqual(counts["refused"], {"NoSuchKey": 1, "SlowDown": 2})

    def test_a_request_can_go_without_an_answer(self):
        self.control("/stall?n=1")
        connection = http.client.HTTPConnection(urllib.parse.urlsplit(env["GCS_ENDPOINT"]).netloc, timeout=0.5)
        connection.request("GET", self.key, headers={"Authorization": "Bearer " + self.token})
        with self.assertRaises(TimeoutError):
            connection.getresponse()
        connection.close()
        self.put(b"x")


if __name__ == "__main__":
    unittest.main()
