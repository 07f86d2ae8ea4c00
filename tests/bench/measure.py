"""How one contender is run once: MPI programs, fio, cold caches, space on the file system.

It refuses to know which contenders there are and what their numbers are compared with.
"""

import json
import os
import shutil
import subprocess

MIB = 1 << 20
HERE = os.path.dirname(os.path.abspath(__file__))
MPIRUN = os.path.join(HERE, os.pardir, "mpi", "mpirun.sh")


class NotMeasured(Exception):
    """This machine cannot run the contender (fio is missing, no direct I/O here): the row says why."""


class Failed(Exception):
    """A program failed or its data came back wrong: the whole bench is in error."""


def run_text(command, timeout_seconds=1800):
    try:
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                              stdin=subprocess.DEVNULL, timeout=timeout_seconds, check=False)
    except FileNotFoundError as error:
        raise NotMeasured(f"{error.filename} is not installed") from error
    except subprocess.TimeoutExpired as error:
        raise Failed(f"{command[0]} did not end within {timeout_seconds} s") from error
    return done


def first_error_line(text):
    lines = [line for line in text.splitlines() if line.strip() and set(line.strip()) != {"-"}]
    ours = [line for line in lines if line.startswith(("bench:", "fio:"))]
    return (ours or lines or ["no message"])[0]


def mpi_program(bin_dir, program, ranks, environment=None, **options):
    """Runs one bench program on `ranks` ranks; option array_bytes=8 becomes --array-bytes 8. Returns its result.

    `environment` is set for the program only, not for what starts it.
    """
    path = os.path.join(bin_dir, program)
    if not os.path.exists(path):
        raise NotMeasured(f"{program} was not built")
    command = ["sh", MPIRUN, "-n", str(ranks)]
    if environment:
        command += ["env", *(f"{name}={value}" for name, value in environment.items())]
    command.append(path)
    for name, value in options.items():
        command += ["--" + name.replace("_", "-"), str(value)]
    done = run_text(command)
    results = [line for line in done.stdout.splitlines() if line.startswith("{")]
    if done.returncode != 0 or len(results) != 1:
        raise Failed(f"{program}: exit status {done.returncode}: {first_error_line(done.stderr)}")
    result = json.loads(results[0])
    if result.get("verified") is not True:
        raise Failed(f"{program}: did not verify its data")
    return result


def fio(folder, direction, jobs, mib_per_job, direct):
    """The bandwidth that fio reaches in `folder`; reading expects the files that a writing run left there."""
    command = ["fio", "--name=limit", f"--rw={direction}", f"--direct={int(direct)}", "--bs=4M", "--iodepth=8",
               f"--numjobs={jobs}", f"--size={mib_per_job}M", f"--directory={folder}", "--group_reporting",
               "--ioengine=" + ("libaio" if direct else "psync"), "--output-format=json"]
    done = run_text(command)
    start = done.stdout.find("{")
    if done.returncode != 0 or start < 0:
        raise NotMeasured("fio cannot run here: " + first_error_line(done.stderr + done.stdout))
    numbers = json.loads(done.stdout[start:])["jobs"][0][direction]
    if numbers["io_bytes"] != jobs * mib_per_job * MIB:
        raise Failed(f"fio moved {numbers['io_bytes']} bytes instead of {jobs * mib_per_job * MIB}")
    return {"bytes": numbers["io_bytes"], "seconds": max(numbers["runtime"], 1) / 1000.0}


def fresh_folder(path):
    """An empty folder; what was there is gone and written back, so that the next contender starts in peace."""
    shutil.rmtree(path, ignore_errors=True)
    os.makedirs(path)
    os.sync()
    return path


def files_under(folder):
    for place, _, names in os.walk(folder):
        for name in names:
            yield os.path.join(place, name)


def stored_bytes(folder):
    """What the files occupy (a hole is free, a preallocated tail is not)."""
    return sum(os.stat(path).st_blocks * 512 for path in files_under(folder))


def make_cold(folder, whole_machine):
    """Takes the files out of the page cache. Returns the share of their bytes still cached, or None if unknown."""
    total = 0
    for path in files_under(folder):
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
            os.posix_fadvise(handle, 0, 0, os.POSIX_FADV_DONTNEED)
            total += os.fstat(handle).st_size
        finally:
            os.close(handle)
    if whole_machine:
        drop_all_caches()
    return cached_share(folder, total)


def drop_all_caches():
    """Only root can; others rely on posix_fadvise, which is enough for clean, unmapped files."""
    try:
        with open("/proc/sys/vm/drop_caches", "w", encoding="ascii") as switch:
            switch.write("3")
    except OSError:
        pass


def cached_share(folder, total):
    paths = list(files_under(folder))
    if not paths or total == 0:
        return None
    cached = 0
    for start in range(0, len(paths), 500):
        try:
            done = run_text(["fincore", "--bytes", "--noheadings", "--raw", "--output", "RES",
                             *paths[start:start + 500]])
        except NotMeasured:
            return None
        cached += sum(int(word) for word in done.stdout.split() if word.isdigit())
    return cached / total


def require_space(folder, needed_bytes):
    free = shutil.disk_usage(folder).free
    if free < needed_bytes:
        raise Failed(f"{folder} has {free // MIB} MiB free and this bench needs {needed_bytes // MIB} MiB: "
                     "choose another folder or a smaller --mib")


def require_memory(needed_bytes):
    with open("/proc/meminfo", encoding="ascii") as meminfo:
        available = next(int(line.split()[1]) * 1024 for line in meminfo if line.startswith("MemAvailable"))
    if available < needed_bytes:
        raise Failed(f"{available // MIB} MiB of memory are available and this bench needs "
                     f"{needed_bytes // MIB} MiB: choose a smaller --mib")


def file_system(folder):
    done = run_text(["df", "--output=fstype,source", folder])
    return " on ".join(dict.fromkeys(done.stdout.splitlines()[-1].split())) if done.returncode == 0 else "unknown"


def machine():
    model = "unknown"
    with open("/proc/cpuinfo", encoding="utf-8") as cpuinfo:
        for line in cpuinfo:
            if line.startswith("model name"):
                model = line.split(":", 1)[1].strip()
                break
    try:
        mpi = run_text(["sh", MPIRUN, "--version"]).stdout.splitlines()
    except NotMeasured:
        mpi = []
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {"cpu": model, "cores": len(os.sched_getaffinity(0)), "memory_gib": round(memory / (1 << 30), 1),
            "kernel": os.uname().release, "mpi": mpi[0] if mpi else "unknown"}
