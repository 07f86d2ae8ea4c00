# Shared by examples/quickstart.sh and tests/run.sh, which source it: the packages, the build folder, Meson.
# POSIX sh. It expects tsnap_source (the repository root) to be set, and knows nothing of what is run afterwards.

say() { printf '%s\n' "$*"; }
fail() { printf '%s\n' "error: $*" >&2; exit 1; }

# Seconds since the epoch; dash has no SECONDS.
now_seconds() { date +%s; }

# packages_of GROUP...: the packages of these groups, from the one list.
packages_of() {
  for group in "$@"; do
    awk -v group="$group" '!/^#/ && $2 == group { print $1 }' "$tsnap_source/tests/packages.txt"
  done
}

# install_packages GROUP...: installs what is missing with apt-get, or says what to install and exits.
# TSNAP_SKIP_SETUP=1 leaves the machine alone: for systems where the libraries came some other way.
install_packages() {
  [ "${TSNAP_SKIP_SETUP:-0}" = 1 ] && return 0
  wanted=$(packages_of "$@" | tr '\n' ' ')
  if ! command -v apt-get >/dev/null 2>&1 || ! command -v dpkg-query >/dev/null 2>&1; then
    say "This system has no apt-get. Please install what these Debian 12 packages hold:"
    say "  $wanted"
    say "and start again with TSNAP_SKIP_SETUP=1 in the environment."
    exit 1
  fi
  missing=
  for package in $wanted; do
    case " $(dpkg-query -W -f='${db:Status-Status} ' "$package" 2>/dev/null)" in
      *" installed "*) ;; # and not "not-installed"
      *) missing="$missing $package" ;;
    esac
  done
  [ -z "$missing" ] && return 0
  as_root=
  if [ "$(id -u)" != 0 ]; then
    if ! command -v sudo >/dev/null 2>&1; then
      say "These packages are missing, and there is no sudo to install them with. As root, please run:"
      say "  apt-get update && apt-get install -y --no-install-recommends$missing"
      exit 1
    fi
    # Without a terminal nobody can type a password: fail at once rather than hang.
    if [ -t 0 ]; then as_root="sudo"; else as_root="sudo -n"; fi
  fi
  say "Installing:$missing"
  case " $* " in *" servers "* | *" swift "*) hold_services ;; esac
  install_log=$(mktemp "${TMPDIR:-/tmp}/tsnap-install.XXXXXX") || fail "cannot create a temporary file"
  if ! { $as_root apt-get update -q &&
         $as_root env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends $missing
       } </dev/null >"$install_log" 2>&1; then
    release_services
    tail -n 20 "$install_log" >&2
    rm -f "$install_log"
    fail "apt-get could not install:$missing"
  fi
  release_services
  rm -f "$install_log"
}

# The packages of servers would start them; the tests start their own. Debian asks this file whether it may; one that is there
# already is somebody else's decision.
policy=/usr/sbin/policy-rc.d
held=0
hold_services() {
  [ -e "$policy" ] && return 0
  held=1
  $as_root sh -c "printf '#!/bin/sh\nexit 101\n' >$policy && chmod 755 $policy"
}
release_services() {
  [ "$held" = 0 ] && return 0
  held=0
  $as_root rm -f "$policy"
}

# build_root: prints the folder that holds all build folders: build/ of the repository, or, where the
# repository cannot be written (or its build/ belongs to somebody else), one in the user's cache.
build_root() {
  if [ -n "${TSNAP_BUILD_ROOT:-}" ]; then
    root=$TSNAP_BUILD_ROOT
  elif { mkdir -p "$tsnap_source/build" && [ -O "$tsnap_source/build" ] && [ -w "$tsnap_source/build" ]; } 2>/dev/null; then
    root=$tsnap_source/build
  else
    root=${XDG_CACHE_HOME:-${HOME:-/nonexistent}/.cache}/tsnap/build$(printf '%s' "$tsnap_source" | cksum | cut -d' ' -f1)
    mkdir -p "$root" 2>/dev/null || root=$(mktemp -d "${TMPDIR:-/tmp}/tsnap-build.XXXXXX")
  fi
  mkdir -p "$root" && (cd "$root" && pwd) || return 1
}

# ensure_build FOLDER MESON_OPTION...: configures FOLDER and builds everything.
ensure_build() {
  ensure_configured "$@" && build_targets "$1"
}

# ensure_configured FOLDER MESON_OPTION...: configures FOLDER, or reconfigures it when the options differ from last
# time; its prefix is FOLDER.prefix. The output goes to FOLDER.log; its end is shown when something fails.
ensure_configured() {
  folder=$1
  shift
  mkdir -p "$(dirname "$folder")" || return 1
  # Meson takes ccache where it finds it; ccache stops the build where it has no place to write.
  [ -w "${CCACHE_DIR:-${HOME:-/nonexistent}}" ] || export CCACHE_DISABLE=1
  printf '%s\n' "$*" "CC=${CC:-}" "CXX=${CXX:-}" >"$folder.options.new" || return 1
  if [ -f "$folder/build.ninja" ] && cmp -s "$folder.options" "$folder.options.new"; then
    : >"$folder.log"
  else
    if [ -d "$folder" ] && [ ! -d "$folder/meson-private" ] && ! rmdir "$folder" 2>/dev/null; then
      say "error: $folder is there and is no build folder: move it away, or name another one" >&2
      return 1
    fi
    rm -rf "$folder"
    if ! meson setup "$folder" "$tsnap_source" --prefix="$folder.prefix" "$@" >"$folder.log" 2>&1 </dev/null; then
      tail -n 30 "$folder.log" >&2
      return 1
    fi
    mv "$folder.options.new" "$folder.options"
  fi
  rm -f "$folder.options.new"
}

# build_targets FOLDER TARGET...: builds these targets, or everything; $nicely, if it is set, goes before Ninja.
build_targets() {
  folder=$1
  shift
  # shellcheck disable=SC2086  # a command and its options, or nothing
  if ! ${nicely:-} ninja -C "$folder" "$@" >>"$folder.log" 2>&1 </dev/null; then
    grep -n -m 5 -A 8 -E 'error:|FAILED|undefined reference' "$folder.log" >&2 || tail -n 40 "$folder.log" >&2
    return 1
  fi
}
