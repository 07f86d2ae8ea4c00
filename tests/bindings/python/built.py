"""Runs a test of the Python package with the libraries of a build folder: built.py BUILD_ROOT LAUNCHER SCRIPT [ARGUMENT...]

The libraries lie in several folders there. Here they lie beside each other, as an installation has them, in a folder of links
that goes when the test ends. LAUNCHER is the MPI's mpirun, or "none". Exit status 77 (skipped) where a package is missing that the
script, or the tests around it, import. What a script finds in its environment: TSNAP_LIBRARY,
TSNAP_TEST_FOLDER (its own, removed afterwards), TSNAP_TEST_BUILD.
"""

import importlib.util
import os
import pathlib
import subprocess
import sys
import tempfile


# What a script needs beside the standard library and NumPy.
NEEDS = {"test_state.py": ["mpi4py"], "test_torch.py": ["torch"], "test_xarray.py": ["xarray"], "test_callbacks.py": ["tqdm"], "test_install.py": ["pip", "setuptools", "wheel"],
         "ranks.py": ["mpi4py", "tqdm"], "page.py": ["mpi4py", "torch", "xarray", "tqdm", "pip", "setuptools", "wheel"]}


def main():
    build, launcher, script, *arguments = sys.argv[1:]
    needed = ["numpy", *NEEDS.get(os.path.basename(script), []), *(["mpi4py"] if launcher != "none" else [])]
    missing = [name for name in needed if importlib.util.find_spec(name) is None]
    if missing:
        print(f"skipped: this Python has no {', '.join(missing)}")
        return 77
    source = pathlib.Path(__file__).resolve().parents[3]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("TSNAP_")}
    with tempfile.TemporaryDirectory(prefix="tsnap-py.") as folder:
        libraries = pathlib.Path(folder) / "lib"
        work = pathlib.Path(folder) / "work"
        libraries.mkdir()
        work.mkdir()
        for pattern in ("libtsnap.so*", "comm/mpi/libtsnap_mpi.so*", "hdf5/libtsnap_hdf5.so"):
            for file in (pathlib.Path(build) / "src").glob(pattern):
                if file.suffix not in (".p", ".symbols"):
                    (libraries / file.name).symlink_to(file.resolve())
        environment.update(TSNAP_LIBRARY=str(libraries / "libtsnap.so.0"), TSNAP_TEST_FOLDER=str(work), TSNAP_TEST_BUILD=build,
                           PYTHONPATH=str(source / "bindings/python"), PYTHONDONTWRITEBYTECODE="1", TMPDIR=folder,
                           LD_LIBRARY_PATH=f"{libraries}:{os.environ.get('LD_LIBRARY_PATH', '')}",
                           OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1", TSNAP_MEMORY_BUDGET_BYTES="64M")
        if launcher != "none":
            environment["TSNAP_MPIRUN"] = launcher
        done = subprocess.run([sys.executable, script, *arguments], cwd=work, env=environment, stdin=subprocess.DEVNULL, check=False)
    return done.returncode


if __name__ == "__main__":
    sys.exit(main())
