#!/usr/bin/env bash
# Makes a virtual environment in OVERFIT_CACHE, or finds it finished, and prints its folder.
# usage: venv.sh tools           what builds, lints and tests: scripts/tools.txt, and what the add-on is built with
#        venv.sh peers           the programs that `make bench` measures ours against: benches/peers/requirements.txt
#        venv.sh bpy VERSION     Blender as a Python module, and pytest: nothing else, so that the add-on is tested
#                                with the packages that it brings along
# One that broke off, or was made from other requirements, is made again.
set -euo pipefail
scripts=$(cd "$(dirname "$0")" && pwd)
: "${OVERFIT_CACHE:?is set by the Makefile}"

python=$("$scripts/python.sh")
case $1 in
  tools) name=tools requirements=$(grep -hv '^#' "$scripts/tools.txt" "$scripts/../blender_addon/requirements-build.txt") hint="" ;;
  peers) name=peers requirements=$(grep -v '^#' "$scripts/../benches/peers/requirements.txt") hint=" (several GB)" ;;
  bpy)
    name=bpy-$2 hint=" (over 300 MB)" requirements="bpy==$2
pytest==9.2.0"
    # Blender 4.2 carries NumPy 1, which its module does not ask for.
    [[ $2 != 4.2.* ]] || requirements+=$'\nnumpy<2'
    ;;
  *) echo "usage: venv.sh tools | peers | bpy VERSION" >&2; exit 2 ;;
esac
venv=$OVERFIT_CACHE/$name
made_from="$("$python" -V) $python
$requirements"

mkdir -p "$OVERFIT_CACHE"
# A second make waits for the first one's environment.
exec 8>"$OVERFIT_CACHE/$name.lock"
if command -v flock >/dev/null; then flock 8; fi

if [ "$(cat "$venv/.made-from" 2>/dev/null)" = "$made_from" ] && "$venv/bin/python" -c '' 2>/dev/null; then
  echo "$venv"
  exit 0
fi

if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
  # Debian leaves both out of its python3.
  "$scripts/system.sh" "python3 -m venv" "python$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')-venv"
fi

echo "overfit: making $venv: $(echo $requirements)$hint" >&2
rm -rf "$venv"
"$python" -m venv "$venv" >&2
if ! echo "$requirements" | "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --progress-bar off -r /dev/stdin >&2; then
  echo "overfit: pip could not install $(echo $requirements)$hint: see its message above." >&2
  echo "overfit: it needs a package index that has these versions, and room on the disk ($(df -h "$OVERFIT_CACHE" | awk 'NR == 2 { print $4 }') free); then run make again." >&2
  exit 1
fi

if [ "$1" = bpy ] && ! "$venv/bin/python" -c 'import bpy' >/dev/null 2>&1; then
  # The module is linked with the window system's libraries, though it opens no window.
  "$scripts/system.sh" "Blender's Python module" libx11-6 libxext6 libxrender1 libxfixes3 libxi6 libxkbcommon0 \
    libsm6 libice6 libgl1 libxxf86vm1 libgomp1
  if ! "$venv/bin/python" -c 'import bpy' >&2; then
    echo "overfit: Blender's Python module does not load: see the message above." >&2
    exit 1
  fi
fi

if [ "$1" = peers ]; then
  # What is still missing after this is no reason to stop: the table says which program does not run, and why.
  "$venv/bin/python" -c 'import open3d' >/dev/null 2>&1 ||
    "$scripts/system.sh" "Open3D" libusb-1.0-0 libgl1 libgomp1 libx11-6 || true
  command -v g++ >/dev/null || "$scripts/system.sh" "PyTorch's compiler" g++ || true
fi

printf '%s\n' "$made_from" >"$venv/.made-from"
echo "$venv"
