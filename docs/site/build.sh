#!/bin/sh
# Builds the documentation as one site of static pages: sh docs/site/build.sh [FOLDER]   (build/site of the repository)
# Warnings are errors. It fetches nothing: Sphinx, MyST, Breathe, Doxygen and mandoc are packages of Debian 12 (group site
# in tests/packages.txt).
set -eu
site=$(cd "$(dirname "$0")" && pwd)
source=$(cd "$site/../.." && pwd)
out=${1:-$source/build/site}
mkdir -p "$out"
out=$(cd "$out" && pwd)
if [ -n "$(ls -A "$out")" ] && [ ! -e "$out/.tsnap-site" ]; then
  echo "error: $out holds something else than a site: name an empty folder, or none" >&2
  exit 1
fi

# The first python3 of the PATH need not be the one that has Debian's packages.
python=
for candidate in python3 /usr/bin/python3; do
  if [ -z "$python" ] && "$candidate" -c 'import sphinx, myst_parser, breathe' 2>/dev/null; then python=$candidate; fi
done
missing=
[ -n "$python" ] || missing=" a Python with Sphinx, MyST and Breathe"
for tool in doxygen mandoc; do
  command -v "$tool" >/dev/null 2>&1 || missing="$missing $tool"
done
if [ -n "$missing" ]; then
  packages=$(awk '!/^#/ && $2 == "site" { printf " %s", $1 }' "$source/tests/packages.txt")
  echo "error: the site cannot be built without:$missing. Install them with: apt-get install --no-install-recommends$packages" >&2
  exit 1
fi

work=$(mktemp -d "${TMPDIR:-/tmp}/tsnap-site.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM

export PYTHONDONTWRITEBYTECODE=1 PYTHONUTF8=1
"$python" "$site/stage.py" "$source" "$work/pages"
{
  cat "$site/Doxyfile"
  echo "INPUT = \"$source/include\""
  echo "INPUT_FILTER = \"$python '$site/doxygen_comments.py'\""
  echo "OUTPUT_DIRECTORY = \"$work/doxygen\""
} >"$work/Doxyfile"
doxygen "$work/Doxyfile"
TSNAP_SITE_XML="$work/doxygen/xml" TSNAP_SITE_SOURCE="$source" \
  "$python" -m sphinx -q -W --keep-going -b html -c "$site" -d "$work/doctrees" "$work/pages" "$work/html"
rm -rf "$work/html/.buildinfo" "$work/html/objects.inv"
# A site that was built before has pages that may be gone by now.
find "$out" -mindepth 1 -delete
cp -R "$work/html/." "$out/"
: >"$out/.tsnap-site"
echo "$out/index.html"
