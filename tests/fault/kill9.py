"""Kills jobs that take snapshots with SIGKILL at random moments; after each, everything that was promised must be there.

kill9.py MPIRUN_SH PROGRAM [KILLS [SHARE]]

TSNAP_TEST_KILLS says how often (KILLS or 25; 100 with TSNAP_TEST_LONG), TSNAP_TEST_SEED repeats a run. All ranks at once, or
one of them first and the rest when the others have noticed, or not yet. About half of the jobs take in the background.
"""

import os
import pathlib
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time

START_SECONDS = 60
DEATH_SECONDS = 30


def descendants(root):
    """Process ids below root, with the names of their programs."""
    children, names = {}, {}
    for entry in pathlib.Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            stat = (entry / "stat").read_text()
        except OSError:
            continue
        pid, name = int(entry.name), stat[stat.index("(") + 1:stat.rindex(")")]
        parent = int(stat[stat.rindex(")") + 2:].split()[1])
        children.setdefault(parent, []).append(pid)
        names[pid] = name
    found, waiting = {}, [root]
    while waiting:
        for pid in children.get(waiting.pop(), []):
            found[pid] = names[pid]
            waiting.append(pid)
    return found


def kill(pid):
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        pass


def is_dead(pid):
    try:
        stat = pathlib.Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return True
    return stat[stat.rindex(")") + 2] in "ZX"


def wait_until(condition, seconds, what):
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise SystemExit(f"kill9: {what} did not happen within {seconds} s")
        time.sleep(0.002)


def started(log):
    return log.read_text().count("started") if log.exists() else 0


class Killer:
    def __init__(self, mpirun, program, base, dice):
        self.mpirun, self.program, self.base, self.dice = mpirun, program, base, dice

    def round(self, number):
        ranks = self.dice.choice([2, 2, 3])
        one_first = self.dice.random() < 0.4
        delay = self.dice.random() ** 2 * 0.3
        collect = self.dice.random() < 0.5
        how = self.dice.choice(["sync", "sync", "async", "driven"])
        folder = self.base / f"on-{ranks}"
        folder.mkdir(exist_ok=True)
        log = folder / "log"
        before = started(log)
        session = pathlib.Path(tempfile.mkdtemp(prefix="tsnap.", dir="/tmp"))
        output = (self.base / "output").open("w+")
        try:
            job = subprocess.Popen(["sh", self.mpirun, "-n", str(ranks), self.program, "run", str(folder)],
                                   env=os.environ | {"TMPDIR": str(session), "TSNAP_TEST_HOW": how}, start_new_session=True,
                                   stdin=subprocess.DEVNULL, stdout=output, stderr=output)
            try:
                wait_until(lambda: started(log) > before or job.poll() is not None, START_SECONDS, "the start of the job")
                failed = job.poll() is not None
                time.sleep(delay)
                failed = failed or job.poll() is not None
            finally:
                self.kill_all(job, one_first)
            if failed:
                output.seek(0)
                raise SystemExit(f"kill9: round {number} ({how}): the job ended by itself:\n{output.read()}")
        finally:
            output.close()
            shutil.rmtree(session, ignore_errors=True)
        checked = subprocess.run([self.program, "check", str(folder), str(ranks), "gc" if collect else "leave"])
        if checked.returncode != 0:
            raise SystemExit(f"kill9: round {number} ({ranks} ranks, {how}, {'one' if one_first else 'all'} killed after {delay:.3f} s):"
                             f" the check failed ({checked.returncode})")

    def kill_all(self, job, one_first):
        below = descendants(job.pid)
        ranks = [pid for pid, name in below.items() if name == pathlib.Path(self.program).name[:15]]
        if one_first and ranks:
            kill(self.dice.choice(ranks))
            time.sleep(self.dice.random() * 0.1)
        for pid in ranks:
            kill(pid)
        for pid in below:
            kill(pid)
        if job.poll() is None:
            kill(job.pid)
        job.wait()
        for pid in below:
            wait_until(lambda pid=pid: is_dead(pid), DEATH_SECONDS, f"the death of process {pid}")


def main():
    mpirun, program, *few = sys.argv[1:]
    share = int(few[1]) if len(few) > 1 else 1  # one of so many kills is this program's
    long_mode = os.environ.get("TSNAP_TEST_LONG", "0") not in ("", "0")
    kills = int(os.environ.get("TSNAP_TEST_KILLS", "100" if long_mode else (few or ["25"])[0]))
    kills = max(1, kills // share)
    seed = int(os.environ.get("TSNAP_TEST_SEED", random.SystemRandom().randrange(1 << 32)))
    print(f"TSNAP_TEST_SEED={seed}", flush=True)
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="tsnap-kill9.", dir=memory) as base:
        killer = Killer(mpirun, program, pathlib.Path(base), random.Random(seed))
        begin = time.monotonic()
        for number in range(kills):
            killer.round(number)
        steps = sum((path / "log").read_text().count("taken") for path in pathlib.Path(base).glob("on-*"))
        print(f"{kills} kills, {steps} snapshots taken, {time.monotonic() - begin:.1f} s")
        if steps < kills // 4:
            raise SystemExit("kill9: the jobs were killed before they took anything: this tested nothing")


if __name__ == "__main__":
    main()
