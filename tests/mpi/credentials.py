"""The ranks of a node share credentials: credentials.py LAUNCH HEAT2D, beside the stand-in of Google Cloud Storage. However many ranks
take and restore, the service that hands out tokens is asked once for each job; and again when tokens end."""

import json
import os
import subprocess
import sys
import urllib.request

LAUNCH, HEAT2D = sys.argv[1:3]
CONTROL, BUCKET = os.environ["GCS_CONTROL"], os.environ["GCS_BUCKET"]


def ask(path):
    with urllib.request.urlopen(CONTROL + path, timeout=10) as reply:
        return reply.read()


def job(name, env):
    done = subprocess.run([LAUNCH, "4", HEAT2D, "--size", "128", "--steps", "4", "--every", "100", "--final", f"gs://{BUCKET}/{name}"],
                          capture_output=True, text=True, env=env, timeout=100)
    assert done.returncode == 0 and f"took gs://{BUCKET}/{name}" in done.stdout, done.stdout + done.stderr


with_key = dict(os.environ)
of_machine = {name: value for name, value in os.environ.items() if name != "GOOGLE_APPLICATION_CREDENTIALS"}
of_machine["CLOUDSDK_CONFIG"] = "/nonexistent"
for name, env, count in (("key", with_key, "token_requests"), ("machine", of_machine, "metadata_requests")):
    ask("/reset")
    job(name, env)
    stats = json.loads(ask("/stats"))
    assert stats[count] == 1, f"{stats[count]} requests for tokens by 4 ranks: {stats}"
    assert stats["requests"]["PUT"] >= 4 and not stats["refused"].get("AuthenticationRequired"), stats
