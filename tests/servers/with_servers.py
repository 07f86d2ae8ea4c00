#!/usr/bin/env python3
"""Runs a command beside the servers that it wants, with a bucket of its own, and ends with the command's exit status.

    with_servers.py [--run FOLDER] [--long] SERVER... -- COMMAND ARGUMENT...
    with_servers.py [--run FOLDER] --end        ends the servers that nobody uses

    ceph     Ceph RADOS Gateway: S3_ENDPOINT, S3_ENDPOINT_TLS, S3_CA, S3_REGION, S3_BUCKET, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY,
             and TSNAP_S3_ENDPOINT, TSNAP_S3_REGION, TSNAP_CA_FILE, TSNAP_S3_ADDRESSING so that s3://$S3_BUCKET/... leads there
    swift    OpenStack Swift: the same variables
    gcs      the strict stand-in of Google Cloud Storage: GCS_ENDPOINT, GCS_ENDPOINT_TLS, GCS_CA, GCS_BUCKET, GCS_CONTROL, GCS_PID,
             GCS_ACCESS_KEY, GCS_SECRET_KEY (an HMAC key), GOOGLE_APPLICATION_CREDENTIALS, GCE_METADATA_HOST, TSNAP_GCS_ENDPOINT
    fault    the fault proxy in front of the server named before it: FAULT_ENDPOINT, FAULT_CONTROL, FAULT_PID, FAULT_LOG
    silent   a server that accepts connections and never answers: SILENT_ENDPOINT

Ceph and Swift are slow to start, so commands that run at the same time or soon after each other share them: the first one starts a
keeper, which ends the server and removes its data when nobody has used it for TSNAP_SERVERS_IDLE_SECONDS (20), or at --end. Users
hold a lock that the kernel drops with them, so nobody has to say goodbye. The others are started for each command and die with it.
TSNAP_SERVERS_RUN, or else --run, is the folder for all of this.

TSNAP_SERVERS_STORE=bluestore keeps Ceph's data on disk. What a machine lacks is a reason to skip (exit status 77), or, with
TSNAP_SERVERS_REQUIRED=1, to fail. --long: only where TSNAP_TEST_LONG=1, and skipped elsewhere.
"""

import ctypes
import fcntl
import os
import pathlib
import random
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request

import s3

HERE = pathlib.Path(__file__).resolve().parent
START_SECONDS = 120
PROGRAMS = {
    "ceph": ["ceph", "ceph-mon", "ceph-osd", "radosgw", "radosgw-admin", "monmaptool", "curl", "openssl", "setsid"],
    "swift": ["swift-proxy-server", "swift-object-server", "swift-container-server", "swift-account-server", "curl", "openssl"],
    "gcs": ["openssl"],
    "fault": ["nginx", "/usr/lib/nginx/modules/ngx_http_lua_module.so"],
    "silent": [],
}


def give_up(why):
    print(why, flush=True)
    sys.exit(1 if os.environ.get("TSNAP_SERVERS_REQUIRED") == "1" else 77)


def check_programs(servers):
    os.environ["PATH"] += ":/usr/sbin:/sbin"
    for server in servers:
        missing = [one for one in PROGRAMS[server] if not (os.path.exists(one) if one[0] == "/" else shutil.which(one))]
        if missing:
            group = "swift" if server == "swift" else "servers"
            give_up(f"{server}: {', '.join(missing)} not found: install the packages of group \"{group}\" in tests/packages.txt")


def free_ports(count):
    """Free, in one piece, and below those that the kernel gives to outgoing connections."""
    for _ in range(1000):
        first = random.randrange(20000, 32000 - count)
        sockets = []
        try:
            for port in range(first, first + count):
                sockets.append(socket.socket())
                sockets[-1].bind(("127.0.0.1", port))
            return list(range(first, first + count))
        except OSError:
            continue
        finally:
            for one in sockets:
                one.close()
    raise RuntimeError("no free ports")


def read_env(path):
    return dict(line.split("=", 1) for line in path.read_text().splitlines() if "=" in line)


# --- servers that are shared ---

class Shared:
    """A server that whoever comes first has a keeper start. Files below its folder: lock, held while it is decided whether it runs
    or ends; users, on which each user has a shared lock; keeper, locked while a keeper lives; env, there while it runs."""

    def __init__(self, run, kind):
        self.kind, self.store = kind, os.environ.get("TSNAP_SERVERS_STORE", "memstore") if kind == "ceph" else ""
        self.folder = run / (f"{kind}-{self.store}" if self.store else kind)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.env, self.log, self.data = self.folder / "env", self.folder / "keeper.log", self.folder / "data"

    def file(self, name):
        return open(self.folder / name, "a+")

    def use(self):
        """Its variables; it stays as long as this process and self.users live."""
        with self.file("lock") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            keeper = None
            while not self.has_keeper() or not self.env.exists():
                if not self.has_keeper() and (keeper is None or keeper.poll() is not None):
                    if keeper is not None:
                        sys.exit(f"{self.kind} does not start:\n{self.log.read_text()[-4000:]}")
                    self.env.unlink(missing_ok=True)
                    keeper = subprocess.Popen([sys.executable, __file__, "--keep", self.kind, str(self.folder.parent)],
                                              stdin=subprocess.DEVNULL, stdout=open(self.log, "w"), stderr=subprocess.STDOUT,
                                              start_new_session=True)
                time.sleep(0.05)   # one that lives starts or ends the server
            self.users = self.file("users")
            fcntl.flock(self.users, fcntl.LOCK_SH)
        return read_env(self.env)

    def has_keeper(self):
        with self.file("keeper") as keeper:
            return not locked(keeper)

    def start_server(self):
        env = dict(os.environ)
        ports = free_ports(5)
        if self.kind == "ceph":
            available = int(next(line.split()[1] for line in open("/proc/meminfo") if line.startswith("MemAvailable"))) >> 20
            largest = 6 if self.store == "memstore" else 12
            env.update(STORE=self.store, SIZE_GB=str(max(1, min(largest, available // 4 if self.store == "memstore" else largest))))
            ports = ports[:3]
        subprocess.run(["bash", HERE / self.kind / "start.sh", self.data, *map(str, ports)], env=env, check=True,
                       timeout=START_SECONDS)

    def stop_server(self):
        subprocess.run(["bash", HERE / self.kind / "stop.sh", self.data], check=False)
        shutil.rmtree(self.data, ignore_errors=True)

    def keep(self):
        keeper = self.file("keeper")
        for _ in range(100):   # who looks whether a keeper lives has the lock for a moment
            if locked(keeper):
                break
            time.sleep(0.02)
        else:
            sys.exit("another keeper lives")
        keeper.truncate(0)
        keeper.write(str(os.getpid()))
        keeper.flush()
        idle_limit = float(os.environ.get("TSNAP_SERVERS_IDLE_SECONDS", "20"))
        hurry = threading.Event()
        for one in (signal.SIGTERM, signal.SIGINT):
            signal.signal(one, lambda *_: hurry.set())
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        self.stop_server()   # what a keeper that was killed left
        for attempt in range(3):
            try:
                self.start_server()   # another program may have taken a port meanwhile
                break
            except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
                print(error, flush=True)
                self.stop_server()
        else:
            sys.exit(1)
        temporary = self.folder / "env.new"
        shutil.copy(self.data / "env", temporary)
        temporary.rename(self.env)
        last_use = time.monotonic()
        while True:
            hurry.wait(0.3)
            with self.file("users") as users:
                if not locked(users):
                    last_use = time.monotonic()
                    hurry.clear()
                    continue
            if not hurry.is_set() and time.monotonic() - last_use < idle_limit:
                continue
            with self.file("lock") as lock, self.file("users") as users:
                if not locked(lock) or not locked(users):
                    hurry.clear()
                    continue
                self.env.unlink()
                self.stop_server()
                return


def end_servers(run):
    """Those of this folder that somebody uses stay."""
    for pid_file in run.glob("*/keeper"):
        with open(pid_file, "a+") as keeper:
            if locked(keeper):
                continue
        try:
            os.kill(int(pid_file.read_text()), signal.SIGTERM)
        except (OSError, ValueError):
            continue
        used = 0
        while used < 10:   # a keeper looks more often than that
            time.sleep(0.1)
            with open(pid_file, "a+") as keeper, open(pid_file.parent / "users", "a+") as users:
                if locked(keeper):
                    break
                used = used + 1 if (pid_file.parent / "env").exists() and not locked(users) else 0


def locked(file):
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True
    except BlockingIOError:
        return False


# --- servers of one command ---

def spawn(command, log):
    """A child that gets SIGTERM when this process ends, however it ends."""
    libc = ctypes.CDLL(None, use_errno=True)
    return subprocess.Popen([str(word) for word in command], stdin=subprocess.DEVNULL, stdout=open(log, "w"), stderr=subprocess.STDOUT,
                            preexec_fn=lambda: libc.prctl(1, signal.SIGTERM))


def wait_for(url, child, log):
    for _ in range(200):
        try:
            urllib.request.urlopen(url, timeout=2).close()
            return
        except OSError:
            pass
        if child.poll() is not None:
            break
        time.sleep(0.05)
    sys.exit(f"{url} does not answer:\n{pathlib.Path(log).read_text()[-3000:]}")


def start_fault(folder, upstream):
    port, control = free_ports(2)
    data, log = folder / "fault", folder / "fault.log"
    child = spawn(["bash", HERE / "fault" / "start.sh", data, port, control, upstream.split("://")[1]], log)
    wait_for(f"http://127.0.0.1:{control}/clear", child, log)
    return child, {"FAULT_ENDPOINT": f"http://127.0.0.1:{port}", "FAULT_CONTROL": f"http://127.0.0.1:{control}",
                   "FAULT_PID": str(child.pid), "FAULT_LOG": str(data / "access.log")}


def start_gcs(folder):
    data, log = folder / "gcs", folder / "gcs.log"
    data.mkdir()
    child = spawn([sys.executable, HERE / "gcs" / "server.py", data], log)
    for _ in range(600):
        if (data / "env").exists():
            return child, {**read_env(data / "env"), "GCS_PID": str(child.pid)}
        if child.poll() is not None:
            break
        time.sleep(0.05)
    sys.exit(f"gcs does not start:\n{log.read_text()[-3000:]}")


def start_silent():
    """The kernel accepts for a socket that listens; nobody reads."""
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    listening.listen(128)
    return listening, {"SILENT_ENDPOINT": f"http://127.0.0.1:{listening.getsockname()[1]}"}


def for_tsnap(env):
    return {"TSNAP_S3_ENDPOINT": env["S3_ENDPOINT"], "TSNAP_S3_REGION": env["S3_REGION"], "TSNAP_CA_FILE": env["S3_CA"],
            "TSNAP_S3_ADDRESSING": "path"}


def run_command(command, env):
    child = subprocess.Popen(command, env=env)

    def forward(number, _):
        child.send_signal(number)
    for one in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(one, forward)
    signal.signal(signal.SIGINT, lambda *_: None)   # the terminal sends it to the command as well
    status = child.wait()
    for one in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(one, lambda number, _: sys.exit(128 + number))   # what ends the clearing up as well
    return status if status >= 0 else 128 - status


def main(arguments):
    run = pathlib.Path(os.environ.get("TSNAP_SERVERS_RUN") or pathlib.Path(tempfile.gettempdir()) / f"tsnap-servers-{os.getuid()}")
    while arguments and arguments[0].startswith("--") and arguments[0] != "--":
        word = arguments.pop(0)
        if word == "--run":
            folder = arguments.pop(0)
            run = run if os.environ.get("TSNAP_SERVERS_RUN") else pathlib.Path(folder)
        elif word == "--end":
            return end_servers(run)
        elif word == "--long":
            if os.environ.get("TSNAP_TEST_LONG") != "1":
                print("only in long runs: TSNAP_TEST_LONG=1")
                return 77
        else:
            sys.exit(f"unknown option {word}\n{__doc__}")
    if "--" not in arguments:
        sys.exit(__doc__)
    servers, command = arguments[:arguments.index("--")], arguments[arguments.index("--") + 1:]
    if not servers or not command or any(server not in PROGRAMS for server in servers) or servers[0] == "fault":
        sys.exit(__doc__)
    check_programs(servers)
    run.mkdir(parents=True, exist_ok=True)
    folder = pathlib.Path(tempfile.mkdtemp(prefix="test-", dir=run.resolve()))
    env, children, shared, buckets, kept = dict(os.environ), [], [], [], []
    try:
        upstream = ""
        for server in servers:
            if server in ("ceph", "swift"):
                shared.append(Shared(run.resolve(), server))
                found = shared[-1].use()
                client = s3.Client(found["S3_ENDPOINT"], found["AWS_ACCESS_KEY_ID"], found["AWS_SECRET_ACCESS_KEY"])
                bucket = "tsnap-" + secrets.token_hex(6)
                client.make_bucket(bucket)
                buckets.append((client, bucket))
                env.update(found, **for_tsnap(found), S3_BUCKET=bucket)
                upstream = found["S3_ENDPOINT"]
            elif server == "gcs":
                child, found = start_gcs(folder)
                children.append(child)
                env.update(found)
                upstream = found["GCS_ENDPOINT"]
            elif server == "fault":
                child, found = start_fault(folder, upstream)
                children.append(child)
                env.update(found)
            else:
                listening, found = start_silent()
                kept.append(listening)
                env.update(found)
        return run_command(command, env)
    finally:
        for child in children:
            child.terminate()
        for child in children:
            try:
                child.wait(10)
            except subprocess.TimeoutExpired:
                child.kill()
        for client, bucket in buckets:
            try:
                client.remove_bucket(bucket)
            except (OSError, RuntimeError) as error:
                print(f"bucket {bucket} stays until the server ends: {error}", file=sys.stderr)
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--keep"]:
        Shared(pathlib.Path(sys.argv[3]), sys.argv[2]).keep()
    else:
        sys.exit(main(sys.argv[1:]))
