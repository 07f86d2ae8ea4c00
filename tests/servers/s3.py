"""A small S3 client for tests: it signs (AWS Signature Version 4) and knows nothing of tsnap.

    s3 = Client("http://127.0.0.1:18100", "ACCESS", "SECRET")
    status, headers, body = s3.request("PUT", "/bucket/key", b"bytes")
"""

import datetime
import hashlib
import hmac
import http.client
import re
import urllib.parse
from xml.sax.saxutils import unescape


def quoted(text, safe="-_.~"):
    return urllib.parse.quote(text, safe=safe)


class Client:
    def __init__(self, endpoint, access_key, secret_key, region="us-east-1"):
        self.host = urllib.parse.urlsplit(endpoint).netloc
        self.access_key, self.secret_key, self.region = access_key, secret_key, region

    def signed(self, method, path, query, body, more, payload_hash=None):
        """The headers that make the request good. path: not quoted; query: pairs."""
        now = datetime.datetime.now(datetime.timezone.utc).strftime("%Y%m%dT%H%M%SZ")
        headers = {"host": self.host, "x-amz-date": now,
                   "x-amz-content-sha256": payload_hash or hashlib.sha256(body).hexdigest(),
                   **{name.lower(): value for name, value in more.items()}}
        names = ";".join(sorted(headers))
        canonical = "\n".join([
            method, quoted(path, "/-_.~"), "&".join(f"{quoted(k)}={quoted(v)}" for k, v in sorted(query)),
            *(f"{name}:{headers[name].strip()}" for name in sorted(headers)), "", names, headers["x-amz-content-sha256"]])
        scope = f"{now[:8]}/{self.region}/s3/aws4_request"
        to_sign = f"AWS4-HMAC-SHA256\n{now}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
        key = ("AWS4" + self.secret_key).encode()
        for part in (now[:8], self.region, "s3", "aws4_request"):
            key = hmac.new(key, part.encode(), hashlib.sha256).digest()
        signature = hmac.new(key, to_sign.encode(), hashlib.sha256).hexdigest()
        headers["authorization"] = (f"AWS4-HMAC-SHA256 Credential={self.access_key}/{scope}, SignedHeaders={names}, "
                                    f"Signature={signature}")
        return headers

    def request(self, method, path, body=b"", query=(), headers=None):
        connection = http.client.HTTPConnection(self.host, timeout=60)
        try:
            target = quoted(path, "/-_.~")
            if query:
                target += "?" + "&".join(f"{quoted(k)}={quoted(v)}" for k, v in query)
            connection.request(method, target, body, self.signed(method, path, query, body, headers or {}))
            reply = connection.getresponse()
            return reply.status, reply.headers, reply.read()
        finally:
            connection.close()

    def expect(self, method, path, good=(200, 204), **more):
        status, _, body = self.request(method, path, **more)
        if status not in good:
            raise RuntimeError(f"{method} {path}: {status} {body.decode(errors='replace')[:500]}")
        return body.decode()

    def make_bucket(self, bucket):
        self.expect("PUT", "/" + bucket)

    def remove_bucket(self, bucket):
        """With all that is in it, open uploads as well."""
        def texts(body, tag):
            return [urllib.parse.unquote(unescape(text, {"&apos;": "'", "&quot;": '"'}))
                    for text in re.findall(rf"<{tag}>([^<]*)</{tag}>", body)]
        before = None
        while keys := texts(self.expect("GET", "/" + bucket, query=[("list-type", "2"), ("encoding-type", "url")]), "Key"):
            if keys == before:
                raise RuntimeError(f"{keys[:3]} cannot be removed")
            before = keys
            for key in keys:
                self.expect("DELETE", f"/{bucket}/{key}", good=(200, 204, 404))
        while True:
            body = self.expect("GET", "/" + bucket, query=[("uploads", ""), ("encoding-type", "url")])
            uploads = list(zip(texts(body, "Key"), texts(body, "UploadId")))
            if not uploads:
                break
            for key, upload in uploads:
                self.expect("DELETE", f"/{bucket}/{key}", good=(200, 204, 404), query=[("uploadId", upload)])
        self.expect("DELETE", "/" + bucket, good=(200, 204, 404))
