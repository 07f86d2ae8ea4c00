#!/bin/sh
# Builds and runs the consumers of the core, through pkg-config as C99, C++11 and C++17 and through CMake, and proves
# that they saw no MPI: core_only.sh SOURCES WORK. It is told where tsnap is by the environment that run.sh
# sets; run.sh calls it where MPI's headers and libraries are hidden, if the machine lets it hide them.
set -eu
sources=$1
work=$2
cc=${CONSUMER_CC:-cc}
cxx=${CONSUMER_CXX:-c++}
strict="-Wall -Wextra -Wpedantic -Werror -O1"
cd "$work"

sees_no_mpi() { # sees_no_mpi PROGRAM HEADERS: neither an MPI header was read nor an MPI library is linked
  if grep -E '/mpi\.h$' "$2"; then echo "mpi.h was read"; return 1; fi
  if ldd "$1" | grep -E 'libmpi|libtsnap_mpi|not found'; then echo "$1 links this"; return 1; fi
}

# shellcheck disable=SC2046,SC2086  # lists of options
$cc -H -std=c99 $strict $(pkg-config --cflags tsnap-core) -o core_c99 "$sources/core_only.c" \
  $(pkg-config --libs tsnap-core) 2>headers_c99 || { cat headers_c99; exit 1; }
sees_no_mpi ./core_c99 headers_c99
./core_c99 "$work/snapshot_c99"
# shellcheck disable=SC2046,SC2086
$cxx -H -x c++ -std=c++11 $strict $(pkg-config --cflags tsnap-core) -o core_cxx11 "$sources/core_only.c" \
  -x none $(pkg-config --libs tsnap-core) 2>headers_cxx11 || { cat headers_cxx11; exit 1; }
sees_no_mpi ./core_cxx11 headers_cxx11
./core_cxx11 "$work/snapshot_cxx11"

# shellcheck disable=SC2046,SC2086
$cxx -H -std=c++17 $strict $(pkg-config --cflags tsnap-core) -o core_cpp "$sources/core_only.cpp" \
  $(pkg-config --libs tsnap-core) 2>headers_cpp || { cat headers_cpp; exit 1; }
sees_no_mpi ./core_cpp headers_cpp
./core_cpp "$work/snapshot_cpp"

cmake -S "$sources" -B core_cmake -DCMAKE_C_FLAGS="-H $strict" -DCMAKE_CXX_FLAGS="-H $strict" -DCMAKE_PREFIX_PATH="$TSNAP_PREFIX" >cmake.log 2>&1 ||
  { cat cmake.log; exit 1; }
cmake --build core_cmake >headers_cmake 2>&1 || { cat headers_cmake; exit 1; }
sees_no_mpi core_cmake/core_only headers_cmake
core_cmake/core_only "$work/snapshot_cmake"
sees_no_mpi core_cmake/core_only_cpp headers_cmake
core_cmake/core_only_cpp "$work/snapshot_cmake_cpp"
