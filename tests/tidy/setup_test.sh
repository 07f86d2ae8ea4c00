#!/bin/sh
# tests/setup.sh on machines that this one is not: packages missing as root, with sudo, without it, and without apt-get. Commands
# of the machine are stand-ins in a folder that is all of PATH; what they are asked is written down.
#
#   setup_test.sh SOURCE_ROOT
set -u
tsnap_source=$1
folder=$(mktemp -d "${TMPDIR:-/tmp}/tsnap-setup.XXXXXX") || exit 1
trap 'rm -rf "$folder"' EXIT
shell=$(command -v sh)
failures=0

# machine NAME COMMAND...: a folder with the tools that every machine has, and these stand-ins.
machine() {
  bin=$folder/$1
  asked=$folder/$1.asked
  mkdir -p "$bin"
  : >"$asked"
  for tool in awk tr mktemp tail rm cat dirname env chmod; do ln -s "$(command -v "$tool")" "$bin/$tool"; done
  shift
  for stand_in in "$@"; do
    {
      printf '#!%s\n' "$shell"
      case $stand_in in
        root) echo 'echo 0' ;;
        user) echo 'echo 1000' ;;
        dpkg-query) printf 'case "$*" in *meson*) printf "not-installed " ;; *) printf "installed " ;; esac\n' ;;
        sudo) printf 'echo "sudo $*" >>"%s"\nshift $([ "$1" = -n ] && echo 1 || echo 0)\nexec "$@"\n' "$asked" ;;
        broken) printf 'echo "E: no network" >&2\nexit 100\n' ;;
        *) printf 'echo "%s $*" >>"%s"\n' "$stand_in" "$asked" ;;
      esac
    } >"$bin/script"
    case $stand_in in
      root | user) name=id ;;
      broken) name=apt-get ;;
      *) name=$stand_in ;;
    esac
    mv "$bin/script" "$bin/$name"
    chmod +x "$bin/$name"
  done
}

# install EXPECTED_EXIT: what install_packages does on that machine; its output is kept.
install() {
  (PATH=$bin; export PATH; unset TSNAP_SKIP_SETUP; . "$tsnap_source/tests/setup.sh"; install_packages build test) >"$folder/out" 2>&1 </dev/null
  code=$?
  [ "$code" = "$1" ] || { failures=$((failures + 1)); echo "$bin: exit $code, not $1"; cat "$folder/out"; }
}

expect() { # expect FILE TEXT
  grep -q -e "$2" "$1" || { failures=$((failures + 1)); echo "$bin: \"$2\" is not in:"; cat "$1"; }
}

machine complete root apt-get
printf '#!%s\nprintf "installed "\n' "$shell" >"$bin/dpkg-query" && chmod +x "$bin/dpkg-query"
install 0
[ ! -s "$asked" ] || { failures=$((failures + 1)); echo "nothing was missing, and yet:"; cat "$asked"; }

machine missing_as_root root dpkg-query apt-get
install 0
expect "$asked" '^apt-get update'
expect "$asked" '^apt-get install.* meson$'

machine missing_with_sudo user dpkg-query apt-get sudo
install 0
expect "$asked" '^sudo -n apt-get update'
expect "$asked" '^sudo -n env DEBIAN_FRONTEND=noninteractive apt-get install.* meson$'

machine missing_without_sudo user dpkg-query apt-get
install 1
expect "$folder/out" 'As root, please run:'
expect "$folder/out" 'apt-get install -y --no-install-recommends meson'

machine another_system user
install 1
expect "$folder/out" 'This system has no apt-get'
expect "$folder/out" 'libopenmpi-dev'
expect "$folder/out" 'TSNAP_SKIP_SETUP=1'

machine without_network root dpkg-query broken
install 1
expect "$folder/out" 'no network'
expect "$folder/out" 'could not install: meson'

# Servers do not start when they are installed, and what holds them back is gone afterwards.
machine servers user dpkg-query apt-get sudo
ln -s "$shell" "$bin/sh"
(PATH=$bin; export PATH; unset TSNAP_SKIP_SETUP; . "$tsnap_source/tests/setup.sh"; policy=$folder/policy
 as_root='' held=0; hold_services; [ "$(cat "$policy")" = '#!/bin/sh
exit 101' ] || echo "nothing holds the services back"; release_services; [ ! -e "$policy" ] || echo "it stays"
 echo theirs >"$policy"; hold_services; release_services; [ "$(cat "$policy")" = theirs ] || echo "another's file is changed") >"$folder/out" 2>&1
[ ! -s "$folder/out" ] || { failures=$((failures + 1)); cat "$folder/out"; }

[ "$failures" = 0 ]
