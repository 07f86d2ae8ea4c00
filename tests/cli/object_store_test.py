"""The tsnap tool and the page about object storage, on a server: object_store_test.py CASE TSNAP MAKE_SNAPSHOT SOURCE, beside the servers
of with_servers.py."""

import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

CASE, TSNAP, MAKER, SOURCE = sys.argv[1], *(pathlib.Path(one).resolve() for one in sys.argv[2:5])
BUCKET = os.environ.get("S3_BUCKET", "")


def run(*command, env=None, code=0):
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, env=env)
    assert done.returncode == code, f"{command}: exit code {done.returncode}\n{done.stdout[-2000:]}{done.stderr[-2000:]}"
    return done.stdout + done.stderr


def snapshot(folder):
    place = pathlib.Path(folder) / "run" / "step-000100"
    place.parent.mkdir()
    run(MAKER, place, "large")
    return place


def every_command_of_the_page_works(folder):
    snapshot(folder)
    page = (SOURCE / "docs" / "object-storage.md").read_text()
    blocks = re.findall(r"^```sh object-storage\n(.*?)^```", page, flags=re.M | re.S)
    assert len(blocks) == 1 and "$S3_BUCKET" in blocks[0]
    path = f"{TSNAP.parent}:{os.environ['PATH']}"
    done = subprocess.run(["sh", "-ec", blocks[0]], cwd=folder, capture_output=True, text=True, env={**os.environ, "PATH": path})
    assert done.returncode == 0, done.stdout + done.stderr
    assert "ok: " in done.stdout and "files" in done.stdout, done.stdout
    run(TSNAP, "verify", pathlib.Path(folder) / "copy")
    assert "there is no snapshot" in run(TSNAP, "ls", f"s3://{BUCKET}/run/step-000100", code=1)


def a_box_is_read_in_few_requests_and_few_bytes(folder):
    place = f"s3://{BUCKET}/run"
    run(TSNAP, "cp", snapshot(folder), place)
    log = pathlib.Path(os.environ["FAULT_LOG"])
    before = len(log.read_text().splitlines()) if log.exists() else 0
    wanted = 131 * 1000 * 8
    beside = {**os.environ, "TSNAP_S3_ENDPOINT": os.environ["FAULT_ENDPOINT"]}
    text = run(TSNAP, "cat", place, "large", "--box", "1,100:231,:", env=beside)
    assert str(7 * (400000 + 230999)) in text
    lines = log.read_text().splitlines()[before:]
    moved = sum(int(line.split()[4]) for line in lines)
    assert len(lines) <= 4, lines
    # Whole blocks of 256 KiB at both ends, the record and the index.
    assert moved <= wanted + 2 * 262144 + 100000, (moved, lines)
    assert all(line.split()[0] == "GET" for line in lines), lines


def copies_go_within_the_service_and_go_on_after_an_interruption(folder):
    source, first, second = snapshot(folder), f"s3://{BUCKET}/first", f"s3://{BUCKET}/second"
    assert "by the service" not in run(TSNAP, "cp", source, first)
    assert "by the service; verified" in run(TSNAP, "cp", "--verify", first, second)
    control = os.environ["FAULT_CONTROL"]
    subprocess.run(["curl", "-sf", f"{control}/set?mode=503&method=PUT&match=/data/"], check=True, stdout=subprocess.DEVNULL)
    broken = {**os.environ, "TSNAP_TO_S3_ENDPOINT": os.environ["FAULT_ENDPOINT"], "TSNAP_IO_TIMEOUT_SECONDS": "3"}
    third = f"s3://{BUCKET}/third"
    run(TSNAP, "cp", source, third, env=broken, code=1)
    run(TSNAP, "ls", third, code=1)
    subprocess.run(["curl", "-sf", f"{control}/clear"], check=True, stdout=subprocess.DEVNULL)
    run(TSNAP, "cp", source, third)
    assert "ok: " in run(TSNAP, "verify", third)
    assert "there already" in run(TSNAP, "cp", source, third) or "were there" in run(TSNAP, "cp", source, third)


def what_is_wrong_is_said_in_words_that_help(folder):
    place = f"s3://{BUCKET}/run"
    wrong = {**os.environ, "AWS_SECRET_ACCESS_KEY": "not-the-SECRET"}
    text = run(TSNAP, "ls", place, env=wrong, code=1)
    assert "the secret key is not the one" in text and "not-the-SECRET" not in text, text
    assert "does not exist" in run(TSNAP, "ls", "s3://no-such-bucket-anywhere/run", code=1)
    assert "name of a bucket" in run(TSNAP, "ls", "s3://NO/run", code=1)
    nowhere = {**os.environ, "TSNAP_S3_ENDPOINT": "http://127.0.0.1:1", "TSNAP_IO_TIMEOUT_SECONDS": "2"}
    assert "Connection refused" in run(TSNAP, "ls", place, env=nowhere, code=1)
    tls = {**os.environ, "TSNAP_S3_ENDPOINT": os.environ["S3_ENDPOINT_TLS"], "TSNAP_CA_FILE": ""}
    assert "TSNAP_CA_FILE" in run(TSNAP, "ls", place, env=tls, code=1)


with tempfile.TemporaryDirectory(prefix="tsnap-cli-") as scratch:
    globals()[CASE](scratch)
