"""Who may ask the stand-in of Google Cloud Storage: OAuth 2.0 tokens and HMAC signatures, verified as Google publishes it.

    https://developers.google.com/identity/protocols/oauth2/service-account
    https://cloud.google.com/storage/docs/authentication/signatures
    https://cloud.google.com/storage/docs/authentication/canonical-requests
    https://cloud.google.com/compute/docs/metadata/querying-metadata

Knows nothing of buckets and objects.
"""

import base64
import hashlib
import hmac
import json
import re
import secrets
import subprocess
import threading
import time
import urllib.parse

MAY_WRITE = {"https://www.googleapis.com/auth/devstorage.full_control", "https://www.googleapis.com/auth/devstorage.read_write",
             "https://www.googleapis.com/auth/cloud-platform"}
MAY_READ = MAY_WRITE | {"https://www.googleapis.com/auth/devstorage.read_only",
                        "https://www.googleapis.com/auth/cloud-platform.read-only"}
JWT_GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
LONGEST_ASSERTION_SECONDS = 3600
CLOCK_SKEW_SECONDS = 300          # of assertions
SIGNATURE_SKEW_SECONDS = 15 * 60
# Google's front end rewrites it before the signature is looked at, so who signs it fails.
REWRITTEN_HEADERS = {"accept-encoding"}


class Denied(Exception):
    """status and code of the XML answer."""

    def __init__(self, status, code, details):
        super().__init__(details)
        self.status, self.code, self.details = status, code, details


class Clock:
    def __init__(self):
        self.offset_seconds = 0.0

    def now(self):
        return time.time() + self.offset_seconds


# --- RSA, with nothing but the standard library ---

# The DER encoding of "SHA-256, and here is the digest" (RFC 8017, 9.2).
SHA256_PREFIX = bytes.fromhex("3031300d060960864801650304020105000420")


class RsaKey:
    """A fresh private key as PEM, and its public half as numbers."""

    def __init__(self):
        self.pem = subprocess.run(["openssl", "genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"], check=True,
                                  capture_output=True, text=True).stdout
        text = subprocess.run(["openssl", "rsa", "-noout", "-modulus"], input=self.pem, check=True, capture_output=True,
                              text=True).stdout
        self.modulus, self.exponent = int(text.strip().split("=")[1], 16), 65537

    def verifies(self, message, signature):
        size = (self.modulus.bit_length() + 7) // 8
        if len(signature) != size:
            return False
        found = pow(int.from_bytes(signature, "big"), self.exponent, self.modulus).to_bytes(size, "big")
        tail = b"\0" + SHA256_PREFIX + hashlib.sha256(message).digest()
        return hmac.compare_digest(found, b"\0\1" + b"\xff" * (size - 2 - len(tail)) + tail)


def from_base64url(text):
    if not re.fullmatch(r"[A-Za-z0-9_-]+", text):
        raise ValueError("not base64url without padding")
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


class Tokens:
    """Issues bearer tokens to service accounts, users and the metadata server, and knows which are good."""

    def __init__(self, clock):
        self.clock, self.lifetime_seconds = clock, 3600
        self.key, self.key_id = RsaKey(), secrets.token_hex(20)
        self.email = "tsnap-test@tsnap-test-project.iam.gserviceaccount.com"
        self.client_id, self.client_secret = "tsnap-test.apps.googleusercontent.com", secrets.token_hex(12)
        self.refresh_token = "1//" + secrets.token_urlsafe(24)
        self.lock = threading.Lock()
        self.issued = {}   # token -> (expires, scopes); guarded by lock
        self.token_uri = ""

    def issue(self, scopes):
        token = "ya29.c." + secrets.token_urlsafe(60)
        with self.lock:
            self.issued[token] = (self.clock.now() + self.lifetime_seconds, scopes)
        return {"access_token": token, "expires_in": int(self.lifetime_seconds), "token_type": "Bearer"}

    def expire_all(self):
        with self.lock:
            self.issued = {token: (0, scopes) for token, (_, scopes) in self.issued.items()}

    def check(self, token, write):
        with self.lock:
            expires, scopes = self.issued.get(token, (0, set()))
        if expires <= self.clock.now():
            raise Denied(401, "AuthenticationRequired", "Invalid or expired access token.")
        if not scopes & (MAY_WRITE if write else MAY_READ):
            raise Denied(403, "AccessDenied", "Provided scope(s) are not authorized.")

    def grant(self, content_type, body):
        """What the token endpoint answers: status and JSON."""
        if content_type.split(";")[0].strip() != "application/x-www-form-urlencoded":
            return 400, {"error": "invalid_request", "error_description": "Bad content type."}
        form = urllib.parse.parse_qs(body.decode(errors="replace"))
        grant_type = form.get("grant_type", [""])[0]
        if grant_type == JWT_GRANT:
            return self.grant_assertion(form.get("assertion", [""])[0])
        if grant_type == "refresh_token":
            if form.get("client_id") != [self.client_id] or form.get("client_secret") != [self.client_secret]:
                return 401, {"error": "invalid_client", "error_description": "The OAuth client was not found."}
            if form.get("refresh_token") != [self.refresh_token]:
                return 400, {"error": "invalid_grant", "error_description": "Bad Request"}
            return 200, self.issue({"https://www.googleapis.com/auth/cloud-platform"})
        return 400, {"error": "unsupported_grant_type", "error_description": f"Invalid grant_type: {grant_type}"}

    def grant_assertion(self, assertion):
        def refuse(error, text):
            return 400, {"error": error, "error_description": text}
        parts = assertion.split(".")
        try:
            header, claims, signature = json.loads(from_base64url(parts[0])), json.loads(from_base64url(parts[1])), from_base64url(parts[2])
        except (ValueError, IndexError):
            return refuse("invalid_grant", "Bad Request")
        if len(parts) != 3 or header.get("alg") != "RS256" or header.get("typ", "JWT") != "JWT":
            return refuse("invalid_grant", "Invalid JWT: it must be signed with RS256.")
        if header.get("kid", self.key_id) != self.key_id or claims.get("iss") != self.email:
            return refuse("invalid_grant", "Invalid grant: account not found")
        if not self.key.verifies(f"{parts[0]}.{parts[1]}".encode(), signature):
            return refuse("invalid_grant", "Invalid JWT Signature.")
        if claims.get("aud") != self.token_uri:
            return refuse("invalid_grant", "Invalid JWT: Failed audience check. The right audience is " + self.token_uri)
        issued, expires, now = claims.get("iat"), claims.get("exp"), self.clock.now()
        if type(issued) is not int or type(expires) is not int:
            return refuse("invalid_grant", "Invalid JWT: iat and exp must be whole numbers.")
        if issued > now + CLOCK_SKEW_SECONDS or expires <= now - CLOCK_SKEW_SECONDS or not 0 < expires - issued <= LONGEST_ASSERTION_SECONDS:
            return refuse("invalid_grant", "Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe. "
                          "Check your iat and exp values in the JWT claim.")
        scopes = set(str(claims.get("scope", "")).split())
        if not scopes:
            return refuse("invalid_scope", "Empty or missing scope not allowed.")
        if unknown := scopes - MAY_READ:
            return refuse("invalid_scope", f"Some requested scopes were invalid: {sorted(unknown)}")
        return 200, self.issue(scopes)

    def metadata(self, path, query, headers):
        """What the metadata server answers: status, headers, body."""
        flavor = {"Metadata-Flavor": "Google", "Server": "Metadata Server for VM"}
        if headers.get("Metadata-Flavor") != "Google" or headers.get("X-Forwarded-For"):
            return 403, {**flavor, "Content-Type": "text/html"}, b"Missing Metadata-Flavor:Google header, or forwarded."
        if path == "/":
            return 200, {**flavor, "Content-Type": "application/text"}, b"computeMetadata/\n"
        account = re.fullmatch(r"/computeMetadata/v1/instance/service-accounts/([^/]+)/(token|email)", path)
        if account is None or account[1] not in ("default", self.email):
            return 404, {**flavor, "Content-Type": "text/html"}, b"not found"
        if account[2] == "email":
            return 200, {**flavor, "Content-Type": "application/text"}, self.email.encode()
        scopes = set(",".join(value for name, value in query if name == "scopes").split(",")) - {""}
        token = self.issue(scopes or {"https://www.googleapis.com/auth/cloud-platform"})
        return 200, {**flavor, "Content-Type": "application/json"}, json.dumps(token).encode()

    def service_account(self):
        return {"type": "service_account", "project_id": "tsnap-test-project", "private_key_id": self.key_id, "private_key": self.key.pem,
                "client_email": self.email, "client_id": "100000000000000000000", "token_uri": self.token_uri}

    def authorized_user(self):
        return {"type": "authorized_user", "client_id": self.client_id, "client_secret": self.client_secret,
                "refresh_token": self.refresh_token, "token_uri": self.token_uri}


# --- signatures of requests ---

def quoted(text, safe=""):
    return urllib.parse.quote(text, safe=safe + "-_.~")


class Hmac:
    """One HMAC key, and the two algorithms that it is good for."""
    ALGORITHMS = {"GOOG4-HMAC-SHA256": ("goog", "GOOG4", "storage", "goog4_request"),
                  "AWS4-HMAC-SHA256": ("amz", "AWS4", "s3", "aws4_request")}

    def __init__(self, clock):
        self.clock = clock
        self.access_key = "GOOG1E" + secrets.token_hex(27).upper()[:55]
        self.secret_key = base64.b64encode(secrets.token_bytes(30)).decode()

    def check(self, method, path, query, headers, body):
        """path: decoded; query: decoded pairs; headers: lower-case name -> list of values."""
        authorization = headers["authorization"][0]
        algorithm, _, rest = authorization.partition(" ")
        family, prefix, service, terminator = self.ALGORITHMS[algorithm]
        fields = dict(part.strip().split("=", 1) for part in rest.split(",") if "=" in part)
        if set(fields) != {"Credential", "SignedHeaders", "Signature"}:
            raise Denied(400, "InvalidArgument", "The authorization header wants Credential, SignedHeaders and Signature.")
        scope = fields["Credential"].split("/")
        if len(scope) != 5 or scope[3:] != [service, terminator] or not re.fullmatch(r"\d{8}", scope[1]) or not scope[2]:
            raise Denied(400, "InvalidArgument", f"The credential scope must be DATE/LOCATION/{service}/{terminator}.")
        if scope[0] != self.access_key:
            raise Denied(403, "InvalidAccessKeyId", "The access key is not known.")
        date = (headers.get(f"x-{family}-date") or [""])[0]
        if not re.fullmatch(r"\d{8}T\d{6}Z", date) or date[:8] != scope[1]:
            raise Denied(403, "AccessDenied", f"x-{family}-date is missing, malformed, or of another day than the credential.")
        sent = time.mktime(time.strptime(date, "%Y%m%dT%H%M%SZ")) - time.timezone
        if abs(sent - self.clock.now()) > SIGNATURE_SKEW_SECONDS:
            raise Denied(403, "RequestTimeTooSkewed", "The difference between the request time and the current time is too large.")
        names = fields["SignedHeaders"].split(";")
        must = {"host"} | {name for name in headers if name.startswith((f"x-{family}-"))}
        if names != sorted(set(names)) or must - set(names) or any(name not in headers for name in names):
            raise Denied(403, "SignatureDoesNotMatch", f"SignedHeaders must be sorted and have {';'.join(sorted(must))}.")
        payload = (headers.get(f"x-{family}-content-sha256") or [""])[0]
        if not payload:
            raise Denied(400, "InvalidArgument", f"x-{family}-content-sha256 is missing.")
        if payload != "UNSIGNED-PAYLOAD" and payload != hashlib.sha256(body).hexdigest():
            raise Denied(400, "BadDigest", f"x-{family}-content-sha256 is not that of the body.")

        def value(name):
            joined = ",".join(" ".join(one.split()) for one in headers[name])
            return joined + ",gzip(gfe)" if name in REWRITTEN_HEADERS else joined
        canonical = "\n".join([method, quoted(path, "/"), "&".join(f"{k}={v}" for k, v in sorted((quoted(k), quoted(v)) for k, v in query)),
                               *(f"{name}:{value(name)}" for name in names), "", ";".join(names), payload])
        to_sign = f"{algorithm}\n{date}\n{'/'.join(scope[1:])}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
        key = (prefix + self.secret_key).encode()
        for part in scope[1:]:
            key = hmac.new(key, part.encode(), hashlib.sha256).digest()
        expected = hmac.new(key, to_sign.encode(), hashlib.sha256).hexdigest()
        if not hmac.compare_digest(expected, fields["Signature"]):
            raise Denied(403, "SignatureDoesNotMatch", f"Expected the signature of this canonical request: {canonical!r}")


class Authority:
    def __init__(self):
        self.clock = Clock()
        self.tokens, self.hmac = Tokens(self.clock), Hmac(self.clock)

    def check(self, method, path, query, headers, body):
        """Raises Denied."""
        families = {family for family in ("amz", "goog") if any(name.startswith(f"x-{family}-") for name in headers)}
        if len(families) == 2:
            raise Denied(400, "ExcessHeaderValues", "Requests cannot specify both x-amz and x-goog headers.")
        given = headers.get("authorization", [])
        if not given:
            raise Denied(403, "AccessDenied", "Anonymous caller does not have access.")
        if len(given) > 1:
            raise Denied(400, "ExcessHeaderValues", "More than one Authorization header.")
        scheme, _, rest = given[0].partition(" ")
        if scheme == "Bearer":
            self.tokens.check(rest.strip(), method not in ("GET", "HEAD"))
        elif scheme in Hmac.ALGORITHMS:
            self.hmac.check(method, path, query, headers, body)
        else:
            raise Denied(400, "InvalidArgument", f"The authorization scheme {scheme} is not supported.")
