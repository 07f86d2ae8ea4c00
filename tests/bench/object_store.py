"""The bench `object`: take and restore on an object store, against the server's own limit and against what people copy with; and
what one small read costs in requests. Runs beside a server: tests/servers/with_servers.py ceph fault -- run.py object ...

It refuses to know how numbers become text (table.py), and what tsnap asks of the server: that is read from the log of the proxy.
"""

import hashlib
import json
import os
import re
import shutil
import sys
import time

import measure
from measure import MIB
from table import Contender, Table, bandwidth_table, interleave, note

sys.path.insert(0, os.path.join(measure.HERE, os.pardir, "servers"))
import s3  # noqa: E402

AT_LEAST_LIMIT = (">=", 0.8)
FASTER = (">", 1.0)
MOST_REQUESTS = 4
MOST_BYTES = 1.1     # for each byte that is asked for
READ_BYTES = MIB


class Bucket:
    """The bucket that with_servers.py made, in folders: one a contender."""

    def __init__(self, settle_seconds):
        self.settle_seconds = settle_seconds
        missing = [name for name in ("S3_ENDPOINT", "S3_BUCKET", "AWS_ACCESS_KEY_ID") if name not in os.environ]
        if missing:
            raise measure.Failed(f"{', '.join(missing)} not set: run this bench by tests/servers/with_servers.py ceph fault -- ...")
        self.name, self.endpoint = os.environ["S3_BUCKET"], os.environ["S3_ENDPOINT"]
        self.client = s3.Client(self.endpoint, os.environ["AWS_ACCESS_KEY_ID"], os.environ["AWS_SECRET_ACCESS_KEY"],
                                os.environ.get("S3_REGION", "us-east-1"))

    def url(self, folder):
        return f"s3://{self.name}/{folder}"

    def sizes(self, folder):
        """Key -> bytes of what is below a folder."""
        found, token = {}, []
        while True:
            body = self.client.expect("GET", "/" + self.name, query=[("list-type", "2"), ("prefix", folder + "/"), *token])
            found.update((key, int(size)) for key, size in re.findall(r"<Key>([^<]*)</Key>.*?<Size>(\d+)</Size>", body, re.S))
            more = re.search("<NextContinuationToken>([^<]+)", body)
            if more is None:
                return found
            token = [("continuation-token", more[1])]

    def remove(self, folder):
        for key in self.sizes(folder):
            self.client.expect("DELETE", f"/{self.name}/{key}")

    def settle(self):
        """The server frees what was removed a few seconds later; the next contender waits for it."""
        os.sync()
        time.sleep(self.settle_seconds)


class Sources:
    """Files in memory with as many bytes as the ranks hold, for those who copy files; and one part, for curl."""

    def __init__(self, settings):
        self.folder = os.path.join(settings.shm or settings.dir, "sources")
        self.part_bytes = settings.part_mib * MIB
        if settings.mib % settings.part_mib:
            raise measure.Failed(f"--mib {settings.mib} is no multiple of --part-mib {settings.part_mib}")
        self.parts = settings.mib // settings.part_mib
        self.files = [f"rank_{rank}.bin" for rank in range(settings.ranks)]
        self.bytes = settings.ranks * settings.mib * MIB
        measure.fresh_folder(self.folder)
        self.digests = {}
        for name in self.files:
            digest = hashlib.md5()
            with open(os.path.join(self.folder, name), "wb") as out:
                for _ in range(self.parts):
                    block = os.urandom(self.part_bytes)
                    digest.update(block)
                    out.write(block)
            self.digests[name] = digest.hexdigest()
        self.part = os.path.join(os.path.dirname(self.folder), "part.bin")
        with open(self.part, "wb") as out:
            block = os.urandom(self.part_bytes)
            out.write(block)
        self.part_md5, self.part_sha256 = hashlib.md5(block).hexdigest(), hashlib.sha256(block).hexdigest()

    def check(self, folder):
        for name, digest in self.digests.items():
            found = hashlib.md5()
            with open(os.path.join(folder, name), "rb") as file:
                while block := file.read(4 * MIB):
                    found.update(block)
            if found.hexdigest() != digest:
                raise measure.Failed(f"{name} came back with other bytes")


def timed(command, environment=None):
    """Seconds that a program took, and what it printed; one that fails, or is missing, raises. A variable that is None is not set."""
    if shutil.which(command[0]) is None:
        raise measure.NotMeasured(f"{command[0]} is not installed")
    began = time.monotonic()
    settings = (environment or {}).items()
    done = measure.run_text(["env", *(word for name, value in settings if value is None for word in ("-u", name)),
                             *(f"{name}={value}" for name, value in settings if value is not None), *command])
    took = time.monotonic() - began
    if done.returncode != 0:
        raise measure.Failed(f"{command[0]}: exit status {done.returncode}: {measure.first_error_line(done.stderr + done.stdout)}")
    return took, done.stdout


# --- curl: the limit, with the same parts on as many connections ---

def curl(settings, sources, transfers):
    """transfers: (method's lines of the configuration, URL, signed headers)."""
    config = os.path.join(os.path.dirname(sources.folder), "curl.config")
    sections = []
    for lines, url, headers in transfers:
        told = [f'header = "{name}: {value}"' for name, value in headers.items() if name != "host"]
        sections.append("\n".join([f'url = "{url}"', *lines, *told, 'header = "Expect:"', "silent", "fail", "globoff", 'output = "/dev/null"',
                                   'write-out = "%{http_code} %{size_upload} %{size_download}\\n"']))
    with open(config, "w", encoding="ascii") as out:
        out.write("\nnext\n".join(sections) + "\n")
    took, text = timed(["curl", "--parallel", "--parallel-immediate", "--parallel-max", str(settings.connections), "--config", config])
    rows = [[int(word) for word in line.split()] for line in text.splitlines()]
    if len(rows) != len(transfers) or any(row[0] not in (200, 206) for row in rows):
        raise measure.Failed(f"curl: {len(rows)} answers to {len(transfers)} requests: {rows[:3]}")
    return took, sum(row[1] for row in rows), sum(row[2] for row in rows)


def curl_take(settings, bucket, sources, signed_payload):
    def operation(folder):
        client, payload = bucket.client, sources.part_sha256 if signed_payload else "UNSIGNED-PAYLOAD"
        keys = [f"/{bucket.name}/{folder}/{name}" for name in sources.files]
        began = time.monotonic()
        uploads = [re.search("<UploadId>([^<]+)", client.expect("POST", key, query=[("uploads", "")]))[1] for key in keys]
        opened = time.monotonic() - began
        transfers = []
        for number in range(1, sources.parts + 1):   # of all ranks in turn, as they would come
            for key, upload in zip(keys, uploads):
                query = [("partNumber", str(number)), ("uploadId", upload)]
                url = f"{bucket.endpoint}{key}?" + "&".join(f"{k}={s3.quoted(v)}" for k, v in query)
                transfers.append(([f'upload-file = "{sources.part}"'], url, client.signed("PUT", key, query, b"", {}, payload)))
        took, sent, _ = curl(settings, sources, transfers)
        began = time.monotonic()
        for key, upload in zip(keys, uploads):
            parts = "".join(f"<Part><PartNumber>{n}</PartNumber><ETag>{sources.part_md5}</ETag></Part>" for n in range(1, sources.parts + 1))
            client.expect("POST", key, body=f"<CompleteMultipartUpload>{parts}</CompleteMultipartUpload>".encode(), query=[("uploadId", upload)])
        return {"seconds": opened + took + time.monotonic() - began, "bytes": sent}
    return operation


def curl_restore(settings, bucket, sources, baseline):
    def operation(_folder):
        transfers = []
        for number in range(sources.parts):
            for name in sources.files:
                key, first = f"/{bucket.name}/{baseline}/{name}", number * sources.part_bytes
                headers = bucket.client.signed("GET", key, [], b"", {"range": f"bytes={first}-{first + sources.part_bytes - 1}"})
                transfers.append(([], bucket.endpoint + key, headers))
        took, _, received = curl(settings, sources, transfers)
        return {"seconds": took, "bytes": received}
    return operation


# --- what people copy with ---

def rclone(settings, bucket, source, target):
    each = str(max(settings.connections // settings.ranks, 1))
    return timed(["rclone", "copy", source, target, "--s3-chunk-size", f"{max(settings.part_mib, 5)}Mi", "--s3-upload-concurrency", each,
                  "--transfers", str(settings.ranks), "--multi-thread-cutoff", "1Mi", "--multi-thread-streams", each, "--ignore-times"],
                 {"RCLONE_CONFIG": "/dev/null", "RCLONE_CONFIG_STORE_TYPE": "s3", "RCLONE_CONFIG_STORE_PROVIDER": "Ceph",
                  "RCLONE_CONFIG_STORE_ENDPOINT": bucket.endpoint, "RCLONE_CONFIG_STORE_ACCESS_KEY_ID": bucket.client.access_key,
                  "RCLONE_CONFIG_STORE_SECRET_ACCESS_KEY": bucket.client.secret_key,
                  "RCLONE_CONFIG_STORE_NO_CHECK_BUCKET": "true", "AWS_CA_BUNDLE": None})[0]


def aws(settings, bucket, sources, source, target):
    config = os.path.join(os.path.dirname(sources.folder), "aws.config")
    with open(config, "w", encoding="ascii") as out:
        out.write(f"[default]\nregion = {bucket.client.region}\ns3 =\n  addressing_style = path\n"
                  f"  multipart_chunksize = {settings.part_mib}MB\n  max_concurrent_requests = {settings.connections}\n")
    return timed(["aws", "--endpoint-url", bucket.endpoint, "s3", "cp", "--recursive", "--only-show-errors", source,
                  target], {"AWS_CONFIG_FILE": config, "AWS_EC2_METADATA_DISABLED": "true", "AWS_CA_BUNDLE": None})[0]


def copied_up(copy, bucket, sources):
    def operation(folder):
        took = copy(sources.folder, folder)
        sizes = bucket.sizes(folder)
        if sum(sizes.values()) != sources.bytes:
            raise measure.Failed(f"{folder}: {sum(sizes.values())} bytes arrived instead of {sources.bytes}")
        return {"seconds": took, "bytes": sources.bytes}
    return operation


def copied_down(copy, sources, target):
    def operation(folder):
        try:
            took = copy(measure.fresh_folder(target), folder)
            sources.check(target)
            return {"seconds": took, "bytes": sources.bytes}
        finally:
            shutil.rmtree(target, ignore_errors=True)
    return operation


def tsnap(settings, bucket, op):
    def operation(folder):
        return measure.mpi_program(settings.bin, "tsnap_arrays", settings.ranks, op=op, dir=bucket.url(folder), seed=1,
                                   arrays=settings.arrays, array_bytes=settings.mib * MIB // settings.arrays // 8 * 8)
    return operation


# --- the tables ---

def title(settings, what):
    return (f"bench/object {what}, {os.environ.get('TSNAP_SERVERS_STORE', 'memstore')}: {settings.ranks} ranks x {settings.mib} MiB, parts of "
            f"{settings.part_mib} MiB on {settings.connections} connections, median of {settings.runs} interleaved rounds")


def take(settings, bucket, sources):
    def row(name, folder, operation, target=None, ours=False):
        def once(_round_number):
            bucket.remove(folder)
            bucket.settle()
            try:
                return operation(folder)
            finally:
                bucket.remove(folder)
        return Contender(name, once, target, ours)

    rows = [row("curl, payload not signed (limit)", "curl", curl_take(settings, bucket, sources, False), AT_LEAST_LIMIT),
            row("curl, payload signed", "curl-signed", curl_take(settings, bucket, sources, True)),
            row("rclone copy", "rclone", copied_up(lambda source, folder: rclone(settings, bucket, source, f"store:{bucket.name}/{folder}"),
                                                   bucket, sources), FASTER),
            row("aws s3 cp", "aws", copied_up(lambda source, folder: aws(settings, bucket, sources, source, bucket.url(folder)), bucket,
                                              sources), FASTER),
            row("tsnap", "tsnap", tsnap(settings, bucket, "write"), ours=True)]
    interleave("object, take", rows, settings.runs)
    return bandwidth_table("object", "server", title(settings, "take"), rows)


def restore(settings, bucket, sources):
    baseline, target = "baseline", os.path.join(os.path.dirname(sources.folder), "restored")

    def row(name, prepare, operation, target=None, ours=False):
        def once(round_number):
            if round_number == 0 and prepare:
                prepare()
            bucket.settle()
            return operation(baseline)
        return Contender(name, once, target, ours)

    def put_baseline():
        if sum(bucket.sizes(baseline).values()) == sources.bytes:
            return
        connection = s3.Client(bucket.endpoint, bucket.client.access_key, bucket.client.secret_key, bucket.client.region)
        for name in sources.files:
            with open(os.path.join(sources.folder, name), "rb") as file:
                connection.expect("PUT", f"/{bucket.name}/{baseline}/{name}", body=file.read())

    read, write = tsnap(settings, bucket, "read"), tsnap(settings, bucket, "write")
    rows = [row("curl (limit)", put_baseline, curl_restore(settings, bucket, sources, baseline), AT_LEAST_LIMIT),
            row("rclone copy", put_baseline, copied_down(lambda into, folder: rclone(settings, bucket, f"store:{bucket.name}/{folder}", into),
                                                         sources, target), FASTER),
            row("aws s3 cp", put_baseline, copied_down(lambda into, folder: aws(settings, bucket, sources, bucket.url(folder), into),
                                                       sources, target), FASTER),
            row("tsnap", lambda: write("tsnap"), lambda _: read("tsnap"), ours=True)]
    interleave("object, restore", rows, settings.runs)
    bucket.remove(baseline)
    bucket.remove("tsnap")
    return bandwidth_table("object", "server", title(settings, "restore"), rows)


def one_read(settings, bucket):
    """One object of 1 MiB out of a snapshot with many: requests and bytes, from the log of the proxy."""
    arrays = max(settings.mib * MIB // READ_BYTES, 1)
    table = Table("object", "server", f"bench/object read: one object of 1 MiB of {settings.ranks * arrays}, {settings.runs} rounds",
                  ["contender", "requests", f"<= {MOST_REQUESTS}", "bytes / byte", f"<= {MOST_BYTES}", "seconds"])
    log, proxy = os.environ.get("FAULT_LOG"), os.environ.get("FAULT_ENDPOINT")
    tool = os.path.join(settings.bin, os.pardir, os.pardir, "src", "cli", "tsnap")

    def once(round_number):
        if log is None:
            raise measure.NotMeasured("no proxy that counts: with_servers.py ceph fault -- ...")
        if round_number == 0:
            measure.mpi_program(settings.bin, "tsnap_arrays", settings.ranks, op="write", dir=bucket.url("read"), seed=1, arrays=arrays,
                                array_bytes=READ_BYTES)
        before = os.path.getsize(log)
        which = round_number * 37 % arrays
        took, text = timed(["sh", "-c", '"$0" cat --raw "$1" "$2" | wc -c', tool, bucket.url("read/snapshot"),
                            f"0/field_{which // 1000:03d}/array_{which % 1000:03d}"], {"TSNAP_S3_ENDPOINT": proxy})
        if int(text) != READ_BYTES:
            raise measure.Failed(f"tsnap cat gave {text.strip()} bytes")
        with open(log, encoding="utf-8") as lines:
            lines.seek(before)
            asked = [line.split() for line in lines]
        return {"seconds": took, "bytes": sum(int(line[-1]) for line in asked), "requests": len(asked)}

    row = Contender("tsnap cat", once, ours=True)
    interleave("object, read", [row], settings.runs)
    bucket.remove("read")

    def cells():
        requests, share = row.median("requests"), row.median("bytes") / READ_BYTES
        return [f"{requests:.0f}", "yes" if requests <= MOST_REQUESTS else "no", f"{share:.3f}", "yes" if share <= MOST_BYTES else "no",
                f"{row.median():.3f}"]

    table.add(row, cells)
    return table


def run(settings):
    bucket = Bucket(settings.settle_seconds)
    measure.require_memory(settings.ranks * settings.mib * MIB * 4)
    sources = Sources(settings)
    note(f"object: {json.dumps({'endpoint': bucket.endpoint, 'bucket': bucket.name})}")
    return [take(settings, bucket, sources), restore(settings, bucket, sources), one_read(settings, bucket)]
