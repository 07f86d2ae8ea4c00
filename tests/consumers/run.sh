#!/bin/sh
# Programs outside of the tree, built against an installed tsnap as a stranger would: run.sh BUILD
# BUILD is a Meson build folder whose prefix is a folder of its own; tsnap is installed there first.
set -eu
build=$(cd "$1" && pwd)
sources=$(cd "$(dirname "$0")" && pwd)
mpirun=$sources/../mpi/mpirun.sh

option() { # option NAME: the value that BUILD was configured with
  meson introspect --buildoptions "$build" |
    python3 -c 'import json, sys; print(*[o["value"] for o in json.load(sys.stdin) if o["name"] == sys.argv[1]])' "$1"
}
prefix=$(option prefix)
case $prefix in
  / | /usr | /usr/local | /opt) echo "run.sh: not installing into $prefix: configure with a --prefix of its own"; exit 2 ;;
esac
meson install -C "$build" --no-rebuild --quiet </dev/null

work=$(mktemp -d "${TMPDIR:-/tmp}/tsnap-consumers.XXXXXX")
trap 'rm -rf "$work"' EXIT
libraries=$prefix/$(option libdir)
export TSNAP_PREFIX="$prefix"
export PKG_CONFIG_PATH="$libraries/pkgconfig"
export LD_LIBRARY_PATH="$libraries${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}"
unset CC CXX CFLAGS CXXFLAGS LDFLAGS

echo "With MPI, through pkg-config"
# shellcheck disable=SC2046  # lists of options
cc -std=c99 -Wall -Wextra -Wpedantic -Werror $(pkg-config --cflags tsnap) -o "$work/with_mpi" \
  "$sources/with_mpi.c" $(pkg-config --libs tsnap)
sh "$mpirun" -n 2 "$work/with_mpi" "$work/snapshot_mpi"
sh "$mpirun" -n 3 "$work/with_mpi" "$work/snapshot_mpi3"
# shellcheck disable=SC2046
c++ -std=c++17 -Wall -Wextra -Wpedantic -Werror $(pkg-config --cflags tsnap) -o "$work/with_mpi_cpp" \
  "$sources/with_mpi.cpp" $(pkg-config --libs tsnap)
sh "$mpirun" -n 2 "$work/with_mpi_cpp" "$work/snapshot_mpi_cpp"

echo "With MPI, through CMake"
set --
[ "$(option mpi_impl)" != mpich ] || set -- -DMPI_C_COMPILER=mpicc.mpich -DMPI_CXX_COMPILER=mpicxx.mpich
cmake -S "$sources" -B "$work/mpi_cmake" -DWITH_MPI=ON -DCMAKE_PREFIX_PATH="$prefix" "$@" >"$work/cmake.log" 2>&1 ||
  { cat "$work/cmake.log"; exit 1; }
cmake --build "$work/mpi_cmake" >"$work/cmake.log" 2>&1 || { cat "$work/cmake.log"; exit 1; }
sh "$mpirun" -n 2 "$work/mpi_cmake/with_mpi" "$work/snapshot_mpi_cmake"
sh "$mpirun" -n 2 "$work/mpi_cmake/with_mpi_cpp" "$work/snapshot_mpi_cmake_cpp"

if [ -f "$libraries/pkgconfig/tsnap-fortran.pc" ]; then
  echo "Fortran, through pkg-config"
  mpifort=mpifort
  [ "$(option mpi_impl)" != mpich ] || mpifort=mpifort.mpich
  # shellcheck disable=SC2046
  $mpifort -std=f2018 -Wall -Wextra -Werror -J "$work" -o "$work/with_fortran" "$sources/with_fortran.f90" \
    $(pkg-config --cflags --libs tsnap-fortran)
  sh "$mpirun" -n 3 "$work/with_fortran" "$work/snapshot_fortran"
  # shellcheck disable=SC2046
  gfortran -std=f2018 -Wall -Wextra -Werror -o "$work/core_fortran" "$sources/core_fortran.f90" \
    $(pkg-config --cflags --libs tsnap-fortran-core)
  "$work/core_fortran" "$work/snapshot_fortran"

  echo "Fortran, through CMake"
  set --
  [ "$(option mpi_impl)" != mpich ] || set -- -DMPI_Fortran_COMPILER=mpifort.mpich
  cmake -S "$sources" -B "$work/fortran_cmake" -DWITH_FORTRAN=ON -DCMAKE_PREFIX_PATH="$prefix" "$@" >"$work/cmake.log" 2>&1 ||
    { cat "$work/cmake.log"; exit 1; }
  cmake --build "$work/fortran_cmake" >"$work/cmake.log" 2>&1 || { cat "$work/cmake.log"; exit 1; }
  sh "$mpirun" -n 2 "$work/fortran_cmake/with_fortran" "$work/snapshot_fortran_cmake"
  "$work/fortran_cmake/core_fortran" "$work/snapshot_fortran_cmake"

  echo "Fortran, from the installed sources as docs/fortran.md shows"
  mkdir "$work/fortran_sources"
  (
    cd "$work/fortran_sources"
    cp "$prefix/$(option datadir)"/tsnap/fortran/* .
    # shellcheck disable=SC2046
    cc -std=c11 -c descriptor.c message.c read.c state.c stop_ranks.c $(pkg-config --cflags tsnap)
    $mpifort -c tsnap_constants.f90 tsnap_interface.f90 tsnap_messages.f90 tsnap_watching.f90 tsnap_settings.f90 \
      tsnap_states.f90 tsnap_contexts.f90 tsnap_snapshots.f90 tsnap_core.f90 tsnap.f90
    # shellcheck disable=SC2046
    $mpifort -o with_fortran "$sources/with_fortran.f90" ./*.o $(pkg-config --libs tsnap)
  )
  sh "$mpirun" -n 2 "$work/fortran_sources/with_fortran" "$work/snapshot_fortran_sources"
fi

# A machine image without MPI: in a mount namespace of our own, empty folders lie over those with an mpi.h, and
# nothing over MPI's libraries and pkg-config files. Where that is not permitted (some containers), the list of
# headers read and of libraries linked is the proof.
hide_mpi='
  set -eu
  find /usr/include /usr/lib /usr/local /opt -name mpi.h -not -path "$TSNAP_PREFIX/*" -printf "%h\n" 2>/dev/null |
    sort -u >"$2/hidden"
  while read -r folder; do [ ! -d "$folder" ] || mount -t tmpfs none "$folder"; done <"$2/hidden"
  find /usr/lib /usr/local /opt \( -name "libmpi*.so*" -o -name "libmpich*.so*" -o -name "ompi*.pc" \
    -o -name "mpi*.pc" \) 2>/dev/null | while read -r file; do
    file=$(readlink -f "$file") && [ -f "$file" ] && mount --bind /dev/null "$file" || true
  done
  if echo "#include <mpi.h>" | cc -E $(pkg-config --cflags ompi-c 2>/dev/null) - >/dev/null 2>&1; then
    echo "mpi.h is still in sight"
    exit 1
  fi
  exec sh "$1/core_only.sh" "$1" "$2"'
if unshare -rm mount -t tmpfs none /mnt 2>/dev/null; then
  echo "The core, where MPI is out of sight"
  unshare -rm sh -c "$hide_mpi" hide_mpi "$sources" "$work"
else
  echo "The core (mount namespaces are not permitted here: MPI is in sight, and shown not to be used)"
  sh "$sources/core_only.sh" "$sources" "$work"
fi
echo "The Python package, where it was installed"
package=$(find "$prefix" -path '*/tsnap/installed.py' | head -n 1)
python=
for candidate in /usr/bin/python3 python3; do
  if [ -z "$python" ] && "$candidate" -c 'import numpy' 2>/dev/null; then python=$candidate; fi
done
if [ -z "$package" ] || [ -z "$python" ]; then
  echo "(not installed, or no NumPy: not shown)"
else
  # Nothing tells it where the library is, but where it lies itself.
  (cd "$work" && env -u LD_LIBRARY_PATH PYTHONPATH="$(dirname "$(dirname "$package")")" PYTHONDONTWRITEBYTECODE=1 "$python" -c '
import numpy, sys, tsnap
assert tsnap.__file__.startswith(sys.argv[1]), tsnap.__file__
with tsnap.Snapshot(sys.argv[2]) as snapshot:
    assert len(snapshot) > 0 and all(snapshot.read_value(path) is not None for path in snapshot)
tsnap.take("snapshot_python", {"a": numpy.arange(5)})
assert tsnap.Snapshot("snapshot_python")["a"][3] == 3
' "$prefix" "$work/snapshot_mpi")
fi
echo "All consumers work"
